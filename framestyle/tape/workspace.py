"""Memory for what comes about on the way through a step, at the same places in each step.

An allocator puts it wherever there is room just then. Two cores that each make one half of it find
there what the other core has made last, and where they share no cache, a line that another core has
written takes ten times as long to write.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

LINE_BYTES = 64
"""Of a cache: places begin at multiples of it, as torch's own tensors do."""


@dataclass(frozen=True)
class Life:
    """How long something is needed.

    Attributes:
        nbytes: What it takes.
        first: Number of the operation that makes it.
        last: Number of the last one that reads it.
    """

    nbytes: int
    first: int
    last: int

    def meets(self, other: "Life") -> bool:
        """Tell whether both are needed by one operation, or between the same two."""
        return self.first <= other.last and other.first <= self.last


class Workspace:
    """Memory that several tapes share, of which no two may be played at the same time."""

    def __init__(self) -> None:
        self._memory = _memory(0)

    def room_for(self, lives: Sequence[Life]) -> list[torch.UntypedStorage]:
        """Return where things lie; those of which one is gone before may share their memory."""
        offsets, end = arranged(lives)
        if end > self._memory.nbytes():
            # by far more, so that what tapes of smaller pictures hold is no more than this
            self._memory = _memory(1 << (end - 1).bit_length())
        parts = zip(offsets, lives, strict=True)
        return [self._memory[offset : offset + life.nbytes] for offset, life in parts]


def _memory(nbytes: int) -> torch.UntypedStorage:
    """Return memory, aligned as that of torch's tensors."""
    return torch.empty(nbytes, dtype=torch.uint8, device="cpu").untyped_storage()


def arranged(lives: Sequence[Life]) -> tuple[list[int], int]:
    """Return at which bytes things can lie, and how many that takes.

    The largest come first, each in the smallest place that is free while it is needed: "greedy by
    size" for shared objects (Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net
    Inference, 2020). A smaller one lies in the middle of its place, so that each of two cores finds
    its half where its half of the others was.
    """
    places: list[list[int]] = []  # what lies in each, one after the other, the largest first
    for number in sorted(range(len(lives)), key=lambda number: -lives[number].nbytes):
        life = lives[number]
        free = (
            place
            for place in reversed(places)  # the last is the smallest
            if not any(life.meets(lives[other]) for other in place)
        )
        if (place := next(free, None)) is None:
            places.append(place := [])
        place.append(number)
    offsets, end = [0] * len(lives), 0
    for place in places:
        nbytes = -(-lives[place[0]].nbytes // LINE_BYTES) * LINE_BYTES
        for number in place:
            beside = (nbytes - lives[number].nbytes) // 2
            offsets[number] = end + beside // LINE_BYTES * LINE_BYTES
        end += nbytes
    return offsets, end
