"""What a network keeps in memory for the way back, and how it is run where that is too much."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from framestyle.networks.bare import without_numbers
from framestyle.networks.fields import Field, Kernel, Size, fields
from framestyle.networks.pooling import short
from framestyle.networks.sizes import map_sizes
from framestyle.networks.tiled import Tiling

SIDES_PX = (2048, 1024, 512, 256)
"""Longest sides of tiles that are tried, without their borders."""
PASSING_MAPS = 3
"""Maps of the largest size that come and go on the way back: a gradient, and what it is made of."""
PICTURES = 16
"""Pictures in float32 that an iteration holds: itself, its gradient, moments, targets."""
Plain = Kernel | nn.ReLU | nn.Identity
"""A stage that is one layer."""
PLACE = 8
"""Bytes in which torch keeps where a maximum was."""
TAKEN_BACK = 0.75
"""Of what was thought to fit, what is tried after memory has run out."""


@dataclass(frozen=True)
class Kept:
    """What one stage keeps, in bytes.

    Attributes:
        saved: For the way back.
        output: Its map.
    """

    saved: int
    output: int


def kept_by(
    stages: Sequence[nn.Module], size: Size, dtype: torch.dtype, wanted: Collection[int] = ()
) -> list[Kept]:
    """Return what each stage keeps for pictures of a size; nothing is computed.

    Args:
        stages: Modules that run one after the other, the first on three channels.
        size: Of the picture.
        dtype: Precision of the maps.
        wanted: Stages of which the map is looked at, by number; it is needed for the way back.
    """
    x = torch.empty(1, 3, *size, device="meta", dtype=dtype, requires_grad=True)
    found: list[Kept] = []
    known: set[int] = set()  # what is counted: a map that one stage makes, the next one saves too
    alive: list[Tensor] = []  # so that no memory gets the name of another that is gone
    for number, stage in enumerate(stages):
        bare = without_numbers(stage, dtype)
        weights = list(bare.parameters())
        known |= {_memory(p) for p in weights}
        alive += weights
        saved: list[Tensor] = []

        def keep(tensor: Tensor, saved: list[Tensor] = saved) -> Tensor:
            saved.append(tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            x = bare(x)
        if number in wanted and x.requires_grad:
            saved.append(x)
        alive += saved
        new = {_memory(t): t.untyped_storage().nbytes() for t in saved if _memory(t) not in known}
        known |= new.keys()
        found.append(Kept(sum(new.values()), x.untyped_storage().nbytes()))
    return found


@dataclass(frozen=True)
class Footprint:
    """What an iteration takes on pictures of one size, however the stages are run.

    Attributes:
        stages: All stages that are run.
        size: Of the picture.
        dtype: Precision of the maps.
        mapped: Stages of which the map is looked at, by number.
        summed: Stages of which a sum over positions is.
    """

    stages: Sequence[nn.Module]
    size: Size
    dtype: torch.dtype
    mapped: Collection[int] = ()
    summed: Collection[int] = ()

    def peak_bytes(self, tiling: Tiling | None = None) -> int:
        """Estimate what it takes at most, pictures and maps; networks come on top.

        Args:
            tiling: How the stages are run; whole where None.
        """
        beside = self._beside
        if tiling is None:
            return beside + _at_most(self._kept)
        first, seen = tiling.stages, self._seen[tiling.stages - 1]
        border = 2 * max(seen.before, seen.after)
        tile = tuple(min(side, tiling.side_px + border) for side in self.size)
        in_tile = kept_by(self.stages[:first], (tile[0], tile[1]), self.dtype, self._wanted)
        # whole, and their gradients: the last goes on to the stages after the tiles
        joined = {number for number in self.mapped if number < first}
        joined |= {first - 1} if first < len(self.stages) else set()
        beside += 2 * sum(self._kept_where_short[number].output for number in joined)
        return beside + max(_at_most(in_tile), _at_most(self._kept_where_short[first:]))

    def fits_at_a_glance(self, budget_bytes: int) -> bool:
        """Tell whether it fits whole by far; what it takes exactly takes longer to find out.

        Of plain stages, each map is counted as if it were kept twice, with its places of maxima.
        """
        if not all(isinstance(stage, Plain) for stage in self.stages):
            return False
        channels, maps = 3, [_with_border(3, self.size)]
        for stage, size in zip(self.stages, map_sizes(self.stages, self.size), strict=True):
            if isinstance(stage, nn.Conv2d):
                channels = stage.out_channels
            maps.append(_with_border(channels, size))
        kept = (2 * self.dtype.itemsize + PLACE) * sum(maps)
        passing = PASSING_MAPS * self.dtype.itemsize * max(maps)
        return self._beside + kept + passing <= budget_bytes

    def tilings(self, largest_px: int = SIDES_PX[0]) -> list[Tiling]:
        """Return the ways to tile, from that which costs least to that which saves most.

        Every stage that is tiled is computed once more; a cut is made where the maps have shrunk.

        Args:
            largest_px: Side of the largest tiles.
        """
        found, stride = [], 1
        for number, seen in enumerate(self._seen, start=1):
            goes_on_in_place = number < len(self.stages) and isinstance(
                self.stages[number], nn.ReLU
            )
            if seen.stride > stride and not goes_on_in_place:
                stride = seen.stride
                found += [Tiling(number, side) for side in SIDES_PX if side <= largest_px]
        return found

    @property
    def _beside(self) -> int:
        """What pictures take, in bytes."""
        return PICTURES * 3 * self.size[0] * self.size[1] * torch.float32.itemsize

    @cached_property
    def _seen(self) -> list[Field]:
        """Fields of the stages that can be tiled."""
        return fields(self.stages)

    @cached_property
    def _kept(self) -> list[Kept]:
        return kept_by(self.stages, self.size, self.dtype, self._wanted)

    @cached_property
    def _kept_where_short(self) -> list[Kept]:
        return kept_by(short(self.stages), self.size, self.dtype, self._wanted)

    @property
    def _wanted(self) -> set[int]:
        return {*self.mapped, *self.summed}


class Plan:
    """How one network is run on pictures of one size; what is not asked is not estimated."""

    def __init__(self, footprint: Footprint, largest_px: int) -> None:
        self._footprint, self._largest = footprint, largest_px
        # less is kept where there is no way back
        self._goes_back = torch.is_grad_enabled()

    @cached_property
    def need(self) -> int:
        """What it takes as it is run, in bytes."""
        with torch.set_grad_enabled(self._goes_back):
            return self._footprint.peak_bytes()

    @cached_property
    def _ways(self) -> list[tuple[int, Tiling | None]]:
        ways: list[tuple[int, Tiling | None]] = [(self.need, None)]
        with torch.set_grad_enabled(self._goes_back):
            for way in self._footprint.tilings(self._largest):
                ways.append((self._footprint.peak_bytes(way), way))
        return ways

    def choose(self, budget_bytes: int) -> Tiling | None:
        """Return the first way that fits, or that which takes least; remember what it needs."""
        if self._footprint.fits_at_a_glance(budget_bytes) or self.need <= budget_bytes:
            return None
        fitting = (pair for pair in self._ways if pair[0] <= budget_bytes)
        self.need, way = next(fitting, min(self._ways, key=lambda pair: pair[0]))
        return way

    @property
    def can_shrink(self) -> bool:
        """Whether there is a way that needs less."""
        return self.need > min(need for need, _ in self._ways)


@dataclass
class Room:
    """The memory that there is for an iteration, and how networks are run in it.

    It serves one thread.

    Attributes:
        budget_bytes: What an iteration may take; None sets no limit.
        largest_px: Side of the largest tiles.
        version: Grows with each change of the budget: what was planned before holds no more.
        in_use: What is run by it now, or was last.
    """

    budget_bytes: int | None = None
    largest_px: int = SIDES_PX[0]
    version: int = field(default=0, init=False)
    in_use: Plan | None = field(default=None, init=False)
    _planned: list[Plan] = field(default_factory=list, init=False)

    def tiling(self, footprint: Footprint) -> Tiling | None:
        """Return how stages are run on pictures of a size; None where they fit whole.

        Where nothing fits, that which takes least is returned. What is planned is in use.
        """
        if self.budget_bytes is None:
            return None
        plan = Plan(footprint, self.largest_px)
        tiling = plan.choose(self.budget_bytes)
        self.in_use = plan
        self._planned.append(plan)
        return tiling

    def take_back(self) -> bool:
        """Plan with less after memory has run out.

        The largest shrinks of what takes as much as what is in use: less room for smaller pictures
        would be no help to it.

        Returns:
            False where nothing of that can be run in less.
        """
        least = 0 if self.in_use is None else self.in_use.need
        larger = [plan.need for plan in self._planned if plan.need >= least and plan.can_shrink]
        if not larger:
            return False
        self.budget_bytes = int(TAKEN_BACK * max(larger))
        self.version += 1
        self.in_use, self._planned = None, []
        return True


def _at_most(kept: Sequence[Kept]) -> int:
    largest = max((stage.output for stage in kept), default=0)
    return sum(stage.saved for stage in kept) + PASSING_MAPS * largest


def _with_border(channels: int, size: Size) -> int:
    """Return how many numbers a map has, with a border of one."""
    return channels * (size[0] + 2) * (size[1] + 2)


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
