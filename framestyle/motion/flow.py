"""Optical flow between two frames of the input clip."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor

from framestyle.motion.occlusion import masks
from framestyle.motion.stillness import without_idle_motion
from framestyle.motion.warp import resize_flow

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    "fine": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
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
        preset: ``"ultrafast"``, ``"fast"`` or ``"medium"``, OpenCV's; or ``"fine"``, which matches
            patches at the full size too, and has half of the error of ``"medium"`` or less.
        longest_px: Frames with a longer side are scaled down to it first; the flow is scaled up
            again. Motion is smooth, so little is lost, and it stays a small part of the time.
    """

    def __init__(self, preset: str = "fine", longest_px: int = 640) -> None:
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
        a, b = self._fitted(last), self._fitted(this)
        forth, back = self._flow(a, b), self._flow(b, a)
        first, second = (_image(frame) for frame in (a, b))
        forth = without_idle_motion(forth, second, first)
        back = without_idle_motion(back, first, second)
        trusted, seen = masks(back, forth)
        if trusted.shape[2:] != (height, width):
            trusted, seen = (nnf.interpolate(m, size=(height, width)) for m in (trusted, seen))
        return Motion(resize_flow(back, height, width), trusted, seen)

    def _flow(self, a: np.ndarray, b: np.ndarray) -> Tensor:
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (a, b)]
        field = self._engine(min(a.shape[:2])).calc(*grey, None)
        return torch.from_numpy(np.ascontiguousarray(field.transpose(2, 0, 1)))[None]

    def _engine(self, side_px: int) -> Any:
        """Make an engine for one pair: it adapts its scales to a small frame, and keeps them."""
        # The quick presets look at a quarter of the size; where no patch fits in that, OpenCV
        # crashes.
        preset = self.preset if side_px >= QUICK_SIDE_PX else "medium"
        engine: Any = cv2.DISOpticalFlow.create(_PRESETS[preset])
        if preset == "fine":
            engine.setFinestScale(0)
            engine.setPatchStride(2)
            engine.setVariationalRefinementIterations(10)
            engine.setVariationalRefinementDelta(10.0)
        return engine

    def _fitted(self, pixels: np.ndarray) -> np.ndarray:
        """Return a frame at the size at which it is searched, (h, w, 3) uint8."""
        if pixels.dtype == np.uint16:
            pixels = (pixels >> 8).astype(np.uint8)
        scale = self.longest_px / max(pixels.shape)
        if scale >= 1:
            return pixels
        height, width = (max(SMALLEST_SIDE_PX, round(n * scale)) for n in pixels.shape[:2])
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


def still(height: int, width: int) -> Motion:
    """Return the motion of a clip in which nothing moves."""
    everywhere = torch.ones(1, 1, height, width)
    return Motion(torch.zeros(1, 2, height, width), everywhere, everywhere)


def _image(pixels: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].float() / 255
