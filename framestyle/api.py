"""framestyle from Python: whole clips, and the two stages for single pictures."""

from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path

import numpy as np
from torch import Tensor

from framestyle.config import Config
from framestyle.errors import InputError, SettingsError
from framestyle.files import home_expanded
from framestyle.jobs.departures import check_finite
from framestyle.jobs.device import pick_device, restored_afterwards
from framestyle.jobs.memory import NO_ROOM, device_errors, prepare_for_tiles, within_memory
from framestyle.jobs.named import check_weights
from framestyle.jobs.pictures import Style, checked_weight, parse_style, read_pictures
from framestyle.jobs.run import run
from framestyle.jobs.stages import (
    build,
    check_networks,
    with_chosen_networks,
)
from framestyle.media import read_picture
from framestyle.media.tensors import to_pixels, to_tensor
from framestyle.progress import IterationDone, Progress, ignore

Picture = str | Path | np.ndarray
"""A file, or pixels (H, W, 3) RGB, uint8 or uint16."""

StylePictures = str | Path | Sequence[str | Path | tuple[str | Path, float]]
"""One file or several, each with a weight if wanted: ``"a.jpg:2"`` or ``("a.jpg", 2)``."""


def stylize_video(
    source: str | Path,
    styles: StylePictures,
    output: str | Path,
    config: Config | None = None,
    progress: Progress = ignore,
) -> Path:
    """Turn a video, a folder of frames or a picture into a dreamed and painted one.

    Example:
        >>> framestyle.stylize_video("in.mp4", "style.jpg", "out.mp4")  # doctest: +SKIP

    Args:
        source: Video, folder of frames, printf or glob pattern, or picture.
        styles: Style pictures; an empty list where the style stage is off.
        output: Video, folder, printf pattern or picture; its form says which.
        config: Settings; the defaults unless given.
        progress: Called with each event (``framestyle.progress``).

    Returns:
        The output, which now stands whole under that name.

    Raises:
        FramestyleError: Something is wrong with the input, the settings, the networks or the
            output; ``framestyle.errors`` has the kinds. Nothing stands under the output's name.
    """
    return run(source, _styles(styles), output, config or Config(), progress)


def dream_picture(
    picture: Picture, config: Config | None = None, progress: Progress = ignore
) -> np.ndarray:
    """DeepDream a single picture (Mordvintsev 2015).

    Args:
        picture: A file, or pixels (H, W, 3) RGB, uint8 or uint16.
        config: Settings; ``config.dream`` says how it dreams.
        progress: Called with each event.

    Returns:
        Pixels of the same shape and type.

    Raises:
        FramestyleError: As in ``stylize_video``.
    """
    config = config or Config()
    only_dream = config.changed({"dream": {"enabled": True}, "style": {"enabled": False}})
    return _one_picture(picture, [], only_dream, progress)


def paint_picture(
    picture: Picture,
    styles: StylePictures,
    config: Config | None = None,
    progress: Progress = ignore,
) -> np.ndarray:
    """Paint a single picture after others (Gatys 2016).

    Args:
        picture: A file, or pixels (H, W, 3) RGB, uint8 or uint16.
        styles: Style pictures, as in ``stylize_video``.
        config: Settings; ``config.style`` says how it paints.
        progress: Called with each event.

    Returns:
        Pixels of the same shape and type.

    Raises:
        FramestyleError: As in ``stylize_video``.
    """
    config = config or Config()
    only_style = config.changed({"dream": {"enabled": False}, "style": {"enabled": True}})
    return _one_picture(picture, _styles(styles), only_style, progress)


def _one_picture(
    picture: Picture, styles: list[Style], config: Config, progress: Progress
) -> np.ndarray:
    pixels = picture if isinstance(picture, np.ndarray) else read_picture(picture)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(
            f"got an array of shape {pixels.shape} and type {pixels.dtype}, expected (H, W, 3) of "
            "uint8 or uint16, in the order R, G, B"
        )
    check_weights(config)
    with restored_afterwards():
        return _made(pixels, styles, config, progress)


def _made(
    pixels: np.ndarray, styles: list[Style], config: Config, progress: Progress
) -> np.ndarray:
    device = pick_device(config.compute)
    config = with_chosen_networks(config, device, progress)
    pictures = read_pictures(config, styles)
    check_networks(config, pictures, pixels.shape[1], pixels.shape[0])
    with device_errors(f"loading networks on {device}", NO_ROOM):
        styler = build(config, styles, pictures, device, progress)
    prepare_for_tiles(styler, (pixels.shape[0], pixels.shape[1]), device.device, progress)

    def on_step(stage: str, iteration: int, planned: int, terms: Mapping[str, Tensor]) -> None:
        progress(IterationDone(0, stage, iteration, planned, terms))

    with device_errors("the picture", NO_ROOM):
        image = to_tensor(pixels).to(device.device)
        result, _ = within_memory(
            lambda: styler.step(image, on_step=on_step), styler.room, "the picture", progress
        )
        check_finite(result, "the picture")
        return to_pixels(result, 16 if pixels.dtype == np.uint16 else 8)


def _styles(styles: StylePictures) -> list[Style]:
    if isinstance(styles, str | Path) or (
        isinstance(styles, tuple) and len(styles) == 2 and isinstance(styles[1], Real)
    ):
        styles = [styles]
    if not isinstance(styles, Sequence):
        raise SettingsError(f"styles: got {styles!r}, expected a file name or a list of them")
    parsed: list[Style] = []
    for style in styles:
        match style:
            case str() | Path():
                parsed.append(parse_style(str(style)))
            case (str() | Path() as path, Real() as weight):
                parsed.append((home_expanded(path), checked_weight(str(path), float(weight))))
            case _:
                raise SettingsError(
                    f"styles: got {style!r}, expected a file name, or that and its weight, a number"
                )
    return parsed
