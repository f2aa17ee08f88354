"""What a dream climbs: how strongly a network sees what it knows, or what a guide shows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from framestyle.errors import SettingsError
from framestyle.objectives import formulas
from framestyle.objectives.terms import Features
from framestyle.settings import Layers
from framestyle.transfer import uploaded


class DreamActivation:
    """sum_l c_l mean F_l^2 over the layers, or over some of their channels.

    Args:
        layers: Layer names with coefficients c_l; ``LAYER#3+7`` means channels 3 and 7 of it.
    """

    tensors: Sequence[Tensor] = ()

    def __init__(self, layers: Layers) -> None:
        self.parts = [(*split_channels(name), c) for name, c in layers]
        self._indices: dict[tuple[tuple[int, ...], torch.device], Tensor] = {}

    def __call__(self, image: Tensor, features: Features) -> Tensor:
        """Return the activation, a scalar."""
        values = []
        for name, channels, coefficient in self.parts:
            chosen = self._chosen(channels, features[name].device) if channels else None
            values.append(coefficient * formulas.activation(features[name], chosen))
        return torch.stack(values).sum()

    def _chosen(self, channels: tuple[int, ...], device: torch.device) -> Tensor:
        """Return the channels as indices, which are brought to a device once."""
        if (channels, device) not in self._indices:
            self._indices[channels, device] = uploaded(torch.tensor(channels), device)
        return self._indices[channels, device]


class GuidedActivation:
    """sum_l c_l of ``guided_activation``: the dream grows what the guide picture shows.

    Args:
        layers: Layer names with coefficients.
        guide: Features of the guide picture at those layers.
    """

    def __init__(self, layers: Layers, guide: Features) -> None:
        self.layers = layers
        self.guide = {
            name: guide[name].detach().float().flatten(2)[0].T.contiguous() for name, _ in layers
        }

    @property
    def tensors(self) -> Sequence[Tensor]:
        """The vectors that it grows."""
        return list(self.guide.values())

    def __call__(self, image: Tensor, features: Features) -> Tensor:
        """Return the activation, a scalar."""
        parts = [
            c * formulas.guided_activation(features[name], self.guide[name])
            for name, c in self.layers
        ]
        return torch.stack(parts).sum()


def split_channels(name: str) -> tuple[str, tuple[int, ...]]:
    """Split ``Mixed_6c#3+7`` into the layer's name and its channels (none: all of them).

    Raises:
        SettingsError: The channels are not whole numbers joined by ``+``.
    """
    layer, mark, channels = name.partition("#")
    if mark and not all(part.isdecimal() for part in channels.split("+")):
        raise SettingsError(f"dream layer {name!r}: expected LAYER#3 or LAYER#3+7")
    return layer, tuple(int(part) for part in channels.split("+")) if mark else ()
