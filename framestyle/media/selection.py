"""Which frames --start, --end and --frames take, by exact times."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from framestyle.config import InputSettings
from framestyle.errors import InputError, SettingsError


@dataclass(frozen=True)
class Selection:
    """A run of neighbouring frames of a clip.

    Attributes:
        first: Position in the whole clip of its first frame, from 0.
        count: Number of frames, at least 1.
        start_seconds: Time of its first frame, from the clip's first.
        duration_seconds: From its first frame to the end of its last.
        cut_start: True where frames before it are left out.
        cut_end: True where frames after it are left out.
    """

    first: int
    count: int
    start_seconds: Fraction
    duration_seconds: Fraction
    cut_start: bool
    cut_end: bool


def select(
    times_seconds: Sequence[Fraction],
    frame_seconds: Fraction,
    settings: InputSettings,
    path: Path,
) -> Selection:
    """Return the frames with ``start <= time < end``, at most ``frames`` of them.

    Args:
        times_seconds: Presentation times of all frames from the first, ascending.
        frame_seconds: How long the last frame lasts.
        settings: The selection.
        path: Of the clip, for messages.

    Raises:
        SettingsError: Where the end is not after the start.
        InputError: Where no frame is selected.
    """
    start, end = _exact(settings.start) or Fraction(0), _exact(settings.end)
    if end is not None and end <= start:
        raise SettingsError(
            f"--end {settings.end:g} is not after --start {float(start):g}; nothing lies between"
        )
    length = times_seconds[-1] + frame_seconds
    picked = [i for i, t in enumerate(times_seconds) if start <= t and (end is None or t < end)]
    if not picked:
        raise InputError(
            f"no frame of {path} lies in the part selected: it is {float(length):.3f} s long "
            f"({len(times_seconds)} frames), --start is {float(start):g}"
            + (f", --end is {settings.end:g}" if end is not None else "")
        )
    first = picked[0]
    count = min(len(picked), settings.frames or len(picked))
    after = first + count
    stop = times_seconds[after] if after < len(times_seconds) else length
    return Selection(
        first,
        count,
        times_seconds[first],
        stop - times_seconds[first],
        first > 0,
        after < len(times_seconds),
    )


def _exact(seconds: float | None) -> Fraction | None:
    # By its digits, as typed: 0.1 selects the frame at exactly 1/10.
    return None if seconds is None else Fraction(repr(float(seconds)))
