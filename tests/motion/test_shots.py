"""What is a cut and what is not."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from framestyle.motion import DenseInverseSearch, is_cut

SIZE = (96, 64)


def cut_between(last, this):
    tensors = [
        torch.from_numpy(np.ascontiguousarray(f)).permute(2, 0, 1)[None].float() / 255
        for f in (last, this)
    ]
    return is_cut(*tensors, DenseInverseSearch().between(last, this))


@pytest.fixture(scope="module")
def pictures(sample_frames, picture, texture):
    """Unrelated pictures of one size."""
    styles = [picture(name, SIZE[1], SIZE[0]) for name in ("frame", "swirl", "mosaic")]
    found = [np.uint8(255 * s[0].permute(1, 2, 0).numpy() + 0.5) for s in styles]
    return {"frame": found[0], "swirl": found[1], "mosaic": found[2], "noise": texture(64, 96)}


@pytest.mark.parametrize("last", ["frame", "swirl", "mosaic", "noise"])
@pytest.mark.parametrize("this", ["frame", "swirl", "mosaic", "noise"])
def test_a_cut_is_between_unrelated_pictures_only(pictures, last, this):
    assert cut_between(pictures[last], pictures[this]) == (last != this)


def test_a_cut_to_black_and_from_it(pictures):
    black = np.zeros_like(pictures["frame"])
    assert cut_between(pictures["frame"], black)
    assert cut_between(black, pictures["frame"])
    assert not cut_between(black, black)


@pytest.mark.parametrize("step", [(1, 0), (6, 0), (0, -10), (12, 8)])
def test_motion_is_no_cut(moving_clip, step):
    """Up to an eighth of the frame's width from one frame to the next."""
    (last, this), _ = moving_clip(2, 96, 96, step)
    assert not cut_between(last, this)


def test_the_sample_clip_has_no_cut(sample_frames):
    small = [cv2.resize(f, (160, 90), interpolation=cv2.INTER_AREA) for f in sample_frames]
    assert not any(cut_between(a, b) for a, b in pairwise(small))
    assert not cut_between(small[0], small[5])


@pytest.mark.parametrize("levels", [3, 10, 20])
def test_noise_is_no_cut(pictures, levels):
    rng = np.random.default_rng(0)
    last, this = (
        np.clip(pictures["frame"] + rng.normal(0, levels, (64, 96, 3)), 0, 255).astype(np.uint8)
        for _ in range(2)
    )
    assert not cut_between(last, this)


@pytest.mark.parametrize("gain", [0.85, 0.93, 1.1])
@pytest.mark.parametrize("name", ["frame", "noise"])
def test_flicker_is_no_cut(pictures, name, gain):
    other = np.clip(pictures[name] * gain, 0, 255).astype(np.uint8)
    assert not cut_between(pictures[name], other)
    assert not cut_between(other, pictures[name])


def test_a_slow_fade_is_no_cut(pictures):
    steps = [
        cv2.addWeighted(pictures["frame"], 1 - a, pictures["swirl"], a, 0)
        for a in np.linspace(0, 1, 13)
    ]
    assert not any(cut_between(a, b) for a, b in pairwise(steps))


def test_frames_too_small_for_flow_are_compared_as_they_are():
    dark, light = (np.full((8, 8, 3), value, np.uint8) for value in (10, 200))
    assert cut_between(dark, light)
    assert not cut_between(dark, dark)
