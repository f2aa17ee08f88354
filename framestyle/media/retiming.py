"""Gives the frames of joined segments their times, as expressions that ffmpeg evaluates.

Segments are evenly spaced, so that they depend on nothing but their frames. What is joined of them
is told here when each frame is shown: exactly, for the times are whole ticks and no sums of rounded
seconds.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from framestyle.media.clip import ClipInfo
from framestyle.media.ffmpeg import run

_OWN_TICKS = {"gif": Fraction(1, 100), "webp": Fraction(1, 1000)}
_EVEN_ONLY = ("avi",)
_SHORTEST_IN_GIF = Fraction(2, 100)  # browsers take less for carelessness and show a tenth
_MICROSECOND = Fraction(1, 1_000_000)
_LONGEST_TICKS = 2**31 - 1  # between two frames, in MP4
_FINE_PER_SECOND = 90_000


@dataclass(frozen=True)
class Clock:
    """When each frame of an output is shown.

    Attributes:
        tick: Length of a tick in seconds.
        first: When the first frame is shown, in ticks.
        step: Ticks from one frame to the next, where they are evenly spaced; else about so many.
        bounds: When each frame is shown, from the first (0), and when the last one ends; None where
            they are evenly spaced.
    """

    tick: Fraction
    first: int
    step: int
    bounds: tuple[int, ...] | None

    def end_seconds(self, frames: int) -> Fraction:
        """Return when so many frames have been shown, from the first."""
        return (frames * self.step if self.bounds is None else self.bounds[frames]) * self.tick

    def last_seconds(self, frames: int) -> Fraction:
        """Return how long the last of so many frames is shown."""
        return self.end_seconds(frames) - self.end_seconds(frames - 1)

    def retimed_packets(self, rate: Fraction, delay: int) -> str:
        """Return the bitstream filter that times packets.

        Args:
            rate: At which they are evenly spaced.
            delay: By how many frames decoding runs ahead of what is shown.
        """
        scale, unit, option = rate, "TB", ""
        if _rescales():
            scale, unit, option = rate * self.tick, "1", ":prescale=1"
        shown = f"round(PTS*{unit}*{scale.numerator}/{scale.denominator})"
        # The order of decoding is that of showing, delayed: the same clock gives both times.
        decoded = f"N-{delay}" if delay else shown
        length = str(self.step)
        if self.bounds is not None:
            # Containers count from one frame to the next; of the last they must be told.
            last = len(self.bounds) - 2
            length = f"if(lt({shown},{last}),{self.step},{self.bounds[-1] - self.bounds[-2]})"
        return (
            f"setts=pts='{self._at(shown)}':dts='{self._at(decoded)}':duration='{length}'"
            f":time_base={self.tick}{option}"
        )

    def retimed_frames(self) -> str:
        """Return the filters that time decoded frames."""
        return f"settb=expr={self.tick},setpts='{self._at('N')}'"

    def _at(self, index: str) -> str:
        even = f"{self.first}+({index})*{self.step}"
        if self.bounds is None:
            return even
        table = _search(_runs(self.bounds, self.first))
        return f"st(0,{index});if(lt(ld(0),0),{self.first}+ld(0)*{self.step},{table})"


def clock_of(info: ClipInfo, rate: Fraction, container: str, frames: int) -> Clock:
    """Return when the frames of a clip are shown in a container.

    Args:
        info: The clip.
        rate: Its frame rate, or the mean.
        container: ffmpeg's name of it.
        frames: How many of the clip's frames there are.
    """
    wait = _wait(info)
    own = _OWN_TICKS.get(container)
    if own is not None:
        times = [t * own for t in _rounded(_bounds(info, rate, frames), own)]
        return _uneven(times, own, Fraction(0))
    if container in _EVEN_ONLY:
        # A tick is a frame there: of a finer one it would make empty frames.
        return Clock(1 / rate, round(wait * rate), 1, None)
    if info.timing is None:
        scale = _refinement(rate, wait)
        tick = Fraction(1, rate.numerator * scale)
        return Clock(tick, round(wait / tick), rate.denominator * scale, None)
    bounds = _bounds(info, rate, frames)
    # One over a whole number is what MP4 counts in.
    tick = Fraction(1, info.timing.tick.denominator)
    longest = max((b - a for a, b in itertools.pairwise(bounds)), default=Fraction(0))
    if tick.denominator > _LONGEST_TICKS or longest / tick > _LONGEST_TICKS:
        tick = _MICROSECOND
    return _uneven(bounds, tick, wait)


def timing_notices(info: ClipInfo, rate: Fraction, container: str) -> list[str]:
    """Return what a container cannot keep of the times of a clip; see ``clock_of``."""
    lines = []
    if info.timing is not None and container in _EVEN_ONLY:
        lines.append(
            f"{info.path} has a variable frame rate, which {container} cannot hold: its frames are "
            f"evenly spaced in it, {float(rate):.2f} a second, and may drift from the sound; "
            "write .mp4 or .mkv to keep their times"
        )
    shortest = info.timing.shortest_seconds if info.timing is not None else 1 / rate
    if container == "gif" and shortest < _SHORTEST_IN_GIF:
        lines.append(
            f"a .gif counts hundredths of a second and is shown no faster than 50 frames a second; "
            f"{info.path} has frames of {float(shortest):.4f} s"
        )
    return lines


@functools.cache
def _rescales() -> bool:
    """Return whether ``setts`` rescales times to the time base that it sets; older ones do not."""
    return b"-prescale" in run(["-h", "bsf=setts"]).output


def is_uneven(info: ClipInfo, container: str) -> bool:
    """Return whether a container is given times of frames that are not evenly spaced."""
    return info.timing is not None and container not in _EVEN_ONLY


def _wait(info: ClipInfo) -> Fraction:
    """Return how long after the container's first moment the first frame is shown, in seconds."""
    wait = info.container_offset_seconds
    # ffmpeg gives that moment in microseconds; what is less is its rounding.
    return wait if not info.cut_start and abs(wait) > _MICROSECOND else Fraction(0)


def _bounds(info: ClipInfo, rate: Fraction, frames: int) -> list[Fraction]:
    if info.timing is None:
        return [i / rate for i in range(frames + 1)]
    known = (*info.timing.starts, info.timing.end)[: frames + 1]
    # A trial may have more frames than the clip.
    further = [known[-1] + i for i in range(1, frames + 2 - len(known))]
    return [ticks * info.timing.tick for ticks in (*known, *further)]


def _uneven(bounds: Sequence[Fraction], tick: Fraction, wait: Fraction) -> Clock:
    rounded = _rounded(bounds, tick)
    step = max(1, rounded[-1] // max(1, len(rounded) - 1))
    return Clock(tick, round(wait / tick), step, tuple(rounded))


def _rounded(times: Sequence[Fraction], tick: Fraction) -> list[int]:
    rounded: list[int] = []
    for time in times:
        nearest = round(time / tick)
        rounded.append(max(nearest, rounded[-1] + 1) if rounded else nearest)
    return rounded


def _refinement(rate: Fraction, wait: Fraction) -> int:
    """Return into how many parts the ticks of an even rate are cut, to hold a wait."""
    if (wait * rate.numerator).denominator == 1:
        return 1
    exact = math.lcm(rate.numerator, wait.denominator) // rate.numerator
    if exact * rate.numerator <= _MICROSECOND.denominator:
        return exact
    return max(1, -(-_FINE_PER_SECOND // rate.numerator))


def _runs(bounds: Sequence[int], first: int) -> list[tuple[int, int, int]]:
    """Return runs of evenly spaced times: number and time of the first, and the step."""
    runs, low = [], 0
    while low < len(bounds):
        high = low + 1
        step = bounds[high] - bounds[low] if high < len(bounds) else 0
        while high + 1 < len(bounds) and bounds[high + 1] - bounds[high] == step:
            high += 1
        runs.append((low, bounds[low] + first, step))
        low = high + 1
    return runs


def _search(runs: Sequence[tuple[int, int, int]]) -> str:
    """Return a search for the time whose number is stored, as deep as the logarithm of the runs."""
    if len(runs) == 1:
        low, time, step = runs[0]
        return f"{time}+(ld(0)-{low})*{step}"
    middle = len(runs) // 2
    return f"if(lt(ld(0),{runs[middle][0]}),{_search(runs[:middle])},{_search(runs[middle:])})"
