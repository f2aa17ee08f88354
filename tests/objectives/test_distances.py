"""Squared distances: the sums written out in float64, and the gradients written by hand."""

import numpy as np
import pytest
import torch

from framestyle.objectives.distances import (
    as_rows,
    gram,
    gram_distance,
    roughness,
    squared_distance,
    squared_norm,
    weighted_distance,
)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def numbers(tensor):
    return tensor.detach().double().numpy()


def gradient_of(function, x, factor=3.0):
    """Gradient of a multiple of the function, so that what comes from above is not 1."""
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_(True)
    (grad,) = torch.autograd.grad(factor * function(x), x)
    return grad


def gram_64(features):
    rows = features.double().flatten(2)[0]
    return torch.einsum("ik,jk->ij", rows, rows) / rows.shape[1]


TARGET = draw(1, 6, 4, 5, seed=1)
WEIGHTS = draw(1, 1, 4, 5, seed=2).abs()
GRAM = gram_64(draw(1, 6, 3, 3, seed=3)).float()

DISTANCES = {
    "squared": (
        lambda x: squared_distance(x, TARGET.to(x.dtype)),
        lambda x: ((x - TARGET) ** 2).sum(),
    ),
    "weighted": (
        lambda x: weighted_distance(x, TARGET, WEIGHTS),
        lambda x: (WEIGHTS * (x - TARGET) ** 2).sum(),
    ),
    "roughness": (
        roughness,
        lambda x: (x.diff(dim=2) ** 2).sum() + (x.diff(dim=3) ** 2).sum(),
    ),
    "gram": (
        lambda x: gram_distance(x, GRAM),
        lambda x: ((gram_64(x) - GRAM) ** 2).sum(),
    ),
}


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_value_and_gradient_are_those_of_the_sum_written_out(name, layout):
    ours, written_out = DISTANCES[name]
    x = draw(1, 6, 4, 5).to(memory_format=layout)
    value = ours(x)
    assert value.dtype == torch.float32
    assert value.shape == ()
    assert float(value) == pytest.approx(float(written_out(x.double())), rel=1e-5)
    expected = gradient_of(written_out, x.double()).float()
    torch.testing.assert_close(gradient_of(ours, x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DISTANCES)
def test_the_gradient_is_that_of_small_differences(name):
    ours, _ = DISTANCES[name]
    x, direction = draw(1, 6, 4, 5), draw(1, 6, 4, 5, seed=7)
    step = 1e-2  # the distances are of second or fourth degree: a central difference is near exact
    found = (ours(x + step * direction) - ours(x - step * direction)) / (2 * step)
    expected = (gradient_of(ours, x, 1.0) * direction).sum()
    assert float(found) == pytest.approx(float(expected), rel=5e-3, abs=1e-2)


@pytest.mark.parametrize("name", ["squared", "gram"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_of_bfloat16_features_the_sum_is_float32_and_the_gradient_theirs(name, layout):
    ours, written_out = DISTANCES[name]
    x = draw(1, 6, 4, 5).bfloat16().to(memory_format=layout)
    assert ours(x).dtype == torch.float32
    assert float(ours(x)) == pytest.approx(float(written_out(x.double())), rel=0.01)
    grad = gradient_of(ours, x)
    assert grad.dtype == torch.bfloat16
    expected = gradient_of(written_out, x.double())
    assert float((grad.double() - expected).norm() / expected.norm()) < 0.01


@pytest.mark.parametrize("name", ["squared", "gram"])
def test_the_gradient_of_channels_last_features_is_channels_last(name):
    ours, _ = DISTANCES[name]
    x = draw(1, 6, 4, 5).to(memory_format=torch.channels_last)
    assert gradient_of(ours, x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", DISTANCES)
def test_at_the_target_there_is_nothing_and_no_gradient(name):
    if name == "roughness":
        ours, x = roughness, torch.full((1, 6, 4, 5), 0.3)
    elif name == "gram":
        x = draw(1, 6, 4, 5)
        target = gram(x)
        ours = lambda y: gram_distance(y, target)  # noqa: E731
    else:
        ours, x = DISTANCES[name][0], TARGET
    assert float(ours(x)) == pytest.approx(0, abs=1e-9)
    assert gradient_of(ours, x).abs().max() < 1e-5


def test_a_picture_of_one_row_or_column_has_a_roughness():
    row = draw(1, 3, 1, 7)
    assert float(roughness(row)) == pytest.approx(float(row.diff(dim=3).square().sum()), rel=1e-5)
    torch.testing.assert_close(roughness(row.mT), roughness(row))
    assert float(roughness(row[..., :1])) == 0


def test_gram_is_the_product_of_features_over_their_positions():
    features = draw(1, 3, 4, 5)
    f = numbers(features)[0].reshape(3, 20)
    expected = [
        [sum(f[i, k] * f[j, k] for k in range(20)) / 20 for j in range(3)] for i in range(3)
    ]
    np.testing.assert_allclose(numbers(gram(features)), expected, rtol=1e-5, atol=1e-7)


def test_gram_of_bfloat16_features_accumulates_in_float32():
    features = draw(1, 8, 128, 128).abs().bfloat16()
    found = gram(features.to(memory_format=torch.channels_last))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(numbers(found), gram_64(features).numpy(), rtol=2e-3)
    distance = gram_distance(features, torch.zeros(8, 8))
    assert float(distance) == pytest.approx(float(gram_64(features).square().sum()), rel=2e-3)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_squared_norm_of_millions_of_numbers_is_exact(layout, dtype):
    """One float32 sum over the features of a large frame was wrong by up to several per cent."""
    many = torch.rand(1, 64, 256, 256, generator=torch.Generator().manual_seed(0))
    many = many.to(dtype).to(memory_format=layout)
    assert squared_norm(many).dtype == torch.float32
    expected = sum(float(part.double().square().sum()) for part in many.unbind(1))
    assert float(squared_norm(many)) == pytest.approx(expected, rel=3e-5)


def test_rows_of_channels_last_features_are_a_view():
    features = draw(1, 3, 4, 5).to(memory_format=torch.channels_last)
    assert as_rows(features).shape == (20, 3)
    assert as_rows(features).data_ptr() == features.data_ptr()
    torch.testing.assert_close(as_rows(features)[7], features[0, :, 1, 2])
