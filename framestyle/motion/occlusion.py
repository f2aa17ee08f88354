"""Where a flow can be trusted (Sundaram 2010, with the constants of Ruder 2016, section 4.2)."""

import torch
from torch import Tensor

from framestyle.motion.boxes import box_max, box_mean
from framestyle.motion.warp import look_up, outside

SOFT_PX = 5
"""Side of the neighbourhood over which the edge of a mask is softened."""


def masks(flow: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
    """Return where a flow can be trusted to hold a pixel, and where it has something to carry.

    Args:
        flow: w = flow[a->b], (1, 2, H, W), in pixels.
        back: flow[b->a], of the same shape.

    Returns:
        The reliability, (1, 1, H, W) float32 in [0, 1]: over 0 where a pixel of a is seen in b and
        off motion edges, and less than 1 beside what is not. And the same for what is seen in b,
        motion edges or not, without specks: what is not seen is new, and has to be made from
        nothing.
    """
    hidden = occluded(flow, back)
    trusted = ~(hidden | motion_edge(flow))
    return softened(trusted), softened(~without_specks(hidden))


def softened(mask: Tensor) -> Tensor:
    """Let a mask, (1, 1, H, W) bool, fall off inside its edges: float32 in [0, 1], 0 outside.

    A seam in the mask would be one in the picture.
    """
    hard = mask.to(torch.float32)
    return hard * box_mean(hard, SOFT_PX)


def occluded(flow: Tensor, back: Tensor) -> Tensor:
    """Return True where |w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5, or p + w leaves the frame.

    w' is ``back`` looked up at p + w: where both agree, the way there and back ends where it began.
    Arguments as in ``masks``; returns (1, 1, H, W) bool.
    """
    there = look_up(back, flow)
    gap = _square(flow + there) - 0.01 * (_square(flow) + _square(there))
    return (gap > 0.5) | outside(flow)


def without_specks(mask: Tensor) -> Tensor:
    """Drop what is narrower than three pixels from a mask (1, 1, H, W) bool: an opening.

    Flow wanders by a fraction of a pixel where there is nothing to hold on to, and the test above
    then marks grains and threads. What comes into view is wider, or gone in the next frame.
    """
    shrunk = -box_max(-mask.float(), 3)
    return box_max(shrunk, 3) > 0.5


def motion_edge(flow: Tensor) -> Tensor:
    """Return True where |grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002: (1, 1, H, W) bool."""
    down, across = torch.gradient(flow, dim=(2, 3))
    slope = _square(down) + _square(across)
    return slope > 0.01 * _square(flow) + 0.002


def _square(field: Tensor) -> Tensor:
    return field.square().sum(dim=1, keepdim=True)
