"""What one frame hands to the next: saved and loaded bit for bit."""

import pytest
import torch
from safetensors.torch import save_file

from framestyle.errors import JobError
from framestyle.stages import ClipState


def draw(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


STATES = {
    "empty": ClipState(),
    "dream": ClipState(dream_delta=draw(0, 1, 3, 5, 7)),
    "style": ClipState(result=draw(1, 1, 3, 5, 7)),
    "both": ClipState(dream_delta=draw(2, 1, 3, 5, 7), result=draw(3, 1, 3, 5, 7)),
}


def same(one, other):
    return all(
        (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
        for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


@pytest.mark.parametrize("name", STATES)
def test_a_state_comes_back_bit_for_bit(name, tmp_path):
    STATES[name].save(tmp_path / "state", 41)
    loaded, frame = ClipState.load(tmp_path / "state", "cpu")
    assert frame == 41
    assert same(loaded, STATES[name])


def test_small_numbers_and_odd_layouts_come_back(tmp_path):
    tensor = torch.tensor([0.0, -0.0, 1e-42, 1 / 3, 1.0, 0.1]).view(1, 1, 2, 3).expand(1, 3, 2, 3)
    state = ClipState(dream_delta=tensor, result=tensor.to(memory_format=torch.channels_last))
    state.save(tmp_path / "state", 0)
    loaded, _ = ClipState.load(tmp_path / "state", "cpu")
    assert same(loaded, state)
    assert torch.equal(loaded.result.view(torch.int32), tensor.contiguous().view(torch.int32))


def test_what_still_has_a_gradient_is_saved_without(tmp_path):
    ClipState(result=draw(0, 1, 3, 2, 2).requires_grad_(True)).save(tmp_path / "state", 0)
    assert not ClipState.load(tmp_path / "state", "cpu")[0].result.requires_grad


def test_the_file_stays_whole_while_a_loaded_state_is_in_use(tmp_path):
    STATES["both"].save(tmp_path / "state", 1)
    loaded, _ = ClipState.load(tmp_path / "state", "cpu")
    loaded.result.zero_()
    again, _ = ClipState.load(tmp_path / "state", "cpu")
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
    save_file({"result": draw(0, 1, 3, 2, 2)}, str(path), metadata={"frame": "soon"})


def strange_tensor(path):
    save_file({"colour": draw(0, 1, 3, 2, 2)}, str(path), metadata={"frame": "3"})


def missing(path):
    path.unlink()


@pytest.mark.parametrize(
    "damage",
    [cut_short, empty, garbage, without_frame, strange_frame, strange_tensor, missing],
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
