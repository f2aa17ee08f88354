"""Means and maxima over square neighbourhoods.

On a CPU torch's pooling looks at every place of a neighbourhood for every pixel. Here a window is
put together from two of half its width, along one side of the frame and then along the other: for
nine by nine pixels eight additions instead of eighty.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as nnf
from torch import Tensor


def box_mean(values: Tensor, side_px: int) -> Tensor:
    """Mean over the neighbourhood of every pixel; the border counts what is inside the frame.

    Args:
        values: (1, C, H, W).
        side_px: Of the neighbourhood: 3, 5 or 9, or another power of two and one.

    Returns:
        (1, C, H, W). Of zeros it is 0, and of ones 1, without rounding.
    """
    radius = side_px // 2
    if values.device.type != "cpu":
        return nnf.avg_pool2d(values, side_px, 1, radius, count_include_pad=False)
    total = _windows(nnf.pad(values, (radius,) * 4), side_px, torch.add)
    return total.div_(_counts(values.shape[2], radius, values).view(-1, 1)).div_(
        _counts(values.shape[3], radius, values)
    )


def box_max(values: Tensor, side_px: int) -> Tensor:
    """Maximum over the neighbourhood of every pixel; arguments and result as in ``box_mean``."""
    radius = side_px // 2
    if values.device.type != "cpu":
        return nnf.max_pool2d(values, side_px, 1, radius)
    return _windows(nnf.pad(values, (radius,) * 4, mode="replicate"), side_px, torch.maximum)


def _counts(length: int, radius: int, like: Tensor) -> Tensor:
    """How many places of a row of that length the window around each of them covers."""
    at = torch.arange(length, dtype=like.dtype)
    return at.clamp(max=radius) + at.flip(0).clamp(max=radius) + 1.0


def _windows(values: Tensor, side_px: int, joined: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    for dim in (2, 3):
        span, run = 1, values  # of every place and those after it, so many
        while 2 * span < side_px:
            count = run.shape[dim] - span
            run = joined(run.narrow(dim, 0, count), run.narrow(dim, span, count))
            span *= 2
        count = values.shape[dim] - side_px + 1
        assert span == side_px - 1
        values = joined(run.narrow(dim, 0, count), values.narrow(dim, span, count))
    return values
