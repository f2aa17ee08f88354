"""The sizes from coarse to fine, and scaling."""

import pytest
import torch

from framestyle.stages.pyramid import pyramid, resize, size_of


def draw(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_sizes_go_from_coarse_to_the_full_one_by_the_factor():
    assert pyramid((200, 300), 3, 2.0, 1) == [(50, 75), (100, 150), (200, 300)]
    assert pyramid((196, 98), 3, 1.4, 1) == [(100, 50), (140, 70), (196, 98)]


def test_one_level_is_the_full_size():
    assert pyramid((200, 300), 1, 2.0, 1) == [(200, 300)]


def test_sizes_too_small_for_the_network_are_left_out():
    assert pyramid((200, 300), 4, 2.0, 60) == [(100, 150), (200, 300)]
    assert pyramid((200, 300), 4, 2.0, 50) == [(50, 75), (100, 150), (200, 300)]


def test_the_full_size_is_never_left_out():
    assert pyramid((20, 30), 4, 2.0, 100) == [(20, 30)]


def test_scaling_to_the_same_size_changes_nothing():
    image = draw(1, 3, 12, 16)
    assert resize(image, (12, 16)) is image


@pytest.mark.parametrize("size", [(6, 8), (24, 32), (5, 31), (1, 1)])
def test_scaling_gives_the_size_and_stays_in_range(size):
    image = (draw(1, 3, 12, 16) > 0.5).float()  # bicubic overshoots at such edges
    scaled = resize(image, size)
    assert size_of(scaled) == size
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    flat = torch.full((1, 3, 12, 16), 0.3)
    torch.testing.assert_close(resize(flat, size), torch.full((1, 3, *size), 0.3))


def test_shrinking_smooths_and_does_not_alias():
    stripes = torch.zeros(1, 3, 32, 32)
    stripes[..., ::2] = 1
    assert resize(stripes, (8, 8)).sub(0.5).abs().max() < 0.1


def test_scaling_keeps_places():
    """A ramp stays a ramp over the same extent: no half pixel goes missing."""
    ramp = ((torch.arange(32) + 0.5) / 32).expand(1, 3, 32, 32)
    smaller = resize(ramp.contiguous(), (16, 16))
    expected = ((torch.arange(16) + 0.5) / 16).expand(1, 3, 16, 16)
    torch.testing.assert_close(smaller[..., 3:-3], expected[..., 3:-3], atol=1e-3, rtol=0)
