"""One picture that turns into another."""

import torch
import torch.nn.functional as nnf
from torch import Tensor

BOX_SHARE = 1 / 36
"""Of a frame's longest side: the side of the neighbourhood in which contrast is measured."""
MOST_GAIN = 1.6
LEAST_CONTRAST = 1 / 255


def dissolved(before: Tensor, after: Tensor, share: Tensor) -> Tensor:
    """Mix two pictures and keep the contrast of their details.

    A plain mean of pictures whose strokes differ is duller than either: in the middle of a
    dissolve, half of the sharpness is gone. Where it is, the details of the mean are raised to the
    mean of both contrasts.

    Args:
        before: (1, 3, H, W) in [0, 1].
        after: Of the same shape and range.
        share: How much of ``after`` there is, (1, 1, H, W) in [0, 1].

    Returns:
        The mixture, of the same shape and range; where the share is 0 or 1, one of them as it is.
    """
    mean = torch.lerp(before, after, share)
    wanted = torch.lerp(_contrast(before)[0], _contrast(after)[0], share)
    contrast, blurred = _contrast(mean)
    gain = (wanted / contrast.clamp(min=LEAST_CONTRAST)).clamp(1.0, MOST_GAIN)
    mixed = torch.lerp(blurred, mean, gain).clamp(0.0, 1.0)
    return torch.where((share > 0) & (share < 1), mixed, mean)


def _contrast(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return the deviation from the neighbourhood's mean, (1, 1, H, W), and that mean."""
    blurred = _boxed(picture)
    square = (picture - blurred).square().mean(dim=1, keepdim=True)
    return _boxed(square).sqrt(), blurred


def _boxed(values: Tensor) -> Tensor:
    """Return the mean over a box around each place, of what is in the frame."""
    reach = max(1, round(max(values.shape[2:]) * BOX_SHARE / 2))
    for along in ((1, 0), (0, 1)):
        kernel = tuple(2 * reach * axis + 1 for axis in along)
        pad = tuple(reach * axis for axis in along)
        values = nnf.avg_pool2d(values, kernel, 1, pad, count_include_pad=False)
    return values
