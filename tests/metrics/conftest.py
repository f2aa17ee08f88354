"""Clips in folders, and a judge that is there without the web."""

import numpy as np
import pytest

from framestyle.metrics import MetricsSettings


@pytest.fixture
def folder_of(tmp_path, save_picture):
    """Returns ``folder_of(name, frames)``: writes (H, W, 3) frames as PNG files."""

    def write(name, frames):
        for number, frame in enumerate(frames, 1):
            save_picture(tmp_path / name / f"{number:04d}.png", frame)
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def judged(random_weights):
    """Returns ``judged(...)``: settings with a small network of random weights for a judge."""

    def make(**changes):
        return MetricsSettings(weights=(f"squeezenet1_0={random_weights}",), **changes)

    return make


@pytest.fixture(scope="session")
def plain():
    """Returns ``plain(level, height, width)``: a frame of one grey, (H, W, 3) uint8."""

    def make(level, height=48, width=64):
        return np.full((height, width, 3), level, np.uint8)

    return make
