"""Steps of optimisations that are recorded once and played back, for all frames of a size.

A step is some hundreds of short operations; recorded, they are launched as one (``graphs``). For
another frame of the same size, its numbers are put into the places of the first.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from framestyle.errors import first_line
from framestyle.exhaustion import gpu_ran_out
from framestyle.graphs import (
    WARM_UP,
    Function,
    Functions,
    Record,
    RecordingError,
    Step,
)
from framestyle.networks import Room
from framestyle.stages.evaluation import Evaluation
from framestyle.stages.optimise import Optimisation, Running, Terms

Fuse = Callable[[Step], Step]
"""Returns a step that does the same in fewer operations."""

DEVIATION = 0.25
"""Of the mean change by a step, by which the first one played back may differ from it. Rounding
turns the direction of Adam round where there is next to no gradient."""
VALUE_DEVIATION = 0.02
"""The same of the value and its terms."""


class _NothingMovedError(RecordingError):
    """A step changed nothing, so that nothing is known of its recording."""


class Played:
    """An optimisation whose steps are played back, in the same places in memory.

    The tensors of the optimisation are its own: those of others are put into them.

    Args:
        optimisation: It stands at its start, before and after, and if it cannot be played back.
        room: What it is planned with.
    """

    def __init__(self, optimisation: Optimisation, room: Room) -> None:
        self._optimisation, self._room = optimisation, room
        self._names: list[str] = []
        self._places = places_of(optimisation)
        fresh = [place.detach().clone() for place in self._places]
        try:
            self._play = self._playing(fresh)
        finally:
            self._load(fresh)
        self._plan = room.in_use

    def begin(self, optimisation: Optimisation) -> None:
        """Begin another of the same form."""
        self._load(places_of(optimisation))
        self._room.in_use = self._plan  # which is asked for where memory runs out

    def step(self) -> tuple[Tensor, Terms]:
        """Make one step; see ``Running``."""
        value, *terms = self._play().clone().unbind()
        return value, dict(zip(self._names, terms, strict=True))

    def result(self, steps: int) -> Tensor:
        """Return the image after that many steps; see ``Running``."""
        return self._optimisation.result(steps)

    @property
    def nbytes(self) -> int:
        """What its places take."""
        return sum(place.nbytes for place in self._places)

    def _playing(self, fresh: Sequence[Tensor]) -> Step:
        """Return what plays back a step, having compared the first one.

        Raises:
            RecordingError: There is none, or it does something else.
        """
        raise NotImplementedError

    def _load(self, tensors: Sequence[Tensor]) -> None:
        """Put numbers into the places."""
        with torch.no_grad():
            for mine, theirs in zip(self._places, tensors, strict=True):
                if mine is not theirs:
                    mine.copy_(theirs)

    def _made(self) -> Tensor:
        """Make a step; return its value and terms."""
        value, terms = self._optimisation.step()
        self._names = list(terms)
        return torch.stack([value, *terms.values()])


class _Recorded(Played):
    """An optimisation whose steps are recorded."""

    def __init__(self, optimisation: Optimisation, room: Room, record: Record) -> None:
        self._record = record
        super().__init__(optimisation, room)

    def _playing(self, fresh: Sequence[Tensor]) -> Step:
        for _ in range(WARM_UP):
            self._made()
        self._load(fresh)
        image = self._optimisation.image
        values, after = self._made().clone(), image.detach().clone()
        moved = (after - fresh[0]).abs().mean()
        if not bool(moved > 0):
            raise _NothingMovedError
        self._load(fresh)
        play = self._record(self._made)
        self._load(fresh)
        played = play()
        off = (image.detach() - after).abs().mean()
        same = torch.allclose(played, values, rtol=VALUE_DEVIATION, atol=1e-6)
        if not same or not bool(off <= DEVIATION * moved):
            raise RecordingError("played back, a step does something else")
        return play


@dataclass
class Recorder:
    """Records the steps of optimisations, one recording for each form and size.

    It serves one run: of two optimisations of the same form, networks and settings are the same.

    Attributes:
        recording: Begins a set of recordings: returns what makes them.
        room: The memory that there is; where it has shrunk, steps are others than before.
        fuse: What is done first with steps that recur; nothing by default.
        say: Hears in one line why something is not recorded, or not fused.
    """

    recording: Callable[[], Record]
    room: Room = field(default_factory=Room)
    fuse: Fuse | None = None
    say: Callable[[str], None] = lambda line: None
    _made: dict[Hashable, _Recorded] = field(default_factory=dict, init=False)
    _refused: set[Hashable] = field(default_factory=set, init=False)
    _functions: Functions | None = field(default=None, init=False)
    _version: int = field(default=0, init=False)

    def begin(self, optimisation: Optimisation) -> Running:
        """Return what plays back its steps, or the optimisation itself where that cannot be."""
        key = form_of(optimisation)
        if key is None or key in self._refused:
            return optimisation
        record = self._functions_now().record
        if key in self._made:
            self._made[key].begin(optimisation)
            return self._made[key]
        fuse = self.fuse
        if fuse is not None and optimisation.recurs:
            self._try(key, optimisation, lambda step: record(fuse(step)), self._not_fused)
        if key not in self._made:
            self._try(key, optimisation, record, self._refuse)
        return self._made.get(key, optimisation)

    def replay(
        self, name: Hashable, function: Function, *tensors: Tensor | None
    ) -> tuple[Any, ...]:
        """Return what a function returns, played back where it is recorded; see ``Player``."""
        if self._refused:  # where steps cannot be recorded, a line has told so
            return function(*tensors)
        return self._functions_now()(name, function, *tensors)

    def _functions_now(self) -> Functions:
        """Return what records, and functions with it; anew where memory has shrunk."""
        if self._functions is None or self._version != self.room.version:
            self._made, self._version = {}, self.room.version
            self._functions = None  # first: there may be no stream for another one beside it
            self._functions = Functions(self.recording(), self.say)
        return self._functions

    def _try(
        self,
        key: Hashable,
        optimisation: Optimisation,
        record: Record,
        failed: Callable[[Hashable, Exception], None],
    ) -> None:
        """Record an optimisation."""
        try:
            self._made[key] = _Recorded(optimisation, self.room, record)
        except _NothingMovedError:
            pass  # another frame will tell
        except (RuntimeError, RecordingError) as error:
            if gpu_ran_out(error):
                raise torch.OutOfMemoryError(str(error)) from error  # it is made again with less
            failed(key, error)

    def _not_fused(self, key: Hashable, error: Exception) -> None:
        why = first_line(error)
        self.say(f"steps are recorded as they are, because they cannot be fused: {why}")

    def _refuse(self, key: Hashable, error: Exception) -> None:
        if not self._refused:
            why = first_line(error)
            self.say(f"steps are made one by one, because they cannot be recorded: {why}")
        self._refused.add(key)


def places_of(optimisation: Optimisation) -> list[Tensor]:
    """Return all tensors that the steps of an optimisation read or change, but for weights."""
    evaluate, stepper = optimisation.evaluate, optimisation.stepper
    assert isinstance(evaluate, Evaluation)
    mean = [] if optimisation.mean is None else [optimisation.mean]
    return [optimisation.image.detach(), *mean, *stepper.tensors, *evaluate.tensors]


def form_of(optimisation: Optimisation) -> Hashable | None:
    """Return what has to be equal to play back the same recording; None if there can be none."""
    evaluate, stepper = optimisation.evaluate, optimisation.stepper
    if not isinstance(evaluate, Evaluation) or stepper.form is None:
        return None
    shapes = tuple((place.shape, place.dtype) for place in places_of(optimisation))
    return type(evaluate), evaluate.form, stepper.form, optimisation.averaging, shapes
