"""What the stages optimise: an objective of the features that a network makes of an image."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from framestyle.objectives import Features, WeightedSum
from framestyle.stages.optimise import Terms


@dataclass
class Evaluation:
    """An objective, of features.

    Attributes:
        objective: What an image is worth by its features.
        extract: Makes the features of an image.
    """

    objective: WeightedSum
    extract: Callable[[Tensor], Features]

    def __call__(self, image: Tensor) -> tuple[Tensor, Terms]:
        """Return the value of an image (1, 3, H, W) in [0, 1], and its terms."""
        return self.objective(image, self.extract(image))

    @property
    def tensors(self) -> Sequence[Tensor]:
        """Everything that another frame has other numbers in."""
        return self.objective.tensors

    @property
    def form(self) -> Hashable:
        """What has to be equal for two of them to differ in their tensors alone."""
        return tuple((name, weight) for name, (weight, _) in self.objective.terms.items())


class Jittered(Evaluation):
    """An objective of the image moved by some pixels, each time by others; its borders meet.

    Args:
        objective: What an image is worth by its features.
        extract: Makes the features of an image.
        shifts: How far down and across it is moved, time after time, (n, 2) int64.
    """

    def __init__(
        self,
        objective: WeightedSum,
        extract: Callable[[Tensor], Features],
        shifts: Tensor,
    ) -> None:
        super().__init__(objective, extract)
        self._shifts = shifts
        # Counted on the device, so that a recording of it moves on by itself.
        self._at = torch.zeros(1, dtype=torch.int64, device=shifts.device)

    def __call__(self, image: Tensor) -> tuple[Tensor, Terms]:
        """Return the value of an image (1, 3, H, W) in [0, 1], and its terms."""
        with torch.no_grad():
            shift = self._shifts.index_select(0, self._at)[0]
            self._at.add_(1).remainder_(len(self._shifts))
        return super().__call__(rolled(image, shift))

    @property
    def tensors(self) -> Sequence[Tensor]:
        """Everything that another frame has other numbers in."""
        return [*super().tensors, self._shifts, self._at]


def rolled(image: Tensor, shift: Tensor) -> Tensor:
    """``torch.roll`` by a shift that only the device knows; differentiable in the image.

    Args:
        image: (1, C, H, W).
        shift: How far down and across, (2,) int64, on the device of the image.
    """
    result: Tensor = _Rolled.apply(image, shift)
    return result


class _Rolled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, shift: Tensor) -> Tensor:
        ctx.save_for_backward(shift)
        return _gathered(image, shift)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (shift,) = ctx.saved_tensors
        return _gathered(grad, -shift), None


def _gathered(image: Tensor, shift: Tensor) -> Tensor:
    for dim, by in zip((2, 3), shift.unbind(), strict=True):
        places = torch.arange(image.shape[dim], device=image.device)
        image = image.index_select(dim, (places - by).remainder(image.shape[dim]))
    return image
