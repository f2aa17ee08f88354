"""The warping error along the sample clip's true flow, which no method and no metric has."""

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from framestyle.media import read_picture
from framestyle.media.tensors import to_tensor
from framestyle.metrics.warping import warping_error
from framestyle.motion import look_up

FILE = Path(__file__).parents[2] / "samples" / "truth.py"
WIDTH_PX = 320
"""Of the sample clip; at other widths its flow is another."""
Flow = tuple[np.ndarray, np.ndarray]


@cache
def true_flow() -> Callable[[int, int], Flow]:
    """Return ``true_flow`` of samples/truth.py, which is a script and in no package."""
    spec = importlib.util.spec_from_file_location("samples_truth", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    found: Callable[[int, int], Flow] = module.true_flow
    return found


def true_warping_error(frames: list[Path]) -> float:
    """Return the warping error along the true flow, over what is truly visible in both frames.

    The formula is that of Lai 2018, as the metrics have it: mean over t of
    sum V (warp(O_{t-1}) - O_t)^2 / sum V.

    Args:
        frames: Those of the sample clip from its first on, 320x180, or what was made of them.
    """
    images = (_read(path) for path in frames)
    before, errors = next(images), []
    for t, this in enumerate(images, start=1):
        flow, visible = true_flow()(t, t - 1)
        back = torch.from_numpy(flow.transpose(2, 0, 1).copy())[None]
        mask = torch.from_numpy(visible)[None, None]
        errors.append(warping_error(look_up(before, back), this, mask))
        before = this
    return float(np.mean(errors))


def _read(path: Path) -> Tensor:
    return to_tensor(read_picture(path))
