"""Convolutions of three by three and poolings of a GPU, as one chain with its way back.

Maps lie in memory as flat_kernels.py has them, and what is beside a convolution is done by its
kernel. On an H200 in bfloat16 an iteration of VGG19 takes six tenths of what it takes with torch's
own operations, which pass over the maps for each bias, each ReLU, and on the way back once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from framestyle.errors import first_line
from framestyle.exhaustion import gpu_ran_out
from framestyle.networks.chain import Summed
from framestyle.networks.fields import window_of
from framestyle.networks.flat_weights import COLOURS, FlatWeights

MEASURED_ON = (9, 0)
"""Compute capability of the GPUs on which it takes less time: Hopper."""
PRECISION = torch.bfloat16
"""Of the weights with which it does."""


@dataclass(frozen=True)
class _Layer:
    """A convolution with a ReLU, or a pooling where it has no weights.

    Attributes:
        number: Of the stage that makes its map.
        weights: Of the convolution.
    """

    number: int
    weights: FlatWeights | None


@dataclass
class _Made:
    """A map that was made of an image, flat, and its size."""

    layer: _Layer | None
    rows: Tensor
    height: int
    width: int

    def padded(self) -> Tensor:
        """Return it as a map with a column of zeros, (1, C, H, W + 1), channels-last."""
        return self.rows.view(1, self.height, self.width + 1, -1).permute(0, 3, 1, 2)

    def plain(self) -> Tensor:
        """Return it as a map, (1, C, H, W), channels-last."""
        made = self.padded()[..., : self.width]
        return made.contiguous(memory_format=torch.channels_last)

    def forgotten(self) -> "_Made":
        """Return it without its numbers, of its shape, so that their memory is free."""
        blank = self.rows.new_empty(()).expand(self.rows.shape)
        return _Made(self.layer, blank, self.height, self.width)

    def laid_out(self, grad: Tensor) -> Tensor:
        """Return a gradient in the map, (1, C, H, W), flat."""
        rows = nnf.pad(grad[0].permute(1, 2, 0), (0, 0, 0, 1))
        return rows.reshape(self.rows.shape).to(self.rows.dtype)


@dataclass(frozen=True)
class FlatChain:
    """Stages that follow each other, from an image on, and which of their maps are wanted.

    Attributes:
        layers: They.
        mapped: Stages of which the map is wanted, by number.
        summed: Those of which the mean of a sum over positions is wanted.
    """

    layers: Sequence[_Layer]
    mapped: Sequence[int]
    summed: dict[int, Summed]

    def suits(self, image: Tensor, dtype: torch.dtype) -> bool:
        """Tell whether it runs on an image (N, 3, H, W), with weights of a precision."""
        return len(image) == 1 and dtype == PRECISION and is_measured(image.device)

    def __call__(self, image: Tensor, scale: Tensor, shift: Tensor) -> dict[int, Tensor]:
        """Return what is wanted, by number, shallowest first; differentiable in the image.

        Args:
            image: (1, 3, H, W) float32.
            scale: What its channels are multiplied by, three numbers.
            shift: What is then added to them, three numbers.
        """
        wanted = sorted({*self.mapped, *self.summed})
        keeps = image.requires_grad and torch.is_grad_enabled()
        return dict(zip(wanted, _Flat.apply(image, scale, shift, self, keeps), strict=True))


def flat_chain(
    stages: Sequence[nn.Module],
    mapped: Sequence[int],
    summed: dict[int, Summed],
    weights: dict[int, FlatWeights],
) -> FlatChain | None:
    """Return stages as one chain; None where they are others than it has.

    Args:
        stages: They run one after the other.
        mapped: As of ``FlatChain``.
        summed: As of ``FlatChain``.
        weights: Those that are shared with other chains, by what they are made of.
    """
    layers: list[_Layer] = []
    number = 0
    while number < len(stages):
        stage, after = stages[number], stages[number + 1 : number + 2]
        hidden = number not in mapped and number not in summed
        rectified = any(isinstance(stage, nn.ReLU) for stage in after)
        if _is_plain(stage, first=not layers) and rectified and hidden:
            assert isinstance(stage, nn.Conv2d)
            own = weights.setdefault(id(stage.weight), FlatWeights(stage))
            layers.append(_Layer(number + 1, own))
            number += 2
        elif layers and _halves(stage):
            layers.append(_Layer(number, None))
            number += 1
        else:
            return None
    return FlatChain(layers, mapped, summed)


def is_measured(device: torch.device) -> bool:
    """Tell whether the kernels run on a device, and take less time there."""
    return _is_made_for(device) and _trouble(device) is None


def why_not_flat(device: torch.device) -> str | None:
    """Return in one line why a device that the kernels are made for does not run them."""
    return _trouble(device) if _is_made_for(device) else None


def _is_made_for(device: torch.device) -> bool:
    if device.type != "cuda" or torch.version.hip is not None:
        return False
    return torch.cuda.get_device_capability(device) == MEASURED_ON


@cache
def _trouble(device: torch.device) -> str | None:
    try:
        operations = _operations()
        rows = torch.ones(4, 64, device=device, dtype=PRECISION)
        kernels = torch.ones(9 * 64, 64, device=device, dtype=PRECISION)
        made = operations.convolved(rows, kernels, rows[0], 1)
        operations.slope(made, kernels, made, kernels[:64], made, True, 1)
    except Exception as error:  # of any type, from Python, Triton and a C compiler
        if gpu_ran_out(error):
            raise
        return first_line(error)
    return None


class _Flat(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, image: Tensor, scale: Tensor, shift: Tensor, chain: FlatChain, keeps: bool
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        first = chain.layers[0].weights
        assert first is not None
        height, width = image.shape[2:]
        rows = _operations().entered(image, scale, shift, first.bias)
        made = _Made(None, rows, height, width)
        trail, wanted = [made.forgotten()], []
        for layer, after in zip(chain.layers, [*chain.layers[1:], None], strict=True):
            made = _forth(made, layer)
            if keeps:
                is_cut_off = layer.weights is not None
                is_pooled = after is not None and after.weights is None
                is_read = is_cut_off or is_pooled or layer.number in chain.summed
                trail.append(made if is_read else made.forgotten())
            if layer.number in chain.summed:
                total = chain.summed[layer.number].total(made.padded())
                wanted.append(total / (made.height * made.width))
            elif layer.number in chain.mapped:
                wanted.append(made.plain())
        ctx.chain, ctx.trail, ctx.scale = chain, trail, scale
        return tuple(wanted)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None, None, None, None]:
        chain, trail, ahead = ctx.chain, ctx.trail, list(grads)
        if len(trail) <= len(chain.layers):
            raise RuntimeError("the way back of a chain is taken a second time; it is gone")
        above: _Above = None
        while len(trail) > 1:  # taken out, so that memory is free as soon as it has been used
            made = trail.pop()
            above = _back(made, above, *_looked(chain, made, ahead))
        image, grad = trail.pop(), None
        if above is not None:
            rows = _of_rows(image, above, None, None, cut=False)
            grad = _operations().left(rows, ctx.scale, image.height, image.width)
        return grad, None, None, None, None


_Above = tuple[Tensor, _Layer] | None
"""The gradient in what the layer above a map makes before it cuts off, and that layer."""


def _forth(below: _Made, layer: _Layer) -> _Made:
    height, width = below.height, below.width
    if layer.weights is None:
        rows = _operations().pooled(below.rows, height, width)
        return _Made(layer, rows, height // 2, width // 2)
    kernels, _ = layer.weights.both_ways()
    rows = _operations().convolved(below.rows, kernels, layer.weights.bias, width)
    return _Made(layer, rows, height, width)


def _looked(
    chain: FlatChain, made: _Made, ahead: list[Tensor | None]
) -> tuple[Tensor | None, Tensor | None]:
    """Return what looking at a map adds to its gradient: a factor of the map, and what is added."""
    assert made.layer is not None
    number = made.layer.number
    if number not in chain.summed and number not in chain.mapped:
        return None, None
    grad = ahead.pop()
    if grad is None:
        return None, None
    if number in chain.summed:
        positions = made.height * made.width
        factor = chain.summed[number].factor(grad, positions, made.rows.dtype)
        return factor.contiguous(), None
    return None, made.laid_out(grad)


def _back(made: _Made, above: _Above, factor: Tensor | None, added: Tensor | None) -> _Above:
    """Return the gradient in what a map was before it was cut off, with its layer."""
    if above is None and factor is None and added is None:
        return None
    assert made.layer is not None
    cut = made.layer.weights is not None
    if above is None or above[1].weights is not None:
        return _of_rows(made, above, factor, added, cut=cut), made.layer
    alone = factor is None and added is None
    unpooled, size = _operations().unpooled, (made.height, made.width)
    rows = unpooled(made.rows, above[0], cut and alone, *size)
    if not alone:
        rows = _of_rows(made, None, factor, rows if added is None else rows + added, cut=cut)
    return rows, made.layer


def _of_rows(
    made: _Made, above: _Above, factor: Tensor | None, added: Tensor | None, *, cut: bool
) -> Tensor:
    grad, kernels = None, None
    if above is not None:
        grad, layer = above
        assert layer.weights is not None
        _, kernels = layer.weights.both_ways()
    rows: Tensor
    rows = _operations().slope(grad, kernels, made.rows, factor, added, cut, made.width)
    return rows


def _is_plain(stage: nn.Module, *, first: bool) -> bool:
    """Tell whether a stage is a convolution that the kernels have."""
    if not isinstance(stage, nn.Conv2d) or stage.bias is None:
        return False
    if stage.padding_mode != "zeros" or isinstance(stage.padding, str):
        return False
    channels = stage.in_channels == COLOURS if first else stage.in_channels % 64 == 0
    # Triton counts in powers of two
    plain = stage.groups == 1 and stage.out_channels in (64, 128, 256, 512, 1024)
    return channels and plain and window_of(stage) == [(3, 3), (1, 1), (1, 1), (1, 1)]


def _halves(stage: nn.Module) -> bool:
    """Tell whether a stage is the maximum over squares of two by two."""
    if not isinstance(stage, nn.MaxPool2d) or stage.ceil_mode:
        return False
    return window_of(stage) == [(2, 2), (2, 2), (0, 0), (1, 1)]


def _operations() -> ModuleType:
    """Return what runs the kernels, which needs Triton."""
    return import_module("framestyle.networks.flat_operations")
