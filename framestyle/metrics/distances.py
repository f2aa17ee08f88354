"""How near a result is to its style, and how far it went from its content."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from framestyle.metrics.clips import scaled
from framestyle.networks import FeatureNetwork, network_spec
from framestyle.objectives import style_targets
from framestyle.objectives.distances import gram_distance, squared_norm
from framestyle.objectives.formulas import EPS, content_relative

LONGEST_PX = 512
"""Longest side at which the network looks; a texture has another Gram matrix at another size."""
FRAMES = 8
"""At most so many of a clip, evenly spaced, are looked at."""

Features = dict[str, Tensor]


def evenly_spaced(count: int, most: int = FRAMES) -> frozenset[int]:
    """Return positions from 0 to count - 1, the first and the last among them."""
    if count <= most:
        return frozenset(range(count))
    return frozenset(round(i * (count - 1) / (most - 1)) for i in range(most))


def style_distance(features: Features, targets: Features) -> float:
    """Mean over layers of |G - A|^2 / |A|^2, G and A the Gram matrices per position.

    Args:
        features: Features of a frame by layer, each (1, N, H, W).
        targets: A, by layer, each (N, N), as ``style_targets`` makes them.
    """
    shares = [
        gram_distance(features[name], target) / (squared_norm(target) + EPS)
        for name, target in targets.items()
    ]
    return float(torch.stack(shares).mean())


class Distances:
    """Style and content distances, from one frame after the other.

    Args:
        network: The judge; its layers are the registry's for style and content.
        with_style: Whether there are styles.
        frame_count: Frames that will come.
    """

    def __init__(self, network: FeatureNetwork, with_style: bool, frame_count: int) -> None:
        spec = network_spec(network.name)
        self._style_layers = spec.default_style_layers if with_style else ()
        self._content_layer = spec.default_content_layers[0][0]
        names = [*(name for name, _ in self._style_layers), self._content_layer]
        self._least_px = network.minimum_side_px(names)
        self._extract = network.extractor(names)
        self._picks = evenly_spaced(frame_count)
        self._targets: Features | None = None
        self._style: list[float] = []
        self._style_source: list[float] = []
        self._content: list[float] = []

    def can_see(self, width_px: int, height_px: int) -> bool:
        """Return whether a picture, at a longest side of 512, is wide and high enough."""
        return min(_looked_at(width_px, height_px)) >= self._least_px

    def aim(self, styles: Sequence[tuple[float, np.ndarray]]) -> None:
        """Take the styles.

        Args:
            styles: Weights and pictures, (H, W, 3) uint8 or uint16; several are blended as in a
                run, Gram matrix by Gram matrix.
        """
        if styles:
            seen: list[tuple[float, Mapping[str, Tensor]]] = [
                (weight, self._features(pixels)) for weight, pixels in styles
            ]
            self._targets = style_targets(seen, self._style_layers)

    def add(self, index: int, source: np.ndarray, result: np.ndarray) -> None:
        """Take the frames at a position, each (H, W, 3) uint8 or uint16 at its own size."""
        height, width = source.shape[:2]
        if index not in self._picks or not self.can_see(width, height):
            return
        size = _looked_at(width, height)
        of_source, of_result = (self._features(pixels, size) for pixels in (source, result))
        if self._targets is not None:
            self._style.append(style_distance(of_result, self._targets))
            self._style_source.append(style_distance(of_source, self._targets))
        layer = self._content_layer
        self._content.append(float(content_relative(of_result[layer], of_source[layer])))

    def style(self) -> float | None:
        """Return the style distance of the result; None without a style."""
        return _mean(self._style)

    def style_source(self) -> float | None:
        """Return the style distance of the source: what there was to gain."""
        return _mean(self._style_source)

    def content(self) -> float | None:
        """Return |F - P|^2 / |P|^2 at one deep layer, P the source's features."""
        return _mean(self._content)

    @torch.no_grad()
    def _features(self, pixels: np.ndarray, size: tuple[int, int] | None = None) -> Features:
        width, height = size or _looked_at(pixels.shape[1], pixels.shape[0])
        planes = scaled(pixels, width, height).transpose(2, 0, 1)
        features: Features = self._extract(torch.from_numpy(np.ascontiguousarray(planes))[None])
        return features


def _looked_at(width: int, height: int) -> tuple[int, int]:
    scale = LONGEST_PX / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
