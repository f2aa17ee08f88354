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
from framestyle.stages.optimise import OneByOne, Optimisation, Running, Terms
from framestyle.stages.recording import Played, form_of
from framestyle.tape import Workspace, taped

MOST_PIXELS = 512 * 512
"""Of a frame whose steps are taped. Larger ones take so long that little would be gained."""
PAYS_AFTER = 50
"""Steps of a form: as much time as its tape takes to make, they would have saved by it. A form that
comes up for as many more pays for it, and one that does not has lost no more than that."""
MOST_BYTES = 128 << 20
"""Of all that tapes hold of frames, beside the memory that they share. A shot has some ten forms:
the sizes of its first frame and of its dreams, and its later frames. Pictures of ever other sizes
have ever other ones."""
MOST_FORMS = 64
"""That are remembered, taped or not."""


class _Taped(Played):
    """An optimisation whose steps are taped; see ``Played``.

    Args:
        workspace: Memory for what its steps make on the way.
    """

    def __init__(self, optimisation: Optimisation, room: Room, workspace: Workspace) -> None:
        self._workspace = workspace
        super().__init__(optimisation, room)

    def _playing(self, fresh: Sequence[Tensor]) -> Step:
        values, play = taped(self._made, self._workspace)
        after = [place.detach().clone() for place in self._places]
        self._load(fresh)
        made = [play(), *self._places]
        if not all(map(torch.equal, made, [values, *after])):
            raise RecordingError("a step by tape does something else")
        return play


@dataclass
class _Form:
    """What is known of all optimisations of one form.

    Attributes:
        steps: That were made without a tape.
        tape: What makes them, if anything.
    """

    steps: int = 0
    tape: Played | None = None

    @property
    def nbytes(self) -> int:
        """What its tape holds of frames."""
        return 0 if self.tape is None else self.tape.nbytes


@dataclass
class _Counted:
    """An optimisation of whose form the steps are counted."""

    optimisation: Optimisation
    form: _Form

    def step(self) -> tuple[Tensor, Terms]:
        """Make one step; see ``Running``."""
        self.form.steps += 1
        return self.optimisation.step()

    def result(self, steps: int) -> Tensor:
        """Return the image after that many steps; see ``Running``."""
        return self.optimisation.result(steps)


@dataclass
class Taper(OneByOne):
    """Tapes the steps of optimisations whose form comes up again and again.

    It serves one run: of two optimisations of the same form, networks and settings are the same.

    Attributes:
        room: The memory that there is; where it has shrunk, steps are others than before.
        say: Hears in one line why something is not taped.
        pays_after: Steps of a form that are made before it is taped.
    """

    room: Room = field(default_factory=Room)
    say: Callable[[str], None] = lambda line: None
    pays_after: int = PAYS_AFTER
    _forms: OrderedDict[Hashable, _Form] = field(default_factory=OrderedDict, init=False)
    _refused: set[Hashable] = field(default_factory=set, init=False)
    _version: int = field(default=0, init=False)
    _workspace: Workspace = field(default_factory=Workspace, init=False)

    def begin(self, optimisation: Optimisation) -> Running:
        """Return what makes its steps by tape, or one after the other."""
        key, (height, width) = form_of(optimisation), optimisation.start.shape[2:]
        if key is None or key in self._refused or height * width > MOST_PIXELS:
            return optimisation
        if self._version != self.room.version:
            self._version = self.room.version
            self._forms.clear()
            self._workspace = Workspace()
        form = self._forms.pop(key, None) or _Form()
        if form.tape is not None:
            form.tape.begin(optimisation)
        elif form.steps >= self.pays_after:
            form.tape = self._taped(key, optimisation)
            if form.tape is None:
                return optimisation
        self._forms[key] = form
        self._forget()
        return form.tape or _Counted(optimisation, form)

    def _forget(self) -> None:
        """Forget what was begun the longest ago, where it is too much."""
        held = sum(form.nbytes for form in self._forms.values())
        while held > MOST_BYTES or len(self._forms) > MOST_FORMS:
            _, form = self._forms.popitem(last=False)
            held -= form.nbytes

    def _taped(self, key: Hashable, optimisation: Optimisation) -> Played | None:
        """Return what makes its steps by tape, or None where that cannot be."""
        try:
            return _Taped(optimisation, self.room, self._workspace)
        except Exception as error:  # of any type: steps are made without it as well
            if ran_out(error):
                raise
            if not self._refused:
                self.say(f"steps take longer, because they cannot be taped: {first_line(error)}")
            self._refused.add(key)
            return None
