"""Layers with written out gradients are torch's own layers."""

import copy

import pytest
import torch
import torch.nn.functional as nnf
from torch import nn

from framestyle.networks.layers import ReflectingConv2d, Shape, normalised, reflected
from framestyle.networks.pooling import HalvingMean, LeanMaxPool2d, lean, short
from framestyle.onednn import can_pack

SIZES = [(2, 2), (2, 5), (3, 4), (7, 9), (16, 12)]


def both(ours, theirs, x):
    results = []
    for layer in (ours, theirs):
        at = x.clone().requires_grad_(True)
        made = layer(at)
        weights = torch.linspace(-1, 2, made.numel(), dtype=x.dtype).view_as(made)
        results.append((made.detach(), torch.autograd.grad((made * weights).sum(), at)[0]))
    return results


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_mean_of_squares(size, count, layout):
    x = torch.rand(count, 5, *size, dtype=torch.float64).to(memory_format=layout)
    (ours, grad), (theirs, expected) = both(HalvingMean(), nn.AvgPool2d(2), x)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(grad, expected)


@pytest.mark.skipif(not can_pack("cpu", torch.bfloat16), reason="no bfloat16 of oneDNN's here")
@pytest.mark.parametrize("channels", [1, 5, 16, 32, 64])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("size", [(2, 2), (2, 5), (7, 9), (30, 17)])
def test_the_mean_of_squares_of_few_channels_is_torchs(channels, count, size):
    x = torch.randn(count, channels, *size).bfloat16().contiguous(memory_format=torch.channels_last)
    made, expected = HalvingMean()(x), nnf.avg_pool2d(x, 2)
    assert torch.equal(made, expected)
    assert made.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("channels", [4, 5, 8, 16, 17, 32])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("size", [(2, 2), (3, 3), (4, 2), (2, 5), (7, 9), (7, 4), (30, 17)])
def test_the_way_back_of_few_channels_is_torchs(dtype, channels, count, size):
    last = {"memory_format": torch.channels_last}
    x = torch.randn(count, channels, *size).to(dtype).contiguous(**last).requires_grad_(True)
    made = nnf.avg_pool2d(x, 2)
    grad = torch.randn(made.shape).to(dtype).contiguous(**last)
    (expected,) = torch.autograd.grad(made, x, grad)
    back = HalvingMean().back(grad, [], Shape.of(x), spare=False)
    assert torch.equal(back, expected)
    assert back.is_contiguous(**last) or made[0, 0].numel() == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("learns", [False, True])
def test_a_convolution_with_reflected_borders(size, count, layout, learns):
    ours = ReflectingConv2d(5, 4).double().requires_grad_(learns)
    theirs = nn.Conv2d(5, 4, 3, padding=1, padding_mode="reflect").double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(count, 5, *size, dtype=torch.float64).to(memory_format=layout)
    (made, grad), (other, expected) = both(ours, theirs, x)
    torch.testing.assert_close(made, other)
    torch.testing.assert_close(grad, expected)


POOLS = {
    "VGG's": {"kernel_size": 2},
    "SqueezeNet's": {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    "overlapping": {"kernel_size": 3, "stride": 1, "padding": 1, "ceil_mode": True},
    "uneven": {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0), "dilation": (2, 1)},
}


def saved_by(layer, x):
    """What a layer keeps for the way back: tensors that autograd saves."""
    saved = []

    def keep(tensor):
        saved.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        layer(x.clone().requires_grad_(True))
    return saved


@pytest.mark.parametrize("size", [(8, 9), (13, 16)])
@pytest.mark.parametrize("in_two_bytes", [False, True])
@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maxima_and_their_gradient_are_torchs_own(name, in_two_bytes, size, layout, dtype):
    """To the bit, where squares hold the same number twice, too."""
    theirs = nn.MaxPool2d(**POOLS[name])
    ours = LeanMaxPool2d(theirs, short=in_two_bytes)
    x = torch.randint(-3, 3, (2, 5, *size)).to(dtype).to(memory_format=layout)
    (made, grad), (other, expected) = both(ours, theirs, x)
    assert torch.equal(made, other)
    assert torch.equal(grad, expected)
    assert grad.is_contiguous(memory_format=layout)


def test_of_a_map_that_is_pooled_places_are_kept_in_as_few_bytes_as_asked():
    x = torch.rand(1, 4, 16, 20)
    plain = nn.MaxPool2d(2)
    (eight,) = saved_by(LeanMaxPool2d(plain), x)
    (two,) = saved_by(LeanMaxPool2d(plain, short=True), x)
    assert (eight.dtype, two.dtype) == (torch.int64, torch.int16)
    assert eight.shape == two.shape == (1, 4, 8, 10)


def test_places_that_two_bytes_do_not_reach_keep_eight():
    x = torch.rand(1, 1, 4, 1 << 15)
    plain = nn.MaxPool2d(2)
    (kept,) = saved_by(LeanMaxPool2d(plain, short=True), x)
    assert kept.dtype == torch.int64
    (made, grad), (other, expected) = both(LeanMaxPool2d(plain, short=True), plain, x)
    assert torch.equal(made, other)
    assert torch.equal(grad, expected)


def test_where_the_way_back_looks_for_maxima_the_map_is_kept():
    stages = [nn.Conv2d(3, 4, 3), nn.MaxPool2d(2)]
    assert [type(stage) for stage in lean(stages, torch.device("mps"))] == [nn.Conv2d, nn.MaxPool2d]
    assert isinstance(lean(stages, torch.device("cpu"))[1], LeanMaxPool2d)
    assert not lean(stages, torch.device("cpu"))[1].short
    assert short(lean(stages, torch.device("cpu")))[1].short
    assert short(stages) == stages


@pytest.fixture
def fresh_memory_is_not_a_number():
    before = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = before


@pytest.mark.usefixtures("fresh_memory_is_not_a_number")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_no_number_is_read_of_maps_that_are_needed_for_their_size(layout):
    assert bool(torch.empty(3).isnan().all())
    ours = ReflectingConv2d(5, 4).requires_grad_(False)
    theirs = nn.Conv2d(5, 4, 3, padding=1, padding_mode="reflect")
    theirs.load_state_dict(ours.state_dict())
    pool = nn.MaxPool2d(2)
    pairs = (ours, theirs), (LeanMaxPool2d(pool), pool), (LeanMaxPool2d(pool, short=True), pool)
    x = torch.rand(2, 5, 12, 9).to(memory_format=layout)
    for pair in pairs:
        (made, grad), (other, expected) = both(*pair, x)
        torch.testing.assert_close(made, other)
        torch.testing.assert_close(grad, expected)


def test_a_convolution_whose_weights_do_not_learn_keeps_no_map():
    layer = ReflectingConv2d(3, 4)
    x = torch.rand(2, 3, 8, 8)
    assert any(tensor.shape[1:] == (3, 10, 10) for tensor in saved_by(layer, x))
    layer.requires_grad_(False)
    (weight,) = saved_by(layer, x)
    assert weight.shape == layer.weight.shape
    layer.bias.requires_grad_(True)
    layer(x).sum().backward()
    assert float(layer.bias.grad[0]) == 2 * 8 * 8


def test_weights_learn_as_with_torchs_layer():
    ours = ReflectingConv2d(3, 4, bias=False)
    x = torch.rand(2, 3, 8, 8)
    ours(x).square().mean().backward()
    padded = nnf.pad(x, (1, 1, 1, 1), mode="reflect")
    weight = ours.weight.detach().clone().requires_grad_(True)
    nnf.conv2d(padded, weight).square().mean().backward()
    torch.testing.assert_close(ours.weight.grad, weight.grad)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 3])
def test_the_border_that_a_gpu_gets_is_the_same_and_channels_last(size, count):
    x = torch.rand(count, 5, *size).to(memory_format=torch.channels_last)
    made = reflected(x)
    assert torch.equal(made, nnf.pad(x, (1, 1, 1, 1), mode="reflect"))
    assert made.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layer", [ReflectingConv2d(3, 4), nn.Conv2d(3, 4, 3)])
def test_the_gradient_of_a_picture_lies_as_the_picture(layer, dtype):
    image = torch.rand(1, 3, 12, 14, requires_grad=True)
    layer = copy.deepcopy(layer).to(dtype, memory_format=torch.channels_last).requires_grad_(False)
    x = normalised(image, torch.full((1, 3, 1, 1), 2.0), torch.zeros(1, 3, 1, 1), dtype)
    (grad,) = torch.autograd.grad(layer(x).float().square().sum(), image)
    assert grad.dtype == torch.float32
    assert grad.stride() == image.stride()
