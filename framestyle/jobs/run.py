"""A whole run: everything is checked, then every frame goes its way, then the output stands."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from framestyle.config import Config
from framestyle.errors import OutputError
from framestyle.jobs.device import Device, pick_device, restored_threads
from framestyle.jobs.flow import check_flow, flow_identity, flow_source, follows, with_chosen_flow
from framestyle.jobs.folder import JobFolder, choose_folder
from framestyle.jobs.manifest import Manifest
from framestyle.jobs.memory import told_tiles
from framestyle.jobs.passes import counted, written
from framestyle.jobs.pipeline import Pipeline
from framestyle.jobs.shots import check_shots, cutting_of
from framestyle.jobs.stages import (
    Style,
    build,
    check_networks,
    read_pictures,
    weights_files,
    with_chosen_networks,
)
from framestyle.media import Source, open_sink, open_source
from framestyle.progress import Event, Notice, Progress, RunDone, RunStarted, ignore


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
    with restored_threads():
        return _run(source, styles, output, config, progress)


def _run(
    source: str | Path,
    styles: Sequence[Style],
    output: str | Path,
    config: Config,
    progress: Progress,
) -> Path:
    began = time.monotonic()
    notices: list[Event] = []  # told when all is well: an error stands alone

    def notice(message: str) -> None:
        notices.append(Notice(message))

    device = pick_device(config.compute)
    clip = open_source(source, config.input, notice=notice)
    config = with_chosen_networks(config, device, notices.append)
    config = with_chosen_flow(config, clip.info, device, weights_files(config), notices.append)
    pictures = read_pictures(config, styles, clip.info.colour)
    _check_output(Path(output), pictures)
    check_networks(config, pictures, clip.info.width_px, clip.info.height_px)
    check_flow(config, clip.info, notices.append)
    check_shots(config.motion, clip.info.frame_count)
    with JobFolder(choose_folder(Path(output), config.job.job_dir)) as job:
        manifest = _manifest(config, clip, styles, list(pictures), device, output)
        job.begin(manifest, config.job.restart)
        state, done = job.load_state(str(device.device))
        passes = config.motion.passes if follows(config, clip.info) else 1
        found = None if done is None else cutting_of(clip, config, job.path, notices.append)
        with open_sink(
            output,
            clip.info,
            config.output,
            work_dir=job.path,
            done=written(found, passes, done) if found else 0,
            notice=notice,
        ) as sink:
            styler = build(config, styles, pictures, device, progress)
            flow = flow_source(config, clip.info, device, weights_files(config), progress)
            notice(f"device: {device}")
            for line in told_tiles(styler, (clip.info.height_px, clip.info.width_px)):
                notice(line)
            for event in notices:
                progress(event)
            cutting = found or cutting_of(clip, config, job.path, progress)
            progress(RunStarted(*counted(cutting, passes, done)))
            pipeline = Pipeline(
                clip, sink, styler, job, cutting, flow, device.device, progress, passes
            )
            pipeline.run(state, done)
            sink.finish()
        job.remove()
    progress(RunDone(str(output), clip.info.frame_count, time.monotonic() - began))
    return Path(output)


def _check_output(output: Path, pictures: Mapping[Path, Tensor]) -> None:
    """Raise ``OutputError`` where the output would replace a picture that is read."""
    for picture in pictures:
        if output.exists() and picture.exists() and output.samefile(picture):
            raise OutputError(f"{output} is read by the run; give the output another name")


def _manifest(
    config: Config,
    clip: Source,
    styles: Sequence[Style],
    pictures: list[Path],
    device: Device,
    output: str | Path,
) -> Manifest:
    inputs = [*(clip.info.files or [clip.info.path]), *pictures]
    used = [stage.network for stage in (config.dream, config.style) if stage.enabled]
    used.append(config.motion.flow)
    inputs += [config.motion.shots] if config.motion.shots is not None else []
    # weights that the user gives may change; those of the registry have one content for ever
    given = weights_files(config).items()
    inputs += [file for name, file in given if name in used and file.is_file()]
    # a job follows its device: other arithmetic, other bytes
    config = dataclasses.replace(
        config, compute=config.compute.replaced(threads=torch.get_num_threads())
    )
    about = {"device": str(device), "output": Path(output).name}
    about |= {f"style {i}": f"{path}:{weight!r}" for i, (path, weight) in enumerate(styles, 1)}
    return Manifest.of(config, inputs, about | flow_identity(config, clip.info))
