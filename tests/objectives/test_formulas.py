"""Each formula against the paper's, written out in float64; gradients; descent; sizes."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from framestyle.objectives import formulas
from framestyle.objectives.distances import gram


def draw(*shape, seed=0, spread=1.0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def doubled(features):
    """Every position four times: what a picture of twice the size would give."""
    return features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def numbers(tensor):
    return tensor.detach().double().numpy()


def gradient_of(function, x):
    x = x.clone().requires_grad_(True)
    (grad,) = torch.autograd.grad(function(x), x)
    return grad


# --- values ---------------------------------------------------------------------------------------


def test_content_gatys_is_equation_1():
    x, target = draw(1, 3, 4, 5), draw(1, 3, 4, 5, seed=1)
    expected = 0.5 * sum((a - b) ** 2 for a, b in zip(numbers(x).flat, numbers(target).flat,
                                                      strict=True))  # fmt: skip
    assert float(formulas.content_gatys(x, target)) == pytest.approx(expected, rel=1e-5)


def test_style_gatys_is_equation_4():
    """E_l = 1 / (4 N^2 M^2) sum (G - A)^2, G and A the papers' own, not divided by M."""
    x, target = draw(1, 3, 4, 5), draw(1, 3, 4, 5, seed=1)
    n, m = 3, 20
    f, p = numbers(x)[0].reshape(n, m), numbers(target)[0].reshape(n, m)
    total = 0.0
    for i in range(n):
        for j in range(n):
            g = sum(f[i, k] * f[j, k] for k in range(m))
            a = sum(p[i, k] * p[j, k] for k in range(m))
            total += (g - a) ** 2
    value = formulas.style_gatys(x, gram(target))
    assert float(value) == pytest.approx(total / (4 * n**2 * m**2), rel=1e-5)


def test_content_relative_is_a_share_of_the_targets_energy():
    x, target = draw(1, 3, 4, 5), draw(1, 3, 4, 5, seed=1)
    f, p = numbers(x), numbers(target)
    expected = ((f - p) ** 2).sum() / (p**2).sum()
    assert float(formulas.content_relative(x, target)) == pytest.approx(expected, rel=1e-5)
    assert float(formulas.content_relative(target, target)) == 0
    assert float(formulas.content_relative(0 * x, target)) == pytest.approx(1)


def charbonnier(share):
    return 2 * ((1 + share) ** 0.5 - 1)


def test_style_relative_is_a_share_of_the_targets_energy_held_in_check():
    x, target = draw(1, 3, 4, 5), gram(draw(1, 3, 6, 7, seed=1))
    share = ((numbers(gram(x)) - numbers(target)) ** 2).sum() / (numbers(target) ** 2).sum()
    assert float(formulas.style_relative(x, target)) == pytest.approx(charbonnier(share), rel=1e-5)
    assert float(formulas.style_relative(x, gram(x))) == pytest.approx(0, abs=1e-9)
    assert float(formulas.style_relative(0 * x, target)) == pytest.approx(2 * (2**0.5 - 1))


def test_style_relative_is_the_share_where_near_and_its_root_where_far():
    x = draw(1, 3, 6, 7, seed=1)
    near, far = (float(formulas.style_relative(f**0.5 * x, gram(x))) for f in (1.01, 1001.0))
    assert near == pytest.approx(0.01**2, rel=1e-2)
    assert far == pytest.approx(2 * 1000, rel=1e-2)


def test_a_black_featureless_target_gives_finite_values_and_gradients():
    zero = torch.zeros(1, 3, 4, 5)
    assert float(formulas.content_relative(zero, zero)) == 0
    assert float(formulas.style_relative(zero, gram(zero))) == 0
    grad = gradient_of(lambda x: formulas.content_relative(x, zero), draw(1, 3, 4, 5, spread=1e-3))
    assert torch.isfinite(grad).all()


def test_total_variation_is_the_sum_of_squared_differences_of_neighbours():
    image = draw(1, 3, 4, 5)
    x = numbers(image)[0]
    total = 0.0
    for c in range(3):
        for i in range(4):
            for j in range(5):
                total += (x[c, i, j] - x[c, i, j + 1]) ** 2 if j + 1 < 5 else 0
                total += (x[c, i, j] - x[c, i + 1, j]) ** 2 if i + 1 < 4 else 0
    assert float(formulas.total_variation_sum(image)) == pytest.approx(total, rel=1e-5)
    assert float(formulas.total_variation_mean(image)) == pytest.approx(total / 60, rel=1e-5)


def test_temporal_is_equation_7():
    x, w = draw(1, 3, 4, 5), draw(1, 3, 4, 5, seed=1)
    c = torch.rand(1, 1, 4, 5, generator=torch.Generator().manual_seed(2))
    total = 0.0
    for k in range(3):
        for i in range(4):
            for j in range(5):
                total += float(c[0, 0, i, j]) * (float(x[0, k, i, j]) - float(w[0, k, i, j])) ** 2
    assert float(formulas.temporal(x, w, c)) == pytest.approx(total / (3 * 4 * 5), rel=1e-5)


def test_temporal_does_not_look_where_the_flow_cannot_be_trusted():
    x, w = draw(1, 3, 4, 5), draw(1, 3, 4, 5, seed=1)
    c = torch.ones(1, 1, 4, 5)
    c[..., :2] = 0
    other = w.clone()
    other[..., :2] += 100
    assert float(formulas.temporal(x, w, c)) == float(formulas.temporal(x, other, c))
    assert not gradient_of(lambda y: formulas.temporal(y, w, c), x)[..., :2].any()


def test_activation_is_the_mean_square():
    f = draw(1, 4, 3, 5)
    n = numbers(f)
    assert float(formulas.activation(f)) == pytest.approx((n**2).mean(), rel=1e-5)
    chosen = formulas.activation(f, torch.tensor([1, 3]))
    assert float(chosen) == pytest.approx((n[:, [1, 3]] ** 2).mean(), rel=1e-5)
    assert float(chosen) != pytest.approx((n**2).mean(), rel=1e-3)


def guided_by_loops(features, guide):
    """For each position the guide's vector with the largest dot product, in numpy or torch."""
    channels, positions = features.shape
    total = 0.0
    for place in range(positions):
        products = [sum(features[c, place] * row[c] for c in range(channels)) for row in guide]
        total = total + max(products)
    return total / (channels * positions)


def test_guided_activation_is_the_best_dot_product_at_each_position():
    features, guide = draw(1, 3, 2, 4), draw(5, 3, seed=1)
    expected = guided_by_loops(numbers(features)[0].reshape(3, 8), numbers(guide))
    assert float(formulas.guided_activation(features, guide)) == pytest.approx(expected, rel=1e-5)


def test_gaussian_blur_is_a_normalised_gaussian():
    image = torch.zeros(1, 2, 21, 21)
    image[0, 1, 10, 10] = 1
    blurred = numbers(formulas.gaussian_blur(image, 1.5))
    assert not blurred[0, 0].any()
    at = np.arange(-4, 5)  # three sigma, rounded: 4 (of 4.5, to even)
    kernel = np.exp(-0.5 * (at / 1.5) ** 2)
    kernel /= kernel.sum()
    np.testing.assert_allclose(blurred[0, 1, 6:15, 6:15], np.outer(kernel, kernel), atol=1e-6)
    assert blurred[0, 1].sum() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 5), (16, 16)])
@pytest.mark.parametrize("sigma", [0.3, 2.0, 50.0])
def test_gaussian_blur_keeps_a_flat_picture_at_any_size(size, sigma):
    flat = torch.full((1, 3, *size), 0.4)
    torch.testing.assert_close(formulas.gaussian_blur(flat, sigma), flat)


def test_a_blur_of_less_than_a_tenth_of_a_pixel_is_none():
    image = draw(1, 3, 4, 5)
    assert formulas.gaussian_blur(image, 0.09) is image


# --- gradients ------------------------------------------------------------------------------------

TARGET = draw(1, 3, 4, 5, seed=1, dtype=torch.float64)
RELIABILITY = (draw(1, 1, 4, 5, seed=2, dtype=torch.float64) > 0).double()
GUIDE = draw(5, 3, seed=3, dtype=torch.float64)


def gram_64(f):
    rows = f.flatten(2)[0]
    return torch.einsum("ik,jk->ij", rows, rows) / rows.shape[1]


OBJECTIVES = {
    "content_gatys": (
        lambda x: formulas.content_gatys(x, TARGET.to(x.dtype)),
        lambda x: 0.5 * ((x - TARGET) ** 2).sum(),
    ),
    "content_relative": (
        lambda x: formulas.content_relative(x, TARGET.to(x.dtype)),
        lambda x: ((x - TARGET) ** 2).sum() / (TARGET**2).sum(),
    ),
    "style_gatys": (
        lambda x: formulas.style_gatys(x, gram(TARGET.to(x.dtype))),
        lambda x: ((gram_64(x) - gram_64(TARGET)) ** 2).sum() / (4 * 3**2),
    ),
    "style_relative": (
        lambda x: formulas.style_relative(x, gram(TARGET.to(x.dtype))),
        lambda x: charbonnier(
            ((gram_64(x) - gram_64(TARGET)) ** 2).sum() / (gram_64(TARGET) ** 2).sum()
        ),
    ),
    "total_variation_sum": (
        formulas.total_variation_sum,
        lambda x: (x.diff(dim=2) ** 2).sum() + (x.diff(dim=3) ** 2).sum(),
    ),
    "total_variation_mean": (
        formulas.total_variation_mean,
        lambda x: ((x.diff(dim=2) ** 2).sum() + (x.diff(dim=3) ** 2).sum()) / 60,
    ),
    "temporal": (
        lambda x: formulas.temporal(x, TARGET.to(x.dtype), RELIABILITY.to(x.dtype)),
        lambda x: (
            torch.einsum("ncij,ncij,ncij->", RELIABILITY.expand_as(x), x - TARGET, x - TARGET) / 60
        ),
    ),
    "activation": (
        lambda x: -formulas.activation(x),  # climbed, so its negative goes down
        lambda x: -torch.einsum("ncij,ncij->", x, x) / 60,
    ),
    "guided_activation": (
        lambda x: -formulas.guided_activation(x, GUIDE.to(torch.float32)),
        lambda x: -guided_by_loops(x.flatten(2)[0], GUIDE),
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_gradient_is_that_of_the_formula_written_out(name):
    ours, written_out = OBJECTIVES[name]
    x = draw(1, 3, 4, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(written_out, x.clone().requires_grad_(True))
    expected = gradient_of(written_out, x)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(gradient_of(ours, x.float()), expected.float(), rtol=1e-4, atol=1e-6)


def test_the_gradient_of_the_style_is_equation_6():
    """dE/dF_ij = 1 / (N^2 M^2) (F^T (G - A))_ji, with the paper's own G and A."""
    x = draw(1, 3, 4, 5)
    f, p = numbers(x)[0].reshape(3, 20), numbers(TARGET)[0].reshape(3, 20)
    expected = (f.T @ (f @ f.T - p @ p.T)).T / (3**2 * 20**2)
    grad = gradient_of(OBJECTIVES["style_gatys"][0], x)
    np.testing.assert_allclose(numbers(grad)[0].reshape(3, 20), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_few_steps_along_the_gradient_lower_it(name):
    ours, _ = OBJECTIVES[name]
    x = draw(1, 3, 4, 5)
    values = [float(ours(x))]
    for _ in range(5):
        grad = gradient_of(ours, x)
        x = x - 0.01 * grad / grad.square().mean().sqrt()
        values.append(float(ours(x)))
    assert all(after < before for before, after in pairwise(values)), values


# --- precision and layout -------------------------------------------------------------------------


def test_losses_of_bfloat16_features_are_float32_and_near():
    x, target = draw(1, 8, 16, 16), draw(1, 8, 16, 16, seed=1)
    for loss in (formulas.content_gatys, formulas.content_relative):
        low = loss(x.bfloat16(), target.bfloat16())
        assert low.dtype == torch.float32
        assert float(low) == pytest.approx(float(loss(x, target)), rel=0.01)
    low = formulas.activation(x.bfloat16())
    assert low.dtype == torch.float32
    assert float(low) == pytest.approx(float(formulas.activation(x)), rel=0.01)


# --- sizes ----------------------------------------------------------------------------------------


def test_means_do_not_depend_on_the_size_of_the_picture():
    x, target = draw(1, 3, 4, 5), draw(1, 3, 4, 5, seed=1)
    c = RELIABILITY.float()
    for small, large in (
        (
            formulas.content_relative(x, target),
            formulas.content_relative(doubled(x), doubled(target)),
        ),
        (
            formulas.style_relative(x, gram(target)),
            formulas.style_relative(doubled(x), gram(doubled(target))),
        ),
        (
            formulas.temporal(x, target, c),
            formulas.temporal(doubled(x), doubled(target), doubled(c)),
        ),
        (formulas.activation(x), formulas.activation(doubled(x))),
        (
            formulas.guided_activation(x, GUIDE.float()),
            formulas.guided_activation(doubled(x), GUIDE.float()),
        ),
    ):
        assert float(large) == pytest.approx(float(small), rel=1e-5)
    # the paper's content grows with the picture: the two normalisations are really two
    ratio = formulas.content_gatys(doubled(x), doubled(target)) / formulas.content_gatys(x, target)
    assert float(ratio) == pytest.approx(4, rel=1e-5)


def test_the_mean_total_variation_of_a_texture_does_not_depend_on_how_much_of_it_there_is():
    small, large = draw(1, 3, 64, 64), draw(1, 3, 256, 256, seed=1)
    values = [float(formulas.total_variation_mean(image)) for image in (small, large)]
    assert values[1] == pytest.approx(values[0], rel=0.05)
    assert math.isclose(values[0], 4, rel_tol=0.1)  # two neighbours, two variances each
