"""What every input looks like to the rest: facts of the clip, and its frames in order."""

from abc import ABC, abstractmethod
from collections.abc import Generator

import cv2
import numpy as np

from framestyle.media.clip import ClipInfo, Frame


class Source(ABC):
    """An input that has been checked and is ready to be read, any number of times.

    Attributes:
        info: What is known of the clip.
    """

    info: ClipInfo

    @abstractmethod
    def read(self, first: int = 0) -> Generator[Frame, None, None]:
        """Yield the frames ``first``, ``first + 1``, ... of the run, none skipped or doubled.

        Closing the generator ends whatever runs behind it.

        Args:
            first: Position in the run of the first frame wanted, from 0.

        Raises:
            InputError: Where a frame cannot be decoded; the message names it.
        """


def fitted_size(width_px: int, height_px: int, size_px: int | None) -> tuple[int, int]:
    """Return width and height with the longest side brought down to ``size_px``, never up."""
    longest = max(width_px, height_px)
    if size_px is None or longest <= size_px:
        return width_px, height_px
    return (
        max(1, (2 * width_px * size_px + longest) // (2 * longest)),
        max(1, (2 * height_px * size_px + longest) // (2 * longest)),
    )


def scaled_down(pixels: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    """Return pixels (H, W, 3) scaled down by averaging areas; themselves where they fit."""
    if pixels.shape[:2] == (height_px, width_px):
        return pixels
    return cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA)


def too_small_notice(name: str, width_px: int, height_px: int, size_px: int) -> str:
    """Return the notice that ``--size`` does nothing to a smaller input."""
    return (
        f"{name} is {width_px}x{height_px}, smaller than --size {size_px}; it is left at its size"
    )
