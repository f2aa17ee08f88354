"""ffmpeg's filters between the numbers of a stream and RGB.

They are those of zimg (``zscale``), which rounds to the nearest level. ffmpeg's own scaler is half
a level of eight bits too dark in RGB of sixteen, and half a level off in chroma of full range; it
is asked where zimg cannot be: without it, for odd sizes in formats that halve, for rare formats.
"""

import functools
import re

from framestyle.media.colour import Colour
from framestyle.media.ffmpeg import run
from framestyle.media.pixel_formats import chroma_steps, has_alpha

_FLAGS = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
_PLANAR = re.compile(r"^yuv(a|j)?4(20|22|40|44|11)p(\d+le)?$")
_PACKED = {"nv12": "yuv420p", "p010le": "yuv420p10le", "p210le": "yuv422p10le"}
_NUMBERS = {  # of ITU-T H.273, which every version of the filter takes
    "bt709": 1,
    "fcc": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "bt2020nc": 9,
    "bt2020c": 9,
}
_TURNED = {  # by one, two and three quarters; nothing has a name on the right
    "left": ("bottom", "center", "top"),
    "topleft": ("bottomleft", "bottom", "top"),
    "center": ("center", "center", "center"),
    "top": ("left", "bottom", "center"),
    "bottom": ("center", "top", "left"),
    "bottomleft": ("bottom", "top", "topleft"),
}
_RANGES = {"tv": "limited", "pc": "full"}


def to_rgb(
    pixel_format: str, size: tuple[int, int], colour: Colour | None, *, is_deep: bool, alpha: bool
) -> str:
    """Return the filters from a stream to raw RGB.

    Args:
        pixel_format: Of the stream.
        size: Its width and height.
        colour: What its numbers mean; None or RGB for a format of RGB.
        is_deep: Whether RGB of 16 bits is wanted, rather than of 8.
        alpha: Whether a fourth channel is wanted.
    """
    packed = _rgb("packed", is_deep=is_deep, alpha=alpha)
    if colour is None or colour.is_rgb:
        return f"scale=out_range=pc:{_FLAGS},format={packed}"
    planar = _PACKED.get(pixel_format, pixel_format)
    if not _is_exact(planar, size):
        place = _place("in", pixel_format, size, colour.chroma)
        matrix = f"in_color_matrix={colour.scaler_matrix}:in_range={colour.range}"
        return f"scale={matrix}:out_range=pc:{_FLAGS}{place},format={packed}"
    return (
        # What is not converted must not be looked at, for not every pair of tags has a way.
        f"format={planar},setparams=color_primaries=unknown:color_trc=unknown,"
        f"zscale=filter=lanczos:matrixin={_NUMBERS[colour.matrix]}:rangein={_RANGES[colour.range]}"
        f":chromalin={colour.chroma or 'left'}:matrix=0:range=full"
        f",format={_rgb('planar', is_deep=is_deep, alpha=alpha)},format={packed}"
    )


def from_rgb(
    pixel_format: str, size: tuple[int, int], colour: Colour | None, *, is_deep: bool, alpha: bool
) -> str:
    """Return the filters from raw RGB to a stream; what is said is as for ``to_rgb``."""
    if colour is None or colour.is_rgb:
        return f"scale={_FLAGS},format={pixel_format}"
    planar = _PACKED.get(pixel_format, pixel_format)
    if not _is_exact(planar, size):
        place = _place("out", pixel_format, size, colour.chroma)
        matrix = f"out_color_matrix={colour.scaler_matrix}:out_range={colour.range}"
        return f"scale=in_range=pc:{matrix}:{_FLAGS}{place},format={pixel_format}"
    return (
        f"format={_rgb('planar', is_deep=is_deep, alpha=alpha and has_alpha(pixel_format))},"
        f"zscale=filter=lanczos:matrixin=0:rangein=full:matrix={_NUMBERS[colour.matrix]}"
        f":range={_RANGES[colour.range]}:chromal={colour.chroma or 'left'}"
        f",format={planar},format={pixel_format}"
    )


def tagged(colour: Colour) -> str:
    """Return the filter that says what the numbers of frames mean."""
    said = {
        "range": colour.range,
        "colorspace": colour.matrix,
        "color_primaries": colour.primaries,
        "color_trc": colour.transfer,
        # before ffmpeg 7.1 this had no word for it; the option of the stream says it all the same
        "chroma_location": colour.chroma if _says_chroma() else None,
    }
    return "setparams=" + ":".join(f"{key}={value}" for key, value in said.items() if value)


def turned_chroma(location: str, quarters: int) -> str:
    """Return where chroma sits once a frame is turned, as near as there is a name for it.

    Args:
        location: Before; ``left`` where it is none that is known.
        quarters: How often it is turned by 90 degrees against the clock.
    """
    if quarters % 4 == 0:
        return location
    names = _TURNED.get(location, _TURNED["left"])
    return names[quarters % 4 - 1]


def _rgb(kind: str, *, is_deep: bool, alpha: bool) -> str:
    names = {
        ("packed", False): ("rgb24", "rgba"),
        ("packed", True): ("rgb48le", "rgba64le"),
        ("planar", False): ("gbrp", "gbrap"),
        ("planar", True): ("gbrp16le", "gbrap16le"),
    }
    return names[kind, is_deep][alpha]


def _is_exact(planar: str, size: tuple[int, int]) -> bool:
    """Return whether zimg can be asked; it cuts odd sizes down."""
    across, down = chroma_steps(planar)
    fits = size[0] % across == 0 and size[1] % down == 0
    return fits and _PLANAR.match(planar) is not None and _has_zimg()


@functools.cache
def _has_zimg() -> bool:
    return b" zscale " in run(["-filters"]).output


@functools.cache
def _says_chroma() -> bool:
    return b"chroma_location" in run(["-h", "filter=setparams"]).output


def _place(side: str, pixel_format: str, size: tuple[int, int], location: str | None) -> str:
    """Say where halved chroma sits, in parts of 256; ffmpeg's scaler would take the middle.

    Of an odd size it sees one pixel more in chroma, and its middle is half a pixel further on.
    """
    across, down = chroma_steps(pixel_format)
    where = location or "left"
    options = ""
    if across == 2:
        column = 0 if "left" in where else 128
        options += f":{side}_h_chr_pos={column + size[0] % 2 * 128}"
    if (across, down) == (2, 2):
        heights = {"top": 0, "bottom": 256}
        row = next((y for name, y in heights.items() if where.startswith(name)), 128)
        options += f":{side}_v_chr_pos={row + size[1] % 2 * 128}"
    return options
