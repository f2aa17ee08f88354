"""How much memory there is, and going on with a frame when it has run out."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

from framestyle.config import ComputeSettings
from framestyle.errors import JobError, first_line
from framestyle.exhaustion import ran_out
from framestyle.graphs import give_back_memory
from framestyle.jobs.heap import LARGEST_KEPT_WHERE_SHORT, keep_freed_memory, keep_less
from framestyle.networks import Room
from framestyle.progress import Notice, Progress
from framestyle.stages import FrameStyler
from framestyle.stages.pyramid import Size

Made = TypeVar("Made")
GIB = 1 << 30
SHARES = {"cpu": 0.5, "cuda": 0.8, "mps": 0.6}
"""Of all memory of a device, what an iteration may take: frames wait for their turn beside it, and
other programs have theirs. Shares of all and not of what is free, so that the same job is run in
the same tiles whatever else runs."""
CPU_TILE_PX = 512
"""Side of the largest tiles on a CPU. Maps of larger ones would not be kept when they are freed
(``LARGEST_KEPT_WHERE_SHORT``), and to get them again takes longer than wider borders do."""
GROUPS, OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Where Linux tells a container, or a job of a batch system, how much it may have."""
GOES_ON = "the same command goes on after what is saved"
NO_ROOM = "have other programs leave it free, or name another with --device"
"""What can be done where a device fails in a run, and before it."""


def room_on(device: torch.device, settings: ComputeSettings) -> Room:
    """Return the memory for an iteration: what the settings say, or a share of the device's."""
    if settings.memory is not None:
        budget = settings.memory * GIB
    else:
        budget = SHARES[device.type] * memory_of(device)
    return Room(int(budget), CPU_TILE_PX) if device.type == "cpu" else Room(int(budget))


def memory_of(device: torch.device) -> int:
    """Return all memory of a device, in bytes."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if device.type == "mps":
        return torch.mps.recommended_max_memory()
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _limit_files():
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdecimal():  # else there is no limit: "max"
            limits.append(int(text))
    return min(limits)


def _limit_files() -> Iterator[Path]:
    """Yield the files that may limit this process: of its control group and all around it."""
    try:
        lines = OWN_GROUP.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in ("0::/", ":memory:/", *lines):  # a container sees its own group at the top
        _, kinds, path = line.split(":", 2)
        if "memory" in kinds.split(","):
            top, name = GROUPS / "memory", "memory.limit_in_bytes"
        elif not kinds:
            top, name = GROUPS, "memory.max"
        else:
            continue
        own = top / path.lstrip("/")
        yield from (group / name for group in (own, *own.parents) if group.is_relative_to(top))


def prepare_for_tiles(
    styler: FrameStyler, size: Size, device: torch.device, progress: Progress
) -> None:
    """Tell in which tiles frames are made, if they are; keep less of what is freed on a CPU then.

    Args:
        styler: What makes them.
        size: Of the frames, (height, width).
        device: Where they are made.
        progress: Hears of it, in a line for each stage.
    """
    lines = list(_tiles_of(styler, size))
    if lines and device.type == "cpu":
        keep_freed_memory(LARGEST_KEPT_WHERE_SHORT)
    for line in lines:
        progress(Notice(line))


def _tiles_of(styler: FrameStyler, size: Size) -> Iterator[str]:
    for name, stage in (("dream", styler.dream), ("style", styler.style)):
        tiling = stage.extract.tiling(size) if stage is not None else None
        budget, plan = styler.room.budget_bytes, styler.room.in_use
        if tiling is None or budget is None or plan is None:
            continue
        how = f"{name}: made in tiles of {tiling.side_px} px"
        if plan.need > budget:
            yield (
                f"{how}, which take about {_size(plan.need)}, more than the {_size(budget)} that "
                "they should; nothing smaller can be made"
            )
        else:
            yield f"{how}, to stay within {_size(budget)}; --memory GIB gives it more or less"


def _size(count: int) -> str:
    """Write a number of bytes for people, in the unit of --memory."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / GIB:.2g} GiB"


@contextmanager
def device_errors(named: str, hint: str = GOES_ON) -> Iterator[None]:
    """Turn what a device raises into ``JobError``.

    A GPU that has failed once fails at everything in the same process, so nothing is made again
    there. What was saved is whole, and the same command goes on after it.

    Args:
        named: What was being made, for people.
        hint: What they can do.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        raise JobError(f"{named}: {first_line(error)}; {hint}") from error


def within_memory(make: Callable[[], Made], room: Room, named: str, progress: Progress) -> Made:
    """Make something; where memory runs out, make it again in smaller tiles.

    On a GPU it is made once more as it is, with all memory given back that is only kept: while one
    thread records, torch gives back none for the others.

    Args:
        make: Makes it from what it does not change, so that it can be called again.
        room: What is planned with.
        named: What it is, for people.
        progress: Hears of smaller tiles.

    Raises:
        JobError: Memory ran out, and no smaller tiles are left.
    """
    as_it_is = torch.cuda.is_available()
    while True:
        try:
            return make()
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            line = first_line(error)
        # after the except clause: the error held on to everything that was being made
        keep_less()
        if torch.cuda.is_available():
            give_back_memory()
        if as_it_is:
            as_it_is = False
            continue
        if not room.take_back():
            raise JobError(
                f"{named}: out of memory ({line}); take --size, a smaller network or --precision "
                "bf16, with --restart"
            )
        progress(Notice(f"{named}: out of memory, made again in smaller tiles"))
