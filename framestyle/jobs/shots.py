"""The shots of a run: named by hand, kept by an earlier run, or found in the clip."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from framestyle.config import Config, MotionSettings
from framestyle.errors import FramestyleError, InputError, JobError
from framestyle.jobs.flow import follows
from framestyle.media import Source
from framestyle.media.landing import disk_errors, sealed, unsealed, write_whole
from framestyle.motion import Shot, find_shots, read_shots, write_shots
from framestyle.progress import Notice, Progress

FILE = "shots.txt"
"""Where a job keeps the shots that it found, so that it need not look for them again."""

LONG_FRAMES = 1000
"""From here on the search takes so long that one wonders."""

FRAMES_AFTER, EASE_AFTER = 8, 0.4
"""Frames after a dissolve that still let go of some of the past, and the share that each does:
together all but a sixtieth."""


@dataclass(frozen=True)
class Stretch:
    """Frames between two cuts: one shot, or several with dissolves between them.

    Attributes:
        first: Position of its first frame in the run, from 0.
        end: Position after its last frame.
    """

    first: int
    end: int


@dataclass(frozen=True)
class Cutting:
    """How a clip is divided. Nothing is carried from one stretch into another.

    Attributes:
        shots: All of them, in order.
        part: The only stretch that there is, for what makes no other; all between cuts by default.
    """

    shots: Sequence[Shot]
    part: Stretch | None = None

    @cached_property
    def stretches(self) -> list[Stretch]:
        """Return what lies between cuts, in order."""
        if self.part is not None:
            return [self.part]
        starts = [shot.first for shot in self.shots if shot.dissolve == 0 or shot.first == 0]
        ends = [*starts[1:], *(shot.end for shot in self.shots[-1:])]
        return [Stretch(first, end) for first, end in zip(starts, ends, strict=True)]

    def stretch_of(self, index: int) -> Stretch:
        """Return the stretch that a frame is in."""
        at = bisect_right(self.stretches, index, key=lambda stretch: stretch.first)
        return self.stretches[at - 1]

    def ease(self, index: int) -> float:
        """Return what share of the past a frame lets go, so that a dissolve leaves none of it.

        Over N blended frames, what is left of the old shot falls in equal steps, to 1 / (N + 1).
        The blends show it too, and so does what was painted for them: some frames after go on.
        """
        shot = self.shots[bisect_right(self.shots, index, key=lambda shot: shot.first) - 1]
        at = index - shot.first
        if shot.first == 0 or shot.dissolve == 0:
            return 0.0
        if at < shot.dissolve:
            return 1.0 / (shot.dissolve + 1 - at)
        return EASE_AFTER if at < shot.dissolve + FRAMES_AFTER else 0.0


def check_shots(settings: MotionSettings, frame_count: int) -> None:
    """Read the shots that the user names, before anything is optimised.

    Raises:
        FramestyleError: The file is not one, or its shots do not fit the clip.
    """
    if settings.shots is not None:
        read_shots(settings.shots, frame_count)


def cutting_of(source: Source, config: Config, folder: Path, progress: Progress) -> Cutting:
    """Return how a clip is divided.

    Args:
        source: The clip.
        config: Whether shots are looked for, or which file names them.
        folder: Of the job, where shots that were found are kept.
        progress: Hears of them.

    Raises:
        FramestyleError: The file that names them is not one.
        JobError: A frame cannot be read, or the shots cannot be kept.
    """
    settings, count = config.motion, source.info.frame_count
    if settings.shots is not None:
        return Cutting(read_shots(settings.shots, count))
    if not settings.cuts or not follows(config, source.info):
        return Cutting([Shot(0, count)])
    kept = folder / FILE
    shots = _kept(kept, count)
    if shots is None:
        if count > LONG_FRAMES:
            progress(Notice(f"looking for cuts in {count} frames"))
        frames = source.read()
        try:
            shots = find_shots(frame.pixels for frame in frames)
        except InputError as error:
            raise JobError(f"looking for cuts failed: {error}") from None
        finally:
            frames.close()
        with disk_errors("keeping the shots", folder):
            write_whole(kept, sealed(write_shots(shots).encode()))
    if len(shots) > 1:
        progress(Notice(_told(shots)))
    return Cutting(shots)


def _kept(path: Path, count: int) -> list[Shot] | None:
    """Return the shots of an earlier run of the job; None where there are none, or damaged ones."""
    try:
        unsealed(path.read_bytes())
        return read_shots(path, count)  # to which the seal is a comment
    except (OSError, ValueError, FramestyleError):
        return None


def _told(shots: Sequence[Shot]) -> str:
    begins = [
        f"{shot.first + 1}{' (dissolve)' if shot.dissolve else ''}" for shot in shots if shot.first
    ]
    shown = ", ".join(begins[:8]) + (f" and {len(begins) - 8} more" if len(begins) > 8 else "")
    return (
        f"shots: {len(shots)}; new ones begin at frame {shown}; `framestyle shots` lists them, "
        "--shots FILE sets them"
    )
