"""Numbers on their way to a device and back, without anyone waiting who need not."""

import torch
from torch import Tensor

from framestyle.motion import Motion


def uploaded(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor of the CPU on a device; a GPU fetches it while the CPU goes on."""
    if device.type != "cuda":
        return tensor.to(device)
    # Only from pinned memory; torch keeps that until the copy is made, and uses it again.
    return tensor.pin_memory().to(device, non_blocking=True)


def uploaded_motion(motion: Motion, device: torch.device) -> Motion:
    """Return a motion on a device, as ``uploaded`` does."""
    return Motion(
        uploaded(motion.back, device),
        uploaded(motion.reliability, device),
        uploaded(motion.seen, device),
    )


class Download:
    """A tensor on its way to the CPU, as it is now, whatever the device does next.

    Args:
        tensor: On any device.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        self._copy = tensor.detach()
        if tensor.device.type == "cuda":
            self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._copy.copy_(tensor.detach(), non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()

    def wait(self) -> Tensor:
        """Return it on the CPU, when it is there."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._copy.cpu()
