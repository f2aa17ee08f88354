"""The warping error: its formula, and what it says of textures that move along and that stick."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from framestyle.metrics import warping as warping_module
from framestyle.metrics.clips import Picture
from framestyle.metrics.warping import Warping, farneback, followed, warping_error
from framestyle.motion import look_up

SAMPLES = Path(__file__).parents[2] / "samples"


def pictures(frames):
    return [Picture(f, f.astype(np.float32) / 255) for f in frames]


def measured(source, result, cuts=()):
    warping = Warping()
    for i, (a, b) in enumerate(zip(pictures(source), pictures(result), strict=True)):
        warping.add(a, b, is_cut=i in cuts)
    return warping


def test_the_error_is_the_formula():
    generator = np.random.default_rng(0)
    earlier, this = (generator.random((3, 12, 16)).astype(np.float32) for _ in range(2))
    mask = generator.random((12, 16)) < 0.5
    flow = np.zeros((2, 12, 16), np.float32)
    flow[0], flow[1] = 2, -1
    total = 0.0
    for y in range(12):
        for x in range(16):
            before = earlier[:, max(y - 1, 0), min(x + 2, 15)].astype(np.float64)
            total += mask[y, x] * np.mean((before - this[:, y, x]) ** 2)
    earlier, this, flow, M = (torch.from_numpy(a)[None] for a in (earlier, this, flow, mask[None]))
    found = warping_error(look_up(earlier, flow), this, M)
    assert found == pytest.approx(total / mask.sum(), rel=1e-5)


@pytest.mark.parametrize("step", [(3, 0), (-2, 5), (5, -4)])
def test_the_flow_finds_a_known_shift(moving_clip, step):
    frames, motion = moving_clip(2, 96, 128, step)
    a, b = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames)
    back, forth = farneback(b, a), farneback(a, b)
    mask = followed(back, forth) & (motion.seen > 0)
    assert mask.float().mean() > 0.6
    away = (back - motion.back).square().sum(dim=1, keepdim=True).sqrt()[mask]
    assert away.mean() < 0.15


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 9), (8, 8), (9, 300)])
def test_frames_too_small_for_a_search_are_compared_in_place(size):
    frames = [np.full((*size, 3), level, np.uint8) for level in (0, 20)]
    warping = measured(frames, frames)
    assert warping.pairs == 1
    assert warping.error("result") == pytest.approx((20 / 255) ** 2, rel=1e-4)


def test_a_texture_that_moves_along_is_told_from_one_that_sticks(moving_clip):
    source, _ = moving_clip(4, 96, 128, (4, 2))
    along, _ = moving_clip(4, 96, 128, (4, 2), seed=9)
    stuck = along[:1] * 4
    moves, sticks = measured(source, along), measured(source, stuck)
    assert moves.pairs == sticks.pairs == 3
    assert moves.cuts == 0
    assert moves.moving_share() == pytest.approx(moves.followed_share(), abs=0.05)
    assert moves.error("result") < 0.001
    assert moves.error("source") < 0.001
    assert sticks.error("result") > 20 * moves.error("result")
    assert sticks.error("source") == moves.error("source")
    for whose, how, other in (("source", "warped", "unwarped"), ("result", "warped", "unwarped")):
        assert moves.moving_levels(whose, how) < 0.2 * moves.moving_levels(whose, other)
    assert sticks.moving_levels("result", "unwarped") == 0
    assert sticks.moving_levels("result", "warped") > 10


def test_noise_has_the_error_that_its_variance_says(moving_clip):
    """Of a still clip the flow is 0, so that frames differ by twice the variance."""
    source, _ = moving_clip(1, 96, 128, (0, 0))
    generator = np.random.default_rng(1)
    noisy = [np.rint(128 + 10 * generator.standard_normal((96, 128, 3))) for _ in range(4)]
    warping = measured(source * 4, [f.astype(np.uint8) for f in noisy])
    assert warping.error("source") == pytest.approx(0, abs=1e-6)
    assert warping.error("result") == pytest.approx(2 * 100 / 255**2, rel=0.02)
    assert warping.moving_share() == 0
    assert warping.moving_levels("result", "warped") is None


def test_a_cut_is_left_out_and_counted(sample_frames, plain):
    source = [*sample_frames[:2], plain(20, 180, 320), plain(20, 180, 320)]
    warping = measured(source, source, cuts={2})
    assert (warping.pairs, warping.cuts) == (2, 1)
    assert warping.error("source") < 0.001
    nothing = measured(source[1:3], source[:2], cuts={1})
    assert (nothing.pairs, nothing.cuts) == (0, 1)
    assert nothing.error("result") is None
    assert nothing.followed_share() is None
    assert nothing.moving_levels("result", "warped") is None


def test_where_too_little_can_be_followed_nothing_is_told(monkeypatch):
    monkeypatch.setattr(warping_module, "LEAST_FOLLOWED", 0.5)  # of noise it is a quarter
    generator = np.random.default_rng(0)
    frames = [generator.integers(0, 255, (96, 128, 3), np.uint8) for _ in range(2)]
    warping = measured(frames, frames)
    assert (warping.pairs, warping.cuts) == (0, 1)
