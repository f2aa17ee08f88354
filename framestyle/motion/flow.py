"""Optical flow between two frames of the input clip, wherever it comes from."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor

from framestyle.graphs import Replay, called
from framestyle.motion.occlusion import masks
from framestyle.motion.sizes import shrunk
from framestyle.motion.stillness import without_idle_motion
from framestyle.motion.warp import resize_flow
from framestyle.transfer import uploaded

Pair = tuple[int, int]
"""Positions of two frames in the run, from 0."""


@dataclass(frozen=True)
class Motion:
    """How an earlier frame lies in this one.

    Attributes:
        back: flow[this->earlier], (1, 2, H, W) float32, in pixels: where to look a pixel up.
        reliability: (1, 1, H, W) float32 in [0, 1]: 0 where that cannot be trusted to hold a pixel.
        seen: (1, 1, H, W) float32 in [0, 1]: 0 where the earlier frame did not show this place.
    """

    back: Tensor
    reliability: Tensor
    seen: Tensor

    def on(self, device: torch.device) -> "Motion":
        """Return it on a device, from the CPU, as ``uploaded`` brings it there."""
        parts = (self.back, self.reliability, self.seen)
        return Motion(*(uploaded(part, device) for part in parts))


class FlowSource(ABC):
    """Gives the optical flow between frames of a clip: a search, a network, or files.

    Attributes:
        worth_keeping: Whether having it once more costs more than keeping it on disk.
        most_searches: How many pairs it pays to ask for at the same time; None where that is as
            many as there are threads.
    """

    worth_keeping = True
    most_searches: int | None = None

    @abstractmethod
    def flows(self, earlier: np.ndarray, this: np.ndarray, at: Pair) -> tuple[Tensor, Tensor]:
        """Return the flow both ways.

        Args:
            earlier: A frame, (H, W, 3) RGB uint8 or uint16.
            this: A later one, of the same shape.
            at: Where both are in the run.

        Returns:
            flow[earlier->this] and flow[this->earlier], each (1, 2, h, w) float32 on the CPU, in
            pixels of h x w, which may be a smaller size than the frames have.
        """

    def has(self, at: Pair) -> bool:
        """Tell whether the flow between two frames can be had; a search always finds one."""
        return True

    def between(self, earlier: np.ndarray, this: np.ndarray, at: Pair = (0, 1)) -> Motion:
        """Return how ``earlier`` lies in ``this``, on the CPU, at the size of the frames.

        Arguments as in ``flows``.
        """
        return self.measured(*self.flows(earlier, this, at), earlier, this)

    def measured(
        self, forth: Tensor, back: Tensor, earlier: np.ndarray, this: np.ndarray
    ) -> Motion:
        """Return what is made of the flow both ways; see ``motion_of``."""
        return motion_of(forth, back, earlier, this)


def motion_of(
    forth: Tensor,
    back: Tensor,
    earlier: np.ndarray,
    this: np.ndarray,
    replay: Replay = called,
) -> Motion:
    """Return what is made of the flow both ways, on the CPU, at the size of the frames.

    Args:
        forth: flow[earlier->this], (1, 2, h, w); it is worked on where it lies.
        back: flow[this->earlier], of the same shape.
        earlier: A frame, (H, W, 3) RGB uint8 or uint16.
        this: A later one, of the same shape.
        replay: How functions are called.
    """
    if not (forth.any() or back.any()):
        return still(*this.shape[:2])
    return moving(forth, back, earlier, this, replay)


def moving(
    forth: Tensor, back: Tensor, earlier: np.ndarray, this: np.ndarray, replay: Replay = called
) -> Motion:
    """Return what is made of a flow that is not 0 all over; arguments as of ``motion_of``."""
    height, width = this.shape[:2]
    size = back.shape[2], back.shape[3]
    first, second = (image_of(frame, size).to(back.device) for frame in (earlier, this))
    back, trusted, seen = replay("motion", _measured, forth, back, first, second)
    if size != (height, width):
        trusted, seen = (
            nnf.interpolate(mask, size=(height, width), mode="bilinear") for mask in (trusted, seen)
        )
    return Motion(resize_flow(back, height, width).cpu(), trusted.cpu(), seen.cpu())


def _measured(
    forth: Tensor, back: Tensor, first: Tensor, second: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the flow back from the second picture, where it can be trusted, and what is seen."""
    forth = without_idle_motion(forth, second, first)
    back = without_idle_motion(back, first, second)
    return back, *masks(back, forth)


def still(height: int, width: int) -> Motion:
    """Return the motion of a clip in which nothing moves."""
    everywhere = torch.ones(1, 1, height, width)
    return Motion(torch.zeros(1, 2, height, width), everywhere, everywhere)


def image_of(pixels: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Return a frame (H, W, 3) at a size (height, width): (1, 3, h, w) float32 in [0, 1]."""
    small = shrunk(pixels, size)
    return torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))[None].float() / 255
