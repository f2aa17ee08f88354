"""The two clips side by side, frame by frame, at one size."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from framestyle.config import InputSettings
from framestyle.errors import InputError
from framestyle.media import ClipInfo, Source, open_source
from framestyle.media.clip import Notices
from framestyle.media.source import fitted_size

STRETCH = 0.03
"""By how much the shapes of the two may differ before it is said."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame at the size of the comparison.

    Attributes:
        whole: As it was read, (H, W, 3) uint8 or uint16 RGB.
        pixels: (h, w, 3) float32 RGB in [0, 1].
    """

    whole: np.ndarray
    pixels: np.ndarray

    @cached_property
    def grey_levels(self) -> np.ndarray:
        """Brightness, (h, w) float32, in levels of 255."""
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY) * np.float32(255))

    @cached_property
    def grey(self) -> np.ndarray:
        """The same in whole levels, (h, w) uint8."""
        return np.asarray(np.rint(self.grey_levels).clip(0, 255), np.uint8)


class Clips:
    """A source and what was made of it.

    Args:
        source: The input clip: a video, a folder of frames, a pattern or a picture.
        result: The output, of as many frames; another size is scaled to the source's.
        size_px: Longest side at which they are compared.
        part: Which frames of the source the result was made of; all by default.
        notice: Gets a line for what the user should know.

    Raises:
        InputError: One of them cannot be read, or they have different numbers of frames.
        SettingsError: ``part`` contradicts the source.
    """

    def __init__(
        self,
        source: str | Path,
        result: str | Path,
        size_px: int,
        part: InputSettings | None,
        notice: Notices,
    ) -> None:
        self._source = open_source(source, part, notice=notice)
        self._result = open_source(result, notice=notice)
        a, b = self.source_info, self.result_info
        if a.frame_count != b.frame_count:
            raise InputError(
                f"{source} has {_counted(a.frame_count)} and {result} {b.frame_count}, expected "
                "as many of each; compare a result with the clip that it was made of, or say with "
                "--start and --frames which part of it that was"
            )
        self.width_px, self.height_px = fitted_size(a.width_px, a.height_px, size_px)
        width, height = _unpadded(a, b)
        if abs(width * a.height_px / (height * a.width_px) - 1) > STRETCH:
            notice(
                f"{result} is {width}x{height}, of another shape than {source} "
                f"({a.width_px}x{a.height_px}); it is stretched to compare them"
            )

    @property
    def source_info(self) -> ClipInfo:
        """What is known of the source."""
        return self._source.info

    @property
    def result_info(self) -> ClipInfo:
        """What is known of the result."""
        return self._result.info

    @property
    def frame_rate(self) -> Fraction | None:
        """Frames per second: the source's; a video's where the other is a folder, which has none.

        None for pictures.
        """
        videos = [info for info in (self.source_info, self.result_info) if info.kind == "video"]
        return (videos[0] if videos else self.source_info).frame_rate

    def read_source(self) -> Iterator[Picture]:
        """Yield the source alone, frame by frame."""
        for pixels in _frames(self._source):
            yield self._picture(pixels)

    def read(self) -> Iterator[tuple[Picture, Picture]]:
        """Yield source and result, frame by frame.

        Raises:
            InputError: A frame cannot be decoded.
        """
        width, height = _unpadded(self.source_info, self.result_info)
        for a, b in zip(_frames(self._source), _frames(self._result), strict=True):
            yield self._picture(a), self._picture(b[:height, :width])

    def _picture(self, pixels: np.ndarray) -> Picture:
        return Picture(pixels, scaled(pixels, self.width_px, self.height_px))


def scaled(pixels: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    """Return a frame at a size: down by averaging areas, up by cubic interpolation.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
        width_px: Of the result.
        height_px: Likewise.

    Returns:
        (h, w, 3) float32 in [0, 1]; as floats, because rounding would add flicker and drift.
    """
    image = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    height, width = image.shape[:2]
    if (width, height) == (width_px, height_px):
        return image
    larger = width_px * height_px > width * height
    kind = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
    fitted = cv2.resize(image, (width_px, height_px), interpolation=kind)
    return np.clip(fitted, 0.0, 1.0)  # a cubic overshoots at edges


def _frames(source: Source) -> Iterator[np.ndarray]:
    with closing(source.read()) as frames:
        for frame in frames:
            yield frame.pixels


def _unpadded(source: ClipInfo, result: ClipInfo) -> tuple[int, int]:
    """Return the result's size without the row and column that videos are padded with."""
    sides = ((source.width_px, result.width_px), (source.height_px, result.height_px))
    width, height = (a if a % 2 and b == a + 1 else b for a, b in sides)
    return width, height


def _counted(frames: int) -> str:
    return f"{frames} frame{'s' * (frames != 1)}"
