"""What workers do: a part of a clip is made, or joined to the one before it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from framestyle.errors import FramestyleError
from framestyle.jobs.parts import Part
from framestyle.jobs.passes import Done, KeptFrames, Leg, counted, written
from framestyle.jobs.results import Results
from framestyle.jobs.saved import SavedStates
from framestyle.jobs.shots import Cutting
from framestyle.stages import ClipState

MADE, JOINED = 0, 1
"""Versions of a frame: as its part has made it, and as it was joined to what is before it."""


@dataclass(eq=False)
class Task:
    """Legs over frames that nobody else goes over meanwhile.

    Attributes:
        part: Whose frames they are.
        legs: In order.
        version: Of the frames that it makes.
        cutting: How far its frames look back, and where dissolves are.
        states: Where its state is saved.
        needs: What has to be over before it begins; for a join, what it goes on from comes first.
        done: How far it has come.
    """

    part: Part
    legs: Sequence[Leg]
    version: int
    cutting: Cutting
    states: SavedStates
    needs: Sequence["Task"] = ()
    done: Done | None = field(default=None, init=False)

    @property
    def end(self) -> Done:
        """Return how far it has come when it is over."""
        last = self.legs[-1]
        return Done(last.stretch.end - 1, last.number)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left."""
        return self.done == self.end

    def counted(self) -> tuple[int, int]:
        """Return how many frames it makes, each as often as it does, and how many are done."""
        return counted(self.legs, self.done)

    def is_written(self, index: int) -> bool:
        """Tell whether a frame that it makes goes into the output as it makes it."""
        return self.version == JOINED or not self.part.is_joined_at(index)

    def waiting(self, first: int) -> list[int]:
        """Return the frames that it has made for the output, from a position on."""
        made = range(max(first, self.legs[0].stretch.first), written(self.legs, self.done))
        return [index for index in made if self.is_written(index)]

    def left(self) -> range:
        """Return the frames that it has not made yet, where it is made in one leg."""
        stretch = self.legs[0].stretch
        return range(stretch.first if self.done is None else self.done.frame + 1, stretch.end)

    def find(self, results: Results, first: int, hands_over: bool) -> None:
        """See how far it has come in earlier runs; what is damaged is done again.

        Args:
            results: What waits for its turn.
            first: Position from which on results are wanted.
            hands_over: Whether another task goes on from its last frame.

        Raises:
            JobError: What is damaged cannot be deleted.
        """
        if self.legs[-1].stretch.end <= first and not hands_over:
            self.done = self.end
            return
        for back in range(self.states.count()):
            state, self.done = self.states.load("cpu", back)
            is_usable = bool(state.frames) or (self.is_over and not hands_over)
            if is_usable and _can_be(
                partial(results.read, version=self.version), self.waiting(first)
            ):
                self.states.drop_after(back)
                return
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.states.remove()
        self.done = None

    def beginning(self, device: str) -> ClipState:
        """Return what crosses frames where it goes on, or where it begins."""
        if self.done is not None:
            return self.states.load(device)[0]
        return self.needs[0].states.load(device)[0] if self.needs else ClipState()

    def settle(self) -> None:
        """Keep only that it is over; raises ``JobError`` where that cannot be written."""
        if self.states.are_there():  # else the output tells
            self.states.settle(self.end.frame, self.end.leg)


def tasks_of(
    parts: Sequence[Part], cutting: Cutting, results: Results, kept: KeptFrames, first: int
) -> list[Task]:
    """Return all that is done for the parts of a clip, and how far it has come.

    Args:
        parts: In order.
        cutting: How the clip is divided by cuts.
        results: What waits for its turn.
        kept: What parts hand on to joins.
        first: Position from which on results are wanted.

    Returns:
        In the order in which it is best done: a part, and then its join.

    Raises:
        JobError: What is damaged cannot be deleted.
    """
    tasks = list(_tasks(parts, cutting, results))
    joins = [task for task in tasks if task.needs]
    for task in joins:
        task.find(results, first, hands_over=False)
    for task in tasks:
        if task not in joins:
            after = (join for join in joins if join.needs[0] is task)
            task.find(results, first, any(join.done is None for join in after))
    for join in joins:
        _, own = join.needs
        if own.done is not None and own.done.leg == own.end.leg:
            handed_on = [index for index in join.left() if index <= own.done.frame]
            read = partial(kept.read, leg=own.end.leg, device=torch.device("cpu"))
            if not _can_be(read, handed_on):
                own.forget()
    return tasks


def _can_be(read: Callable[[int], object], indices: Iterable[int]) -> bool:
    """Tell whether all of some frames can be read: none is missing or damaged."""
    try:
        for index in indices:
            read(index)
    except FramestyleError:
        return False
    return True


def _tasks(parts: Sequence[Part], cutting: Cutting, results: Results) -> Iterator[Task]:
    before: Task | None = None
    for part in parts:
        number, own = part.stretch.first, Cutting(cutting.shots, part.stretch)
        states = SavedStates(results.folder, f"part-{number}")
        made = Task(part, part.legs, MADE, own, states)
        yield made
        if part.joins and before is not None:
            states = SavedStates(results.folder, f"join-{number}")
            yield Task(part, [part.join], JOINED, cutting, states, (before, made))
        before = made
