"""Parts of a clip that are made independently: what lies between cuts, or pieces of that.

A piece of a shot begins as a shot does, painted anew. So that this is not seen, its first frames
are mixed with what the piece before it hands over, carried on along the flow: less and less of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from framestyle.jobs.passes import Leg, Work, legs_over
from framestyle.jobs.shots import Cutting, Stretch

JOINED_FRAMES = 24
"""Frames over which one piece turns into the next."""


@dataclass(frozen=True)
class Part:
    """Frames that are made one after the other, and do not wait for any others.

    Attributes:
        stretch: Which frames.
        passes: How often they are gone over.
        joins: Whether it goes on from the part before it: there is no cut between them.
        goes_on: Whether the part after it goes on from it.
    """

    stretch: Stretch
    passes: int = 1
    joins: bool = False
    goes_on: bool = False

    @cached_property
    def legs(self) -> list[Leg]:
        """Return the legs in which it is made."""
        *before, last = legs_over(self.stretch, self.passes)
        return [*before, replace(last, handed_on=JOINED_FRAMES if self.joins else 0)]

    @cached_property
    def join(self) -> Leg:
        """Return the leg that joins it to the part before it."""
        first = self.stretch.first
        over = Stretch(first, first + JOINED_FRAMES)
        return Leg(over, self.legs[-1].number + 1, work=Work.JOIN)

    def is_joined_at(self, index: int) -> bool:
        """Tell whether a frame of it is written as its join has made it."""
        return self.joins and index < self.join.stretch.end


def parts_of(cutting: Cutting, passes: int, longest: int | None) -> list[Part]:
    """Return the parts of a clip, in order.

    Args:
        cutting: How it is divided by cuts.
        passes: How often each is gone over.
        longest: Frames in a part at most; None divides nothing but at cuts.
    """
    return [
        Part(piece, passes, joins=number > 0, goes_on=number + 1 < len(pieces))
        for stretch in cutting.stretches
        for pieces in [_pieces(stretch, longest)]
        for number, piece in enumerate(pieces)
    ]


def _pieces(stretch: Stretch, longest: int | None) -> list[Stretch]:
    """Return pieces of a stretch that differ in length by a frame at most."""
    length = stretch.end - stretch.first
    count = 1 if longest is None else -(-length // longest)
    ends = [stretch.first + length * number // count for number in range(count + 1)]
    return [Stretch(first, end) for first, end in pairwise(ends)]


def most_ahead(parts: Sequence[Part], workers: int) -> int:
    """Return how many frames are made before their turn at most, where all take the same time.

    Args:
        parts: Of the clip, in order.
        workers: How many are made at the same time.
    """
    lengths = [part.stretch.end - part.stretch.first for part in parts]
    free_at = [0] * min(workers, len(parts))
    ends = []
    for length in lengths:  # each goes to who is free first
        earliest = min(range(len(free_at)), key=free_at.__getitem__)
        free_at[earliest] += length
        ends.append(free_at[earliest])
    most, turn = 0, 0
    for number, part in enumerate(parts):
        turn = max(turn, ends[number])  # until then, what comes after it waits
        begun = zip(lengths[number + 1 :], ends[number + 1 :], strict=True)
        waiting = sum(min(length, max(0, turn - end + length)) for length, end in begun)
        most = max(most, waiting + (lengths[number] if part.joins else 0))  # joined when it is made
    return most


def longest_joined(parts: Sequence[Part]) -> int:
    """Return how many frames wait until the longest part is made that is joined to another."""
    return max((part.stretch.end - part.stretch.first for part in parts if part.joins), default=0)
