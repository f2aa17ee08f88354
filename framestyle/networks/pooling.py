"""Pooling whose gradient is written out: torch's own take several times as long, or keep more."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn

from framestyle import onednn
from framestyle.networks.chain import alone
from framestyle.networks.fields import window_of
from framestyle.networks.layers import Shape, layout_of
from framestyle.tape import aside

FEW = 64
"""Channels of a map in bfloat16, up to which oneDNN makes means faster than torch: three times as
fast with 16, of which torch takes one by one."""
FEWEST = 16
"""Channels of a map, up to which repeating columns takes a CPU less than torch's enlarging does:
two thirds of the time in bfloat16, half of it in float32."""
LEAN_ON = ("cpu", "cuda", "meta")
"""Devices whose way back reads where the maxima were; Apple's GPUs look for them in the map."""

_ATEN = torch.ops.aten


class HalvingMean(nn.AvgPool2d):
    """Mean over squares of two by two; a last row or column that has no partner is left out."""

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, h, w) for (N, C, H, W), half of each side."""
        return alone(x, self)

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, list[Tensor]]:
        """Return the means; nothing is needed for the way back."""
        few = _has_few(x, FEW) and x.dtype == torch.bfloat16 and min(x.shape[2:]) > 1
        return (_by_onednn(x) if few and _has_onednns() else nnf.avg_pool2d(x, 2)), []

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient in a map from that in its means."""
        height, width = like.size[2:]
        grad = grad * 0.25
        fewest = _has_few(grad, FEWEST) and grad.shape[1] * grad.element_size() % 16 == 0
        if fewest and grad[0, 0].numel() > 1:  # a map of one position lies in memory as any does
            return _repeated(grad, like)
        layout = layout_of(grad)
        as_one = len(grad) == 1 and layout == torch.channels_last
        if height % 2 == 0 or width % 2 or not as_one:
            spread = nnf.interpolate(grad, scale_factor=2, mode="nearest")
            missing = 0, width % 2, 0, height % 2
            return nnf.pad(spread, missing) if any(missing) else spread
        # pads at once: what is above the last row lies in memory as a map of its own
        spread = Shape(like.size, layout).blank(grad)
        spread[:, :, -1].zero_()
        _ATEN.upsample_nearest2d.out(grad, [height - 1, width], out=spread[:, :, :-1])
        return spread


def _has_few(x: Tensor, most: int) -> bool:
    """Tell whether a map on a CPU, channels-last, has no more than so many channels."""
    lies_so = x.device.type == "cpu" and layout_of(x) == torch.channels_last
    return lies_so and x.shape[1] <= most


def _repeated(grad: Tensor, like: Shape) -> Tensor:
    """Return a map, channels-last, twice as high and wide; with zeros to the size of another."""
    height, width = grad.shape[2:]
    spread = Shape(like.size, torch.channels_last).blank(grad)
    if like.size[2] % 2:
        spread[:, :, -1].zero_()
    if like.size[3] % 2:
        spread[..., -1].zero_()
    # as numbers of 16 bytes, the widest that torch copies
    source, target = (one.permute(0, 2, 3, 1).view(torch.complex128) for one in (grad, spread))
    target = target[:, : 2 * height, : 2 * width].view(-1, height, 2, 2 * width, source.shape[3])
    for column in (0, 1):
        target[:, :, :, column::2].copy_(source[:, :, None].expand(-1, -1, 2, -1, -1))
    return spread


def _by_onednn(x: Tensor) -> Tensor:
    """Return the means of a map in bfloat16, channels-last: a convolution of each channel."""
    how: tuple[Any, ...] = [0, 0], [2, 2], [1, 1], x.shape[1]
    return onednn.convolved(x, _quarters(x.shape), None, *how)


@lru_cache(maxsize=64)
@aside()
def _quarters(shape: torch.Size) -> Tensor:
    """Return the kernels that make means of a map, in oneDNN's order."""
    quarters = torch.full((shape[1], 1, 2, 2), 0.25, dtype=torch.bfloat16, device="cpu")
    return onednn.reordered(quarters, shape, stride=[2, 2], groups=shape[1])


@lru_cache
@aside()
def _has_onednns() -> bool:
    """Tell whether oneDNN makes them here, by trying."""
    if not onednn.can_pack("cpu", torch.bfloat16):
        return False
    x = torch.linspace(-1, 1, 16 * 4 * 4, device="cpu").view(1, 16, 4, 4).bfloat16()
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        try:
            return torch.equal(_by_onednn(x), nnf.avg_pool2d(x, 2))
        except (RuntimeError, TypeError):
            return False


class LeanMaxPool2d(nn.MaxPool2d):
    """Maximum pooling that keeps where the maxima were for the way back, and not the map as well.

    Args:
        like: What it gives the numbers and the gradient of.
        short: Whether memory is short: each place is then kept in two bytes instead of eight, which
            takes longer.
    """

    def __init__(self, like: nn.MaxPool2d, *, short: bool = False) -> None:
        window = like.kernel_size, like.stride, like.padding, like.dilation
        super().__init__(*window, ceil_mode=like.ceil_mode)
        self.short = short

    def forward(self, x: Tensor) -> Tensor:
        """Return the maxima (N, C, h, w) of (N, C, H, W)."""
        if x.device.type not in LEAN_ON:
            plain: Tensor = super().forward(x)
            return plain
        return alone(x, self)

    def forth(self, x: Tensor, *, keeps: bool) -> tuple[Tensor, list[Tensor]]:
        """Return the maxima and where they were."""
        maxima, places = _ATEN.max_pool2d_with_indices(x, *self.window, self.ceil_mode)
        corners = _corners(self, x.shape, maxima) if self.short and keeps else None
        return maxima, [places if corners is None else (places - corners).to(torch.int16)]

    def back(self, grad: Tensor, kept: list[Tensor], like: Shape, *, spare: bool) -> Tensor:
        """Return the gradient in a map from that in its maxima."""
        places = kept.pop()
        if places.dtype == torch.int16:
            corners = _corners(self, like.size, grad)
            assert corners is not None
            places = places.long().add_(corners)
        places = places.contiguous(memory_format=like.layout)
        slope = _ATEN.max_pool2d_with_indices_backward
        result: Tensor = slope(grad, like.blank(grad), *self.window, self.ceil_mode, places)
        return result

    @property
    def window(self) -> list[list[int]]:
        """Kernel, stride, padding and dilation, [vertical, horizontal] each."""
        return [list(both) for both in window_of(self)]


def lean(stages: Iterable[nn.Module], device: torch.device) -> list[nn.Module]:
    """Return stages, with maximum poolings that keep less where the device can do with less."""
    if device.type not in LEAN_ON:
        return list(stages)
    return [LeanMaxPool2d(s) if isinstance(s, nn.MaxPool2d) else s for s in stages]


def short(stages: Iterable[nn.Module]) -> list[nn.Module]:
    """Return stages as they are run where memory is short."""
    return [LeanMaxPool2d(s, short=True) if isinstance(s, LeanMaxPool2d) else s for s in stages]


def _corners(pool: LeanMaxPool2d, size: torch.Size, maxima: Tensor) -> Tensor | None:
    """Return the place where each square begins, (h, w) int64, row after row as torch counts them.

    None where a square reaches too far from there for two bytes.
    """
    kernel, stride, padding, dilation = pool.window
    height, width = maxima.shape[2:]
    reach_y, reach_x = ((k - 1) * d for k, d in zip(kernel, dilation, strict=True))
    if reach_y * size[3] + reach_x > torch.iinfo(torch.int16).max:
        return None
    rows = torch.arange(height, device=maxima.device) * stride[0] - padding[0]
    columns = torch.arange(width, device=maxima.device) * stride[1] - padding[1]
    return rows[:, None] * size[3] + columns
