"""How small a picture may be for the layers of a network."""

from collections.abc import Sequence

from torch import nn

from framestyle.networks.fields import map_sizes

LARGEST_PX = 1 << 14


def smallest_side(stages: Sequence[nn.Module], least: int = 1) -> int:
    """Return the side of the smallest square image that passes through ``stages``.

    Args:
        stages: Modules that run one after the other, the first on three channels. Their maps may
            only shrink from one to the next, so the last one decides.
        least: Sides that the last map must have at least, in positions.
    """

    def passes(side: int) -> bool:
        try:
            return min(map_sizes(stages, (side, side))[-1]) >= least
        except RuntimeError:  # a kernel does not fit in its map
            return False

    low, high = 0, 1
    while not passes(high) and high < LARGEST_PX:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high
