"""Flows kept on disk: asked for once, the same to the last bit, and never more than wanted."""

import numpy as np
import pytest
import torch

from framestyle.errors import JobError
from framestyle.motion import CachedFlow, DenseInverseSearch
from framestyle.motion.flow import FlowSource


class Counted(FlowSource):
    """A search that remembers what it was asked for."""

    def __init__(self):
        self.search, self.asked = DenseInverseSearch("medium"), []

    def has(self, at):
        return at[1] - at[0] < 3

    def flows(self, earlier, this, at):
        self.asked.append(at)
        return self.search.flows(earlier, this, at)


@pytest.fixture(scope="module")
def frames(moving_clip):
    return moving_clip(4, 48, 64, (2, -1))[0]


@pytest.fixture
def inner():
    return Counted()


def ask(source, frames, at):
    return source.flows(frames[at[0]], frames[at[1]], at)


def same(one, other):
    return all(map(torch.equal, one, other))


def test_asks_once_and_gives_the_same_bits(inner, frames, tmp_path):
    cached = CachedFlow(inner, tmp_path / "flow")
    expected = ask(DenseInverseSearch("medium"), frames, (0, 1))
    for _ in range(2):
        found = ask(cached, frames, (0, 1))
        assert same(found, expected)
        assert [f.dtype for f in found] == [torch.float32] * 2
    assert inner.asked == [(0, 1)]
    again = CachedFlow(inner, tmp_path / "flow")  # as after a crash
    assert same(ask(again, frames, (0, 1)), expected)
    motion, plain = again.between(*frames[:2], (0, 1)), inner.search.between(*frames[:2])
    assert torch.equal(motion.back, plain.back)
    assert torch.equal(motion.reliability, plain.reliability)
    assert inner.asked == [(0, 1)]


def test_every_bit_pattern_of_a_number_is_kept(frames, tmp_path):
    class Odd(FlowSource):
        def flows(self, earlier, this, at):
            values = torch.tensor([0.0, -0.0, 1e-40, 3e38, torch.inf, torch.nan])
            both = values.view(1, 1, 2, 3).expand(2, 2, 2, 3)
            return both[:1], both[1:]  # views of one memory

    cached = CachedFlow(Odd(), tmp_path)
    first, second = (ask(cached, frames, (0, 1)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.contiguous().view(torch.int32).equal(other.view(torch.int32))


def test_a_pair_against_time_is_the_same_pair(inner, frames, tmp_path):
    cached = CachedFlow(inner, tmp_path)
    back, forth = ask(cached, frames, (1, 0))
    assert inner.asked == [(0, 1)]
    assert same((forth, back), ask(cached, frames, (0, 1)))
    assert same((forth, back), ask(DenseInverseSearch("medium"), frames, (0, 1)))
    assert inner.asked == [(0, 1)]


def test_pairs_are_kept_apart(inner, frames, tmp_path):
    cached = CachedFlow(inner, tmp_path)
    pairs = [(0, 1), (1, 2), (0, 2), (2, 3)]
    made = {at: ask(cached, frames, at) for at in pairs}
    assert all(same(ask(cached, frames, at), made[at]) for at in pairs)
    assert inner.asked == pairs


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "noise", "another"])
def test_a_damaged_file_is_made_again(damage, inner, frames, tmp_path):
    cached = CachedFlow(inner, tmp_path)
    expected = ask(cached, frames, (0, 1))
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    flipped = data.copy()
    flipped[-50] ^= 1
    content = {
        "cut": data[: len(data) // 2],
        "empty": b"",
        "flipped": flipped,
        "noise": np.random.default_rng(0).bytes(5000),
        "another": b"PIEH" + data,
    }[damage]
    path.write_bytes(content)
    assert same(ask(cached, frames, (0, 1)), expected)
    assert inner.asked == [(0, 1)] * 2
    assert path.read_bytes() == data


def test_what_is_behind_is_dropped(inner, frames, tmp_path):
    cached = CachedFlow(inner, tmp_path / "flow")
    for at in ((0, 1), (1, 2), (0, 3), (2, 3)):
        ask(cached, frames, at)
    (tmp_path / "flow" / "0_1.flow.3f2a").write_bytes(b"what a crash left half written")
    (tmp_path / "flow" / "notes.txt").write_text("not a flow")
    cached.drop_before(1)
    names = sorted(path.name for path in (tmp_path / "flow").iterdir())
    assert names == ["1_2.flow", "2_3.flow", "notes.txt"]
    cached.drop_before(2)
    ask(cached, frames, (2, 3))
    assert len(inner.asked) == 4
    ask(cached, frames, (1, 2))
    assert len(inner.asked) == 5
    CachedFlow(inner, tmp_path / "flow", 2).drop_before(9)
    names = sorted(path.name for path in (tmp_path / "flow").iterdir())
    assert names == ["1_2.flow", "notes.txt"]
    CachedFlow(inner, tmp_path / "none").drop_before(3)


def test_has_what_the_other_source_has(inner, tmp_path):
    cached = CachedFlow(inner, tmp_path)
    assert cached.has((0, 2))
    assert not cached.has((0, 3))


def test_a_folder_that_cannot_be_written(inner, frames, tmp_path):
    (tmp_path / "flow").write_text("in the way")
    with pytest.raises(JobError, match=r"keeping a flow in .*flow failed: "):
        ask(CachedFlow(inner, tmp_path / "flow"), frames, (0, 1))
