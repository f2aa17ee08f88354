"""What the frames before hand to a frame, carried along to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from framestyle.graphs import Replay, called
from framestyle.motion import Motion, carry, look_up, outside
from framestyle.stages.change import change
from framestyle.stages.state import FrameState

NEGLIGIBLE = 0.02
"""Share of freedom that is none, and of the whole that may be missing from it."""

UNTRUSTED_HOLD = 0.5
"""Weight of the temporal term where looks say that a place is known and the flow's tests do not
trust it, as at the edges of motion."""


@dataclass(frozen=True)
class Link:
    """A frame that is done, and how it lies in the one that is made."""

    motion: Motion
    state: FrameState


@dataclass(frozen=True)
class Past:
    """The last results as they lie in this frame; every map is (1, 1, H, W) in [0, 1].

    Attributes:
        dream_delta: What the last dream added, (1, 3, H, W), 0 where nothing is known; or None.
        result: The last result, (1, 3, H, W) in [0, 1], or None.
        known: Where the last frames showed what this one shows. Elsewhere there is no past.
        held: Where the temporal term holds a place to it.
        settled: What share of a first frame's iterations each place has had.
        free: How freely each place may change.
        painted_for: What the clip showed when the result at each place was made, (1, 3, H, W).
    """

    dream_delta: Tensor | None
    result: Tensor | None
    known: Tensor
    held: Tensor
    settled: Tensor
    free: Tensor
    painted_for: Tensor

    @property
    def changes(self) -> bool:
        """Whether anything of the frame is new, has changed or moves."""
        return self._looked[0]

    @property
    def unfinished(self) -> bool:
        """Whether any place has had fewer iterations than a first frame gets."""
        return self._looked[1]

    @cached_property
    def _looked(self) -> tuple[bool, bool]:
        """Both of these; one look, because it waits for the device."""
        changes = ((self.free > NEGLIGIBLE) | (self.known < 1.0 - NEGLIGIBLE)).any()
        unfinished = (self.settled < 1.0 - NEGLIGIBLE).any()
        both = torch.stack([changes, unfinished]).cpu()
        return bool(both[0]), bool(both[1])


def past_of(
    source: Tensor,
    links: Sequence[Link],
    ease: float = 0.0,
    *,
    selective: bool = True,
    replay: Replay = called,
) -> Past:
    """Carry the last results along to a frame; each place takes the nearest that shows it.

    A place that several frames before show belongs to the nearest: c_long(i-j) = max(c(i-j) -
    sum_{k<j} c(i-k), 0) (Ruder 2016, section 4.3). So what was hidden for some frames comes back as
    it was.

    Args:
        source: The frame, (1, 3, H, W) in [0, 1].
        links: The frames before, the nearest first; none where a shot begins.
        ease: Share of what is known that is let go, as in a dissolve.
        selective: Whether looks decide what is known and what may change; else the flow alone says
            what is known, and all may change.
        replay: How functions are called.
    """
    nothing = torch.zeros_like(source[:, :1])
    parts = []
    for link in links:
        motion, state = link.motion, link.state
        if state.painted_for is not None:
            lies = motion.back, motion.reliability, motion.seen
            pictures = state.painted_for, state.dream_delta, state.result, state.settled
            carried = partial(_carried, selective)
            fields: Any = replay(("past", selective), carried, source, *lies, *pictures)
            parts.append(Past(*fields))
    if not parts:
        return Past(None, None, nothing, nothing, nothing, 1.0 - nothing, source)
    merged, *others = parts
    for part in others:
        merged = _merged(merged, part)
    return merged if ease == 0 else _eased(merged, ease)


def _carried(
    selective: bool,
    source: Tensor,
    back: Tensor,
    reliability: Tensor,
    seen: Tensor,
    painted_for: Tensor,
    dream_delta: Tensor | None,
    result: Tensor | None,
    settled: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """Carry what one frame left along to another.

    Args:
        selective: As for ``past_of``.
        source: The other frame.
        back: Of ``Motion``, with the next two.
        reliability: See there.
        seen: See there.
        painted_for: Of ``FrameState``, with the next three, in any precision.
        dream_delta: See there.
        result: See there.
        settled: See there.

    Returns:
        The fields of a ``Past``.
    """
    there = [picture for picture in (painted_for, dream_delta, result) if picture is not None]
    # as one picture of many channels: a GPU is asked a third as often
    together = carry(torch.cat(there, dim=1).to(source.dtype), back)
    carried = iter(torch.split(together, source.shape[1], dim=1))
    painted_for = next(carried).clamp(0.0, 1.0)
    known, free = seen, torch.ones_like(seen)
    if selective:
        changed = change(source, painted_for, Motion(back, reliability, seen))
        known, free = known.maximum(changed.same) * (1.0 - changed.lost), changed.free
    known = known * ~outside(back)  # there the edge is repeated, whatever it looks like
    had = torch.zeros_like(seen)
    if settled is not None:
        had = look_up(settled.to(source.dtype), back) * known
    if dream_delta is not None:
        dream_delta = next(carried) * known
    if result is not None:
        result = next(carried).clamp(0.0, 1.0)
    held = (UNTRUSTED_HOLD + (1.0 - UNTRUSTED_HOLD) * reliability) * had
    return dream_delta, result, known, held, had, free, painted_for


def _merged(near: Past, far: Past) -> Past:
    """Let a frame further back have what no nearer one knows."""
    claim = (far.known - near.known).clamp(min=0.0)  # in all no more than the best of them knows
    share = claim / (near.known + claim).clamp(min=1e-6)

    def mixed(one: Tensor | None, other: Tensor | None) -> Tensor | None:
        return None if one is None or other is None else torch.lerp(one, other, share)

    of_far = claim / far.known.clamp(min=1e-6)  # what is 0 where nothing is known adds up
    return Past(
        dream_delta=_sum(near.dream_delta, far.dream_delta, of_far),
        result=mixed(near.result, far.result),
        known=near.known + claim,
        held=near.held + far.held * of_far,
        settled=near.settled + far.settled * of_far,
        free=torch.lerp(near.free, far.free, share),
        painted_for=torch.lerp(near.painted_for, far.painted_for, share),
    )


def _sum(near: Tensor | None, far: Tensor | None, share: Tensor) -> Tensor | None:
    return None if near is None or far is None else near + far * share


def _eased(past: Past, ease: float) -> Past:
    """Let go of a share of all that is known, so that it is painted anew."""
    rest = 1.0 - ease
    return Past(
        dream_delta=None if past.dream_delta is None else past.dream_delta * rest,
        result=past.result,
        known=past.known * rest,
        held=past.held * rest,
        settled=past.settled * rest,
        free=past.free,
        painted_for=past.painted_for,
    )


def painted_for(source: Tensor, past: Past) -> Tensor:
    """Return what the clip showed when the result of this frame was made, place by place.

    A place that was left alone was made for what the clip showed then, not for what it shows now.
    """
    return torch.lerp(source, past.painted_for, past.known * (1.0 - past.free))
