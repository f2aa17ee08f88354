"""Carrying a picture along a flow."""

import torch
import torch.nn.functional as nnf
from torch import Tensor


def look_up(image: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """Look up ``image`` at p + flow(p) for every pixel p; beyond the edge the edge is repeated.

    With flow[a->b] and a picture of b this gives b's picture as a sees it ("backward warping").

    Args:
        image: (1, C, H, W).
        flow: (1, 2, H, W) in pixels, (x, y).
        mode: ``"bilinear"`` or ``"bicubic"``. Bicubic keeps fine strokes through many frames, but
            overshoots at edges: clamp the result where it has a range.

    Returns:
        (1, C, H, W), of the image's type.
    """
    height, width = image.shape[2:]
    places = grid(height, width, flow.device, flow.dtype) + flow
    # grid_sample wants [-1, 1] between the centres of the corner pixels
    scale = torch.tensor([max(width - 1, 1), max(height - 1, 1)], device=flow.device)
    normal = places.permute(0, 2, 3, 1) * (2.0 / scale) - 1.0
    return nnf.grid_sample(
        image, normal.to(image.dtype), mode=mode, padding_mode="border", align_corners=True
    )


def grid(height: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the place of every pixel, (1, 2, H, W): x from 0 to W - 1, y from 0 to H - 1."""
    ys = torch.arange(height, device=device, dtype=dtype).view(-1, 1).expand(height, width)
    xs = torch.arange(width, device=device, dtype=dtype).view(1, -1).expand(height, width)
    return torch.stack([xs, ys])[None]


def resize_flow(flow: Tensor, height: int, width: int) -> Tensor:
    """Scale a flow (1, 2, h, w) to another size; its vectors scale with it."""
    if flow.shape[2:] == (height, width):
        return flow
    factor = torch.tensor([width / flow.shape[3], height / flow.shape[2]], device=flow.device)
    size = (height, width)
    resized = nnf.interpolate(flow, size=size, mode="bilinear", align_corners=False)
    return resized * factor.view(1, 2, 1, 1).to(flow.dtype)
