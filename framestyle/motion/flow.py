"""Optical flow between two frames of the input clip."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor

from framestyle.motion.occlusion import masks
from framestyle.motion.warp import resize_flow

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
SMALLEST_SIDE_PX = 16
"""DIS matches patches of 8 pixels over a pyramid; smaller frames are given no motion."""
QUICK_SIDE_PX = 32
"""What the quick presets need; smaller frames get ``"medium"``, which costs next to nothing."""


@dataclass(frozen=True)
class Motion:
    """How the last frame lies in this one.

    Attributes:
        back: flow[this->last], (1, 2, H, W) float32, in pixels: where to look a pixel up.
        reliability: (1, 1, H, W) float32 in {0, 1}: 0 where that cannot be trusted to hold a pixel.
        seen: (1, 1, H, W) float32 in {0, 1}: 0 where the last frame did not show this place.
    """

    back: Tensor
    reliability: Tensor
    seen: Tensor

    def to(self, device: torch.device) -> "Motion":
        """Return the motion on another device."""
        return Motion(self.back.to(device), self.reliability.to(device), self.seen.to(device))


class DenseInverseSearch:
    """DIS optical flow (Kroeger 2016) as OpenCV has it, both ways.

    Args:
        preset: ``"ultrafast"``, ``"fast"`` or ``"medium"``.
        longest_px: Frames with a longer side are scaled down to it first; the flow is scaled up
            again. Motion is smooth, so little is lost, and it stays a small part of the time.
    """

    def __init__(self, preset: str = "medium", longest_px: int = 640) -> None:
        self.preset = preset
        self.longest_px = longest_px

    def between(self, last: np.ndarray, this: np.ndarray) -> Motion:
        """Return how ``last`` lies in ``this``, on the CPU.

        Args:
            last: The frame before, (H, W, 3) RGB uint8 or uint16.
            this: The frame, of the same shape.
        """
        height, width = this.shape[:2]
        if min(height, width) < SMALLEST_SIDE_PX:
            return still(height, width)
        a, b = self._grey(last), self._grey(this)
        forth, back = self._flow(a, b), self._flow(b, a)
        trusted, seen = masks(back, forth)
        if trusted.shape[2:] != (height, width):
            trusted, seen = (nnf.interpolate(m, size=(height, width)) for m in (trusted, seen))
        return Motion(resize_flow(back, height, width), trusted, seen)

    def _flow(self, a: np.ndarray, b: np.ndarray) -> Tensor:
        # An engine for each pair: it adapts its scales to a small frame, and would keep them. The
        # quick presets look at a quarter of the size; where no patch fits in that, OpenCV crashes.
        preset = self.preset if min(a.shape) >= QUICK_SIDE_PX else "medium"
        engine: Any = cv2.DISOpticalFlow.create(_PRESETS[preset])
        field = engine.calc(a, b, None)
        return torch.from_numpy(np.ascontiguousarray(field.transpose(2, 0, 1)))[None]

    def _grey(self, pixels: np.ndarray) -> np.ndarray:
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        scale = self.longest_px / max(grey.shape)
        if scale >= 1:
            return np.asarray(grey)
        size = [max(SMALLEST_SIDE_PX, round(side * scale)) for side in grey.shape[::-1]]
        return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def still(height: int, width: int) -> Motion:
    """Return the motion of a clip in which nothing moves."""
    everywhere = torch.ones(1, 1, height, width)
    return Motion(torch.zeros(1, 2, height, width), everywhere, everywhere)
