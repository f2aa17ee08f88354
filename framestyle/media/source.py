"""What every input looks like to the rest: facts of the clip, and its frames in order."""

from abc import ABC, abstractmethod
from collections.abc import Generator

import cv2
import numpy as np

from framestyle.media.clip import ClipInfo, Frame
from framestyle.media.display import shown


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
    """Return pixels (H, W, ...) scaled down by averaging areas; themselves where they fit."""
    if pixels.shape[:2] == (height_px, width_px):
        return pixels
    return cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA)


def frame_of(samples: np.ndarray, index: int, info: ClipInfo) -> Frame:
    """Return the frame of a clip for what was decoded, scaled down to the clip's size.

    Args:
        samples: RGB, (H, W, 3), or RGBA, (H, W, 4), uint8 or uint16.
        index: Position of the frame in the run.
        info: The clip.
    """
    width, height = info.width_px, info.height_px
    name = info.frame_name(index)
    pixels = shown(np.ascontiguousarray(samples[:, :, :3]), info.colour)
    if samples.shape[2] == 3:
        return Frame(index, scaled_down(pixels, width, height), name)
    alpha = np.ascontiguousarray(samples[:, :, 3])
    if alpha.shape != (height, width):
        pixels = _scaled_by_alpha(pixels, alpha, width, height)
    return Frame(index, pixels, name, scaled_down(alpha, width, height))


def _scaled_by_alpha(
    pixels: np.ndarray, alpha: np.ndarray, width_px: int, height_px: int
) -> np.ndarray:
    """Scale colours by their alpha, so that what is not seen does not bleed into what is."""
    weight = alpha.astype(np.float32)[:, :, np.newaxis]
    seen = scaled_down(pixels * weight, width_px, height_px)
    total = scaled_down(weight, width_px, height_px)[:, :, np.newaxis]
    mixed = np.round(seen / np.maximum(total, np.float32(1e-6))).astype(pixels.dtype)
    return np.where(total > 0, mixed, scaled_down(pixels, width_px, height_px))


def too_small_notice(name: str, width_px: int, height_px: int, size_px: int) -> str:
    """Return the notice that ``--size`` does nothing to a smaller input."""
    return (
        f"{name} is {width_px}x{height_px}, smaller than --size {size_px}; it is left at its size"
    )
