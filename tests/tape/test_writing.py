"""A tape does what the step did that it was made of, and holds nothing that it need not."""

import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.autograd.function import once_differentiable
from torch.utils._python_dispatch import TorchDispatchMode, is_in_torch_dispatch_mode

from framestyle.graphs import RecordingError
from framestyle.tape import aside, taped


class Cubed(torch.autograd.Function):
    """What is kept for its way back is kept by torch, as layers keep their maps."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 3.0 * grad * x * x


def descend(x, moment, function):
    """Make a step in place, as an optimisation does."""
    value = function(x)
    (grad,) = torch.autograd.grad(value, x)
    with torch.no_grad():
        moment.lerp_(grad, 0.1)
        x.sub_(moment, alpha=0.05)
    return [value.detach(), grad.norm()]


FUNCTIONS = {
    "by autograd's own nodes": lambda x: (x.sigmoid() * x.exp().sqrt()).tanh().sum(),
    "by a node of ours": lambda x: Cubed.apply(x).sum(),
    "by views": lambda x: (
        (x[:, :, ::2].permute(0, 2, 3, 1).reshape(-1, 3).T @ x.view(-1, 3)).sum()
        if x.shape[2] % 2
        else (x[:, :, ::2].flatten() * x[:, :, 1::2].flatten()).sum()
    ),
    "by lists": lambda x: torch.cat([x, torch.stack([x[0], x[0]])]).square().mean(),
    "by several at once": lambda x: sum(
        part.square().sum() * n for n, part in enumerate(x.unbind(1))
    ),
    "by maxima": lambda x: torch.nn.functional.max_pool2d(x, 3, 2, 1, ceil_mode=True).sum(),
    "by numbers that are not finite": lambda x: (
        x.clamp(min=-torch.inf, max=torch.inf).masked_fill(x > 0.5, float("-inf")).exp().sum()
    ),
    "by a precision of its own": lambda x: x.to(torch.bfloat16).square().sum(dtype=torch.float32),
    "by other numbers of the same bits": lambda x: (
        x * (x.detach().view(torch.int32) & 1).float() + x.detach().view(torch.int32).float() * 1e-9
    ).sum(),
    "by what is empty at first": lambda x: (
        x * torch.empty_like(x).copy_(x.detach()) + x.new_zeros(x.shape).add_(1.0)
    ).sum(),
    "by a map's bits": lambda x: (
        x
        * x.detach()
        .bfloat16()
        .contiguous(memory_format=torch.channels_last)
        .view(torch.int16)[:, :, 1:]
        .float()
        .sum()
    ).sum(),
    "by another layout": lambda x: (
        x.contiguous(memory_format=torch.channels_last).clone().cos() * x
    ).sum(),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_step_after_step_is_that_of_the_step_itself(function):
    start = torch.rand(1, 3, 12, 10, generator=torch.Generator().manual_seed(3))
    mine, theirs = ((start.clone().requires_grad_(True), torch.zeros_like(start)) for _ in range(2))
    made, play = taped(lambda: descend(*mine, function))
    expected = descend(*theirs, function)
    for number in range(5):
        assert all(map(torch.equal, (*mine, *made), (*theirs, *expected))), number
        made, expected = play(), descend(*theirs, function)
    assert not any(one.requires_grad for one in made)


def test_a_tensor_of_other_numbers_is_read_anew():
    held = torch.ones(4)
    _, play = taped(lambda: held * 2.0)
    held.copy_(torch.arange(4.0))
    assert play().tolist() == [0.0, 2.0, 4.0, 6.0]


def test_what_it_returns_is_not_overwritten_the_next_time():
    count = torch.zeros(())
    _, play = taped(lambda: (count.add_(1.0) * 10.0).view(1)[0])
    first, second = play(), play()
    assert (float(first), float(second)) == (20.0, 30.0)


def test_views_of_what_was_there_take_no_operation():
    x = torch.rand(4, 6)
    _, play = taped(lambda: x.view(6, 4).transpose(0, 1)[1:] + x.flatten()[6:].view(3, 6))
    with Alive() as seen:
        made = play()
    assert torch.equal(made, x.view(6, 4).T[1:] + x[1:])
    assert seen.names == ["aten::add"]


def test_a_view_of_views_is_made_once_and_of_what_lies_in_memory():
    x = torch.rand(4, 6)

    def step():
        made = x * 2.0
        one, other = (made.view(6, 4).transpose(0, 1)[1:] for _ in range(2))
        return one.exp() + other

    _, play = taped(step)
    with Alive() as seen:
        made = play()
    assert torch.equal(made, step())
    assert seen.names == ["aten::mul", "aten::as_strided", "aten::exp", "aten::add"]


@pytest.mark.parametrize(
    "step",
    [
        lambda: (torch.ones(2, 3) * 2.0).transpose_(0, 1) + 1.0,
        lambda: torch.mul(torch.ones(3), 2.0, out=torch.empty(0)) + 1.0,
    ],
)
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
def test_a_step_that_changes_how_a_tensor_lies_in_memory_is_refused(step):
    with pytest.raises(RecordingError, match="lies in memory"):
        taped(step)


def test_views_with_other_numbers_than_their_memory_are_made_as_they_are():
    x = torch.randn(4, dtype=torch.complex64)
    _, play = taped(lambda: x.conj() * 1j + x.conj().imag)
    x.copy_(torch.randn(4, dtype=torch.complex64))
    assert torch.equal(play(), x.conj() * 1j + x.conj().imag)


def test_a_view_with_other_numbers_than_its_memory_is_none_that_others_are_made_of():
    x = torch.randn(4, dtype=torch.complex64)
    conjugate = x.conj()

    def step():
        return conjugate * 1.0 + torch.cat([x[1:] * 1.0, x[:1] * 1.0])

    _, play = taped(step)
    assert torch.equal(play(), step())


def test_views_of_tensors_that_overlap_show_what_is_changed_through_the_other():
    both = torch.arange(8.0)
    one, other = both[1:5], both[3:]

    def step():
        one.view(2, 2).T.add_(1.0)
        return other.view(5, 1).T[:, :2] * 10.0

    _, play = taped(step)
    before = both.clone()
    assert torch.equal(play(), 10.0 * (before + 1.0)[None, 3:5])


def test_a_step_that_asks_for_a_number_is_refused():
    x = torch.ones(3)
    made = []

    def step():
        made.append(1)
        return x * float(x.sum())

    with pytest.raises(RecordingError, match="returns numbers"):
        taped(step)
    assert made == [1]


def test_a_step_that_returns_as_much_as_numbers_tell_is_refused():
    x = torch.rand(9)
    for step in (lambda: x[x > 0.5].sum(), lambda: x.nonzero().sum()):
        with pytest.raises(RecordingError, match="depends on numbers"):
            taped(step)
    places = torch.tensor([7, 0, 3])
    _, play = taped(lambda: x[places] * 2.0)
    places.sub_(places // 2)
    assert torch.equal(play(), x[places] * 2.0)


def test_a_tensor_that_no_operation_has_told_of_is_refused():
    x = torch.ones(3)

    class Hides(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            # as nodes in C++ could: another tensor with the same memory, made behind the tape
            made = x * 2.0
            with torch._C._DisableTorchDispatch():
                hidden = made.detach()
            return hidden + 1.0

    with pytest.raises(RecordingError, match="no operation tells of"):
        taped(lambda: Hides.apply(x))


def test_memory_that_was_free_before_it_was_a_number_is_no_reason_to_refuse():
    """A number that is written to a tensor is a tensor made where no operation tells of it."""
    x = torch.rand(16)

    def step():
        made = x
        for number in range(200):
            made = made.sin()  # each is gone when the next is made
            made[number % 16] = 0.5
        return made

    for _ in range(5):
        made, play = taped(step)
        assert torch.equal(play(), made)


def test_tensors_that_share_memory_were_there_before():
    both = torch.arange(6.0)
    one, other = both[:3], both[3:]
    _, play = taped(lambda: one.view(3, 1).mul_(2.0).squeeze(1) + other)
    expected = one.clone() * 2.0 + other
    assert torch.equal(play(), expected)
    assert torch.equal(both[:3], one)


def test_what_is_prepared_aside_is_there_for_all_steps():
    x, weight, prepared = torch.rand(4), torch.rand(4), []

    def step():
        with aside():
            if not prepared:
                prepared.append(weight * 2.0 * float(weight.sum() > 0))
        return x * prepared[0]

    made, play = taped(step)
    assert torch.equal(made, x * weight * 2.0)
    weight.zero_()
    assert torch.equal(play(), made)
    with Alive() as seen:
        play()
    assert seen.made == 1


def test_aside_of_no_tape_all_is_as_it_is():
    with aside():
        assert float(torch.ones(2).sum()) == 2.0

    def step():
        with pytest.raises(ZeroDivisionError), aside():
            raise ZeroDivisionError
        return torch.ones(2) * 2.0

    _, play = taped(step)  # and goes on being written after what is done aside has failed
    with Alive() as seen:
        assert play().tolist() == [2.0, 2.0]
    assert seen.made == 2


def test_threads_write_one_after_the_other():
    """torch remembers for the whole process that operations are seen, and its compiler asks."""

    def write(number):
        x = torch.full((8,), float(number))
        made, play = taped(lambda: x.sin() * 2.0)
        return torch.equal(made, play()) and torch.equal(made, x.sin() * 2.0)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(write, range(200)))
    assert not is_in_torch_dispatch_mode()


class Alive(TorchDispatchMode):
    """Counts tensors that are alive, of those that it sees made."""

    def __init__(self):
        super().__init__()
        self.now, self.most, self.made, self.names = 0, 0, 0, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.names.append(func._schema.name)
        if any(made is one for one in [*args, *(kwargs or {}).values()]):
            return made  # it was there
        self.now += 1
        self.made += 1
        self.most = max(self.most, self.now)
        weakref.finalize(made, self.gone)
        return made

    def gone(self):
        self.now -= 1


def test_what_has_been_read_is_given_back_at_once():
    x = torch.rand(8)

    def step():
        made = x
        for _ in range(50):
            made = made.sin()
        return made

    _, play = taped(step)
    with Alive() as seen:
        play()
    assert seen.most <= 3


def test_tensors_are_not_held_for_being_written_down():
    x, made = torch.rand(8), []

    def step():
        y = x.sin()
        made.append(weakref.ref(y))
        return y.cos()

    taped(step)
    assert made[0]() is None


def test_torch_compile_is_not_loaded_for_it():
    """It would take a second, and a hundred megabytes."""
    code = (
        "import sys, torch; from framestyle.tape import taped; x = torch.ones(3);"
        "_, play = taped(lambda: x * 2); assert play().tolist() == [2, 2, 2];"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
