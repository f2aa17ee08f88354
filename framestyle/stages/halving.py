"""Half and twice the size of small pictures, as the steps of an image need them.

On a CPU torch's own take three to four times as long on three channels: they read memory number by
number. On a GPU each of theirs is one kernel.
"""

import torch
import torch.nn.functional as nnf
from torch import Tensor


def halved(image: Tensor) -> Tensor:
    """Mean over squares of two by two; where a side is odd, over what the last ones have.

    Args:
        image: (1, C, H, W).

    Returns:
        (1, C, h, w), half of each side, rounded up.
    """
    if image.device.type != "cpu":
        return nnf.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
    height, width = image.shape[2:]
    if height % 2 or width % 2:  # a last row or column counts as its own partner
        image = nnf.pad(image, (0, width % 2, 0, height % 2), mode="replicate")
    rows = image[:, :, ::2] + image[:, :, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)


def doubled(image: Tensor, height: int, width: int) -> Tensor:
    """Scale up what ``halved`` made, bilinear; beyond the edge it repeats.

    Args:
        image: (1, C, h, w).
        height: Of the result: twice h, or one less.
        width: Of the result: twice w, or one less.

    Returns:
        (1, C, height, width).
    """
    if image.device.type == "cpu":
        large = _doubled_along(2, _doubled_along(3, image))
    else:
        large = nnf.interpolate(image, scale_factor=2, mode="bilinear")
    # where a side is odd, the last square has one row or column of the result, and stays a square
    return large[..., :height, :width]


def _doubled_along(dim: int, image: Tensor) -> Tensor:
    count = image.shape[dim]
    wide = nnf.pad(image, (1, 1, 0, 0) if dim == 3 else (0, 0, 1, 1), mode="replicate")
    shape = list(image.shape)
    shape[dim] *= 2
    result = image.new_empty(shape)
    pairs = result.view(*shape[:dim], count, 2, *shape[dim + 1 :])
    # the centres of the new ones lie a quarter to each side of that of the old one
    for half in range(2):
        beside = wide.narrow(dim, 2 * half, count)
        torch.lerp(image, beside, 0.25, out=pairs.select(dim + 1, half))
    return result
