"""Where the optical flow of a run comes from: chosen, checked, and built."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from framestyle.config import Config
from framestyle.errors import SettingsError
from framestyle.jobs.device import Device
from framestyle.media import ClipInfo
from framestyle.motion import DenseInverseSearch, FlowSource
from framestyle.progress import Progress

DIS = "dis"


def with_chosen_flow(config: Config, info: ClipInfo, device: Device, progress: Progress) -> Config:
    """Return the settings with ``auto`` replaced by a source of flow, and say which and why.

    Raises:
        SettingsError: There is no such source.
    """
    name = config.motion.flow
    if name not in ("auto", DIS):
        raise SettingsError(f"--flow: got {name!r}, expected auto or dis")
    return dataclasses.replace(config, motion=config.motion.replaced(flow=DIS))


def flow_source(
    config: Config,
    info: ClipInfo,
    device: Device,
    files: Mapping[str, Path],
    progress: Progress,
) -> FlowSource | None:
    """Return the source of flow that the settings name; None where nothing is carried along it."""
    if not _is_used(config, info):
        return None
    return DenseInverseSearch(config.motion.flow_preset, config.motion.flow_size)


def flow_files(config: Config, info: ClipInfo) -> list[Path]:
    """Return the files that the flow is read from, in order of their names."""
    return []


def _is_used(config: Config, info: ClipInfo) -> bool:
    return info.frame_count > 1 and (config.dream.enabled or config.style.enabled)
