"""Making all frames of a run that are left: one after the other, or several at a time."""

from pathlib import Path

from framestyle.config import Config
from framestyle.jobs.begun import Begun
from framestyle.jobs.concurrency import (
    searches_for,
    stylers_for,
    worker_count,
    writers_for,
)
from framestyle.jobs.device import Device
from framestyle.jobs.disk import checked_room, need_of, waiting_room
from framestyle.jobs.flow import follows
from framestyle.jobs.folder import AHEAD, JobFolder
from framestyle.jobs.memory import prepare_for_tiles
from framestyle.jobs.parts import JOINED_FRAMES, longest_joined, most_ahead, parts_of
from framestyle.jobs.passes import counted, legs
from framestyle.jobs.pipeline import Pipeline
from framestyle.jobs.shots import cutting_of
from framestyle.jobs.workers import Workers
from framestyle.media import Source
from framestyle.media.landing import disk_errors, sealed, unsealed, write_whole
from framestyle.motion import FlowSource
from framestyle.progress import Notice, Progress, RunStarted
from framestyle.stages import FrameStyler

COUNT_FILE = "workers.txt"
"""Where a job keeps how many workers it has. It follows from the memory and the threads that there
are only when a job begins: with others, numbers would be others."""


def make_frames(
    begun: Begun,
    clip: Source,
    styler: FrameStyler,
    flow: FlowSource | None,
    job: JobFolder,
    config: Config,
    device: Device,
    output: Path,
    progress: Progress,
) -> None:
    """Make and write every frame that is not done yet.

    Args:
        begun: How far an earlier run came.
        clip: The clip.
        styler: What makes a frame.
        flow: Where motion comes from; None where nothing is carried along it.
        job: Where the work in progress is kept.
        config: All settings.
        device: Where frames are made.
        output: Where the result goes.
        progress: Hears what happens, from several threads (``one_at_a_time``).

    Raises:
        OutputError: The disk clearly has no room for it.
        JobError: A frame could not be read, made or written; it is named.
    """
    cutting, passes = begun.cutting or cutting_of(clip, config, job.path, progress), begun.passes
    longest = config.motion.longest_stretch if follows(config, clip.info) else None
    parts, size = parts_of(cutting, passes, longest), (clip.info.height_px, clip.info.width_px)
    count = _kept_count(job.path)
    if count is None:
        count = worker_count(config.compute, device, parts, styler, size)
        with disk_errors("keeping the number of workers", job.path):
            write_whole(job.path / COUNT_FILE, sealed(str(count).encode()))
    stylers = stylers_for(count, styler, device, config.compute, progress)
    searches = searches_for(flow, device, size, count)
    writers = writers_for(device, size)
    if len(parts) == 1 and (config.compute.workers or 1) > 1:
        progress(Notice("workers: 1, for the clip is one shot; --longest-stretch divides it"))
    prepare_for_tiles(stylers[0], size, device.device, progress)
    joins = sum(part.joins for part in parts)
    # what several workers have begun, one goes on with in their way
    is_one_way = count == 1 and joins == 0 and not (job.path / AHEAD).exists()
    joined = JOINED_FRAMES * min(joins, count)
    need, room = need_of(config, clip.info, cutting, output, passes, count, joined=joined), 0
    if not is_one_way:
        room, ahead = waiting_room(need, job.path, clip.info), most_ahead(parts, count)
        if room < ahead and count > 1:
            progress(Notice(_told_room(room, ahead)))
        ahead = min(ahead, room + longest_joined(parts))
        need = need_of(config, clip.info, cutting, output, passes, count, ahead, joined)
    progress(Notice(checked_room(need, job.path, output)))
    if is_one_way:
        every = legs(cutting, passes)
        progress(RunStarted(*counted(every, begun.done)))
        pipeline = Pipeline(
            clip,
            begun.sink,
            styler,
            job.path,
            job.states,
            cutting,
            every,
            flow,
            device.device,
            progress,
            searches,
            writers,
        )
        pipeline.run(begun.state, begun.done)
    else:
        workers = Workers(
            clip,
            begun.sink,
            job,
            cutting,
            parts,
            stylers,
            flow,
            device.device,
            room,
            progress,
            searches,
            writers,
        )
        progress(RunStarted(*workers.counted()))
        workers.run()


def _told_room(room: int, ahead: int) -> str:
    return (
        f"workers: {room} frames wait on the disk for their turn at most, in half of what is free; "
        f"with room for {ahead} nobody would have to wait"
    )


def _kept_count(folder: Path) -> int | None:
    """Return how many workers a job has; None for a new one."""
    try:
        return int(unsealed((folder / COUNT_FILE).read_bytes()))
    except (OSError, ValueError):
        return None
