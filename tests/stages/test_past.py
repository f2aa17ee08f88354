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
