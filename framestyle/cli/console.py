"""Shows a run on the terminal: a bar, or plain lines where there is no terminal."""

import sys
import time
from typing import Any, TextIO

from tqdm import tqdm

from framestyle.cli.streams import on_one_line, say, unwatched
from framestyle.progress import (
    Event,
    Fetching,
    FrameDone,
    IterationDone,
    Notice,
    RunDone,
    RunStarted,
)

BAR_SECONDS = 0.2
LINE_SECONDS = 2.0
LONG_SECONDS = 15.0
"""Where there is no terminal, a frame that takes so long says how far it is."""


class Console:
    """A progress callback that draws on standard error.

    Attributes:
        frames: Frames of the run; 0 before it starts.
        done: How many are finished.
    """

    def __init__(self, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.frames = self.done = 0
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._bar: tqdm[None] | None = None
        self._drawn = self._started = time.monotonic()
        self._fresh = self._fetched = 0

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case RunStarted():
                self._begin(event)
            case FrameDone():
                self._finish_frame(event)
            case IterationDone():
                self._show_iteration(event)
            case Notice():
                self._say(event.message)
            case Fetching():
                self._show_fetching(event)
            case RunDone():
                self.close()
                self._say(
                    f"{event.output}: {event.frames} frame{'s' * (event.frames != 1)} in "
                    f"{_duration(event.seconds)}"
                )

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _begin(self, event: RunStarted) -> None:
        self.frames, self.done = event.frames, event.done
        self._started = time.monotonic()
        if event.done:
            self._say(f"going on after {event.done} of {event.frames} frames")
        self._draw(total=event.frames, initial=event.done, unit="frame")

    def _draw(self, **bar: Any) -> None:
        """Begin a bar, if there is a terminal for it."""
        self.close()
        if not self._quiet and self._stream.isatty():
            self._bar = tqdm(file=self._stream, dynamic_ncols=True, mininterval=BAR_SECONDS, **bar)

    def _finish_frame(self, event: FrameDone) -> None:
        self.done += 1
        self._fresh += 1
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update()
        elif now - self._drawn >= LINE_SECONDS or self.done == self.frames:
            self._drawn = now
            pace = (now - self._started) / self._fresh
            left = _duration(pace * (self.frames - self.done))
            self._say(f"frame {self.done}/{self.frames}, {pace:.2f} s a frame, {left} left")

    def _show_fetching(self, event: Fetching) -> None:
        if self._fetched == 0:
            self._draw(total=event.total or None, desc=event.what, unit="B", unit_scale=True)
        now, last = time.monotonic(), event.received == event.total
        if self._bar is not None:
            self._bar.update(event.received - self._fetched)
        elif last or now - self._drawn >= LINE_SECONDS:
            self._drawn = now
            self._say(f"{event.what}: {event.received / 1e6:.0f} of {event.total / 1e6:.0f} MB")
        self._fetched = event.received
        if last:
            self.close()
            self._fetched = 0

    def _show_iteration(self, event: IterationDone) -> None:
        now = time.monotonic()
        if self._quiet or now - self._drawn < (BAR_SECONDS if self._bar else LONG_SECONDS):
            return
        self._drawn = now
        # reading a loss waits for the device, so only where it is drawn
        losses = " ".join(f"{name} {float(value):.3g}" for name, value in event.losses.items())
        step = f"{event.stage} {event.iteration}/{event.iterations} {losses}"
        if self._bar is not None:
            self._bar.set_postfix_str(step)
        else:
            self._say(f"frame {event.frame + 1}/{self.frames}: {step}")

    def _say(self, message: str) -> None:
        if self._quiet:
            return
        if self._bar is not None:
            with unwatched(self._stream):
                self._bar.write(on_one_line(message), file=self._stream)
        else:
            say(message, self._stream)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    hours, rest = divmod(whole, 3600)
    return (
        f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{whole // 60}:{whole % 60:02d}"
    )
