"""What is known of ffmpeg's video encoders: their names, and how each is asked for quality."""

import difflib
import functools
import re
from dataclasses import dataclass

from framestyle.errors import OutputError
from framestyle.media.defaults import Formats, formats_of
from framestyle.media.ffmpeg import run
from framestyle.media.hardware import hardware_kind, hardware_options

# Numbers of threads that change with the machine, or with what else it does, change the bytes.
_THREADS = ("-threads", "4")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "libx264": ("-preset", "medium", "-crf", "17"),
    "libx264rgb": ("-preset", "medium", "-crf", "17"),
    "libx265": (
        *("-preset", "medium", "-crf", "18"),
        *("-x265-params", "log-level=error:frame-threads=2:pools=4"),
    ),
    "libvpx-vp9": ("-crf", "24", "-b:v", "0", "-row-mt", "1"),
    "libvpx": ("-crf", "10", "-b:v", "20M"),
    "libaom-av1": ("-crf", "24", "-b:v", "0", "-cpu-used", "6", "-row-mt", "1"),
    "libsvtav1": ("-crf", "24", "-preset", "6", "-svtav1-params", "lp=4"),
    "libwebp_anim": ("-quality", "90"),
    "prores_ks": ("-vendor", "apl0"),
    "mpeg4": ("-q:v", "2"),
    "mpeg2video": ("-q:v", "2"),
    "mjpeg": ("-q:v", "2"),
}
_PARAMETERS = {"libx264": "-x264-params", "libx265": "-x265-params", "libsvtav1": "-svtav1-params"}
"""The option of each encoder that takes parameters of its library, joined by colons."""

_NAMES = {
    "h264": "libx264",
    "avc": "libx264",
    "x264": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "x265": "libx265",
    "av1": "libsvtav1",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
    "prores": "prores_ks",
}
_PRORES_PROFILES = ("proxy", "lt", "standard", "hq", "4444", "4444xq")


@dataclass(frozen=True)
class Encoder:
    """An encoder that ffmpeg has, as the user named it.

    Attributes:
        codec: ffmpeg's name of it.
        options: What the name says beside the encoder.
        formats: Of the frames that it is fed.
    """

    codec: str
    formats: Formats
    options: tuple[str, ...] = ()


def named_encoder(name: str) -> Encoder:
    """Return the encoder for a name: a common one (``hevc``, ``prores_hq``) or ffmpeg's.

    Raises:
        OutputError: Where this ffmpeg has no such encoder; it has near names.
    """
    lower = name.lower()
    family, _, profile = lower.partition("_")
    if family == "prores" and profile in _PRORES_PROFILES:
        whole = Formats("yuv444p10le", None, "yuva444p10le")
        formats = whole if profile.startswith("4444") else Formats("yuv422p10le")
        return Encoder("prores_ks", formats, ("-profile:v", profile))
    codec = _NAMES.get(lower, name)
    if codec == "libsvtav1" and codec not in _encoders():
        codec = "libaom-av1"
    if codec not in _encoders():
        raise OutputError(f"--codec: ffmpeg has no video encoder {name!r}; {_near(name)}")
    return Encoder(codec, formats_of(codec))


def quality_options(codec: str, crf: float | None, parameters: str = "") -> tuple[str, ...]:
    """Return the options of quality and speed for an encoder.

    Args:
        codec: ffmpeg's name of the encoder.
        crf: Constant quality; None for the encoder's default here.
        parameters: More for its library, joined by colons.
    """
    if hardware_kind(codec):
        return hardware_options(codec, crf)
    options = list(_OPTIONS.get(codec, ()))
    if crf is not None:
        _set(options, "-crf", f"{crf:g}")
    if parameters:
        flag = _PARAMETERS[codec]
        before = options[options.index(flag) + 1] + ":" if flag in options else ""
        _set(options, flag, before + parameters)
    return (*options, *_THREADS)


def _set(options: list[str], flag: str, value: str) -> None:
    if flag in options:
        options[options.index(flag) + 1] = value
    else:
        options += [flag, value]


@functools.cache
def _encoders() -> tuple[str, ...]:
    listing = run(["-encoders"]).output.decode("utf-8", "replace")
    return tuple(re.findall(r"^ V[A-Z.]{5} ([^\s=]+)", listing, re.M))


def _near(name: str) -> str:
    profiles = (f"prores_{profile}" for profile in _PRORES_PROFILES)
    known = list(dict.fromkeys([*_NAMES, *profiles, *_encoders()]))
    near = difflib.get_close_matches(name, known, 4, 0.5)
    return f"near it: {', '.join(near)}" if near else "for instance h264, hevc, av1, vp9, prores"
