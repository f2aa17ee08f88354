"""What part of a picture a part of a map sees."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from framestyle.networks import zoo

Size = tuple[int, int]
"""(height, width)."""


@dataclass(frozen=True)
class Field:
    """Where the numbers of a map look: number j sees pixels j * stride - before to + after.

    Attributes:
        stride: Pixels from one number to the next.
        before: How far ahead of its own place a number sees, in pixels, at most.
        after: How far behind it.
    """

    stride: int = 1
    before: int = 0
    after: int = 0

    def then(self, kernel: int, stride: int, padding: int, dilation: int) -> "Field":
        """Return the field of what a kernel makes of this map."""
        reach = dilation * (kernel - 1)
        return Field(
            self.stride * stride,
            self.before + max(0, padding) * self.stride,
            self.after + max(0, reach - padding) * self.stride,
        )


def fields(stages: Sequence[nn.Module]) -> list[Field]:
    """Return the field of every stage's map, for as many of the first stages as are plain.

    A stage is plain whose kernels are all modules of it: in the blocks of Inception, some pooling
    is not. Where kernels stand side by side, they are counted as if one came after the other.
    """
    found: list[Field] = []
    field = Field()
    for stage in stages:
        if not _is_plain(stage):
            break
        for module in stage.modules():
            if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
                field = field.then(
                    _one(module.kernel_size),
                    _one(module.stride),
                    _one(module.padding),
                    _one(getattr(module, "dilation", 1)),
                )
        found.append(field)
    return found


def map_sizes(stages: Sequence[nn.Module], size: Size) -> list[Size]:
    """Return the size of every stage's map for pictures of a size; nothing is computed."""
    dtype = next(stages[0].parameters()).dtype
    x = torch.empty(1, 3, *size, device="meta", dtype=dtype)
    sizes = []
    with torch.no_grad():
        for stage in stages:
            x = without_numbers(stage, dtype)(x)
            sizes.append((x.shape[2], x.shape[3]))
    return sizes


def without_numbers(stage: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy of a stage whose weights have shapes and no numbers (on torch's meta device).

    A copy, because others may run the stage meanwhile.

    Args:
        stage: It.
        dtype: Precision of the copy.
    """
    shapes: dict[int, Tensor] = {}
    for weight in stage.parameters():
        bare = torch.empty_like(weight, device="meta", dtype=dtype)
        shapes[id(weight)] = nn.Parameter(bare, requires_grad=False)
    for buffer in stage.buffers():
        kind = dtype if buffer.is_floating_point() else buffer.dtype
        shapes[id(buffer)] = torch.empty_like(buffer, device="meta", dtype=kind)
    return copy.deepcopy(stage, shapes)


def _is_plain(stage: nn.Module) -> bool:
    if isinstance(stage, nn.Sequential | nn.ReLU | nn.Identity):
        return True
    kernels = [module for module in stage.modules() if hasattr(module, "kernel_size")]
    return len(kernels) == 1 or zoo.is_fire(stage)


def _one(value: int | str | tuple[int, ...]) -> int:
    """Kernels here are square, and pad the same on all sides; rectangles count as their longest."""
    assert not isinstance(value, str)
    return value if isinstance(value, int) else max(value)
