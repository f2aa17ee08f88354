"""How much of a later frame has to be painted anew: what changed in the clip, and no more.

Adam moves every pixel by about its step size, however well it fits already. So a step size of a
frame is no number: it is small where the last result still suits the clip, and what stands still in
the clip stands still in the result.
"""

from dataclasses import dataclass

from torch import Tensor

from framestyle.motion import Motion
from framestyle.motion.boxes import box_max, box_mean

UNCHANGED, CHANGED = 2 / 255, 8 / 255
"""Root mean square change, of a range of 1, up to which a place is left alone (compression and
grain change as much), and from which it is painted with the whole step."""
KNOWN, LOST = 20 / 255, 40 / 255
"""The same up to which the last result is kept as a start, and from which it shows another thing:
errors of the flow at an edge stay under it."""
WEAR = 0.25
"""Share of the step with which a place is kept up that moves by a pixel a frame or more."""
BOX_PX = 5


@dataclass(frozen=True)
class Change:
    """How a frame differs from what the results so far were made for.

    Attributes:
        free: How freely each place may change, (1, 1, H, W) in [0, 1].
        same: Where the clip looks as it did when the result was made, of the same shape and range.
            The flow's own test errs in flat parts, where what it takes for new looks like the old.
        lost: Where the clip now shows something else. The flow's own test sees what is hidden by a
            pixel or more; what comes into view more slowly is seen here.
    """

    free: Tensor
    same: Tensor
    lost: Tensor


def change(source: Tensor, painted_for: Tensor, motion: Motion) -> Change:
    """Measure the change of a frame.

    Args:
        source: The frame, (1, 3, H, W) in [0, 1].
        painted_for: What the clip showed when the result at each place was made, carried along to
            this frame, of the same shape. It is not simply the last frame: a slow fade changes
            less than grain does from one frame to the next, and adds up.
        motion: How the last frame lies in this one.
    """
    square = (source - painted_for).square().mean(dim=1, keepdim=True)
    seen = box_mean(square, BOX_PX).sqrt()
    # what comes into view is known to be another thing, and tells nothing of what is beside it
    beside = box_mean(square * motion.seen, BOX_PX) / box_mean(motion.seen, BOX_PX).clamp(min=1e-6)
    # what stands still beside something that moves belongs to a neighbourhood that does not change
    least = -box_max(-seen, BOX_PX)
    speed = motion.back.square().sum(dim=1, keepdim=True).sqrt()
    worn = WEAR * speed.clamp(max=1.0)
    return Change(
        free=_between(least, UNCHANGED, CHANGED).maximum(worn),
        same=1.0 - _between(seen, UNCHANGED, CHANGED),
        lost=_between(beside.sqrt(), KNOWN, LOST),
    )


def _between(values: Tensor, low: float, high: float) -> Tensor:
    return ((values - low) / (high - low)).clamp(0.0, 1.0)
