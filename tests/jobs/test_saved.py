"""Saved states: which is the newest that is whole, and what is left when they are over."""

import pytest
import torch

from framestyle.errors import JobError, UnfinishedJobError
from framestyle.jobs.passes import Done
from framestyle.jobs.saved import STATES_KEPT, SavedStates
from framestyle.stages import ClipState, FrameState


def state(index):
    result = torch.full((1, 3, 4, 4), index / 10)
    return ClipState({index: FrameState(result=result)})


@pytest.fixture
def states(tmp_path):
    """States after frames 0 to 4, of which the last are kept; beside those of others."""
    for stem in ("part-7", "part-70"):
        SavedStates(tmp_path, stem).save(state(9), 9)
    made = SavedStates(tmp_path, "part-0")
    for index in range(5):
        made.save(state(index), index)
    return made


def files(folder, stem="part-0"):
    """Its files, the oldest first."""
    return sorted(folder.glob(f"{stem}-*"), key=lambda path: int(path.name.split("-")[2]))


def test_the_last_states_are_kept(states, tmp_path):
    assert len(files(tmp_path)) == states.count() == STATES_KEPT
    for back, index in enumerate((4, 3)):
        loaded, done = states.load("cpu", back)
        assert done == Done(index)
        assert list(loaded.frames) == [index]
    assert [len(files(tmp_path, stem)) for stem in ("part-7", "part-70")] == [1, 1]


def test_of_a_settled_task_only_how_far_it_came_is_left(states, tmp_path):
    states.settle(8, 2)
    (path,) = files(tmp_path)
    assert SavedStates(tmp_path, "part-0").load("cpu") == (ClipState(), Done(8, 2))
    assert states.load("cpu") == (ClipState(), Done(8, 2))
    assert path.name.startswith("part-0-6-")  # the newest, should a power cut bring others back
    assert [len(files(tmp_path, stem)) for stem in ("part-7", "part-70")] == [1, 1]


def test_the_old_states_go_when_the_settled_one_stands(states, tmp_path, monkeypatch):
    def fails(*given, **how):
        raise OSError(28, "No space left on device")

    before = files(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(ClipState, "save", fails)
        with pytest.raises(JobError, match="is full"):
            states.settle(8, 2)
    assert files(tmp_path) == before
    assert states.load("cpu")[1] == Done(4)


def test_a_state_that_is_made_again_may_have_the_name_of_one_that_was_damaged(states, tmp_path):
    *_, newest = files(tmp_path)
    whole = newest.read_bytes()
    newest.write_bytes(b"damaged")
    again = SavedStates(tmp_path, "part-0")
    assert again.count() == 1
    again.drop_after(0)
    again.save(Copied(whole), 4)
    assert files(tmp_path)[-1] == newest
    assert again.load("cpu")[1] == Done(4)


class Copied(ClipState):
    """A state that is saved as the same bytes: safetensors has no fixed order of its metadata."""

    def __init__(self, data):
        super().__init__()
        object.__setattr__(self, "data", data)

    def save(self, path, frame, leg=0):
        path.write_bytes(self.data)


def test_where_none_is_whole_it_says_so(states, tmp_path):
    for path in files(tmp_path):
        path.write_bytes(b"damaged")
    again = SavedStates(tmp_path, "part-0")
    assert again.are_there()
    with pytest.raises(UnfinishedJobError, match="--restart"):
        again.load("cpu")
    again.remove()
    assert not again.are_there()
    assert again.load("cpu") == (ClipState(), None)


@pytest.mark.parametrize("what", ["settle", "remove", "drop_after", "save"])
def test_a_disk_that_lets_nothing_be_deleted_is_told(what, states, tmp_path, monkeypatch):
    def fails(path, **how):
        raise OSError(30, "Read-only file system")

    do = {
        "settle": lambda: states.settle(8, 2),
        "remove": states.remove,
        "drop_after": lambda: states.drop_after(1),
        "save": lambda: states.save(state(5), 5),
    }
    monkeypatch.setattr("pathlib.Path.unlink", fails)
    with pytest.raises(JobError, match="Read-only file system"):
        do[what]()
