"""Two clips side by side."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from framestyle.config import InputSettings
from framestyle.errors import InputError
from framestyle.metrics.clips import Clips, scaled


def side_by_side(source, result, size=512, part=None):
    notices = []
    return Clips(source, result, size, part, notices.append), notices


def test_frames_are_scaled_to_the_source_and_that_to_the_size(folder_of, texture):
    source = folder_of("a", [texture(60, 90, 1)] * 2)
    result = folder_of("b", [texture(30, 45, 2)] * 2)
    for size, expected in ((512, (60, 90)), (45, (30, 45))):
        clips, notices = side_by_side(source, result, size)
        assert notices == []
        assert (clips.height_px, clips.width_px) == expected
        pairs = list(clips.read())
        assert len(pairs) == 2
        for picture in pairs[0]:
            assert picture.pixels.shape == (*expected, 3)
            assert picture.pixels.dtype == np.float32
            assert picture.grey_levels.shape == picture.grey.shape == expected
        assert pairs[0][1].whole.shape == (30, 45, 3)
        assert next(clips.read_source()).grey.shape == expected


def test_grey_is_that_of_the_pixels(folder_of, texture):
    frame = texture(20, 30, 1)
    clips, _ = side_by_side(folder_of("a", [frame]), folder_of("b", [frame]))
    picture, _ = next(clips.read())
    expected = frame @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(picture.grey_levels, expected, atol=0.01)
    np.testing.assert_array_equal(picture.grey, np.rint(picture.grey_levels))


def test_scaling_does_not_round_and_stays_in_range():
    deep = np.random.default_rng(0).integers(0, 65536, (40, 60, 3), np.uint16)
    small = scaled(deep, 30, 20)
    expected = deep.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3)) / 65535
    np.testing.assert_allclose(small, expected, atol=1e-6)
    edge = np.zeros((8, 8, 3), np.uint8)
    edge[:, 4:] = 255
    large = scaled(edge, 32, 32)
    assert large.shape == (32, 32, 3)
    assert large.min() == 0
    assert large.max() == 1


def test_the_padding_of_odd_sizes_is_left_out(folder_of, texture):
    frame = texture(41, 63, 1)
    padded = np.pad(frame, ((0, 1), (0, 1), (0, 0)), mode="edge")
    clips, notices = side_by_side(folder_of("a", [frame]), folder_of("b", [padded]))
    a, b = next(clips.read())
    assert notices == []
    np.testing.assert_array_equal(a.pixels, b.pixels)


def test_another_shape_is_said(folder_of, texture):
    clips, notices = side_by_side(
        folder_of("a", [texture(60, 90, 1)]), folder_of("b", [texture(60, 60, 2)])
    )
    assert len(notices) == 1
    assert "60x60, of another shape" in notices[0]
    assert next(clips.read())[1].pixels.shape == (60, 90, 3)


def test_the_rate_is_that_of_a_video_where_there_is_one(
    frames_folder, clip_file, style_file, folder_of, texture
):
    for source, result, rate in (
        (frames_folder, clip_file, Fraction(30000, 1001)),
        (clip_file, frames_folder, Fraction(30000, 1001)),
        (frames_folder, frames_folder, 24),
        (style_file, style_file, None),
    ):
        assert side_by_side(source, result)[0].frame_rate == rate
    clips, _ = side_by_side(frames_folder, frames_folder, part=InputSettings(fps=Fraction(30)))
    assert clips.frame_rate == 30


def test_a_part_of_the_source(frames_folder, folder_of):
    frames = [cv2.imread(str(p))[:, :, ::-1] for p in sorted(frames_folder.glob("*.png"))]
    result = folder_of("part", frames[2:4])
    part = InputSettings(start=2 / 24, frames=2)
    for a, b in side_by_side(frames_folder, result, part=part)[0].read():
        np.testing.assert_array_equal(a.pixels, b.pixels)


def test_other_numbers_of_frames_are_refused(frames_folder, folder_of, texture):
    with pytest.raises(InputError, match=r"5 frames and .*b 1, expected as many.*--frames"):
        side_by_side(frames_folder, folder_of("b", [texture(48, 64)]))
