"""A frame as the search for shots sees it: small, smooth, and cheap to compare with others."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

LOOK_PX = 160
"""Longest side at which frames are looked at."""
LEAST_SIDE_PX = 32
"""Shortest side at which they are looked at; OpenCV's quick flow needs as much."""
GRID_PX = 16
"""Longest side of the grid of mean colours; what moves by less than a cell leaves it much alike."""
FLAT_LEVELS = 1.5
"""Contrast of the grid, of 255 levels, below which a frame shows nothing: black, white or fog."""
FAINT_LEVELS = 3.0
"""Contrast of the grid below which a frame may be near the black end of a fade."""
FULL_CONTRAST_LEVELS = 45.0
"""Contrast that the flow gets to see; dark frames are raised to it, by ``LARGEST_GAIN`` at most."""
LARGEST_GAIN = 8.0


@dataclass(frozen=True, eq=False)
class Look:
    """A frame as it is compared with others.

    Attributes:
        small: (h, w, 3) uint8 RGB, its longest side ``LOOK_PX``.
        smooth: (h, w, 3) float32 in [0, 255]: the same blurred, so that grain counts for little.
        grain: Mean difference of the two, in levels.
    """

    small: np.ndarray
    smooth: np.ndarray
    grain: float

    @classmethod
    def at(cls, pixels: np.ndarray) -> "Look":
        """Take a look at a frame, (H, W, 3) RGB uint8 or uint16."""
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        height, width = pixels.shape[:2]
        scale = LOOK_PX / max(height, width)
        size = [max(LEAST_SIDE_PX, round(n * scale)) for n in (width, height)]
        return cls.of(np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)))

    @classmethod
    def of(cls, small: np.ndarray) -> "Look":
        """Take a look at a frame that has its size already, (h, w, 3) uint8."""
        small = np.ascontiguousarray(small)
        smooth = np.asarray(cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.5))
        grain = float(np.mean(cv2.absdiff(small, np.rint(smooth).astype(np.uint8))))
        return cls(small, smooth, grain)

    @cached_property
    def grey(self) -> np.ndarray:
        """(h, w) uint8: ``smooth`` in grey, with the contrast raised where it is low."""
        grey = np.asarray(cv2.cvtColor(self.smooth, cv2.COLOR_RGB2GRAY))
        mean, contrast = float(grey.mean()), float(grey.std())
        gain = min(LARGEST_GAIN, FULL_CONTRAST_LEVELS / (contrast + 1e-3))
        raised = np.rint((grey - mean) * gain + 128)
        return np.asarray(np.clip(raised, 0, 255), np.uint8)

    @cached_property
    def grid(self) -> np.ndarray:
        """Mean colours of a grid over the frame, (cells, 3) float32 in [0, 255]."""
        height, width = self.small.shape[:2]
        scale = GRID_PX / max(height, width)
        size = [max(1, round(n * scale)) for n in (width, height)]
        cells = cv2.resize(self.smooth, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cells).reshape(-1, 3)

    @cached_property
    def contrast(self) -> float:
        """Standard deviation of the grid's colours, in levels."""
        return float(self.grid.std(axis=0).max())

    @property
    def is_flat(self) -> bool:
        """Whether there is nothing to see."""
        return self.contrast < FLAT_LEVELS

    @property
    def is_faint(self) -> bool:
        """Whether there is little to see."""
        return self.contrast < FAINT_LEVELS

    @cached_property
    def energy(self) -> float:
        """Mean squared difference of neighbouring pixels of ``smooth``, in levels squared."""
        across, down = np.diff(self.smooth, axis=1), np.diff(self.smooth, axis=0)
        return float(np.vdot(across, across) + np.vdot(down, down)) / self.smooth.size

    def difference(self, other: "Look") -> float:
        """Return the mean absolute difference to another frame, in levels, grain left out."""
        return float(np.mean(cv2.absdiff(self.smooth, other.smooth)))
