"""Going over a stretch several times, with its time and against it (Ruder 2016, section 4.4)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from framestyle.errors import UnfinishedJobError
from framestyle.jobs.shots import Cutting, Stretch
from framestyle.media.landing import disk_errors, sealed, sync, unsealed, write_whole
from framestyle.stages import FrameState
from framestyle.transfer import uploaded

_NAME = re.compile(r"\.?(\d{1,12})\.(\d{1,4})\.safetensors")


class Work(Enum):
    """What is done with the frames of a leg."""

    OPTIMISE = auto()
    """They are dreamed and painted."""
    ORDER = auto()
    """What another leg made is put in order for the output."""
    JOIN = auto()
    """It goes, step by step, from what the frame before the stretch hands over to what was made of
    the stretch without it."""


@dataclass(frozen=True)
class Leg:
    """One time that a stretch is gone over.

    Attributes:
        stretch: What is gone over.
        number: How many times it was gone over before.
        is_backward: Whether it goes against time.
        is_last: Whether its results are written; those of others are kept for the next.
        work: What is done with its frames.
        handed_on: Frames from its beginning that are kept for another leg as well as written.
    """

    stretch: Stretch
    number: int = 0
    is_backward: bool = False
    is_last: bool = True
    work: Work = Work.OPTIMISE
    handed_on: int = 0

    def position_after(self, index: int | None) -> int | None:
        """Return the frame that comes after one that is done, or first; None at the end."""
        if index is None:
            return self.stretch.end - 1 if self.is_backward else self.stretch.first
        following = index - 1 if self.is_backward else index + 1
        return following if self.stretch.first <= following < self.stretch.end else None

    def keeps(self, index: int) -> bool:
        """Tell whether what is left of a frame is kept for another leg."""
        return not self.is_last or index - self.stretch.first < self.handed_on

    def share(self, index: int) -> float | None:
        """Return how far a frame that joins is on the way, in (0, 1); None where none does."""
        length = self.stretch.end - self.stretch.first
        is_join = self.work is Work.JOIN
        return (index - self.stretch.first + 1) / (length + 1) if is_join else None


@dataclass(frozen=True)
class Done:
    """How far a job has come: the last frame that is done, and in which leg of its stretch."""

    frame: int
    leg: int = 0


def legs(cutting: Cutting, passes: int) -> list[Leg]:
    """Return all legs of a run, in order: every other one goes against time.

    With a single pass nothing has to be kept between cuts, and all of the clip is one leg.
    """
    if passes == 1:
        return [Leg(Stretch(0, cutting.stretches[-1].end))]
    return [leg for stretch in cutting.stretches for leg in legs_over(stretch, passes)]


def legs_over(stretch: Stretch, passes: int) -> list[Leg]:
    """Return the legs over one stretch, in order; the last one goes with time."""
    over = [
        Leg(stretch, number, is_backward=number % 2 == 1, is_last=number == passes - 1)
        for number in range(passes)
    ]
    if passes % 2 == 0:  # the output takes frames in order
        over[-1] = replace(over[-1], is_last=False)
        over.append(Leg(stretch, passes, work=Work.ORDER))
    return over


def written(all_legs: Sequence[Leg], done: Done | None) -> int:
    """Return how many frames of the output stand when a job has come so far.

    Args:
        all_legs: Of the run, in order.
        done: How far it has come.

    Raises:
        UnfinishedJobError: It has come to no frame of this clip.
    """
    if done is None:
        return all_legs[0].stretch.first
    leg = next((leg for leg in all_legs if _is_in(done, leg)), None)
    if leg is None:
        raise UnfinishedJobError(
            f"the saved state is of frame {done.frame + 1} in pass {done.leg + 1}, which the run "
            "does not have; start the job anew with --restart"
        )
    return done.frame + 1 if leg.is_last else leg.stretch.first


def remaining(all_legs: Sequence[Leg], done: Done | None) -> Iterator[tuple[Leg, int]]:
    """Yield the legs that are left, each with the frame that it begins at."""
    reached = done is None
    for leg in all_legs:
        begin = leg.position_after(None) if reached else None
        if done is not None and not reached and _is_in(done, leg):
            reached, begin = True, leg.position_after(done.frame)
        if begin is not None:
            yield leg, begin


def counted(all_legs: Sequence[Leg], done: Done | None) -> tuple[int, int]:
    """Return how many frames are made in all, each counted once a pass, and how many are done."""
    every = [leg for leg in all_legs if leg.work is Work.OPTIMISE]
    total = sum(leg.stretch.end - leg.stretch.first for leg in every)
    left = 0
    for leg, begin in remaining(all_legs, done):
        if leg.work is Work.OPTIMISE:
            stretch = leg.stretch
            left += begin + 1 - stretch.first if leg.is_backward else stretch.end - begin
    return total, total - left


def _is_in(done: Done, leg: Leg) -> bool:
    return leg.number == done.leg and leg.stretch.first <= done.frame < leg.stretch.end


class KeptFrames:
    """What one leg made of each frame, on disk for the next leg.

    Args:
        folder: Where; made when the first frame is kept.
        first: Frames before it belong to others.
    """

    def __init__(self, folder: Path, first: int = 0) -> None:
        self._folder, self._first = folder, first

    def write(self, index: int, leg: int, state: FrameState) -> None:
        """Keep a frame, in float16: a tenth of a level.

        Raises:
            JobError: It cannot be written.
        """
        parts = vars(state.as_type(torch.float16))
        tensors = {k: v.cpu().contiguous() for k, v in parts.items() if v is not None}
        tensors["at"] = torch.tensor([index, leg])
        with disk_errors(f"keeping frame {index + 1} for the next pass", self._folder):
            self._folder.mkdir(exist_ok=True)
            write_whole(self._path(index, leg), sealed(save(tensors)))
            sync(self._folder)

    def read(self, index: int, leg: int, device: torch.device) -> FrameState:
        """Return what a leg made of a frame, in float32.

        Raises:
            UnfinishedJobError: It is missing or damaged.
        """
        path = self._path(index, leg)
        try:
            parts = load(unsealed(path.read_bytes()))
            if parts.pop("at").tolist() != [index, leg]:
                raise ValueError("it is another frame")
            return FrameState(**{k: uploaded(v, device).float() for k, v in parts.items()})
        except (OSError, ValueError, SafetensorError, TypeError, KeyError) as error:
            raise UnfinishedJobError(
                f"{path}, which an earlier pass made, is missing or damaged ({error}); start the "
                "job anew with --restart"
            ) from None

    def drop_before(self, leg: Leg) -> None:
        """Delete all that no leg from this one on reads, whatever run left it.

        Raises:
            JobError: It cannot be deleted.
        """
        self._delete(
            lambda index, number: (
                self._first <= index < leg.stretch.end
                and (index < leg.stretch.first or number < leg.number - 1)
            )
        )

    def drop(self, stretch: Stretch) -> None:
        """Delete all that was kept of a stretch, whatever run left it.

        Raises:
            JobError: It cannot be deleted.
        """
        self._delete(lambda index, _: stretch.first <= index < stretch.end)

    def _delete(self, is_over: Callable[[int, int], bool]) -> None:
        """Delete the frames, by position and leg, that are of no more use."""
        with disk_errors("deleting what earlier passes made", self._folder):
            for index, number, path in self._found():
                if is_over(index, number):
                    path.unlink(missing_ok=True)

    def _found(self) -> Iterator[tuple[int, int, Path]]:
        """Yield frame, leg and file of all that is kept, and of what a crash left half written."""
        for path in self._folder.glob("*.*.safetensors*"):
            if found := _NAME.match(path.name):
                yield int(found[1]), int(found[2]), path

    def _path(self, index: int, leg: int) -> Path:
        return self._folder / f"{index}.{leg}.safetensors"
