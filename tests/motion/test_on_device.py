"""Motion made on a device of another source's flow is that made of it on the CPU."""

import threading

import pytest
import torch

from framestyle.motion import CachedFlow, DenseInverseSearch, OnDevice
from framestyle.motion.on_device import Turns

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(scope="module")
def pair(moving_clip):
    return moving_clip(2, 96, 128, (3, -2))[0]


def same(one, other):
    return all(
        torch.allclose(mine, theirs, rtol=1e-4, atol=1e-4)
        for mine, theirs in zip(vars(one).values(), vars(other).values(), strict=True)
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("longest_px", [640, 64])
def test_motion_is_the_same(pair, device, longest_px):
    search = DenseInverseSearch(longest_px=longest_px)
    found = OnDevice(search, torch.device(device)).between(*pair)
    assert same(found, search.between(*pair))
    assert found.back.device.type == "cpu"
    assert found.back.abs().max() > 1


@pytest.mark.parametrize("device", DEVICES)
def test_it_is_asked_for_with_kept_flow_too(pair, device, tmp_path):
    names = []

    def replay(name, function, *tensors):
        names.append((name, tensors[0].device.type))
        return function(*tensors)

    source = OnDevice(DenseInverseSearch(), torch.device(device), replay)
    for _ in range(2):
        kept = CachedFlow(source, tmp_path).between(*pair, (0, 1))
        assert same(kept, source.inner.between(*pair))
    assert names == [("motion", device)] * 2


def test_what_it_is_like_is_the_others():
    class Other(DenseInverseSearch):
        worth_keeping, most_searches = False, 3

        def has(self, at):
            return at == (1, 2)

    source = OnDevice(Other(), torch.device("cpu"))
    assert (source.worth_keeping, source.most_searches) == (False, 3)
    assert source.has((1, 2))
    assert not source.has((2, 3))


def test_what_stands_still_needs_no_device(pair):
    def never(*_):
        raise AssertionError("asked")

    motion = OnDevice(DenseInverseSearch(), torch.device("cpu"), never).between(pair[0], pair[0])
    assert not motion.back.any()
    assert motion.seen.all()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), RuntimeError("broken")])
def test_where_a_gpu_has_no_memory_the_cpu_makes_it(pair, error):
    def fails(*_):
        raise error

    search = DenseInverseSearch()
    source = OnDevice(search, torch.device("cpu"), fails)
    if isinstance(error, torch.OutOfMemoryError):
        assert same(source.between(*pair), search.between(*pair))
    else:
        with pytest.raises(RuntimeError, match="broken"):
            source.between(*pair)


def test_threads_have_turns():
    turns, inside, most = Turns(torch.device("cpu")), [], []

    def work():
        for _ in range(50):
            with turns.turn():
                inside.append(1)
                most.append(len(inside))
                assert not torch.is_grad_enabled()
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) == 200
