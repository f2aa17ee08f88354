"""What one frame hands to the next: saved and loaded bit for bit."""

import pytest
import torch
from safetensors.torch import save_file

from framestyle.errors import JobError
from framestyle.stages import ClipState, FrameState, looked_back_to


def draw(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


DREAM = FrameState(dream_delta=draw(0, 1, 3, 5, 7))
BOTH = FrameState(dream_delta=draw(2, 1, 3, 5, 7), result=draw(3, 1, 3, 5, 7))
STATES = {
    "empty": ClipState(),
    "nothing done": ClipState({3: FrameState()}),
    "dream": ClipState({41: DREAM}),
    "style": ClipState({0: FrameState(result=draw(1, 1, 3, 5, 7))}),
    "both": ClipState({41: BOTH}),
    "several": ClipState({39: DREAM.as_type(torch.float16), 41: BOTH}),
}


def same(one, other):
    return list(one.frames) == list(other.frames) and all(
        same_frame(one.frames[index], other.frames[index]) for index in one.frames
    )


def same_frame(one, other):
    return all(
        (a is None and b is None)
        or (a is not None and b is not None and a.dtype == b.dtype and torch.equal(a, b))
        for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


@pytest.mark.parametrize("name", STATES)
def test_a_state_comes_back_bit_for_bit(name, tmp_path):
    STATES[name].save(tmp_path / "state", 41, 2)
    loaded, frame, leg = ClipState.load(tmp_path / "state", "cpu")
    assert (frame, leg) == (41, 2)
    assert same(loaded, STATES[name])


def test_small_numbers_and_odd_layouts_come_back(tmp_path):
    tensor = torch.tensor([0.0, -0.0, 1e-42, 1 / 3, 1.0, 0.1]).view(1, 1, 2, 3).expand(1, 3, 2, 3)
    state = FrameState(dream_delta=tensor, result=tensor.to(memory_format=torch.channels_last))
    ClipState({0: state}).save(tmp_path / "state", 0)
    loaded = ClipState.load(tmp_path / "state", "cpu")[0].frames[0]
    assert same_frame(loaded, state)
    assert torch.equal(loaded.result.view(torch.int32), tensor.contiguous().view(torch.int32))


def test_what_still_has_a_gradient_is_saved_without(tmp_path):
    state = FrameState(result=draw(0, 1, 3, 2, 2).requires_grad_(True))
    ClipState({0: state}).save(tmp_path / "state", 0)
    assert not ClipState.load(tmp_path / "state", "cpu")[0].frames[0].result.requires_grad


def test_the_file_stays_whole_while_a_loaded_state_is_in_use(tmp_path):
    STATES["both"].save(tmp_path / "state", 1)
    loaded, *_ = ClipState.load(tmp_path / "state", "cpu")
    loaded.frames[41].result.zero_()
    again, *_ = ClipState.load(tmp_path / "state", "cpu")
    assert same(again, STATES["both"])


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-10])


def empty(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(b"\x07" * 500)


def without_frame(path):
    save_file({"result": draw(0, 1, 3, 2, 2)}, str(path))


def strange_frame(path):
    about = {"frame": "soon", "leg": "0", "frames": "0"}
    save_file({"0.result": draw(0, 1, 3, 2, 2)}, str(path), metadata=about)


def strange_tensor(path):
    about = {"frame": "3", "leg": "0", "frames": "3"}
    save_file({"3.colour": draw(0, 1, 3, 2, 2)}, str(path), metadata=about)


def another_frame(path):
    about = {"frame": "3", "leg": "0", "frames": "3"}
    save_file({"2.result": draw(0, 1, 3, 2, 2)}, str(path), metadata=about)


def missing(path):
    path.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        empty,
        garbage,
        without_frame,
        strange_frame,
        strange_tensor,
        another_frame,
        missing,
    ],
    ids=lambda f: f.__name__,
)
def test_a_damaged_file_is_an_error_that_says_what_to_do(damage, tmp_path):
    path = tmp_path / "state"
    STATES["both"].save(path, 1)
    damage(path)
    with pytest.raises(JobError, match=r"damaged.*--restart") as caught:
        ClipState.load(path, "cpu")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_the_last_frame_is_kept_whole():
    state = ClipState({4: DREAM}).after(5, BOTH, keep=range(3, 5)).after(6, DREAM, keep=range(4, 6))
    assert list(state.frames) == [4, 5, 6]
    assert [state.frames[i].dream_delta.dtype for i in (4, 5, 6)] == [
        torch.float16,
        torch.float16,
        torch.float32,
    ]
    assert list(state.after(7, BOTH).frames) == [7]


@pytest.mark.parametrize(
    ("index", "first", "reach", "expected"),
    [
        (9, 0, 1, [8]),
        (9, 0, 4, [8, 7, 5]),
        (9, 0, 7, [8, 7, 5]),
        (9, 0, 8, [8, 7, 5, 1]),
        (9, 7, 8, [8, 7]),
        (9, 9, 8, []),
        (9, 0, 0, []),
    ],
)
def test_a_frame_looks_back_further_and_further_within_its_shot(index, first, reach, expected):
    assert looked_back_to(index, first, reach) == expected
