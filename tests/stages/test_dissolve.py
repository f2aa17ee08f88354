"""One picture that turns into another: its ends, its contrast, its mean."""

import pytest
import torch

from framestyle.stages.dissolve import MOST_GAIN, dissolved


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(3)
    return [torch.rand(1, 3, 40, 60, generator=generator) * 0.4 + 0.3 for _ in range(2)]


def shares(value, like):
    return torch.full_like(like[:, :1], value)


def contrast(picture):
    return float((picture - picture.mean()).square().mean().sqrt())


def test_at_its_ends_it_is_one_of_the_two(pictures):
    for share, expected in zip((0.0, 1.0), pictures, strict=True):
        assert torch.equal(dissolved(*pictures, shares(share, pictures[0])), expected)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_details_keep_their_contrast(pictures, share):
    made = dissolved(*pictures, shares(share, pictures[0]))
    plain = torch.lerp(*pictures, share)
    wanted = (1 - share) * contrast(pictures[0]) + share * contrast(pictures[1])
    assert contrast(plain) < 0.95 * wanted
    assert contrast(made) == pytest.approx(wanted, rel=0.05)
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1


def test_a_picture_turns_into_itself_as_it_is(pictures):
    made = dissolved(pictures[0], pictures[0], shares(0.5, pictures[0]))
    assert torch.allclose(made, pictures[0], atol=1e-6)


def test_levels_go_evenly(pictures):
    dark, bright = torch.full((1, 3, 20, 30), 0.2), torch.full((1, 3, 20, 30), 0.6)
    made = [dissolved(dark, bright, shares(s, dark)) for s in (0.25, 0.5, 0.75)]
    for picture, level in zip(made, (0.3, 0.4, 0.5), strict=True):
        assert torch.allclose(picture, torch.full_like(picture, level), atol=1e-5)


def test_a_pattern_that_cancels_out_is_not_made_up(pictures):
    """Of a pattern and its negative nothing is left in the middle, and grain is not blown up."""
    negative = 1.0 - pictures[0]
    made = dissolved(pictures[0], negative, shares(0.5, negative))
    assert contrast(made) < 1e-3
    assert MOST_GAIN < 2


def test_each_place_has_its_share(pictures):
    share = torch.zeros(1, 1, 40, 60)
    share[..., 30:] = 1.0
    made = dissolved(*pictures, share)
    assert torch.equal(made[..., :30], pictures[0][..., :30])
    assert torch.equal(made[..., 30:], pictures[1][..., 30:])
