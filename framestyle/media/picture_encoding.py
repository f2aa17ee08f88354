"""Pixels as the bytes of a picture file, by the file's suffix."""

import cv2
import numpy as np

from framestyle.errors import OutputError
from framestyle.media.colour import narrowed
from framestyle.media.tiff_alpha import with_alpha_tag

DEEP_SUFFIXES = (".png", ".tif", ".tiff")
"""Those that keep 16 bits."""

ALPHA_SUFFIXES = (".png", ".tif", ".tiff", ".webp")
"""Those that keep alpha."""

_OPTIONS = {
    ".png": (cv2.IMWRITE_PNG_COMPRESSION, 6),
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".jpeg": (cv2.IMWRITE_JPEG_QUALITY, 95),
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 95),
    ".tif": (),
    ".tiff": (),
    ".bmp": (),
}
PICTURE_SUFFIXES = tuple(_OPTIONS)
_MAX_SIDE_PX = {".jpg": 65535, ".jpeg": 65535, ".webp": 16383}
FAST_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def check_size(suffix: str, width_px: int, height_px: int) -> None:
    """Raise ``OutputError`` where a format cannot hold a picture this large."""
    limit = _MAX_SIDE_PX.get(suffix)
    if limit is not None and max(width_px, height_px) > limit:
        raise OutputError(
            f"a {suffix} picture holds at most {limit} pixels a side, the frames are "
            f"{width_px}x{height_px}; write .png, or give --size"
        )


def encode_picture(
    samples: np.ndarray, suffix: str, options: tuple[int, ...] | None = None
) -> bytes:
    """Return the file for RGB or RGBA, (H, W, 3 or 4), uint8 or uint16.

    Formats without 16 bits get the nearest 8, those without alpha the colours alone. JPEG and WebP
    are of quality 95.
    """
    suffix = suffix.lower()
    if samples.dtype == np.uint16 and suffix not in DEEP_SUFFIXES:
        samples = narrowed(samples)
    if samples.shape[2] == 4 and suffix not in ALPHA_SUFFIXES:
        samples = samples[:, :, :3]
    chosen = _OPTIONS[suffix] if options is None else options
    done, data = cv2.imencode(suffix, swapped(samples), list(chosen))
    if not done:
        raise OutputError(f"a {suffix} picture of {samples.shape[1]}x{samples.shape[0]} failed")
    if samples.shape[2] == 4 and suffix in (".tif", ".tiff"):
        return with_alpha_tag(bytes(data))
    return bytes(data)


def swapped(samples: np.ndarray) -> np.ndarray:
    """Return RGB(A) as OpenCV's BGR(A), or back."""
    order = cv2.COLOR_RGB2BGR if samples.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    return cv2.cvtColor(samples, order)
