"""What the numbers of a stream that is written mean, and what of that its file can say."""

from dataclasses import replace

from framestyle.media.clip import ClipInfo
from framestyle.media.colour import RGB_MATRIX, Colour, assumed_colour
from framestyle.media.pixel_formats import chroma_steps, is_rgb

# Their decoders take these matrices, whatever a file says.
_FIXED = {
    "mjpeg": Colour("bt470bg", "pc", "bt470bg", "smpte170m", "center"),
    "libvpx": Colour("bt470bg", "tv", "bt470bg", "smpte170m"),
    "dnxhd": Colour("bt709", "tv", "bt709", "bt709"),
}
_SAYING_ITSELF = ("libx264", "libx265", "libsvtav1", "libaom-av1", "h264_", "hevc_", "av1_")
"""Encoders whose streams say what their numbers mean, so that AVI, which does not, needs not."""

_PLACES = ("left", "topleft", "center")
_SAYING = ("mp4", "mov", "matroska", "webm")
_FULL_RANGE = (*_SAYING_ITSELF, "libvpx-vp9", "ffv1")


def written_colour(codec: str, container: str, pixel_format: str, info: ClipInfo) -> Colour | None:
    """Return what the numbers of a stream mean: what those of the clip do, where it can be said.

    Args:
        codec: ffmpeg's name of the encoder.
        container: ffmpeg's name of the container.
        pixel_format: Of the stream.
        info: The clip.

    Returns:
        None for RGB of which there is nothing to say, or no room to say it.
    """
    says = container in _SAYING or codec.startswith(_SAYING_ITSELF)
    if is_rgb(pixel_format):
        if info.colour is None or not says:
            return None
        return replace(info.colour, matrix=RGB_MATRIX, range="pc", chroma=None)
    lines = min(info.width_px, info.height_px)
    if codec in _FIXED:
        return _FIXED[codec]
    # Where tags are not stored, the file is read as what its size makes likely.
    assumed = assumed_colour(lines)
    meant = info.colour.as_yuv(lines) if info.colour is not None and says else assumed
    span = meant.range if codec.startswith(_FULL_RANGE) and says else "tv"
    is_usual = chroma_steps(pixel_format) == (2, 2) and meant.chroma in _PLACES
    chroma = meant.chroma if is_usual else None
    return replace(meant, range="pc" if pixel_format.startswith("yuvj") else span, chroma=chroma)
