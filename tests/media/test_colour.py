import numpy as np
import pytest
import torch

from framestyle.media.colour import assumed_colour, tagged_colour
from framestyle.media.tensors import to_pixels, to_tensor


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_level_comes_back(kind: type) -> None:
    levels = np.iinfo(kind).max + 1
    pixels = np.arange(levels, dtype=kind).reshape(16, -1, 1).repeat(3, axis=2)
    depth = np.iinfo(kind).bits
    assert np.array_equal(to_pixels(to_tensor(pixels), depth), pixels)


def test_shape_order_and_scale() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[1, 2] = (255, 51, 0)
    tensor = to_tensor(pixels)
    assert tensor.shape == (1, 3, 2, 3)
    assert tensor.dtype == torch.float32
    assert tensor[0, :, 1, 2].tolist() == pytest.approx([1.0, 0.2, 0.0])


def test_takes_pixels_in_any_layout() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::-1, ::-1]
    assert np.array_equal(to_pixels(to_tensor(pixels)), pixels)


def test_rounds_and_clamps() -> None:
    image = torch.tensor([-1.0, 2.0, 100.49 / 255, 100.51 / 255, float("nan"), 0.0])
    pixels = to_pixels(image.view(1, 1, 1, 6).expand(1, 3, 1, 6))
    assert pixels[0, :, 0].tolist() == [0, 255, 100, 101, 0, 0]


@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3), np.float32)])
def test_refuses_other_pixels(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8 or uint16"):
        to_tensor(pixels)


def test_refuses_other_tensors() -> None:
    with pytest.raises(ValueError, match="expected"):
        to_pixels(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="10 bits"):
        to_pixels(torch.zeros(1, 3, 4, 4), 10)


def test_what_is_not_tagged_goes_by_the_lines() -> None:
    assert assumed_colour(719).matrix == "smpte170m"
    assert assumed_colour(720).matrix == "bt709"
    full = tagged_colour({"range": "pc", "space": "unknown"}, 480)
    assert (full.matrix, full.range) == ("smpte170m", "pc")
    tagged = tagged_colour({"range": "tv", "space": "bt709", "trc": "unknown"}, 480)
    assert (tagged.matrix, tagged.transfer) == ("bt709", None)
