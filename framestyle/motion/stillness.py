"""Where a clip does not move: a flow that explains nothing is no flow."""

import torch
from torch import Tensor

from framestyle.motion.boxes import box_max, box_mean
from framestyle.motion.warp import look_up

BOX_PX = 9
"""Side of the neighbourhood over which two frames are compared."""
LARGEST_CHANGE = 2 / 255
"""Root mean square change, of a range of 1, above which something may have moved."""
NOISE = 0.7 / 255
"""What rounding and compression alone change."""
SMALLEST_MOVE_PX = 0.15
"""Moves of this much count, where texture shows them."""
LEAST_GAIN = 0.65
"""A flow is worth following where it leaves less than this share of the squared change."""


def without_idle_motion(flow: Tensor, other: Tensor, this: Tensor) -> Tensor:
    """Bring a flow to rest where standing still explains the frames as well.

    In flat and dark parts there is nothing to hold on to, and a flow wanders there by a pixel or
    so, which would make a still background swim.

    Args:
        flow: flow[this->other], (1, 2, H, W), in pixels.
        other: The frame that it leads to, (1, 3, H, W) in [0, 1].
        this: The frame that it starts from, of the same shape.

    Returns:
        The flow, 0 where it gains nothing.
    """
    still = _change(other, this)
    moved = _change(look_up(other, flow), this)
    gains = moved + NOISE**2 < LEAST_GAIN * (still + NOISE**2)
    moves = ((still >= LARGEST_CHANGE**2) | gains).to(flow.dtype)
    # Texture that a small move would have changed, and that has not changed, proves rest. What
    # stands still beside something that moves lies in such a neighbourhood, if not in the middle.
    down, across = torch.gradient(this, dim=(2, 3))
    texture = _mean((down.square() + across.square()).mean(dim=1, keepdim=True))
    rests = (still + NOISE**2 < SMALLEST_MOVE_PX**2 * texture).to(flow.dtype)
    rests = box_max(rests, BOX_PX)
    return flow * _mean(moves) * (1.0 - rests)


def _change(a: Tensor, b: Tensor) -> Tensor:
    return _mean((a - b).square().mean(dim=1, keepdim=True))


def _mean(values: Tensor) -> Tensor:
    return box_mean(values, BOX_PX)
