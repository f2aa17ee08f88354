"""Recordings of operations on tensors: a GPU then waits for nobody to tell it what to do.

A GPU does most operations in microseconds, and launching them one by one takes longer than doing
them. A recording (a CUDA graph) is launched as one. It holds places in memory, not numbers: for
other numbers of the same shapes, those are put into the same places.
"""

import threading
import warnings
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from framestyle.errors import first_line
from framestyle.exhaustion import gpu_ran_out
from framestyle.transfer import OwnStream

Step = Callable[[], Any]
"""Does something to tensors, always the same ones, and returns tensors, in memory that the next
time may overwrite."""

Record = Callable[[Step], Step]
"""Records a step that changes nothing but tensors; what it returns plays it back."""

Function = Callable[..., tuple[Tensor | None, ...]]
"""Returns tensors that depend on its arguments alone, each a tensor or None."""

WARM_UP = 3
"""Times that something is done before it is recorded: libraries choose how in the first ones."""
FUNCTION_DEVIATION = 0.01
"""Of the mean size of what a function returns, by which what is played back may differ from it."""
MOST_OPERATIONS = 3000
"""Of a step that is compiled: a whole frame's has a third of them; compiling more takes minutes."""


class RecordingError(Exception):
    """A step could not be recorded, or its recording does something else."""


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

        def play() -> Any:
            graph.replay()
            return values

        return play


def give_back_memory() -> None:
    """Give the memory of a GPU back that torch keeps and does not use."""
    with _ONE_AT_A_TIME, suppress(RuntimeError):  # torch < 2.12 refuses after a failed recording
        torch.cuda.empty_cache()


def fused(step: Step) -> Step:
    """Return a step whose operations torch.compile has fused into fewer and larger ones.

    It takes some ten seconds: all operations there and back are traced, from which kernels are made
    that each pass over memory once. They are kept on the disk for the next run.

    Raises:
        RecordingError: It cannot be done, as without a C compiler.
    """
    try:
        # one trace at a time, for it changes how modules of the whole process are called; and what
        # is compiled waits for the device
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice for who writes programs
            # traced before it is compiled: gradients, and all that is known before, are in it then
            traced = make_fx(lambda: step())()
            if len(traced.graph.nodes) > MOST_OPERATIONS:
                raise RecordingError(f"they are {len(traced.graph.nodes)} operations, as in tiles")
            operations = torch.compile(traced, dynamic=False, fullgraph=True)

            def made() -> Any:
                with torch.no_grad():
                    return operations()

            for _ in range(WARM_UP):
                made()
    except Exception as error:  # of any type, from Python, Triton and a C compiler
        if gpu_ran_out(error):
            raise
        raise RecordingError(first_line(error)) from error
    return made


Replay = Callable[..., tuple[Any, ...]]
"""Called with a name, a function that has it, and the function's arguments; returns what the
function returns for them."""


def called(name: Hashable, function: Function, *tensors: Tensor | None) -> tuple[Any, ...]:
    """Call the function: a ``Replay`` that records nothing."""
    return function(*tensors)


@dataclass
class Functions:
    """Records functions of tensors, each once for each of the shapes of its arguments.

    A function is recorded the first time, and what it returns is what is played back, from the
    first time on: a run that goes on where another was broken off gets the same bits. Where a
    recording fails, or returns something else than the function, the function is called; of the
    first of these a line tells. Memory that is too little for a recording may do for the function.

    Attributes:
        record: Records.
        say: Hears in one line why something is not recorded.
    """

    record: Record
    say: Callable[[str], None] = lambda line: None
    _made: dict[Hashable, "_Recording"] = field(default_factory=dict, init=False)
    _refused: set[Hashable] = field(default_factory=set, init=False)

    def __call__(
        self, name: Hashable, function: Function, *tensors: Tensor | None
    ) -> tuple[Any, ...]:
        """Return what a function returns; see ``Replay``."""
        key = name, tuple(None if t is None else (t.shape, t.dtype) for t in tensors)
        if key in self._refused:
            return function(*tensors)
        if key not in self._made:
            expected = function(*tensors)
            try:
                recording = _Recording(function, tensors, self.record)
                recording.check(tensors, expected)
                self._made[key] = recording
            except (RuntimeError, RecordingError) as error:
                if not self._refused:
                    self.say(f"not all is recorded, and takes longer so: {first_line(error)}")
                self._refused.add(key)
                return expected
        return self._made[key](tensors)


class _Recording:
    """A function that is played back for arguments of the same shapes."""

    def __init__(
        self, function: Function, tensors: tuple[Tensor | None, ...], record: Record
    ) -> None:
        self._places = [None if t is None else t.detach().clone() for t in tensors]
        for _ in range(WARM_UP):
            function(*self._places)
        self._play = record(lambda: function(*self._places))

    def __call__(self, tensors: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for place, tensor in zip(self._places, tensors, strict=True):
            if place is not None and tensor is not None:
                place.copy_(tensor)
        return tuple(None if made is None else made.clone() for made in self._play())

    def check(
        self, tensors: tuple[Tensor | None, ...], expected: tuple[Tensor | None, ...]
    ) -> None:
        """Raise ``RecordingError`` where what is played back is not what is expected."""
        for made, value in zip(self(tensors), expected, strict=True):
            if made is None or value is None:
                continue
            off, size = (made - value).abs().float().mean(), value.abs().float().mean()
            if not bool(off <= FUNCTION_DEVIATION * size):
                raise RecordingError("played back, it is something else")
