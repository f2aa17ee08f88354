"""What comes about in a step lies at the same places each time, and a step gives the same bits."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from framestyle.tape import Workspace, placing, taped

CHANNELS_LAST = torch.channels_last


def start():
    return torch.rand(1, 16, 64, 64, generator=torch.Generator().manual_seed(3))


class Seen(TorchDispatchMode):
    """Notes what operations are done, and where what they return lies."""

    def __init__(self):
        super().__init__()
        self.names, self.where = [], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.names.append(func._schema.name)
        self.where.append(made.data_ptr())
        return made


def seen(play):
    with Seen() as noted:
        play()
    return noted


STEPS = {
    "operations": lambda x: ((x * 2.0 + 1.0).sin() - x).sum(),
    "products": lambda x: (x[0].flatten(1).T @ x[0].flatten(1)).square().mean(),
    "another precision": lambda x: x.bfloat16().mul(3.0).float().sum(),
    "other numbers of the same bits": lambda x: (
        x.mul(1000.0).bfloat16().view(torch.int16).bitwise_and(7).sum()
    ),
    "another layout": lambda x: (
        x.contiguous(memory_format=CHANNELS_LAST).cos()[:, :, 1:].clone().exp().sum()
    ),
    "what is empty at first": lambda x: (torch.empty_like(x).copy_(x) + 1.0).sum(),
    "zeros": lambda x: (
        x.new_zeros(1, 16, 66, 66)[:, :, 1:-1, 1:-1].add_(x).square().sum()
        + torch.zeros_like(x).add_(x).sum()
    ),
    "borders": lambda x: torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect").sum(),
    "views of views": lambda x: (
        (y := x * 2.0)[:, :, ::2].permute(0, 2, 3, 1).flatten(1)[:, 5:].sum()
        + y.transpose(1, 2)[0, 3:].sum()
    ),
    "what is changed in place": lambda x: (x + 1.0).mul_(x).relu_().sqrt_().sum(),
    "one that gets a place beside one that does not": lambda x: (
        torch.nn.functional.conv2d(x + 1.0, torch.ones(16, 16, 3, 3)) - 1.0
    ).sum(),
    "several at once": lambda x: sum(one.exp().sum() for one in (x * 3.0).chunk(2, 1)),
}


@pytest.mark.parametrize("function", STEPS.values(), ids=STEPS)
def test_a_step_gives_the_same_bits_for_other_numbers(function):
    x = start()
    with torch.no_grad():
        made, play = taped(lambda: function(x))
    for number in range(4):
        assert torch.equal(made, function(x)), number
        x.copy_(start() * (number + 2))
        made = play()


def test_what_comes_about_lies_where_it_lay():
    x = start()
    _, play = taped(lambda: (x.sin() * 2.0 + x.cos()).sum())
    one, filler, other = seen(play), [torch.empty_like(x) for _ in range(9)], seen(play)
    assert one.where[:-1] == other.where[:-1]
    assert len(set(one.where[:-1])) == 3  # of four tensors: the first one's place is used again
    del filler


def test_views_of_what_has_a_place_take_no_operation():
    x = start()

    def step():
        made = x.bfloat16()
        return made.view(torch.int16)[:, 1:].transpose(1, 2).sum() + made[:, :1].sum()

    _, play = taped(step)
    assert seen(play).names == ["aten::copy_", "aten::sum", "aten::sum", "aten::add"]


def test_what_it_returns_is_not_overwritten_the_next_time():
    x = start()
    _, play = taped(lambda: [(x.sin() * 2.0)[:, 1:], x + 1.0])
    expected = [(x.sin() * 2.0)[:, 1:], x + 1.0]
    made = play()
    x.zero_()
    play()
    assert all(map(torch.equal, made, expected))


def test_small_tensors_are_made_anew(monkeypatch):
    x = torch.rand(8)
    workspace = Workspace()
    taped(lambda: (x.sin() * 2.0).sum(), workspace)
    assert workspace._memory.nbytes() == 0
    monkeypatch.setattr(placing, "LEAST_NUMBERS", 8)
    taped(lambda: (x.sin() * 2.0).sum(), workspace)
    assert workspace._memory.nbytes() == 128


def test_tapes_share_a_workspace():
    x, workspace = start(), Workspace()
    tapes = {}
    for name in ("sin", "cos"):
        _, tapes[name] = taped(lambda name=name: (getattr(x, name)() * 2.0).sum(), workspace)
    for name, play in [*tapes.items()] * 2:
        assert torch.equal(play(), (getattr(x, name)() * 2.0).sum())
    one, other = (seen(play).where[0] for play in tapes.values())
    assert one == other


def test_an_operation_that_writes_where_it_is_told_is_one_that_does_so_at_once():
    aten = torch.ops.aten
    assert placing._writing(aten.bmm.default) == (aten.bmm.out, "out")
    assert placing._writing(aten.mul.Tensor) == (aten.mul.out, "out")
    assert placing._writing(aten.sum.dim_IntList) == (aten.sum.IntList_out, "out")
    assert placing._writing(aten.flip.default) is None  # makes its own first, and copies that
    assert placing._writing(aten.convolution.default) is None


def test_views_of_what_was_there_take_no_operation():
    x = start().requires_grad_(True)
    _, play = taped(lambda: x.detach().view(torch.int32)[:, 1:].sum())
    assert seen(play).names == ["aten::sum"]


def test_operations_that_make_no_tensor_of_plain_memory_are_done_each_time():
    x = start()
    for step in (lambda: x[0, 0].to_sparse().to_dense().sum(), lambda: x.to_mkldnn().to_dense()):
        _, play = taped(lambda step=step: step() + 0.0)
        x.mul_(3.0)
        assert torch.equal(play(), step())


def test_the_default_device_is_of_no_account():
    x = start()
    with torch.device("meta"):
        _, play = taped(lambda: (x.sin() * 2.0).sum())
    assert torch.equal(play(), (x.sin() * 2.0).sum())
