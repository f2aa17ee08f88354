"""Colour profiles in pictures (ICC): what has another than sRGB is converted when it is read.

Photographs of phones are in Display P3, those for print in the CMYK of some press. A result says
nothing of its numbers, so all take them for sRGB.
"""

import functools
import io
from typing import Any

from PIL import ImageCms
from PIL.Image import Image
from PIL.ImageFile import ImageFile

_KEY = "icc_profile"
_USUAL = ("srgb", "iec61966-2.1", "iec 61966-2-1")
_SHOWN_CHARACTERS = 60


def profile_name(image: ImageFile) -> str | None:
    """Return what an open picture's profile is called, where it is read and not of sRGB."""
    profile = _opened(image.info.get(_KEY) or b"")
    if profile is None:
        return None
    name = " ".join(str(ImageCms.getProfileDescription(profile)).split())
    usual = any(word in name.lower() for word in _USUAL)
    return None if usual else name[:_SHOWN_CHARACTERS] or "without a name"


def as_srgb(image: Image) -> Image:
    """Return a picture of 8 bits as RGB, or RGBA where it is, its colours converted to sRGB.

    Where its profile cannot be used, for instance because it is for another kind of numbers, it
    stays as it is.
    """
    mode = "RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB"
    numbers = image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
    try:
        transform = _transform(image.info.get(_KEY) or b"", numbers.mode)
        converted = ImageCms.applyTransform(numbers, transform)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if converted is not None and mode == "RGBA":
        converted.putalpha(image.convert("RGBA").getchannel("A"))
    return converted or image


@functools.lru_cache(maxsize=8)
def _opened(profile: bytes) -> Any:
    """Return a profile, or None where it is none that can be read; frames share theirs."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else None
    except (ImageCms.PyCMSError, OSError):
        return None


@functools.lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> Any:
    own = _opened(profile)
    if own is None:
        raise ValueError("no profile")
    return ImageCms.buildTransform(
        own,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
