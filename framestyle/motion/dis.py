"""Optical flow by dense inverse search, on the CPU."""

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from framestyle.motion.flow import FlowSource, Pair
from framestyle.motion.sizes import SMALLEST_SIDE_PX, search_size, shrunk

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    "fine": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
QUICK_SIDE_PX = 32
"""What the quick presets need; smaller frames get ``"medium"``, which costs next to nothing."""


class DenseInverseSearch(FlowSource):
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

    def flows(self, earlier: np.ndarray, this: np.ndarray, at: Pair) -> tuple[Tensor, Tensor]:
        """Search both ways; see ``FlowSource.flows``."""
        height, width = this.shape[:2]
        if min(height, width) < SMALLEST_SIDE_PX:
            nothing = torch.zeros(1, 2, height, width)
            return nothing, nothing
        size = search_size((height, width), self.longest_px, SMALLEST_SIDE_PX)
        a, b = shrunk(earlier, size), shrunk(this, size)
        return self._flow(a, b), self._flow(b, a)

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
