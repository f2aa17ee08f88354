"""Reads what ffmpeg's filter ``showinfo`` says of each frame: its time, size, tags, interlacing."""

import re
from dataclasses import dataclass, field
from fractions import Fraction

_CONFIG = re.compile(r"config in time_base: (\d+/\d+), frame_rate: (\d+)/(\d+)")
_FRAME = re.compile(
    r"n: *\d+ pts: *(-?\d+|NOPTS) .*?duration: *(\d+) .*?fmt:(\S+) "
    r".*?sar:(\d+)/(\d+) s:(\d+)x(\d+) i:(\w)"
    r"(?: iskey:\d)?(?: type:\S)?"
)
_CHROMA = re.compile(r" cl:(\w+)")
_TAG = re.compile(r" *color_(range|space|primaries|trc):([\w-]+)")


@dataclass
class ShownFrame:
    """One decoded frame, after rotation.

    Attributes:
        pts: Its time in ticks; None where it has none.
        pixel_format: By ffmpeg's name.
        pixel_aspect: Width of a pixel over its height; 1 where the file does not say.
        width_px: Of the frame.
        height_px: Of the frame.
        interlaced: True for frames of two fields.
        tags: ``range``, ``space``, ``primaries``, ``trc`` and ``chroma``, by ffmpeg's names.
        remarks: What is said of its side data, line by line.
        duration: How long it is shown, in ticks; 0 where the file does not say.
    """

    pts: int | None
    pixel_format: str
    pixel_aspect: Fraction
    width_px: int
    height_px: int
    interlaced: bool
    tags: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    duration: int = 0


class ShowinfoParser:
    """Gathers frames from log lines, in the order that they left the decoder.

    Attributes:
        frames: Those seen so far.
        tick: Length of a tick in seconds; None before the first frame.
        rate: Frame rate that the file gives; None where it gives none.
    """

    def __init__(self) -> None:
        self.frames: list[ShownFrame] = []
        self.tick: Fraction | None = None
        self.rate: Fraction | None = None

    def feed(self, level: str, text: str) -> str:
        """Take one line of the log and return the error in it, or ``""``.

        ffmpeg's threads share the log, and the filter writes its lines piece by piece: an error of
        the decoder may stand, without its level, at the end of one of them.
        """
        if match := _FRAME.search(text):
            self.frames.append(_frame(match))
            if site := _CHROMA.search(match[0]):
                self.frames[-1].tags["chroma"] = site[1]
            return text[match.end() :].strip()
        if text.startswith("color_range:") and self.frames:
            self.frames[-1].tags |= dict(_TAG.findall(text))
            return _TAG.sub("", text).strip()
        if match := _CONFIG.search(text):
            self.tick = Fraction(match[1])
            known = int(match[2]) > 0 and int(match[3]) > 0
            self.rate = Fraction(int(match[2]), int(match[3])) if known else None
        if self.frames and text.lstrip().startswith("side data - "):
            self.frames[-1].remarks.append(text)
        return text if level in ("error", "fatal") else ""


def _frame(match: re.Match[str]) -> ShownFrame:
    pts, duration, pixel_format, sar_x, sar_y, width, height, fields = match.groups()
    aspect = Fraction(1)
    if int(sar_x) and int(sar_y):
        aspect = Fraction(int(sar_x), int(sar_y))
    return ShownFrame(
        None if pts == "NOPTS" else int(pts),
        pixel_format,
        aspect,
        int(width),
        int(height),
        fields in "TB",
        duration=int(duration),
    )
