"""What part of a picture a part of a map sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from framestyle.networks import zoo

Size = tuple[int, int]
"""(height, width)."""
Kernel = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d
"""A layer that sees more than one position."""


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


def kernels_of(stage: nn.Module) -> list[Kernel]:
    """Return the layers of a stage that see more than one position, in order."""
    return [layer for layer in stage.modules() if isinstance(layer, Kernel)]


def window_of(layer: Kernel) -> list[tuple[int, int]]:
    """Return kernel, stride, padding and dilation of a layer, (vertical, horizontal) each."""
    assert not isinstance(layer.padding, str)
    dilation = 1 if isinstance(layer, nn.AvgPool2d) else layer.dilation
    window = layer.kernel_size, layer.stride, layer.padding, dilation
    return [(each, each) if isinstance(each, int) else (each[0], each[1]) for each in window]


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
        for layer in kernels_of(stage):
            # squares that pad the same on all sides; rectangles count as their longest
            field = field.then(*(max(both) for both in window_of(layer)))
        found.append(field)
    return found


def _is_plain(stage: nn.Module) -> bool:
    if isinstance(stage, nn.Sequential | nn.ReLU | nn.Identity):
        return True
    kernels = [module for module in stage.modules() if hasattr(module, "kernel_size")]
    return len(kernels) == 1 or zoo.is_fire(stage)
