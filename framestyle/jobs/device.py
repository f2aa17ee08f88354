"""Where a run computes, in which precision, and with how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import torch

from framestyle.config import ComputeSettings
from framestyle.errors import SettingsError
from framestyle.graphs import CudaGraphs, Functions, Replay, called, fused
from framestyle.jobs.heap import give_freed_memory_back, keep_freed_memory
from framestyle.media.clip import Notices
from framestyle.networks import Room
from framestyle.stages.optimise import OneByOne, Player
from framestyle.stages.recording import Recorder
from framestyle.stages.taping import Taper
from framestyle.transfer import STREAMS

GPU_WORKERS = STREAMS // 2 - 1
"""Workers at most on a GPU. Each has a stream and records on another, as flow does."""


@dataclass(frozen=True)
class Device:
    """A device that was found to be there.

    Attributes:
        device: The device.
        dtype: Precision of the networks on it, float32 or bfloat16.
    """

    device: torch.device
    dtype: torch.dtype

    @property
    def is_gpu(self) -> bool:
        """Whether the full networks run well on it."""
        return self.device.type != "cpu"

    def __str__(self) -> str:
        """Say where and how, for people."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else ""
        threads = f"{torch.get_num_threads()} threads" if self.device.type == "cpu" else name
        return f"{self.device.type} ({threads}), {str(self.dtype).removeprefix('torch.')}"


@contextmanager
def restored_afterwards() -> Iterator[None]:
    """Put back afterwards what holds for the whole process: threads, memory, cuDNN's choices."""
    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    repeats, rounds = torch.backends.cudnn.deterministic, _rounds()
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads)
        # OpenCV's threads end, as they may have been started by one that gives way
        cv2.setNumThreads(1)
        cv2.setNumThreads(cv2_threads)
        torch.backends.cudnn.deterministic = repeats
        if rounds is not None:
            torch.backends.cudnn.allow_tf32 = rounds
        give_freed_memory_back()


def _rounds() -> bool | None:
    """Tell whether cuDNN rounds float32 to TF32.

    None where a program has set that in torch's newer way: torch answers in one way only.
    """
    try:
        return torch.backends.cudnn.allow_tf32
    except RuntimeError:
        return None


def pick_device(settings: ComputeSettings) -> Device:
    """Find the device that the settings ask for; have runs on it repeat, with so many threads.

    Raises:
        SettingsError: There is no such device here.
    """
    torch.backends.cudnn.deterministic = True
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
        cv2.setNumThreads(settings.threads)
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if settings.device == "auto":
        name = next(name for name, is_there in there.items() if is_there)
    else:
        name = settings.device
        if not there[name]:
            found = ", ".join(name for name, is_there in there.items() if is_there)
            raise SettingsError(f"--device {name}: torch finds none here; there are: {found}")
    if name == "cuda" and (settings.workers or 1) > GPU_WORKERS:
        raise SettingsError(
            f"--workers: got {settings.workers}, expected at most {GPU_WORKERS} on a GPU"
        )
    device = torch.device(name)
    if device.type == "cpu":
        keep_freed_memory()
    bf16 = settings.precision == "bf16" or (
        settings.precision == "auto" and has_fast_bfloat16(device)
    )
    if settings.precision == "fp32" and _rounds():  # cuDNN by itself takes 10 of its 23 bits
        torch.backends.cudnn.allow_tf32 = False
    return Device(device, torch.bfloat16 if bf16 else torch.float32)


def player_on(device: torch.device, settings: ComputeSettings, room: Room, say: Notices) -> Player:
    """Return how steps are made on a device: played back as CUDA graphs or by tape, or one by one.

    Args:
        device: Where they are made.
        settings: Whether they may be recorded, and shall be compiled.
        room: The memory that they are planned with.
        say: Hears in one line where recording or compiling fails.
    """
    if device.type == "cuda" and settings.graphs:
        return Recorder(CudaGraphs, room, fused if settings.compile else None, say)
    return Taper(room, say) if device.type == "cpu" else OneByOne()


def replay_on(device: torch.device, settings: ComputeSettings, say: Notices) -> Replay:
    """Return how functions are called on a device: played back as CUDA graphs, or as they are.

    Arguments as of ``player_on``.
    """
    if device.type == "cuda" and settings.graphs:
        return Functions(CudaGraphs(), say)
    return called


def has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether bfloat16 is quicker than float32 on a device, by what its hardware has."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":  # torch has these only as private functions, not in every version
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, probe, bool)() for probe in probes)
    return False
