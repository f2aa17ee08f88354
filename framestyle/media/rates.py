"""The frame rate that the times of frames amount to, exactly where there is one."""

import itertools
from fractions import Fraction

_STANDARD_TOLERANCE_TICKS = Fraction(3, 2)
# The hundredths of a GIF are no rounding of something finer: they are its times.
_STANDARD_TOLERANCE_SECONDS = Fraction(3, 2000)
_MAX_RATE_TERM = 65535  # what the narrowest of codecs (MPEG-4) can hold


def rate_of(ticks: list[int], tick: Fraction, stated: Fraction | None) -> tuple[Fraction, bool]:
    """Return the frame rate of frames at these times, and whether it is only a mean.

    Args:
        ticks: Times from the first frame (0), ascending, at least two.
        tick: Length of a tick in seconds.
        stated: What the file says; right where every frame lies within rounding of it.
    """
    if ticks[-1] <= 0:
        return stated or Fraction(25), True
    stated = _standard(stated) if stated else None
    steps = {b - a for a, b in itertools.pairwise(ticks)}
    if len(steps) == 1:
        exact = 1 / (steps.pop() * tick)
        # A step of whole milliseconds may be a rounded 1/30 s: the statement is the finer.
        return (stated if stated and _fits(ticks, tick, stated) else exact), False
    if stated and _fits(ticks, tick, stated):
        return stated, False
    rounded = next((r for r in _standard_rates() if _fits(ticks, tick, r)), None)
    return (rounded, False) if rounded else (mean_rate(ticks[-1] * tick / (len(ticks) - 1)), True)


def mean_rate(frame_seconds: Fraction) -> Fraction:
    """Return the frame rate for a mean length of frames, as a fraction that codecs hold."""
    mean = 1 / frame_seconds
    limit = max(1, int(_MAX_RATE_TERM / max(mean, Fraction(1))))
    near = mean.limit_denominator(limit)
    return near if near > 0 else mean


def _fits(ticks: list[int], tick: Fraction, rate: Fraction) -> bool:
    step = 1 / (rate * tick)
    tolerance = min(_STANDARD_TOLERANCE_TICKS, _STANDARD_TOLERANCE_SECONDS / tick)
    return all(abs(t - i * step) <= tolerance for i, t in enumerate(ticks))


def _standard(rate: Fraction) -> Fraction:
    # Matroska's rate is guessed from rounded times: 19001/317 for 60000/1001.
    return next((r for r in _standard_rates() if abs(r - rate) < r / 20_000), rate)


def _standard_rates() -> list[Fraction]:
    whole = [Fraction(n) for n in (12, 15, 24, 25, 30, 48, 50, 60, 100, 120)]
    return whole + [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)]
