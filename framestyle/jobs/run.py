"""A whole run: everything is checked, then every frame goes its way, then the output stands."""

import time
from collections.abc import Sequence
from pathlib import Path

from framestyle.config import Config
from framestyle.errors import JobError
from framestyle.jobs.begun import begin, rehearse
from framestyle.jobs.choices import as_begun
from framestyle.jobs.concurrency import one_at_a_time
from framestyle.jobs.device import pick_device, restored_afterwards
from framestyle.jobs.flow import check_flow, flow_source, with_chosen_flow
from framestyle.jobs.folder import JobFolder
from framestyle.jobs.identity import manifest_of
from framestyle.jobs.inputs import Inputs, open_inputs
from framestyle.jobs.making import make_frames
from framestyle.jobs.manifest import Manifest, fingerprint
from framestyle.jobs.memory import NO_ROOM, device_errors
from framestyle.jobs.pictures import Style
from framestyle.jobs.places import choose_folder
from framestyle.jobs.shots import check_shots
from framestyle.jobs.stages import (
    build,
    check_networks,
    slower_kernels,
    weights_files,
    with_chosen_networks,
)
from framestyle.media import Source
from framestyle.motion import FlowSource
from framestyle.progress import Event, Notice, Progress, RunDone, ignore
from framestyle.stages import FrameStyler


def run(
    source: str | Path,
    styles: Sequence[Style],
    output: str | Path,
    config: Config,
    progress: Progress = ignore,
) -> Path:
    """Turn a clip, a folder of frames or a picture into a dreamed and painted one.

    Everything that can be wrong is found before the first frame is optimised. A run that was cut
    off goes on where it was, when it is called with the same arguments.

    Args:
        source: Video, folder of frames, printf or glob pattern, or picture.
        styles: Style pictures with weights.
        output: Video, folder, printf pattern or picture; its form says which.
        config: All settings.
        progress: Hears what happens.

    Returns:
        The output, which now stands whole under that name.

    Raises:
        FramestyleError: See ``framestyle.errors``.
        KeyboardInterrupt: Ctrl-C; what is finished is kept for the next run.
    """
    return carry_out(open_inputs(source, styles, output, config), output, config, progress)


@restored_afterwards()
def carry_out(
    inputs: Inputs, output: str | Path, config: Config, progress: Progress = ignore
) -> Path:
    """Do what ``run`` does, after ``open_inputs``."""
    began, progress = time.monotonic(), one_at_a_time(progress)
    clip, styles, pictures = inputs.clip, inputs.styles, inputs.pictures
    notices: list[Event] = []  # told when all is well: an error stands alone

    def notice(message: str) -> None:
        notices.append(Notice(message))

    device = pick_device(config.compute)
    for line in inputs.notices:
        notice(line)
    if config.compute.compile and device.device.type != "cuda":
        notice(f"compile: nothing comes of it on {device.device.type}, only on cuda")
    folder = choose_folder(Path(output), config.job.job_dir)
    config = as_begun(config, folder)
    config = with_chosen_networks(config, device, notices.append)
    config = with_chosen_flow(config, clip.info, device, weights_files(config), notices.append)
    check_networks(config, pictures, clip.info.width_px, clip.info.height_px)
    check_flow(config, clip.info, notices.append)
    check_shots(config.motion, clip.info.frame_count)

    def loaded() -> tuple[FrameStyler, FlowSource | None]:
        with device_errors(f"loading networks on {device}", NO_ROOM):
            styler = build(config, styles, pictures, device, progress)
            return styler, flow_source(config, clip.info, device, weights_files(config), progress)

    with JobFolder(folder) as job:
        ready = None
        if config.job.restart:  # what an earlier run has left goes when nothing is in the way
            rehearse(clip, output, config, job)
            ready = loaded()
        manifest = manifest_of(config, clip.info, styles, device, output)
        job.begin(manifest, config.job.restart)
        with device_errors(f"going on on {device}", NO_ROOM):
            begun = begin(clip, output, config, job, str(device.device), notice)
        with begun.sink as sink:
            if not sink.has_landed:
                styler, flow = ready or loaded()
                notice(f"device: {device}")
                if slower := slower_kernels(config, device):
                    notice(slower)
                for event in notices:
                    progress(event)
                make_frames(begun, clip, styler, flow, job, config, device, Path(output), progress)
                _check_unchanged(clip, manifest)
            sink.finish()
        job.remove()
    progress(RunDone(str(output), clip.info.frame_count, time.monotonic() - began))
    return Path(output)


def _check_unchanged(clip: Source, manifest: Manifest) -> None:
    """Raise ``JobError`` where a video is another by now: its sound would go with the old frames.

    One that was moved away has its frames read all the same; who needs more of it tells.
    """
    path, before = clip.info.path, manifest.inputs.get("clip")
    if clip.info.kind == "video" and path.exists() and fingerprint(path) != before:
        raise JobError(
            f"{path} has changed during the run; put it back as it was and run the same command "
            "again, or give --restart"
        )
