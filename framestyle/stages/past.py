"""What the frames before hand to a frame, carried along to it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from framestyle.motion import Motion, carry, look_up, outside
from framestyle.stages.change import change
from framestyle.stages.state import ClipState

NEGLIGIBLE = 0.02
"""Share of freedom that is none, and of the whole that may be missing from it."""


@dataclass(frozen=True)
class Past:
    """The last results as they lie in this frame; every map is (1, 1, H, W) in [0, 1].

    Attributes:
        dream_delta: What the last dream added, (1, 3, H, W), 0 where nothing is known; or None.
        result: The last result, (1, 3, H, W) in [0, 1], or None.
        known: Where the last frames showed what this one shows. Elsewhere there is no past.
        settled: What share of a first frame's iterations each place has had.
        free: How freely each place may change.
        painted_for: What the clip showed when the result at each place was made, (1, 3, H, W).
    """

    dream_delta: Tensor | None
    result: Tensor | None
    known: Tensor
    settled: Tensor
    free: Tensor
    painted_for: Tensor

    @property
    def changes(self) -> bool:
        """Whether anything of the frame is new, has changed or moves."""
        return bool(((self.free > NEGLIGIBLE) | (self.known < 1.0 - NEGLIGIBLE)).any())

    @property
    def unfinished(self) -> bool:
        """Whether any place has had fewer iterations than a first frame gets."""
        return bool((self.settled < 1.0 - NEGLIGIBLE).any())


def past_of(source: Tensor, motion: Motion | None, state: ClipState) -> Past:
    """Carry the last results along to a frame.

    Args:
        source: The frame, (1, 3, H, W) in [0, 1].
        motion: How the last frame lies in it; None where a shot begins.
        state: What the last frame handed over.
    """
    nothing = torch.zeros_like(source[:, :1])
    if motion is None or state.painted_for is None:
        return Past(None, None, nothing, nothing, 1.0 - nothing, source)
    painted_for = carry(state.painted_for, motion.back).clamp(0.0, 1.0)
    changed = change(source, painted_for, motion)
    known = motion.seen.maximum(changed.same) * (1.0 - changed.lost)
    known = known * ~outside(motion.back)  # there the edge is repeated, whatever it looks like
    settled, delta, result = nothing, None, None
    if state.settled is not None:
        settled = look_up(state.settled, motion.back) * known
    if state.dream_delta is not None:
        delta = carry(state.dream_delta, motion.back) * known
    if state.result is not None:
        result = carry(state.result, motion.back).clamp(0.0, 1.0)
    return Past(delta, result, known, settled, changed.free, painted_for)


def painted_for(source: Tensor, past: Past) -> Tensor:
    """Return what the clip showed when the result of this frame was made, place by place.

    A place that was left alone was made for what the clip showed then, not for what it shows now.
    """
    return torch.lerp(source, past.painted_for, past.known * (1.0 - past.free))
