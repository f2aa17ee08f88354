"""What is read and written: a frame, and what is known of the clip that it belongs to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from framestyle.media.colour import Colour
from framestyle.media.streams import Stream
from framestyle.media.timing import Timing

Notices = Callable[[str], None]
"""Gets one line of plain text that the user should know."""


def ignore(_message: str) -> None:
    """Take a notice and do nothing with it."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        index: Position in the run, from 0.
        pixels: RGB, (H, W, 3), uint8 or uint16, as a display of the usual range would show it
            (``media/display.py``): as the file holds it, but for PQ.
        name: Stem for output files: the input's own for pictures, ``frame_000001`` and on for
            video, numbered from 1 by position in the run.
        alpha: How much each pixel covers, (H, W), of the pixels' type; the colours are not
            multiplied by it. None where everything is opaque.
    """

    index: int
    pixels: np.ndarray
    name: str
    alpha: np.ndarray | None = None

    def samples(self) -> np.ndarray:
        """Return the pixels, with the alpha as a fourth channel where there is one."""
        return self.pixels if self.alpha is None else np.dstack([self.pixels, self.alpha])

    @property
    def label(self) -> str:
        """What people are told of it, counted from 1."""
        return f"frame {self.index + 1} ({self.name})"


@dataclass(frozen=True)
class ClipInfo:
    """What is known of the selected part of an input before a frame of it is decoded.

    Attributes:
        kind: Which of the three forms the input has.
        path: The input as the user gave it.
        width_px: Of the frames as delivered, after rotation and scaling.
        height_px: Likewise.
        frame_count: Number of frames that will be delivered.
        frame_rate: Frames per second; None for a picture. Where frames are not evenly spaced, the
            mean.
        bit_depth: 8 or 16, of the frames as delivered.
        colour: Tags of a video, with what they leave open filled in; None where nothing is said of
            RGB.
        pixel_aspect: Width of a pixel over its height.
        start_seconds: First moment of the selection, from the first frame of the whole clip.
        duration_seconds: Length of the selection.
        container_offset_seconds: From the container's first moment (where its sound may begin) to
            the clip's first frame.
        cut_start: True where frames before the selection are left out.
        cut_end: True where frames after it are left out.
        has_alpha: True where frames come with an alpha.
        timing: When each frame is shown, where they are not evenly spaced; else None.
        streams: All streams of the file, that of the frames too; empty where it has none.
        video_stream: Number of the stream that the frames come from.
        chapters: Number of chapters in the file.
        plays: How often an animation is shown; 0 for ever, None where the input says nothing.
        demuxer: ffmpeg's names of the file's format, comma-separated.
        files: The pictures of the selection, in order; empty for video.
    """

    kind: Literal["video", "folder", "picture"]
    path: Path
    width_px: int
    height_px: int
    frame_count: int
    frame_rate: Fraction | None
    bit_depth: int = 8
    colour: Colour | None = None
    pixel_aspect: Fraction = Fraction(1)
    start_seconds: Fraction = Fraction(0)
    duration_seconds: Fraction = Fraction(0)
    container_offset_seconds: Fraction = Fraction(0)
    cut_start: bool = False
    cut_end: bool = False
    has_alpha: bool = False
    timing: Timing | None = None
    streams: tuple[Stream, ...] = ()
    video_stream: int = 0
    chapters: int = 0
    plays: int | None = None
    demuxer: str = ""
    files: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def has_audio(self) -> bool:
        """True where the input has sound."""
        return any(s.kind == "audio" and s.codec != "none" for s in self.streams)

    @property
    def is_hdr(self) -> bool:
        """True for PQ and HLG video."""
        return self.colour is not None and self.colour.is_hdr

    def frame_name(self, index: int) -> str:
        """Return the stem of output files for the frame at a position (from 0)."""
        return self.files[index].stem if self.files else f"frame_{index + 1:06d}"
