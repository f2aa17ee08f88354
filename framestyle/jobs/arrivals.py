"""Frames on their way in: read, and their motion measured against the frames around them."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor

from framestyle.errors import InputError, JobError
from framestyle.jobs.memory import device_errors
from framestyle.jobs.overlap import in_order
from framestyle.jobs.shots import Cutting, Stretch
from framestyle.media import Frame, Source
from framestyle.media.tensors import to_tensor
from framestyle.motion import FlowSource, Motion, outside
from framestyle.stages import looked_back_to
from framestyle.transfer import uploaded

LEAST_HIDDEN_SHARE = 0.002
"""Of the frame: where less has come into view than this, no earlier frame is looked at for it."""

CHUNK, CHUNK_BYTES = 16, 64 << 20
"""Frames read at a time where a clip is gone through against its time: so many, or as many more as
this holds. A clip that cannot be entered is decoded from its beginning for each."""


@dataclass(frozen=True)
class Arrival:
    """A frame on its way in.

    Attributes:
        frame: As it was read.
        image: The same on the device, (1, 3, H, W) in [0, 1].
        motions: How frames that are done lie in it, by their position, the nearest first; on the
            device. None of them where a shot begins.
        ease: Share of the past that it lets go, in a dissolve.
    """

    frame: Frame
    image: Tensor
    motions: Mapping[int, Motion] = field(default_factory=dict)
    ease: float = 0.0


def forward(
    source: Source,
    first: int,
    cutting: Cutting,
    flow: FlowSource | None,
    device: torch.device,
    reach: int,
    searches: int = 1,
) -> Iterator[Arrival]:
    """Read frames in order and measure how those before lie in each.

    Args:
        source: The clip.
        first: Position of the first frame wanted; those it looks back to are read too.
        cutting: How the clip is divided.
        flow: Where motion comes from; None where nothing is carried along it.
        device: Where images and motions go.
        reach: How many frames back it looks at most.
        searches: Frames whose motion is measured at the same time.

    Raises:
        JobError: A frame cannot be read; it is named.
    """
    at = max(cutting.stretch_of(first).first, first - reach) if flow is not None else first
    frames = source.read(at)

    def with_those_before() -> Iterator[tuple[Frame, list[Frame]]]:
        nonlocal at
        seen: deque[Frame] = deque(maxlen=max(1, reach))
        for frame in frames:
            at = frame.index + 1
            if frame.index >= first:
                yield frame, list(seen)
            seen.append(frame)

    def measured(both: tuple[Frame, list[Frame]]) -> tuple[Frame, dict[int, Motion]]:
        frame, seen = both
        if flow is None:
            return frame, {}
        with device_errors(frame.label):
            begin = cutting.stretch_of(frame.index).first
            return frame, _motions(frame, begin, seen, flow, reach)

    try:
        with closing(in_order(measured, with_those_before(), searches)) as both:
            for frame, motions in both:
                with device_errors(frame.label):
                    arrival = _arrived(frame, motions, device, cutting.ease(frame.index))
                yield arrival
    except InputError as error:  # it was whole when the run began
        raise JobError(f"reading frame {at + 1} failed: {error}") from None
    finally:
        frames.close()


def backward(
    source: Source,
    last: int,
    stretch: Stretch,
    flow: FlowSource,
    device: torch.device,
    searches: int = 1,
) -> Iterator[Arrival]:
    """Read a stretch against its time and measure how the frame after lies in each.

    Args:
        source: The clip.
        last: Position of the first frame wanted, the last in time.
        stretch: What is gone through, from ``last`` to its first frame.
        flow: Where motion comes from.
        device: Where images and motions go.
        searches: Frames whose motion is measured at the same time.

    Raises:
        JobError: A frame cannot be read.
    """

    def with_those_after() -> Iterator[tuple[Frame, Frame | None]]:
        after: Frame | None = None
        for frame in _against_time(source, min(last + 1, stretch.end - 1), stretch.first):
            if frame.index <= last:
                yield frame, after
            after = frame

    def measured(both: tuple[Frame, Frame | None]) -> tuple[Frame, dict[int, Motion]]:
        frame, after = both
        with device_errors(frame.label):
            return frame, {after.index: _between(after, frame, flow)} if after is not None else {}

    with closing(in_order(measured, with_those_after(), searches)) as both:
        for frame, motions in both:
            with device_errors(frame.label):
                arrival = _arrived(frame, motions, device)
            yield arrival


def _arrived(
    frame: Frame, motions: Mapping[int, Motion], device: torch.device, ease: float = 0.0
) -> Arrival:
    on_device = {index: motion.on(device) for index, motion in motions.items()}
    return Arrival(frame, uploaded(to_tensor(frame.pixels), device), on_device, ease)


def _motions(
    frame: Frame, begin: int, seen: Sequence[Frame], flow: FlowSource, reach: int
) -> dict[int, Motion]:
    """Measure the last frame, and those before it as long as there is something hidden in it."""
    there = {earlier.index: earlier for earlier in seen}
    motions: dict[int, Motion] = {}
    hidden: Tensor | None = None
    for index in looked_back_to(frame.index, begin, reach):
        if motions and not flow.has((index, frame.index)):
            continue
        motion = _between(there[index], frame, flow)
        motions[index] = motion
        new = motion.seen < 0.5  # beside what is new the mask falls off, and that is no more of it
        # what enters over the border was not there before either
        hidden = new & ~outside(motion.back) if hidden is None else hidden & new
        if float(hidden.float().mean()) < LEAST_HIDDEN_SHARE:
            break
    return motions


def _between(other: Frame, frame: Frame, flow: FlowSource) -> Motion:
    """Measure how one frame lies in another; raises ``JobError``."""
    try:
        return flow.between(other.pixels, frame.pixels, (other.index, frame.index))
    except InputError as error:  # files of flow were whole when the run began
        raise JobError(
            f"the flow between frames {other.index + 1} and {frame.index + 1} failed: {error}"
        ) from None


def _against_time(source: Source, last: int, first: int) -> Iterator[Frame]:
    """Yield the frames from ``last`` down to ``first``."""
    info, end = source.info, last + 1
    frame_bytes = info.height_px * info.width_px * 3 * info.bit_depth // 8
    most = max(CHUNK, CHUNK_BYTES // frame_bytes)
    while end > first:
        begin = max(first, end - most)
        frames = source.read(begin)
        try:
            chunk = list(islice(frames, end - begin))
        except InputError as error:
            raise JobError(f"reading frames {begin + 1} to {end} failed: {error}") from None
        finally:
            frames.close()
        while chunk:  # each is free as soon as it is taken
            yield chunk.pop()
        end = begin
