"""A slow move of the camera is found, and what is none is not."""

import cv2
import numpy as np
import pytest
import torch

from framestyle.motion import DenseInverseSearch
from framestyle.motion.camera import camera_motion
from framestyle.motion.flow import image_of

SIZE = HEIGHT, WIDTH = 120, 160
PART_PX = 1 / 32
"""OpenCV moves pictures by so many parts of a pixel."""


@pytest.fixture
def seen(texture):
    """Returns ``seen(shift, zoom, noise_levels, seed)``: a scene from a little further on."""
    scene = texture(HEIGHT + 20, WIDTH + 20).astype(np.float32)
    middle = np.float32([WIDTH + 20, HEIGHT + 20]) / 2

    def look(shift=(0.0, 0.0), zoom=1.0, noise_levels=0.0, seed=0):
        offset = (1 - zoom) * middle + np.float32(shift)
        how = np.float32([[zoom, 0, offset[0]], [0, zoom, offset[1]]])
        moved = cv2.warpAffine(scene, how, (WIDTH + 20, HEIGHT + 20), flags=cv2.INTER_LANCZOS4)[
            10:-10, 10:-10
        ]
        noise = np.random.default_rng(seed).normal(0, noise_levels, moved.shape)
        return np.uint8(np.clip(moved + noise + 0.5, 0, 255))

    return look


def found(earlier, this):
    _, back = DenseInverseSearch().flows(earlier, this, (0, 1))
    return camera_motion(back, image_of(earlier, SIZE), image_of(this, SIZE))


@pytest.mark.parametrize("noise_levels", [0, 1])
@pytest.mark.parametrize("shift", [(2, -1), (3, -1), (9, -3), (18, -6)])
def test_a_shift(shift, noise_levels, seen):
    x, y = shift[0] * PART_PX, shift[1] * PART_PX
    motion = found(seen((0, 0), 1.0, noise_levels), seen((x, y), 1.0, noise_levels, 1))
    assert float(motion[:, 0].mean()) == pytest.approx(-x, rel=0.2)
    assert float(motion[:, 1].mean()) == pytest.approx(-y, rel=0.2)
    assert float(motion.std(dim=(2, 3)).max()) < 0.1 * x


def test_a_zoom(seen):
    motion = found(seen(), seen(zoom=1.004))
    assert float(motion[0, 0, 60, 150]) == pytest.approx(-0.28, rel=0.2)
    assert float(motion[0, 0, 60, 10]) == pytest.approx(0.28, rel=0.2)
    assert float(motion[0, 1, 110, 80]) == pytest.approx(-0.2, rel=0.2)


@pytest.mark.parametrize("noise_levels", [0, 1, 3, 8])
def test_a_still_scene_does_not_move(noise_levels, seen):
    for seed in range(4):
        frames = (seen((0, 0), 1.0, noise_levels, 2 * seed + i) for i in range(2))
        assert not found(*frames).any()


@pytest.mark.parametrize("shift_px", [0.0, 0.1875])
def test_what_moves_by_itself_is_not_the_camera(shift_px, seen, texture):
    """A third of the frame goes its own way, slowly or not."""
    for speed in (0.25, 1.0, 4.0):
        frames = []
        for i in range(2):
            frame, what = seen((i * shift_px, 0)), texture(80, 90, 7).astype(np.float32)
            shift = np.float32([[1, 0, 0], [0, 1, i * speed]])
            frame[20:100, 40:130] = cv2.warpAffine(
                what, shift, (90, 80), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT
            ).clip(0, 255)
            frames.append(frame)
        motion = found(*frames)
        assert float(motion[:, 0].mean()) == pytest.approx(-shift_px, rel=0.3), speed
        assert float(motion[:, 1].abs().max()) < 0.06, speed


def test_faster_moves_are_left_to_the_flow(seen):
    assert not found(seen(), seen((3, 0))).any()


def test_a_frame_without_texture_says_nothing():
    plain = torch.full((1, 3, *SIZE), 0.5)
    assert not camera_motion(torch.full((1, 2, *SIZE), 0.2), plain, plain).any()


@pytest.mark.parametrize("speed", [0.1875, 0.40625, 0.8125])
@pytest.mark.parametrize("blur", [2, 6])
def test_a_head_before_a_wall_is_not_the_camera(blur, speed, texture):
    """The wall is out of focus: it says little, and the head moves as one."""
    noise = np.random.default_rng(5).normal(size=(*SIZE, 3))
    wall = cv2.GaussianBlur(noise, (0, 0), blur)
    wall = 120 + 3 * wall / wall.std()
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    frames = []
    for i in range(2):
        down = np.float32([[1, 0, 0], [0, 1, i * speed]])
        head = cv2.warpAffine(
            texture(*SIZE, 3).astype(np.float32), down, (WIDTH, HEIGHT), flags=cv2.INTER_LANCZOS4
        )
        inside = ((x - 80) / 34) ** 2 + ((y - 70 - i * speed) / 44) ** 2 < 1
        inside |= (abs(x - 80) < 60) & (y > 100)  # and its shoulders
        frames.append(np.uint8(np.where(inside[..., None], head, wall).clip(0, 255)))
    assert not found(*frames).any()


def test_a_flow_with_a_number_that_is_none_does_not_spread():
    flow, plain = torch.full((1, 2, *SIZE), 0.2), torch.rand(1, 3, *SIZE)
    flow[0, 0, 5, 5] = torch.nan
    assert not camera_motion(flow, plain, plain).any()
