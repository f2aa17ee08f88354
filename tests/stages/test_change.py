"""How freely a frame may change: not where nothing does, wholly where the clip shows another."""

import pytest
import torch

from framestyle.motion import Motion, still
from framestyle.stages.change import CHANGED, KNOWN, LOST, UNCHANGED, WEAR, change


@pytest.fixture
def source(picture):
    return 0.8 * picture("frame", 40, 56) + 0.1


def moving(x, y, height=40, width=56):
    flow = torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, height, width)
    sure = torch.ones(1, 1, height, width)
    return Motion(flow, sure, sure)


def test_what_stays_the_same_is_left_alone(source):
    seen = change(source, source, still(40, 56))
    assert not seen.free.any()
    assert not seen.lost.any()
    grain = torch.randn(source.shape, generator=torch.Generator().manual_seed(0))
    seen = change(source, source + 0.5 * UNCHANGED * grain, still(40, 56))
    assert not seen.free.any()


def test_what_changes_is_painted_anew_and_nothing_else(source):
    painted_for = source.clone()
    painted_for[..., 28:] += 2 * CHANGED
    seen = change(source, painted_for, still(40, 56))
    assert seen.free.shape == seen.lost.shape == (1, 1, 40, 56)
    assert torch.equal(seen.free[..., 32:], torch.ones(1, 1, 40, 24))
    assert not seen.free[..., :28].any()  # up to the edge
    assert not seen.lost.any()
    assert 0 <= float(seen.free.min()) <= float(seen.free.max()) <= 1


def test_what_shows_another_thing_is_lost(source):
    painted_for = source.clone()
    painted_for[..., 28:] = 1 - source[..., 28:].round()
    seen = change(source, painted_for, still(40, 56))
    assert torch.equal(seen.lost[..., 32:], torch.ones(1, 1, 40, 24))
    assert not seen.lost[..., :24].any()


def test_it_grows_with_the_change(source):
    shares = [UNCHANGED, 0.5 * (UNCHANGED + CHANGED), CHANGED]
    free = [float(change(source, source + s, still(40, 56)).free.mean()) for s in shares]
    assert free == pytest.approx([0, 0.5, 1], abs=1e-3)
    shares = [KNOWN, 0.5 * (KNOWN + LOST), LOST]
    lost = [float(change(source, source + s, still(40, 56)).lost.mean()) for s in shares]
    assert lost == pytest.approx([0, 0.5, 1], abs=1e-3)


@pytest.mark.parametrize(("x", "y", "share"), [(0.5, 0, 0.5), (0, -2, 1), (3, 4, 1)])
def test_what_moves_is_kept_up(source, x, y, share):
    free = change(source, source, moving(float(x), float(y))).free
    torch.testing.assert_close(free, torch.full_like(free, WEAR * share))


def test_what_comes_into_view_takes_nothing_beside_it_along(source):
    """A plate has gone from the left: what was beside its edge is known as well as ever."""
    painted_for, seen = source.clone(), torch.ones(1, 1, 40, 56)
    painted_for[..., :20] = 1 - source[..., :20].round()
    seen[..., :20] = 0
    uncovered = change(source, painted_for, Motion(torch.zeros(1, 2, 40, 56), seen, seen))
    assert not uncovered.lost[..., 20:].any()
    # where the flow has not noticed, looks alone must tell, and see no finer than their box
    unnoticed = change(source, painted_for, still(40, 56))
    assert unnoticed.lost[..., :20].min() > 0.5
    assert not unnoticed.lost[..., 22:].any()
