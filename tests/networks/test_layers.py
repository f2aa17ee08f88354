"""Layers with written out gradients are torch's own layers."""

import pytest
import torch
import torch.nn.functional as nnf
from torch import nn

from framestyle.networks.layers import HalvingMean, ReflectingConv2d, reflected

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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_with_reflected_borders(size, count, layout):
    ours = ReflectingConv2d(5, 4).double()
    theirs = nn.Conv2d(5, 4, 3, padding=1, padding_mode="reflect").double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(count, 5, *size, dtype=torch.float64).to(memory_format=layout)
    (made, grad), (other, expected) = both(ours, theirs, x)
    torch.testing.assert_close(made, other)
    torch.testing.assert_close(grad, expected)


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
