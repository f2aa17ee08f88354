"""Convolutions that make few channels, several rows of their map at a time.

A processor multiplies for sixteen channels in the time that it takes for the three of a picture.
So the way back to a picture makes five of its rows at once: kernels that lie one row lower each
are kernels of more channels, which move down by as many rows as there are of them.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from framestyle import onednn

CHANNELS = 16
"""What is made at a time, in numbers of float32: a register of AVX-512, or two of AVX2. Those that
are left over are zeros; oneDNN is slow with other numbers of channels."""
NARROW_CHANNELS, NARROW_WIDTH = 32, 480
"""Of a map with up to so many channels, less wide than this, oneDNN takes 1.1 to 1.7 times as long
with a padding of two columns as with one of one."""


def gains(like: nn.Conv2d) -> bool:
    """Tell whether the way back of a convolution makes so few channels that it gains."""
    steps = *like.stride, *like.dilation, like.groups
    return steps == (1, 1, 1, 1, 1) and 2 * like.in_channels <= CHANNELS and like.kernel_size[0] > 1


def is_narrow(x: Tensor) -> bool:
    """Tell whether the way back from a map (N, C, H, W) gains by a column of zeros beside it."""
    return x.shape[1] <= NARROW_CHANNELS and x.shape[3] < NARROW_WIDTH


def growth(channels: int, height: int) -> int:
    """Return how much more memory kernels of several rows take, for those of some height."""
    higher = height + CHANNELS // channels - 1
    return -(-CHANNELS * higher // (channels * height))


def kernels_by_rows(weight: Tensor) -> Tensor:
    """Return the kernels of several rows at once, (16, C, h + n - 1, w) for n rows.

    Args:
        weight: Kernels, (K, C, h, w), of at most eight channels K.
    """
    count = CHANNELS // len(weight)
    lower = [nnf.pad(weight, (0, 0, row, count - 1 - row)) for row in range(count)]
    unused = weight.new_zeros(CHANNELS - count * len(weight), *lower[0].shape[1:])
    return torch.cat([*lower, unused])


class Window:
    """How kernels of several rows move over a map.

    Args:
        channels: That are made, of each row.
        height: Of what is made.
        padding: Zeros around the map for kernels of one row, [vertical, horizontal].

    Attributes:
        padding: For those of several.
        stride: Of those.
    """

    def __init__(self, channels: int, height: int, padding: Sequence[int]) -> None:
        self._channels, self._height = channels, height
        self._rows = rows = CHANNELS // channels
        # there are as many zeros above as below: with this many rows made above the first, those
        # that are made at a time reach down to the last
        self._above = next(m for m in range(rows) if (height + 2 * m) // rows * rows >= height + m)
        self.padding = [padding[0] + self._above, padding[1]]
        self.stride = [rows, 1]

    def convolve(self, x: Tensor, kernels: Tensor) -> Tensor:
        """Return a convolution's map, (N, K, H', W'), contiguous but for rows left out.

        Args:
            x: What is convolved, (N, C, H, W), channels-last.
            kernels: What by, as ``kernels_by_rows`` makes them, in oneDNN's order.
        """
        made = onednn.convolved(x, kernels, None, self.padding, self.stride)
        count, _, bands, width = made.shape
        by_rows = made.permute(0, 2, 3, 1)[..., : self._rows * self._channels]
        by_rows = by_rows.reshape(count, bands, width, self._rows, self._channels)
        by_rows = by_rows.permute(0, 4, 1, 3, 2)
        whole = by_rows.reshape(count, self._channels, bands * self._rows, width)
        return whole[:, :, self._above : self._above + self._height]
