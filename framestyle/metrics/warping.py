"""Whether the result moves as the source does: the warping error (Lai 2018)."""

from collections import defaultdict

import cv2
import numpy as np
import torch
from torch import Tensor

from framestyle.metrics.clips import Picture
from framestyle.motion import look_up, motion_edge, occluded

FLOW = "Farneback"
"""Name of the flow in reports."""
LEAST_FOLLOWED = 0.1
"""Share of the frame; where less can be followed from one frame to the next, nothing is told."""
MOVING_PX = 1.0
WHOSE = ("source", "result")
SMALLEST_SIDE_PX = 8
"""Smaller frames are given no motion: there is nothing to search in."""


def farneback(a: np.ndarray, b: np.ndarray) -> Tensor:
    """Return flow[a->b] by polynomial expansion (Farneback 2003), as OpenCV has it.

    Another flow than those that results are made with: a flow does not see its own errors.

    Args:
        a: Grey, (H, W) uint8.
        b: The same of another frame.

    Returns:
        (1, 2, H, W) float32, in pixels.
    """
    if min(a.shape) < SMALLEST_SIDE_PX:
        return torch.zeros(1, 2, *a.shape)
    field = cv2.calcOpticalFlowFarneback(
        a,
        b,
        np.zeros((*a.shape, 2), np.float32),
        pyr_scale=0.5,
        levels=5,
        winsize=21,
        iterations=3,
        poly_n=5,
        poly_sigma=1.1,
        flags=cv2.OPTFLOW_FARNEBACK_GAUSSIAN,
    )
    return torch.from_numpy(np.ascontiguousarray(field.transpose(2, 0, 1)))[None]


def followed(back: Tensor, forth: Tensor) -> Tensor:
    """Return where a flow is trusted: neither occluded, nor from outside, nor on a motion edge.

    Args:
        back: flow[this->earlier], (1, 2, H, W), in pixels.
        forth: flow[earlier->this].

    Returns:
        M, (1, 1, H, W) bool.
    """
    if min(back.shape[2:]) < SMALLEST_SIDE_PX:
        return torch.ones(1, 1, *back.shape[2:], dtype=torch.bool)
    return ~(occluded(back, forth) | motion_edge(back))


def warping_error(warped: Tensor, this: Tensor, mask: Tensor) -> float:
    """Sum M (warp(O_{t-1}) - O_t)^2 / sum M, mean over channels (Lai 2018, equation 9).

    Args:
        warped: O_{t-1} looked up along the flow, (1, 3, H, W) float32 in [0, 1].
        this: O_t, of the same shape.
        mask: M, (1, 1, H, W) bool, not empty.
    """
    change = (warped - this).square().mean(dim=1, keepdim=True)
    return float(change[mask].mean())


class Warping:
    """Warping errors of source and result, from one frame after the other.

    What moves by over a pixel is looked at once more: a texture that moves with what it is on
    changes little along the flow and much in place; one that sticks to the screen the other way
    round.

    Attributes:
        pairs: Neighbouring frames measured.
        cuts: Neighbouring frames left out: a cut is between them, or next to nothing can be
            followed from one to the other.
    """

    def __init__(self) -> None:
        self.pairs = self.cuts = 0
        self._sums: dict[str, float] = defaultdict(float)
        self._last: tuple[np.ndarray, Tensor, Tensor] | None = None

    def add(self, source: Picture, result: Picture, *, is_cut: bool = False) -> None:
        """Take the next frame of both.

        Args:
            source: Of the input clip.
            result: Of what was made of it.
            is_cut: Whether a shot begins with it.
        """
        grey, images = source.grey, (_tensor(source), _tensor(result))
        last, self._last = self._last, (grey, *images)
        if last is None:
            return
        back, forth = farneback(grey, last[0]), farneback(last[0], grey)
        mask = followed(back, forth)
        if is_cut or float(mask.float().mean()) < LEAST_FOLLOWED:
            self.cuts += 1
            return
        warped = [look_up(before, back) for before in last[1:]]
        self.pairs += 1
        self._sums["followed"] += float(mask.float().mean())
        moving = mask & (back.square().sum(dim=1, keepdim=True) > MOVING_PX**2)
        self._sums["moving"] += float(moving.float().mean())
        for whose, before, along, now in zip(WHOSE, last[1:], warped, images, strict=True):
            self._sums[f"error {whose}"] += warping_error(along, now, mask)
            for how, other in (("warped", along), ("unwarped", before)):
                change = (other - now).abs().mean(dim=1, keepdim=True) * moving
                self._sums[f"{how} {whose}"] += float(change.mean())

    def error(self, whose: str) -> float | None:
        """Return the warping error of ``"result"`` or ``"source"``; None without a pair."""
        return self._sums[f"error {whose}"] / self.pairs if self.pairs else None

    def followed_share(self) -> float | None:
        """Return the part of the frame in which the flow was trusted, mean over the pairs."""
        return self._sums["followed"] / self.pairs if self.pairs else None

    def moving_share(self) -> float | None:
        """Return the part of it that moves by over a pixel."""
        return self._sums["moving"] / self.pairs if self.pairs else None

    def moving_levels(self, whose: str, how: str) -> float | None:
        """Return the mean absolute change of what moves, in levels.

        Args:
            whose: ``"result"`` or ``"source"``.
            how: ``"warped"``, along the flow, or ``"unwarped"``, in place.
        """
        moving = self._sums["moving"]
        return 255 * self._sums[f"{how} {whose}"] / moving if moving else None


def _tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.pixels.transpose(2, 0, 1)))[None]
