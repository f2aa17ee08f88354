"""What a frame is handed: carried along, dropped where the clip shows something else."""

import pytest
import torch

from framestyle.motion import Motion, still
from framestyle.stages import FrameState, Link
from framestyle.stages.change import CHANGED
from framestyle.stages.past import painted_for, past_of


@pytest.fixture
def source(picture):
    return picture("frame", 40, 56)


@pytest.fixture
def state(source):
    """Everything that a painted and dreamed frame hands over."""
    settled = torch.ones(1, 1, 40, 56)
    return FrameState(0.1 * torch.ones_like(source), source.flip(3), settled, source)


def test_a_shot_begins_without_a_past(source, state):
    for past in (past_of(source, []), past_of(source, [Link(still(40, 56), FrameState())])):
        assert past.dream_delta is past.result is None
        assert not past.known.any()
        assert not past.settled.any()
        assert past.free.all()
        assert past.changes
        assert torch.equal(painted_for(source, past), source)


def test_a_still_frame_hands_everything_on_bit_for_bit(source, state):
    past = past_of(source, [Link(still(40, 56), state)])
    assert torch.equal(past.dream_delta, state.dream_delta)
    assert torch.equal(past.result, state.result)
    assert past.known.all()
    assert past.settled.all()
    assert not past.free.any()
    assert not past.changes
    assert not past.unfinished


def test_what_comes_into_view_has_no_past(source, state):
    seen = torch.ones(1, 1, 40, 56)
    seen[..., :10] = 0
    other = source.clone()
    other[..., :10] += 1.2 * CHANGED  # by too little to tell by its looks that it is another thing
    past = past_of(other, [Link(Motion(torch.zeros(1, 2, 40, 56), seen, seen), state)])
    for part in (past.known, past.settled, past.dream_delta):
        assert not part[..., :8].any()
        assert part[..., 13:].all()
    assert past.changes


def test_what_looks_the_same_has_one_whatever_the_flow_says(source, state):
    nowhere = torch.zeros(1, 1, 40, 56)
    past = past_of(source, [Link(Motion(torch.zeros(1, 2, 40, 56), nowhere, nowhere), state)])
    assert past.known.all()
    assert past.settled.all()


def test_beyond_the_frame_there_is_no_past_whatever_it_looks_like(state):
    flat = torch.full((1, 3, 40, 56), 0.5)
    flow = torch.zeros(1, 2, 40, 56)
    flow[:, 0] = 4.0
    nowhere = torch.zeros(1, 1, 40, 56)
    state = FrameState(state.dream_delta, state.result, state.settled, flat)
    past = past_of(flat, [Link(Motion(flow, nowhere, nowhere), state)])
    assert not past.known[..., -4:].any()
    assert past.known[..., :-4].all()


def test_nor_has_what_shows_another_thing(source, state):
    other = source.clone()
    other[..., 28:] = 1 - source[..., 28:].round()
    past = past_of(other, [Link(still(40, 56), state)])
    assert not past.known[..., 32:].any()
    assert not past.settled[..., 32:].any()
    assert past.known[..., :24].all()
    assert torch.equal(painted_for(other, past)[..., 32:], other[..., 32:])


def test_a_slow_fade_adds_up_until_it_is_painted(source, state):
    """Each frame changes by half a level, less than grain does; after some, the place is free."""
    free, frame = [], source
    for _ in range(12):
        frame = frame * (1 - 1 / 255)
        past = past_of(frame, [Link(still(40, 56), state)])
        free.append(float(past.free.mean()))
        after = painted_for(frame, past)
        state = FrameState(state.dream_delta, state.result, state.settled, after)
    assert free[0] == 0
    assert max(free) > 0.02


# --- several frames before -----------------------------------------------------------------------


def flat(value):
    """A map whose every place has a value."""
    return torch.full((1, 1, 40, 56), float(value))


def link(level, known, settled=1.0, source=None):
    """A still frame whose result, and the clip it was made for, is one level, known in part."""
    picture = flat(level).expand(1, 3, 40, 56)
    made_for = picture if source is None else source
    state = FrameState(picture, picture, flat(settled), made_for)
    return Link(Motion(torch.zeros(1, 2, 40, 56), flat(known), flat(known)), state)


@pytest.mark.parametrize(
    "known", [(1, 1, 1), (0, 1, 1), (0.4, 0.3, 1), (0.4, 0.9, 0.6), (0, 0, 0.5), (0.2, 0.2, 0.2)]
)
def test_the_nearest_that_knows_a_place_has_it(source, known):
    """c_long(i-j) = max(c(i-j) - sum_{k<j} c_long(i-k), 0); in all no more than the best knows."""
    levels, settled = (0.2, 0.5, 0.9), (1.0, 0.5, 0.25)
    links = [link(*values) for values in zip(levels, known, settled, strict=True)]
    past = past_of(source, links, selective=False)
    claims, claimed = [], 0.0
    for c in known:
        claims.append(max(c - claimed, 0.0))
        claimed += claims[-1]
    assert claimed == pytest.approx(max(known))
    mean = sum(c * x for c, x in zip(claims, levels, strict=True)) / claimed
    torch.testing.assert_close(past.known, flat(claimed))
    torch.testing.assert_close(past.result, flat(mean).expand(1, 3, 40, 56))
    torch.testing.assert_close(past.painted_for, flat(mean).expand(1, 3, 40, 56))
    torch.testing.assert_close(past.dream_delta, flat(mean * claimed).expand(1, 3, 40, 56))
    # each as sure as its own frame is
    sure = sum(c * x for c, x in zip(claims, settled, strict=True))
    torch.testing.assert_close(past.settled, flat(sure))


def test_each_place_has_its_own_frame(source):
    """The left half was seen a frame ago, the right one two frames ago, the top of it by none."""
    left, right = flat(0), flat(0)
    left[..., :28] = 1
    right[..., 10:, 28:] = 1
    nowhere = torch.zeros(1, 2, 40, 56)
    states = [link(level, 1).state for level in (0.25, 0.75)]
    links = [
        Link(Motion(nowhere, mask, mask), state)
        for mask, state in zip((left, right), states, strict=True)
    ]
    past = past_of(source, links, selective=False)
    assert torch.equal(past.known, left + right)
    assert (past.result[..., :28] == 0.25).all()
    assert (past.result[..., 10:, 28:] == 0.75).all()
    assert torch.equal(past.settled, left + right)
    assert past.changes
    assert past.unfinished


def test_a_frame_of_another_scene_is_asked_in_vain(source, state):
    """The flow says that all of the nearest is seen, and looks say that it shows another thing."""
    other = 1 - source.round()
    nearest = Link(still(40, 56), FrameState(None, other, flat(1), other))
    past = past_of(source, [nearest, Link(still(40, 56), state)])
    far = FrameState(None, state.result, state.settled, state.painted_for)
    past_of_far = past_of(source, [Link(still(40, 56), far)])
    assert past.known.all()
    torch.testing.assert_close(past.result, past_of_far.result, atol=1e-5, rtol=0)
    assert past.dream_delta is None  # one of them left none


def test_what_an_earlier_frame_left_in_half_precision_is_taken(source, state):
    nowhere = Motion(torch.zeros(1, 2, 40, 56), flat(0), flat(0))
    blind = Link(nowhere, FrameState(None, source, flat(1), 1 - source.round()))
    kept = Link(still(40, 56), state.as_type(torch.float16))
    past = past_of(source, [blind, kept])
    assert past.result.dtype == torch.float32
    assert float((past.result - state.result).abs().max()) < 0.1 / 255


# --- letting go, and letting looks alone ---------------------------------------------------------


@pytest.mark.parametrize("ease", [0.25, 0.5, 1.0])
def test_ease_lets_go_of_a_share(source, state, ease):
    links = [Link(still(40, 56), state)]
    whole, eased = past_of(source, links), past_of(source, links, ease)
    for name in ("known", "held", "settled", "dream_delta"):
        torch.testing.assert_close(getattr(eased, name), (1 - ease) * getattr(whole, name))
    for name in ("result", "painted_for", "free"):
        assert torch.equal(getattr(eased, name), getattr(whole, name))
    assert eased.changes
    assert eased.unfinished
    assert not whole.changes


def test_without_looks_all_may_change_and_the_flow_says_what_is_known(source, state):
    seen = flat(1)
    seen[..., :10] = 0
    other = source.clone()
    other[..., 28:] = 1 - source[..., 28:].round()
    motion = Motion(torch.zeros(1, 2, 40, 56), seen, seen)
    past = past_of(other, [Link(motion, state)], selective=False)
    assert torch.equal(past.known, seen)
    assert past.free.all()
    assert torch.equal(past.settled, seen)
    assert torch.equal(painted_for(other, past), other)
