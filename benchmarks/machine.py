"""What a figure was measured on."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from framestyle.jobs.device import has_fast_bfloat16
from framestyle.jobs.manifest import library_versions

Made = TypeVar("Made")


WITHOUT_BFLOAT16 = "cpu_without_bfloat16"


def kind_of(device: str) -> str:
    """Return of what kind a machine's figures are; those of one kind stand in one table.

    Where a CPU has no bfloat16, runs are made in float32.
    """
    slow = device == "cpu" and not has_fast_bfloat16(torch.device("cpu"))
    return WITHOUT_BFLOAT16 if slow else device


def seconds(run: Callable[[], object], device: str) -> float:
    """Return the time of a call, until the device is done with it."""
    return timed(run, device)[1]


def timed(run: Callable[[], Made], device: str) -> tuple[Made, float]:
    """Return what a call returns, and its time until the device is done with it."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    made = run()
    if device == "cuda":
        torch.cuda.synchronize()
    return made, time.perf_counter() - start


def machine(device: str) -> dict[str, str | int]:
    """Return processor, threads, device and versions."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0].partition(":")[2].strip() if names else processor
    return {
        "processor": processor,
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "python": platform.python_version(),
        **library_versions(),
    }
