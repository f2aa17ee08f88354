"""Means and maxima over neighbourhoods, against torch's pooling."""

import pytest
import torch
import torch.nn.functional as nnf

from framestyle.motion.boxes import box_max, box_mean

SIZES = [(12, 17), (9, 9), (5, 3), (1, 8), (2, 1)]


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side_px", [3, 5, 9])
def test_mean_and_maximum_are_those_of_what_is_inside_the_frame(size, side_px):
    values = draw(1, 2, *size)
    mean = nnf.avg_pool2d(values, side_px, 1, side_px // 2, count_include_pad=False)
    torch.testing.assert_close(box_mean(values, side_px), mean, atol=1e-6, rtol=1e-5)
    assert torch.equal(box_max(values, side_px), nnf.max_pool2d(values, side_px, 1, side_px // 2))


@pytest.mark.parametrize("side_px", [3, 5, 9])
def test_the_mean_of_ones_is_one_and_of_zeros_zero(side_px):
    ones = torch.ones(1, 1, 11, 13)
    assert torch.equal(box_mean(ones, side_px), ones)
    assert torch.equal(box_mean(0 * ones, side_px), 0 * ones)
