"""How ffmpeg is told to encode a clip: codec, quality, pixel format, colour, all said outright."""

import difflib
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from framestyle.config import OutputSettings
from framestyle.errors import OutputError
from framestyle.media.clip import ClipInfo
from framestyle.media.colour import Colour, assumed_colour
from framestyle.media.encoders import (
    ALWAYS_BT601,
    UNTAGGED,
    check_encoder,
    default_format,
    quality_options,
)
from framestyle.media.pixel_formats import SCALER_FLAGS, chroma_steps, is_rgb, known_formats

CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
    ".avi": ("avi", "libx264"),
    ".gif": ("gif", "gif"),
    ".webp": ("webp", "libwebp_anim"),
    ".apng": ("apng", "apng"),
}
"""ffmpeg's name of the container, and the codec it gets by default, by suffix."""


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
    check_encoder(codec)
    if container == default or container == "webp":
        _check_animation(suffix, codec, default, settings)
    options = quality_options(codec, settings.crf)
    if container == "avi" and codec == "libx264":
        options += ("-bf", "0")  # AVI has no times for frames out of order
    pixel_format = settings.pixel_format or default_format(codec, info.bit_depth)
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


def _colour_for(codec: str, pixel_format: str, info: ClipInfo) -> Colour:
    span = "pc" if pixel_format.startswith("yuvj") else "tv"
    assumed = assumed_colour(min(info.width_px, info.height_px))
    if codec in ALWAYS_BT601:
        return Colour("bt470bg", span, "bt470bg", "smpte170m")
    # Where tags are not stored, the file is read as what its size makes likely.
    meant = assumed if codec in UNTAGGED else info.colour or assumed
    return replace(meant, range=span)


def _check_animation(suffix: str, codec: str, only: str, settings: OutputSettings) -> None:
    if codec != only:
        raise OutputError(f"a {suffix} holds no {codec}; leave --codec out or write .mp4")
    for flag, value in (("--crf", settings.crf), ("--pixel-format", settings.pixel_format)):
        if value is not None:
            raise OutputError(f"{flag} means nothing for a {suffix}; leave it out or write .mp4")
