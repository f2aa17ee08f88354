"""Convolutions by products at points are torch's own, with the error of a few roundings."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as nnf
from torch import nn

from framestyle import onednn
from framestyle.networks import NETWORKS, packed, winograd
from framestyle.networks.packed import PackedConv2d, Weights
from framestyle.networks.winograd import INSIDE, Grid, gains, grid_of, kernels_at_points, suits
from framestyle.onednn import can_pack
from tests.marks import needs_onednn

SIZES = [(16, 12), (13, 18), (3, 3), (5, 70), (70, 5), (41, 27)]
"""Of maps: whole tiles, parts of them, less than one, rows of more than are multiplied at a time,
and several bands of which the last is not whole."""
MOST_ERROR = 2e-6


def channels_last(*size):
    return torch.randn(size).contiguous(memory_format=torch.channels_last)


def error(made, exact):
    return float((made.double() - exact).norm() / exact.norm())


def convolve(x, weight, bias, padding, **how):
    kernels = kernels_at_points(weight, grid_of(x.shape, padding).at_a_time)
    return winograd.convolve(x, kernels, bias, padding, **how)


@pytest.fixture
def made(monkeypatch):
    """Kernels that are taken to the points from now on: their shape, and tiles at a time."""
    made = []

    def counted(weight, at_a_time):
        made.append((*weight.shape, at_a_time))
        return kernels_at_points(weight, at_a_time)

    monkeypatch.setattr(winograd, "kernels_at_points", counted)
    return made


def used_by_default(monkeypatch):
    """Have convolutions take it whatever the processor."""
    monkeypatch.setattr(onednn, "is_measured", lambda: True)


@needs_onednn
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (2, 2), (0, 2)])
@pytest.mark.parametrize("count", [1, 2])
def test_a_map_is_that_of_the_convolution(size, padding, count):
    x, weight, bias = channels_last(count, 24, *size), torch.randn(10, 24, 3, 3), torch.randn(10)
    exact = nnf.conv2d(x.double(), weight.double(), bias.double(), padding=padding)
    made = convolve(x, weight, bias, padding)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert made.shape == exact.shape
    assert error(made, exact) < MOST_ERROR
    cut_off = convolve(x, weight, bias, padding, rectifies=True)
    torch.testing.assert_close(cut_off, made.relu(), rtol=0, atol=0)
    bare = convolve(x, weight, None, padding)
    torch.testing.assert_close(made, bare + bias.view(1, -1, 1, 1), rtol=1e-4, atol=1e-4)


@needs_onednn
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_with_kernels_turned_it_is_the_way_back(size, padding):
    weight, grad = torch.randn(10, 24, 3, 3), channels_last(1, 10, *size)
    map_size = 1, 24, size[0] + 2 - 2 * padding, size[1] + 2 - 2 * padding
    exact = nn.grad.conv2d_input(map_size, weight.double(), grad.double(), padding=padding)
    turned = weight.flip(2, 3).transpose(0, 1)
    assert error(convolve(grad, turned, None, [2 - padding] * 2), exact) < MOST_ERROR


@needs_onednn
def test_the_error_does_not_grow_with_the_channels():
    weight, x = torch.randn(64, 512, 3, 3), channels_last(1, 512, 32, 32).relu()
    exact = nnf.conv2d(x.double(), weight.double(), padding=1)
    by_points = error(convolve(x, weight, None, (1, 1)), exact)
    as_written = error(nnf.conv2d(x, weight, padding=1), exact)
    assert by_points < MOST_ERROR
    assert by_points < 5 * as_written


@needs_onednn
def test_nothing_is_left_of_one_picture_in_the_next():
    weight, x = torch.randn(8, 24, 3, 3), channels_last(2, 24, 30, 30)
    x[0] *= 1e6
    made = convolve(x, weight, None, (1, 1))
    alone = convolve(x[1:], weight, None, (1, 1))
    torch.testing.assert_close(made[1:], alone, rtol=0, atol=0)


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (17, 960), (960, 17), (64, 64), (135, 240)])
def test_a_grid_covers_the_map(size):
    grid = Grid.of(*size)
    assert 0 <= INSIDE * grid.rows - size[0] < INSIDE
    assert 0 <= INSIDE * grid.columns - size[1] < INSIDE
    assert grid.at_a_time <= winograd.MOST_TILES
    assert grid.band == 1 or grid.at_a_time == grid.band * grid.columns
    made = -(-grid.rows // grid.band) * grid.band
    assert made - grid.rows <= grid.rows // 8  # little is computed in vain


def test_what_gains_by_it(monkeypatch):
    used_by_default(monkeypatch)
    assert gains(nn.Conv2d(128, 256, 3, padding=1))
    assert gains(nn.Conv2d(256, 96, 3))
    for other in (
        nn.Conv2d(64, 256, 3),
        nn.Conv2d(96, 96, 3),
        nn.Conv2d(256, 64, 3),
        nn.Conv2d(128, 128, (1, 3)),
        nn.Conv2d(128, 128, 5),
        nn.Conv2d(128, 128, 3, stride=2),
        nn.Conv2d(128, 128, 3, dilation=2),
        nn.Conv2d(128, 128, 3, groups=2),
    ):
        assert not gains(other)
    assert suits(torch.empty(1, 128, 28, 28))
    assert not suits(torch.empty(1, 128, 24, 24))
    assert suits(torch.empty(1, 512, 16, 12))
    assert not suits(torch.empty(1, 128, 48, 48, dtype=torch.bfloat16))
    monkeypatch.undo()
    capability = torch.backends.cpu.get_cpu_capability()
    assert gains(nn.Conv2d(128, 128, 3)) == (capability == "AVX2")


@needs_onednn
def test_layers_take_it_where_it_gains(monkeypatch, onednn_says):
    used_by_default(monkeypatch)
    like = nn.Conv2d(128, 128, 3, padding=1).requires_grad_(False)
    layer = PackedConv2d(like, Weights(like), rectifies=True)

    def there_and_back(size):
        x = channels_last(1, 128, size, size).requires_grad_(True)
        made = layer(x)
        numbers = made.detach()
        (grad,) = torch.autograd.grad(made.square().sum(), x)
        exact = x.detach().double().requires_grad_(True)
        expected = nnf.conv2d(exact, like.weight.double(), like.bias.double(), padding=1).relu()
        (slope,) = torch.autograd.grad(expected.square().sum(), exact)
        assert error(numbers, expected.detach()) < MOST_ERROR
        assert error(grad, slope) < 2 * MOST_ERROR

    with monkeypatch.context() as patched:
        patched.setattr(winograd, "LEAST_NUMBERS", 0)
        there_and_back(20)
        like.weight.mul_(1.5)
        like.bias.add_(1.0)
        there_and_back(20)
    there_and_back(20)
    x = channels_last(1, 128, 48, 48)
    layer(x)
    grid = grid_of(x.shape, [1, 1])
    # once for each band, and no kernels are reordered again
    assert onednn_says(lambda: layer(x)) == ["convolution"] * -(-grid.rows // grid.band)
    like.to(torch.bfloat16)
    if can_pack("cpu", torch.bfloat16):
        assert onednn_says(lambda: layer(x.bfloat16())) != []


@needs_onednn
def test_kernels_are_taken_to_the_points_once_for_all_threads(monkeypatch, made):
    used_by_default(monkeypatch)
    like = nn.Conv2d(128, 160, 3, padding=1).requires_grad_(False)
    weights = Weights(like)
    maps = [channels_last(1, 128, side, side) for side in (28, 36, 28, 36)]

    def exact(x):
        return nnf.conv2d(x.double(), like.weight.double(), like.bias.double(), padding=1)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: weights.forth(x, rectifies=False), maps))
        list(pool.map(weights.back, found))
    for x, convolved in zip(maps, found, strict=True):
        assert error(convolved, exact(x)) < MOST_ERROR
    assert len(made) == len(set(made)) == 4  # both sizes, both ways
    like.weight.data = like.weight.data * 2.0
    like.bias.data = like.bias.data + 1.0
    assert error(weights.forth(maps[0], rectifies=False), exact(maps[0])) < MOST_ERROR
    assert len(made) == 5


@needs_onednn
def test_sizes_that_are_seen_in_turn_take_the_kernels_of_before(monkeypatch, made):
    used_by_default(monkeypatch)
    monkeypatch.setattr(packed, "ORDERS_BYTES", 0)  # as of a layer with many channels
    like = nn.Conv2d(256, 256, 3, padding=1).requires_grad_(False)
    weights = Weights(like)
    for round_ in range(3):
        for side in (32, 45):
            x = channels_last(1, 256, side, side)
            exact = nnf.conv2d(x.double(), like.weight.double(), like.bias.double(), padding=1)
            found = weights.forth(x, rectifies=False)
            assert error(found, exact) < MOST_ERROR
            weights.back(found)
        if round_ == 0:
            first = len(made)
    assert len(set(made)) == 2
    assert len(made) == first == 4
    assert len(weights._kept) <= packed.LEAST_KEPT


@needs_onednn
def test_sizes_share_kernels_that_lie_in_the_same_order(monkeypatch, onednn_says):
    used_by_default(monkeypatch)
    like = nn.Conv2d(128, 160, 3, padding=1).requires_grad_(False)
    weights = Weights(like)
    maps = [channels_last(1, 128, side, side) for side in range(28, 72, 4)]
    for x in maps:
        weights.forth(x, rectifies=False)
    grids = [grid_of(x.shape, [1, 1]) for x in maps]
    orders = {
        onednn.order_of(kernels_at_points(like.weight, grid.at_a_time)) or grid.at_a_time
        for grid in grids
    }
    assert len(weights._kept) == len(orders)
    said = onednn_says(lambda: [weights.forth(x, rectifies=False) for x in maps])
    bands = sum(-(-grid.rows // grid.band) for grid in grids)
    assert said == ["convolution"] * bands  # and nothing is reordered


def test_a_whole_network_gives_what_it_gives_without(make_model, monkeypatch):
    used_by_default(monkeypatch)
    network = NETWORKS["vgg19"].network(make_model("vgg19"))
    extract = network.extractor(["relu3_1", "relu5_1"])
    image = torch.rand(1, 3, 160, 128, generator=torch.Generator().manual_seed(1))
    image.requires_grad_(True)
    results = []
    for least in (winograd.LEAST_NUMBERS, 1 << 60):
        monkeypatch.setattr(winograd, "LEAST_NUMBERS", least)
        features = extract(image)
        (grad,) = torch.autograd.grad(sum(f.square().mean() for f in features.values()), image)
        results.append((features, grad))
    (features, grad), (expected, slope) = results
    for layer, exact in expected.items():
        assert 0 < error(features[layer].detach(), exact.detach()) < 1e-5
    assert error(grad, slope) < 1e-2  # of a ReLU at 0, rounding decides which way it goes
