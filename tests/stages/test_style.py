"""Neural style transfer of one frame, with real networks."""

import pytest
import torch

from framestyle.config import StyleSettings
from framestyle.errors import ModelError, SettingsError
from framestyle.networks import load, network_spec
from framestyle.objectives import (
    ContentLoss,
    StyleLoss,
    TemporalLoss,
    style_roughness,
    style_targets,
)
from framestyle.stages import StyleStage
from framestyle.stages.pyramid import resize

CONTENT = (("fire4", 1.0),)
STYLE = (("relu1", 1.0), ("fire2", 1.0), ("fire4", 1.0))
SIZE = (48, 64)


@pytest.fixture(scope="module")
def frame(picture):
    return picture("frame", *SIZE)


@pytest.fixture(scope="module")
def swirl(picture):
    return picture("swirl", 64, 64)


@pytest.fixture(scope="module")
def mosaic(picture):
    return picture("mosaic", 64, 64)


@pytest.fixture
def make(random_network, swirl):
    def stage(styles=None, network=random_network, content=CONTENT, **settings):
        styles = styles or [(1.0, swirl)]
        weights = {"style_weight": 10.0, "tv_weight": 0.03, "coarsest": 1}
        chosen = StyleSettings(**{**weights, **settings})
        return StyleStage(network, chosen, content, STYLE, styles)

    return stage


def noise(size=SIZE):
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(3))


def style_distance(network, image, style):
    """The relative style distance, made here from the objectives alone."""
    extract = network.extractor([name for name, _ in STYLE])
    with torch.no_grad():
        targets = style_targets([(1.0, extract(style))], STYLE)
        return float(StyleLoss(STYLE, targets)(image, extract(image)))


def content_distance(network, image, content):
    extract = network.extractor([name for name, _ in CONTENT])
    with torch.no_grad():
        return float(ContentLoss(CONTENT, extract(content))(image, extract(image)))


def run(stage, content, iterations=30, start=None, step_size=0.02, **more):
    """Paint; return the result and the sum of the terms at each iteration."""
    losses = []
    result = stage.run(
        content,
        content if start is None else start,
        iterations,
        step_size=step_size,
        on_iteration=lambda n, terms: losses.append(sum(float(v) for v in terms.values())),
        **more,
    )
    return result, losses


def test_the_style_comes_and_the_content_stays(make, random_network, frame, swirl):
    result, losses = run(make(), frame)
    assert result.shape == frame.shape
    assert result.dtype == torch.float32
    assert 0 <= result.min() < result.max() <= 1
    assert losses[-1] < 0.6 * losses[0]
    before, after = (style_distance(random_network, x, swirl) for x in (frame, result))
    assert after < 0.5 * before
    assert content_distance(random_network, result, frame) < 0.5 * content_distance(
        random_network, noise(), frame
    )


def test_the_weights_trade_content_for_style(make, random_network, frame, swirl):
    results = [run(make(style_weight=w), frame)[0] for w in (0.1, 1.0, 100.0)]
    styles = [style_distance(random_network, r, swirl) for r in results]
    contents = [content_distance(random_network, r, frame) for r in results]
    assert styles == sorted(styles, reverse=True)
    assert contents == sorted(contents)


def test_content_alone_brings_the_frame_back_from_noise(make, random_network, frame):
    stage = make(style_weight=0.0, tv_weight=0.0)
    result, losses = run(stage, frame, 60, start=noise())
    assert losses[-1] < 0.15 * losses[0]
    assert content_distance(random_network, result, frame) < 0.2 * content_distance(
        random_network, noise(), frame
    )
    shallow = make(content=(("relu1", 1.0),), style_weight=0.0, tv_weight=0.0)
    result, losses = run(shallow, frame, 60, start=noise())
    assert losses[-1] < 0.05 * losses[0]
    assert (result - frame).square().mean() < 0.3 * (noise() - frame).square().mean()


def test_the_terms_are_named(make, frame):
    seen = []
    make().run(frame, frame, 1, step_size=0.02, on_iteration=lambda n, t: seen.append(set(t)))
    make(style_weight=0.0, tv_weight=0.0).run(
        frame, frame, 1, step_size=0.02, on_iteration=lambda n, t: seen.append(set(t)),
    )  # fmt: skip
    held = 5.0, TemporalLoss(frame, torch.ones(1, 1, *SIZE))
    make().run(frame, frame, 1, step_size=0.02, temporal=held,
               on_iteration=lambda n, t: seen.append(set(t)))  # fmt: skip
    assert seen == [
        {"content", "style", "variation"},
        {"content"},
        {"content", "style", "variation", "temporal"},
    ]


def test_total_variation_smooths(make, frame):
    rough, smooth = (run(make(tv_weight=w), frame)[0] for w in (0.0, 1.0))
    assert smooth.diff(dim=3).square().mean() < 0.6 * rough.diff(dim=3).square().mean()


def test_the_temporal_term_holds_what_is_trusted(make, frame):
    trusted = torch.zeros(1, 1, *SIZE)
    trusted[..., :32] = 1
    reference = torch.full_like(frame, 0.5)
    held, _ = run(make(levels=1), frame, temporal=(1000.0, TemporalLoss(reference, trusted)))
    free, _ = run(make(levels=1), frame)
    left, right = (held - reference).abs()[..., :28], (held - free).abs()[..., 40:]
    assert left.mean() < 0.3 * (free - reference).abs()[..., :28].mean()
    assert right.mean() < 0.5 * (held - free).abs()[..., :28].mean()


def test_no_iterations_give_the_start(make, frame):
    start = noise()
    result, losses = run(make(), frame, 0, start=start)
    assert torch.equal(result, start)
    assert losses == []


def test_the_start_and_the_content_are_left_as_they_are(make, frame):
    start, content = noise(), frame.clone()
    run(make(), content, 2, start=start)
    assert torch.equal(start, noise())
    assert torch.equal(content, frame)


def test_it_repeats_bit_for_bit(make, frame):
    first, again = (run(make(), frame, 5)[0] for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_step_size_of_each_pixel_leaves_some_alone(optimizer, make, frame):
    sizes = torch.zeros(1, 1, *SIZE)
    sizes[..., 32:] = 0.02
    free = (sizes > 0).float()
    stage = make(averaging=0.0, optimizer=optimizer)
    result, _ = run(stage, frame, 5, step_size=sizes, free=free)
    assert torch.equal(result[..., :32], frame[..., :32])
    assert (result - frame)[..., 32:].abs().mean() > 0.01


def test_two_styles_pull_by_their_weights(make, random_network, frame, swirl, mosaic):
    distances = []
    for weights in ((1.0, 0.0), (3.0, 1.0), (1.0, 3.0), (0.0, 1.0)):
        styles = list(zip(weights, (swirl, mosaic), strict=True))
        result, _ = run(make(styles=styles, content_weight=0.1), frame)
        distances.append(
            style_distance(random_network, result, swirl)
            - style_distance(random_network, result, mosaic)
        )
    assert distances == sorted(distances)
    assert distances[0] < distances[-1] - 0.02


def test_only_the_ratio_of_the_styles_weights_matters(make, frame, swirl, mosaic):
    results = [
        run(make(styles=[(2 * k, swirl), (1 * k, mosaic)]), frame, 3)[0] for k in (1.0, 16.0)
    ]
    torch.testing.assert_close(*results, atol=1e-4, rtol=0)


def test_a_style_is_scaled_to_the_frame_and_keeps_its_shape(make, picture):
    wide = picture("swirl", 100, 200)
    stage = make(style_scale=1.0)
    assert stage.scaled_style(wide, (90, 160)).shape == (1, 3, 80, 160)
    assert stage.scaled_style(wide, (160, 90)).shape == (1, 3, 80, 160)
    assert make(style_scale=0.5).scaled_style(wide, (90, 160)).shape == (1, 3, 40, 80)
    assert make(style_scale=2.0).scaled_style(wide, (90, 160)).shape == (1, 3, 160, 320)


def test_a_style_is_never_too_small_for_the_network(make, picture):
    stage = make(style_scale=0.05)
    scaled = stage.scaled_style(picture("swirl", 40, 200), (48, 64))
    assert min(scaled.shape[2:]) >= stage.smallest_px
    stage.extract(scaled)


def test_the_size_of_the_style_matters(make, frame):
    results = [run(make(style_scale=scale), frame, 3)[0] for scale in (0.5, 1.5)]
    assert (results[0] - results[1]).abs().mean() > 1e-3


def test_styles_are_looked_at_once_for_each_size(make, frame):
    stage = make(scales=2)
    run(stage, frame, 1)
    targets = stage._targets[SIZE]
    run(stage, frame, 1)
    assert stage._targets[SIZE] is targets


def test_coarse_to_fine_goes_through_its_sizes(make, random_network, frame, swirl):
    stage = make(scales=3, scale_factor=1.5)
    sizes = stage.sizes(frame)
    assert sizes[-1] == SIZE
    assert len(sizes) == 3
    told = []
    result = stage.run_coarse_to_fine(
        frame, frame, 12, step_size=0.02, on_iteration=lambda n, _: told.append(n)
    )
    assert told == list(range(1, 37))
    assert result.shape == frame.shape
    assert style_distance(random_network, result, swirl) < 0.5 * style_distance(
        random_network, frame, swirl
    )


def test_no_size_is_coarser_than_asked_and_the_frame_itself_is_always_there(make, frame):
    sizes = make(scales=3, scale_factor=1.5, coarsest=40).sizes(frame)
    assert sizes == [(32, 43), SIZE]
    assert make(scales=3, coarsest=1000).sizes(frame) == [SIZE]


def test_a_rough_style_bears_more_roughness_than_a_smooth_one(make, frame, swirl):
    """The same weight of the variation smooths less where the style itself is rough."""
    smooth = resize(resize(swirl, (24, 24)), (64, 64))
    slopes = [
        gradient_of_variation(make([(1.0, style)], tv_weight=1.0), frame)
        for style in (swirl, smooth)
    ]
    ratio = style_roughness([(1.0, swirl)]) / style_roughness([(1.0, smooth)])
    assert ratio > 2
    torch.testing.assert_close(slopes[1], slopes[0] * ratio, rtol=1e-4, atol=1e-9)


def gradient_of_variation(stage, frame):
    _, term = stage.objective(frame, None).terms["variation"]
    image = frame.clone().requires_grad_()
    return torch.autograd.grad(term(image, {}), image)[0]


@pytest.mark.parametrize("settings", [{}, {"style_weight": None}])
def test_a_stage_without_a_style_weight_is_refused(random_network, swirl, settings):
    with pytest.raises(SettingsError, match="no style weight"):
        StyleStage(random_network, StyleSettings(**settings), CONTENT, STYLE, [(1.0, swirl)])


def test_one_size_is_a_plain_run(make, frame):
    coarse = make(scales=1).run_coarse_to_fine(frame, frame, 3, step_size=0.02)
    assert torch.equal(coarse, run(make(), frame, 3)[0])


def test_lbfgs_paints_too(make, random_network, frame, swirl):
    result, losses = run(make(optimizer="lbfgs"), frame, 30)
    assert losses[-1] < 0.5 * losses[0]
    assert losses[-1] < 0.9 * losses[10]
    assert 0 <= result.min() < result.max() <= 1
    assert style_distance(random_network, result, swirl) < 0.5 * style_distance(
        random_network, frame, swirl
    )


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_the_papers_normalisation_paints_too(make, random_network, frame, swirl, optimizer):
    stage = make(normalisation="gatys", style_weight=1e6, tv_weight=0.0, optimizer=optimizer)
    result, losses = run(stage, frame)
    assert losses[-1] < 0.5 * losses[0]
    assert style_distance(random_network, result, swirl) < style_distance(
        random_network, frame, swirl
    )


def test_the_relative_normalisation_means_the_same_at_any_size(random_network, picture):
    """The first loss at twice the size is nearly that at the size; the paper's is far more."""
    ratios = {}
    for kind in ("relative", "gatys"):
        first = []
        for scale in (1, 2):
            stage = StyleStage(
                random_network,
                StyleSettings(normalisation=kind, style_weight=0.0, tv_weight=0.0),
                CONTENT,
                STYLE,
                [(1.0, picture("swirl", 64, 64))],
            )
            content = picture("frame", 48 * scale, 64 * scale)
            start = torch.full_like(content, 0.5)
            first.append(run(stage, content, 1, start=start)[1][0])
        ratios[kind] = first[1] / first[0]
    assert 0.7 < ratios["relative"] < 1.4
    assert ratios["gatys"] > 3


def test_a_frame_is_done_on_a_plateau(make, frame):
    _, losses = run(make(stop_change=0.9, stop_window=5), frame, 100)
    assert len(losses) == 5
    _, losses = run(make(stop_change=0.0), frame, 12)
    assert len(losses) == 12


def test_average_pooling_paints_too(make, random_network, frame):
    averaged = run(make(network=random_network.with_pooling("average")), frame)
    assert averaged[1][-1] < 0.6 * averaged[1][0]
    assert not torch.equal(averaged[0], run(make(), frame)[0])


def test_an_unknown_layer_is_an_error_with_the_near_names(random_network, swirl):
    for content, style in ((("fire44", 1.0),), STYLE), (CONTENT, (("relu9", 1.0),)):
        with pytest.raises(ModelError, match=r"no layer .*did you mean"):
            StyleStage(
                random_network, StyleSettings(style_weight=5.0), content, style, [(1.0, swirl)]
            )


def test_averaging_changes_what_is_returned_and_not_the_way_there(make, frame):
    last, mean = (run(make(averaging=a), frame, 8) for a in (0.0, 0.9))
    assert last[1] == mean[1]
    assert not torch.equal(last[0], mean[0])
    one, other = (run(make(averaging=a, optimizer="lbfgs"), frame, 2)[0] for a in (0.0, 0.9))
    assert torch.equal(one, other)  # L-BFGS has no noise to average out


def test_lbfgs_works_without_the_term_of_the_picture_itself(make, frame):
    """Then the gradient comes straight from the network, in its memory layout."""
    _, losses = run(make(optimizer="lbfgs", tv_weight=0.0), frame, 5)
    assert losses[-1] < losses[0]


@pytest.mark.shared
def test_the_trained_network_paints(real_network, picture):
    spec = network_spec("squeezenet1_0")
    content = picture("frame", 64, 96)
    stage = StyleStage(
        real_network,
        StyleSettings(style_weight=5.0),
        spec.default_content_layers,
        spec.default_style_layers,
        [(1.0, picture("swirl", 96, 96))],
    )
    _, losses = run(stage, content, 40)
    assert losses[-1] < 0.6 * losses[0]


def judged(network, image, content, style):
    """The weighted loss of a result in float32, whatever it was painted with."""
    return content_distance(network, image, content) + 10 * style_distance(network, image, style)


def test_bfloat16_paints_as_well_as_float32(make, random_network, frame, swirl):
    spec = network_spec("squeezenet1_0")
    model = spec.bare_model().to_empty(device="cpu")
    low = spec.network(model)
    low.load_state_dict(random_network.state_dict())
    low = low.to(torch.bfloat16)
    losses, results = {}, {}
    for name, network in (("float32", random_network), ("bfloat16", low)):
        results[name], losses[name] = run(make(network=network), frame, 60, step_size=0.005)
    assert losses["bfloat16"][0] == pytest.approx(losses["float32"][0], rel=0.02)
    assert losses["bfloat16"][-1] == pytest.approx(losses["float32"][-1], rel=0.02)
    exact, found = (
        judged(random_network, results[n], frame, swirl) for n in ("float32", "bfloat16")
    )
    assert found == pytest.approx(exact, rel=0.02)


@pytest.mark.shared
def test_bfloat16_paints_as_well_with_the_trained_network(real_weights, real_network, picture):
    """Measured over five runs: from 6% better to 3.6% worse.

    Float32 itself differs by 1% where its start differs by a hundred thousandth, and at four times
    this step size by up to 9%: the way down is chaotic, so that no two precisions end alike.
    """
    spec = network_spec("squeezenet1_0")
    low = load("squeezenet1_0", files=real_weights, dtype=torch.bfloat16)
    content, losses = picture("frame", 64, 96), {}
    for name, network in (("float32", real_network), ("bfloat16", low)):
        stage = StyleStage(
            network,
            StyleSettings(style_weight=10.0),
            spec.default_content_layers,
            spec.default_style_layers,
            [(1.0, picture("swirl", 96, 96))],
        )
        _, losses[name] = run(stage, content, 40, step_size=0.005)
    assert losses["bfloat16"][0] == pytest.approx(losses["float32"][0], rel=0.01)
    assert losses["bfloat16"][-1] < 1.06 * losses["float32"][-1]
