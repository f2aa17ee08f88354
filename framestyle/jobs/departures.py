"""Frames on their way out: written, or kept for another pass, and the state saved behind them."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from framestyle.errors import JobError
from framestyle.jobs.folder import JobFolder
from framestyle.jobs.memory import device_errors
from framestyle.jobs.passes import KeptFrames, Leg
from framestyle.jobs.transfer import Download
from framestyle.media import Frame, Sink, to_pixels
from framestyle.stages import ClipState

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


class Departures:
    """Writes results, and now and then saves the state after the last one written.

    Args:
        sink: Where results of a last pass go.
        kept: Where those of an earlier pass go.
        job: Where the state is saved.
        bit_depth: 8 or 16, of the pixels written.
    """

    def __init__(self, sink: Sink, kept: KeptFrames, job: JobFolder, bit_depth: int) -> None:
        self._sink, self._kept, self._job, self._bit_depth = sink, kept, job, bit_depth
        self._saved_at = time.monotonic()
        self._one_before = 0
        self._unsaved: Departure | None = None

    def write(self, leaving: Departure) -> None:
        """Write a result; the state is never ahead of what is written.

        Raises:
            JobError: It is no picture, or cannot be written.
        """
        frame = leaving.frame
        with device_errors(frame.label):
            result = leaving.result.wait()
            check_finite(result, frame.label)
        if leaving.leg.is_last:
            pixels = to_pixels(result, self._bit_depth)
            self._sink.write(Frame(frame.index, pixels, frame.name, frame.alpha))
        else:
            with device_errors(frame.label):
                own = leaving.state.frames[frame.index]
                self._kept.write(frame.index, leaving.leg.number, own)
        self._unsaved = leaving
        if time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Save the state after the last result written, if it is not saved yet."""
        if self._unsaved is not None:
            index, leg = self._unsaved.frame.index, self._unsaved.leg
            self._sink.secure()
            self._job.save_state(self._unsaved.state, index, leg.number)
            if leg.is_last:
                # where the newest state is damaged, a run goes on from the one before
                self._sink.checkpoint(self._one_before)
                self._one_before = index + 1
            self._unsaved, self._saved_at = None, time.monotonic()


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
