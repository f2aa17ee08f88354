"""Steps that are recorded once and played back: a GPU then waits for nobody to tell it what to do.

A step is some hundreds of short operations. On a GPU that does them in microseconds, launching them
one by one takes longer than doing them. A recording (a CUDA graph) is launched as one. It holds
places in memory, not numbers: for another frame of the same size, its numbers are put into the
places of the first.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from framestyle.networks import Room
from framestyle.stages.evaluation import Evaluation
from framestyle.stages.optimise import Optimisation, Running, Terms
from framestyle.transfer import OwnStream

Step = Callable[[], Tensor]
"""Makes a step and returns its value and terms, (n,), in memory that the next one may overwrite."""

Record = Callable[[Step], Step]
"""Records a step that changes nothing but tensors; what it returns plays it back."""

Fuse = Callable[[Step], Step]
"""Returns a step that does the same in fewer operations."""

WARM_UP = 3
"""Steps before a recording is made: libraries choose how they do it in the first ones."""
DEVIATION = 0.25
"""Of the mean change by a step, by which the first one played back may differ from it. Rounding
turns the direction of Adam round where there is next to no gradient."""
VALUE_DEVIATION = 0.02
"""The same of the value and its terms."""
MOST_OPERATIONS = 3000
"""Of a step that is compiled: a whole frame's has a third of them; compiling more takes minutes."""


class RecordingError(Exception):
    """A step could not be recorded, or its recording does something else."""


class _NothingMovedError(RecordingError):
    """A step changed nothing, so that nothing is known of its recording."""


class _Recorded:
    """An optimisation whose steps are played back."""

    def __init__(self, optimisation: Optimisation, record: Record) -> None:
        self._optimisation = optimisation
        self._names: list[str] = []
        self._places = places_of(optimisation)
        fresh = [place.detach().clone() for place in self._places]
        for _ in range(WARM_UP):
            self._made()
        self.load(fresh)
        values, image = self._made().clone(), optimisation.image.detach().clone()
        moved = (image - fresh[0]).abs().mean()
        if not bool(moved > 0):
            raise _NothingMovedError
        self.load(fresh)
        self._play = record(self._made)
        self.load(fresh)
        played = self._play()
        off = (optimisation.image.detach() - image).abs().mean()
        same = torch.allclose(played, values, rtol=VALUE_DEVIATION, atol=1e-6)
        if not same or not bool(off <= DEVIATION * moved):
            raise RecordingError("played back, a step does something else")
        self.load(fresh)

    def load(self, tensors: Sequence[Tensor]) -> None:
        """Put the numbers of another optimisation into the places of this one."""
        with torch.no_grad():
            for mine, theirs in zip(self._places, tensors, strict=True):
                if mine is not theirs:
                    mine.copy_(theirs)

    def step(self) -> tuple[Tensor, Terms]:
        """Make one step; see ``Running``."""
        value, *terms = self._play().clone().unbind()
        return value, dict(zip(self._names, terms, strict=True))

    def result(self, steps: int) -> Tensor:
        """Return the image after that many steps; see ``Running``."""
        return self._optimisation.result(steps)

    def _made(self) -> Tensor:
        value, terms = self._optimisation.step()
        self._names = list(terms)
        return torch.stack([value, *terms.values()])


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
    _record: Record | None = field(default=None, init=False)
    _version: int = field(default=0, init=False)

    def begin(self, optimisation: Optimisation) -> Running:
        """Return what plays back its steps, or the optimisation itself where that cannot be."""
        key = _form_of(optimisation)
        if key is None or key in self._refused:
            return optimisation
        if self._version != self.room.version:
            self._made, self._record, self._version = {}, None, self.room.version
        self._record = record = self._record or self.recording()
        if key in self._made:
            self._made[key].load(places_of(optimisation))
            return self._made[key]
        fuse = self.fuse
        if fuse is not None and optimisation.recurs:
            self._try(key, optimisation, lambda step: record(fuse(step)), self._not_fused)
        if key not in self._made:
            self._try(key, optimisation, record, self._refuse)
        return self._made.get(key, optimisation)

    def _try(
        self,
        key: Hashable,
        optimisation: Optimisation,
        record: Record,
        failed: Callable[[Hashable, Exception], None],
    ) -> None:
        """Record an optimisation; where that fails, it stands at its start as before."""
        fresh = [place.detach().clone() for place in places_of(optimisation)]
        try:
            self._made[key] = _Recorded(optimisation, record)
            return
        except _NothingMovedError:
            pass  # another frame will tell
        except (RuntimeError, RecordingError) as error:
            if _ran_out(error):
                raise torch.OutOfMemoryError(str(error)) from error  # it is made again with less
            failed(key, error)
        with torch.no_grad():
            for place, numbers in zip(places_of(optimisation), fresh, strict=True):
                place.copy_(numbers)

    def _not_fused(self, key: Hashable, error: Exception) -> None:
        self.say(f"steps are recorded as they are, because they cannot be fused: {_line(error)}")

    def _refuse(self, key: Hashable, error: Exception) -> None:
        if not self._refused:
            self.say(f"steps are made one by one, because they cannot be recorded: {_line(error)}")
        self._refused.add(key)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _ran_out(error: BaseException) -> bool:
    """Tell whether memory ran out, also where what failed for it hides that."""
    hidden = error.__cause__ or error.__context__
    is_one = isinstance(error, torch.OutOfMemoryError)
    return is_one or (hidden is not None and _ran_out(hidden))


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


_ONE_AT_A_TIME = threading.Lock()
"""Held while a graph is recorded. There may be one such in a process, and it bears nobody who waits
for all of the device, as torch does before the next one, or who gives memory back."""


class CudaGraphs:
    """Records steps as CUDA graphs, which share their memory: one at a time is played.

    They are recorded on a stream of their own, and live as long as this does: in recorded products
    of matrices, cuBLAS writes to memory that belongs to the stream. Graphs of another thread would
    write to the same at the same time, and some versions of torch give it back as soon as one graph
    of the stream is gone (pytorch/pytorch#193402).
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._own = OwnStream(torch.device("cuda"))
        self._graphs: list[torch.cuda.CUDAGraph] = []

    def __call__(self, step: Step) -> Step:
        """Record a step.

        Raises:
            RuntimeError: It cannot be recorded.
        """
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        self._graphs.append(graph)
        # Other threads read and write frames meanwhile, and may: that is not recorded.
        capture = torch.cuda.graph(
            graph, pool=self._pool, stream=self._own.stream, capture_error_mode="thread_local"
        )
        with _ONE_AT_A_TIME:
            try:
                with capture:
                    values = step()
            finally:
                torch.cuda.set_stream(stream)  # a capture that fails leaves its own behind

        def play() -> Tensor:
            graph.replay()
            return values

        return play


def fused(step: Step) -> Step:
    """Return a step whose operations torch.compile has fused into fewer and larger ones.

    It takes some ten seconds: all operations there and back are traced, from which kernels are made
    that each pass over memory once. They are kept on the disk for the next run.

    Raises:
        RecordingError: It cannot be done, as without a C compiler.
    """
    try:
        # traced before it is compiled: gradients, and all that is known before, are in it then
        traced = make_fx(lambda: step())()
        if len(traced.graph.nodes) > MOST_OPERATIONS:
            raise RecordingError(f"they are {len(traced.graph.nodes)} operations, as in tiles")
        operations = torch.compile(traced, dynamic=False, fullgraph=True)

        def made() -> Tensor:
            with torch.no_grad():
                values: Tensor = operations()
            return values

        with _ONE_AT_A_TIME:  # it waits for the device, too
            for _ in range(WARM_UP):
                made()
    except Exception as error:  # of any type, from Python, Triton and a C compiler
        if _ran_out(error):
            raise
        raise RecordingError(_line(error)) from error
    return made


def give_back_memory() -> None:
    """Give the memory of a GPU back that torch keeps and does not use."""
    with _ONE_AT_A_TIME, suppress(RuntimeError):  # torch < 2.12 refuses after a failed recording
        torch.cuda.empty_cache()
