"""To the device and back: the numbers as they were when they set out."""

import pytest
import torch

from framestyle import transfer
from framestyle.motion import Motion
from framestyle.transfer import STREAMS, Download, OwnStream, uploaded

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
def test_there_and_back_is_the_same(device):
    tensor = torch.rand(1, 3, 5, 7)
    there = uploaded(tensor, torch.device(device))
    assert there.device.type == device
    back = Download(there).wait()
    assert back.device.type == "cpu"
    assert torch.equal(back, tensor)


@pytest.mark.parametrize("device", DEVICES)
def test_all_of_a_motion_gets_there(device):
    motion = Motion(torch.rand(1, 2, 4, 5), torch.rand(1, 1, 4, 5), torch.rand(1, 1, 4, 5))
    there = motion.on(torch.device(device))
    for name, value in vars(motion).items():
        assert getattr(there, name).device.type == device
        assert torch.equal(getattr(there, name).cpu(), value)


@pytest.mark.gpu
def test_what_the_device_does_next_does_not_change_what_is_under_way():
    there = torch.zeros(64, 1024, 1024, device="cuda")
    downloads = []
    for number in range(4):
        there += 1
        downloads.append((number + 1, Download(there)))
    for number, download in downloads:
        assert bool((download.wait() == number).all())


class PooledStream:
    """A stream as torch hands them out: the same ones again, in turn."""

    drawn = 0

    def __init__(self, device):
        self.cuda_stream = PooledStream.drawn % STREAMS
        PooledStream.drawn += 1


def test_no_two_have_the_same_stream(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Stream", PooledStream)
    monkeypatch.setattr(transfer, "_taken", type(transfer._taken)())
    held = [OwnStream(torch.device("cuda")) for _ in range(STREAMS - 1)]
    given_back = held.pop(3).stream.cuda_stream
    held += [OwnStream(torch.device("cuda")) for _ in range(2)]
    assert sorted(own.stream.cuda_stream for own in held) == list(range(STREAMS))
    assert given_back == 3
    with pytest.raises(RuntimeError, match="streams of the GPU are taken"):
        OwnStream(torch.device("cuda"))
