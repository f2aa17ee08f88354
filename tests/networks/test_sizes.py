"""Sizes of maps: what follows from a stage's settings is what torch makes of it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from framestyle.networks.layers import ReflectingConv2d
from framestyle.networks.sizes import map_sizes

sides = st.integers(1, 40)


@st.composite
def windows(draw):
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    return kernel, stride, padding


@st.composite
def stages(draw):
    (kernel, stride, padding), ceil = draw(windows()), draw(st.booleans())
    dilation = draw(st.integers(1, 3))
    return draw(
        st.sampled_from(
            [
                nn.Conv2d(3, 2, kernel, stride, padding, dilation),
                nn.Conv2d(3, 2, kernel, stride, padding, padding_mode="reflect"),
                ReflectingConv2d(3, 2),
                nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil),
                nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil),
                nn.ReLU(),
            ]
        )
    )


@given(stages(), sides, sides)
@settings(max_examples=300, deadline=None)
def test_sizes_are_those_that_torch_makes(stage, height, width):
    try:
        with torch.no_grad():
            expected = tuple(stage(torch.zeros(1, 3, height, width)).shape[2:])
    except RuntimeError:
        with pytest.raises(RuntimeError):
            map_sizes([stage], (height, width))
    else:
        assert map_sizes([stage], (height, width)) == [expected]
