"""What is known of ffmpeg's video encoders: which there are, and how each is asked for quality."""

import difflib
import functools
import re

from framestyle.errors import OutputError
from framestyle.media.ffmpeg import run

_OPTIONS: dict[str, tuple[str, ...]] = {
    "libx264": ("-preset", "medium", "-crf", "17"),
    "libx264rgb": ("-preset", "medium", "-crf", "17"),
    "libx265": ("-preset", "medium", "-crf", "20", "-x265-params", "log-level=error"),
    "libvpx-vp9": ("-crf", "24", "-b:v", "0", "-row-mt", "1"),
    "libvpx": ("-crf", "10", "-b:v", "20M"),
    "libaom-av1": ("-crf", "24", "-b:v", "0", "-cpu-used", "6", "-row-mt", "1"),
    "libsvtav1": ("-crf", "24", "-preset", "6"),
    "libwebp_anim": ("-quality", "90"),
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
    "apng": "rgb24",
    "libwebp_anim": "bgra",  # of YUV it has a single kind, untagged, and makes it best itself
}
ALWAYS_BT601 = ("mjpeg", "libvpx")
UNTAGGED = ("mpeg4", "libxvid", "msmpeg4", "msmpeg4v2")
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


def check_encoder(codec: str) -> None:
    """Raise ``OutputError``, with near names, where this ffmpeg has no such video encoder."""
    if codec not in _encoders():
        raise OutputError(f"--codec: ffmpeg has no video encoder {codec!r}; {_near_codec(codec)}")


def quality_options(codec: str, crf: float | None) -> tuple[str, ...]:
    """Return the options of quality and speed for an encoder, with the quality asked for."""
    options = _OPTIONS.get(codec, ())
    return options if crf is None else _with_crf(options, crf)


@functools.cache
def _encoders() -> tuple[str, ...]:
    listing = run(["-encoders"]).output.decode("utf-8", "replace")
    return tuple(re.findall(r"^ V[A-Z.]{5} ([^\s=]+)", listing, re.M))


def _near_codec(codec: str) -> str:
    familiar = _FAMILIAR.get(codec.lower())
    near = [familiar] if familiar in _encoders() else []
    near += [n for n in difflib.get_close_matches(codec, _encoders(), 4, 0.5) if n not in near]
    return f"near it: {', '.join(filter(None, near))}" if near else "for instance libx264, libx265"


def _with_crf(options: tuple[str, ...], crf: float) -> tuple[str, ...]:
    kept = list(options)
    if "-crf" in kept:
        kept[kept.index("-crf") + 1] = f"{crf:g}"
    else:
        kept += ["-crf", f"{crf:g}"]
    return tuple(kept)


def default_format(codec: str, bit_depth: int) -> str:
    """Return the pixel format that an encoder gets for frames of 8 or 16 bits."""
    if codec == "gif":
        return "bgr0"  # of the frames that its palette is made from
    if codec == "ffv1":
        return "gbrp16le" if bit_depth == 16 else "bgr0"
    return _PIXEL_FORMATS.get(codec, "yuv420p")
