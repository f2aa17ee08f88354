"""Building the stages of a run: networks chosen and loaded, style pictures read, sizes checked."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from framestyle.config import Config
from framestyle.errors import InputError, ModelError, SettingsError
from framestyle.jobs.device import Device
from framestyle.media import read_picture, to_tensor
from framestyle.networks import FeatureNetwork, choose, load, network_spec, parse_weights
from framestyle.objectives import split_channels
from framestyle.progress import Notice, Progress
from framestyle.settings import number
from framestyle.stages import DreamStage, FrameStyler, StyleStage

Style = tuple[Path, float]
"""A style picture and its weight."""


def parse_style(text: str) -> Style:
    """Parse ``PICTURE`` or ``PICTURE:WEIGHT``; a file whose name has the colon comes first.

    Raises:
        SettingsError: The weight is not over 0.
    """
    path, colon, weight = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text).expanduser(), 1.0
    try:
        value = number(weight)
    except ValueError:
        return Path(text).expanduser(), 1.0  # a colon of the name, or of a drive
    return Path(path).expanduser(), checked_weight(text, value)


def checked_weight(style: str, weight: float) -> float:
    """Return the weight of a style; raises ``SettingsError`` where it is not one."""
    if not 0 < weight < 1e6:
        raise SettingsError(
            f"style {style!r}: got the weight {weight:g}, expected one over 0 and under a million"
        )
    return weight


def weights_files(config: Config) -> dict[str, Path]:
    """Return the weights files that the settings name, by network."""
    return dict(parse_weights(text) for text in config.compute.weights)


def with_chosen_networks(config: Config, device: Device, progress: Progress) -> Config:
    """Return the settings with ``auto`` replaced by networks, and say which and why.

    Raises:
        ModelError: A network that is named does not exist.
    """
    stages = [name for name in ("dream", "style") if getattr(config, name).enabled]
    if not stages:
        return config
    choice = choose(
        config.dream.network,
        config.style.network,
        config.compute.networks,
        has_gpu=device.is_gpu,
        files=weights_files(config),
        stages=stages,
    )
    progress(Notice(choice.reason))
    dream, style = network_spec(choice.dream_name), network_spec(choice.style_name)
    return dataclasses.replace(
        config,
        dream=config.dream.replaced(
            network=dream.name, layers=config.dream.layers or dream.default_dream_layers
        ),
        style=config.style.replaced(
            network=style.name,
            content_layers=config.style.content_layers or style.default_content_layers,
            style_layers=config.style.style_layers or style.default_style_layers,
        ),
    )


def read_pictures(config: Config, styles: Sequence[Style]) -> dict[Path, Tensor]:
    """Read every picture beside the input: styles, guide and start.

    Returns:
        (1, 3, H, W) float32 in [0, 1] by path, on the CPU.

    Raises:
        InputError: One of them is missing or not a picture.
        SettingsError: The style stage is on and there is no style picture.
    """
    if config.style.enabled and not styles:
        raise SettingsError(
            "no style picture is given; name one after the input, or give --no-style to dream only"
        )
    paths = [path for path, _ in styles] if config.style.enabled else []
    if config.dream.enabled and config.dream.guide is not None:
        paths.append(config.dream.guide)
    if config.style.enabled and config.style.init not in ("content", "noise"):
        paths.append(Path(config.style.init).expanduser())
    return {path: to_tensor(read_picture(path)) for path in paths}


def build(
    config: Config,
    styles: Sequence[Style],
    pictures: dict[Path, Tensor],
    device: Device,
    progress: Progress,
) -> FrameStyler:
    """Load the networks and build what takes frames through the stages that are on.

    Args:
        config: Settings in which every network is named (``with_chosen_networks``).
        styles: Style pictures with weights.
        pictures: What ``read_pictures`` gave.
        device: Where to compute.
        progress: Hears of downloads.

    Raises:
        ModelError: Weights cannot be had or do not fit, or a layer is unknown.
    """
    on_device = {path: picture.to(device.device) for path, picture in pictures.items()}
    dream = _dream_stage(config, on_device, device, progress) if config.dream.enabled else None
    style = None
    if config.style.enabled:
        chosen = [(weight, on_device[path]) for path, weight in styles]
        style = _style_stage(config, chosen, device, progress)
    start = on_device.get(Path(config.style.init).expanduser())
    return FrameStyler(config, dream, style, start)


def check_size(styler: FrameStyler, width_px: int, height_px: int) -> None:
    """Raise ``InputError`` where frames are too small for the layers of a network."""
    for stage in (styler.dream, styler.style):
        if stage is not None and min(width_px, height_px) < stage.smallest_px:
            raise InputError(
                f"the frames have {width_px}x{height_px} pixels, and {stage.network.name} needs "
                f"{stage.smallest_px} on each side for the layers chosen; take larger frames, "
                "layers that are less deep, or leave the stage out"
            )


def _dream_stage(
    config: Config, pictures: dict[Path, Tensor], device: Device, progress: Progress
) -> DreamStage:
    chosen = config.dream
    network = _load(config, chosen.network, "max", device, progress)
    assert chosen.layers is not None
    guide = pictures[chosen.guide] if chosen.guide is not None else None
    if guide is not None:
        least = network.minimum_side_px([split_channels(name)[0] for name, _ in chosen.layers])
        if min(guide.shape[2:]) < least:
            raise InputError(
                f"the guide {chosen.guide} has {guide.shape[3]}x{guide.shape[2]} pixels, and "
                f"{network.name} needs {least} on each side for the layers chosen; take a larger "
                "picture or layers that are less deep"
            )
    return DreamStage(network, chosen, chosen.layers, config.compute.seed, guide)


def _style_stage(
    config: Config, styles: list[tuple[float, Tensor]], device: Device, progress: Progress
) -> StyleStage:
    chosen = config.style
    network = _load(config, chosen.network, chosen.pooling, device, progress)
    assert chosen.content_layers is not None
    assert chosen.style_layers is not None
    return StyleStage(network, chosen, chosen.content_layers, chosen.style_layers, styles)


def _load(
    config: Config, name: str, pooling: str, device: Device, progress: Progress
) -> FeatureNetwork:
    if pooling not in ("max", "average"):
        raise ModelError(f"got pooling {pooling!r}, expected max or average")
    return load(
        name,
        files=weights_files(config),
        device=device.device,
        dtype=device.dtype,
        pooling="average" if pooling == "average" else "max",
        progress=progress,
        show_bar=True,
    )
