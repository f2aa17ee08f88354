"""Steps on a CPU that are written down once and done again, for all small frames of a size.

A step of a small frame is hundreds of short operations, and what leads to them takes a part of its
time (``tape``). For another frame of the same size, its numbers are put into the places of the
first.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from framestyle.errors import first_line
from framestyle.exhaustion import ran_out
from framestyle.graphs import RecordingError, Step
from framestyle.networks import Room
from framestyle.stages.optimise import OneByOne, Optimisation, Running
from framestyle.stages.recording import Played, form_of
from framestyle.tape import taped

MOST_PIXELS = 512 * 512
"""Of a frame whose steps are taped. Larger ones take so long that little would be gained."""
MOST_BYTES = 128 << 20
"""Of all that tapes hold of frames. A shot has some ten forms: the sizes of its first frame and of
its dreams, and its later frames. Pictures of ever other sizes have ever other ones."""
MOST_FORMS = 64
"""That are remembered, taped or not."""


class _Taped(Played):
    """An optimisation whose steps are taped."""

    def _playing(self, fresh: Sequence[Tensor]) -> Step:
        values, play = taped(self._made)
        after = [place.detach().clone() for place in self._places]
        self._load(fresh)
        made = [play(), *self._places]
        if not all(map(torch.equal, made, [values, *after])):
            raise RecordingError("a step by tape does something else")
        return play


@dataclass
class Taper(OneByOne):
    """Tapes the steps of optimisations whose form comes up a second time.

    It serves one run: of two optimisations of the same form, networks and settings are the same.

    Attributes:
        room: The memory that there is; where it has shrunk, steps are others than before.
        say: Hears in one line why something is not taped.
    """

    room: Room = field(default_factory=Room)
    say: Callable[[str], None] = lambda line: None
    _begun: OrderedDict[Hashable, Played | None] = field(default_factory=OrderedDict, init=False)
    _refused: set[Hashable] = field(default_factory=set, init=False)
    _version: int = field(default=0, init=False)

    def begin(self, optimisation: Optimisation) -> Running:
        """Return what makes its steps by tape, or the optimisation itself."""
        key, (height, width) = form_of(optimisation), optimisation.start.shape[2:]
        if key is None or key in self._refused or height * width > MOST_PIXELS:
            return optimisation
        if self._version != self.room.version:
            self._version = self.room.version
            self._begun.clear()
        comes_again, tape = key in self._begun, self._begun.pop(key, None)
        if tape is not None:
            tape.begin(optimisation)
        elif comes_again:
            tape = self._taped(key, optimisation)
        if key not in self._refused:
            self._begun[key] = tape
            self._forget()
        return tape or optimisation

    def _forget(self) -> None:
        """Forget what was begun the longest ago, where it is too much."""
        held = sum(tape.nbytes for tape in self._begun.values() if tape)
        while held > MOST_BYTES or len(self._begun) > MOST_FORMS:
            _, tape = self._begun.popitem(last=False)
            held -= tape.nbytes if tape else 0

    def _taped(self, key: Hashable, optimisation: Optimisation) -> Played | None:
        """Return what makes its steps by tape, or None where that cannot be."""
        try:
            return _Taped(optimisation, self.room)
        except Exception as error:  # of any type: steps are made without it as well
            if ran_out(error):
                raise
            if not self._refused:
                self.say(f"steps take longer, because they cannot be taped: {first_line(error)}")
            self._refused.add(key)
            return None
