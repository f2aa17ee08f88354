"""Cuts: where a clip goes from one shot to the next, and nothing may be carried along."""

from torch import Tensor

from framestyle.motion.flow import Motion
from framestyle.motion.warp import look_up

LEAST_RELIABLE_SHARE = 0.15
"""Share of pixels with a trusted flow under which two frames have nothing in common."""

LARGEST_MISFIT = 0.12
"""Mean difference, of a range of 1, left after following the flow, above which a shot begins.

Fast motion and noise stay under 0.05; most cuts are over 0.2.
"""


def is_cut(last: Tensor, this: Tensor, motion: Motion) -> bool:
    """Tell whether a shot begins at ``this``.

    Where the picture changes as a whole, the optical flow finds no consistent way back, or one
    along which the colours do not agree.

    Args:
        last: The frame before, (1, 3, H, W) in [0, 1].
        this: The frame, of the same shape.
        motion: How ``last`` lies in ``this``, on the same device.
    """
    if float(motion.reliability.mean()) < LEAST_RELIABLE_SHARE:
        return True
    misfit = (look_up(last, motion.back) - this).abs().mean()
    return float(misfit) > LARGEST_MISFIT
