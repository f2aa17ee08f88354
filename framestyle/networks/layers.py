"""Layers whose gradients are written out, because torch's own take several times as long.

Of maps that are needed for their size alone, nothing is kept for the way back.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_FEW = 8
"""Channels of a map, fewer than which some operations of torch's on a CPU take one by one."""


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
        result: Tensor = _ReflectingConv2d.apply(x, self.weight, self.bias)
        return result


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


def layout_of(x: Tensor) -> torch.memory_format:
    """Return whether a map (N, C, H, W) lies in memory as channels-last, or contiguous."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def half_turned(weight: Tensor) -> Tensor:
    """Return kernels (K, C, h, w) turned by half a turn, of the convolution back."""
    return weight.flip(2, 3).transpose(0, 1).contiguous()


class Shape(NamedTuple):
    """What a map is like: its size (N, C, H, W), and how it lies in memory."""

    size: torch.Size
    layout: torch.memory_format

    @classmethod
    def of(cls, x: Tensor) -> "Shape":
        """Return that of a map."""
        return cls(x.shape, layout_of(x))

    def blank(self, like: Tensor) -> Tensor:
        """Return a map of this shape, with the precision and on the device of another.

        It is for gradients that ask a map for its size and its layout and read no number of it, as
        torch's own ``conv2d_input`` relies on too.
        """
        return torch.empty(
            self.size, dtype=like.dtype, device=like.device, memory_format=self.layout
        )


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
        return (grad * scale).contiguous(), None, None, None


class _ReflectingConv2d(torch.autograd.Function):
    """The convolution, whose way back needs numbers of the map only where the weights learn."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        inside = framed(x)
        _, learns, _ = ctx.needs_input_grad
        ctx.save_for_backward(weight, inside if learns else None)
        ctx.like = Shape.of(inside)
        return nnf.conv2d(inside, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        weight, inside = ctx.saved_tensors
        if inside is None:
            inside = ctx.like.blank(grad)
        how = [1, 1], [0, 0], [1, 1], False, [0, 0], 1, list(ctx.needs_input_grad)
        back = torch.ops.aten.convolution_backward
        of_inside, of_weight, of_bias = back(grad, inside, weight, [len(weight)], *how)
        del inside  # before the next map of its size
        return None if of_inside is None else unframed(of_inside), of_weight, of_bias


def framed(x: Tensor) -> Tensor:
    """Return a map (N, C, H, W) with a border of one pixel, reflected."""
    # torch's own is contiguous on a GPU, whatever it is given, and takes few channels one by one
    plain = x.device.type in ("cpu", "meta") and x.shape[1] >= _FEW
    plain = plain or min(x.shape[2:]) < 2  # too small, as torch's own will say
    if not plain and x.is_contiguous(memory_format=torch.channels_last):
        return reflected(x)
    return nnf.pad(x, (1, 1, 1, 1), mode="reflect")


def unframed(grad: Tensor) -> Tensor:
    """Return the gradient in a map from that in the map with its border, which is changed."""
    # what a pixel of the border got belongs to the one that it shows; with the columns folded over
    # their whole length, rows bring the corners along
    for dim in (3, 2):
        for shown, border in _shown(grad.shape[dim]):
            at: list[slice] = [slice(None)] * dim
            grad[(*at, shown)].add_(grad[(*at, border)])
    return grad[:, :, 1:-1, 1:-1]


def _shown(length: int) -> list[tuple[slice, slice]]:
    """Return where the pixels lie that a border of one shows, and where it shows them.

    Args:
        length: Of a side, with the border.
    """
    if length > 5:  # both ends at once
        return [(slice(2, length - 2, length - 5), slice(0, length, length - 1))]
    ends = (2, 0), (length - 3, length - 1)  # they may show the same one
    return [(slice(shown, shown + 1), slice(at, at + 1)) for shown, at in ends]
