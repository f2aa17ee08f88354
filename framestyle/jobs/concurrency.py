"""How many parts of a clip are made at the same time, and what makes each of them."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import torch

from framestyle.config import ComputeSettings
from framestyle.jobs.device import Device, player_on
from framestyle.jobs.parts import Part
from framestyle.motion import FlowSource
from framestyle.networks import Room
from framestyle.progress import Event, Notice, Progress
from framestyle.stages import FrameStyler
from framestyle.stages.pyramid import Size

MOST = 8
"""Workers at most unless more are asked for: what is left of each step in Python runs in turns."""

SEARCH_BYTES_A_PIXEL = 100
"""What a frame takes whose motion is measured: it and the one before, flows, masks."""
SEARCHES_BYTES = 2 << 30
"""What all frames together may take whose motion is measured at the same time."""

WRITERS = 4
"""Results at most that are encoded at the same time. A PNG of 512x512 takes 50 ms."""
WRITER_BYTES_A_PIXEL, WRITERS_BYTES = 40, 1 << 30
"""What one of them takes, and what all of them may."""


def worker_count(
    settings: ComputeSettings,
    device: Device,
    parts: Sequence[Part],
    styler: FrameStyler,
    size: Size,
) -> int:
    """Return how many parts are made at the same time.

    On a CPU by itself it is as many as there are threads: two frames on a thread each are made in
    less time than one after the other on two. But memory has the last word: as many as need no
    tiles, and one where even a single one does.

    Args:
        settings: How many are asked for, if the user says so.
        device: Where frames are made.
        parts: Of the clip.
        styler: What makes frames, with all memory for itself.
        size: Of the frames, (height, width).
    """
    if settings.workers is not None:
        return min(settings.workers, len(parts))
    most = min(len(parts), torch.get_num_threads(), MOST) if device.device.type == "cpu" else 1
    return next((n for n in range(most, 1, -1) if not _needs_tiles(_shared(styler, n), size)), 1)


def searches_for(flow: FlowSource | None, device: Device, size: Size, workers: int = 1) -> int:
    """Return of how many frames each worker measures the motion at the same time.

    A GPU makes a frame in less time than a thread of the CPU takes to find its motion, and the
    search has too short steps to divide them among threads. So each searches for a frame of its
    own. On a CPU all threads have a frame to make, and beside Apple's GPUs they have a part of it.

    The worker's threads are divided among them.

    Args:
        flow: Where motion comes from; None where nothing is carried along it.
        device: Where frames are made.
        size: Of the frames, (height, width).
        workers: How many there are.
    """
    if flow is None or device.device.type != "cuda":
        return 1
    threads = torch.get_num_threads()
    fit = SEARCHES_BYTES // (workers * SEARCH_BYTES_A_PIXEL * size[0] * size[1])
    searches = max(1, min(threads, fit, flow.most_searches or threads))
    torch.set_num_threads(threads // searches)
    cv2.setNumThreads(threads // searches)
    return searches


def writers_for(device: Device, size: Size) -> int:
    """Return how many results are encoded at the same time.

    A GPU makes a frame in less time than a thread of the CPU takes to encode it.

    Args:
        device: Where frames are made.
        size: Of the frames, (height, width).
    """
    fit = WRITERS_BYTES // (WRITER_BYTES_A_PIXEL * size[0] * size[1])
    return max(1, min(WRITERS, fit)) if device.device.type == "cuda" else 1


def one_at_a_time(progress: Progress) -> Progress:
    """Return a callback that several threads may call, for one that only one may."""
    telling = threading.Lock()

    def tell(event: Event) -> None:
        with telling:
            progress(event)

    return tell


def stylers_for(
    count: int, styler: FrameStyler, device: Device, settings: ComputeSettings, progress: Progress
) -> list[FrameStyler]:
    """Return what workers make frames with: all use the same networks, and share the rest.

    The threads of the CPU are divided among them too.

    Args:
        count: Of workers.
        styler: What makes frames, with all memory for itself.
        device: Where frames are made.
        settings: Whether steps may be recorded.
        progress: Hears how many there are, and where recording fails.
    """
    if count == 1:
        return [styler]
    threads = max(1, torch.get_num_threads() // count)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    each = f", with {threads} thread{'s' * (threads > 1)} each" if not device.is_gpu else ""
    progress(Notice(f"{count} parts of the clip are made at the same time{each} (--workers)"))
    shared = [_shared(styler, count) for _ in range(count)]
    # a player for each: two play at the same time
    players = [
        player_on(device.device, settings, one.room, lambda line: progress(Notice(line)))
        for one in shared
    ]
    pairs = zip(shared, players, strict=True)
    return [_given(one, room=one.room, player=player) for one, player in pairs]


def _shared(styler: FrameStyler, count: int) -> FrameStyler:
    """Return a styler with an equal share of the memory."""
    budget = styler.room.budget_bytes
    room = Room(None if budget is None else budget // count, styler.room.largest_px)
    return _given(styler, room=room)


def _given(styler: FrameStyler, *, room: Room, **more: Any) -> FrameStyler:
    """Return a styler with another room, and stages that have more of their own."""
    dream = None if styler.dream is None else replace(styler.dream, room=room, **more)
    style = None if styler.style is None else replace(styler.style, room=room, **more)
    return replace(styler, dream=dream, style=style, room=room)


def _needs_tiles(styler: FrameStyler, size: Size) -> bool:
    stages = (styler.dream, styler.style)
    return any(stage is not None and stage.extract.tiling(size) is not None for stage in stages)
