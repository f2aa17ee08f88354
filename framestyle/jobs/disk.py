"""How much of the disk a run takes, said before it starts; what clearly cannot fit is refused."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from framestyle.config import Config
from framestyle.errors import OutputError
from framestyle.jobs.saved import STATES_KEPT
from framestyle.jobs.shots import Cutting
from framestyle.media import ClipInfo
from framestyle.media.defaults import CONTAINERS
from framestyle.media.others import ANIMATIONS
from framestyle.media.source import fitted_size
from framestyle.media.video_sink import SEGMENT_FRAMES
from framestyle.media.writer import is_video

SHARES = {".jpg": 0.3, ".jpeg": 0.3, ".webp": 0.25, ".bmp": 1.0, ".tif": 0.9, ".tiff": 0.9}
PNG_SHARE = 0.85
"""What painted pictures take in a file, of their bytes as they are."""
VIDEO_SHARE = 0.08
"""The same for a video of the default quality."""
LEAST = 0.4
"""Of what is expected. A run takes at least so much, so that where less is free it is refused."""
FEWEST_WAITING = 24
"""Frames that may wait for their turn however little is free."""


@dataclass(frozen=True)
class Need:
    """Bytes that a run takes on the disk while it works: below its folder, and for the output."""

    job: int
    output: int


def need_of(
    config: Config,
    info: ClipInfo,
    cutting: Cutting,
    output: Path,
    passes: int,
    workers: int = 1,
    ahead: int = 0,
    joined: int = 0,
) -> Need:
    """Estimate what a run takes.

    Args:
        config: All settings.
        info: The clip.
        cutting: How it is divided.
        output: Where the result goes; its suffix says the form.
        passes: How often each stretch is gone over.
        workers: How many parts are made at the same time.
        ahead: Frames that are made before it is their turn, at most.
        joined: Frames that are kept for what joins the parts of a shot, at most.
    """
    pixels, count = info.width_px * info.height_px, info.frame_count
    numbers = 3 * config.dream.enabled + 4 * config.style.enabled
    numbers += 3 if numbers else 0
    # the last frame in float32, those that are looked back to in float16
    state = pixels * numbers * (4 + 2 * (config.motion.long_term - 1) * (count > 1))
    job = (STATES_KEPT + 1) * state * workers + joined * 2 * numbers * pixels
    if passes > 1:
        longest = max(stretch.end - stretch.first for stretch in cutting.stretches)
        width, height = fitted_size(info.width_px, info.height_px, config.motion.flow_size)
        job += workers * longest * (2 * 2 * numbers * pixels + 16 * width * height)
    frame = _frame_bytes(info)
    job += ahead * frame
    suffix = output.suffix.lower()
    if output.is_dir() or not is_video(output, info):
        # files are moved at the end, and take no more
        result = round(count * frame * SHARES.get(suffix, PNG_SHARE))
        return Need(job + result, 0)
    kept = min(count, 2 * SEGMENT_FRAMES) * frame * PNG_SHARE
    encoded = count * frame * VIDEO_SHARE
    # the frames of animations are kept as they are until the end
    parts = count * frame * PNG_SHARE if CONTAINERS[suffix].name in ANIMATIONS else encoded
    return Need(round(job + kept + parts), round(encoded))


def waiting_room(need: Need, folder: Path, info: ClipInfo) -> int:
    """Return how many frames may wait on the disk for their turn: in half of what else is free.

    Args:
        need: What the run takes but for them.
        folder: Of the job; what is in it is taken for free.
        info: The clip.
    """
    free = shutil.disk_usage(folder).free + _bytes_in(folder) - need.job - need.output
    return max(FEWEST_WAITING, free // 2 // _frame_bytes(info))


def checked_room(need: Need, folder: Path, output: Path) -> str:
    """Say what a run takes and what is free, in one line.

    Args:
        need: What it takes.
        folder: Of the job; what is in it already counts as taken.
        output: Where the result goes.

    Raises:
        OutputError: It clearly does not fit.
    """
    job = max(0, need.job - _bytes_in(folder))
    place = output.resolve().parent
    if folder.stat().st_dev == place.stat().st_dev:
        free = shutil.disk_usage(folder).free
        _check(job + need.output, free, folder)
        more = f" and {_size(need.output)} for the output" if need.output else ""
        return (
            f"disk: about {_size(job)} for the work in progress{more}, of {_size(free)} that are "
            "free"
        )
    moved = need.output or need.job
    room, free = shutil.disk_usage(folder).free, shutil.disk_usage(place).free
    _check(job, room, folder)
    _check(moved, free, place)
    return (
        f"disk: about {_size(job)} for the work in progress, of {_size(room)} that are free in "
        f"{folder}; about {_size(moved)} for the output, of {_size(free)} that are free in {place}"
    )


def _check(need: int, free: int, place: Path) -> None:
    if need * LEAST > free:
        raise OutputError(
            f"the run takes about {_size(need)} of the disk of {place}, where {_size(free)} are "
            "free; make room, name a folder on another disk with --job-dir, or give --workers 1 or "
            "--size"
        )


def _frame_bytes(info: ClipInfo) -> int:
    channels, depth_bytes = 4 if info.has_alpha else 3, 2 if info.bit_depth == 16 else 1
    return info.width_px * info.height_px * channels * depth_bytes


def _bytes_in(folder: Path) -> int:
    sizes = (Path(at, name).lstat().st_size for at, _, names in os.walk(folder) for name in names)
    return sum(sizes)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"
