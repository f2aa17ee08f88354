"""The terms: that they hold their target, weigh their layers and blend their styles."""

import numpy as np
import pytest
import torch

from framestyle.errors import SettingsError
from framestyle.objectives import (
    ContentLoss,
    DreamActivation,
    GuidedActivation,
    StyleLoss,
    TemporalLoss,
    TotalVariation,
    WeightedSum,
    formulas,
    split_channels,
    style_roughness,
    style_targets,
)

IMAGE = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(9))
LAYERS = (("shallow", 1.0), ("deep", 3.0))


def features_of(seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return {
        "shallow": scale * torch.randn(1, 4, 8, 8, generator=generator),
        "deep": scale * torch.randn(1, 6, 4, 4, generator=generator),
        "unused": torch.randn(1, 2, 2, 2, generator=generator),
    }


def gradients(term, features):
    inputs = {name: f.clone().requires_grad_(True) for name, f in features.items()}
    term(IMAGE, inputs).backward()
    return {name: f.grad for name, f in inputs.items()}


def test_the_weighted_sum_gives_its_weighted_terms_by_name():
    content = ContentLoss(LAYERS, features_of(0))
    total, terms = WeightedSum({"content": (2.0, content), "variation": (0.5, TotalVariation())})(
        IMAGE, features_of(1)
    )
    assert list(terms) == ["content", "variation"]
    assert float(terms["content"]) == pytest.approx(2 * float(content(IMAGE, features_of(1))))
    assert float(terms["variation"]) == pytest.approx(
        0.5 * float(formulas.total_variation_mean(IMAGE))
    )
    assert float(total) == pytest.approx(sum(float(value) for value in terms.values()))


def test_the_weighted_sum_has_the_weighted_gradient_and_detached_terms():
    parts = {
        "content": (2.0, ContentLoss(LAYERS, features_of(0))),
        "variation": (0.5, TotalVariation()),
    }
    image = IMAGE.clone().requires_grad_(True)
    features = {
        "shallow": image.repeat(1, 2, 1, 1)[:, :4],
        "deep": image[:, :, ::2, ::2].repeat(1, 2, 1, 1),
    }
    total, terms = WeightedSum(parts)(image, features)
    assert not any(value.requires_grad for value in terms.values())
    (grad,) = torch.autograd.grad(total, image, retain_graph=True)
    expected = sum(w * torch.autograd.grad(term(image, features), image, retain_graph=True)[0]
                   for w, term in parts.values())  # fmt: skip
    torch.testing.assert_close(grad, expected)


def test_terms_of_weight_0_are_not_computed():
    def never(image, features):
        raise AssertionError

    total, terms = WeightedSum({"never": (0.0, never), "variation": (1.0, TotalVariation())})(
        IMAGE, {}
    )
    assert list(terms) == ["variation"]
    assert float(total) > 0


def test_a_sum_of_nothing_is_0_and_has_a_gradient():
    image = IMAGE.clone().requires_grad_(True)
    total, terms = WeightedSum({})(image, {})
    total.backward()
    assert float(total.detach()) == 0
    assert terms == {}
    assert not image.grad.any()


def test_content_relative_is_the_weighted_mean_over_layers():
    x, target = features_of(1), features_of(0)
    parts = {name: formulas.content_relative(x[name], target[name]) for name, _ in LAYERS}
    expected = (1 * parts["shallow"] + 3 * parts["deep"]) / 4
    assert float(ContentLoss(LAYERS, target)(IMAGE, x)) == pytest.approx(float(expected))


def test_content_gatys_is_the_weighted_sum_over_layers():
    x, target = features_of(1), features_of(0)
    expected = sum(
        w * 0.5 * ((x[name].double() - target[name].double()) ** 2).sum() for name, w in LAYERS
    )
    assert float(ContentLoss(LAYERS, target, "gatys")(IMAGE, x)) == pytest.approx(float(expected))


def test_style_gatys_is_equation_5():
    """L = sum_l w_l E_l with E_l = 1 / (4 N_l^2 M_l^2) sum_ij (G_ij - A_ij)^2."""
    x, picture = features_of(1), features_of(0)
    total = 0.0
    for name, weight in LAYERS:
        f = x[name].double().numpy()[0].reshape(x[name].shape[1], -1)
        p = picture[name].double().numpy()[0].reshape(f.shape)
        n, m = f.shape
        g, a = np.einsum("ik,jk->ij", f, f), np.einsum("ik,jk->ij", p, p)
        total += weight * ((g - a) ** 2).sum() / (4 * n**2 * m**2)
    loss = StyleLoss(LAYERS, style_targets([(1.0, picture)], LAYERS), "gatys")
    assert float(loss(IMAGE, x)) == pytest.approx(total, rel=1e-5)


def test_style_relative_is_the_weighted_mean_over_layers():
    x, targets = features_of(1), style_targets([(1.0, features_of(0))], LAYERS)
    parts = {n: formulas.style_relative(x[n], targets[n]) for n, _ in LAYERS}
    expected = (1 * parts["shallow"] + 3 * parts["deep"]) / 4
    assert float(StyleLoss(LAYERS, targets)(IMAGE, x)) == pytest.approx(float(expected))


@pytest.mark.parametrize("normalisation", ["relative", "gatys"])
def test_a_target_at_its_own_features_is_0_with_no_gradient(normalisation):
    x = features_of(0)
    for term in (
        ContentLoss(LAYERS, x, normalisation),
        StyleLoss(LAYERS, style_targets([(1.0, x)], LAYERS), normalisation),
    ):
        assert float(term(IMAGE, x)) == pytest.approx(0, abs=1e-9)
        grads = gradients(term, x)
        assert max(float(grads[name].abs().max()) for name, _ in LAYERS) < 1e-6
        assert grads["unused"] is None


def test_the_weights_of_layers_weigh():
    x, target = features_of(1), features_of(0)
    only_deep = ContentLoss((("shallow", 0.0), ("deep", 2.0)), target)(IMAGE, x)
    expected = formulas.content_relative(x["deep"], target["deep"])
    assert float(only_deep) == pytest.approx(float(expected))


def test_layers_that_all_weigh_nothing_give_0():
    layers = (("shallow", 0.0),)
    assert float(ContentLoss(layers, features_of(0))(IMAGE, features_of(1))) == 0


def test_targets_hold_no_graph():
    features = {name: f.requires_grad_(True) for name, f in features_of(0).items()}
    assert not any(t.requires_grad for t in style_targets([(1.0, features)], LAYERS).values())
    assert not any(t.requires_grad for t in ContentLoss(LAYERS, features).targets.values())


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 1.0), (0.2, 0.7)])
def test_a_blend_of_styles_pulls_as_the_styles_do_together(weights):
    """grad |G - sum b_i A_i|^2 = sum b_i grad |G - A_i|^2, with weights that sum to 1."""
    pictures, x = [features_of(0), features_of(5)], features_of(1)
    shares = [w / sum(weights) for w in weights]
    blended = StyleLoss(
        LAYERS, style_targets(list(zip(weights, pictures, strict=True)), LAYERS), "gatys"
    )
    each = [StyleLoss(LAYERS, style_targets([(1.0, p)], LAYERS), "gatys") for p in pictures]
    of_blend, of_each = gradients(blended, x), [gradients(term, x) for term in each]
    for name, _ in LAYERS:
        expected = sum(b * grads[name] for b, grads in zip(shares, of_each, strict=True))
        torch.testing.assert_close(of_blend[name], expected, rtol=1e-4, atol=1e-7)


def test_style_pictures_of_different_sizes_blend():
    small, large = features_of(0), {k: v.repeat(1, 1, 2, 3) for k, v in features_of(0).items()}
    alone, blended = (
        style_targets(styles, LAYERS) for styles in ([(1.0, small)], [(1.0, small), (2.0, large)])
    )
    for name, _ in LAYERS:  # the same picture, repeated: the same style
        torch.testing.assert_close(blended[name], alone[name])


def test_total_variation_knows_both_normalisations():
    mean, total = TotalVariation()(IMAGE, {}), TotalVariation(0.5, "gatys")(IMAGE, {})
    assert float(total) == pytest.approx(float(mean) * IMAGE.numel())


def test_total_variation_counts_beside_that_of_the_style():
    alone, beside = TotalVariation()(IMAGE, {}), TotalVariation(0.25)(IMAGE, {})
    assert float(beside) == pytest.approx(4 * float(alone))
    flat, smooth = TotalVariation(0.0)(IMAGE, {}), TotalVariation(TotalVariation.SMOOTHEST)
    assert float(flat) == float(smooth(IMAGE, {}))


def test_the_roughness_of_styles_is_their_weighted_mean():
    rough, flat = IMAGE, torch.full_like(IMAGE, 0.5)
    alone = style_roughness([(7.0, rough)])
    assert alone == pytest.approx(float(formulas.total_variation_mean(rough)))
    assert style_roughness([(1.0, rough), (3.0, flat)]) == pytest.approx(alone / 4)


def test_the_temporal_loss_holds_its_reference():
    reference, trusted = torch.zeros_like(IMAGE), torch.ones(1, 1, 8, 8)
    assert float(TemporalLoss(reference, trusted)(IMAGE, {})) == pytest.approx(
        float(IMAGE.square().mean())
    )
    assert float(TemporalLoss(IMAGE, trusted)(IMAGE, {})) == 0
    assert float(TemporalLoss(reference, 0 * trusted)(IMAGE, {})) == 0


def test_the_dream_sums_its_layers_with_their_coefficients():
    x = features_of(1)
    expected = sum(c * float((x[name].double() ** 2).mean()) for name, c in LAYERS)
    assert float(DreamActivation(LAYERS)(IMAGE, x)) == pytest.approx(expected)


def test_the_dream_takes_the_channels_named():
    x = features_of(1)
    value = DreamActivation((("deep#1+4", 2.0), ("deep#0", 1.0)))(IMAGE, x)
    f = x["deep"].double()
    expected = 2 * (f[:, [1, 4]] ** 2).mean() + (f[:, 0] ** 2).mean()
    assert float(value) == pytest.approx(float(expected))
    grad = gradients(DreamActivation((("deep#1+4", 2.0),)), x)["deep"]
    assert grad[:, [1, 4]].any()
    assert not grad[:, [0, 2, 3, 5]].any()


def test_the_guided_dream_sums_its_layers_with_their_coefficients():
    x, guide = features_of(1), features_of(0)
    expected = sum(
        c * float(formulas.guided_activation(x[name], guide[name].flatten(2)[0].T))
        for name, c in LAYERS
    )
    assert float(GuidedActivation(LAYERS, guide)(IMAGE, x)) == pytest.approx(expected)


def test_the_guide_may_have_another_size_than_the_frame():
    guide = {name: f[..., :3, :2] for name, f in features_of(0).items()}
    assert torch.isfinite(GuidedActivation(LAYERS, guide)(IMAGE, features_of(1)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Mixed_6c", ("Mixed_6c", ())), ("a#3", ("a", (3,))), ("a#3+17", ("a", (3, 17)))],
)
def test_channels_are_split_from_the_layer(text, expected):
    assert split_channels(text) == expected


@pytest.mark.parametrize("text", ["a#", "a#x", "a#3+", "a#-1", "a#1.5", "a#3#4", "a#²"])
def test_channels_that_are_no_numbers_are_refused(text):
    with pytest.raises(SettingsError, match="LAYER#3"):
        split_channels(text)
