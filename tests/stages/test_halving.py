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
    expected = nnf.interpolate(small, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(doubled(small, *size), expected[..., : size[0], : size[1]])


@pytest.mark.parametrize("size", [(40, 60), (41, 60), (45, 61), (21, 135)])
def test_what_is_halved_and_doubled_lies_where_it_was(size):
    """Also where sides are odd: Adam's step would lie beside the gradient that it is made of."""
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in size)
    image = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
    inside = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(doubled(halved(image), *size)[inside], image[inside])
