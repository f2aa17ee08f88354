"""The formulas of the papers, as pure functions of tensors.

Everywhere F, P and G, A are the features and Gram matrices of the picture and of its target, N a
layer's channels and M its positions. Sums and products run in float32, also of bfloat16 features.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor

EPS = 1e-12
"""Keeps a division by the energy of a black, featureless target finite."""


class _Gram(torch.autograd.Function):
    """F^T F / M without copying channels-last features; its gradient stays in their precision."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        rows = _rows(features).float()
        return rows.T @ rows / len(rows)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors  # type: ignore[attr-defined]
        rows = _rows(features)
        grad = (grads[0] + grads[0].T) / len(rows)
        height, width = features.shape[2:]
        return (rows @ grad.to(rows.dtype)).view(1, height, width, -1).permute(0, 3, 1, 2)


def _rows(features: Tensor) -> Tensor:
    """(1, N, H, W) -> (H * W, N), a view where the memory is channels-last."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def gram(features: Tensor) -> Tensor:
    """Gram matrix per position: G / M, with G = F F^T (Gatys 2016, equation 3).

    Args:
        features: (1, N, H, W), float32 or bfloat16; fastest where channels-last.

    Returns:
        (N, N) float32. Its mean does not depend on the size of the picture.
    """
    result: Tensor = _Gram.apply(features)
    return result


def content_gatys(features: Tensor, target: Tensor) -> Tensor:
    """1/2 sum (F - P)^2 (Gatys 2016, equation 1). Both (1, N, H, W); a scalar float32."""
    return 0.5 * (features - target).float().square().sum()


def content_relative(features: Tensor, target: Tensor) -> Tensor:
    """Mean (F - P)^2 / mean P^2: 0 where equal, about 1 to 2 where unrelated, at any size."""
    energy = target.float().square().mean() + EPS
    return (features - target).float().square().mean() / energy


def style_gatys(gram_matrix: Tensor, target: Tensor) -> Tensor:
    """E_l = 1 / (4 N^2 M^2) sum (G - A)^2 (Gatys 2016, equation 4).

    Both arguments are Gram matrices per position, as ``gram`` gives them, so that M is in them
    already and the style picture may have another size than the frame.
    """
    return (gram_matrix - target).square().sum() / (4 * len(target) ** 2)


def style_relative(gram_matrix: Tensor, target: Tensor) -> Tensor:
    """Sum (G - A)^2 / sum A^2: 1 where there is nothing, 0 where the style is met."""
    return (gram_matrix - target).square().sum() / (target.square().sum() + EPS)


def total_variation_sum(image: Tensor) -> Tensor:
    """Sum of squared differences of neighbours (Mahendran 2015 with beta = 2).

    Args:
        image: (1, 3, H, W) float32.
    """
    across = (image[..., 1:] - image[..., :-1]).square().sum()
    down = (image[..., 1:, :] - image[..., :-1, :]).square().sum()
    return across + down


def total_variation_mean(image: Tensor) -> Tensor:
    """``total_variation_sum`` per number of the image, so that it means the same at any size."""
    return total_variation_sum(image) / image.numel()


def temporal(image: Tensor, reference: Tensor, reliability: Tensor) -> Tensor:
    """(1/D) sum_k c_k (x_k - w_k)^2 (Ruder 2016, equation 7).

    Args:
        image: x, (1, 3, H, W).
        reference: w, the last result carried along by the flow, (1, 3, H, W).
        reliability: c, (1, 1, H, W) in [0, 1]; 0 where the flow cannot be trusted.
    """
    return (reliability * (image - reference).square()).mean()


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
    rows = _rows(features).float()
    with torch.no_grad():
        matched = guide[(rows @ guide.T).argmax(dim=1)]
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
