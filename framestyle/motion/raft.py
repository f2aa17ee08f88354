"""Optical flow by RAFT, a network, on the run's device."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from framestyle.errors import JobError, first_line
from framestyle.graphs import Replay, called
from framestyle.motion.flow import FlowSource, Motion, Pair, image_of, motion_of
from framestyle.motion.on_device import MotionMaker, Turns
from framestyle.motion.sizes import SMALLEST_SIDE_PX
from framestyle.motion.warp import resize_flow

STRIDE_PX = 8
"""RAFT compares features at an eighth of the size."""
LEAST_SIDE_PX = 128
"""Of what RAFT searches: its pyramid halves the features three times."""


class Raft(FlowSource):
    """RAFT (Teed and Deng 2020) as torchvision has it, both ways in one batch.

    Args:
        network: torchvision's small or large RAFT with its weights, frozen, in float32, on the
            device where it shall run.
        longest_px: Frames with a longer side are scaled down to it first, as for ``dis``. Memory
            grows with the fourth power of the side: about 0.5 GB at 640x360.
        updates: How often the flow is refined; torchvision's models are trained with 12.
        replay: How functions are called.
    """

    most_searches = 2  # one is made ready while the other is searched for

    def __init__(
        self,
        network: nn.Module,
        longest_px: int = 640,
        updates: int = 12,
        replay: Replay = called,
    ) -> None:
        self.network, self._replay = network, replay
        # One at a time: torchvision's network keeps what it compares in itself.
        device = next(network.parameters()).device
        self._turns = Turns(device)
        self._maker = MotionMaker(device, replay, self._turns)
        self.longest_px = longest_px
        self.updates = updates

    def flows(self, earlier: np.ndarray, this: np.ndarray, at: Pair) -> tuple[Tensor, Tensor]:
        """Search both ways; see ``FlowSource.flows``.

        Raises:
            JobError: The search failed, most likely for want of memory.
        """
        a, b = self._ready(earlier, this)
        with self._turns.turn():
            forth, back = self._searched(a, b, this, at)
            return forth.cpu(), back.cpu()

    def between(self, earlier: np.ndarray, this: np.ndarray, at: Pair = (0, 1)) -> Motion:
        """Return how ``earlier`` lies in ``this``, found out on the device of the network.

        Arguments and errors as in ``flows``.
        """
        a, b = self._ready(earlier, this)
        with self._turns.turn():
            return motion_of(*self._searched(a, b, this, at), earlier, this, self._replay)

    def measured(
        self, forth: Tensor, back: Tensor, earlier: np.ndarray, this: np.ndarray
    ) -> Motion:
        """Return what is made of flow that is known already; see ``FlowSource.measured``."""
        return self._maker.motion(forth, back, earlier, this)

    def _ready(self, *frames: np.ndarray) -> list[Tensor]:
        """Return frames as the network takes them, on the CPU."""
        height, width = frames[0].shape[:2]
        return [_signed(frame, searched_size((height, width), self.longest_px)) for frame in frames]

    def _searched(self, a: Tensor, b: Tensor, this: np.ndarray, at: Pair) -> tuple[Tensor, Tensor]:
        """Search both ways between two frames that are ready; the flow stays on the device."""
        height, width = this.shape[:2]
        if min(height, width) < SMALLEST_SIDE_PX:
            nothing = torch.zeros(1, 2, height, width)
            return nothing, nothing
        try:
            device = next(self.network.parameters()).device
            (both,) = self._replay("raft", self._flow, a.to(device), b.to(device))
        except (RuntimeError, MemoryError) as error:
            raise JobError(
                f"frames {at[0] + 1} and {at[1] + 1}: optical flow failed ({first_line(error)}); "
                "take a smaller --flow-size, or --flow dis"
            ) from error
        if (a.shape[2], a.shape[3]) > (height, width):
            both = resize_flow(both, height, width)
        return both[:1], both[1:]

    def _flow(self, a: Tensor, b: Tensor) -> tuple[Tensor]:
        """Return the flow from one picture to the other and back, as one batch, (2, 2, h, w)."""
        height, width = a.shape[2:]
        across, down = _margin(width), _margin(height)
        left, top = across[0], down[0]
        pairs = torch.cat([a, b]), torch.cat([b, a])
        padded = [nnf.pad(x, (*across, *down), mode="replicate") for x in pairs]
        with _NumbersOn(a.device):
            flow: Tensor = self.network(*padded, num_flow_updates=self.updates)[-1]
        inner = flow[:, :, top : top + height, left : left + width]
        return (inner.float().contiguous(),)


class _NumbersOn(TorchFunctionMode):
    """Has a network count on its device.

    torchvision's RAFT makes its coordinates on the CPU and sends them after the features, a dozen
    times; whoever does that waits for the device, and what waits cannot be recorded.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch; see ``TorchFunctionMode``."""
        kwargs = dict(kwargs or {})
        if func in (torch.arange, torch.linspace):
            kwargs["device"] = self._device
        return func(*args, **kwargs)


def searched_size(size: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """Return the (height, width) at which RAFT sees a frame, before it is padded.

    Long frames are scaled down to ``longest_px``. Where a side is shorter than RAFT's least, the
    frame is enlarged, for small things are lost at an eighth of the size; but no side gets longer
    than ``longest_px``, and padding adds what is missing then.
    """
    scale = min(longest_px / max(size), max(1.0, LEAST_SIDE_PX / min(size)))
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def _signed(pixels: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Return a frame at a size as RAFT wants it: (1, 3, h, w) float32 in [-1, 1]."""
    own = pixels.shape[0], pixels.shape[1]
    image = image_of(pixels, min(own, size))
    if size > own:
        image = nnf.interpolate(image, size=size, mode="bilinear", align_corners=False)
    return image * 2.0 - 1.0


def _margin(side: int) -> tuple[int, int]:
    """Return how much is added before and after a side, half of it each, as RAFT's own code."""
    missing = max(LEAST_SIDE_PX, -(-side // STRIDE_PX) * STRIDE_PX) - side
    return missing // 2, missing - missing // 2
