"""Networks as a list of named stages."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import torch
from torch import nn

from framestyle.errors import ModelError
from framestyle.networks.chain import Summed
from framestyle.networks.extractor import Extractor, Stages, Triple
from framestyle.networks.fields import window_of
from framestyle.networks.footprint import Room
from framestyle.networks.packed import Packer
from framestyle.networks.pooling import HalvingMean
from framestyle.networks.sizes import smallest_side

Pooling = Literal["max", "average"]


class FeatureNetwork(nn.Module):
    """A frozen network, cut into named stages that run one after the other.

    The weights lie in channels_last. ``to`` moves and casts them; the image and its normalisation
    stay in float32 whatever the precision of the network.

    Attributes:
        name: The registry's name for it.
        taps: Names of all stages, first to last; each can be asked for as a layer.
        mean: What is taken off each of the channels R, G, B of an image in [0, 1].
        std: What each channel is then divided by.
        pooling: ``"max"`` or ``"average"``.
    """

    def __init__(
        self, name: str, stages: Stages, mean: Triple, std: Triple, pooling: Pooling = "max"
    ) -> None:
        super().__init__()
        self.name = name
        self.taps = tuple(tap for tap, _ in stages)
        self.mean = mean
        self.std = std
        self.pooling = pooling
        self._stages = nn.ModuleList(module for _, module in stages)
        self._packer = Packer()
        self._smallest_px: dict[tuple[int, int], int] = {}  # by number of stages and least side
        self.requires_grad_(False)
        self.eval()
        self.to(memory_format=torch.channels_last)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights and of the features."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def named_stages(self) -> Stages:
        """All stages with their names, first to last."""
        return list(zip(self.taps, self._stages, strict=True))

    def check_layers(self, names: Iterable[str]) -> None:
        """Raise ``ModelError`` where a name is not one of ``taps``."""
        for name in names:
            if name not in self.taps:
                near = difflib.get_close_matches(name, self.taps, n=3, cutoff=0.65)
                meant = f" (did you mean {' or '.join(near)}?)" if near else ""
                raise ModelError(
                    f"{self.name} has no layer {name!r}{meant}; there are: {', '.join(self.taps)}"
                )

    def extractor(
        self,
        layers: Sequence[str],
        summed: Mapping[str, Summed] | None = None,
        room: Room | None = None,
    ) -> Extractor:
        """Return what computes these layers and nothing deeper; it shares the weights.

        Args:
            layers: Names out of ``taps``, in any order.
            summed: More names, each with the sum over positions that is all that is wanted of it.
            room: How much memory there is for it; without limit by default.

        Raises:
            ModelError: A layer is unknown, or none is named.
        """
        summed = {name: total for name, total in (summed or {}).items() if name not in layers}
        stages = self.up_to([*layers, *summed])
        return Extractor(self.mean, self.std, stages, layers, summed, room or Room(), self._packer)

    def minimum_side_px(self, layers: Sequence[str], least: int = 1) -> int:
        """Return the side of the smallest square image for which all ``layers`` can be computed.

        An image suits when both of its sides are at least this long. Nothing is computed but
        shapes.

        Args:
            layers: Names out of ``taps``.
            least: Sides that the feature maps must have at least. One position is enough for a
                mean or a Gram matrix; ask for more where a layer has to tell places apart.

        Raises:
            ModelError: A layer is unknown, or none is named.
        """
        stages = [module for _, module in self.up_to(layers)]
        key = len(stages), least
        if key not in self._smallest_px:
            self._smallest_px[key] = smallest_side(stages, least)
        return self._smallest_px[key]

    def with_pooling(self, pooling: Pooling) -> "FeatureNetwork":
        """Return the network with maximum or average pooling; both share the weights.

        Average pooling is what Gatys et al. 2016 suggest for smoother results. The pooling stages
        change (same kernel, stride and borders); pooling inside the blocks of the Inception
        networks stays as it was trained.

        Raises:
            ModelError: ``pooling`` is neither ``"max"`` nor ``"average"``.
        """
        if pooling not in ("max", "average"):
            raise ModelError(f"got pooling {pooling!r}, expected max or average")
        swapped = [(tap, _pool_as(pooling, module)) for tap, module in self.named_stages]
        return FeatureNetwork(self.name, swapped, self.mean, self.std, pooling)

    def up_to(self, layers: Sequence[str]) -> Stages:
        """Return the stages down to the deepest of these layers, with their names, as they are.

        Raises:
            ModelError: A layer is unknown, or none is named.
        """
        self.check_layers(layers)
        if not layers:
            raise ModelError(f"no layer of {self.name} is named; there are: {', '.join(self.taps)}")
        return self.named_stages[: 1 + max(self.taps.index(layer) for layer in layers)]


def _pool_as(pooling: Pooling, module: nn.Module) -> nn.Module:
    if not isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return module
    kernel, stride, padding, _ = window_of(module)
    if pooling == "max":
        return nn.MaxPool2d(kernel, stride, padding=padding, ceil_mode=module.ceil_mode)
    if kernel == stride == (2, 2) and padding == (0, 0) and not module.ceil_mode:
        return HalvingMean()  # the way back of torch's own takes several times as long
    return nn.AvgPool2d(kernel, stride, padding=padding, ceil_mode=module.ceil_mode)
