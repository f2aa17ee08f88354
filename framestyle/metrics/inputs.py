"""What is compared, opened and checked without torch, which takes seconds to load."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framestyle.config import InputSettings
from framestyle.errors import SettingsError
from framestyle.media import Colour, picture_within, read_picture
from framestyle.metrics.clips import Clips
from framestyle.metrics.settings import MetricsSettings

Style = tuple[str, float, np.ndarray]
"""Name of a style picture, its weight and its pixels."""


@dataclass(frozen=True)
class Inputs:
    """What is compared.

    Attributes:
        clips: The source and what was made of it.
        styles: What it was to look like.
        notices: What the user should know of them.
    """

    clips: Clips
    styles: Sequence[Style]
    notices: Sequence[str]


def open_inputs(
    source: str | Path,
    result: str | Path,
    styles: Sequence[str | Path | tuple[str | Path, float]],
    settings: MetricsSettings,
    part: InputSettings | None,
) -> Inputs:
    """Open what is compared.

    Arguments and errors as of ``framestyle.metrics.measure``.
    """
    notices: list[str] = []
    part = part.replaced(size=None) if part else None
    clips = Clips(source, result, settings.size, part, notices.append)
    read = [_read_style(style, clips.source_info.colour) for style in styles]
    return Inputs(clips, read, notices)


def _read_style(style: str | Path | tuple[str | Path, float], colour: Colour | None) -> Style:
    path, weight = style if isinstance(style, tuple) else (style, 1.0)
    if not 0 < weight < float("inf"):
        raise SettingsError(f"style {str(path)!r}: got the weight {weight:g}, expected one over 0")
    return str(path), float(weight), picture_within(read_picture(path), colour)
