"""A flow that explains nothing comes to rest; one that does is left alone."""

import cv2
import numpy as np
import pytest
import torch

from framestyle.motion import DenseInverseSearch, carry
from framestyle.motion.stillness import without_idle_motion


def as_image(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


@pytest.fixture
def wandering():
    """A flow that wanders by a pixel, as one does where there is nothing to hold on to."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 2, 48, 64, generator=generator)


def test_a_flow_over_a_still_texture_comes_to_rest(texture, wandering):
    image = as_image(texture(48, 64))
    assert not without_idle_motion(wandering, image, image).any()


def test_noise_does_not_make_a_still_picture_move(texture, wandering):
    clean = as_image(texture(48, 64))
    noise = torch.Generator().manual_seed(1)
    this, other = (clean + torch.randn(clean.shape, generator=noise) / 255 for _ in range(2))
    rested = without_idle_motion(wandering, other, this)
    assert float(rested.abs().mean()) < 0.05 * float(wandering.abs().mean())


def test_a_flow_that_explains_the_change_is_kept(moving_clip):
    (last, this), motion = moving_clip(2, 48, 64, (2, 1))
    kept = without_idle_motion(motion.back, as_image(last), as_image(this))
    assert torch.equal(kept[..., 8:-8, 8:-8], motion.back[..., 8:-8, 8:-8])


def test_a_slow_move_is_still_a_move(texture):
    """A third of a pixel; what it changes is far over what noise does."""
    plane = as_image(texture(60, 80))
    flow = torch.full((1, 2, 60, 80), 1 / 3)
    moved = carry(plane, flow)
    kept = without_idle_motion(flow, plane, moved)[..., 12:-12, 12:-12]
    assert float(kept.mean()) > 0.3


def test_a_part_that_stands_still_beside_one_that_moves(moving_clip, texture):
    (last, this), _ = moving_clip(2, 48, 96, (3, 0))
    still = texture(48, 48, 9)
    last, this = last.copy(), this.copy()
    last[:, :48], this[:, :48] = still, still
    found = DenseInverseSearch().between(last, this).back
    assert not found[..., :46].any()  # up to the edge
    assert float((found[:, :1, :, 60:88] - 3).abs().median()) < 0.15


def slow_pan(scene, shift_px):
    """A scene that goes right by part of a pixel, (1, 3, H, W)."""
    how = np.float32([[1, 0, shift_px], [0, 1, 0]])
    moved = cv2.warpAffine(scene, how, scene.shape[1::-1], flags=cv2.INTER_LANCZOS4)
    return as_image(moved[8:-8, 8:-8])


def test_what_stands_still_goes_with_a_slow_camera(texture):
    """A tenth of a pixel a frame: in no place more than grain, and six pixels in a second or so."""
    scene = texture(112, 144)
    scene[60:] = 90  # there is nothing to hold on to
    other, this = slow_pan(scene, 0), slow_pan(scene, 3 / 32)
    wander = 0.05 * torch.randn(1, 2, 96, 128, generator=torch.Generator().manual_seed(0))
    flow = torch.zeros(1, 2, 96, 128) + wander
    flow[:, 0] -= 3 / 32
    kept = without_idle_motion(flow, other, this)
    assert float((kept[:, 0] + 3 / 32).abs().mean()) < 0.025
    assert float(kept[:, 1].abs().mean()) < 0.02


def test_a_title_over_a_slow_pan_stands_still(texture):
    scene, title = texture(112, 144), as_image(texture(24, 40, 5))
    other, this = slow_pan(scene, 0), slow_pan(scene, 6 / 32)
    for frame in (other, this):
        frame[..., 40:64, 50:90] = title
    flow = torch.zeros(1, 2, 96, 128)
    flow[:, 0] = -6 / 32
    kept = without_idle_motion(flow, other, this)
    assert not kept[..., 44:60, 54:86].any()
    assert float(kept[:, 0, :, :40].mean()) == pytest.approx(-6 / 32, rel=0.2)
