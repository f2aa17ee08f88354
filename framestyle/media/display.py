"""The space that frames are worked on in, where the numbers of a file are none that one could see.

A clip of the usual range is worked on as coded, and so is HLG, which is made to look right on a
display of the usual range. PQ is not: its codes share ten thousand candela per square metre out
among the steps that an eye can tell, and seen as they are they make a grey veil. So they go through
a curve that puts the white of paper at three quarters, where HLG has it, and leaves the quarter
above it to lights; each channel alone, and undone when a frame is written. Sixteen bits on both
sides: no code of ten bits is lost.
"""

import functools

import numpy as np

from framestyle.media.colour import Colour, narrowed, widened
from framestyle.media.transfer import (
    PAPER_WHITE,
    WIDE,
    between,
    hlg_codes,
    hlg_light,
    pq_codes,
    pq_light,
    response,
    response_undone,
)

_GAMMA = 2.2


def shown(pixels: np.ndarray, colour: Colour | None) -> np.ndarray:
    """Return pixels of a file as they are worked on.

    Args:
        pixels: RGB, (H, W, 3), as coded; uint16 for PQ.
        colour: What the numbers mean.

    Returns:
        The same shape and type.
    """
    return np.asarray(_curves()[0][pixels]) if _is_pq(colour) else pixels


def coded(pixels: np.ndarray, colour: Colour | None) -> np.ndarray:
    """Return pixels that were worked on as a file has them; undoes ``shown``."""
    return np.asarray(_curves()[1][pixels]) if _is_pq(colour) else pixels


def picture_within(pixels: np.ndarray, colour: Colour | None) -> np.ndarray:
    """Return a picture of the usual range and colours as a clip would show it.

    Its white becomes that of paper, and its colours stay what they are among the wider ones.

    Args:
        pixels: sRGB, (H, W, 3), uint8 or uint16.
        colour: Of the clip.

    Returns:
        (H, W, 3), uint16; the pixels themselves where the clip is of the usual range and colours.
    """
    if colour is None or not (colour.is_hdr or colour.primaries in WIDE):
        return pixels
    light = (pixels / np.iinfo(pixels.dtype).max) ** _GAMMA
    light = light @ between("bt709", _primaries(colour)).T
    if not colour.is_hdr:
        return _as_uint16(np.maximum(light, 0.0) ** (1 / _GAMMA))
    light = light * PAPER_WHITE
    return _as_uint16(response(light) if _is_pq(colour) else hlg_codes(light))


def as_usual(pixels: np.ndarray, colour: Colour | None) -> np.ndarray:
    """Return pixels that were worked on for a file that cannot say that it is HDR.

    Colours that do not fit are clipped; lights above the white of paper keep the upper quarter.

    Returns:
        (H, W, 3), of the same type, for a display of the usual range.
    """
    if colour is None or not colour.is_hdr:
        return pixels
    levels = (widened(pixels) if pixels.dtype == np.uint8 else pixels) / 65535
    light = response_undone(levels) if _is_pq(colour) else hlg_light(levels)
    usual = _as_uint16(response(light @ between(_primaries(colour), "bt709").T))
    return narrowed(usual) if pixels.dtype == np.uint8 else usual


def _is_pq(colour: Colour | None) -> bool:
    return colour is not None and colour.transfer == "smpte2084"


def _primaries(colour: Colour) -> str:
    return colour.primaries or ("bt2020" if colour.is_hdr else "bt709")


def _as_uint16(levels: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(np.clip(levels, 0.0, 1.0) * 65535), np.uint16)


@functools.cache
def _curves() -> tuple[np.ndarray, np.ndarray]:
    """Return what every PQ code of 16 bits is worked on as, and the way back."""
    codes = np.arange(65536) / 65535
    return _as_uint16(response(pq_light(codes))), _as_uint16(pq_codes(response_undone(codes)))
