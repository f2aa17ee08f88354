"""Where the optical flow of a run comes from: chosen, checked, and built."""

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

from framestyle.config import FLOWS, Config, MotionSettings
from framestyle.jobs.device import Device, replay_on
from framestyle.jobs.manifest import fingerprint
from framestyle.jobs.named import flow_folder
from framestyle.media import ClipInfo
from framestyle.motion import DenseInverseSearch, FlowFiles, FlowSource, OnDevice, Raft
from framestyle.networks import FLOW_NETWORKS, can_be_had, load_flow_network
from framestyle.networks.choice import FULL_FLOW
from framestyle.progress import Notice, Progress

DIS = "dis"


def with_chosen_flow(
    config: Config,
    info: ClipInfo,
    device: Device,
    files: Mapping[str, Path],
    progress: Progress,
) -> Config:
    """Return the settings with ``auto`` replaced by a source of flow.

    ``auto`` is RAFT with a GPU, and the search on the CPU without one or where RAFT's weights are
    neither here nor can be fetched; the web is asked for seconds. One line says what is not plain.

    Args:
        config: All settings.
        info: The clip.
        device: Where the run computes.
        files: Weights files that the user gives, by network.
        progress: Hears what was chosen, why, and how to choose otherwise.

    Raises:
        SettingsError: There is neither a source nor a folder of that name.
    """
    name, reason = config.motion.flow, ""
    if name == "auto":
        name, reason = _automatic(config, device, files) if follows(config, info) else (DIS, "")
    elif name not in FLOWS:
        folder = flow_folder(name)
        reason = f"read from {folder}"
    unused = [given for given in files if given in FLOW_NETWORKS and given != name]
    if unused:
        others = ", ".join(unused)
        reason = f"{reason or name}; the weights given for {others} are not used"
    if reason:
        progress(Notice(f"flow: {reason}"))
    return dataclasses.replace(config, motion=config.motion.replaced(flow=name))


def check_flow(config: Config, info: ClipInfo, progress: Progress) -> None:
    """Check flow that is read from files, before anything is optimised.

    Args:
        config: Settings in which the source is named.
        info: The clip.
        progress: Hears of files for other frames.

    Raises:
        InputError: A file is missing, damaged, or of another size than the frames.
    """
    if config.motion.flow not in FLOWS:
        count = info.frame_count if follows(config, info) else 1
        files = FlowFiles(flow_folder(config.motion.flow))
        files.check(count, info.width_px, info.height_px)
        if unused := files.unused(count):
            progress(
                Notice(
                    f"flow: {unused} files of {files.folder} are for frames after the run's "
                    f"{count}; their names count from the first frame of the run"
                )
            )


def flow_identity(config: Config, info: ClipInfo) -> dict[str, str]:
    """Return what a manifest says of flow that is read from files; empty for any other.

    Raises:
        InputError: A file cannot be read.
    """
    if config.motion.flow in FLOWS or not follows(config, info):
        return {}
    files = FlowFiles(flow_folder(config.motion.flow)).files
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        digest.update(f"{path.name}:{fingerprint(path)}\n".encode())
    return {"flow files": f"{len(files)} ({digest.hexdigest()})"}


def flow_source(
    config: Config,
    info: ClipInfo,
    device: Device,
    files: Mapping[str, Path],
    progress: Progress,
) -> FlowSource | None:
    """Return the source of flow that the settings name; None where nothing is carried along it.

    Args:
        config: Settings in which the source is named (``with_chosen_flow``).
        info: The clip.
        device: Where networks run.
        files: Weights files that the user gives, by network.
        progress: Hears of downloads.

    Raises:
        ModelError: The weights of a network cannot be had or do not fit.
    """
    if not follows(config, info):
        return None
    motion = config.motion
    replay = replay_on(device.device, config.compute, lambda line: progress(Notice(line)))
    if motion.flow in FLOW_NETWORKS:
        network = load_flow_network(
            motion.flow, files=files, device=device.device, progress=progress
        )
        return Raft(network, motion.flow_size, replay=replay)
    found: FlowSource
    if motion.flow == DIS:
        found = DenseInverseSearch(motion.flow_preset, motion.flow_size)
    else:
        found = FlowFiles(flow_folder(motion.flow))
    return OnDevice(found, device.device, replay) if device.device.type == "cuda" else found


def _automatic(config: Config, device: Device, files: Mapping[str, Path]) -> tuple[str, str]:
    """Return the source that suits the machine, and why; no reason where nobody would ask."""
    if not device.is_gpu:
        return DIS, ""
    if config.motion.flow_preset != MotionSettings().flow_preset:
        return DIS, f"{DIS}, because it has the preset {config.motion.flow_preset}"
    if not can_be_had(FULL_FLOW, files):
        return DIS, (
            f"{DIS}, because the weights of {FULL_FLOW} are not here and cannot be fetched; "
            f"`framestyle weights fetch {FULL_FLOW}` on a machine with internet gets them"
        )
    return FULL_FLOW, f"{FULL_FLOW}, because there is a GPU; --flow {DIS} searches on the CPU"


def follows(config: Config, info: ClipInfo) -> bool:
    """Tell whether anything is carried from frame to frame, so that flow is needed."""
    return info.frame_count > 1 and (config.dream.enabled or config.style.enabled)
