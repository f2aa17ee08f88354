"""When each frame of a video is shown: read from its packets without decoding, where possible."""

import re
from dataclasses import dataclass
from fractions import Fraction

from framestyle.errors import InputError
from framestyle.media.ffmpeg import Finished, file_url, run
from framestyle.media.rates import rate_of
from framestyle.media.showinfo import ShowinfoParser, ShownFrame
from framestyle.media.streams import LOCAL_ONLY, Container

# In these every packet is one frame with a time of its own; elsewhere only decoding tells.
_PLAIN_CONTAINERS = ("mov", "matroska", "gif", "nut")
_PLAIN_CODECS: tuple[str, ...] = (
    "h264",
    "hevc",
    "av1",
    "vp9",
    "prores",
    "ffv1",
    "mjpeg",
    "gif",
    "dnxhd",
    "qtrle",
)
_PLAIN_CODECS += ("rawvideo", "png", "utvideo", "huffyuv", "ffvhuff")
_CORRUPT = 2  # flags of ffmpeg's packets
_KEY = 1
_DISCARD = 4
_TRUNCATED_SECONDS = Fraction(1, 2)
_DECODER_DELAY_FRAMES = 32
_ENDS_EARLY = re.compile(r"prematurely|partial file|[Tt]runcated|Input/output error|EOF")

_Packet = tuple[int, int, int, int, int]  # stream, dts, pts, duration, flags


@dataclass(frozen=True)
class Timeline:
    """The frames of a video stream in the order shown.

    Attributes:
        pts: Presentation time of each, in ticks; None where the file gives none (by decoding).
        keys: Those from which decoding can begin, ascending; empty where it cannot be known.
        tick: Length of a tick in seconds.
        last_ticks: How long the last frame is shown; 0 where the file does not say.
        frame_rate: Exact, or the mean where ``is_variable``.
        is_variable: True where the frames are not evenly spaced.
        whole: Number of frames before the damage; all of them without any.
        damage: What ffmpeg said of it; None for a sound file.
        decoded: True where the frames were counted by decoding them all.
    """

    pts: tuple[int | None, ...]
    keys: tuple[int, ...]
    tick: Fraction
    last_ticks: int
    frame_rate: Fraction
    is_variable: bool
    whole: int
    damage: str | None
    decoded: bool

    def times(self) -> list[Fraction]:
        """Return the presentation times in seconds, from the first frame."""
        first = self.pts[0] if self.pts else None
        if first is None or any(p is None for p in self.pts):
            return [i / self.frame_rate for i in range(len(self.pts))]
        return [(p - first) * self.tick for p in self.pts if p is not None]

    def last_seconds(self) -> Fraction:
        """Return how long the last frame is shown."""
        known = self.last_ticks * self.tick if self.is_variable else Fraction(0)
        return known or 1 / self.frame_rate

    def first_seconds(self) -> Fraction | None:
        """Return the first frame's time in the file, where it has one."""
        return None if self.pts[0] is None else self.pts[0] * self.tick


def read_timeline(container: Container, head: list[ShownFrame], rate: Fraction | None) -> Timeline:
    """Return when the frames of a stream are shown.

    Args:
        container: The file.
        head: Its first frames, decoded; what the packets say is checked against them.
        rate: The frame rate that the file gives.

    Raises:
        InputError: Where there is no frame.
    """
    names = container.demuxer.split(",")
    if any(n in _PLAIN_CONTAINERS for n in names) and container.codec in _PLAIN_CODECS:
        timeline = _from_packets(container, head, rate)
        if timeline is not None:
            return timeline
    return decode_timeline(container, rate)


def decode_timeline(container: Container, rate: Fraction | None) -> Timeline:
    """Return when the frames are shown, by decoding every one of them."""
    parser = ShowinfoParser()
    pts: list[int | None] = []
    errors: list[tuple[int, str]] = []

    def on_line(level: str, text: str) -> None:
        error = parser.feed(level, text)
        if len(parser.frames) > 1:  # of hours of frames, no more is kept than their times
            pts.append(parser.frames.pop(0).pts)
        if error and "monoton" not in error:
            errors.append((len(pts) + len(parser.frames), error))

    finished = run(
        [
            *("-copyts", *LOCAL_ONLY, "-i", file_url(container.path)),
            *("-map", f"0:{container.video}", "-vf", "showinfo=checksum=0"),
            *("-fps_mode", "passthrough", "-f", "null", "-"),
        ],
        on_line=on_line,
    )
    if not parser.frames:
        raise InputError(
            f"no frame of {container.path} can be decoded ({finished.log.reason()}); "
            "the file is damaged, so fetch it again"
        )
    pts.append(parser.frames[0].pts)
    tick = parser.tick or Fraction(1, 1000)
    damage = _damage_at_end(container, errors, len(pts), finished.code)
    whole = len(pts) - 1 if damage else len(pts)
    last = parser.frames[-1].duration
    return _timeline(
        container, pts, (), tick, last, parser.rate or rate, whole, damage, decoded=True
    )


def _from_packets(
    container: Container, head: list[ShownFrame], rate: Fraction | None
) -> Timeline | None:
    maps = [part for n in (container.video, *container.audio) for part in ("-map", f"0:{n}")]
    scan, rows, ticks = _scan(container, maps)
    packets = [row[1:] for row in rows if row[0] == 0 and not row[4] & _DISCARD]
    if scan.code < 0 or not packets or not head or head[0].pts is None:
        return None
    sound = [p for p in packets if not p[3] & _CORRUPT]
    shown = sorted(p[1] for p in sound)
    # What is shown before the first frame that decodes hangs on pictures before the file begins.
    shown = [p for p in shown if p >= head[0].pts]
    if len(set(shown)) != len(shown) or [h.pts for h in head] != shown[: len(head)]:
        return None
    damage = _damage_of_packets(container, scan, rows, ticks)
    whole = len(shown)
    if damage:
        # Packets come in the order of decoding: what is shown after the last may lack some before.
        last_decoded = max(p[0] for p in sound)
        whole = sum(p <= last_decoded for p in shown)
    keys = tuple(sorted(p[1] for p in sound if p[3] & _KEY))
    last = next(p[2] for p in sound if p[1] == shown[-1])
    return _timeline(container, shown, keys, ticks[0], last, rate, whole, damage, decoded=False)


def _scan(
    container: Container, maps: list[str]
) -> tuple[Finished, list[_Packet], dict[int, Fraction]]:
    scan = run(
        [
            *("-copyts", *LOCAL_ONLY, "-i", file_url(container.path), *maps, "-copy_unknown"),
            *("-c", "copy", "-f", "framecrc", "-"),
        ]
    )
    text = scan.output.decode("ascii", "replace")
    ticks = {int(n): Fraction(t) for n, t in re.findall(r"^#tb (\d+): (\d+/\d+)", text, re.M)}
    rows = [_packet(line) for line in text.splitlines() if line and not line.startswith("#")]
    return scan, rows, ticks


def _damage_of_packets(
    container: Container, scan: Finished, rows: list[_Packet], ticks: dict[int, Fraction]
) -> str | None:
    if any(row[0] == 0 and row[4] & _CORRUPT for row in rows):
        return "a packet is cut off"
    telling = [text for text in scan.log.errors() if _ENDS_EARLY.search(text)]
    if telling or scan.code:
        return (telling or [scan.log.reason()])[0]
    if _missing_seconds(container, rows, ticks) > _TRUNCATED_SECONDS:
        # Only sound and the one video were looked at: a subtitle may well be what lasts longest.
        _, all_rows, all_ticks = _scan(container, ["-map", "0"])
        missing = _missing_seconds(container, all_rows or rows, all_ticks or ticks)
        if missing > _TRUNCATED_SECONDS:
            return f"the last {float(missing):.2f} s are missing"
    return None


def _packet(line: str) -> _Packet:
    parts = line.split(",")
    flags = next((int(p.strip()[2:], 16) for p in parts[6:] if p.strip().startswith("F=")), _KEY)
    return int(parts[0]), int(parts[1]), int(parts[2]), int(parts[3]), flags


def _missing_seconds(
    container: Container, rows: list[_Packet], ticks: dict[int, Fraction]
) -> Fraction:
    if container.duration_seconds is None:
        return Fraction(0)
    end_seconds = max((row[2] + row[3]) * ticks[row[0]] for row in rows)
    # Matroska counts its duration from 0, wherever its first moment is
    from_zero = "matroska" in container.demuxer
    begin = min(container.start_seconds, Fraction(0)) if from_zero else container.start_seconds
    return begin + container.duration_seconds - end_seconds


def _damage_at_end(
    container: Container, errors: list[tuple[int, str]], frames: int, code: int
) -> str | None:
    size = container.path.stat().st_size
    if "mpegts" in container.demuxer and size % 188 and size % 192 and size % 204:
        return "its last packet is cut off"
    # Recordings begin in the middle of something, and decoders then complain at the start.
    late = [text for at, text in errors if at > 0 and at >= frames - _DECODER_DELAY_FRAMES]
    return late[0] if late else f"ffmpeg ended with {code}" if code else None


def _timeline(
    container: Container,
    pts: list[int | None] | list[int],
    keys: tuple[int, ...],
    tick: Fraction,
    last_ticks: int,
    rate: Fraction | None,
    whole: int,
    damage: str | None,
    *,
    decoded: bool,
) -> Timeline:
    timed = [p for p in pts if p is not None]
    frame_rate, is_variable = rate or Fraction(25), False
    if len(timed) == len(pts) and len(pts) > 1:
        frame_rate, is_variable = rate_of([p - timed[0] for p in timed], tick, rate)
        # Elsewhere the last frame ends with the file, and what is said of it is chance.
        if container.demuxer == "gif" and last_ticks:
            is_variable = is_variable or last_ticks * tick * frame_rate != 1
    return Timeline(
        tuple(pts), keys, tick, last_ticks, frame_rate, is_variable, whole, damage, decoded
    )
