"""Numbers on their way to a device and back, and streams, without anyone waiting who need not.

A GPU does what is asked of it in order, in each of its streams. Whoever reads a number, or brings
one from memory that is not pinned, waits for all that was asked before.
"""

import threading
import weakref
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

STREAMS = 32
"""Of a GPU, that torch hands out, in turn and again and again: it keeps none for who has it."""

_taking = threading.Lock()


def uploaded(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the CPU on a device; a GPU fetches it while the CPU goes on."""
    if device.type != "cuda":
        return tensor.to(device)
    # Only from pinned memory; torch keeps that until the copy is made, and uses it again.
    return tensor.pin_memory().to(device, non_blocking=True)


class Download:
    """A tensor on its way to the CPU.

    Of a GPU of CUDA it comes as it is now, whatever that does next; elsewhere it is fetched when it
    is waited for, and must not change until then.

    Args:
        tensor: On any device.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        self._copy = tensor.detach()
        if tensor.device.type == "cuda":
            self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._copy.copy_(tensor.detach(), non_blocking=True)
            # who waits leaves the processor to others
            self._arrived = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            self._arrived.record()

    def wait(self) -> Tensor:
        """Return it on the CPU, when it is there; what the device was asked since is no matter."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._copy.cpu()


class OwnStream:
    """A stream of a GPU that nobody else has who got one from here, as long as this lives.

    Attributes:
        stream: It. It is held by this and not referred to weakly itself: some versions of torch
            leave such a reference behind when it is gone, and crash (pytorch/pytorch#183403).

    Args:
        device: The GPU.

    Raises:
        RuntimeError: All are taken.
    """

    stream: torch.cuda.Stream

    def __init__(self, device: torch.device) -> None:
        with _taking:
            taken = {other.stream.cuda_stream for other in _taken}
            for _ in range(STREAMS):
                self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
                if self.stream.cuda_stream not in taken:
                    _taken.add(self)
                    return
        raise RuntimeError(f"all {STREAMS} streams of the GPU are taken")


_taken: "weakref.WeakSet[OwnStream]" = weakref.WeakSet()


def own_stream(device: torch.device) -> OwnStream | None:
    """Return a stream of a GPU for one thread; None for a device that has none.

    It begins when all is done that everyone's stream was asked for so far, as loading networks.
    """
    if device.type != "cuda":
        return None
    own = OwnStream(device)
    own.stream.wait_stream(torch.cuda.default_stream(device))
    return own


def on_stream(own: OwnStream | None) -> AbstractContextManager[object]:
    """Return a context in which a thread works on a stream of a GPU; that of everyone for None."""
    return torch.cuda.stream(own.stream) if own is not None else nullcontext()
