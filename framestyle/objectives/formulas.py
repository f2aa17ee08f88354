"""The formulas of the papers, as pure functions of tensors.

Everywhere F, P and G, A are the features and Gram matrices of the picture and of its target, N a
layer's channels and M its positions. Sums and products run in float32, also of bfloat16 features.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor

from framestyle.objectives.distances import (
    as_rows,
    gram_distance,
    roughness,
    squared_distance,
    squared_norm,
    weighted_distance,
)

EPS = 1e-12
"""Keeps a division by the energy of a black, featureless target finite."""


def content_gatys(features: Tensor, target: Tensor) -> Tensor:
    """1/2 sum (F - P)^2 (Gatys 2016, equation 1). Both (1, N, H, W); a scalar float32."""
    return 0.5 * squared_distance(features, target)


def content_relative(features: Tensor, target: Tensor) -> Tensor:
    """Mean (F - P)^2 / mean P^2: 0 where equal, about 1 to 2 where unrelated, at any size.

    Args:
        features: F, (1, N, H, W).
        target: P, of the same shape.
    """
    return squared_distance(features, target) / content_energy(target)


def content_energy(target: Tensor) -> Tensor:
    """Sum P^2, never 0; a scalar float32."""
    return squared_norm(target) + EPS * target.numel()


def style_gatys(features: Tensor, target: Tensor) -> Tensor:
    """E_l = 1 / (4 N^2 M^2) sum (G - A)^2 (Gatys 2016, equation 4).

    Args:
        features: F, (1, N, H, W).
        target: A per position, (N, N), as ``gram`` gives it, so that M is in it already and the
            style picture may have another size than the frame.
    """
    return gram_distance(features, target) / (4 * len(target) ** 2)


def style_relative(features: Tensor, target: Tensor) -> Tensor:
    """2 (sqrt(1 + r) - 1), r = sum (G - A)^2 / sum A^2: about r where the style is near.

    The Charbonnier (pseudo-Huber) form keeps a layer in check that is far from its target. A dream
    excites some channels so much that r is in the hundreds, and its square root leaves the other
    layers their say.

    Args:
        features: F, (1, N, H, W), with the Gram matrix per position G.
        target: A, (N, N), as ``gram`` gives it.
    """
    return in_check(gram_distance(features, target) / style_energy(target))


def style_energy(target: Tensor) -> Tensor:
    """Sum A^2, never 0; a scalar float32."""
    return squared_norm(target) + EPS


def in_check(ratio: Tensor) -> Tensor:
    """2 (sqrt(1 + r) - 1), of ratios r of any shape, from 0."""
    return 2.0 * ratio / ((1.0 + ratio).sqrt() + 1.0)  # the same, exact for a small r


def total_variation_sum(image: Tensor) -> Tensor:
    """Sum of squared differences of neighbours (Mahendran 2015 with beta = 2).

    Args:
        image: (1, 3, H, W) float32.
    """
    return roughness(image)


def total_variation_mean(image: Tensor) -> Tensor:
    """``total_variation_sum`` per number of the image, so that it means the same at any size."""
    return roughness(image) / image.numel()


def temporal(image: Tensor, reference: Tensor, reliability: Tensor) -> Tensor:
    """(1/D) sum_k c_k (x_k - w_k)^2 (Ruder 2016, equation 7).

    Args:
        image: x, (1, 3, H, W).
        reference: w, the last result carried along by the flow, (1, 3, H, W).
        reliability: c, (1, 1, H, W) in [0, 1]; 0 where the flow cannot be trusted.
    """
    return weighted_distance(image, reference, reliability) / image.numel()


def activation(features: Tensor, channels: Tensor | None = None) -> Tensor:
    """Mean F^2, what DeepDream climbs (Mordvintsev 2015, the L2 objective).

    Args:
        features: (1, N, H, W).
        channels: Indices of the channels meant; all of them by default.
    """
    chosen = features if channels is None else features.index_select(1, channels)
    return chosen.float().square().mean()


def guided_activation(features: Tensor, guide: Tensor) -> Tensor:
    """Mean over positions of F . g, g the guide's feature vector nearest in direction to F.

    The guided dream of the original DeepDream notebook (google/deepdream), which matches by the dot
    product of the vectors.

    Args:
        features: (1, N, H, W).
        guide: Feature vectors of the guide picture, (K, N).
    """
    rows = as_rows(features).float()
    with torch.no_grad():  # in parts: every position of one with every position of the other
        nearest = [(part @ guide.T).argmax(dim=1) for part in torch.split(rows, 4096)]
        matched = guide[torch.cat(nearest)]
    return (rows * matched).mean()


def gaussian_blur(image: Tensor, sigma_px: float) -> Tensor:
    """Blur with a Gaussian, cut off at three sigma, edges repeated.

    Args:
        image: (1, C, H, W).
        sigma_px: Standard deviation in pixels; under 0.1 the image is returned as it is.
    """
    if sigma_px < 0.1:
        return image
    channels, height, width = image.shape[1:]
    for size, axis in ((height, 0), (width, 1)):
        radius = min(max(1, round(3 * sigma_px)), size - 1)
        at = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
        kernel = torch.exp(-0.5 * (at / sigma_px).square())
        shape = (1, 1, -1, 1) if axis == 0 else (1, 1, 1, -1)
        kernel = (kernel / kernel.sum()).view(shape).repeat(channels, 1, 1, 1)
        pad = (0, 0, radius, radius) if axis == 0 else (radius, radius, 0, 0)
        image = nnf.conv2d(nnf.pad(image, pad, mode="replicate"), kernel, groups=channels)
    return image
