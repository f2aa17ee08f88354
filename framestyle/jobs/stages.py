"""Building the stages of a run: networks chosen and loaded, sizes checked."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch

from framestyle.config import Config, StyleSettings
from framestyle.errors import InputError
from framestyle.jobs.device import Device, player_on
from framestyle.jobs.memory import room_on
from framestyle.jobs.pictures import Style, init_file
from framestyle.media.tensors import to_tensor
from framestyle.networks import (
    FeatureNetwork,
    Pooling,
    choose,
    load,
    network_spec,
    parse_weights,
    why_not_flat,
)
from framestyle.objectives import split_channels
from framestyle.progress import Notice, Progress
from framestyle.settings import Settings
from framestyle.stages import DreamStage, FrameStyler, StyleStage

Group = TypeVar("Group", bound=Settings)


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
        dream=_filled(
            config.dream.replaced(network=dream.name),
            layers=dream.default_dream_layers,
            step_size=dream.default_dream_step_size,
        ),
        style=_filled(
            config.style.replaced(network=style.name),
            content_layers=style.default_content_layers,
            style_layers=style.default_style_layers,
            style_weight=style.default_style_weight,
        ),
    )


def _filled(settings: Group, **of_network: Any) -> Group:
    """Return settings in which the network says what the user leaves open."""
    missing = {name: value for name, value in of_network.items() if getattr(settings, name) is None}
    return settings.replaced(**missing)


def build(
    config: Config,
    styles: Sequence[Style],
    pictures: Mapping[Path, np.ndarray],
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
    on_device = {path: to_tensor(pixels).to(device.device) for path, pixels in pictures.items()}
    networks: dict[tuple[str, Pooling | None], FeatureNetwork] = {}

    def network(name: str, pooling: Pooling | None) -> FeatureNetwork:
        if (name, pooling) not in networks:  # one for both stages where they name the same
            networks[name, pooling] = _load(config, name, pooling, device, progress)
        return networks[name, pooling]

    room = room_on(device.device, config.compute)
    # one for both stages: what they record shares its memory
    player = player_on(device.device, config.compute, room, lambda line: progress(Notice(line)))
    dream, style = None, None
    if config.dream.enabled:
        chosen = config.dream
        guide = on_device[chosen.guide] if chosen.guide is not None else None
        dream = DreamStage(
            network(chosen.network, None),
            chosen,
            chosen.layers or (),
            config.compute.seed,
            guide,
            room,
            player,
        )
    if config.style.enabled:
        style = StyleStage(
            network(config.style.network, _pooling(config.style)),
            config.style,
            config.style.content_layers or (),
            config.style.style_layers or (),
            [(weight, on_device[path]) for path, weight in styles],
            room,
            player,
        )
    init = init_file(config)
    start = on_device[init] if init is not None else None
    return FrameStyler(config, dream, style, start, room)


def slower_kernels(config: Config, device: Device) -> str | None:
    """Return a line where VGG runs on torch's kernels on a GPU that there are quicker ones for.

    Args:
        config: Settings in which the networks are named.
        device: Where they run.
    """
    used = {stage.network for stage in (config.dream, config.style) if stage.enabled}
    if device.dtype != torch.bfloat16 or used.isdisjoint({"vgg16", "vgg19"}):
        return None
    why = why_not_flat(device.device)
    return why and f"kernels: VGG runs on torch's own, which take longer: {why}"


def check_networks(
    config: Config, pictures: Mapping[Path, np.ndarray], width_px: int, height_px: int
) -> None:
    """Check layers and sizes against the networks' architecture, before any weights are needed.

    Args:
        config: Settings in which every network is named.
        pictures: What ``read_pictures`` gave.
        width_px: Of the frames.
        height_px: Likewise.

    Raises:
        ModelError: A network has no such layer.
        InputError: Frames or guide are too small for the layers.
    """
    for stage, layers in _layers(config).items():
        spec = network_spec(getattr(config, stage).network)
        least = spec.network(spec.bare_model()).minimum_side_px(layers)
        sizes = {"the frames have": (width_px, height_px)}
        if stage == "dream" and config.dream.guide is not None:
            guide = pictures[config.dream.guide]
            sizes[f"the guide {config.dream.guide} has"] = guide.shape[1], guide.shape[0]
        for what, (width, height) in sizes.items():
            if min(width, height) < least:
                raise InputError(
                    f"{what} {width}x{height} pixels, and {spec.name} needs {least} on each side "
                    "for the layers chosen; take something larger, or layers that are less deep"
                )


def _layers(config: Config) -> dict[str, list[str]]:
    """Names of the layers that each stage looks at, for the stages that are on."""
    dream = [split_channels(name)[0] for name, _ in config.dream.layers or ()]
    content, style = config.style.content_layers or (), config.style.style_layers or ()
    named = {"dream": dream, "style": [name for name, _ in (*content, *style)]}
    return {stage: names for stage, names in named.items() if getattr(config, stage).enabled}


def _pooling(style: StyleSettings) -> Pooling | None:
    return None if style.pooling == "own" else cast(Pooling, style.pooling)


def _load(
    config: Config, name: str, pooling: Pooling | None, device: Device, progress: Progress
) -> FeatureNetwork:
    return load(
        name,
        files=weights_files(config),
        device=device.device,
        dtype=device.dtype,
        pooling=pooling,
        progress=progress,
    )
