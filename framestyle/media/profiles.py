"""Colour profiles in pictures (ICC): what has another than sRGB is converted when it is read.

Photographs of phones are in Display P3, those for print in the CMYK of some press. A result says
nothing of its numbers, so all take them for sRGB.
"""

import functools
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageCms

_KEY = "icc_profile"
_GREYS = ("1", "L", "LA", "I", "I;16")
_NUMBERS = {
    "GRAY": dict.fromkeys(_GREYS, "L"),
    "RGB": dict.fromkeys((*_GREYS, "P", "PA", "RGB", "RGBA"), "RGB"),
    "CMYK": {"CMYK": "CMYK"},
}
"""By the space of a profile, as which numbers it takes a picture of some of Pillow's modes."""
_UNSEEN = 2
"""Levels by which a profile may differ from sRGB and count as one."""
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class _Conversion:
    """How a picture of some mode becomes sRGB."""

    name: str
    numbers: str
    transform: Any


def profile_name(image: Image.Image) -> str | None:
    """Return what an open picture's profile is called, where it says other colours than sRGB's.

    None also for one that cannot be read, or that is for another kind of numbers.
    """
    found = _conversion(_profile_in(image), image.mode)
    return None if found is None else found.name


def as_srgb(image: Image.Image) -> Image.Image:
    """Return a picture of 8 bits that ``profile_name`` knows, as RGB or RGBA of sRGB."""
    found = _conversion(_profile_in(image), image.mode)
    if found is None:
        return image
    numbers = image if image.mode == found.numbers else image.convert(found.numbers)
    converted: Any = ImageCms.applyTransform(numbers, found.transform)
    if "A" in image.getbands() or "transparency" in image.info:
        converted.putalpha(image.convert("RGBA").getchannel("A"))
    shown: Image.Image = converted
    return shown


def _profile_in(image: Image.Image) -> bytes:
    profile = image.info.get(_KEY)
    return profile if isinstance(profile, bytes) else b""


@functools.lru_cache(maxsize=16)
def _conversion(profile: bytes, mode: str) -> _Conversion | None:
    """Return how pictures of a profile and a mode are converted; frames of a clip share it."""
    if not profile:
        return None
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        numbers = _NUMBERS.get(own.profile.xcolor_space.strip(), {}).get(mode)
        if numbers is None:
            return None
        transform = ImageCms.buildTransform(
            own,
            ImageCms.createProfile("sRGB"),
            numbers,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if numbers != "CMYK" and _changes_nothing(transform, numbers):
            return None
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return _Conversion(_name_of(own), numbers, transform)


def _changes_nothing(transform: Any, numbers: str) -> bool:
    """Tell whether a transform leaves colours as they are, by some of all that there are."""
    steps = range(0, 256, 51)
    if numbers == "L":
        colours = Image.frombytes("L", (256, 1), bytes(range(256)))
    else:
        every = [bytes([r, g, b]) for r in steps for g in steps for b in steps]
        colours = Image.frombytes("RGB", (len(every), 1), b"".join(every))
    made: Any = ImageCms.applyTransform(colours, transform)
    before, after = colours.convert("RGB").tobytes(), bytes(made.tobytes())
    return max(abs(a - b) for a, b in zip(before, after, strict=True)) <= _UNSEEN


def _name_of(profile: Any) -> str:
    try:
        name = " ".join(str(ImageCms.getProfileDescription(profile)).split())
    except (ImageCms.PyCMSError, OSError, ValueError):  # Pillow reads names in ASCII only
        name = ""
    return name[:_SHOWN_CHARACTERS] or "a profile without a name"
