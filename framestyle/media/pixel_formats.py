"""What ffmpeg's names of pixel formats mean: depth, whether RGB, how the chroma is halved."""

import functools
import re

from framestyle.media.ffmpeg import run

_ROW = re.compile(r"^[I.][O.][H.][P.][B.] +(\w+) +\d+ +\d+ +([\d-]+)", re.M)
_RGB = re.compile(r"rgb|bgr|gbr|pal8|^x2|v30x|xyz")
_ALPHA = re.compile(r"^(yuva|gbrap|rgba|bgra|argb|abgr|ya|ayuv|vuya|uyva)")
_HALVED_BOTH = re.compile(r"420|nv12|nv21|p01[0-9]|yuv410|^yuva?j?420")


@functools.cache
def _depths() -> dict[str, int]:
    listing = run(["-pix_fmts"]).output.decode("utf-8", "replace")
    return {name: max(map(int, bits.split("-"))) for name, bits in _ROW.findall(listing)}


def known_formats() -> list[str]:
    """Return the names that this ffmpeg knows."""
    return sorted(_depths())


def bit_depth_of(pixel_format: str) -> int:
    """Return the bits of the deepest sample; 8 for a name that is not known."""
    return _depths().get(pixel_format, 8)


def is_rgb(pixel_format: str) -> bool:
    """Return whether a format holds RGB itself, so that no matrix is at work."""
    return _RGB.search(pixel_format) is not None


def has_alpha(pixel_format: str) -> bool:
    """Return whether a format has an alpha channel."""
    return _ALPHA.match(pixel_format) is not None


def chroma_steps(pixel_format: str) -> tuple[int, int]:
    """Return the multiples that width and height must have: (2, 2) for 4:2:0."""
    if "411" in pixel_format:
        return 4, 1
    if "410" in pixel_format:
        return 4, 4
    if _HALVED_BOTH.search(pixel_format):
        return 2, 2
    if re.search(r"422|nv16|nv20|p21[0-9]|uyvy|yuyv|yvyu|y21[0-9]", pixel_format):
        return 2, 1
    if "440" in pixel_format:
        return 1, 2
    return 1, 1
