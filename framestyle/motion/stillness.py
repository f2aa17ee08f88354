"""Where a clip does not move: a flow that explains nothing is no flow."""

import torch
from torch import Tensor

from framestyle.motion.boxes import box_max, box_mean
from framestyle.motion.camera import camera_motion
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
    so, which would make a still background swim. Where the camera moves slowly, what stands still
    does so in the scene: it gets the camera's motion. What is laid over the picture, like a title,
    stands still in the frame.

    Args:
        flow: flow[this->other], (1, 2, H, W), in pixels.
        other: The frame that it leads to, (1, 3, H, W) in [0, 1].
        this: The frame that it starts from, of the same shape.

    Returns:
        The flow; where it gains nothing, 0 or the camera's.
    """
    camera = camera_motion(flow, other, this)
    unmoved, along = _change(other, this), _change(_followed(other, camera), this)
    is_laid_over = unmoved + NOISE**2 < LEAST_GAIN * (along + NOISE**2)
    rest = camera * (1.0 - box_max(is_laid_over.to(flow.dtype), BOX_PX))
    still = torch.where((rest == 0).all(dim=1, keepdim=True), unmoved, along)
    moved = _change(look_up(other, flow), this)
    gains = moved + NOISE**2 < LEAST_GAIN * (still + NOISE**2)
    moves = ((still >= LARGEST_CHANGE**2) | gains).to(flow.dtype)
    # Texture that a small move would have changed, and that has not changed, proves rest. What
    # stands still beside something that moves lies in such a neighbourhood, if not in the middle.
    down, across = torch.gradient(this, dim=(2, 3))
    texture = _mean((down.square() + across.square()).mean(dim=1, keepdim=True))
    rests = (still + NOISE**2 < SMALLEST_MOVE_PX**2 * texture).to(flow.dtype)
    rests = box_max(rests, BOX_PX)
    return rest + (flow - rest) * _mean(moves) * (1.0 - rests)


def _followed(other: Tensor, motion: Tensor) -> Tensor:
    """Look a frame up along a motion; where that is 0 it stays as it is."""
    return torch.where((motion == 0).all(dim=1, keepdim=True), other, look_up(other, motion))


def _change(a: Tensor, b: Tensor) -> Tensor:
    return _mean((a - b).square().mean(dim=1, keepdim=True))


def _mean(values: Tensor) -> Tensor:
    return box_mean(values, BOX_PX)
