"""What runs as few of a network's stages as it can, in as much memory as there is."""

from collections.abc import Hashable, Mapping, Sequence

import torch
from torch import Tensor, nn

from framestyle.networks.chain import Chain, Link, Rectified, Summed, linked
from framestyle.networks.fields import Size, fields
from framestyle.networks.flat import flat_chain
from framestyle.networks.footprint import Footprint, Plan, Room
from framestyle.networks.layers import normalised
from framestyle.networks.packed import Packer
from framestyle.networks.pooling import lean, short
from framestyle.networks.sizes import map_sizes
from framestyle.networks.tiled import TiledStages, Tiling, with_mean

Triple = tuple[float, float, float]
Stages = Sequence[tuple[str, nn.Module]]
Run = tuple[TiledStages | None, Sequence[nn.Module] | Chain]
"""Stages that are run tile by tile, if any, and those after them: as one where they can be."""


class Extractor(nn.Module):
    """The first stages of a network, down to the deepest layer that is asked for.

    Maps an image (N, 3, H, W), float32 RGB in [0, 1], to the features of each layer, a dictionary
    from name to (N, C, h, w) in the precision of the network and in channels_last, shallowest
    first. The gradient comes back to the image in float32.

    Of a layer of which a sum is all that is wanted, the features are the mean of it over positions,
    as ``summed`` makes it. Where memory is short, the first stages are run tile by tile.
    """

    def __init__(
        self,
        mean: Triple,
        std: Triple,
        stages: Stages,
        layers: Sequence[str],
        summed: Mapping[str, Summed],
        room: Room,
        packer: Packer,
    ) -> None:
        super().__init__()
        layers = [*layers, *summed]
        self._summed, self._room = summed, room
        self._plans: dict[Hashable, tuple[Plan | None, Run]] = {}
        device = next(stages[0][1].parameters()).device
        # Plain attributes, so that casting the network leaves the normalisation in float32.
        self._scale = torch.tensor([1 / s for s in std]).view(1, 3, 1, 1).to(device)
        self._shift = -torch.tensor(mean).view(1, 3, 1, 1).to(device) * self._scale
        self._taps = tuple(tap if tap in layers else None for tap, _ in stages)
        modules = [module for _, module in stages]
        summed_at, mapped_at = self._wanted(self._taps)
        self._flat = flat_chain(modules, mapped_at, summed_at, packer.flat)
        modules = _pooled_first(modules, self._taps)
        modules = packer.stages(lean(modules, device), self._taps, device)
        untapped_before = [False, *(tap is None for tap in self._taps)]
        self._stages = nn.ModuleList(
            # In place saves the memory of one map for each ReLU, and spoils the map before it.
            Rectified(inplace=free) if isinstance(module, nn.ReLU) else module
            for free, module in zip(untapped_before, modules, strict=False)
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Compute the layers of an image (N, 3, H, W) in [0, 1]."""
        tiled, whole = self._planned((image.shape[2], image.shape[3]), image.device)
        features, first = {}, 0
        if tiled is None:
            if self._flat is not None and self._flat.suits(image, self._precision):
                return self._named(self._flat(image, *self._normalisation(image.device)))
            x = self._prepared(image)
        else:
            first = len(tiled.stages)
            maps, means = tiled(image)
            made = {**maps, **means}
            taps = enumerate(self._taps[:first])
            features = {tap: made[number] for number, tap in taps if tap is not None}
            if not whole:
                return features
            x = maps[first - 1]
        if isinstance(whole, Chain):
            return {**features, **self._named(whole(x), first)}
        for tap, stage in zip(self._taps[first:], whole, strict=True):
            x = stage(x)
            if tap is not None and tap in self._summed:
                x, features[tap] = with_mean(x, self._summed[tap])
            elif tap is not None:
                features[tap] = x
        return features

    def _prepared(self, image: Tensor) -> Tensor:
        """Return an image as the first stage takes it."""
        return normalised(image, *self._normalisation(image.device), self._precision)

    def _normalisation(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return scale and shift; they stay where they are unless the network has moved since."""
        return self._scale.to(device), self._shift.to(device)

    def _named(self, made: Mapping[int, Tensor], first: int = 0) -> dict[str, Tensor]:
        """Return what stages made by their names, not their numbers from the first of them on."""
        named = {self._taps[first + number]: value for number, value in made.items()}
        return {tap: value for tap, value in named.items() if tap is not None}

    def tiling(self, size: Size) -> Tiling | None:
        """Return how much of it is run tile by tile on images of a size; None if nothing is."""
        summed, mapped = self._wanted(self._taps)
        stages = list(self._stages)
        return self._room.tiling(Footprint(stages, size, self._precision, mapped, tuple(summed)))

    @property
    def _precision(self) -> torch.dtype:
        return next(self._stages.parameters()).dtype

    def _planned(self, size: Size, device: torch.device) -> Run:
        """Return the stages that are run tile by tile, if any, and those that are run whole."""
        # what is kept for the way back is planned for where there is one
        key = size, device, self._room.version, torch.is_grad_enabled()
        if key not in self._plans:
            tiled, whole, tiling = None, list(self._stages), self.tiling(size)
            if tiling is not None:
                tiled = self._tiled_by(tiling, size)
                whole = short(whole[tiling.stages :])
            # on a GPU a step is recorded, and nothing is around an operation
            run = tiled, self._as_one(whole) if device.type == "cpu" else whole
            self._plans[key] = self._room.in_use, run
        self._room.in_use, run = self._plans[key]
        return run

    def _as_one(self, stages: Sequence[nn.Module]) -> Sequence[nn.Module] | Chain:
        """Return the last stages as one, where the way back of each is written out."""
        links = [stage for stage in stages if isinstance(stage, Link)]
        if not links or len(links) < len(stages):
            return stages
        summed, mapped = self._wanted(self._taps[len(self._stages) - len(stages) :])
        return Chain(links, mapped, summed)

    def _wanted(self, taps: Sequence[str | None]) -> tuple[dict[int, Summed], list[int]]:
        """Return of which stages a sum is wanted, and of which the map, by number."""
        names = [(number, tap) for number, tap in enumerate(taps) if tap is not None]
        summed = {number: self._summed[tap] for number, tap in names if tap in self._summed}
        return summed, [number for number, _ in names if number not in summed]

    def _tiled_by(self, tiling: Tiling, size: Size) -> TiledStages:
        first = list(self._stages)[: tiling.stages]
        summed, mapped = self._wanted(self._taps[: tiling.stages])
        if len(first) < len(self._stages):  # the last of them goes on to those after it
            mapped = sorted({*mapped, len(first) - 1})
        return TiledStages(
            self._prepared,
            linked(first),
            fields(first),
            map_sizes(first, size),
            size,
            tiling.side_px,
            mapped,
            summed,
        )


def _pooled_first(modules: list[nn.Module], taps: Sequence[str | None]) -> list[nn.Module]:
    """Swap a ReLU and the maximum pooling after it, where nobody looks in between.

    Both orders give the same, numbers and gradients, and of a pooled map there is a quarter.
    """
    modules = list(modules)
    for i in range(len(modules) - 1):
        relu, pool = modules[i], modules[i + 1]
        if isinstance(relu, nn.ReLU) and isinstance(pool, nn.MaxPool2d) and taps[i] is None:
            modules[i], modules[i + 1] = pool, relu
    return modules
