"""Squared distances with their gradients written out: the sums under the formulas.

An iteration evaluates each of them once forward and once backward. Left to autograd, every
elementary operation would be a pass over memory of its own; written out, they are few. Sums run in
float32, also of bfloat16 features, and a gradient has the type of what it belongs to.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from framestyle import onednn


def squared_norm(values: Tensor) -> Tensor:
    """Sum of squares, a scalar float32."""
    return _norm(values).square()


def _norm(values: Tensor) -> Tensor:
    """Return the root of the sum of squares."""
    if values.dim() == 4:  # in parts: one float32 sum of many millions would lose its last terms
        if values.is_contiguous(memory_format=torch.channels_last):
            values = values.permute(0, 2, 3, 1)
        values = torch.linalg.vector_norm(values, dim=(2, 3), dtype=torch.float32)
    norm: Tensor = torch.linalg.vector_norm(values, dtype=torch.float32)
    return norm


class _SquaredDistances(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, targets: Sequence[Tensor], *values: Tensor) -> Tensor:
        differences = [value - target for value, target in zip(values, targets, strict=True)]
        ctx.save_for_backward(*differences)
        norms = [_norm(difference) for difference in differences]
        return (torch.stack(norms) if len(norms) > 1 else norms[0].view(1)).square()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        factors = (2.0 * grad).unbind()
        return None, *(d * by for d, by in zip(ctx.saved_tensors, factors, strict=True))


def squared_distance(values: Tensor, target: Tensor) -> Tensor:
    """Sum (x - y)^2 of two tensors of one shape; a scalar float32, differentiable in the first."""
    return squared_distances([values], [target])[0]


def squared_distances(values: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """``squared_distance`` of one pair after the other, (n,): what follows is one sum for all."""
    result: Tensor = _SquaredDistances.apply(targets, *values)
    return result


class _WeightedDistance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        difference = values - target
        weighted = difference * weights
        ctx.save_for_backward(weighted)
        return difference.mul_(weighted).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (weighted,) = ctx.saved_tensors
        return weighted * (2.0 * grad), None, None


def weighted_distance(values: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Sum c (x - y)^2, where ``weights`` c broadcasts; differentiable in the first."""
    result: Tensor = _WeightedDistance.apply(values, target, weights)
    return result


class _Roughness(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        across = image[..., 1:] - image[..., :-1]
        down = image[..., 1:, :] - image[..., :-1, :]
        ctx.save_for_backward(across, down)
        return squared_norm(across) + squared_norm(down)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        across, down = ctx.saved_tensors
        height, width = across.shape[2], down.shape[3]
        result: Tensor = across.new_zeros(*across.shape[:2], height, width)
        result[..., 1:].add_(across)
        result[..., :-1].sub_(across)
        result[..., 1:, :].add_(down)
        result[..., :-1, :].sub_(down)
        result *= 2.0 * grad
        return result


def roughness(image: Tensor) -> Tensor:
    """Sum of squared differences of neighbours, across and down, of an image (1, C, H, W)."""
    result: Tensor = _Roughness.apply(image)
    return result


def gram_distance(features: Tensor, target: Tensor) -> Tensor:
    """Sum (G - A)^2 from the features themselves; differentiable in them.

    Args:
        features: (1, N, H, W), float32 or bfloat16, of which G is the Gram matrix per position; or
            that matrix, (N, N).
        target: A, (N, N) float32, symmetric.

    Returns:
        A scalar float32.
    """
    return squared_distance(gram(features), target)


class GramProducts:
    """Sum of F^T F over positions, the Gram matrix before it is divided by their number.

    As a sum it can be made of a map in parts.
    """

    CHUNK = 1 << 18
    """Positions that are turned into float32 at a time."""
    PARTS = 16
    """Parts in which products of bfloat16 are summed, at most. A sum runs in float32 and is rounded
    at its end; of as many as these the error stays under 0.05 percent, in a quarter of the time."""
    LEAST_PARTS = 4
    """Of as few as these it stays under 0.1 percent."""
    NUMBERS = 1 << 17
    """Of all parts' products, more than which do not stay in a processor's cache: of a layer with
    many channels there are fewer parts, or their sum would take longer than they do. A GPU has
    eight times as many, or it would have too little to do at a time."""
    LEAST_IN_A_PART = 64
    """Positions; where there are fewer, float32 takes no longer."""

    def total(self, features: Tensor) -> Tensor:
        """Return (N, N) float32 for features (1, N, H, W)."""
        rows = as_rows(features)
        count, channels = rows.shape
        numbers = self.NUMBERS if rows.device.type == "cpu" else 8 * self.NUMBERS
        most = max(self.LEAST_PARTS, numbers // channels**2)
        parts = min(self.PARTS, most, count // self.LEAST_IN_A_PART)
        parts = 1 << max(0, parts.bit_length() - 1)  # most maps can be cut in as many
        if rows.dtype == torch.float32 or parts < self.LEAST_PARTS:
            return self._in_float32(rows)
        rest = count % parts
        stacked = (rows[: count - rest] if rest else rows).view(parts, -1, channels)
        total = torch.bmm(stacked.mT, stacked).sum(dim=0, dtype=torch.float32)
        return total + self._in_float32(rows[count - rest :]) if rest else total

    def _in_float32(self, rows: Tensor) -> Tensor:
        total: Tensor | None = None
        for part in torch.split(rows, self.CHUNK):
            exact = part.float()
            product = onednn.gram(exact) if onednn.can_multiply(exact) else exact.T @ exact
            total = product if total is None else total.add_(product)
        assert total is not None
        return total

    def factor(self, of_mean: Tensor, positions: int, dtype: torch.dtype) -> Tensor:
        """Return what features are multiplied by to be the gradient in them.

        Args:
            of_mean: The gradient in the mean over positions, (N, N), symmetric, as that of any
                distance of Gram matrices is.
            positions: Of which that is the mean.
            dtype: Of the result.
        """
        # d/dF of <S, F^T F> = 2 F S for a symmetric S
        return (of_mean / (positions / 2)).to(dtype)

    def slope(
        self, features: Tensor, of_mean: Tensor, positions: int, onto: Tensor | None = None
    ) -> Tensor:
        """Return the gradient in the features, of their type, from that in the mean.

        Args:
            features: F, (1, N, H, W).
            of_mean: As of ``factor``.
            positions: As of ``factor``; features may be of some of them.
            onto: What it is added to, in place where that lies in memory as channels-last does.
        """
        height, width = features.shape[2:]
        rows = as_rows(features)
        if onto is None:
            made = rows @ self.factor(of_mean, positions, rows.dtype)
            return made.view(1, height, width, -1).permute(0, 3, 1, 2)
        onto = onto.contiguous(memory_format=torch.channels_last)
        place = onto.permute(0, 2, 3, 1).view(rows.shape)
        if onednn.can_multiply(rows):
            onednn.add_product(place, rows, self.factor(of_mean, positions, rows.dtype))
        else:  # scaled as the product is written: one pass over the matrix less
            place.addmm_(rows, of_mean.to(rows.dtype), alpha=2 / positions)
        return onto


def gram(features: Tensor) -> Tensor:
    """Gram matrix per position: G / M, with G = F F^T (Gatys 2016, equation 3).

    Differentiable where what follows has a symmetric gradient, as distances of Gram matrices have.

    Args:
        features: (1, N, H, W), float32 or bfloat16; fastest where channels-last. A Gram matrix is
            returned as it is.

    Returns:
        (N, N) float32. Its mean does not depend on the size of the picture.
    """
    if features.dim() == 2:
        return features
    result: Tensor = _Gram.apply(features)
    return result


class _Gram(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        return GramProducts().total(features).div_(features.shape[2] * features.shape[3])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        return GramProducts().slope(features, grad, features.shape[2] * features.shape[3])


def as_rows(features: Tensor) -> Tensor:
    """(1, N, H, W) -> (H * W, N), a view where the memory is channels-last."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
