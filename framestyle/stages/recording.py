"""Steps that are recorded once and played back: a GPU then waits for nobody to tell it what to do.

A step is some hundreds of short operations. On a GPU that does them in microseconds, launching them
one by one takes longer than doing them. A recording (a CUDA graph) is launched as one. It holds
places in memory, not numbers: for another frame of the same size, its numbers are put into the
places of the first.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from framestyle.networks import Room
from framestyle.stages.evaluation import Evaluation
from framestyle.stages.optimise import Optimisation, Terms

Step = Callable[[], Tensor]
"""Makes a step and returns its value and terms, (n,), in memory that the next one may overwrite."""

Record = Callable[[Step], Step]
"""Records a step that changes nothing but tensors; what it returns plays it back."""

WARM_UP = 3
"""Steps before a recording is made: libraries choose how they do it in the first ones."""
DEVIATION = 0.1
"""Of the mean change by a step, by which the first one played back may differ from it. Rounding
turns the direction of Adam round where there is next to no gradient."""


class RecordingError(Exception):
    """A step could not be recorded, or its recording does something else."""


class _Recorded(Optimisation):
    """An optimisation whose steps are played back."""

    def __init__(self, optimisation: Optimisation, record: Record) -> None:
        self.evaluate, self.stepper = optimisation.evaluate, optimisation.stepper
        self.averaging, self.start = optimisation.averaging, optimisation.start
        self.image, self.mean = optimisation.image, optimisation.mean
        self._names: list[str] = []
        self._places = places_of(optimisation)
        fresh = [place.detach().clone() for place in self._places]
        for _ in range(WARM_UP):
            self._made()
        self.load(fresh)
        self._made()
        expected = self.image.detach().clone()
        self.load(fresh)
        self._play = record(self._made)
        self.load(fresh)
        self._play()
        off = (self.image.detach() - expected).abs().mean()
        if not bool(off <= DEVIATION * (expected - fresh[0]).abs().mean()):
            raise RecordingError("played back, a step does something else")
        self.load(fresh)

    def load(self, tensors: Sequence[Tensor]) -> None:
        """Put the numbers of another optimisation into the places of this one."""
        with torch.no_grad():
            for mine, theirs in zip(self._places, tensors, strict=True):
                if mine is not theirs:
                    mine.copy_(theirs)

    def step(self) -> tuple[Tensor, Terms]:
        """Make one step."""
        value, *terms = self._play().clone().unbind()
        return value, dict(zip(self._names, terms, strict=True))

    def _made(self) -> Tensor:
        value, terms = super().step()
        self._names = list(terms)
        return torch.stack([value, *terms.values()])


@dataclass
class Recorder:
    """Records the steps of optimisations, one recording for each form and size.

    Attributes:
        recording: Begins a set of recordings: returns what makes them.
        room: The memory that there is; where it has shrunk, steps are others than before.
        say: Hears in one line why something is not recorded.
    """

    recording: Callable[[], Record]
    room: Room = field(default_factory=Room)
    say: Callable[[str], None] = lambda line: None
    _made: dict[Hashable, _Recorded] = field(default_factory=dict, init=False)
    _record: Record | None = field(default=None, init=False)
    _version: int = field(default=0, init=False)
    _given_up: bool = field(default=False, init=False)

    def begin(self, optimisation: Optimisation) -> Optimisation:
        """Return an optimisation that plays back the same steps, or the same where it cannot."""
        key = _form_of(optimisation)
        if key is None or self._given_up:
            return optimisation
        if self._version != self.room.version:
            self._made, self._record, self._version = {}, None, self.room.version
        self._record = self._record or self.recording()
        if key in self._made:
            self._made[key].load(places_of(optimisation))
            return self._made[key]
        fresh = [place.detach().clone() for place in places_of(optimisation)]
        try:
            self._made[key] = _Recorded(optimisation, self._record)
        except torch.OutOfMemoryError:
            raise  # the frame is made again with less
        except (RuntimeError, RecordingError) as error:
            self._given_up = True
            line = (str(error).splitlines() or [type(error).__name__])[0]
            self.say(f"steps are made one by one, because they cannot be recorded: {line}")
            with torch.no_grad():
                for place, numbers in zip(places_of(optimisation), fresh, strict=True):
                    place.copy_(numbers)
            return optimisation
        return self._made[key]


def places_of(optimisation: Optimisation) -> list[Tensor]:
    """Return all tensors that the steps of an optimisation read or change, but for weights."""
    evaluate, stepper = optimisation.evaluate, optimisation.stepper
    assert isinstance(evaluate, Evaluation)
    mean = [] if optimisation.mean is None else [optimisation.mean]
    return [optimisation.image.detach(), *mean, *stepper.tensors, *evaluate.tensors]


def _form_of(optimisation: Optimisation) -> Hashable | None:
    """Return what has to be equal to play back the same recording; None if there can be none."""
    evaluate, stepper = optimisation.evaluate, optimisation.stepper
    if not isinstance(evaluate, Evaluation) or stepper.form is None:
        return None
    shapes = tuple((place.shape, place.dtype) for place in places_of(optimisation))
    return type(evaluate), evaluate.form, stepper.form, optimisation.averaging, shapes


class CudaGraphs:
    """Records steps as CUDA graphs, which share their memory: one at a time is played."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, step: Step) -> Step:
        """Record a step.

        Raises:
            RuntimeError: It cannot be recorded.
        """
        graph = torch.cuda.CUDAGraph()
        # Other threads read and write frames meanwhile, and may: what they do is not recorded.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            values = step()

        def play() -> Tensor:
            graph.replay()
            return values

        return play
