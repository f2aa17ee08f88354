"""Steps on a CPU that are written down once and done again, for all small frames of a size.

A step of a small frame is hundreds of short operations, and what leads to them takes a part of its
time (``tape``). For another frame of the same size, its numbers are put into the places of the
first.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from framestyle.graphs import RecordingError
from framestyle.networks import Room
from framestyle.stages.optimise import OneByOne, Optimisation, Running
from framestyle.stages.recording import NothingMovedError, Recorded, form_of, places_of
from framestyle.tape import taped

MOST_PIXELS = 512 * 512
"""Of a frame whose steps are taped. Of larger ones they take so long that little is gained, and
what a tape holds is large."""
MOST_KEPT = 16
"""Forms that are remembered: pictures of ever other sizes have ever other ones."""


@dataclass
class Taper(OneByOne):
    """Tapes the steps of optimisations whose form comes up a second time.

    It serves one run: of two optimisations of the same form, networks and settings are the same.

    Attributes:
        room: The memory that there is; where it has shrunk, steps are others than before.
    """

    room: Room = field(default_factory=Room)
    _tapes: OrderedDict[Hashable, Recorded | None] = field(default_factory=OrderedDict, init=False)
    _refused: set[Hashable] = field(default_factory=set, init=False)
    _version: int = field(default=0, init=False)

    def begin(self, optimisation: Optimisation) -> Running:
        """Return what makes its steps by tape, or the optimisation itself."""
        key, (height, width) = form_of(optimisation), optimisation.start.shape[2:]
        if key is None or key in self._refused or height * width > MOST_PIXELS:
            return optimisation
        if self._version != self.room.version:
            self._version = self.room.version
            self._tapes.clear()
        comes_again, tape = key in self._tapes, self._tapes.get(key)
        if tape is not None:
            tape.load(places_of(optimisation))
        elif comes_again:
            tape = self._taped(key, optimisation)
        self._tapes[key] = tape
        self._tapes.move_to_end(key)
        while len(self._tapes) > MOST_KEPT:
            self._tapes.popitem(last=False)
        return tape or optimisation

    def _taped(self, key: Hashable, optimisation: Optimisation) -> Recorded | None:
        """Return what makes its steps by tape; None where that cannot be, or not yet."""
        try:
            return Recorded(optimisation, taped, warm_up=0)
        except NothingMovedError:
            return None
        except RecordingError:  # then steps take a little longer
            self._refused.add(key)
            return None
