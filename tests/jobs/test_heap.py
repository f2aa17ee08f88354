"""Freed memory is kept for the next iteration, and handed back when a run is over."""

import json
import os
import subprocess
import sys

import pytest

IS_GLIBC = sys.platform == "linux" and "CS_GNU_LIBC_VERSION" in os.confstr_names

LOOK = """
import json, os, resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from framestyle.config import ComputeSettings
from framestyle.errors import JobError
from framestyle.jobs.device import pick_device, restored_afterwards
from framestyle.jobs.memory import within_memory
from framestyle.networks import Room

MIB = 1 << 20


def faults(size=48):
    "Pages that the system hands out while a large block is made and freed several times."
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(size * MIB, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


found = {"usual": faults()}
with restored_afterwards():
    pick_device(ComputeSettings(device="cpu"))
    # the first block is new, and one that is kept may get neighbours, some seven times in all
    found["kept"] = min(faults() for _ in range(4))
    with ThreadPoolExecutor(1) as pool:
        found["kept in a thread"] = min(pool.submit(faults).result() for _ in range(6))
    found["large kept"] = min(faults(96) for _ in range(6))

    def runs_out():
        raise MemoryError

    full = resident()
    try:
        within_memory(runs_out, Room(), "frame 3", print)
    except JobError:
        found["handed back where it ran out"] = full - resident()
    found["kept then"] = min(faults() for _ in range(6))
    before = resident()
found["handed back"] = before - resident()
found["afterwards"] = max(faults() for _ in range(3))
print(json.dumps(found))
"""


@pytest.mark.skipif(not IS_GLIBC, reason="other C libraries have no such options")
def test_a_run_keeps_what_it_frees_until_it_is_over():
    env = {**os.environ, "OMP_NUM_THREADS": "1"}  # no thread that has an arena before the run
    command = [sys.executable, "-c", LOOK]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    found = json.loads(done.stdout)
    assert found["kept"] < found["usual"] / 10
    assert found["kept in a thread"] < found["usual"] / 10
    assert found["large kept"] < found["usual"] / 10
    assert found["handed back where it ran out"] > 32 << 20
    assert found["kept then"] < found["usual"] / 10
    assert found["handed back"] > 32 << 20
    assert found["afterwards"] > found["kept"]
