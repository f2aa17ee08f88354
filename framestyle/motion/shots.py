"""Shots: what nothing is carried out of, and how a clip's frames are divided into them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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
