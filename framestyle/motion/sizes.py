"""The size at which frames are searched for motion."""

import cv2
import numpy as np

SMALLEST_SIDE_PX = 16
"""DIS matches patches of 8 pixels over a pyramid; smaller frames are given no motion."""


def search_size(size: tuple[int, int], longest_px: int, smallest_px: int) -> tuple[int, int]:
    """Return (height, width) with the longest side brought down to ``longest_px``, never up.

    No side gets shorter than ``smallest_px``, which a search needs at least.
    """
    scale = longest_px / max(size)
    if scale >= 1:
        return size
    height, width = (max(smallest_px, round(side * scale)) for side in size)
    return height, width


def shrunk(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a frame, (H, W, 3) uint8 or uint16, as (h, w, 3) uint8 of a size."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA))
