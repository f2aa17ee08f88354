"""Flicker by frequency."""

from fractions import Fraction

import numpy as np
import pytest

from framestyle.metrics.spectrum import flicker_bands


def wave(hz, rate, frames, amplitude=10.0, phase=0.0):
    time = np.arange(frames) / float(rate)
    return amplitude * np.cos(2 * np.pi * hz * time + phase)[:, None].astype(np.float32)


@pytest.mark.parametrize(
    ("hz", "band"), [(0.5, 0), (1, 1), (2.5, 1), (3, 2), (7.5, 2), (8, 3), (11.5, 3), (12, 3)]
)
def test_a_wave_lands_in_its_band_with_its_deviation(hz, band):
    bands = flicker_bands(wave(hz, 24, 96), Fraction(24))
    assert [(b.low_hz, b.high_hz) for b in bands] == [(0, 1), (1, 3), (3, 8), (8, 12)]
    expected = 10 if hz == 12 else 10 / 2**0.5  # at half the rate it is a change of sign
    for number, found in enumerate(bands):
        assert found.levels == pytest.approx(expected if number == band else 0, abs=0.2)


def test_bands_end_at_half_of_the_rate():
    for rate, ends in (
        (Fraction(30000, 1001), [1, 3, 8, 15000 / 1001]),
        (Fraction(16), [1, 3, 8]),
        (Fraction(5), [1, 2.5]),
        (Fraction(1), [0.5]),
    ):
        bands = flicker_bands(wave(0.1, rate, 64), rate)
        assert [b.high_hz for b in bands] == pytest.approx(ends)
        assert [b.low_hz for b in bands] == [0, 1, 3, 8][: len(ends)]


@pytest.mark.parametrize("frames", [8, 9, 63, 64])
def test_the_squares_add_up_to_the_variance(frames):
    """Of what is left when every pixel's own line is taken off (Parseval)."""
    levels = np.random.default_rng(0).normal(size=(frames, 1))
    time = np.arange(frames)
    rest = levels[:, 0] - np.polyval(np.polyfit(time, levels[:, 0], 1), time)
    bands = flicker_bands(levels, Fraction(24))
    total = sum((b.levels or 0) ** 2 for b in bands)
    assert total == pytest.approx(rest.var(), rel=1e-9)


def test_many_pixels_are_averaged():
    levels = np.random.default_rng(0).normal(size=(40, 600))
    together = flicker_bands(levels, Fraction(24))
    single = [flicker_bands(levels[:, [i]], Fraction(24)) for i in range(600)]
    for number, band in enumerate(together):
        assert band.levels == pytest.approx(np.mean([s[number].levels for s in single]))


def test_drift_is_no_flicker():
    levels = np.linspace(0, 50, 100)[:, None]
    assert all(b.levels == pytest.approx(0, abs=1e-9) for b in flicker_bands(levels, Fraction(24)))


def test_short_clips_have_no_slow_waves():
    assert flicker_bands(np.zeros((7, 5)), Fraction(24)) is None
    bands = flicker_bands(np.zeros((8, 5)), Fraction(24))  # 3, 6, 9, 12 Hz
    assert [b.levels for b in bands] == [None, None, 0, 0]
