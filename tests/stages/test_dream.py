"""DeepDream of one frame, with a real network of random weights."""

import pytest
import torch

from framestyle.config import DreamSettings
from framestyle.errors import ModelError
from framestyle.objectives import DreamActivation
from framestyle.stages import DreamStage
from framestyle.stages.pyramid import resize, size_of

LAYERS = (("fire3", 1.0), ("fire5", 2.0))
SIZE = (64, 96)


@pytest.fixture(scope="module")
def frame(picture):
    return picture("frame", *SIZE)


@pytest.fixture
def make(random_network):
    def stage(layers=LAYERS, seed=0, guide=None, **settings):
        chosen = {"step_size": 0.01, "octaves": 3, "jitter": 0.06, "smoothing": 0.001, **settings}
        return DreamStage(random_network, DreamSettings(**chosen), layers, seed, guide)

    return stage


def activation(stage, image, layers=LAYERS):
    with torch.no_grad():
        return float(DreamActivation(layers)(image, stage.extract(image)))


def grain(image):
    """Energy of the finest detail: what scaling down and up again loses."""
    height, width = size_of(image)
    blurred = resize(resize(image, (height // 2, width // 2)), (height, width))
    return float((image - blurred).square().mean())


def test_dreaming_makes_the_layers_more_active(make, frame):
    stage = make(steps=4)
    dreamed = stage.run(frame, 4)
    assert dreamed.shape == frame.shape
    assert dreamed.dtype == torch.float32
    assert 0 <= dreamed.min() < dreamed.max() <= 1
    assert activation(stage, dreamed) > 1.3 * activation(stage, frame)
    assert 0.01 < float((dreamed - frame).abs().mean()) < 0.3


def test_more_strength_dreams_further(make, frame):
    values = [activation(s := make(strength=x), s.run(frame, 3)) for x in (0.5, 1.0, 2.0)]
    assert values == sorted(values)
    assert values[2] > 1.1 * values[0]


@pytest.mark.parametrize("settings", [{"strength": 0.0}, {"strength": 1e-6}, {"step_size": 0.0}])
def test_without_strength_the_frame_comes_back_with_all_its_detail(make, frame, settings):
    dreamed = make(octaves=3, **settings).run(frame, 2)
    torch.testing.assert_close(dreamed, frame, atol=2e-5, rtol=0)


def test_no_steps_give_the_frame(make, frame):
    assert torch.equal(make().run(frame, 0), frame)


def test_the_detail_lost_by_scaling_is_put_back(make, frame):
    """Dreamed at half the size alone and scaled up, the frame has lost its finest detail."""
    stage = make(octaves=2, octave_scale=2.0, step_size=0.001, smoothing=0.0)
    with_detail = stage.run(frame, 1)
    small = make(octaves=1, step_size=0.001, smoothing=0.0).run(resize(frame, (32, 48)), 1)
    without = resize(small, SIZE)
    assert grain(with_detail) > 0.9 * grain(frame)
    assert grain(without) < 0.3 * grain(frame)
    # and it is the frame's own detail, in its place
    assert float((with_detail - frame).abs().mean()) < 0.2 * float((without - frame).abs().mean())


def test_two_octaves_are_the_algorithm_written_out(make, frame):
    """Dream small; scale up; put back the detail lost by scaling; dream at the full size."""
    plain = {"octave_scale": 2.0, "jitter": 0.0, "smoothing": 0.0}
    stage = make(octaves=2, **plain)

    def climb(x):
        x = x.clone().requires_grad_(True)
        features = stage.extract(x)
        value = sum(c * features[name].square().mean() for name, c in LAYERS)
        (grad,) = torch.autograd.grad(value, x)
        return (x + 0.01 * grad / grad.abs().mean()).detach().clamp(0, 1)

    shrunk = resize(frame, (32, 48))
    lost = frame - resize(shrunk, SIZE)
    expected = climb((resize(climb(shrunk), SIZE) + lost).clamp(0, 1))
    torch.testing.assert_close(stage.run(frame, 1), expected, atol=1e-4, rtol=0)
    # the dream of the coarse octave is still in it
    assert (expected - climb(frame)).abs().mean() > 0.002


def test_octaves_go_from_coarse_to_fine(make, frame):
    assert make(octaves=3, octave_scale=1.4).octaves(frame) == [(33, 49), (46, 69), (64, 96)]
    assert make(octaves=1).octaves(frame) == [(64, 96)]
    stage = make(octaves=12, octave_scale=1.4)
    sizes = stage.octaves(frame)
    assert 1 < len(sizes) < 12
    assert min(sizes[0]) >= stage.smallest_px


def test_each_octave_makes_its_steps_and_tells_of_them(make, frame):
    told = []
    make(octaves=3).run(frame, 2, lambda n, terms: told.append((n, set(terms))))
    assert told == [(n, {"dream"}) for n in range(1, 7)]


def test_coarse_octaves_dream_larger_shapes(make, frame):
    """Compared with one octave, three change the frame more in its coarse structure."""
    changes = []
    for octaves in (1, 3):
        change = make(octaves=octaves, octave_scale=2.0).run(frame, 2) - frame
        coarse = torch.nn.functional.avg_pool2d(change, 8)
        changes.append(float(coarse.square().mean() / change.square().mean()))
    assert changes[1] > 1.1 * changes[0]


def test_a_seed_repeats_bit_for_bit_and_another_does_not(make, frame):
    first, again = (make(seed=3, jitter=0.1).run(frame, 2) for _ in range(2))
    other = make(seed=4, jitter=0.1).run(frame, 2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_jitter_of_every_frame_is_the_same(make, frame):
    """One of its own for each frame would make the dream boil."""
    stage = make(seed=3, jitter=0.1)
    assert torch.equal(stage.run(frame, 2), stage.run(frame, 2))


def test_without_jitter_the_seed_does_not_matter(make, frame):
    results = [make(seed=seed, jitter=0.0).run(frame, 2) for seed in (3, 4)]
    assert torch.equal(*results)


def test_the_global_random_state_is_neither_used_nor_changed(make, frame):
    torch.manual_seed(1)
    first = make().run(frame, 1)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    second = make().run(frame, 1)
    assert torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(state, torch.random.get_rng_state())


def test_smoothing_dreams_shapes_rather_than_grain(make, frame):
    grains = []
    for smoothing in (0.0, 0.02):
        change = make(smoothing=smoothing, octaves=1, jitter=0.0).run(frame, 2) - frame
        grains.append(grain(change.clamp(-1, 1) * 0.5 + 0.5) / float(change.square().mean()))
    assert grains[1] < 0.5 * grains[0]


def test_dividing_by_the_standard_deviation_dreams_too(make, frame):
    stage = make(gradient="std")
    assert activation(stage, stage.run(frame, 2)) > 1.1 * activation(stage, frame)


def test_the_channels_named_are_those_that_grow(make, frame):
    plain = {"octaves": 1, "jitter": 0.0, "smoothing": 0.0}
    layers = (("fire5#3+7", 1.0),)
    stage = make(layers=layers, **plain)
    before, of_channels = (activation(stage, x, layers) for x in (frame, stage.run(frame, 4)))
    all_of_it = make(layers=(("fire5", 1.0),), **plain).run(frame, 4)
    assert of_channels > 5 * before
    assert of_channels > 1.15 * activation(stage, all_of_it, layers)


def test_the_coefficients_of_layers_matter(make, frame):
    results = [make(layers=(("fire3", 1.0), ("fire5", c))).run(frame, 2) for c in (0.0, 1.0, 50.0)]
    assert not torch.equal(results[0], results[1])
    shallow = make(layers=(("fire3", 1.0),)).run(frame, 2)
    torch.testing.assert_close(results[0], shallow, atol=1e-4, rtol=0)


def likeness(stage, image):
    with torch.no_grad():
        return float(stage.term(image.shape[2:])(image, stage.extract(image)))


def test_a_guide_is_what_the_dream_grows(make, frame, picture):
    guides = [picture("swirl", 48, 48), picture("mosaic", 64, 40)]
    stages = [make(guide=guide) for guide in guides]
    results = [stage.run(frame, 3) for stage in stages]
    assert not torch.equal(*results)
    for stage, result in zip(stages, results, strict=True):
        assert likeness(stage, result) > 1.05 * likeness(stage, frame)


@pytest.mark.shared
def test_each_dream_grows_its_own_guide(real_network, frame, picture):
    layers = (("fire6", 1.0), ("fire8", 1.5))
    guides = [picture("swirl", 96, 96), picture("mosaic", 96, 96)]
    stages = [
        DreamStage(real_network, DreamSettings(step_size=0.006), layers, 0, guide)
        for guide in guides
    ]
    results = [stage.run(frame, 3) for stage in stages]
    for own, stage in enumerate(stages):
        assert likeness(stage, results[own]) > 1.5 * likeness(stage, frame)
        assert likeness(stage, results[own]) > 1.05 * likeness(stage, results[1 - own])


def test_an_octave_ends_above_the_loss_ceiling(make, frame):
    told = []
    ceiling = 1.0001 * activation(make(jitter=0.0), frame)
    make(octaves=1, jitter=0.0, loss_ceiling=ceiling).run(frame, 9, lambda n, _: told.append(n))
    assert told == [1, 2]
    told.clear()
    make(octaves=1, jitter=0.0, loss_ceiling=1e6).run(frame, 9, lambda n, _: told.append(n))
    assert len(told) == 9


def test_the_frame_given_is_left_as_it_is(make, frame):
    before = frame.clone()
    make().run(frame, 1)
    assert torch.equal(frame, before)


@pytest.mark.parametrize("name", ["fire33", "Fire5"])
def test_an_unknown_layer_is_an_error_with_the_near_names(make, name):
    with pytest.raises(ModelError, match=f"no layer '{name}'.*did you mean.*fire"):
        make(layers=((name, 1.0),))


def test_an_unknown_channel_is_an_error_before_the_first_frame(make):
    make(layers=(("fire3#0+127", 1.0),))
    with pytest.raises(ModelError, match="no channel 128; there are 0 to 127"):
        make(layers=(("fire3#0+128", 1.0),))


@pytest.mark.shared
def test_the_trained_network_dreams(real_network, frame):
    layers = (("fire6", 1.0), ("fire8", 1.5), ("fire9", 2.0))
    stage = DreamStage(real_network, DreamSettings(step_size=0.006), layers)
    dreamed = stage.run(frame, 4)
    assert activation(stage, dreamed, layers) > 2 * activation(stage, frame, layers)
