"""Motion that is found out on a GPU, whoever finds the flow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from framestyle.exhaustion import gpu_ran_out
from framestyle.graphs import Replay, called
from framestyle.motion.flow import FlowSource, Motion, Pair, moving, still
from framestyle.transfer import on_stream, own_stream, uploaded


class Turns:
    """Has threads work on a device one after the other, on a stream that is theirs alone.

    On the one of everybody they would wait for the steps of a frame too.

    Args:
        device: The device.
    """

    def __init__(self, device: torch.device) -> None:
        self._stream = own_stream(device)
        self._taken = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it."""
        with self._taken, on_stream(self._stream), torch.no_grad():
            yield


class MotionMaker:
    """Makes motion of flow on a device.

    Args:
        device: The device.
        replay: How functions are called.
        turns: When it may work there; by default in turns of its own.
    """

    def __init__(
        self, device: torch.device, replay: Replay = called, turns: Turns | None = None
    ) -> None:
        self._device, self._replay = device, replay
        self._turns = turns or Turns(device)

    def motion(self, forth: Tensor, back: Tensor, earlier: np.ndarray, this: np.ndarray) -> Motion:
        """Return what is made of the flow both ways; see ``FlowSource.measured``."""
        if not (forth.any() or back.any()):
            return still(*this.shape[:2])
        try:
            with self._turns.turn():
                flows = uploaded(forth, self._device), uploaded(back, self._device)
                return moving(*flows, earlier, this, self._replay)
        except RuntimeError as error:
            if not gpu_ran_out(error):
                raise
        return moving(forth, back, earlier, this)


class OnDevice(FlowSource):
    """Flow of another source, of which a device makes motion.

    What is made of a flow is some hundred short operations. A GPU does them in no time; threads of
    a CPU that do them beside a frame keep its steps from being launched. They do where the GPU has
    no memory left for it.

    Args:
        inner: Where flows come from.
        device: Where motion is made of them.
        replay: How functions are called.
    """

    def __init__(self, inner: FlowSource, device: torch.device, replay: Replay = called) -> None:
        self.inner = inner
        self.worth_keeping, self.most_searches = inner.worth_keeping, inner.most_searches
        self._maker = MotionMaker(device, replay)

    def has(self, at: Pair) -> bool:
        """Tell whether the other source has the flow between two frames."""
        return self.inner.has(at)

    def flows(self, earlier: np.ndarray, this: np.ndarray, at: Pair) -> tuple[Tensor, Tensor]:
        """Return the other's flow; arguments and errors as of ``FlowSource.flows``."""
        return self.inner.flows(earlier, this, at)

    def measured(
        self, forth: Tensor, back: Tensor, earlier: np.ndarray, this: np.ndarray
    ) -> Motion:
        """Return what is made of the flow both ways; see ``FlowSource.measured``."""
        return self._maker.motion(forth, back, earlier, this)
