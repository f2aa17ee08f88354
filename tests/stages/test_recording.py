"""Recorded steps: another frame's numbers in the same places give that frame's result.

Torch can record operations on the CPU too (make_fx), from the same step. A number of Python that
differs from step to step or from frame to frame, which would be wrong in a CUDA graph, is wrong in
that recording as well. Streams and the memory of graphs are the GPU's, and not tested by it.
"""

import dataclasses
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from framestyle import Config
from framestyle.graphs import CudaGraphs, RecordingError, fused
from framestyle.motion import Motion
from framestyle.networks import Room, load, network_spec
from framestyle.stages import DreamStage, FrameStyler, Link, StyleStage
from framestyle.stages.recording import Recorder
from framestyle.transfer import on_stream, own_stream
from tests.stages.small import DREAMS, SIZE, draw, dream_stage, frame, painted, style_stage


@pytest.fixture
def recorder(traced):
    """Returns ``recorder(...)``: a player that records steps on the CPU."""
    return lambda **how: Recorder(lambda: traced, **{"say": pytest.fail, **how})


@pytest.fixture
def recorded_by(traced):
    """Returns ``recorded_by(record)``: records steps so, and features of the content as ever."""

    def only_steps(record):
        return lambda: (
            lambda step: record(step) if isinstance(step(), torch.Tensor) else traced(step)
        )

    return only_steps


@pytest.fixture(scope="module")
def network():
    return load("lite")


# once in the precision of a GPU, which takes many times as long on a CPU without it
@pytest.mark.parametrize(("averaging", "dtype"), [(0.0, torch.bfloat16), (0.9, torch.float32)])
def test_frames_painted_by_one_recording_are_those_painted_step_by_step(averaging, dtype, recorder):
    network = load("lite", dtype=dtype)
    plain, recorded = (style_stage(network, averaging=averaging) for _ in range(2))
    recorded.player = recorder()
    for number in range(3):
        assert torch.equal(painted(plain, number), painted(recorded, number)), number
    assert len(recorded.player._made) == 1


def test_the_number_of_steps_may_differ_from_frame_to_frame(network, recorder):
    plain, recorded = style_stage(network), style_stage(network)
    recorded.player = recorder()
    for number, iterations in enumerate((2, 7, 1, 0, 5)):
        expected = painted(plain, number, iterations)
        assert torch.equal(expected, painted(recorded, number, iterations)), number


def test_a_first_frame_and_later_ones_have_recordings_of_their_own(network, recorder):
    plain, recorded = style_stage(network), style_stage(network)
    recorded.player = recorder()
    for number in (0, 1):
        results = []
        for stage in (plain, recorded):
            content = frame(number)
            first = stage.run_coarse_to_fine(content, content, 3, step_size=0.03)
            results += [first, painted(stage, number)]
        assert torch.equal(results[0], results[2])
        assert torch.equal(results[1], results[3])
    assert len(recorded.player._made) == 1 + len(plain.sizes(frame(0)))


@pytest.mark.parametrize("how", DREAMS.values(), ids=DREAMS)
def test_frames_dreamt_by_recordings_are_those_dreamt_step_by_step(network, how, recorder):
    plain, recorded = dream_stage(network, **how), dream_stage(network, **how)
    recorded.player = recorder()
    for number in range(2):
        expected = plain.run(frame(number), 5)
        assert torch.equal(expected, recorded.run(frame(number), 5)), number
    assert len(recorded.player._made) == 2  # one for each octave


def test_the_terms_told_are_those_of_each_step(network, recorder):
    told = {}
    for name, player in (("plain", None), ("recorded", recorder())):
        stage, heard = style_stage(network), []
        if player:
            stage.player = player
        # read when all is over: a recording must not overwrite what it told before
        painted(stage, 1, on_iteration=lambda n, terms, heard=heard: heard.append((n, terms)))
        told[name] = [(n, {k: float(v) for k, v in terms.items()}) for n, terms in heard]
    assert told["plain"] == told["recorded"]
    assert len({terms["style"] for _, terms in told["plain"]}) == 4


def test_what_cannot_be_recorded_is_made_step_by_step_and_said_once(network, recorded_by):
    def fails(step):
        step()
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    said = []
    plain, recorded = style_stage(network), style_stage(network)
    recorded.player = Recorder(recorded_by(fails), say=said.append)
    for number in range(2):
        assert torch.equal(painted(plain, number), painted(recorded, number)), number
    (line,) = said
    assert "one by one" in line
    assert "not permitted when stream is capturing" in line
    assert "\n" not in line


def test_only_steps_that_recur_are_fused(network, recorder, traced):
    fused_steps = []
    plain, recorded = style_stage(network), style_stage(network)
    recorded.player = recorder(fuse=lambda step: fused_steps.append(step) or traced(step))
    content = frame(5)
    first = [s.run_coarse_to_fine(content, content, 3, step_size=0.03) for s in (plain, recorded)]
    assert torch.equal(*first)
    assert not fused_steps
    for number in range(3):
        assert torch.equal(painted(plain, number), painted(recorded, number)), number
    assert len(fused_steps) == 1


@pytest.mark.parametrize("why", ["Failed to find C compiler", "g++: Cannot allocate memory"])
def test_what_cannot_be_fused_is_recorded_as_it_is_and_said_once(why, network, recorder):
    def fails(step):
        step()
        try:
            raise RuntimeError(why)
        except RuntimeError as error:
            raise RecordingError(why) from error

    said = []
    plain, recorded = style_stage(network), style_stage(network)
    recorded.player = recorder(fuse=fails, say=said.append)
    for number in range(3):
        assert torch.equal(painted(plain, number), painted(recorded, number)), number
    (line,) = said
    assert line.endswith(f"cannot be fused: {why}")
    assert len(recorded.player._made) == 1


def small_stage(network):
    """What takes few operations, and so little time to compile; as on a GPU, none with ``out=``."""
    settings = Config().style.replaced(style_weight=5.0, levels=1)
    layers = (("relu1_1", 1.0),)
    return StyleStage(network, settings, layers, layers, [(1.0, draw(1, 3, 40, 40, seed=9))])


@pytest.mark.slow
def test_what_torch_compile_makes_of_a_step_gives_the_same_frame_after_frame():
    network = load("lite")
    plain, recorded = small_stage(network), small_stage(network)
    recorded.player = Recorder(lambda: lambda step: step, fuse=fused, say=pytest.fail)
    for number in range(3):
        one, other = painted(plain, number, 6), painted(recorded, number, 6)
        assert (one - frame(number)).abs().mean() > 0.002
        assert (one - other).abs().mean() < 1e-4, number
    assert len(recorded.player._made) == 1


def test_what_has_too_many_operations_is_not_compiled(network, monkeypatch, recorder):
    monkeypatch.setattr("framestyle.graphs.MOST_OPERATIONS", 20)
    said = []
    plain, recorded = style_stage(network), style_stage(network)
    recorded.player = recorder(fuse=fused, say=said.append)
    assert torch.equal(painted(plain, 0), painted(recorded, 0))
    (line,) = said
    assert "operations, as in tiles" in line


def test_a_recording_that_does_something_else_is_not_used(network, recorded_by):
    said = []
    plain, recorded = style_stage(network), style_stage(network)
    values = torch.zeros(5)  # the loss and its four terms
    recorded.player = Recorder(recorded_by(lambda step: lambda: values), say=said.append)
    assert torch.equal(painted(plain, 0), painted(recorded, 0))
    (line,) = said
    assert "something else" in line


def test_where_nothing_moves_nothing_is_recorded_yet(network, recorder):
    plain, recorded = style_stage(network), style_stage(network)
    recorded.player = recorder()
    still = torch.zeros(1, 1, *SIZE)
    recorded.run(frame(0), frame(0), 3, step_size=still)
    assert not recorded.player._made
    for number in (1, 2):
        one, other = (s.run(frame(number), frame(number), 3, step_size=still + 0.01)
                      for s in (plain, recorded))  # fmt: skip
        assert torch.equal(one, other)
    assert len(recorded.player._made) == 1


def test_memory_that_ran_out_is_seen_behind_what_failed_for_it(network, recorded_by):
    def fails(step):
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        finally:
            raise RuntimeError("the capture was invalidated")

    stage = style_stage(network)
    stage.player = Recorder(recorded_by(fails), say=pytest.fail)
    with pytest.raises(torch.OutOfMemoryError):
        painted(stage, 0)


def test_out_of_memory_is_no_reason_to_give_up_recording(network, recorded_by, traced):
    tried = []

    def small_at_first(step):
        tried.append(step)
        if len(tried) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return traced(step)

    stage = style_stage(network)
    stage.player = Recorder(recorded_by(small_at_first))
    with pytest.raises(torch.OutOfMemoryError):
        painted(stage, 0)
    assert torch.equal(painted(style_stage(network), 0), painted(stage, 0))
    assert len(tried) == 2


def test_where_memory_has_shrunk_steps_are_recorded_anew(recorder, traced):
    network, room = load("lite"), Room(1 << 40)  # in bfloat16, tiles round otherwise
    stage = style_stage(network)
    stage = dataclasses.replace(stage, room=room, player=recorder(room=room))
    begun = []
    stage.player.recording = lambda: begun.append(1) or traced
    painted(stage, 0)
    painted(stage, 1)
    assert len(begun) == 1
    assert room.take_back()  # to three quarters of what the last plan needed
    assert torch.allclose(painted(stage, 2), painted(style_stage(network), 2), atol=0.02)
    assert len(begun) == 2
    assert stage.extract.tiling(SIZE) is not None


def test_lbfgs_is_not_recorded(network, recorder):
    stage = style_stage(network, optimizer="lbfgs")
    stage.player = recorder()
    painted(stage, 0, 2)
    assert not stage.player._made


class Waits(TorchDispatchMode):
    """Counts what a GPU's host would wait for: a number asked for."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name()
        self.count += "_local_scalar_dense" in name or "nonzero" in name
        return func(*args, **(kwargs or {}))


def waits(network, iterations, monkeypatch):
    """Return how often a later frame waits for the device."""
    # what a GPU does: look at a loss when it has long been there
    monkeypatch.setattr("framestyle.stages.style.looks_late", lambda device: True)
    config = Config().changed(
        {
            "dream": {"next_steps": iterations, "step_size": 0.02, "octaves": 2},
            "style": {"iterations": iterations, "first_iterations": 2, "settle_change": 0.0},
        }
    )
    styler = FrameStyler(config, dream_stage(network), style_stage(network))
    _, state = styler.step(frame(0))
    height, width = SIZE
    seen = torch.ones(1, 1, height, width)
    motion = Motion(torch.full((1, 2, height, width), 0.5), seen, seen)
    with Waits() as counted:
        styler.step(frame(1), [Link(motion, state)])
    return counted.count


def test_the_steps_of_a_frame_wait_for_nothing(network, monkeypatch):
    few, many = (waits(network, n, monkeypatch) for n in (2, 12))
    assert few == many <= 2  # two flags, looked at once before the first step


def on_gpu(player=None, dtype=torch.bfloat16):
    """Return what paints a number of frames on the GPU, with a network of its own."""
    network = load("lite", device=torch.device("cuda"), dtype=dtype)
    spec = network_spec("lite")
    stage = StyleStage(
        network,
        Config().style.replaced(style_weight=5.0),
        spec.default_content_layers,
        spec.default_style_layers,
        [(1.0, draw(1, 3, 256, 256, seed=9).cuda())],
    )
    if player:
        stage.player = player

    def paint(count):
        for number in range(count):
            content = draw(1, 3, 256, 320, seed=number).cuda()
            yield stage.run(content, content, 20, step_size=0.02)

    return paint


@pytest.mark.gpu
def test_cuda_graphs_give_what_the_operations_give():
    plain, recorded = on_gpu()(3), on_gpu(Recorder(CudaGraphs, say=pytest.fail))(3)
    for one, other in zip(plain, recorded, strict=True):
        assert (one - other).abs().mean() < 2e-3


@pytest.mark.gpu
@pytest.mark.slow
def test_compiled_cuda_graphs_are_as_near_to_float32_as_the_operations():
    """What is fused is rounded less often, and twenty steps make other grain of that."""
    exact, plain = on_gpu(dtype=torch.float32)(3), on_gpu()(3)
    compiled = on_gpu(Recorder(CudaGraphs, fuse=fused, say=pytest.fail))(3)
    for expected, one, other in zip(exact, plain, compiled, strict=True):
        off, allowed = ((made - expected).abs().mean() for made in (other, one))
        assert off < 1.1 * allowed


@pytest.mark.gpu
def test_several_threads_record_cuda_graphs_and_play_them():
    expected = [result.cpu() for result in on_gpu()(6)]

    def work(_):
        with on_stream(own_stream(torch.device("cuda"))):
            paint = on_gpu(Recorder(CudaGraphs, say=pytest.fail))
            return [result.cpu() for result in paint(6)]

    with ThreadPoolExecutor(3) as threads:
        for made in threads.map(work, range(3)):
            for one, other in zip(made, expected, strict=True):
                assert (one - other).abs().mean() < 2e-3


def waits_on_gpu(iterations):
    """Return how often the third later frame waits for the GPU, by what torch warns of."""
    network = load("lite", device=torch.device("cuda"), dtype=torch.bfloat16)
    config = Config().changed(
        {
            "dream": {"next_steps": iterations, "step_size": 0.02, "octaves": 2},
            "style": {"iterations": iterations, "first_iterations": 2, "style_weight": 5.0},
        }
    )
    player, spec = Recorder(CudaGraphs, say=pytest.fail), network_spec("lite")
    layers = spec.default_content_layers, spec.default_style_layers
    styles = [(1.0, draw(1, 3, 200, 200, seed=9).cuda())]
    dream = DreamStage(network, config.dream, spec.default_dream_layers, player=player)
    style = StyleStage(network, config.style, *layers, styles, player=player)
    styler = FrameStyler(config, dream, style)
    frames = [draw(1, 3, 192, 256, seed=number).cuda() for number in range(4)]
    seen = torch.ones(1, 1, 192, 256).cuda()
    motion = Motion(torch.full((1, 2, 192, 256), 0.5).cuda(), seen, seen)
    _, state = styler.step(frames[0])
    for number in (1, 2):  # all is recorded then
        _, state = styler.step(frames[number], [Link(motion, state)])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            styler.step(frames[3], [Link(motion, state)])
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing CUDA operation" in str(warning.message) for warning in told)


@pytest.mark.gpu
def test_the_gpu_is_waited_for_once_in_a_frame():
    few, many = (waits_on_gpu(n) for n in (2, 22))
    assert few == many <= 2
