"""Where the source rests: drift and flicker of what was made of it."""

from fractions import Fraction

import numpy as np
import pytest

from framestyle.metrics import stillness
from framestyle.metrics.stillness import StillMask, StillRegions


def measured(mask, frames):
    regions = StillRegions(mask, len(frames))
    for frame in frames:
        regions.add(frame.astype(np.float32))
    return regions


def test_still_is_what_changes_by_four_levels_at_most_over_the_whole_clip():
    frames = np.full((5, 2, 3), 100, np.uint8)
    frames[1, 0, 0], frames[3, 0, 0] = 98, 102
    frames[1, 0, 1], frames[3, 0, 1] = 98, 103
    frames[:, 1, 2] = (100, 102, 104, 106, 108)
    still = StillMask()
    for frame in frames:
        still.add(frame)
    assert still.mask.tolist() == [[True, False, True], [True, True, False]]


def test_drift_is_the_slope_of_the_line_through_the_mean_level():
    """A line of 0.25 levels a frame with one frame that stands out, by the least squares."""
    mask = np.zeros((10, 12), bool)
    mask[2:8, 3:9] = True
    levels = 90 + 0.25 * np.arange(40)
    levels[20] += 3
    frames = np.where(mask, levels[:, None, None], 0.0)
    frames[:, 4, 4] += 7  # one pixel's own level is no drift
    regions = measured(mask, frames)
    slope, intercept = np.polyfit(np.arange(40), levels, 1)
    away = np.abs(levels - slope * np.arange(40) - intercept).max()
    assert regions.share == 36 / 120
    assert regions.drift() == pytest.approx((100 * slope, away), abs=1e-4)
    assert regions.drift()[0] == pytest.approx(25, abs=0.5)
    assert regions.drift()[1] == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(("count", "settling"), [(3, 1), (12, 6), (50, 10)])
def test_flicker_is_the_mean_of_the_pixels_deviations_after_the_first_frames(count, settling):
    generator = np.random.default_rng(0)
    frames = generator.normal(120, 5, (count, 8, 9)).astype(np.float32)
    frames[:settling] += 60  # settling does not count
    mask = generator.random((8, 9)) < 0.5
    expected = frames[settling:, mask].astype(np.float64).std(axis=0).mean()
    assert measured(mask, frames).flicker_levels() == pytest.approx(expected, rel=1e-6)


def test_under_one_percent_says_nothing():
    mask = np.zeros((20, 20), bool)
    mask[0, :3] = True
    regions = measured(mask, np.zeros((30, 20, 20)))
    assert regions.share == 3 / 400
    assert not regions.measurable
    assert regions.drift() is None
    assert regions.flicker_levels() is None
    assert regions.bands(Fraction(24)) is None
    mask[0, 3] = True
    assert measured(mask, np.zeros((30, 20, 20))).drift() == (0, 0)


@pytest.mark.parametrize("count", [1, 2])
def test_clips_too_short_for_flicker(count):
    regions = measured(np.ones((4, 4), bool), np.zeros((count, 4, 4)))
    assert regions.flicker_levels() is None
    assert regions.bands(Fraction(24)) is None
    assert (regions.drift() is None) == (count == 1)


def test_the_spectrum_is_of_what_flickers_and_repeats():
    """A wave of 6 levels at 2 Hz over 5 seconds, in half of the pixels."""
    time = np.arange(60 + 10) / 12
    frames = np.full((70, 10, 10), 128.0)
    frames[:, 5:] += 6 * np.cos(2 * np.pi * 2 * time)[:, None, None]
    regions = measured(np.ones((10, 10), bool), frames)
    bands = regions.bands(Fraction(12))
    assert [(b.low_hz, b.high_hz) for b in bands] == [(0, 1), (1, 3), (3, 6)]
    assert bands[1].levels == pytest.approx(0.5 * 6 / 2**0.5, rel=0.01)
    assert bands[0].levels < 0.1
    assert bands[2].levels < 0.1
    assert regions.flicker_levels() == pytest.approx(0.5 * 6 / 2**0.5, rel=0.01)
    assert bands == measured(np.ones((10, 10), bool), frames).bands(Fraction(12))


def test_memory_has_a_bound(monkeypatch):
    mask = np.ones((100, 100), bool)
    for frames in (20, 5000, 10**6):
        assert StillRegions(mask, frames)._series.size <= stillness.SAMPLE_NUMBERS
    assert StillRegions(mask, 20)._series.shape == (10, 4096)
