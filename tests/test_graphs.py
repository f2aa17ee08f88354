"""Functions that are recorded return what they return, for all arguments of the same shapes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from framestyle.graphs import CudaGraphs, Functions, fused
from framestyle.motion import Motion, Raft
from framestyle.motion.flow import motion_of
from framestyle.stages import FrameState, Link
from framestyle.stages.past import past_of

HEIGHT, WIDTH = 40, 56
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture
def functions(traced):
    """Returns ``functions(device, say)``: what records functions there."""

    def make(device="cpu", **how):
        record = traced if device == "cpu" else CudaGraphs()
        return Functions(record, **{"say": pytest.fail, **how})

    return make


def draw(*shape, seed=0, device="cpu"):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).to(device)


class Counted:
    """A function that knows how often it was called."""

    def __init__(self):
        self.calls = 0

    def __call__(self, a, b):
        self.calls += 1
        return a * 2 + (0 if b is None else b), None if b is None else b.sum()


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_played_back_is_what_the_function_returns(device, functions):
    recorded, function, found = functions(device), Counted(), []
    for seed in range(6):
        a, b = draw(3, 5, seed=seed, device=device), draw(5, seed=seed + 10, device=device)
        found.append((recorded("f", function, a, b), (a * 2 + b, b.sum())))
    assert function.calls < 6  # at the first time alone: to see what is right, warm up, and record
    for made, expected in found:  # also when others have been played since
        for one, other in zip(made, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_shapes_and_names_and_what_is_missing_have_recordings_of_their_own(functions):
    recorded = functions()
    for _ in range(4):
        for size in (2, 3):
            for b in (None, torch.ones(size)):
                made = recorded("f", Counted(), torch.ones(size), b)
                assert torch.equal(made[0], torch.full((size,), 2.0 if b is None else 3.0))
                assert (made[1] is None) == (b is None)
        (made,) = recorded("g", lambda a, b: (a - b,), torch.ones(2), torch.ones(2))
        assert torch.equal(made, torch.zeros(2))


def test_what_is_played_back_is_returned_from_the_first_time_on(functions, traced):
    """Or a run that goes on would have other bits where another one was played back."""
    recorded, played = functions(), []

    def record(step):
        play = traced(step)
        return lambda: played.append(1) or play()

    recorded.record = record
    for count in (2, 3, 4):  # the first time, to check it too
        recorded("f", Counted(), torch.ones(2), None)
        assert len(played) == count


def test_what_cannot_be_recorded_is_called_and_said_once(functions):
    def fails(step):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    said = []
    recorded = functions(say=said.append)
    recorded.record = fails
    for name in ("f", "g"):
        for seed in range(4):
            a = draw(3, seed=seed)
            assert torch.equal(recorded(name, Counted(), a, None)[0], a * 2)
    (line,) = said
    assert line.endswith("not permitted when stream is capturing")


def test_a_recording_that_returns_something_else_is_not_used(functions):
    said = []
    recorded = functions(say=said.append)
    recorded.record = lambda step: lambda: (torch.full((3,), 7.0), None)
    for seed in range(4):
        a = draw(3, seed=seed)
        assert torch.equal(recorded("f", Counted(), a, None)[0], a * 2)
    assert "something else" in said[0]


def test_what_memory_is_too_little_to_record_is_called(functions):
    def fails(step):
        raise torch.OutOfMemoryError("CUDA out of memory")

    said = []
    recorded = functions(say=said.append)
    recorded.record = fails
    for _ in range(2):
        assert torch.equal(recorded("f", Counted(), torch.ones(2), None)[0], torch.full((2,), 2.0))
    assert said == ["not all is recorded, and takes longer so: CUDA out of memory"]


@pytest.mark.gpu
def test_after_one_that_cannot_be_recorded_others_are(functions):
    said = []
    recorded = functions("cuda", say=said.append)
    a = torch.ones(3, device="cuda")
    assert recorded("waits", lambda a: (a * float(a.sum()),), a)[0].tolist() == [3.0] * 3
    assert len(said) == 1
    assert recorded("fine", lambda a: (a * 2,), a)[0].tolist() == [2.0] * 3
    assert len(said) == 1


def test_several_threads_may_trace_at_a_time(monkeypatch, traced):
    """One trace changes how all modules of the process are called."""
    monkeypatch.setattr(torch, "compile", lambda traced, **how: traced)
    layers = [torch.nn.Linear(4, 4).requires_grad_(False) for _ in range(4)]
    places = [draw(3, 4, seed=seed) for seed in range(4)]
    call = torch.nn.Module.__call__

    def work(number):
        def step():
            x = places[number]
            for _ in range(60):
                x = layers[number](x).tanh()
            return x

        return [fused(step)() for _ in range(5)], step()

    with ThreadPoolExecutor(4) as threads:
        for found, expected in threads.map(work, range(4)):
            assert all(torch.equal(one, expected) for one in found)
    assert torch.nn.Module.__call__ is call


# --- what is recorded of a run -------------------------------------------------------------------


def link(seed, device, **missing):
    flow = 2.0 * draw(1, 2, HEIGHT, WIDTH, seed=seed) - 1.0
    motion = Motion(flow, draw(1, 1, HEIGHT, WIDTH, seed=seed + 1), torch.ones(1, 1, HEIGHT, WIDTH))
    parts = {
        "dream_delta": 0.2 * draw(1, 3, HEIGHT, WIDTH, seed=seed + 2) - 0.1,
        "result": draw(1, 3, HEIGHT, WIDTH, seed=seed + 3),
        "settled": draw(1, 1, HEIGHT, WIDTH, seed=seed + 4),
        "painted_for": draw(1, 3, HEIGHT, WIDTH, seed=seed + 5),
    }
    on_device = {
        name: part.to(device) for name, part in {**parts, **missing}.items() if part is not None
    }
    moved = Motion(*(part.to(device) for part in vars(motion).values()))
    return Link(moved, FrameState(**on_device))


@pytest.mark.parametrize("selective", [True, False])
@pytest.mark.parametrize("missing", [{}, {"dream_delta": None}, {"result": None}])
@pytest.mark.parametrize("device", DEVICES)
def test_the_past_is_the_same(device, missing, selective, functions):
    recorded = functions(device)
    for number in range(5):
        source = draw(1, 3, HEIGHT, WIDTH, seed=100 * number, device=device)
        near, far = (link(100 * number + at, device, **missing) for at in (10, 30))
        far = Link(far.motion, far.state.as_type(torch.float16))
        expected = past_of(source, [near, far], selective=selective)
        found = past_of(source, [near, far], selective=selective, replay=recorded)
        for name, value in vars(expected).items():
            if value is None:
                assert getattr(found, name) is None
            else:
                torch.testing.assert_close(getattr(found, name), value, msg=name)


@pytest.mark.parametrize("device", DEVICES)
def test_motion_is_the_same(device, functions):
    recorded = functions(device)
    rng = np.random.default_rng(0)
    for number in range(4):
        pair = rng.integers(0, 256, (2, HEIGHT, WIDTH, 3), dtype=np.uint8)
        flows = [2.0 * draw(1, 2, HEIGHT, WIDTH, seed=number + at) - 1.0 for at in (0, 50)]
        flows = [flow.to(device) for flow in flows]
        expected, found = motion_of(*flows, *pair), motion_of(*flows, *pair, recorded)
        for name, value in vars(expected).items():
            torch.testing.assert_close(getattr(found, name), value, msg=name)


@pytest.mark.parametrize("device", DEVICES)
def test_raft_finds_the_same(device, functions):
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(0)
    network = raft_small(weights=None).eval().requires_grad_(False).to(device)
    plain, recorded = Raft(network, updates=2), Raft(network, updates=2, replay=functions(device))
    rng = np.random.default_rng(0)
    for _ in range(4):
        pair = rng.integers(0, 256, (2, 128, 136, 3), dtype=np.uint8)
        for one, other in zip(
            plain.flows(*pair, (0, 1)), recorded.flows(*pair, (0, 1)), strict=True
        ):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
