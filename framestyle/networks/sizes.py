"""How small a picture may be for the layers of a network."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.func import functional_call

LARGEST_PX = 1 << 14


def smallest_side(stages: Sequence[nn.Module], least: int = 1) -> int:
    """Return the side of the smallest square image that passes through ``stages``.

    Args:
        stages: Modules that run one after the other, the first on three channels. Their maps may
            only shrink from one to the next, so the last one decides.
        least: Sides that the last map must have at least, in positions.
    """
    weights = [{name: p.to("meta") for name, p in stage.named_parameters()} for stage in stages]

    def passes(side: int) -> bool:
        x = torch.empty(1, 3, side, side, device="meta", dtype=next(stages[0].parameters()).dtype)
        try:
            for stage, parameters in zip(stages, weights, strict=True):
                x = functional_call(stage, parameters, (x,))
        except RuntimeError:  # a kernel does not fit in its map
            return False
        return min(x.shape[-2:]) >= least

    low, high = 0, 1
    with torch.no_grad():
        while not passes(high) and high < LARGEST_PX:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if passes(middle) else (middle, high)
    return high
