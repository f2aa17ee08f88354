"""Shots found in clips whose cuts, flashes and fades are known."""

import tracemalloc

import cv2
import numpy as np
import pytest

from framestyle.media import open_source
from framestyle.motion import Shot, find_shots

HEIGHT, WIDTH = 90, 160
CAMERAS = 12


@pytest.fixture(scope="module")
def cameras(texture, sample_frames, picture):
    """Returns ``cameras(number, speed)``: a function from time to frame, (H, W, 3) float64.

    Each looks at another plane, and goes over it by ``speed`` of its width a frame. Every third one
    looks at a drawn picture.
    """
    planes = []
    for number in range(CAMERAS):
        plane = texture(4 * HEIGHT, 4 * WIDTH, number)
        if number % 3 == 1:
            name = ("frame", "swirl", "mosaic", "swirl")[number // 3]
            drawn = np.uint8(255 * picture(name, 180, 320)[0].permute(1, 2, 0).numpy())
            flips = drawn[:, ::-1] if number > 8 else drawn
            plane = np.tile(np.concatenate([flips, flips[:, ::-1]], 1), (2, 1, 1))
        planes.append(np.ascontiguousarray(plane))

    def camera(number, speed=0.0):
        angle = 2.4 * number
        step = speed * WIDTH * np.array([np.cos(angle), 0.5 * np.sin(angle)])
        centre = np.array([2 * WIDTH, 2 * HEIGHT])

        def frame(t):
            x, y = centre + step * t
            view = np.array([[1, 0, x - WIDTH / 2], [0, 1, y - HEIGHT / 2]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            size = (WIDTH, HEIGHT)
            plane = planes[number]
            drawn = cv2.warpAffine(plane, view, size, flags=flags, borderMode=cv2.BORDER_WRAP)
            return drawn.astype(float)

        return frame

    return camera


def levels(frames):
    return [np.clip(np.rint(frame), 0, 255).astype(np.uint8) for frame in frames]


def cuts(frames):
    """Where shots begin, after the first; no dissolves are expected."""
    shots = find_shots(levels(frames))
    assert all(shot.dissolve == 0 for shot in shots), shots
    return [shot.first for shot in shots][1:]


def taken(camera, count, first=0):
    return [camera(t) for t in range(first, first + count)]


def grained(frames, deviation, seed=0):
    rng = np.random.default_rng(seed)
    return [frame + rng.normal(0, deviation, frame.shape) for frame in frames]


@pytest.mark.parametrize("speed", [0, 0.004, 0.02, 0.06])
def test_every_cut_is_found_and_nothing_else(cameras, speed):
    frames, truth = [], []
    for number, count in enumerate((9, 14, 3, 20, 7, 1, 12, 2, 11, 5, 8, 10)):
        truth += [len(frames)] if frames else []
        frames += taken(cameras(number, speed), count)
    assert cuts(frames) == truth
    assert cuts([frame / 8 for frame in frames]) == truth  # 32 levels are left
    assert cuts(grained(frames, 12)) == truth


def test_a_cut_at_every_frame(cameras):
    assert cuts([cameras(number)(0) for number in range(CAMERAS)]) == list(range(1, CAMERAS))


def test_clips_of_one_and_two_frames(cameras):
    one, other = (cameras(number)(0) for number in (0, 1))
    assert find_shots([]) == []
    assert find_shots(levels([one])) == [Shot(0, 1)]
    assert find_shots(levels([one, one])) == [Shot(0, 2)]
    assert find_shots(levels([one, other])) == [Shot(0, 1), Shot(1, 2)]


def test_identical_frames(cameras):
    assert cuts([cameras(1)(0)] * 30) == []
    assert cuts([np.zeros((HEIGHT, WIDTH, 3))] * 30) == []


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3, 400), (1080, 16), (180, 320)])
def test_any_size_and_depth(size, texture):
    one, other = (texture(*size, seed) for seed in (0, 1))
    other = 255 - one if min(size) < 8 else other
    shots = find_shots([one, one, one, other, other])
    assert shots in ([Shot(0, 3), Shot(3, 5)], [Shot(0, 5)])  # one pixel may be any shot's
    wide = [frame.astype(np.uint16) * 257 for frame in (one, one, one, other, other)]
    assert find_shots(wide) == shots
    if min(size) >= 90:
        assert len(shots) == 2


@pytest.mark.parametrize("number", range(CAMERAS))
@pytest.mark.parametrize("speed", [0.02, 0.1, 0.2])
def test_a_fast_pan_is_no_cut(cameras, number, speed):
    assert cuts(taken(cameras(number, speed), 16)) == []


@pytest.mark.parametrize("number", range(CAMERAS))
def test_a_shaking_camera_is_no_cut(cameras, number):
    rng = np.random.default_rng(number)
    camera = cameras(number, 0.04)
    assert cuts([camera(t) for t in rng.normal(0, 1, 30)]) == []


def test_a_zoom_is_no_cut(texture):
    plane = texture(360, 640, 4)
    frames = []
    for t in range(20):
        scale = 1.04**t
        view = np.array([[1 / scale, 0, 320 - 80 / scale], [0, 1 / scale, 180 - 45 / scale]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frames.append(cv2.warpAffine(plane, view, (WIDTH, HEIGHT), flags=flags))
    assert cuts(frames) == []


@pytest.mark.parametrize("speed", [0.05, 0.2])
def test_an_object_near_the_camera_is_no_cut(cameras, speed):
    """It is half as wide as the picture and nine tenths as high."""
    behind, thing = cameras(0, 0.003), cameras(1)(0)
    frames = []
    for t in range(30):
        frame = behind(t)
        x = round((speed * (t - 3) - 0.5) * WIDTH)
        low, high = max(0, x), min(WIDTH, x + WIDTH // 2)
        if low < high:
            frame[5:86, low:high] = thing[5:86, low - x : high - x]
        frames.append(frame)
    assert cuts(frames) == []


@pytest.mark.parametrize("deviation", [6, 12, 25])
def test_grain_is_no_cut(cameras, deviation):
    for number in range(0, CAMERAS, 3):
        assert cuts(grained(taken(cameras(number, 0.004), 12), deviation)) == []
        dark = [frame / 8 for frame in taken(cameras(number, 0.004), 12)]
        assert cuts(grained(dark, deviation / 5)) == []
    assert cuts(grained([np.full((HEIGHT, WIDTH, 3), 60.0)] * 12, deviation)) == []


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("gain", [1.5, 3, 50])
def test_a_flash_ends_no_shot(cameras, length, gain):
    for number in range(CAMERAS):
        frames = taken(cameras(number, 0.004), 20)
        frames[9 : 9 + length] = [gain * (f + 5) for f in frames[9 : 9 + length]]
        assert cuts(frames) == []


def test_a_lost_frame_ends_no_shot(cameras):
    frames = taken(cameras(4, 0.004), 20)
    frames[9] = 0 * frames[9]
    assert cuts(frames) == []


def test_a_single_frame_of_another_picture_is_a_shot(cameras):
    frames = taken(cameras(0, 0.004), 20)
    frames[9] = cameras(4)(0)
    assert cuts(frames) == [9, 10]


def test_flicker_is_no_cut(cameras):
    rng = np.random.default_rng(5)
    frames = [frame * rng.uniform(0.7, 1.3) for frame in taken(cameras(1, 0.004), 40)]
    assert cuts(frames) == []


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("length", [6, 12, 30])
def test_a_fade_is_divided_where_the_picture_returns(cameras, length, level):
    before, after = cameras(0, 0.002), cameras(1, 0.002)
    frames = taken(before, 15)
    weights = np.arange(1, length + 1) / length
    frames += [(1 - w) * before(15 + t) + w * level for t, w in enumerate(weights)]
    frames += [np.full((HEIGHT, WIDTH, 3), float(level))] * 3
    returns = len(frames)
    frames += [w * after(t) + (1 - w) * level for t, w in enumerate(weights)]
    frames += taken(after, 15, length)
    found = cuts(frames)
    assert len(found) == 1
    assert abs(found[0] - returns) <= 1  # the first step of a long fade is hardly to be seen


def test_a_fade_from_black_at_the_beginning_is_one_shot(cameras):
    camera = cameras(1, 0.002)
    frames = [0 * camera(0)] * 3 + [camera(t) * min(1, (t + 1) / 12) for t in range(30)]
    assert cuts(frames) == []


def test_a_cut_out_of_black_is_one(cameras):
    black = [0 * cameras(1)(0)] * 5
    assert cuts(black + taken(cameras(1, 0.002), 10) + black) == [5, 15]


def test_memory_does_not_grow_with_the_clip(cameras):
    camera = cameras(1, 0.004)

    def peak(count):
        tracemalloc.start()
        find_shots(levels([camera(t)])[0] for t in range(count))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(300) < 1.1 * peak(100)


def test_the_sample_clip_is_one_shot(sample_frames):
    assert find_shots(sample_frames) == [Shot(0, len(sample_frames))]


@pytest.mark.shared
def test_real_clips(shared_dir):
    def found(name):
        return find_shots(frame.pixels for frame in open_source(shared_dir / "media" / name).read())

    assert found("nasa.mp4") == [Shot(0, 150), Shot(150, 240, 29), Shot(240, 390)]
    assert found("video.mp4") == [Shot(0, 100)]
    assert len(found("sintel")) == 1
