"""Half and twice the size, against torch's own."""

import pytest
import torch
import torch.nn.functional as nnf

from framestyle.stages.halving import doubled, halved

SIZES = [(6, 8), (5, 8), (6, 7), (5, 7), (1, 9), (2, 2), (3, 1)]


def draw(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", SIZES)
def test_half_the_size_is_the_mean_of_squares(size):
    image = draw(1, 3, *size)
    expected = nnf.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
    torch.testing.assert_close(halved(image), expected)


@pytest.mark.parametrize("size", [*SIZES, (2, 4)])
def test_twice_the_size_is_bilinear(size):
    small = halved(draw(1, 3, *size))
    expected = nnf.interpolate(small, size, mode="bilinear")
    torch.testing.assert_close(doubled(small, *size), expected)
