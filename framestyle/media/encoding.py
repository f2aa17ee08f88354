"""How ffmpeg is told to encode a clip: codec, quality, pixel format, colour, all said outright."""

import difflib
import functools
import re
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from framestyle.config import OutputSettings
from framestyle.errors import OutputError
from framestyle.media.clip import ClipInfo
from framestyle.media.colour import Colour, assumed_colour
from framestyle.media.ffmpeg import run
from framestyle.media.pixel_formats import SCALER_FLAGS, chroma_steps, is_rgb, known_formats

CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
    ".avi": ("avi", "libx264"),
    ".gif": ("gif", "gif"),
}
"""ffmpeg's name of the container, and the codec it gets by default, by suffix."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "libx264": ("-preset", "medium", "-crf", "17"),
    "libx264rgb": ("-preset", "medium", "-crf", "17"),
    "libx265": ("-preset", "medium", "-crf", "20", "-x265-params", "log-level=error"),
    "libvpx-vp9": ("-crf", "24", "-b:v", "0", "-row-mt", "1"),
    "libvpx": ("-crf", "10", "-b:v", "20M"),
    "libaom-av1": ("-crf", "24", "-b:v", "0", "-cpu-used", "6", "-row-mt", "1"),
    "libsvtav1": ("-crf", "24", "-preset", "6"),
    "mpeg4": ("-q:v", "2"),
    "mpeg2video": ("-q:v", "2"),
    "mjpeg": ("-q:v", "2"),
}
_PIXEL_FORMATS = {
    "prores": "yuv422p10le",
    "prores_aw": "yuv422p10le",
    "prores_ks": "yuv422p10le",
    "dnxhd": "yuv422p",
    "mjpeg": "yuvj420p",
    "libx264rgb": "rgb24",
    "ffvhuff": "gbrp",
    "utvideo": "gbrp",
    "qtrle": "rgb24",
    "png": "rgb24",
}
_ALWAYS_BT601 = ("mjpeg", "libvpx")
_UNTAGGED = ("mpeg4", "libxvid", "msmpeg4", "msmpeg4v2")
_FAMILIAR = {
    "h264": "libx264",
    "x264": "libx264",
    "h265": "libx265",
    "x265": "libx265",
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "prores": "prores_ks",
}


@dataclass(frozen=True)
class Encoding:
    """Everything that makes the bytes of a stream beside its pixels.

    Attributes:
        container: ffmpeg's name of it.
        codec: ffmpeg's name of the encoder.
        options: Quality and speed.
        pixel_format: Of the stream.
        colour: Matrix, primaries and transfer to convert to and tag; None for RGB formats.
        width_px: Of the stream: the frames' own, or more where the format needs even sides.
        height_px: Likewise.
        frame_rate: Frames per second.
        pixel_aspect: Width of a pixel over its height.
        is_deep: True where frames are fed with 16 bits.
    """

    container: str
    codec: str
    options: tuple[str, ...]
    pixel_format: str
    colour: Colour | None
    width_px: int
    height_px: int
    frame_rate: Fraction
    pixel_aspect: Fraction
    is_deep: bool

    def feed_arguments(self) -> list[str]:
        """Return the arguments for raw frames on the standard input."""
        return [
            *("-f", "rawvideo", "-pix_fmt", "rgb48le" if self.is_deep else "rgb24"),
            *("-video_size", f"{self.width_px}x{self.height_px}"),
            *("-framerate", str(self.frame_rate), "-i", "pipe:0"),
        ]

    def filters(self) -> str:
        """Return the filters from RGB to the stream."""
        aspect = f"setsar={self.pixel_aspect.numerator}/{self.pixel_aspect.denominator}"
        if self.colour is None:
            return f"scale={SCALER_FLAGS},format={self.pixel_format},{aspect}"
        tags = {
            "range": self.colour.range,
            "colorspace": self.colour.matrix,
            "color_primaries": self.colour.primaries,
            "color_trc": self.colour.transfer,
        }
        said = ":".join(f"{key}={value}" for key, value in tags.items() if value)
        return (
            f"scale=in_range=pc:out_range={self.colour.range}"
            f":out_color_matrix={self.colour.scaler_matrix}:{SCALER_FLAGS}"
            f",format={self.pixel_format},setparams={said},{aspect}"
        )

    def stream_arguments(self) -> list[str]:
        """Return the arguments that make the stream, after the filters."""
        arguments = ["-c:v", self.codec, *self.options, "-pix_fmt", self.pixel_format]
        if self.colour is not None:
            arguments += ["-colorspace", self.colour.matrix, "-color_range", self.colour.range]
            if self.colour.primaries:
                arguments += ["-color_primaries", self.colour.primaries]
            if self.colour.transfer:
                arguments += ["-color_trc", self.colour.transfer]
        return [*arguments, "-fps_mode", "passthrough"]

    def lossless(self) -> "Encoding":
        """Return the encoding for frames that are kept exactly, to be encoded at the end."""
        kept = "gbrp16le" if self.is_deep else "bgr0"
        return replace(self, codec="ffv1", options=(), pixel_format=kept, colour=None)

    def raw(self, pixels: np.ndarray) -> memoryview:
        """Return frames (H, W, 3) as they are fed: padded, and of the depth that was said."""
        if self.is_deep and pixels.dtype == np.uint8:
            pixels = pixels.astype(np.uint16) * np.uint16(257)
        elif not self.is_deep and pixels.dtype == np.uint16:
            pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
        below, right = self.height_px - pixels.shape[0], self.width_px - pixels.shape[1]
        if below or right:
            pixels = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
        return memoryview(np.ascontiguousarray(pixels).data).cast("B")


def choose_encoding(suffix: str, info: ClipInfo, settings: OutputSettings) -> Encoding:
    """Return how a clip is encoded for a container, by its suffix.

    Raises:
        OutputError: For an encoder or a pixel format that this ffmpeg does not have, and for
            settings that the container has no use for.
    """
    container, default = CONTAINERS[suffix]
    codec = settings.codec or default
    if codec not in _encoders():
        raise OutputError(f"--codec: ffmpeg has no video encoder {codec!r}; {_near_codec(codec)}")
    if container == "gif":
        _check_gif(codec, settings)
    options = _OPTIONS.get(codec, ())
    if container == "avi" and codec == "libx264":
        options += ("-bf", "0")  # AVI has no times for frames out of order
    if settings.crf is not None:
        options = _with_crf(options, settings.crf)
    pixel_format = settings.pixel_format or _default_format(codec, info.bit_depth)
    if pixel_format not in known_formats():
        near = difflib.get_close_matches(pixel_format, known_formats(), 3, 0.5)
        raise OutputError(
            f"--pixel-format: ffmpeg has no {pixel_format!r}; near it: {', '.join(near) or 'none'}"
        )
    colour = None
    if not is_rgb(pixel_format):
        colour = _colour_for(codec, pixel_format, info)
    across, down = chroma_steps(pixel_format)
    return Encoding(
        container,
        codec,
        options,
        pixel_format,
        colour,
        -(-info.width_px // across) * across,
        -(-info.height_px // down) * down,
        info.frame_rate or Fraction(25),
        info.pixel_aspect,
        info.bit_depth == 16,
    )


@functools.cache
def _encoders() -> tuple[str, ...]:
    listing = run(["-encoders"]).output.decode("utf-8", "replace")
    return tuple(re.findall(r"^ V[A-Z.]{5} ([^\s=]+)", listing, re.M))


def _colour_for(codec: str, pixel_format: str, info: ClipInfo) -> Colour:
    span = "pc" if pixel_format.startswith("yuvj") else "tv"
    assumed = assumed_colour(min(info.width_px, info.height_px))
    if codec in _ALWAYS_BT601:
        return Colour("bt470bg", span, "bt470bg", "smpte170m")
    # Where tags are not stored, the file is read as what its size makes likely.
    meant = assumed if codec in _UNTAGGED else info.colour or assumed
    return replace(meant, range=span)


def _near_codec(codec: str) -> str:
    familiar = _FAMILIAR.get(codec.lower())
    near = [familiar] if familiar in _encoders() else []
    near += [n for n in difflib.get_close_matches(codec, _encoders(), 4, 0.5) if n not in near]
    return f"near it: {', '.join(filter(None, near))}" if near else "for instance libx264, libx265"


def _check_gif(codec: str, settings: OutputSettings) -> None:
    if codec != "gif":
        raise OutputError(f"a .gif holds no {codec}; leave --codec out or write .mp4")
    for flag, value in (("--crf", settings.crf), ("--pixel-format", settings.pixel_format)):
        if value is not None:
            raise OutputError(f"{flag} means nothing for a .gif; leave it out or write .mp4")


def _with_crf(options: tuple[str, ...], crf: float) -> tuple[str, ...]:
    kept = list(options)
    if "-crf" in kept:
        kept[kept.index("-crf") + 1] = f"{crf:g}"
    else:
        kept += ["-crf", f"{crf:g}"]
    return tuple(kept)


def _default_format(codec: str, bit_depth: int) -> str:
    if codec == "gif":
        return "bgr0"  # of the frames that its palette is made from
    if codec == "ffv1":
        return "gbrp16le" if bit_depth == 16 else "bgr0"
    return _PIXEL_FORMATS.get(codec, "yuv420p")
