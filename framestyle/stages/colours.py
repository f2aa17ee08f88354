"""The colours of a frame, kept under what is painted."""

import torch
from torch import Tensor

from framestyle.transfer import uploaded


def with_colours_of(source: Tensor, result: Tensor) -> Tensor:
    """Give the result the colours of the source and keep its brightness (Gatys 2016b, luminance).

    Both (1, 3, H, W) in [0, 1]; the luma is that of BT.601.
    """
    weights = uploaded(torch.tensor([0.299, 0.587, 0.114]), source.device).view(1, 3, 1, 1)
    change = ((result - source) * weights).sum(dim=1, keepdim=True)
    return (source + change).clamp(0.0, 1.0)
