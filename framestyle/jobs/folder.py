"""The folder of a job: who holds it, what job it is, and the last saved states."""

import contextlib
import fnmatch
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from framestyle.errors import JobError, OutputError, UnfinishedJobError
from framestyle.jobs.manifest import Manifest
from framestyle.jobs.places import MARK, cannot_be_made
from framestyle.jobs.saved import SavedStates
from framestyle.media.landing import disk_errors, sync
from framestyle.media.ledger import NAME as LEDGER

AHEAD = "ahead"
"""Folder for what is made before it is its turn."""
PASSES = "passes"
"""Folder for what lies between passes."""
FLOW = "flow"
"""Folder for the flows that are needed again."""
MANIFEST = "manifest.json"
"""Name of the file that says whose the folder is."""
FOLDERS = (AHEAD, FLOW, "frames", PASSES, "result", "segments")
"""What a run makes in it; there are files in these, and no folders."""
HALF_SAVED = ".tmp??????"
"""Form of the names under which safetensors writes a file before it has the one asked for."""
FILES = (
    *(MARK, "manifest.*", "state*", "shots.txt", "workers.txt", LEDGER),
    *("*.part", "tmp*", HALF_SAVED),
)
"""Forms of the other names in it. Nothing else is ever deleted."""


class JobFolder:
    """A job's folder, locked while it is open.

    The operating system drops the lock of a process that died, so none outlives a crash.

    Args:
        path: The folder; made where it is missing.

    Raises:
        OutputError: The folder cannot be made, or it is another folder with files in it.
        UnfinishedJobError: Another run holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.exists() and not (path / MARK).exists() and any(path.iterdir()):
                raise OutputError(
                    f"the job folder {path} has files in it that are not framestyle's; name an "
                    "empty or new folder with --job-dir"
                )
            self._has_begun, self._is_new = False, not path.exists()
            self._is_ours = self._is_new or (path / MARK).exists()
            path.mkdir(exist_ok=True)
            _check_plain(path / MARK)
            (path / MARK).touch()
        except OSError as error:
            raise cannot_be_made(path, error) from None
        self.states = SavedStates(path)
        self._lock = FileLock(path / MARK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UnfinishedJobError(
                f"another run is at work in {path}; wait for it, or name another folder with "
                "--job-dir"
            ) from None
        except OSError as error:
            if self._is_new:
                shutil.rmtree(path, ignore_errors=True)
            raise OutputError(
                f"cannot lock the job folder {path}: {error.strerror}; name another with --job-dir"
            ) from None

    def __enter__(self) -> Self:
        """Return the folder."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the folder; what is in it stays, unless nothing was done yet."""
        if kind is not None and not has_work(self.path):
            if self._has_begun or self._is_new:
                self.remove()
            elif not self._is_ours:
                (self.path / MARK).unlink(missing_ok=True)
            if not self._is_ours:  # an empty folder that the user had made
                self.path.mkdir(exist_ok=True)
        self._lock.release()

    def begin(self, manifest: Manifest, restart: bool) -> None:
        """Make sure that what lies in the folder is of this job.

        Raises:
            UnfinishedJobError: It is of a job that differs, and ``restart`` is False, or it has
                what no run puts there.
        """
        there = self.path / MANIFEST
        with disk_errors("clearing the job folder", self.path):
            for item in self.path.iterdir():
                if not _is_known(item):
                    raise UnfinishedJobError(
                        f"{item} is none of framestyle's, and the job folder is deleted at the "
                        "end; take it away, or name another folder with --job-dir"
                    )
            if restart:
                self._clear()
            for item in self._items():
                _check_plain(item, may_be_folder=_is_folder(item.relative_to(self.path)))
            if has_work(self.path):
                if differences := manifest.differences(Manifest.load(there)):
                    raise _differs(self.path, differences)
            elif not manifest.is_at(there):
                self._clear()
            for left in self.path.glob("tmp*"):  # by a killed run that tried the output out
                shutil.rmtree(left)
            for folder in (self.path, self.path / AHEAD):
                for left in folder.glob(HALF_SAVED):
                    left.unlink()
        with disk_errors("saving the manifest", self.path):
            if not manifest.is_at(there):
                manifest.save(there)
            sync(self.path)
            sync(self.path.parent)
        self._has_begun = True

    def remove(self) -> None:
        """Delete the folder: the job is done, or nothing of it is worth keeping.

        What tells that the output has landed goes last, and after it whose it is, so that a run
        which is cut off here is taken up by the same command.
        """
        with contextlib.suppress(OSError, JobError):  # of no harm where it stays
            for item in list(self.path.iterdir()):
                if _is_known(item) and item.is_dir() and not item.is_symlink():
                    shutil.rmtree(item)
            self.states.remove()
            self._clear(but=(LEDGER, MANIFEST))
            self._clear(but=(MANIFEST,))
            self._clear()
            (self.path / MARK).unlink()  # still locked: nobody else begins here
            self.path.rmdir()
        self._lock.release()

    def _items(self) -> Iterator[Path]:
        """Yield all that lies in the folder, at any depth; links are not followed."""
        for folder, folders, files in os.walk(self.path):
            yield from (Path(folder, name) for name in (*folders, *files))

    def _clear(self, but: Collection[str] = ()) -> None:
        for item in list(self.path.iterdir()):
            if item.name in (MARK, *but) or not _is_known(item):
                continue
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()


def has_work(path: Path) -> bool:
    """Tell whether a job's folder has any state, whole or damaged: of the run or a part of it."""
    return SavedStates(path).are_there() or any((path / AHEAD).glob("*-*-*.safetensors"))


def _is_known(path: Path) -> bool:
    """Tell whether a run puts something of that name right into its folder."""
    return path.name in FOLDERS or any(fnmatch.fnmatch(path.name, form) for form in FILES)


def _is_folder(path: Path) -> bool:
    """Tell whether a path in a job's folder is that of a folder which a run makes."""
    return len(path.parts) == 1 and (path.name in FOLDERS or path.name.startswith("tmp"))


def _check_plain(path: Path, may_be_folder: bool = False) -> None:
    """Raise where what is at a path is not a file, or a folder: a link would lead elsewhere."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not (stat.S_ISDIR(mode) if may_be_folder else stat.S_ISREG(mode)):
        raise UnfinishedJobError(
            f"{path} is not what a run puts there; take it away, or give --restart or another "
            "--job-dir"
        )


def _differs(path: Path, differences: list[str]) -> UnfinishedJobError:
    shown = "; ".join(differences[:5])
    more = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
    return UnfinishedJobError(
        f"{path} holds an unfinished run that differs ({shown}{more}); run it as before to go on, "
        "or give --restart to throw it away"
    )
