"""Weights of convolutions as flat_kernels.py takes them, for either way."""

import copy
import threading
from collections.abc import Hashable
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from framestyle.networks.layers import half_turned

COLOURS = 3
"""Channels of an image. What its convolution looks at is laid out once, and multiplied as one."""
PATCH = 32
"""Channels of an image that is laid out: nine positions of three colours, and zeros."""


class FlatWeights:
    """The weights of one convolution, frozen, tap after tap. Threads may share it.

    They are laid out once, and anew where the convolution is cast or moved, or changed in place.

    Args:
        like: The convolution.
    """

    def __init__(self, like: nn.Conv2d) -> None:
        assert like.bias is not None
        self._weight, self.bias = like.weight, like.bias
        self._laid_out: tuple[Hashable, Tensor, tuple[Tensor, Tensor]] | None = None
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> "FlatWeights":
        """Return those of the layer's copy, of which nothing is kept yet."""
        made = copy.copy(self)
        made._weight, made.bias = copy.deepcopy((self._weight, self.bias), memo)
        made._laid_out, made._lock = None, threading.Lock()
        return made

    def both_ways(self) -> tuple[Tensor, Tensor]:
        """Return the kernels of the convolution, and those of its way back."""
        weight = self._weight.detach()
        numbers = weight.data_ptr(), weight._version, weight.dtype
        with self._lock:
            if self._laid_out is None or self._laid_out[0] != numbers:
                both = _both_ways(weight)
                if weight.device.type == "cuda":  # for threads on other streams
                    torch.cuda.current_stream(weight.device).synchronize()
                # the weight is held, so that no other gets its place in memory
                self._laid_out = numbers, weight, both
            return self._laid_out[2]


def _both_ways(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the kernels of a convolution, and those of its way back."""
    if weight.shape[1] == COLOURS:
        forth = _patches(weight)
        return forth, forth.T.contiguous()
    return _taps(weight), _taps(half_turned(weight))


def _taps(weight: Tensor) -> Tensor:
    """Return the kernels of a convolution, (N, C, 3, 3), tap after tap: (9 N, C)."""
    return weight.permute(2, 3, 0, 1).reshape(-1, weight.shape[1]).contiguous()


def _patches(weight: Tensor) -> Tensor:
    """Return the kernels of a convolution of an image, (N, 3, 3, 3), as one is laid out: (N, C)."""
    side_by_side = weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
    return nnf.pad(side_by_side, (0, PATCH - side_by_side.shape[1]))
