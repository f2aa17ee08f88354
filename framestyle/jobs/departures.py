"""Frames on their way out: written, or kept for another pass, and the state saved behind them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from framestyle.errors import JobError
from framestyle.jobs.memory import device_errors
from framestyle.jobs.passes import KeptFrames, Leg
from framestyle.jobs.saved import SavedStates
from framestyle.media import Frame, Sink
from framestyle.media.tensors import to_pixels
from framestyle.stages import ClipState
from framestyle.transfer import Download

SAVE_SECONDS = 20.0
"""Work that may be lost at most, beside the frame under way."""


@dataclass(frozen=True)
class Departure:
    """A result on its way out.

    Attributes:
        leg: What it was made in.
        frame: The source frame, for its place and name.
        result: (1, 3, H, W) in [0, 1], on its way from the device.
        state: What crosses frames after it.
    """

    leg: Leg
    frame: Frame
    result: Download
    state: ClipState


class Checkpoints:
    """Saves a state now and then, which is never ahead of what is written.

    Args:
        sink: What is written to.
        states: Where states are saved.
    """

    def __init__(self, sink: Sink, states: SavedStates) -> None:
        self._sink, self._states = sink, states
        self._saved_at = time.monotonic()
        self._one_before = 0
        self._unsaved: tuple[ClipState, int, Leg] | None = None

    def passed(self, state: ClipState, frame: int, leg: Leg) -> bool:
        """Hear that a frame of a leg is written, and what crosses frames after it.

        Returns:
            Whether that was saved.

        Raises:
            JobError: It cannot be saved.
        """
        self._unsaved = state, frame, leg
        return time.monotonic() - self._saved_at >= SAVE_SECONDS and self.save()

    def save(self) -> bool:
        """Save the state after the last frame written; False where it is saved already."""
        if self._unsaved is None:
            return False
        state, frame, leg = self._unsaved
        self._sink.secure()
        self._states.save(state, frame, leg.number)
        if leg.is_last:
            # where the newest state is damaged, a run goes on from the one before
            self._sink.checkpoint(self._one_before)
            self._one_before = frame + 1
        self._unsaved, self._saved_at = None, time.monotonic()
        return True


class Departures:
    """Writes results, and now and then saves the state after the last one written.

    Args:
        sink: Where results of a last pass go.
        kept: Where those of an earlier pass go.
        states: Where the state is saved.
        bit_depth: 8 or 16, of the pixels written.
    """

    def __init__(self, sink: Sink, kept: KeptFrames, states: SavedStates, bit_depth: int) -> None:
        self._sink, self._kept, self._bit_depth = sink, kept, bit_depth
        self._checkpoints = Checkpoints(sink, states)

    def prepared(self, leaving: Departure) -> Callable[[], None]:
        """Do with a result what can be done before its turn, and return what writes it.

        The state is never ahead of what is written.

        Raises:
            JobError: It is no picture, or cannot be encoded; what is returned raises it where it
                cannot be written.
        """
        frame, leg = leaving.frame, leaving.leg
        put: Callable[[], None] | None = None
        with device_errors(frame.label):
            result = leaving.result.wait()
            check_finite(result, frame.label)
        if leg.is_last:
            pixels = to_pixels(result, self._bit_depth)
            put = self._sink.prepared(Frame(frame.index, pixels, frame.name, frame.alpha))
        return partial(self._write, leg, frame, leaving.state, put)

    def _write(
        self, leg: Leg, frame: Frame, state: ClipState, put: Callable[[], None] | None
    ) -> None:
        if leg.keeps(frame.index):
            with device_errors(frame.label):
                self._kept.write(frame.index, leg.number, state.frames[frame.index])
        if put is not None:
            put()
        self._checkpoints.passed(state, frame.index, leg)

    def save(self) -> None:
        """Save the state after the last result written, if it is not saved yet."""
        self._checkpoints.save()


def check_finite(result: Tensor, named: str) -> None:
    """Raise ``JobError`` where a result, (1, 3, H, W), has numbers that are none.

    Args:
        result: It.
        named: What it is, for people.
    """
    if not bool(torch.isfinite(result).all()):
        raise JobError(
            f"{named}: the optimisation left the numbers (not finite); take a smaller step size or "
            "--precision fp32"
        )
