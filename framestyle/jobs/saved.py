"""The last states of a job on disk: two of them, so that damage to the newest costs seconds."""

import re
from collections.abc import Iterable
from pathlib import Path

from safetensors import SafetensorError

from framestyle.errors import JobError, UnfinishedJobError, first_line
from framestyle.jobs.passes import Done
from framestyle.media.checksums import checksum_of
from framestyle.media.landing import FULL_DISK_TEXT, discard, disk_errors, full_disk, sync
from framestyle.stages import ClipState

STATES_KEPT = 2
"""How many of the last states are kept."""

_NAME = r"-(\d{1,9})-([0-9a-f]{32})\.safetensors"


class SavedStates:
    """States as ``STEM-NUMBER-CHECKSUM.safetensors``: one name makes a state and its check whole.

    Args:
        folder: Where; it is there when a state is saved.
        stem: What the names of the files begin with.
    """

    def __init__(self, folder: Path, stem: str = "state") -> None:
        self._folder, self._stem = folder, stem
        self._name = re.compile(re.escape(stem) + _NAME)
        self._found_whole: dict[Path, bool] = {}

    def are_there(self) -> bool:
        """Tell whether anything was saved, whole or damaged."""
        return bool(self._paths())

    def count(self) -> int:
        """Return how many states are whole."""
        return len(self._whole())

    def load(self, device: str, back: int = 0) -> tuple[ClipState, Done | None]:
        """Return a whole state and where it stands; an empty one where none was saved.

        Args:
            device: Where its numbers go.
            back: 0 for the newest that is whole, 1 for the one before.

        Raises:
            UnfinishedJobError: There are states, and none is whole.
        """
        paths = self._paths()
        if not paths:
            return ClipState(), None
        whole = self._whole()
        if not whole:
            raise UnfinishedJobError(
                f"the saved state {paths[0]} is damaged; start the job anew with --restart"
            )
        state, frame, leg = ClipState.load(whole[back], device)
        return state, Done(frame, leg)

    def drop_after(self, back: int) -> None:
        """Delete what is newer than a state, as ``load`` counts them, or damaged.

        Raises:
            JobError: It cannot be deleted.
        """
        kept = self._whole()[back:]
        self._delete(path for path in self._paths() if path not in kept)

    def settle(self, frame: int, leg: int) -> None:
        """Keep nothing but how far it has come: what crosses frames is of no more use.

        Raises:
            JobError: It cannot be written.
        """
        self.save(ClipState(), frame, leg)
        self._delete(self._paths()[1:])

    def save(self, state: ClipState, frame: int, leg: int = 0) -> None:
        """Save one more state, and delete all but the last.

        Raises:
            JobError: It cannot be written.
        """
        part = self._folder / f"{self._stem}.part"
        doing = f"saving the state after frame {frame + 1}"
        paths = self._paths()
        number = self._number(paths[0]) + 1 if paths else 1
        try:
            with disk_errors(doing, self._folder):
                state.save(part, frame, leg)
                sync(part)
                path = self._folder / f"{self._stem}-{number}-{checksum_of(part)}.safetensors"
                part.replace(path)
                self._found_whole[path] = True  # a damaged one may have had this name
                sync(self._folder)
                for old in paths[STATES_KEPT - 1 :]:
                    old.unlink()
        except (SafetensorError, RuntimeError) as error:  # the latter: a device that has failed
            if FULL_DISK_TEXT in str(error):
                raise JobError(full_disk(doing, self._folder)) from None
            raise JobError(f"{doing} failed in {self._folder}: {first_line(error)}") from None
        finally:
            discard(part)

    def remove(self) -> None:
        """Delete all states, the newest last.

        Raises:
            JobError: One cannot be deleted.
        """
        self._delete(reversed(self._paths()))

    def _delete(self, paths: Iterable[Path]) -> None:
        with disk_errors("deleting old states", self._folder):
            for path in paths:
                path.unlink(missing_ok=True)

    def _whole(self) -> list[Path]:
        return [path for path in self._paths() if self._is_whole(path)]

    def _is_whole(self, path: Path) -> bool:
        """Tell whether a state is; each is read once, for it may be large."""
        if path not in self._found_whole:
            try:
                found = self._name.fullmatch(path.name)
                is_whole = found is not None and found[2] == checksum_of(path)
            except OSError:
                is_whole = False
            self._found_whole[path] = is_whole
        return self._found_whole[path]

    def _paths(self) -> list[Path]:
        """Return the files of states, the newest first."""
        found = (p for p in self._folder.glob(f"{self._stem}-*") if self._name.fullmatch(p.name))
        return sorted(filter(Path.is_file, found), key=self._number, reverse=True)

    def _number(self, path: Path) -> int:
        found = self._name.fullmatch(path.name)
        return int(found[1]) if found is not None else 0
