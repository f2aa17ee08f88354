"""What a run is made of, as its manifest has it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from framestyle.config import FLOWS, Config
from framestyle.jobs.device import Device
from framestyle.jobs.flow import flow_identity
from framestyle.jobs.manifest import Manifest
from framestyle.jobs.pictures import Style, init_file
from framestyle.jobs.places import named
from framestyle.jobs.stages import weights_files
from framestyle.media import ClipInfo
from framestyle.media.ffmpeg import ffmpeg_version
from framestyle.media.writer import is_video


def manifest_of(
    config: Config, info: ClipInfo, styles: Sequence[Style], device: Device, output: str | Path
) -> Manifest:
    """Describe a run, so that only the same one goes on with what it left.

    Args:
        config: Settings in which networks and flow are named.
        info: The clip.
        styles: Style pictures with weights.
        device: Where it computes.
        output: Where the result goes.

    Raises:
        InputError: A file cannot be read.
    """
    about = {"device": str(device), "output": named(Path(output)).name}
    if config.style.enabled:
        about |= {f"weight of style {i}": repr(weight) for i, (_, weight) in enumerate(styles, 1)}
    about |= flow_identity(config, info)
    if info.kind == "video" or is_video(Path(output), info):
        # other versions scale and encode otherwise, and what they encode is put together
        about["ffmpeg"] = ffmpeg_version()
    inputs = _inputs(config, info, styles)
    # a job follows its device: other arithmetic, other bytes
    compute = config.compute.replaced(threads=torch.get_num_threads())
    # files count by what is in them, which stands among the inputs
    style = config.style if init_file(config) is None else config.style.replaced(init="FILE")
    is_named = config.motion.flow in FLOWS
    motion = config.motion if is_named else config.motion.replaced(flow="FILES")
    config = dataclasses.replace(config, compute=compute, style=style, motion=motion)
    return Manifest.of(config, inputs, about)


def _inputs(config: Config, info: ClipInfo, styles: Sequence[Style]) -> dict[str, Path]:
    """Return the files that the result depends on, by the part that they play."""
    inputs = {f"frame {path.name}": path for path in info.files} or {"clip": info.path}
    if config.style.enabled:
        inputs |= {f"style {i}": path for i, (path, _) in enumerate(styles, 1)}
    init = init_file(config)
    parts = {"start": init, "shots": config.motion.shots}
    parts["guide"] = config.dream.guide if config.dream.enabled else None
    inputs |= {part: path for part, path in parts.items() if path is not None}
    used = {stage.network for stage in (config.dream, config.style) if stage.enabled}
    used.add(config.motion.flow)
    # weights that the user gives may change; those of the registry have one content for ever
    given = weights_files(config).items()
    return inputs | {
        f"weights {name}": file for name, file in given if name in used and file.is_file()
    }
