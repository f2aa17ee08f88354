"""Several parts of a clip at the same time, each in a thread; the output is written in order.

A frame of moderate size fills neither the cores of a CPU nor a GPU: the operations of a step are
short, and those who share one wait for each other. Frames of several parts have nothing to wait
for. What is made does not depend on which worker makes it, or when.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from framestyle.errors import JobError
from framestyle.jobs.board import Board, StoppedError
from framestyle.jobs.departures import Checkpoints
from framestyle.jobs.folder import AHEAD, PASSES, JobFolder
from framestyle.jobs.overlap import WriteBehind
from framestyle.jobs.parts import Part
from framestyle.jobs.passes import KeptFrames, Work
from framestyle.jobs.pipeline import Pipeline
from framestyle.jobs.results import Results
from framestyle.jobs.shots import Cutting
from framestyle.jobs.tasks import JOINED, MADE, Task, tasks_of
from framestyle.media import Frame, Sink, Source
from framestyle.media.landing import disk_errors, sync
from framestyle.motion import FlowSource
from framestyle.progress import Event, Notice, Progress
from framestyle.stages import ClipState, FrameStyler
from framestyle.transfer import OwnStream, on_stream, own_stream

WATCH_SECONDS = 0.02
"""How often the main thread looks whether all is written."""


@dataclass
class Workers:
    """Makes the parts of a clip, as many at a time as there are stylers.

    Attributes:
        source: The clip.
        sink: Where results go in order; it knows which frame comes next.
        job: Where states are saved, and results wait.
        cutting: How the clip is divided by cuts.
        parts: What is made independently, in order.
        stylers: What makes frames, one for each worker.
        flow: Where the motion between frames comes from, for any number of threads; or None.
        device: Where frames are made.
        most_waiting: Frames that may wait on the disk for their turn.
        progress: Hears of every step and frame, from several threads (``one_at_a_time``).
        searches: Frames whose motion each worker measures at the same time.
        writers: Results that are encoded at the same time.
    """

    source: Source
    sink: Sink
    job: JobFolder
    cutting: Cutting
    parts: Sequence[Part]
    stylers: Sequence[FrameStyler]
    flow: FlowSource | None
    device: torch.device
    most_waiting: int
    progress: Progress
    searches: int = 1
    writers: int = 1

    def __post_init__(self) -> None:
        """See what earlier runs have left whole; raises ``JobError``."""
        self._results = Results(self.job.path / AHEAD, self.source.info)
        # states rely on both: a power cut must not take a folder and leave what names it
        with disk_errors("making folders", self.job.path):
            for folder in (self._results.folder, self.job.path / PASSES):
                folder.mkdir(exist_ok=True)
            sync(self.job.path)
        if (waiting := self._results.count()) > 0:  # on a slow disk, that takes a while
            self.progress(
                Notice(f"{waiting} frames wait on the disk for their turn: checking them")
            )
        written = self.sink.next_index
        kept = KeptFrames(self.job.path / PASSES)
        self._tasks = tasks_of(self.parts, self.cutting, self._results, kept, written)
        self._board = Board(self._tasks, written, self.most_waiting)

    def counted(self) -> tuple[int, int]:
        """Return how many frames are made in all, each as often as it is, and how many are done."""
        totals, done = zip(*(task.counted() for task in self._tasks), strict=True)
        return sum(totals), sum(done)

    def run(self) -> None:
        """Make and write all that is left.

        Raises:
            JobError: A frame could not be read, made or written; it is named.
        """
        threads = [
            threading.Thread(target=self._guarded, args=(do,), name=name, daemon=True)
            for name, do in (
                *((f"worker {n}", partial(self._work, s)) for n, s in enumerate(self.stylers, 1)),
                ("in order", self._write_in_order),
            )
        ]
        try:
            for thread in threads:
                thread.start()
            while threads[-1].is_alive():  # here signals interrupt
                time.sleep(WATCH_SECONDS)
        finally:
            self._board.is_stopped = True
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        if self._board.error is not None:
            raise self._board.error

    def _guarded(self, do: Callable[[], None]) -> None:
        """Have the run end with what goes wrong in a thread."""
        try:
            do()
        except StoppedError:
            pass
        except BaseException as error:
            self._board.fail(error)

    def _write_in_order(self) -> None:
        checkpoints, saved = Checkpoints(self.sink, self.job.states), self.sink.next_index
        first = saved

        def prepared(turn: tuple[Part, int, int]) -> Callable[[], None]:
            part, index, version = turn
            return partial(
                write, part, index, self.sink.prepared(self._results.read(index, version))
            )

        def write(part: Part, index: int, put: Callable[[], None]) -> None:
            nonlocal saved
            put()
            if checkpoints.passed(ClipState(), index, part.legs[-1]):
                # where the newest state is damaged, a run goes on from the one before
                self._board.written = saved
                self._results.drop_before(saved)
                saved = index + 1

        writing = WriteBehind(prepared, threads=self.writers)
        try:
            for part in self.parts:
                for index in range(max(part.stretch.first, first), part.stretch.end):
                    version = JOINED if part.is_joined_at(index) else MADE
                    self._board.wait_for(index, version)
                    writing.put((part, index, version))
            writing.finish()
            checkpoints.save()
        except BaseException:
            writing.close()
            with suppress(JobError):  # what stopped the run is what is told
                checkpoints.save()
            raise

    def _work(self, styler: FrameStyler) -> None:
        stream = own_stream(self.device)
        with on_stream(stream):
            while (task := self._board.next_task()) is not None:
                self._do(task, styler, stream)

    def _do(self, task: Task, styler: FrameStyler, stream: OwnStream | None) -> None:
        pipeline = Pipeline(
            self.source,
            Waiting(self._results, self._board, task),
            styler,
            self.job.path,
            task.states,
            task.cutting,
            task.legs,
            self.flow,
            self.device,
            self._tell,
            self.searches,
            stream=stream,
        )
        pipeline.run(task.beginning(str(self.device)), task.done)
        self._clear_after(task, pipeline)
        self._board.finish(task)

    def _clear_after(self, task: Task, pipeline: Pipeline) -> None:
        """Delete what nothing needs now that a task is over."""
        if task.version == JOINED:
            pipeline.kept.drop(task.legs[0].stretch)
            task.settle()
            task.needs[0].settle()
        else:
            pipeline.drop_flows(task.part.stretch.end)
            pipeline.kept.drop_before(replace(task.part.join, stretch=task.part.stretch))
            if not task.part.goes_on:
                task.settle()

    def _tell(self, event: Event) -> None:
        self._board.check()
        self.progress(event)


class Waiting(Sink):
    """The way of a task's frames to where they wait for their turn.

    Args:
        results: That place.
        board: Hears of them.
        task: What makes them.
    """

    def __init__(self, results: Results, board: Board, task: Task) -> None:
        self._results, self._board, self._task = results, board, task
        self._unsecured: list[int] = []

    def write(self, frame: Frame) -> None:
        """Keep a frame, if it is to be written and is not."""
        if self._task.legs[-1].work is not Work.OPTIMISE:  # else it hears of that in every step
            self._board.check()
        if self._task.is_written(frame.index) and frame.index >= self._board.written:
            self._board.wait_for_room(self._task)
            self._results.write(frame, self._task.version)
            self._unsecured.append(frame.index)
            self._board.add(frame.index, self._task.version)

    def secure(self) -> None:
        """Have all frames outlive a power cut; see ``Sink.secure``."""
        self._results.secure(self._unsecured, self._task.version)
        self._unsecured = []

    def finish(self) -> Path:
        """Raise ``NotImplementedError``: a task is no output."""
        raise NotImplementedError

    def close(self) -> None:
        """Do nothing: no file is open."""
