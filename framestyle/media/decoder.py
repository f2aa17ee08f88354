"""Decodes a part of a video with ffmpeg, checking each frame against the time it should have."""

import threading
import time
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from framestyle.errors import InputError
from framestyle.media.clip import ClipInfo
from framestyle.media.ffmpeg import Running, file_url, run
from framestyle.media.pixel_formats import SCALER_FLAGS
from framestyle.media.selection import Selection
from framestyle.media.showinfo import ShowinfoParser, ShownFrame
from framestyle.media.streams import LOCAL_ONLY, Container
from framestyle.media.timeline import Timeline

_HEAD_FRAMES = 8
_LOG_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Decoding:
    """All that decoding needs to know: file, times, selection, form of the frames as coded.

    ``weave`` is the filter that makes whole frames of two fields, or ``""``.
    """

    container: Container
    timeline: Timeline
    chosen: Selection
    head: ShownFrame
    info: ClipInfo
    weave: str = ""


class Decoder:
    """One run of ffmpeg that gives raw frames, each checked against the time it should have."""

    def __init__(self, decoding: Decoding, first: int, *, seek: bool) -> None:
        timeline, chosen = decoding.timeline, decoding.chosen
        begin, end = chosen.first + first, chosen.first + chosen.count - 1
        self._expected = timeline.pts[begin : end + 1]
        self._wide = decoding.info.bit_depth == 16
        self._shape = (decoding.head.height_px, decoding.head.width_px, 3)
        self._seen: list[int | None] = []
        self._given = 0
        self._changed = threading.Condition()
        self._parser = ShowinfoParser()
        # What is woven looks at the frame before too.
        entry = _entry_seconds(timeline, max(0, begin - bool(decoding.weave))) if seek else None
        self.sought = entry is not None
        enter = [] if entry is None else ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", entry]
        self._running = Running(
            [
                *("-copyts", *enter, *LOCAL_ONLY, "-i", file_url(decoding.container.path)),
                *("-map", f"0:{decoding.container.video}"),
                *("-vf", _filters(decoding, begin, end, self._wide)),
                *("-frames:v", str(len(self._expected)), "-fps_mode", "passthrough"),
                *("-f", "rawvideo", "-"),
            ],
            on_line=self._on_line,
        )

    def next_pixels(self) -> np.ndarray | None:
        """Return the next frame as coded, or None where it is not the one that should come."""
        pixels = np.empty(self._shape, np.uint16 if self._wide else np.uint8)
        view, got = memoryview(pixels.data).cast("B"), 0
        while got < len(view):
            count = self._running.stdout.readinto(view[got:])  # type: ignore[attr-defined]
            if not count:
                return None
            got += count
        index = self._given
        self._given += 1
        deadline = time.monotonic() + _LOG_WAIT_SECONDS
        with self._changed:
            # The line was written before the frame, but comes through another pipe.
            while len(self._seen) <= index and time.monotonic() < deadline:
                self._changed.wait(1.0)
        if len(self._seen) <= index or self._seen[index] != self._expected[index]:
            return None
        return pixels

    def reason(self) -> str:
        """Return what ffmpeg gave for a reason, if it did."""
        self.close()
        return self._running.log().last_error() if self._running.log().errors() else ""

    def close(self) -> None:
        """End ffmpeg."""
        self._running.kill()

    def _on_line(self, level: str, text: str) -> None:
        before = len(self._parser.frames)
        self._parser.feed(level, text)
        if len(self._parser.frames) > before:
            with self._changed:
                self._seen.append(self._parser.frames[-1].pts)
                self._parser.frames.clear()
                self._changed.notify_all()


def _filters(decoding: Decoding, begin: int, end: int, wide: bool) -> str:
    timeline, info = decoding.timeline, decoding.info
    if timeline.decoded:
        chosen = f"select='between(n,{begin},{end})'"
    else:
        chosen = f"select='between(pts,{timeline.pts[begin]},{timeline.pts[end]})'"
    if decoding.weave:
        # It counts half ticks.
        chosen = f"{decoding.weave},settb=expr={timeline.tick},{chosen}"
    matrix = ""
    if info.colour is not None:
        matrix = f"in_color_matrix={info.colour.scaler_matrix}:in_range={info.colour.range}:"
    scale = f"scale={matrix}out_range=pc:{SCALER_FLAGS}"
    return f"{chosen},showinfo=checksum=0,{scale},format={'rgb48le' if wide else 'rgb24'}"


def _entry_seconds(timeline: Timeline, begin: int) -> str | None:
    """Return where to seek for a frame, in seconds of the file; None for its start."""
    wanted = timeline.pts[begin]
    before = [key for key in timeline.keys if wanted is not None and key <= wanted]
    if timeline.decoded or len(before) < 2:
        return None
    return f"{float(before[-1] * timeline.tick):.6f}"


def decode_head(container: Container) -> tuple[list[ShownFrame], Fraction | None]:
    """Return the first frames of a video, and the frame rate that the file gives.

    Raises:
        InputError: Where none can be decoded.
    """
    parser = ShowinfoParser()
    finished = run(
        [
            *("-copyts", *LOCAL_ONLY, "-i", file_url(container.path)),
            *("-map", f"0:{container.video}", "-vf", "showinfo=checksum=0"),
            *("-frames:v", str(_HEAD_FRAMES), "-fps_mode", "passthrough", "-f", "null", "-"),
        ],
        on_line=parser.feed,
    )
    if not parser.frames:
        raise InputError(
            f"no frame of {container.path} can be decoded ({finished.log.reason()}); "
            "the file is damaged, or its codec is not known to this ffmpeg"
        )
    return parser.frames[:_HEAD_FRAMES], parser.rate
