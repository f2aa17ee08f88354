"""Convolutions back to few channels are torch's own, and are run several rows at a time."""

import pytest
import torch
import torch.nn.functional as nnf
from torch import nn

from framestyle.networks import NETWORKS, rows
from framestyle.networks.layers import ReflectingConv2d
from framestyle.networks.packed import PackedConv2d, Weights
from framestyle.onednn import can_pack
from tests.marks import needs_onednn


def frozen(layer):
    return layer.requires_grad_(False).to(memory_format=torch.channels_last)


def slope(layer, x, of_made):
    at = x.clone().requires_grad_(True)
    return torch.autograd.grad(layer(at), at, of_made)[0]


@needs_onednn
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize(
    ("kernel", "padding"),
    [((3, 3), (1, 1)), ((3, 3), (0, 0)), ((3, 3), (2, 0)), ((2, 2), (1, 0)), ((5, 1), (2, 0))],
)
@pytest.mark.parametrize("count", [1, 2])
def test_the_way_back_is_torchs(channels, kernel, padding, count):
    like = frozen(nn.Conv2d(channels, 16, kernel, padding=padding))
    assert rows.gains(like)
    ours = PackedConv2d(like, Weights(like))
    for height in range(5, 17):  # whatever is left over of the rows at a time
        x = torch.randn(count, channels, height, 11)
        x = x.contiguous(memory_format=torch.channels_last)
        of_made = torch.randn_like(like(x))
        made, expected = (slope(layer, x, of_made) for layer in (ours, like))
        torch.testing.assert_close(made, expected, rtol=1e-5, atol=1e-5)


@needs_onednn
@pytest.mark.parametrize("size", [(2, 2), (3, 2), (2, 5), (4, 3), (7, 6), (40, 33)])
def test_the_way_back_through_a_reflected_border_is_torchs(size):
    like = frozen(ReflectingConv2d(3, 16))
    ours = PackedConv2d(like, Weights(like))
    x = torch.randn(1, 3, *size)

    def exact(at):
        at = nnf.pad(at.double(), (1, 1, 1, 1), mode="reflect")
        return nnf.conv2d(at, like.weight.double(), like.bias.double())

    of_made = torch.randn(1, 16, *size)
    expected = slope(exact, x, of_made.double())
    torch.testing.assert_close(slope(ours, x, of_made), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not can_pack("cpu", torch.bfloat16), reason="no bfloat16 of oneDNN's here")
def test_bfloat16_is_rounded_once():
    like = frozen(nn.Conv2d(3, 64, 3, padding=1)).bfloat16()
    x = torch.randn(1, 3, 24, 31).bfloat16().contiguous(memory_format=torch.channels_last)
    of_made = torch.randn_like(like(x))
    made = slope(PackedConv2d(like, Weights(like)), x, of_made).float()
    exact = slope(like.float(), x.float(), of_made.float())
    # what rounding to eight bits takes off at most, and little more for another order of sums
    assert ((made - exact).abs() <= 2.0**-8 * exact.abs() + 1e-4).all()


def test_what_gains_by_it():
    assert rows.gains(nn.Conv2d(3, 16, 3))
    assert rows.gains(nn.Conv2d(8, 16, 3))
    assert not rows.gains(nn.Conv2d(9, 16, 3))  # not two rows at a time
    assert not rows.gains(nn.Conv2d(3, 16, 1))
    assert not rows.gains(nn.Conv2d(3, 16, 3, stride=2))
    assert not rows.gains(nn.Conv2d(3, 16, 3, dilation=2))
    assert not rows.gains(nn.Conv2d(6, 16, 3, groups=2))


@needs_onednn
@pytest.mark.parametrize("name", ["vgg19", "lite"])
@pytest.mark.usefixtures("by_onednn")
def test_networks_come_back_to_the_picture_so(name, make_model, monkeypatch):
    network = NETWORKS[name].network(make_model(name))
    layer = {"vgg19": "relu1_2", "lite": "relu2_1"}[name]
    made = []
    kernels = rows.kernels_by_rows
    monkeypatch.setattr(rows, "kernels_by_rows", lambda w: made.append(w.shape) or kernels(w))
    image = torch.rand(1, 3, 33, 40).requires_grad_(True)
    extract = network.extractor([layer])
    for _ in range(2):
        torch.autograd.grad(extract(image)[layer].square().sum(), image)
    assert [shape[0] for shape in made] == [3]


@needs_onednn
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("like", [nn.Conv2d(3, 16, 3, padding=0), ReflectingConv2d(3, 32)])
@pytest.mark.parametrize("size", [(9, 8), (24, 33)])
def test_a_column_beside_a_narrow_gradient_changes_nothing(like, dtype, size, monkeypatch):
    if not can_pack("cpu", dtype):
        pytest.skip("no bfloat16 of oneDNN's here")
    like = frozen(like.to(dtype))
    ours = PackedConv2d(like, Weights(like), rectifies=True)
    x = torch.randn(1, 3, *size).to(dtype).contiguous(memory_format=torch.channels_last)
    of_made = torch.randn_like(ours(x))
    assert ours.packed.beside(of_made) == 1
    with_column = slope(ours, x, of_made)
    monkeypatch.setattr(rows, "is_narrow", lambda x: False)
    assert ours.packed.beside(of_made) == 0
    without = slope(ours, x, of_made)
    torch.testing.assert_close(
        with_column, without, rtol=2e-2 if dtype != torch.float32 else 1e-5, atol=1e-5
    )


def test_which_gradients_get_a_column_beside_them():
    assert rows.is_narrow(torch.empty(1, 32, 4, 479))
    assert not rows.is_narrow(torch.empty(1, 32, 4, 480))
    assert not rows.is_narrow(torch.empty(1, 33, 4, 40))


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_kernels_lie_a_row_lower_each(channels):
    weight = torch.randn(channels, 2, 3, 3)
    many, count = rows.kernels_by_rows(weight), rows.CHANNELS // channels
    assert many.shape == (rows.CHANNELS, 2, 3 + count - 1, 3)
    for row in range(count):
        own = many[row * channels : (row + 1) * channels]
        assert torch.equal(own[:, :, row : row + 3], weight)
    assert int((many != 0).sum()) == count * weight.numel()
    assert many.numel() <= rows.growth(channels, 3) * weight.numel()
