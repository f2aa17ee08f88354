"""The pictures that a run has beside its input: styles, guide and start."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from framestyle.config import Config
from framestyle.errors import InputError, SettingsError
from framestyle.files import home_expanded
from framestyle.media import Colour, picture_within, read_picture
from framestyle.settings import number

Style = tuple[Path, float]
"""A style picture and its weight."""


def parse_style(text: str) -> Style:
    """Parse ``PICTURE`` or ``PICTURE:WEIGHT``; a file whose name has the colon comes first.

    Raises:
        SettingsError: The weight is no number, or not over 0.
    """
    path, colon, weight = text.rpartition(":")
    if not colon or os.path.exists(text):  # noqa: PTH110 - that of Path raises for long names
        return home_expanded(text), 1.0
    try:
        value = number(weight)
    except ValueError:
        if not os.path.isfile(path):  # noqa: PTH113
            return home_expanded(text), 1.0  # a colon of the name, or of a drive
        raise SettingsError(
            f"style {text!r}: got the weight {weight!r}, expected a number, as in {path}:2"
        ) from None
    return home_expanded(path), checked_weight(text, value)


def checked_weight(style: str, weight: float) -> float:
    """Return the weight of a style; raises ``SettingsError`` where it is not one."""
    if not 0 < weight < 1e6:
        raise SettingsError(
            f"style {style!r}: got the weight {weight:g}, expected one over 0 and under a million"
        )
    return weight


def init_file(config: Config) -> Path | None:
    """Return the picture that a shot's first frame starts from, where the settings name one."""
    if not config.style.enabled or config.style.init in ("content", "noise"):
        return None
    return home_expanded(config.style.init)


def read_pictures(
    config: Config, styles: Sequence[Style], colour: Colour | None = None
) -> dict[Path, np.ndarray]:
    """Read every picture beside the input: styles, guide and start.

    Args:
        config: All settings.
        styles: Style pictures with weights.
        colour: Of the clip; pictures become what they would be in it.

    Returns:
        Pixels (H, W, 3), uint8 or uint16, by path.

    Raises:
        InputError: One of them is missing or not a picture.
        SettingsError: The style stage is on and there is no style picture.
    """
    if config.style.enabled and not styles:
        raise SettingsError(
            "no style picture is given; name one after the input, or give --no-style to dream only"
        )
    named = [("style", path) for path, _ in styles] if config.style.enabled else []
    if config.dream.enabled and config.dream.guide is not None:
        named.append(("--dream-guide", config.dream.guide))
    init = init_file(config)
    named += [("--init", init)] if init is not None else []
    found = {}
    for name, path in named:
        try:
            found[path] = picture_within(read_picture(path), colour)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    return found
