"""Dissolves found in clips whose blends are known, and none where there are none."""

import numpy as np
import pytest

from framestyle.motion import find_shots

HEIGHT, WIDTH = 90, 160


@pytest.fixture(scope="module")
def camera(texture):
    """Returns ``camera(seed, speed)``: from time to frame, as it goes over a texture."""
    planes = {}

    def make(seed, speed):
        plane = planes.setdefault(seed, texture(2 * HEIGHT + 80, 3 * WIDTH, seed).astype(float))
        direction = -1 if seed % 2 else 1

        def frame(t):
            x = round(WIDTH + direction * speed * WIDTH * t)
            y = round(70 + 0.4 * speed * WIDTH * t)
            return plane[y : y + HEIGHT, x : x + WIDTH]

        return frame

    return make


def levels(frames):
    return [np.clip(np.rint(frame), 0, 255).astype(np.uint8) for frame in frames]


def dissolved(before, after, length, around=14, ease=False, cut_after=None):
    """Frames of two shots, ``length`` of them blends, the first at ``around``."""
    w = np.arange(1, length + 1) / (length + 1)
    w = w * w * (3 - 2 * w) if ease else w
    frames = [before(t) for t in range(around)]
    frames += [(1 - a) * before(around + t) + a * after(t) for t, a in enumerate(w)]
    return frames + [after(t) for t in range(length, length + (cut_after or around))]


def begun(frames):
    return [(shot.first, shot.dissolve) for shot in find_shots(levels(frames))][1:]


@pytest.mark.parametrize("length", [1, 2, 3, 6, 12, 24, 36, 48])
@pytest.mark.parametrize("seed", [0, 10, 20, 30])
def test_still_shots(camera, length, seed):
    found = begun(dissolved(camera(seed, 0), camera(seed + 1, 0), length))
    assert len(found) == 1
    first, count = found[0]
    slack = 0 if length < 12 else 1
    assert abs(first - 14) <= slack
    assert abs(first + count - 14 - length) <= slack


@pytest.mark.parametrize("length", [6, 12, 24, 36])
@pytest.mark.parametrize("speed", [0.004, 0.0075])
@pytest.mark.parametrize("seed", [0, 10, 20, 30])
def test_moving_shots(camera, length, speed, seed):
    found = begun(dissolved(camera(seed, speed), camera(seed + 1, speed), length))
    assert len(found) == 1
    first, count = found[0]
    slack = max(1, length // 8)
    assert abs(first - 14) <= slack
    assert abs(first + count - 14 - length) <= slack


@pytest.mark.parametrize("length", [8, 24])
def test_eased_weights(camera, length):
    found = begun(dissolved(camera(0, 0), camera(1, 0), length, ease=True))
    assert len(found) == 1
    first, count = found[0]
    assert abs(first - 14) <= 3
    assert abs(first + count - 14 - length) <= 3


@pytest.mark.parametrize("gain", [0.12, 0.4])
def test_dark_and_grained_shots(camera, gain):
    rng = np.random.default_rng(3)
    clip = dissolved(camera(0, 0.004), camera(1, 0.004), 16)
    dark = [gain * frame + rng.normal(0, 2, frame.shape) for frame in clip]
    ((first, count),) = begun(dark)
    assert abs(first - 14) <= 2
    assert abs(count - 16) <= 4


def test_one_after_another_and_cuts_beside_them(camera):
    frames = dissolved(camera(0, 0.004), camera(1, 0.004), 12, cut_after=4)
    truth = [(14, 12), (30, 0)]
    frames += dissolved(camera(2, 0.004), camera(3, 0.004), 10)
    truth.append((44, 10))
    found = begun(frames)
    assert len(found) == len(truth)
    assert np.abs(np.subtract(found, truth)).max() <= 1


def test_at_the_ends_of_the_clip(camera):
    frames = dissolved(camera(0, 0), camera(1, 0), 8)
    assert begun(frames[:24]) == [(14, 8)]
    assert begun(frames[12:]) == [(2, 8)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("speed", [0.004, 0.0075])
def test_a_moving_camera_is_none(camera, seed, speed):
    view = camera(seed, speed)
    assert begun([view(t) for t in range(80)]) == []


@pytest.mark.parametrize("speed", [0.01, 0.03, 0.08])
def test_an_object_that_moves_in_is_none(camera, speed):
    behind, thing = camera(0, 0.002), camera(1, 0)(0)
    frames = []
    for t in range(60):
        frame = behind(t).copy()
        edge = min(round(speed * WIDTH * max(0, t - 8)), WIDTH)
        frame[:, :edge] = thing[:, WIDTH - edge :]
        frames.append(frame)
    assert all(dissolve == 0 for _, dissolve in begun(frames))


@pytest.mark.parametrize("length", [8, 24])
def test_a_change_of_light_is_none(camera, length):
    view = camera(0, 0.002)
    gains = np.interp(np.arange(20 + length), [10, 10 + length], [1, 0.15])
    assert begun([gain * view(t) for t, gain in enumerate(gains)]) == []


def test_a_focus_pull_is_none(camera):
    import cv2

    view = camera(0, 0.002)
    blurs = 0.01 + 4 * np.abs(np.sin(np.arange(50) / 8))
    frames = [cv2.GaussianBlur(view(t), (0, 0), blur) for t, blur in enumerate(blurs)]
    assert begun(frames) == []
