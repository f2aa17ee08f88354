"""Animated WebP and PNG as sources, and how often animations are shown."""

import itertools
import math
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from framestyle.config import InputSettings
from framestyle.errors import InputError, SettingsError
from framestyle.media.clip import ClipInfo, Frame, Notices
from framestyle.media.picture_headers import PictureHeader, damage_told, header_of, opened, unwarned
from framestyle.media.rates import mean_rate
from framestyle.media.selection import Selection, select
from framestyle.media.source import Source, fitted_size, frame_of, too_small_notice
from framestyle.media.timing import Timing, timing_of

_UNSAID_SECONDS = Fraction(1, 10)  # of a frame with a duration of 0, as browsers have it
_LARGEST_DENOMINATOR = 65535  # of a duration in a PNG, which Pillow gives as a float


class AnimationSource(Source):
    """An animated WebP or PNG: every frame as it is shown, for as long as it is shown."""

    def __init__(self, info: ClipInfo, chosen: Selection) -> None:
        self.info = info
        self._chosen = chosen

    @classmethod
    def open(cls, path: Path, settings: InputSettings, notice: Notices) -> "AnimationSource":
        """Decode all of it once, for its times, and return the source.

        Raises:
            InputError: Where it is damaged, or the selection is empty.
            SettingsError: Where settings contradict the input.
        """
        if settings.fps is not None:
            raise SettingsError(
                f"--fps is given, but {path} is an animation with times of its own; leave it out"
            )
        header, durations, plays, has_alpha = _looked_through(path)
        if settings.size is not None and max(header.width_px, header.height_px) < settings.size:
            size = (header.width_px, header.height_px)
            notice(too_small_notice(str(path), *size, settings.size))
        starts = list(itertools.accumulate(durations[:-1], initial=Fraction(0)))
        chosen = select(starts, durations[-1], settings, path)
        taken = durations[chosen.first : chosen.first + chosen.count]
        width, height = fitted_size(header.width_px, header.height_px, settings.size)
        info = ClipInfo(
            "video",
            path,
            width,
            height,
            chosen.count,
            mean_rate(sum(taken, Fraction(0)) / len(taken)),
            start_seconds=chosen.start_seconds,
            duration_seconds=chosen.duration_seconds,
            cut_start=chosen.cut_start,
            cut_end=chosen.cut_end,
            has_alpha=has_alpha,
            timing=_timing(taken),
            plays=plays,
        )
        return cls(info, chosen)

    def read(self, first: int = 0) -> Generator[Frame, None, None]:
        """Yield the frames from position ``first`` on; see ``Source.read``."""
        index = first
        try:
            mode = "RGBA" if self.info.has_alpha else "RGB"
            for samples, _ in _frames(self.info.path, self._chosen.first + first, mode):
                if index >= self.info.frame_count:
                    return
                yield frame_of(samples, index, self.info)
                index += 1
        except Exception as error:  # Pillow raises whatever it met in a damaged file
            raise InputError(
                f"{self.info.path} ended at frame {index + 1} of {self.info.frame_count} "
                f"({error}): the file is damaged there, or has changed since the start"
            ) from None


def is_animation(path: Path) -> bool:
    """Return whether a picture file is an animated WebP or PNG.

    Raises:
        InputError: Where it is no picture, or is damaged.
    """
    with damage_told(path), path.open("rb") as file, unwarned():
        image = opened(path, file)
        is_kind = isinstance(image, WebPImageFile | PngImageFile)
        return is_kind and len(_places(image)) > 1


def gif_plays(path: Path) -> int | None:
    """Return how often a GIF is shown, 0 for ever; None where that cannot be read."""
    try:
        with path.open("rb") as file, unwarned():
            loop = GifImageFile(file).info.get("loop")
    except Exception:  # Pillow raises whatever it met in a damaged file
        return None
    # It holds the number of repetitions, and nothing where there are none.
    return 1 if loop is None else int(loop) + 1 if loop else 0


def _looked_through(path: Path) -> tuple[PictureHeader, list[Fraction], int, bool]:
    """Return what the file says, the frames' durations, how often they are shown, and any alpha."""
    with damage_told(path):
        with path.open("rb") as file, unwarned():
            image = opened(path, file)
            header, plays = header_of(path, image), int(image.info.get("loop", 0))
        durations, has_alpha = [], False
        for samples, duration in _frames(path, 0, "RGBA" if header.has_alpha else "RGB"):
            durations.append(duration)
            has_alpha = has_alpha or bool(samples.shape[2] == 4 and samples[:, :, 3].min() < 255)
        return header, durations, plays, has_alpha


def _frames(path: Path, first: int, mode: str) -> Iterator[tuple[np.ndarray, Fraction]]:
    """Yield frames from a position on as (H, W, 3 or 4) uint8, with how long each is shown."""
    with path.open("rb") as file, unwarned():
        image = opened(path, file)
        for place in _places(image)[first:]:
            image.seek(place)
            image.load()
            duration = Fraction(float(image.info.get("duration", 0)) / 1000)
            seconds = duration.limit_denominator(_LARGEST_DENOMINATOR)
            yield np.asarray(image.convert(mode)), seconds or _UNSAID_SECONDS


def _places(image: ImageFile) -> range:
    """Return the numbers of the frames; a PNG may have a picture before them that is none."""
    return range(int(bool(getattr(image, "default_image", False))), getattr(image, "n_frames", 1))


def _timing(durations: list[Fraction]) -> Timing | None:
    if len(set(durations)) == 1:
        return None
    tick = Fraction(1, math.lcm(*(d.denominator for d in durations)))
    lengths = [int(duration / tick) for duration in durations]
    return timing_of(list(itertools.accumulate(lengths[:-1], initial=0)), lengths[-1], tick)
