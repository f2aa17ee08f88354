"""The sizes at which a frame is optimised, coarse to fine."""

import torch
import torch.nn.functional as nnf
from torch import Tensor

Size = tuple[int, int]
"""(height, width) in pixels."""


def resize(image: Tensor, size: Size) -> Tensor:
    """Scale an image (1, 3, H, W) in [0, 1] to a size, bicubic, smoothed where it shrinks."""
    if image.shape[2:] == size:
        return image
    # on Apple's GPUs there is none of these before torch 2.8
    where = torch.device("cpu") if image.device.type == "mps" else image.device
    scaled = nnf.interpolate(image.to(where), size=size, mode="bicubic", antialias=True)
    return scaled.clamp(0.0, 1.0).to(image.device)


def pyramid(full: Size, levels: int, factor: float, smallest_px: int) -> list[Size]:
    """Return the sizes from the smallest to the full one, each ``factor`` times the one before.

    Args:
        full: The frame's own size, always the last.
        levels: How many sizes at most.
        factor: Over 1.
        smallest_px: Sizes with a shorter side are left out.
    """
    sizes = []
    for level in reversed(range(levels)):
        size = (round(full[0] * factor**-level), round(full[1] * factor**-level))
        if level == 0 or min(size) >= smallest_px:
            sizes.append(size)
    return sizes


def fitted(picture: Tensor, frame: Size, share: float, smallest_px: int) -> Tensor:
    """Scale a picture (1, 3, H, W), in its own shape, to go with frames of a size.

    Args:
        picture: The picture, in [0, 1].
        frame: Size of the frames.
        share: The picture's longest side as a share of the frames' longest.
        smallest_px: No side gets shorter; the network needs so much.
    """
    height, width = size_of(picture)
    scale = max(share * max(frame) / max(height, width), smallest_px / min(height, width))
    return resize(picture, (round(height * scale), round(width * scale)))


def size_of(image: Tensor) -> Size:
    """Return (height, width) of an image (1, C, H, W)."""
    return image.shape[2], image.shape[3]
