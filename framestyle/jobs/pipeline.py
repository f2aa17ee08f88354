"""The way of the frames: read and measure motion ahead, optimise, write behind.

One frame in, one frame out, in order. Threads overlap; between them are short queues.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from framestyle.errors import JobError
from framestyle.jobs.arrivals import Arrival, backward, forward
from framestyle.jobs.departures import Departure, Departures
from framestyle.jobs.folder import FLOW, PASSES
from framestyle.jobs.memory import device_errors, within_memory
from framestyle.jobs.overlap import ReadAhead, WriteBehind
from framestyle.jobs.passes import Done, KeptFrames, Leg, Work, remaining
from framestyle.jobs.saved import SavedStates
from framestyle.jobs.shots import Cutting
from framestyle.media import Sink, Source
from framestyle.motion import CachedFlow, FlowSource
from framestyle.progress import FrameDone, IterationDone, Progress
from framestyle.stages import ClipState, FrameState, FrameStyler, Link
from framestyle.transfer import Download, OwnStream, on_stream
from framestyle.waiting import giving_way


@dataclass
class Pipeline:
    """Takes every frame that is not done yet through the stages and writes it.

    Attributes:
        source: The clip.
        sink: Where results go; it knows which frame comes next.
        styler: What makes a frame.
        folder: Of the job: what lies between passes is kept in it.
        states: Where the state is saved.
        cutting: How the clip is divided.
        legs: What is gone over, in order.
        flow: Where the motion between frames comes from; None where nothing is carried along it.
        device: Where frames are made.
        progress: Hears of every step and frame.
        searches: Frames whose motion is measured at the same time.
        writers: Results that are encoded at the same time.
        stream: Of a GPU, for all that is done on it; that of everyone by default.
    """

    source: Source
    sink: Sink
    styler: FrameStyler
    folder: Path
    states: SavedStates
    cutting: Cutting
    legs: Sequence[Leg]
    flow: FlowSource | None
    device: torch.device
    progress: Progress
    searches: int = 1
    writers: int = 1
    stream: OwnStream | None = None

    def __post_init__(self) -> None:
        """Say where what lies between passes is kept."""
        first = self.legs[0].stretch.first
        self.kept = KeptFrames(self.folder / PASSES, first)
        goes_back = any(leg.is_backward for leg in self.legs)
        if self.flow is not None and goes_back and self.flow.worth_keeping:
            self.flow = CachedFlow(self.flow, self.folder / FLOW, first)

    def run(self, state: ClipState, done: Done | None) -> None:
        """Go on after what is done.

        Args:
            state: What the last frame that is done hands over, on the device.
            done: How far an earlier run came.

        Raises:
            JobError: A frame could not be read, made or written; it is named.
        """
        departures = Departures(self.sink, self.kept, self.states, self.source.info.bit_depth)
        for leg, first in remaining(self.legs, done):
            # first, so that what a run left that was broken off after a leg goes too
            self.kept.drop_before(leg)
            self.drop_flows(leg.stretch.first)
            begins = first == leg.position_after(None) and leg.work is not Work.JOIN
            self._go(leg, first, ClipState() if begins else state, departures)

    def drop_flows(self, index: int) -> None:
        """Delete the flows that are kept of frames before a position; raises ``JobError``."""
        if isinstance(self.flow, CachedFlow):
            self.flow.drop_before(index)

    def _go(self, leg: Leg, first: int, state: ClipState, departures: Departures) -> None:
        within = partial(on_stream, self.stream)
        # on a GPU a frame waits for its motion; here it wants the cores that the search is on
        ahead = giving_way if self.device.type == "cpu" else within
        reading = ReadAhead(self._arrivals(leg, first), ahead)
        writing = WriteBehind(departures.prepared, within, self.writers)
        try:
            for arrival in reading:
                began = time.monotonic()
                # a GPU tells late of what went wrong: wherever it is asked next
                with device_errors(arrival.frame.label):
                    result, state = self._made(leg, arrival, state)
                    download = Download(result)
                writing.put(Departure(leg, arrival.frame, download, state))
                if leg.work is Work.OPTIMISE:
                    self.progress(FrameDone(arrival.frame.index, time.monotonic() - began))
            writing.finish()
            departures.save()  # putting the output together may fail, and nothing is made twice
        except BaseException:
            writing.close()
            with suppress(JobError):  # what stopped the run is what is told
                departures.save()  # the same command goes on after what is finished
            raise
        finally:
            reading.close()
            writing.close()

    def _arrivals(self, leg: Leg, first: int) -> Iterator[Arrival]:
        flow = None if leg.work is Work.ORDER else self.flow
        if leg.is_backward and flow is not None:
            return backward(self.source, first, leg.stretch, flow, self.device, self.searches)
        frames = forward(
            self.source, first, self.cutting, flow, self.device, self._reach(leg), self.searches
        )
        return _until(frames, leg.stretch.end)

    def _made(self, leg: Leg, arrival: Arrival, state: ClipState) -> tuple[Tensor, ClipState]:
        """Make a frame; return its result and what crosses frames after it."""
        index = arrival.frame.index
        own = self.kept.read(index, leg.number - 1, self.device) if leg.number else None
        if own is not None and leg.work is Work.ORDER:
            return self.styler.shown(arrival.image, own), ClipState({index: own})
        result, after = self._styled(arrival, state, own, leg.share(index))
        # none where a shot begins: what was before it is not looked back to
        keep = range(index + 1 - self._reach(leg), index) if arrival.motions else ()
        return result, state.after(index, after, keep)

    def _reach(self, leg: Leg) -> int:
        """Return how many frames a leg looks back: a later one asks its neighbour only."""
        return self.styler.config.motion.long_term if leg.number == 0 else 1

    def _styled(
        self, arrival: Arrival, state: ClipState, own: FrameState | None, join: float | None
    ) -> tuple[Tensor, FrameState]:
        index = arrival.frame.index
        named = arrival.frame.label
        links = [Link(motion, state.frames[i]) for i, motion in arrival.motions.items()]

        def on_step(stage: str, iteration: int, planned: int, terms: Mapping[str, Tensor]) -> None:
            self.progress(IterationDone(index, stage, iteration, planned, terms))

        def made() -> tuple[Tensor, FrameState]:
            return self.styler.step(
                arrival.image, links, on_step, own=own, ease=arrival.ease, join=join
            )

        return within_memory(made, self.styler.room, named, self.progress)


def _until(arrivals: Iterator[Arrival], end: int) -> Iterator[Arrival]:
    """Take frames up to a position, then close the reader."""
    try:
        for arrival in arrivals:
            yield arrival
            if arrival.frame.index + 1 == end:
                return
    finally:
        close = getattr(arrivals, "close", None)
        if close is not None:
            close()
