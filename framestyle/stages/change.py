"""How much of a later frame has to be painted anew: what changed in the clip, and no more.

Adam moves every pixel by about its step size, however well it fits already. So a step size of a
frame is no number: it is small where the last result still suits the clip, and what stands still in
the clip stands still in the result.
"""

import torch.nn.functional as nnf
from torch import Tensor

from framestyle.motion import Motion

CHANGED = 8 / 255
"""Root mean square change, of a range of 1, at which a place is painted with the whole step."""
UNCHANGED = 2 / 255
"""The same at which it is left alone: what compression and grain change."""
WEAR = 0.25
"""Share of the step with which a place is kept up that moves by a pixel a frame or more."""
BOX_PX = 7


def freedom(source: Tensor, painted_for: Tensor, motion: Motion) -> Tensor:
    """Return how freely each place of a frame may change, (1, 1, H, W) in [0, 1].

    Args:
        source: The frame, (1, 3, H, W) in [0, 1].
        painted_for: What the clip showed when the result at each place was made, carried along to
            this frame, of the same shape. It is not simply the last frame: a slow fade changes
            less than grain does from one frame to the next, and adds up.
        motion: How the last frame lies in this one.
    """
    change = (source - painted_for).square().mean(dim=1, keepdim=True)
    change = nnf.avg_pool2d(change, BOX_PX, 1, BOX_PX // 2, count_include_pad=False).sqrt()
    changed = ((change - UNCHANGED) / (CHANGED - UNCHANGED)).clamp(0.0, 1.0)
    speed = motion.back.square().sum(dim=1, keepdim=True).sqrt()
    worn = WEAR * speed.clamp(max=1.0)
    return changed.maximum(worn)
