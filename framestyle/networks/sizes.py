"""How large the maps of a network are, and how small a picture may be for its layers."""

from collections.abc import Sequence

import torch
from torch import nn

from framestyle.networks import zoo
from framestyle.networks.bare import without_numbers
from framestyle.networks.fields import Kernel, Size, kernels_of, window_of

LARGEST_PX = 1 << 14


def map_sizes(stages: Sequence[nn.Module], size: Size) -> list[Size]:
    """Return the size of every stage's map for pictures of a size; nothing is computed.

    Args:
        stages: Modules that run one after the other.
        size: Of the picture.

    Raises:
        RuntimeError: A kernel does not fit in its map.
    """
    sizes = []
    for stage in stages:
        size = _size_after(stage, size)
        sizes.append(size)
    return sizes


def smallest_side(stages: Sequence[nn.Module], least: int = 1) -> int:
    """Return the side of the smallest square image that passes through ``stages``.

    Args:
        stages: Modules that run one after the other, the first on three channels. Their maps may
            only shrink from one to the next, so the last one decides.
        least: Sides that the last map must have at least, in positions.
    """
    dtype = next(stages[0].parameters()).dtype
    # for all sides that are tried: those that torch is asked of are not copied for each
    stages = [without_numbers(stage, dtype) for stage in stages]

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


def _size_after(stage: nn.Module, size: Size) -> Size:
    """Return the size of a stage's map.

    It follows from the kernel of the stage where there is one at most: nothing else in it changes
    the size. Of blocks torch is asked, which has to load its compiler for that.
    """
    kernels = kernels_of(stage)
    if not kernels:
        return size
    if len(kernels) == 1:
        windows = zip(size, *window_of(kernels[0]), strict=True)
        height, width = (_side_after(kernels[0], side, *window) for side, *window in windows)
        return height, width
    if zoo.is_fire(stage):
        return size
    channels = next(layer.in_channels for layer in kernels if isinstance(layer, nn.Conv2d))
    dtype = next(stage.parameters()).dtype
    with torch.no_grad():
        x = torch.empty(1, channels, *size, device="meta", dtype=dtype)
        made = without_numbers(stage, dtype)(x)
    return made.shape[2], made.shape[3]


def _side_after(
    stage: Kernel, side: int, kernel: int, stride: int, padding: int, dilation: int
) -> int:
    over = stride - 1 if getattr(stage, "ceil_mode", False) else 0
    count = (side + 2 * padding - dilation * (kernel - 1) - 1 + over) // stride + 1
    if over and (count - 1) * stride >= side + padding:  # it would begin after the end
        count -= 1
    reflects = getattr(stage, "padding_mode", "zeros") == "reflect"
    if count < 1 or (reflects and padding >= side):
        raise RuntimeError(f"a kernel of {kernel} does not fit in a map of {side}")
    return count
