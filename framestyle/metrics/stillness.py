"""Regions in which the source rests: there, whatever the result changes is its own doing."""

from fractions import Fraction

import numpy as np

from framestyle.metrics.report import Band
from framestyle.metrics.spectrum import flicker_bands

LARGEST_CHANGE_LEVELS = 4
"""Up to which a pixel of the source rests: noise and compression."""
LEAST_SHARE = 0.01
"""Of the frame; less of it says nothing of the clip."""
SETTLING_FRAMES = 10
"""At the start, that flicker does not count."""
SAMPLE_PIXELS = 4096
SAMPLE_NUMBERS = 1 << 24
"""Levels kept for the spectrum; of a long clip fewer pixels are, so that memory has a bound."""


class StillMask:
    """Where no two frames differ by more than 4 levels, from one frame after the other."""

    def __init__(self) -> None:
        self._low: np.ndarray | None = None
        self._high: np.ndarray | None = None

    def add(self, grey: np.ndarray) -> None:
        """Take the source's next frame, (H, W) uint8."""
        self._low = grey if self._low is None else np.minimum(self._low, grey)
        self._high = grey if self._high is None else np.maximum(self._high, grey)

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, once there was a frame."""
        assert self._low is not None
        assert self._high is not None
        return np.asarray(self._high - self._low <= LARGEST_CHANGE_LEVELS)


class StillRegions:
    """Drift and flicker of the result where the source rests, from one frame after the other.

    Args:
        mask: Where that is, (H, W) bool.
        frame_count: Frames that will come.
        seed: Of the sample of pixels that the spectrum is made of.
    """

    def __init__(self, mask: np.ndarray, frame_count: int, seed: int = 0) -> None:
        self.share = float(mask.mean())
        self._places = np.flatnonzero(mask) if self.share >= LEAST_SHARE else np.empty(0, np.int64)
        self._settling = min(SETTLING_FRAMES, frame_count // 2)
        self._mean_levels: list[float] = []
        self._mean = np.zeros(len(self._places))
        self._squares = np.zeros(len(self._places))
        settled = frame_count - self._settling
        size = min(len(self._places), SAMPLE_PIXELS, max(1, SAMPLE_NUMBERS // settled))
        chosen = np.random.default_rng(seed).choice(len(self._places), size, replace=False)
        self._sample = np.sort(chosen) if size else chosen.astype(np.int64)
        self._series = np.empty((settled, size), np.float32)

    @property
    def measurable(self) -> bool:
        """Whether enough rests for the figures."""
        return len(self._places) > 0

    def add(self, grey_levels: np.ndarray) -> None:
        """Take the next frame of the result: grey, (H, W) floating, in levels of 255."""
        if not self.measurable:
            return
        levels = grey_levels.reshape(-1)[self._places].astype(np.float64)
        self._mean_levels.append(float(levels.mean()))
        count = len(self._mean_levels) - self._settling
        if count > 0:
            self._series[count - 1] = levels[self._sample]
            # Welford 1962: a variance from one pass, exact where the mean is far from 0
            off = levels - self._mean
            self._mean += off / count
            self._squares += off * (levels - self._mean)

    def drift(self) -> tuple[float, float] | None:
        """Return slope in levels per 100 frames, and the largest distance from the line."""
        count = len(self._mean_levels)
        if count < 2:
            return None
        time = np.arange(count) - (count - 1) / 2
        levels = np.array(self._mean_levels)
        slope = float(time @ levels / (time @ time))
        away = levels - levels.mean() - slope * time
        return 100 * slope, float(np.abs(away).max())

    def flicker_levels(self) -> float | None:
        """Return the standard deviation over time, mean over pixels."""
        count = len(self._mean_levels) - self._settling
        return float(np.sqrt(self._squares / count).mean()) if count > 1 else None

    def bands(self, rate_hz: Fraction | None) -> tuple[Band, ...] | None:
        """Return the flicker by frequency."""
        if rate_hz is None or not self.measurable:
            return None
        return flicker_bands(self._series, rate_hz)
