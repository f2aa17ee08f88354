"""Shots: what nothing is carried out of, and how a clip's frames are divided into them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from framestyle.motion.flow import Motion
from framestyle.motion.warp import look_up

LEAST_RELIABLE_SHARE = 0.15
"""Share of pixels with a trusted flow under which two frames have nothing in common."""

LARGEST_MISFIT = 0.12
"""Mean difference, of a range of 1, left after following the flow, above which a shot begins.

Fast motion and noise stay under 0.05; most cuts are over 0.2.
"""


@dataclass(frozen=True)
class Shot:
    """Frames that one camera showed in one go.

    Attributes:
        first: Position of its first frame in the run, from 0.
        end: Position after its last frame.
        dissolve: Number of frames at its beginning during which the shot before still shows; 0
            after a cut.
    """

    first: int
    end: int
    dissolve: int = 0

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a shot without frames, or a dissolve that is longer."""
        if not 0 <= self.first < self.end:
            raise ValueError(f"a shot from {self.first} to {self.end} has no frames")
        if not 0 <= self.dissolve <= self.end - self.first:
            raise ValueError(f"a dissolve of {self.dissolve} in {self.end - self.first} frames")

    def __len__(self) -> int:
        """Return its number of frames, those of its dissolve among them."""
        return self.end - self.first


def covering(named: Iterable[Shot], frame_count: int) -> list[Shot]:
    """Return shots in order, with one more for every run of frames that none of them has.

    Args:
        named: Shots in any order that do not overlap and lie within the clip.
        frame_count: Number of frames in the clip.
    """
    shots: list[Shot] = []
    at = 0
    for shot in sorted(named, key=lambda shot: shot.first):
        if at < shot.first:
            shots.append(Shot(at, shot.first))
        shots.append(shot)
        at = shot.end
    if at < frame_count:
        shots.append(Shot(at, frame_count))
    return shots


def from_beginnings(beginnings: Sequence[tuple[int, int]], frame_count: int) -> list[Shot]:
    """Return the shots of a clip, given where each but the first begins.

    Args:
        beginnings: Position of a shot's first frame and length of its dissolve, in order.
        frame_count: Number of frames in the clip; 0 has no shots.
    """
    if frame_count == 0:
        return []
    firsts = [(0, 0), *beginnings]
    ends = [*(first for first, _ in beginnings), frame_count]
    return [
        Shot(first, end, min(dissolve, end - first))
        for (first, dissolve), end in zip(firsts, ends, strict=True)
    ]


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
