"""Decodes a part of a video with ffmpeg, checking each frame against the time it should have."""

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from framestyle.errors import InputError
from framestyle.media.clip import ClipInfo
from framestyle.media.ffmpeg import Log, Running, file_url, run
from framestyle.media.pixel_formats import has_alpha
from framestyle.media.scaler import to_rgb, turned_chroma
from framestyle.media.selection import Selection
from framestyle.media.showinfo import ShowinfoParser, ShownFrame
from framestyle.media.streams import LOCAL_ONLY, Container
from framestyle.media.timeline import Timeline

_HEAD_FRAMES = 8
_LOG_WAIT_SECONDS = 30.0
# ffmpeg's own decoders of these leave the alpha out.
_ALPHA_DECODERS = {"vp8": ("-c:v", "libvpx"), "vp9": ("-c:v", "libvpx-vp9")}
_ALPHA_UNASKED = ("gif", "apng", "webp")
_STREAM = re.compile(r"\s*Stream #0:(\d+)")
_TURN = re.compile(r"(?:Display Matrix|displaymatrix): rotation of (-?[\d.]+) degrees")
_LEAST = re.compile(r"lavfi\.signalstats\.YMIN=([\d.]+)")


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
    """One run of ffmpeg that gives raw frames, each checked against the time it should have.

    Attributes:
        sought: Whether it enters the file in its middle.
        killed_by: Number of the signal that ended it too early; 0 where none has.
    """

    def __init__(self, decoding: Decoding, first: int, *, seek: bool) -> None:
        timeline, chosen = decoding.timeline, decoding.chosen
        begin, end = chosen.first + first, chosen.first + chosen.count - 1
        self._expected = timeline.pts[begin : end + 1]
        self._wide = decoding.info.bit_depth == 16
        channels = 4 if decoding.info.has_alpha else 3
        self._shape = (decoding.head.height_px, decoding.head.width_px, channels)
        self._seen: list[int | None] = []
        self._given = 0
        self._changed = threading.Condition()
        self._parser = ShowinfoParser()
        # What is woven looks at the frame before too.
        entry = _entry_seconds(timeline, max(0, begin - bool(decoding.weave))) if seek else None
        self.sought = entry is not None
        self.killed_by = 0
        enter = [] if entry is None else ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", entry]
        self._running = Running(
            [
                *("-copyts", *enter, *LOCAL_ONLY, *_decoder(decoding)),
                *("-i", file_url(decoding.container.path)),
                *("-map", f"0:{decoding.container.video}"),
                *("-vf", _filters(decoding, begin, end, self._wide)),
                *("-frames:v", str(len(self._expected)), "-fps_mode", "passthrough"),
                *("-f", "rawvideo", "-"),
            ],
            on_line=self._on_line,
        )

    def next_samples(self) -> np.ndarray | None:
        """Return the next frame, or None where it is not the one that should come.

        Returns:
            RGB, (H, W, 3), or RGBA, (H, W, 4), of the size as coded.
        """
        pixels = np.empty(self._shape, np.uint16 if self._wide else np.uint8)
        view, got = memoryview(pixels.data).cast("B"), 0
        while got < len(view):
            count = self._running.stdout.readinto(view[got:])  # type: ignore[attr-defined]
            if not count:
                self.killed_by = max(0, -self._running.wait())
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
    head = decoding.head
    rgb = to_rgb(
        head.pixel_format,
        (head.width_px, head.height_px),
        info.colour,
        is_deep=wide,
        alpha=info.has_alpha,
    )
    return f"{chosen},showinfo=checksum=0,{rgb}"


def _decoder(decoding: Decoding) -> tuple[str, ...]:
    return _ALPHA_DECODERS.get(decoding.container.codec, ()) if decoding.info.has_alpha else ()


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
    parser, texts, log = _shown(container)
    if not parser.frames:
        raise InputError(
            f"no frame of {container.path} can be decoded ({log.reason()}); "
            "the file is damaged, or its codec is not known to this ffmpeg"
        )
    if container.codec in _ALPHA_DECODERS and _says_alpha(container):
        with_alpha, *_ = _shown(container, _ALPHA_DECODERS[container.codec])
        parser = with_alpha if with_alpha.frames else parser
    quarters = _quarter_turns(texts, container)
    for frame in parser.frames:
        frame.tags["chroma"] = turned_chroma(frame.tags.get("chroma", ""), quarters)
    return parser.frames[:_HEAD_FRAMES], parser.rate


def is_seen_through(container: Container, pixel_format: str) -> bool:
    """Return whether a video has transparency to keep.

    A GIF always decodes with alpha, so that its frames are looked at.
    """
    if not has_alpha(pixel_format) or container.codec not in _ALPHA_UNASKED:
        return has_alpha(pixel_format)
    least: list[float] = []

    def on_line(_level: str, text: str) -> None:
        least.extend(float(value) for value in _LEAST.findall(text))

    looked = "alphaextract,signalstats,metadata=print:key=lavfi.signalstats.YMIN"
    run(
        [
            *(*LOCAL_ONLY, "-i", file_url(container.path), "-map", f"0:{container.video}"),
            *("-vf", looked, "-fps_mode", "passthrough", "-f", "null", "-"),
        ],
        on_line=on_line,
    )
    return min(least, default=255.0) < 255.0


def _quarter_turns(texts: Sequence[str], container: Container) -> int:
    """Return how often ffmpeg turns the frames by 90 degrees against the clock, 0 to 3."""
    stream = ""
    for text in texts:
        stream = m[1] if (m := _STREAM.match(text)) else stream
        if stream == str(container.video) and (turn := _TURN.search(text)):
            return round(float(turn[1]) / 90) % 4
        if text.startswith("Output #0"):
            break
    return 0


def _says_alpha(container: Container) -> bool:
    """Return whether the stream that is taken has the mark of WebM for a second, alpha stream."""
    taken = next(stream for stream in container.streams if stream.index == container.video)
    return taken.tag("alpha_mode") == "1"


def _shown(
    container: Container, decoder: tuple[str, ...] = ()
) -> tuple[ShowinfoParser, list[str], Log]:
    """Return a video's first frames, every line that tells of them and of the file, and the log."""
    parser = ShowinfoParser()
    texts: list[str] = []

    def on_line(level: str, text: str) -> None:
        texts.append(text)
        parser.feed(level, text)

    finished = run(
        [
            *("-copyts", *LOCAL_ONLY, *decoder, "-i", file_url(container.path)),
            *("-map", f"0:{container.video}", "-vf", "showinfo=checksum=0"),
            *("-frames:v", str(_HEAD_FRAMES), "-fps_mode", "passthrough", "-f", "null", "-"),
        ],
        on_line=on_line,
    )
    return parser, texts, finished.log
