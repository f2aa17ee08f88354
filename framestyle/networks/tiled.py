"""The first stages of a network, tile by tile: the numbers of the whole picture in less memory.

The maps of the first stages are the largest, and take little of the time. So they are not kept:
what comes after them, and sums over their positions such as Gram matrices, are made tile by tile,
and on the way back each tile is computed once more (checkpointing, Chen et al. 2016). The gradient
is that of the whole picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from framestyle.networks.chain import Add, Link, Look, Step, Summed, back, forth
from framestyle.networks.fields import Field, Size
from framestyle.networks.layers import Shape
from framestyle.networks.tiles import Part, cut


@dataclass(frozen=True)
class Tiling:
    """How much of a network is run tile by tile.

    Attributes:
        stages: How many of its first stages.
        side_px: Longest side of a tile, in pixels of the picture, without its border.
    """

    stages: int
    side_px: int


@dataclass(frozen=True)
class TiledStages:
    """The first stages of a network, for pictures of one size.

    Attributes:
        prepare: Makes a part of a picture ready for the first stage.
        stages: They.
        fields: What each one's map sees.
        sizes: Size of each one's map, of the whole picture.
        size: Of the picture.
        side_px: Longest side of a tile.
        mapped: Stages of which the whole map is wanted, by number.
        summed: Stages of which the mean of a sum over positions is wanted.
    """

    prepare: Callable[[Tensor], Tensor]
    stages: Sequence[Link]
    fields: Sequence[Field]
    sizes: Sequence[Size]
    size: Size
    side_px: int
    mapped: Sequence[int]
    summed: Mapping[int, Summed]

    def __call__(self, image: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Return the maps and the means that are wanted, by stage; differentiable in the image.

        Args:
            image: (1, 3, H, W) in [0, 1].
        """
        made = _Tiled.apply(image, self)
        count = len(self.mapped)
        maps = dict(zip(self.mapped, made[:count], strict=True))
        return maps, dict(zip(self.summed, made[count:], strict=True))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Make the maps and the means."""
        maps: dict[int, Tensor] = {}
        means: dict[int, Tensor] = {}
        for pixels, parts in self._tiles:
            x = self.prepare(image[:, :, *pixels])
            forth(self.stages, x, self._gathering(parts, maps, means), keeps=False)
        for number, total in means.items():
            total /= self._positions(number)
        return (*(maps[n] for n in self.mapped), *(means[n] for n in self.summed))

    def backward(self, image: Tensor, grads: Sequence[Tensor | None]) -> Tensor:
        """Return the gradient in the image from those in what ``forward`` made."""
        count = len(self.mapped)
        of_maps = dict(zip(self.mapped, grads[:count], strict=True))
        of_means = dict(zip(self.summed, grads[count:], strict=True))
        result = torch.zeros_like(image)
        for pixels, parts in self._tiles:
            with torch.enable_grad():
                piece = image[:, :, *pixels].detach().requires_grad_(True)
                x = self.prepare(piece)
            trail = forth(self.stages, x.detach(), lambda n, _: n in self.summed, keeps=True)
            grad = back(self.stages, trail, self._adding(parts, of_maps, of_means))
            if grad is not None:
                result[:, :, *pixels].add_(torch.autograd.grad(x, piece, grad)[0])
        return result

    def _gathering(
        self, parts: Mapping[int, Part], maps: dict[int, Tensor], means: dict[int, Tensor]
    ) -> Look:
        """Return what takes a tile's own numbers of every map that is wanted."""

        def look(number: int, made: Tensor) -> bool:
            if number not in parts:
                return False
            own = made[:, :, *parts[number].local]
            if number in self.mapped:
                if number not in maps:
                    whole = torch.Size((1, made.shape[1], *self.sizes[number]))
                    maps[number] = Shape(whole, torch.channels_last).blank(made)
                maps[number][:, :, *parts[number].whole] = own
            if number in self.summed:
                total = self.summed[number].total(own)
                means[number] = means[number] + total if number in means else total
            return False

        return look

    def _adding(
        self,
        parts: Mapping[int, Part],
        of_maps: Mapping[int, Tensor | None],
        of_means: Mapping[int, Tensor | None],
    ) -> Add:
        """Return what adds to the gradient in a tile's maps what comes of its own numbers."""

        def add(number: int, step: Step, grad: Tensor | None) -> Tensor | None:
            of_map, of_mean, features = of_maps.get(number), of_means.get(number), step.features
            if of_map is not None:
                grad = step.made.blank(of_map).zero_() if grad is None else grad
                grad[:, :, *parts[number].local] += of_map[:, :, *parts[number].whole]
            if of_mean is not None:
                assert features is not None
                own = features[:, :, *parts[number].local]
                grad = torch.zeros_like(features) if grad is None else grad
                slope = self.summed[number].slope(own, of_mean, self._positions(number))
                grad[:, :, *parts[number].local] += slope
            return grad

        return add

    @cached_property
    def _tiles(self) -> list[tuple[tuple[slice, slice], dict[int, Part]]]:
        """Rows and columns of every tile, and what it has of each map that is wanted."""
        wanted = sorted({*self.mapped, *self.summed})
        maps = [(self.fields[number], self.sizes[number]) for number in wanted]
        tiles = cut(self.size, maps, self.side_px)
        return [(tile.pixels, dict(zip(wanted, tile.parts, strict=True))) for tile in tiles]

    def _positions(self, number: int) -> int:
        height, width = self.sizes[number]
        return height * width


def with_mean(features: Tensor, summed: Summed) -> tuple[Tensor, Tensor]:
    """Return features as they are, and the mean of a sum over their positions.

    What goes on from the features goes on from those returned: their gradient and that of the mean
    then meet in one pass over memory.
    """
    x, mean = _WithMean.apply(features, summed)
    return x, mean


class _WithMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, summed: Summed) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.summed, ctx.positions = summed, features.shape[2] * features.shape[3]
        ctx.save_for_backward(features)
        # an input that is returned as it is gets other strides in its batch, and with them layers
        # take it for one that is not channels-last
        return features.detach(), summed.total(features) / ctx.positions

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_features: Tensor | None, of_mean: Tensor | None
    ) -> tuple[Tensor | None, None]:
        (features,) = ctx.saved_tensors
        if of_mean is None:
            return of_features, None
        return ctx.summed.slope(features, of_mean, ctx.positions, of_features), None


class _Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, stages: TiledStages) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.stages = stages
        ctx.save_for_backward(image)
        return stages.forward(image)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None]:
        (image,) = ctx.saved_tensors
        return ctx.stages.backward(image, grads), None
