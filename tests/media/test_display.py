"""The space that HDR is worked on in, and pictures of the usual range in it."""

import numpy as np
import pytest

from framestyle.media.colour import Colour
from framestyle.media.display import as_usual, coded, picture_within, shown
from framestyle.media.transfer import (
    between,
    hlg_codes,
    hlg_light,
    pq_codes,
    pq_light,
    response,
    response_undone,
)

PQ = Colour("bt2020nc", "tv", "bt2020", "smpte2084")
HLG = Colour("bt2020nc", "tv", "bt2020", "arib-std-b67")
WIDE = Colour("bt2020nc", "tv", "bt2020", "bt2020-10")
USUAL = Colour("bt709", "tv", "bt709", "bt709")


def levels(values: np.ndarray) -> np.ndarray:
    """Return values in [0, 1] as grey pixels of 16 bits, (1, N, 3)."""
    return np.round(np.repeat(values[None, :, None], 3, axis=2) * 65535).astype(np.uint16)


def test_no_code_of_ten_bits_is_lost() -> None:
    codes = levels(np.arange(1024) / 1023)
    back = coded(shown(codes, PQ), PQ)
    assert np.array_equal(np.round(back / 65535 * 1023), np.round(codes / 65535 * 1023))


def test_more_light_is_a_higher_level() -> None:
    seen = shown(levels(np.arange(1024) / 1023), PQ)[0, :, 0].astype(int)
    assert (np.diff(seen) >= 0).all()
    assert (seen[0], seen[-1]) == (0, 65535)


@pytest.mark.parametrize("colour", [HLG, WIDE, USUAL, None])
def test_all_but_pq_is_worked_on_as_coded(colour: Colour | None) -> None:
    codes = levels(np.linspace(0, 1, 50))
    assert np.array_equal(shown(codes, colour), codes)
    assert np.array_equal(coded(codes, colour), codes)


def test_the_curves_of_bt_2100() -> None:
    """Values of ITU-R BT.2100 and BT.2408, table 1."""
    light = np.full((1, 1, 3), 203.0)
    assert pq_codes(light)[0, 0, 0] == pytest.approx(0.58, abs=0.002)
    assert hlg_codes(light)[0, 0, 0] == pytest.approx(0.75, abs=0.002)
    assert hlg_light(np.ones((1, 1, 3)))[0, 0, 0] == pytest.approx(1000, rel=1e-3)
    assert response(light)[0, 0, 0] == pytest.approx(0.75)
    assert response(np.array(10000.0)) == pytest.approx(1.0)


def test_each_curve_is_undone_by_its_other() -> None:
    light = np.random.default_rng(1).uniform(0.01, 1000, (8, 8, 3))
    assert np.allclose(pq_light(pq_codes(light)), light, rtol=1e-6)
    assert np.allclose(response_undone(response(light)), light, rtol=1e-6)
    assert np.allclose(hlg_light(hlg_codes(light)), light, rtol=1e-4)


def test_primaries_share_their_white() -> None:
    assert np.allclose(between("bt709", "bt2020") @ np.ones(3), 1)
    assert np.allclose(between("bt709", "bt2020")[0], [0.6274, 0.3293, 0.0433], atol=1e-3)


@pytest.mark.parametrize("colour", [PQ, HLG])
def test_white_of_a_picture_is_white_paper(colour: Colour) -> None:
    white = np.full((2, 2, 3), 255, np.uint8)
    assert np.allclose(picture_within(white, colour) / 65535, 0.75, atol=0.002)
    assert not picture_within(np.zeros((2, 2, 3), np.uint8), colour).any()


@pytest.mark.parametrize("colour", [PQ, HLG, WIDE])
def test_a_picture_keeps_its_colours_among_wider_ones(colour: Colour) -> None:
    red = np.array([[[200, 30, 30]]], np.uint8)
    within = picture_within(red, colour)[0, 0] / 65535
    assert within[0] > within[1] > 0.1  # less pure in numbers, for the primary is purer
    if colour.is_hdr:
        usual = as_usual(picture_within(red, colour), colour)[0, 0] / 65535
        light = response(203 * (red[0, 0] / 255) ** 2.2)
        assert np.allclose(usual, light, atol=0.01)


@pytest.mark.parametrize("colour", [USUAL, None, Colour("smpte170m", "tv", None, None)])
def test_a_usual_clip_takes_pictures_as_they_are(colour: Colour | None) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    assert picture_within(pixels, colour) is pixels
    assert as_usual(pixels, colour) is pixels
