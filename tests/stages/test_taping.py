"""Steps by tape: another frame's numbers in the same places give that frame's bits."""

import dataclasses
import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from framestyle import onednn
from framestyle.config import ComputeSettings
from framestyle.graphs import RecordingError
from framestyle.jobs.device import player_on
from framestyle.networks import Room, load, network_spec
from framestyle.stages import taping
from framestyle.stages.optimise import OneByOne
from framestyle.stages.taping import Taper
from framestyle.tape import taped
from tests.stages.small import DREAMS, SIZE, draw, dream_stage, frame, painted, style_stage


@pytest.fixture(scope="module")
def network():
    return load("lite")


def stages(make, *given, **how):
    """Return one whose steps are made one by one, and one that tapes them."""
    return make(*given, **how), dataclasses.replace(make(*given, **how), player=Taper(pays_after=1))


def tapes(stage):
    return [form.tape for form in stage.player._forms.values() if form.tape is not None]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_frames_painted_by_tape_are_those_painted_step_by_step(averaging, dtype):
    plain, by_tape = stages(style_stage, load("lite", dtype=dtype), averaging=averaging)
    for number in range(4):
        assert torch.equal(painted(plain, number), painted(by_tape, number)), number
        assert len(tapes(by_tape)) == (number > 0)  # nothing is spent on what does not come again


@pytest.mark.parametrize("how", DREAMS.values(), ids=DREAMS)
def test_frames_dreamt_by_tape_are_those_dreamt_step_by_step(network, how):
    plain, by_tape = stages(dream_stage, network, **how)
    for number in range(4):
        assert torch.equal(plain.run(frame(number), 5), by_tape.run(frame(number), 5)), number
    assert len(tapes(by_tape)) == 2  # one for each octave


@pytest.mark.parametrize("name", ["vgg19", "inception_v3", "googlenet", "squeezenet1_0"])
def test_every_network_gives_the_same_bits(name, make_model):
    """Their layers make what lite's do not: places of maxima, several maps that are joined."""
    spec = network_spec(name)
    network = spec.network(make_model(name))
    plain, by_tape = stages(dream_stage, network, layers=spec.default_dream_layers[:1])
    for number in range(3):
        images = draw(1, 3, 96, 104, seed=number)
        assert torch.equal(plain.run(images, 3), by_tape.run(images, 3)), number
    assert len(tapes(by_tape)) == 2


def test_products_at_points_are_taped(make_model, monkeypatch):
    monkeypatch.setattr(onednn, "is_measured", lambda: True)  # whatever the processor
    network = network_spec("vgg19").network(make_model("vgg19"))
    plain, by_tape = stages(dream_stage, network, layers=(("relu4_1", 1.0),))
    for number in range(3):
        image = draw(1, 3, 94, 102, seed=number)
        assert torch.equal(plain.run(image, 2), by_tape.run(image, 2)), number
    assert len(tapes(by_tape)) == 2


def test_weights_that_are_put_in_order_anew_are_so_once(network, monkeypatch):
    """As where another worker's sizes have driven them out."""
    plain, by_tape = stages(dream_stage, load("lite"))
    image = draw(1, 3, 48, 48)
    by_tape.run(image, 2)
    for weights in by_tape.network._packer._weights.values():
        weights._kept.clear()
    onednn.can_pack.cache_clear()
    assert torch.equal(plain.run(image, 2), by_tape.run(image, 2))
    assert len(tapes(by_tape)) == 2
    monkeypatch.setattr(onednn, "reordered", pytest.fail)
    by_tape.run(image, 2)


def test_the_number_of_steps_may_differ_from_frame_to_frame(network):
    plain, by_tape = stages(style_stage, network)
    for number, iterations in enumerate((2, 7, 1, 0, 5)):
        expected = painted(plain, number, iterations)
        assert torch.equal(expected, painted(by_tape, number, iterations)), number


def test_the_terms_told_are_those_of_each_step(network):
    told = {}
    for name, stage in zip(("plain", "by tape"), stages(style_stage, network), strict=True):
        painted(stage, 0)
        painted(stage, 1)
        heard = []
        # read when all is over: a step must not overwrite what one before it told
        painted(stage, 2, on_iteration=lambda n, terms, heard=heard: heard.append((n, terms)))
        told[name] = [(n, {k: float(v) for k, v in terms.items()}) for n, terms in heard]
    assert told["plain"] == told["by tape"]
    assert len({terms["style"] for _, terms in told["plain"]}) == 4


def test_a_form_is_taped_once_that_pays(network):
    """By the number of its steps, however few of them a frame has."""
    plain = style_stage(network)
    by_tape = dataclasses.replace(plain, player=Taper(pays_after=10))
    for number, iterations in enumerate((4, 0, 5, 2, 3, 1)):  # 11 after the fourth
        expected = painted(plain, number, iterations)
        assert torch.equal(expected, painted(by_tape, number, iterations)), number
        assert len(tapes(by_tape)) == (number >= 4), number


def test_large_frames_are_not_taped(network, monkeypatch):
    monkeypatch.setattr(taping, "MOST_PIXELS", SIZE[0] * SIZE[1] - 1)
    _, by_tape = stages(style_stage, network)
    for number in range(3):
        painted(by_tape, number)
    assert not by_tape.player._forms


def test_of_many_sizes_the_last_ones_are_remembered(network, monkeypatch):
    monkeypatch.setattr(taping, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(taping, "MOST_FORMS", 7)
    _, by_tape = stages(dream_stage, network)
    for side in range(64, 76):
        for _ in range(2):
            by_tape.run(draw(1, 3, side, side), 2)
        assert sum(tape.nbytes for tape in tapes(by_tape)) <= 1 << 20
    assert len(by_tape.player._forms) == 7
    by_tape.run(draw(1, 3, 75, 75), 2)
    assert len(tapes(by_tape)) == 7
    monkeypatch.setattr(taping, "MOST_BYTES", 3 * tapes(by_tape)[-1].nbytes)
    by_tape.run(draw(1, 3, 75, 75), 2)
    assert 2 <= len(tapes(by_tape)) <= 4


@pytest.mark.parametrize("size", [(54, 96), (58, 64), (45, 80)])
def test_sizes_that_do_not_halve_are_taped(network, size):
    """Layers clear a last row, by numbers that no operation has told of."""
    plain, by_tape = stages(dream_stage, network)
    for number in range(4):
        image = draw(1, 3, *size, seed=number)
        assert torch.equal(plain.run(image, 2), by_tape.run(image, 2)), number
    assert len(tapes(by_tape)) == 2


@pytest.mark.parametrize("error", [RecordingError, RuntimeError, TypeError, AttributeError])
def test_what_cannot_be_taped_is_tried_once_said_and_made_step_by_step(network, monkeypatch, error):
    tried, said = [], []

    def fails(step, workspace):
        tried.append(step())
        raise error("it depends on numbers\nand more")

    monkeypatch.setattr(taping, "taped", fails)
    plain, by_tape = stages(style_stage, network)
    by_tape.player.say = said.append
    for number in range(4):
        assert torch.equal(painted(plain, number), painted(by_tape, number)), number
    assert len(tried) == 1
    (line,) = said
    assert line.endswith("cannot be taped: it depends on numbers")


def test_a_step_for_which_memory_is_too_small_is_not_refused(network, monkeypatch):
    def ends(step, workspace):
        step()
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    _, by_tape = stages(style_stage, network)
    by_tape.player.say = pytest.fail
    painted(by_tape, 0)
    monkeypatch.setattr(taping, "taped", ends)
    with pytest.raises(RuntimeError, match="allocate"):
        painted(by_tape, 1)
    monkeypatch.undo()
    for number in (2, 3):
        assert torch.equal(painted(by_tape, number), painted(style_stage(network), number))
    assert len(tapes(by_tape)) == 1


def test_a_tape_that_does_something_else_is_not_used(network, monkeypatch):
    """However little it is."""

    def nearly(step, workspace):
        made, play = taped(step, workspace)
        return made, lambda: play() * (1 + 1e-6)

    monkeypatch.setattr(taping, "taped", nearly)
    plain, by_tape = stages(style_stage, network)
    for number in range(3):
        assert torch.equal(painted(plain, number), painted(by_tape, number)), number
    assert not tapes(by_tape)


def test_where_nothing_moves_a_step_is_taped_as_well(network):
    plain, by_tape = stages(style_stage, network)
    for number, by in enumerate((0.0, 0.0, 0.0, 0.01, 0.01)):
        step_size = torch.full((1, 1, *SIZE), by)
        one, other = (
            stage.run(frame(number), frame(number), 3, step_size=step_size.clone())
            for stage in (plain, by_tape)
        )
        assert torch.equal(one, other), number
    assert len(tapes(by_tape)) == 1


def test_where_memory_has_shrunk_steps_are_others():
    network, room = load("lite"), Room(1 << 40)
    stage = dataclasses.replace(style_stage(network), room=room, player=Taper(room, pays_after=1))
    painted(stage, 0)
    needs = room.in_use.need
    painted(stage, 1)
    assert len(tapes(stage)) == 1
    room.in_use = None
    painted(stage, 1)
    assert room.in_use.need == needs  # what runs by tape is what shrinks where memory runs out
    before = weakref.ref(tapes(stage)[0])
    assert room.take_back()
    assert torch.allclose(painted(stage, 2), painted(style_stage(network), 2), atol=0.02)
    assert before() is None  # what it held is free
    painted(stage, 3)
    assert len(tapes(stage)) == 1


def test_lbfgs_is_not_taped(network):
    _, by_tape = stages(style_stage, network, optimizer="lbfgs")
    for number in range(3):
        painted(by_tape, number, 2)
    assert not by_tape.player._forms


class MostAlive(TorchDispatchMode):
    """Counts the bytes of tensors that are alive at the same time, of those that it sees made.

    Bytes that several of them lie in are counted once.
    """

    def __init__(self):
        super().__init__()
        self.alive, self.most = {}, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, list | tuple) else [made]:
            if isinstance(one, torch.Tensor) and one.layout == torch.strided:
                storage = one.untyped_storage()
                key = storage._cdata
                if key not in self.alive:
                    weakref.finalize(one, self.alive.pop, key, None)
                    begin = storage.data_ptr()
                    self.alive[key] = begin, begin + storage.nbytes()
        self.most = max(self.most, covered(self.alive.values()))
        return made


def covered(spans):
    """Return how much lies in spans from one number to another."""
    total, reached = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def test_a_step_by_tape_holds_no_more_than_one_as_it_is(network):
    most = {}
    for name, stage in zip(("plain", "by tape"), stages(style_stage, network), strict=True):
        for number in range(2):
            painted(stage, number)
        with MostAlive() as seen:
            painted(stage, 2, 2)
        most[name] = seen.most
    assert most["by tape"] <= 1.05 * most["plain"]


def test_a_cpu_tapes_and_other_devices_do_not():
    room = Room()
    player = player_on(torch.device("cpu"), ComputeSettings(), room, pytest.fail)
    assert isinstance(player, Taper)
    assert player.room is room
    assert type(player_on(torch.device("mps"), ComputeSettings(), room, pytest.fail)) is OneByOne
