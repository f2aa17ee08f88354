"""Layers whose gradients are written out, because torch's own take several times as long."""

from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class HalvingMean(nn.AvgPool2d):
    """Mean over squares of two by two; a last row or column that has no partner is left out."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, h, w) for (N, C, H, W), half of each side."""
        result: Tensor = _HalvingMean.apply(x)
        return result


class ReflectingConv2d(nn.Conv2d):
    """A convolution of three by three that keeps the size of its map, with reflected borders.

    Args:
        channels_in: Of the map that it takes.
        channels_out: Of the map that it makes.
        bias: Whether it adds a number to each channel.
    """

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = True) -> None:
        super().__init__(channels_in, channels_out, 3, padding=1, padding_mode="reflect", bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C', H, W) for (N, C, H, W)."""
        return nnf.conv2d(_Reflected.apply(x), self.weight, self.bias)


def normalised(image: Tensor, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an image as a network takes it: scaled and shifted, channels-last.

    Args:
        image: (N, 3, H, W) float32 in [0, 1]. Its gradient comes back in float32, contiguous, as
            what else is known of an image lies in memory.
        scale: What its channels are multiplied by, (1, 3, 1, 1) float32.
        shift: What is then added to them, of the same shape.
        dtype: Of the result.
    """
    result: Tensor = _Normalised.apply(image, scale, shift, dtype)
    return result


def reflected(x: Tensor) -> Tensor:
    """Return a map (N, C, H, W) with a border of one pixel, reflected; channels-last, as it is."""
    count, channels, height, width = x.shape
    result = torch.empty(
        (count, channels, height + 2, width + 2),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    result[:, :, 1:-1, 1:-1] = x
    result[:, :, 1:-1, 0], result[:, :, 1:-1, -1] = x[..., 1], x[..., -2]
    result[:, :, 0], result[:, :, -1] = result[:, :, 2], result[:, :, -3]
    return result


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, image: Tensor, scale: Tensor, shift: Tensor, dtype: torch.dtype
    ) -> Tensor:
        ctx.save_for_backward(scale)
        # one after the other: each is quick on a CPU, and two of them at once are not
        exact = (image * scale).add_(shift)
        return exact.to(dtype).contiguous(memory_format=torch.channels_last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (scale,) = ctx.saved_tensors
        return grad.contiguous().float() * scale, None, None, None


class _HalvingMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.size = x.shape[2:]
        return nnf.avg_pool2d(x, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        height, width = ctx.size
        spread = nnf.interpolate(grad * 0.25, scale_factor=2, mode="nearest")
        if (height % 2, width % 2) == (0, 0):
            return spread
        return nnf.pad(spread, (0, width % 2, 0, height % 2))


class _Reflected(torch.autograd.Function):
    """A border of one pixel, reflected."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        plain = x.device.type in ("cpu", "meta")  # the second has shapes only
        if not plain and x.is_contiguous(memory_format=torch.channels_last):
            return reflected(x)  # torch's own is contiguous on a GPU, whatever it is given
        return nnf.pad(x, (1, 1, 1, 1), mode="reflect")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        last = grad.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        inner = grad[:, :, 1:-1, 1:-1].clone(memory_format=layout)
        # what a pixel of the border got belongs to the one that it shows: edges, then corners
        inner[:, :, 1] += grad[:, :, 0, 1:-1]
        inner[:, :, -2] += grad[:, :, -1, 1:-1]
        inner[:, :, :, 1] += grad[:, :, 1:-1, 0]
        inner[:, :, :, -2] += grad[:, :, 1:-1, -1]
        for border, shown in ((0, 1), (-1, -2)):
            inner[:, :, shown, 1] += grad[:, :, border, 0]
            inner[:, :, shown, -2] += grad[:, :, border, -1]
        return inner
