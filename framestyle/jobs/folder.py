"""The folder of a job: who holds it, what job it is, and the last saved state."""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from framestyle.errors import JobError, OutputError, UnfinishedJobError
from framestyle.jobs.manifest import Manifest
from framestyle.jobs.passes import Done
from framestyle.media.landing import check_folder, disk_errors, sync
from framestyle.stages import ClipState

MARK = "framestyle-job"
"""Suffix of a job's folder, and the name of the file that marks it as one."""


def folder_beside(output: Path) -> Path:
    """Return where the job of an output lies unless told otherwise."""
    if output.name in ("", ".."):  # "." and "..", beside which is not what they begin with
        output = output.resolve()
    return output.parent / f"{output.name}.{MARK}"


def choose_folder(output: Path, job_dir: Path | None) -> Path:
    """Return where the job of an output lies.

    Raises:
        OutputError: The output's own folder is missing, or the output would lie in the job's
            folder, which is deleted when the job is done.
    """
    if not output.parent.is_dir():
        check_folder(output.parent, output)
    folder = job_dir or folder_beside(output)
    if output.resolve().is_relative_to(folder.resolve()):
        raise OutputError(
            f"the output {output} lies in the job folder {folder}, which is deleted at the end; "
            "name another with --job-dir"
        )
    return folder


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
            self._is_new = not path.exists()
            self._is_ours = self._is_new or (path / MARK).exists()
            path.mkdir(exist_ok=True)
            (path / MARK).touch()
        except OSError as error:
            raise OutputError(
                f"cannot make the job folder {path}: {error.strerror}; name another with --job-dir"
            ) from None
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
        if not self._state.exists() and kind is not None:
            self.remove()
            if not self._is_ours:  # an empty folder that the user had made
                self.path.mkdir(exist_ok=True)
        self._lock.release()

    @property
    def _state(self) -> Path:
        return self.path / "state.safetensors"

    def begin(self, manifest: Manifest, restart: bool) -> None:
        """Make sure that what lies in the folder is of this job.

        Raises:
            UnfinishedJobError: It is of a job that differs, and ``restart`` is False.
        """
        there = self.path / "manifest.json"
        if restart or not self._state.exists():
            self._clear()
        elif differences := manifest.differences(Manifest.load(there)):
            raise _differs(self.path, differences)
        with disk_errors("saving the manifest", self.path):
            manifest.save(there)

    def load_state(self, device: str) -> tuple[ClipState, Done | None]:
        """Return the last saved state and how far the job has come with it, None for a new job."""
        if not self._state.exists():
            return ClipState(), None
        state, frame, leg = ClipState.load(self._state, device)
        return state, Done(frame, leg)

    def save_state(self, state: ClipState, frame: int, leg: int = 0) -> None:
        """Save the state after a frame of a leg; a power cut leaves the old one or the new one.

        Raises:
            JobError: It cannot be written.
        """
        part = self._state.with_suffix(".part")
        doing = f"saving the state after frame {frame + 1}"
        try:
            with disk_errors(doing, self.path):
                state.save(part, frame, leg)
                sync(part)
                part.replace(self._state)
        except SafetensorError as error:
            raise JobError(f"{doing} failed in {self.path}: {error}") from None

    def remove(self) -> None:
        """Delete the folder: the job is done, or nothing of it is worth keeping."""
        self._clear()
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)

    def _clear(self) -> None:
        for item in self.path.iterdir():
            if item.name == MARK:
                continue
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()


def _differs(path: Path, differences: list[str]) -> UnfinishedJobError:
    shown = "; ".join(differences[:5])
    more = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
    return UnfinishedJobError(
        f"{path} holds an unfinished run that differs ({shown}{more}); run it as before to go on, "
        "or give --restart to throw it away"
    )
