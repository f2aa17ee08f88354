"""Freed memory is kept for the next iteration, and handed back when a run is over."""

import os
import resource
import sys
from pathlib import Path

import pytest
import torch

from framestyle.config import ComputeSettings
from framestyle.jobs.device import pick_device, restored_afterwards

MIB = 1 << 20
IS_GLIBC = sys.platform == "linux" and "CS_GNU_LIBC_VERSION" in os.confstr_names


def faults_of_large_blocks():
    """Pages that the system hands out while a large block is made and freed several times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(96 * MIB, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident_bytes():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not IS_GLIBC, reason="other C libraries have no such options")
def test_a_run_keeps_what_it_frees_until_it_is_over():
    usual = faults_of_large_blocks()
    with restored_afterwards():
        pick_device(ComputeSettings(device="cpu"))
        faults_of_large_blocks()  # the first one is new
        assert faults_of_large_blocks() < usual / 10
        kept = resident_bytes()
    assert resident_bytes() < kept - 64 * MIB
    assert faults_of_large_blocks() > usual / 4
