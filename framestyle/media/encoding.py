"""How ffmpeg is told to encode a clip: codec, quality, pixel format, colour, all said outright."""

import difflib
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from framestyle.config import OutputSettings
from framestyle.errors import OutputError
from framestyle.media.clip import ClipInfo
from framestyle.media.colour import Colour, narrowed, widened
from framestyle.media.defaults import CONTAINERS
from framestyle.media.display import as_usual, coded
from framestyle.media.encoders import Encoder, named_encoder, quality_options
from framestyle.media.hardware import device_arguments, upload_filter
from framestyle.media.others import ANIMATIONS
from framestyle.media.pixel_formats import (
    chroma_steps,
    has_alpha,
    known_formats,
)
from framestyle.media.scaler import from_rgb, tagged
from framestyle.media.written_colour import written_colour

# libvpx keeps alpha beside the frames, where segments have no room for it.
_ALPHA_BESIDE = ("libvpx", "libvpx-vp9")
_HEVC = ("libx265", "hevc_")


@dataclass(frozen=True)
class Encoding:
    """Everything that makes the bytes of a stream beside its pixels.

    Attributes:
        container: ffmpeg's name of it.
        codec: ffmpeg's name of the encoder.
        options: Quality and speed.
        pixel_format: Of the stream.
        colour: What the numbers of the stream mean, to be tagged; None where nothing is said.
        width_px: Of the stream: the frames' own, or more where the format needs even sides.
        height_px: Likewise.
        frame_rate: Frames per second.
        pixel_aspect: Width of a pixel over its height.
        is_deep: True where frames are fed with 16 bits.
        has_alpha: True where frames are fed with alpha, and the stream has it too.
        source_colour: Of the clip that is written.
        says_hdr: True where the file says that it is HDR, so that its numbers may be.
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
    has_alpha: bool = False
    source_colour: Colour | None = None
    says_hdr: bool = False

    @property
    def joins(self) -> bool:
        """True where segments of the codec may be joined without a loss."""
        return not (self.has_alpha and self.codec in _ALPHA_BESIDE)

    def feed_arguments(self) -> list[str]:
        """Return the arguments for raw frames on the standard input."""
        plain, deep = ("rgba", "rgba64le") if self.has_alpha else ("rgb24", "rgb48le")
        return [
            *device_arguments(self.codec),
            *("-f", "rawvideo", "-pix_fmt", deep if self.is_deep else plain),
            *("-video_size", f"{self.width_px}x{self.height_px}"),
            *("-framerate", str(self.frame_rate), "-i", "pipe:0"),
        ]

    def filters(self) -> str:
        """Return the filters from RGB to the stream."""
        size = self.width_px, self.height_px
        rgb = {"is_deep": self.is_deep, "alpha": self.has_alpha}
        scale = from_rgb(self.pixel_format, size, self.colour, **rgb)
        tags = f"{tagged(self.colour)}," if self.colour is not None else ""
        aspect = f"setsar={self.pixel_aspect.numerator}/{self.pixel_aspect.denominator}"
        return f"{scale},{tags}{aspect}{upload_filter(self.codec)}"

    def stream_arguments(self) -> list[str]:
        """Return the arguments that make the stream, after the filters."""
        kept = [] if upload_filter(self.codec) else ["-pix_fmt", self.pixel_format]
        arguments = ["-c:v", self.codec, *self.options, *kept, *self.tag_arguments()]
        return [*arguments, "-fps_mode", "passthrough"]

    def tag_arguments(self) -> list[str]:
        """Return the arguments that say colour and form to the container, copied or not."""
        arguments = self.colour.option_tags() if self.colour is not None else []
        if self.container in ("mp4", "mov") and self.codec.startswith(_HEVC):
            arguments += ["-tag:v:0", "hvc1"]  # without it Apple's players show nothing
        return arguments

    def lossless(self) -> "Encoding":
        """Return the encoding for frames that are kept exactly, to be encoded at the end."""
        kept = ("gbrap16le" if self.is_deep else "bgra") if self.has_alpha else None
        kept = kept or ("gbrp16le" if self.is_deep else "bgr0")
        return replace(
            self, codec="ffv1", options=("-threads", "4"), pixel_format=kept, colour=None
        )

    def raw(self, samples: np.ndarray) -> memoryview:
        """Return a frame as it is fed.

        Args:
            samples: RGB, (H, W, 3), or RGBA, (H, W, 4), uint8 or uint16, as worked on.

        Returns:
            The same padded, and of the depth, the channels and the numbers that were said.
        """
        pixels = self._fitted(self._numbers(np.ascontiguousarray(samples[:, :, :3])))
        if self.has_alpha:
            pixels = np.dstack([pixels, self._fitted(samples[:, :, 3])])
        below, right = self.height_px - pixels.shape[0], self.width_px - pixels.shape[1]
        if below or right:
            pixels = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
        return memoryview(np.ascontiguousarray(pixels).data).cast("B")

    def _numbers(self, pixels: np.ndarray) -> np.ndarray:
        return (coded if self.says_hdr else as_usual)(pixels, self.source_colour)

    def _fitted(self, samples: np.ndarray) -> np.ndarray:
        if self.is_deep and samples.dtype == np.uint8:
            return widened(samples)
        if not self.is_deep and samples.dtype == np.uint16:
            return narrowed(samples)
        return samples


def choose_encoding(suffix: str, info: ClipInfo, settings: OutputSettings) -> Encoding:
    """Return how a clip is encoded for a container, by its suffix.

    Raises:
        OutputError: For an encoder or a pixel format that this ffmpeg does not have, and for
            settings that the container has no use for.
    """
    container = CONTAINERS[suffix]
    kinds = {"is_deep": info.bit_depth == 16, "has_alpha": info.has_alpha}
    encoder = named_encoder(settings.codec or container.choose(**kinds))
    codec = encoder.codec
    if container.name in ANIMATIONS:
        _check_animation(suffix, codec, container.plain, settings)
    pixel_format = settings.pixel_format or encoder.formats.choose(**kinds)
    _check_format(pixel_format)
    colour = written_colour(codec, container.name, pixel_format, info)
    across, down = chroma_steps(pixel_format)
    return Encoding(
        container.name,
        codec,
        _options(encoder, container.name, settings, colour),
        pixel_format,
        colour,
        -(-info.width_px // across) * across,
        -(-info.height_px // down) * down,
        info.frame_rate or Fraction(25),
        info.pixel_aspect,
        info.bit_depth == 16,
        info.has_alpha and has_alpha(pixel_format),
        info.colour,
        colour is not None and colour.is_hdr,
    )


def _options(
    encoder: Encoder, container: str, settings: OutputSettings, colour: Colour | None
) -> tuple[str, ...]:
    codec = encoder.codec
    mastering = colour.mastering if colour is not None else None
    parameters = mastering.said_to(codec) if mastering is not None else ""
    options = (*quality_options(codec, settings.crf, parameters), *encoder.options)
    if container == "avi" and codec == "libx264":
        options += ("-bf", "0")  # AVI has no times for frames out of order
    if codec == "libvpx":
        options += ("-auto-alt-ref", "0")  # it has no alpha with them
    return options


def _check_format(pixel_format: str) -> None:
    if pixel_format not in known_formats():
        near = difflib.get_close_matches(pixel_format, known_formats(), 3, 0.5)
        raise OutputError(
            f"--pixel-format: ffmpeg has no {pixel_format!r}; near it: {', '.join(near) or 'none'}"
        )


def _check_animation(suffix: str, codec: str, only: str, settings: OutputSettings) -> None:
    if codec != only:
        raise OutputError(f"a {suffix} holds no {codec}; leave --codec out or write .mp4")
    for flag, value in (("--crf", settings.crf), ("--pixel-format", settings.pixel_format)):
        if value is not None:
            raise OutputError(f"{flag} means nothing for a {suffix}; leave it out or write .mp4")
