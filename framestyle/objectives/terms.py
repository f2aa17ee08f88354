"""Loss terms: small objects that hold a target, and their weighted sum.

A term is called with the picture and with the features that a network made of it, and gives a
scalar. No term knows which network that was, and no network knows of the terms.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from framestyle.objectives import formulas
from framestyle.objectives.distances import gram, squared_distances
from framestyle.settings import Layers

Features = Mapping[str, Tensor]
"""Features by layer name, each (1, N, H, W); for the style, Gram matrices (N, N) as well."""


class Term(Protocol):
    """What is minimised (style) or climbed (dream)."""

    @property
    def tensors(self) -> Sequence[Tensor]:
        """All that it holds of its target: of two frames of one size, these differ."""
        ...

    def __call__(self, image: Tensor, features: Features) -> Tensor:
        """Return a scalar float32 for a picture (1, 3, H, W) and its features."""
        ...


class WeightedSum:
    """Sum of terms by name, each with a weight; terms of weight 0 are left out.

    Args:
        terms: Name to weight and term.
    """

    def __init__(self, terms: Mapping[str, tuple[float, Term]]) -> None:
        self.terms = {name: pair for name, pair in terms.items() if pair[0] != 0}

    @property
    def tensors(self) -> Sequence[Tensor]:
        """All that its terms hold of their targets."""
        return [tensor for _, term in self.terms.values() for tensor in term.tensors]

    def __call__(self, image: Tensor, features: Features) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum, and every weighted term by name, detached, for logs and reports."""
        values = {
            name: weight * term(image, features) for name, (weight, term) in self.terms.items()
        }
        if not values:  # a sum of nothing still has a (zero) gradient
            return 0.0 * image.sum(), {}
        return torch.stack(list(values.values())).sum(), {n: v.detach() for n, v in values.items()}


class ContentLoss:
    """Distance of features from those of the content picture (Gatys 2016, section 2.2).

    Args:
        layers: Layer names with weights.
        targets: Features of the content picture at those layers.
        normalisation: ``"relative"``, the weighted mean over layers of ``content_relative``, or
            ``"gatys"``, the weighted sum of ``content_gatys``.
    """

    def __init__(self, layers: Layers, targets: Features, normalisation: str = "relative") -> None:
        self.layers, self.targets = layers, {name: targets[name].detach() for name, _ in layers}
        maps = [self.targets[name] for name, _ in layers]
        if normalisation == "relative":
            scales = [formulas.content_energy(known) for known in maps]
        else:
            scales = [_number(2.0, known) for known in maps]
        self._distances = _Distances(maps, scales, _weights_of(layers, normalisation))

    @property
    def tensors(self) -> Sequence[Tensor]:
        """Its targets, and what is known of them."""
        return self._distances.tensors

    def __call__(self, image: Tensor, features: Features) -> Tensor:
        """Return the distance, a scalar."""
        return self._distances.weighed(self._distances([features[n] for n, _ in self.layers]))


class StyleLoss:
    """Distance of Gram matrices from those of the style pictures (Gatys 2016, section 2.3).

    Args:
        layers: Layer names with weights w_l.
        targets: Gram matrices per position at those layers, as ``style_targets`` makes them.
        normalisation: ``"relative"``, the weighted mean over layers of ``style_relative``, or
            ``"gatys"``, the weighted sum of ``style_gatys``.
    """

    def __init__(self, layers: Layers, targets: Features, normalisation: str = "relative") -> None:
        self.layers, self.targets = layers, targets
        self._relative = normalisation == "relative"
        matrices = [targets[name] for name, _ in layers]
        if self._relative:
            scales = [formulas.style_energy(matrix) for matrix in matrices]
        else:
            scales = [_number(4.0 * len(matrix) ** 2, matrix) for matrix in matrices]
        self._distances = _Distances(matrices, scales, _weights_of(layers, normalisation))

    @property
    def tensors(self) -> Sequence[Tensor]:
        """Its targets, and what is known of them."""
        return self._distances.tensors

    def __call__(self, image: Tensor, features: Features) -> Tensor:
        """Return the distance, a scalar."""
        ratios = self._distances([gram(features[name]) for name, _ in self.layers])
        return self._distances.weighed(formulas.in_check(ratios) if self._relative else ratios)


def style_targets(styles: list[tuple[float, Features]], layers: Layers) -> dict[str, Tensor]:
    """Blend the Gram matrices of several style pictures.

    With ``"gatys"`` the distance to a blend has the gradient of the blended distances, since they
    differ by what does not depend on the picture: sum_i b_i |G - A_i|^2 = |G - sum_i b_i A_i|^2 +
    const for sum b_i = 1. With ``"relative"`` the blend is a style of its own, between the others.

    Args:
        styles: A weight and the features of each style picture.
        layers: Layers at which Gram matrices are wanted.

    Returns:
        (N, N) float32 by layer name.
    """
    total = sum(weight for weight, _ in styles)
    return {
        name: torch.stack([w / total * gram(features[name]) for w, features in styles])
        .sum(dim=0)
        .detach()
        for name, _ in layers
    }


class TotalVariation:
    """Roughness of the picture (Mahendran 2015).

    A smooth style is spoilt by grain that a coarse brush hides, so what counts is how rough the
    picture is beside its style.

    Args:
        of_style: ``style_roughness`` at the size of the strokes.
        normalisation: ``"relative"``, the mean over that of the style, or ``"gatys"``, the sum.
    """

    SMOOTHEST = 0.001
    """A style under this counts as this smooth, or a plain one would forbid every edge."""

    tensors: Sequence[Tensor] = ()

    def __init__(self, of_style: float = 1.0, normalisation: str = "relative") -> None:
        self.of_style = max(of_style, self.SMOOTHEST)
        self.relative = normalisation == "relative"

    def __call__(self, image: Tensor, features: Features) -> Tensor:
        """Return the roughness, a scalar."""
        if not self.relative:
            return formulas.total_variation_sum(image)
        return formulas.total_variation_mean(image) / self.of_style


def style_roughness(styles: list[tuple[float, Tensor]]) -> float:
    """Weighted mean of ``total_variation_mean`` of style pictures, each (1, 3, H, W) in [0, 1]."""
    total = sum(weight for weight, _ in styles)
    return sum(w / total * float(formulas.total_variation_mean(image)) for w, image in styles)


class TemporalLoss:
    """Distance from the last result carried along by the flow (Ruder 2016, section 4.2).

    Args:
        reference: That result, (1, 3, H, W) in [0, 1].
        reliability: (1, 1, H, W) in [0, 1], 0 where the flow cannot be trusted.
    """

    def __init__(self, reference: Tensor, reliability: Tensor) -> None:
        self.reference, self.reliability = reference, reliability

    @property
    def tensors(self) -> Sequence[Tensor]:
        """What it holds an image to."""
        return [self.reference, self.reliability]

    def __call__(self, image: Tensor, features: Features) -> Tensor:
        """Return the distance, a scalar."""
        return formulas.temporal(image, self.reference, self.reliability)


class _Distances:
    """Squared distances of all layers from their targets, each as a share of a scale of its own.

    They are made at once: one by one, some hundred operations on single numbers take longer.

    Args:
        targets: One of each layer.
        scales: Scalars float32.
        weights: What each layer counts.
    """

    def __init__(
        self, targets: Sequence[Tensor], scales: Sequence[Tensor], weights: Sequence[float]
    ) -> None:
        self._targets, self._scales = targets, torch.stack(list(scales))
        # on their device from the start: a frame waits for nothing that is brought there
        self._weights = torch.stack([_number(weight, self._scales) for weight in weights])

    @property
    def tensors(self) -> Sequence[Tensor]:
        """The targets, and what is known of them."""
        return [*self._targets, self._weights, self._scales]

    def __call__(self, values: Sequence[Tensor]) -> Tensor:
        """Return the shares, (n,) float32, of what is compared with the targets."""
        return squared_distances(values, self._targets) / self._scales

    def weighed(self, shares: Tensor) -> Tensor:
        """Return the sum of what each layer counts, a scalar."""
        return shares.dot(self._weights)


def _number(value: float, like: Tensor) -> Tensor:
    """Return a scalar float32 on the device of a tensor."""
    return torch.full((), value, device=like.device)


def _weights_of(layers: Layers, normalisation: str) -> list[float]:
    """Return what each layer counts: its share of a weighted mean (relative), or its weight."""
    total = sum(abs(weight) for _, weight in layers) if normalisation == "relative" else 1.0
    return [weight / (total or 1.0) for _, weight in layers]
