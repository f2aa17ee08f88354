"""Products of matrices by convolutions of one by one are torch's own."""

import pytest
import torch

from framestyle import onednn
from framestyle.objectives.distances import GramProducts
from tests.marks import needs_onednn


def rows_of(count, columns):
    return torch.randn(count, columns, generator=torch.Generator().manual_seed(count))


@needs_onednn
@pytest.mark.parametrize("columns", [8, 16, 64, 96, 160])
@pytest.mark.parametrize("per_column", [16, 39, 101])
def test_products_are_exact_to_rounding(columns, per_column):
    rows = rows_of(per_column * columns + 3, columns)
    exact = rows.double().T @ rows.double()
    made = onednn.gram(rows)
    assert (made - exact).norm() / exact.norm() < 1e-6
    symmetric, onto = made / len(rows), rows_of(len(rows), columns).add_(1.0)
    expected = onto.double() + rows.double() @ symmetric.double()
    onednn.add_product(onto, rows, symmetric)
    assert (onto - expected).norm() / expected.norm() < 1e-6


def test_what_does_not_gain_is_left_to_torch(monkeypatch):
    monkeypatch.setattr(onednn, "is_measured", lambda: True)
    rows = torch.zeros(40000, 64)
    assert onednn.can_multiply(rows) == onednn.can_pack("cpu", torch.float32)
    assert not onednn.can_multiply(torch.zeros(48000, 60))
    assert not onednn.can_multiply(torch.zeros(40000, 128)[:, :64])
    assert not onednn.can_multiply(rows[:20000])
    assert not onednn.can_multiply(rows.double())
    assert not onednn.can_multiply(rows.to("meta"))
    monkeypatch.undo()
    assert onednn.can_multiply(rows) <= (torch.backends.cpu.get_cpu_capability() == "AVX2")


@needs_onednn
@pytest.mark.parametrize("count", [1, 4])
def test_gram_products_use_it_on_any_number_of_threads(count, monkeypatch):
    monkeypatch.setattr(onednn, "LEAST_MULTIPLICATIONS", 0)
    monkeypatch.setattr(onednn, "is_measured", lambda: True)
    threads = torch.get_num_threads()
    features = rows_of(60 * 50, 64).view(1, 60, 50, 64).permute(0, 3, 1, 2)
    onto = torch.ones(1, 64, 60, 50).contiguous(memory_format=torch.channels_last)
    products = GramProducts()
    torch.set_num_threads(count)
    try:
        assert onednn.can_multiply(rows_of(3000, 64))
        total = products.total(features)
        slope = products.slope(
            features, total, 3000, onto.clone(memory_format=torch.preserve_format)
        )
        monkeypatch.setattr(onednn, "can_multiply", lambda rows: False)
        expected = products.total(features)
        by_torch = products.slope(features, expected, 3000, onto)
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(slope, by_torch, rtol=1e-5, atol=1e-3)
