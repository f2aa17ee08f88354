"""When the frames of a clip are shown, where they are not evenly spaced: exact, in ticks."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Timing:
    """The times of frames that are not evenly spaced.

    Attributes:
        tick: Length of a tick in seconds.
        starts: When each frame is shown, in ticks from the first (0), rising.
        end: When the last frame ends, in ticks.
        moved: How many frames had to be moved to come after the one before.
    """

    tick: Fraction
    starts: tuple[int, ...] = field(repr=False)
    end: int
    moved: int = field(default=0, compare=False)

    @property
    def shortest_seconds(self) -> Fraction:
        """How long the frame is shown that is shown most briefly."""
        bounds = (*self.starts, self.end)
        return min(b - a for a, b in itertools.pairwise(bounds)) * self.tick


def timing_of(times: Sequence[int], last_ticks: int, tick: Fraction) -> Timing:
    """Return the timing of frames.

    No container holds two frames at one time: a frame that is not after the one before, as in some
    damaged or badly joined files, is shown a tick after it.

    Args:
        times: When each frame is shown, in ticks, at least one.
        last_ticks: How long the last frame is shown.
        tick: Length of a tick in seconds.
    """
    starts, moved = [0], 0
    for time in times[1:]:
        start = time - times[0]
        if start <= starts[-1]:
            start, moved = starts[-1] + 1, moved + 1
        starts.append(start)
    return Timing(tick, tuple(starts), starts[-1] + max(1, last_ticks), moved)
