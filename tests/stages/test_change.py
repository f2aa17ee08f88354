"""How freely a frame may change: not where nothing does, wholly where the clip shows another."""

import pytest
import torch

from framestyle.motion import Motion, still
from framestyle.stages.change import CHANGED, UNCHANGED, WEAR, freedom


@pytest.fixture
def source(picture):
    return 0.8 * picture("frame", 40, 56) + 0.1


def moving(x, y, height=40, width=56):
    flow = torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, height, width)
    sure = torch.ones(1, 1, height, width)
    return Motion(flow, sure, sure)


def test_what_stays_the_same_is_left_alone(source):
    assert not freedom(source, source, still(40, 56)).any()
    grain = torch.randn(source.shape, generator=torch.Generator().manual_seed(0))
    assert not freedom(source, source + 0.5 * UNCHANGED * grain, still(40, 56)).any()


def test_what_changes_is_painted_anew_and_nothing_else(source):
    painted_for = source.clone()
    painted_for[..., 28:] += 2 * CHANGED
    free = freedom(source, painted_for, still(40, 56))
    assert free.shape == (1, 1, 40, 56)
    assert torch.equal(free[..., 34:], torch.ones(1, 1, 40, 22))
    assert not free[..., :24].any()
    assert 0 <= float(free.min()) <= float(free.max()) <= 1


def test_it_grows_with_the_change(source):
    shares = [UNCHANGED, 0.5 * (UNCHANGED + CHANGED), CHANGED]
    seen = [float(freedom(source, source + share, still(40, 56)).mean()) for share in shares]
    assert seen == pytest.approx([0, 0.5, 1], abs=1e-3)


@pytest.mark.parametrize(("x", "y", "share"), [(0.5, 0, 0.5), (0, -2, 1), (3, 4, 1)])
def test_what_moves_is_kept_up(source, x, y, share):
    free = freedom(source, source, moving(float(x), float(y)))
    torch.testing.assert_close(free, torch.full_like(free, WEAR * share))
