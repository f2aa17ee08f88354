"""How much still pixels flicker, by frequency."""

import math
from fractions import Fraction

import numpy as np

from framestyle.metrics.report import Band

EDGES_HZ = (0, 1, 3, 8)
"""Where bands begin: slow wandering, breathing, flicker, and what only shimmers."""
FEWEST_FRAMES = 8
"""Fewer have next to no frequencies to tell apart."""
AT_ONCE = 256
"""Pixels transformed in one go."""


def flicker_bands(levels: np.ndarray, rate_hz: Fraction) -> tuple[Band, ...] | None:
    """Return the standard deviation over time, by frequency.

    From each pixel's levels its own line is taken off first: the drift is a figure of its own,
    and the jump from the end of a line to its start would count in every band. By Parseval's
    theorem the bands' squares then add up, pixel by pixel, to the variance.

    Args:
        levels: (N, P) floating, in levels of 255: N frames of P pixels.
        rate_hz: Frames per second.

    Returns:
        Bands from 0 to half of the frame rate; None for fewer than 8 frames.
    """
    frames, pixels = levels.shape
    if frames < FEWEST_FRAMES:
        return None
    bins = _bins(frames, rate_hz)
    totals = np.zeros(len(bins))
    for first in range(0, pixels, AT_ONCE):
        power = _power(levels[:, first : first + AT_ONCE].astype(np.float64))
        totals += [np.sqrt(power[low:high].sum(axis=0)).sum() for low, high in bins]
    ends_hz = [*(float(edge) for edge in EDGES_HZ[1 : len(bins)]), float(rate_hz / 2)]
    return tuple(
        Band(float(low_hz), high_hz, float(total / pixels) if high > low else None)
        for low_hz, high_hz, total, (low, high) in zip(
            EDGES_HZ[: len(bins)], ends_hz, totals, bins, strict=True
        )
    )


def _power(levels: np.ndarray) -> np.ndarray:
    """Return what each frequency k / N adds to the variance: (N // 2 + 1, P)."""
    frames = len(levels)
    time = np.arange(frames) - (frames - 1) / 2
    levels = levels - levels.mean(axis=0)
    levels -= np.outer(time, time @ levels / (time @ time))
    power: np.ndarray = np.abs(np.fft.rfft(levels, axis=0)) ** 2 / frames**2
    power[1 : (frames + 1) // 2] *= 2  # each stands for its mirror image too
    return power


def _bins(frames: int, rate_hz: Fraction) -> list[tuple[int, int]]:
    """Return for each band its first frequency and the one after its last, without the mean."""
    half = frames // 2 + 1
    edges = [edge for edge in EDGES_HZ if edge == 0 or edge < rate_hz / 2]
    firsts = [max(1, math.ceil(edge * frames / rate_hz)) for edge in edges]
    return list(zip(firsts, [*firsts[1:], half], strict=True))
