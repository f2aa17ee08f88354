"""The way of the frames: read and measure motion ahead, optimise, write behind.

One frame in, one frame out, in order. Three threads overlap; between them are short queues.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from framestyle.errors import FramestyleError, InputError, JobError
from framestyle.jobs.folder import JobFolder
from framestyle.jobs.overlap import ReadAhead, WriteBehind
from framestyle.media import Frame, Sink, Source, to_pixels, to_tensor
from framestyle.motion import FlowSource, Motion, is_cut
from framestyle.progress import FrameDone, IterationDone, Progress
from framestyle.stages import ClipState, FrameStyler

SAVE_SECONDS = 20.0
"""Work that may be lost at most, beside the frame under way."""


@dataclass(frozen=True)
class Arrival:
    """A frame on its way in.

    Attributes:
        frame: As it was read.
        image: The same on the device, (1, 3, H, W) in [0, 1].
        motion: How the last frame lies in it, on the device; None where a shot begins.
    """

    frame: Frame
    image: Tensor
    motion: Motion | None


@dataclass(frozen=True)
class Departure:
    """A result on its way out.

    Attributes:
        frame: The source frame, for its place and name.
        result: (1, 3, H, W) in [0, 1].
        state: What it hands to the next frame.
    """

    frame: Frame
    result: Tensor
    state: ClipState


class Departures:
    """Writes results, and now and then saves the state after the last one written.

    Args:
        sink: Where results go.
        job: Where the state is saved.
        bit_depth: 8 or 16, of the pixels written.
    """

    def __init__(self, sink: Sink, job: JobFolder, bit_depth: int) -> None:
        self._sink, self._job, self._bit_depth = sink, job, bit_depth
        self._saved_at = time.monotonic()
        self._unsaved: Departure | None = None

    def write(self, leaving: Departure) -> None:
        """Write a result; the state is never ahead of what is written."""
        frame = leaving.frame
        self._sink.write(Frame(frame.index, to_pixels(leaving.result, self._bit_depth), frame.name))
        self._unsaved = leaving
        if time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Save the state after the last result written, if it is not saved yet."""
        if self._unsaved is not None:
            index = self._unsaved.frame.index
            self._job.save_state(self._unsaved.state, index)
            self._sink.checkpoint(index + 1)
            self._unsaved, self._saved_at = None, time.monotonic()


def arrivals(
    source: Source,
    first: int,
    flow: FlowSource | None,
    device: torch.device,
    finds_cuts: bool = True,
) -> Iterator[Arrival]:
    """Read frames and measure how each lies to the one before.

    Args:
        source: The clip.
        first: Number of the first frame wanted; the one before it is read too, for the motion.
        flow: Where motion comes from; None where nothing is carried along it.
        device: Where images and motion go.
        finds_cuts: Whether a cut begins a shot.

    Raises:
        JobError: A frame cannot be read; it is named.
    """
    follow = _Follow(flow, finds_cuts) if flow is not None else None
    at = max(0, first - 1)
    frames = source.read(at)
    try:
        for frame in frames:
            at = frame.index + 1
            image = to_tensor(frame.pixels)
            motion = follow.motion_to(frame, image) if follow is not None else None
            if frame.index >= first:
                yield Arrival(frame, image.to(device), motion.to(device) if motion else None)
    except InputError as error:  # it was whole when the run began
        raise JobError(f"reading frame {at + 1} failed: {error}") from None
    finally:
        frames.close()


class _Follow:
    """Measures how each frame lies to the one before."""

    def __init__(self, flow: FlowSource, finds_cuts: bool) -> None:
        self._flow = flow
        self._finds_cuts = finds_cuts
        self._last: tuple[Frame, Tensor] | None = None

    def motion_to(self, frame: Frame, image: Tensor) -> Motion | None:
        """Return the motion from the last frame to this one; None where a shot begins."""
        last, self._last = self._last, (frame, image)
        if last is None:
            return None
        motion = self._flow.between(last[0].pixels, frame.pixels, (last[0].index, frame.index))
        return None if self._finds_cuts and is_cut(last[1], image, motion) else motion


def process(
    source: Source,
    sink: Sink,
    styler: FrameStyler,
    job: JobFolder,
    state: ClipState,
    device: torch.device,
    progress: Progress,
    flow: FlowSource | None,
) -> None:
    """Take every frame that is not done yet through the stages and write it.

    Args:
        source: The clip.
        sink: Where results go; it knows which frame comes next.
        styler: What makes a frame.
        job: Where the state is saved.
        state: What the last frame that is done hands over, on the device.
        device: Where frames are made.
        progress: Hears of every step and frame.
        flow: Where the motion between frames comes from; None where nothing is carried along it.

    Raises:
        JobError: A frame could not be read, made or written; it is named.
    """
    departures = Departures(sink, job, source.info.bit_depth)
    finds_cuts = styler.config.motion.cuts
    reading = ReadAhead(arrivals(source, sink.next_index, flow, device, finds_cuts))
    writing = WriteBehind(departures.write)
    try:
        for arrival in reading:
            began = time.monotonic()
            result, state = _styled(styler, arrival, state, progress)
            writing.put(Departure(arrival.frame, result, state))
            progress(FrameDone(arrival.frame.index, time.monotonic() - began))
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


def _styled(
    styler: FrameStyler, arrival: Arrival, state: ClipState, progress: Progress
) -> tuple[Tensor, ClipState]:
    index = arrival.frame.index
    named = f"frame {index + 1} ({arrival.frame.name})"

    def on_step(stage: str, iteration: int, planned: int, terms: Mapping[str, Tensor]) -> None:
        progress(IterationDone(index, stage, iteration, planned, terms))

    try:
        result, after = styler.step(arrival.image, arrival.motion, state, on_step)
        if not bool(torch.isfinite(result).all()):
            raise JobError(
                f"{named}: the optimisation left the numbers (not finite); take a smaller step "
                "size or --precision fp32"
            )
    except FramestyleError:
        raise
    except (RuntimeError, MemoryError) as error:
        line = _first_line(error)
        # torch raises a plain RuntimeError where the CPU's memory ends
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in line:
            raise JobError(
                f"{named}: out of memory ({line}); take --size, a smaller network or --precision "
                "bf16, with --restart"
            ) from None
        raise JobError(f"{named}: {line}") from error
    return result, after


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
