"""Carrying a picture along a flow."""

import math

import torch
import torch.nn.functional as nnf
from torch import Tensor

LOBES = 6
"""Of Lanczos' kernel, to each side: sharper with more, and ringing further."""

BILINEAR_SHARE = 0.2
"""torch's bicubic kernel (a = -0.75) lifts what lies at half of the band by 3 percent, and a
bilinear one lowers it by 13; this much of both keeps waves over 2.6 pixels within 0.7 percent."""

OVERSHOOT = 0.35
"""That mixture moves shapes too far by this times t (1 - t) (1 - 2 t) of a pixel, at a share t of
the way to the next: a fifth of a short way, which adds up over a shot."""


def look_up(image: Tensor, flow: Tensor) -> Tensor:
    """Look up ``image`` at p + flow(p) for every pixel p, bilinear; beyond the edge it repeats.

    With flow[a->b] and a picture of b this gives b's picture as a sees it ("backward warping").

    Args:
        image: (1, C, H, W).
        flow: (1, 2, H, W) in pixels, (x, y).

    Returns:
        (1, C, H, W), of the image's type.
    """
    height, width = image.shape[2:]
    places = grid(height, width, flow.device, flow.dtype) + flow
    return _sampled(image, places, "bilinear")


def carry(image: Tensor, flow: Tensor) -> Tensor:
    """Look ``image`` up as ``look_up`` does, with next to no loss of sharpness.

    A picture that is carried through a shot is resampled in every frame, and what each loses adds
    up. So it is first brought to twice its size with Lanczos' kernel (Duchon 1979): its finest
    detail then lies at half of the band, where a look-up changes next to nothing. It
    overshoots at edges: clamp the result where it has a range.

    Arguments and result as in ``look_up``. Where the flow is 0 the picture stays as it is.
    """
    height, width = image.shape[2:]
    places = _undershot(2.0 * (grid(height, width, flow.device, flow.dtype) + flow))
    large = twice_as_large(image)
    bicubic, bilinear = (_sampled(large, places, mode) for mode in ("bicubic", "bilinear"))
    carried = torch.lerp(bicubic, bilinear, BILINEAR_SHARE)
    # exactly, for rounding would add up too
    return torch.where((flow == 0).all(dim=1, keepdim=True), image, carried)


def _undershot(places: Tensor) -> Tensor:
    """Return from where that mixture brings what lies at some places."""
    t = places - places.floor()
    # a step of Newton's: where t plus the overshoot is what is wanted
    too_far, slope = t * (1.0 - t) * (1.0 - 2.0 * t), 1.0 - 6.0 * t + 6.0 * t.square()
    return places - OVERSHOOT * too_far / (1.0 + OVERSHOOT * slope)


def twice_as_large(image: Tensor) -> Tensor:
    """Return a picture (1, C, H, W) at twice its size: every second pixel is one of its own."""
    for dim, border in ((3, (LOBES - 1, LOBES, 0, 0)), (2, (0, 0, LOBES - 1, LOBES))):
        count = image.shape[dim]
        wide = nnf.pad(image, border, mode="replicate")
        between = torch.zeros_like(image)
        for lobe, weight in enumerate(_lanczos()):  # a sum of rows: a convolution takes twice that
            left = wide.narrow(dim, LOBES - 1 - lobe, count)
            between.add_(left + wide.narrow(dim, LOBES + lobe, count), alpha=weight)
        image = torch.stack([image, between], dim=dim + 1).flatten(dim, dim + 1)
    return image


def _lanczos() -> list[float]:
    """Weights of the pixels to each side of the middle between two, from the nearest outwards."""

    def sinc(x: float) -> float:
        return math.sin(math.pi * x) / (math.pi * x)

    weights = [sinc(at + 0.5) * sinc((at + 0.5) / LOBES) for at in range(LOBES)]
    return [weight / (2.0 * sum(weights)) for weight in weights]


def _sampled(image: Tensor, places: Tensor, mode: str) -> Tensor:
    """Sample a picture (1, C, H, W) at places (1, 2, h, w), in its pixels, (x, y)."""
    sides, device = (image.shape[3], image.shape[2]), image.device
    # grid_sample wants [-1, 1] between the centres of the corner pixels
    pairs = zip(places.unbind(dim=1), sides, strict=True)
    normal = torch.stack([at * (2.0 / max(side - 1, 1)) - 1.0 for at, side in pairs], dim=-1)
    # on Apple's GPUs it knows neither this border nor bicubic, before torch 2.11
    where = torch.device("cpu") if image.device.type == "mps" else image.device
    image, normal = image.to(where), normal.to(where, image.dtype)
    # on a CPU torch gives each thread pictures of its own, so that one is cut into as many
    count, height = torch.get_num_threads() if where.type == "cpu" else 1, normal.shape[1]
    if count > 1:
        normal = nnf.pad(normal, (0, 0, 0, 0, 0, -height % count))
        normal = normal.view(count, -1, *normal.shape[2:])
    sampled = nnf.grid_sample(
        image.expand(count, -1, -1, -1),
        normal,
        mode=mode,
        padding_mode="border",
        align_corners=True,
    )
    if count > 1:
        sampled = sampled.transpose(0, 1).flatten(1, 2)[None, :, :height].contiguous()
    return sampled.to(device)


def grid(height: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return the place of every pixel, (1, 2, H, W): x from 0 to W - 1, y from 0 to H - 1."""
    ys = torch.arange(height, device=device, dtype=dtype).view(-1, 1).expand(height, width)
    xs = torch.arange(width, device=device, dtype=dtype).view(1, -1).expand(height, width)
    return torch.stack([xs, ys])[None]


def outside(flow: Tensor) -> Tensor:
    """Return True where p + flow(p) leaves the frame: (1, 1, H, W) bool.

    A pixel's centre stands for the pixel, so the frame ends half a pixel beyond the last centres.
    """
    height, width = flow.shape[2:]
    across, down = (grid(height, width, flow.device, flow.dtype) + flow).chunk(2, dim=1)
    beyond = (across > width - 0.5) | (down > height - 0.5)
    return beyond | (across < -0.5) | (down < -0.5)


def resize_flow(flow: Tensor, height: int, width: int) -> Tensor:
    """Scale a flow (1, 2, h, w) to another size; its vectors scale with it."""
    if flow.shape[2:] == (height, width):
        return flow
    factor = torch.tensor([width / flow.shape[3], height / flow.shape[2]], device=flow.device)
    size = (height, width)
    resized = nnf.interpolate(flow, size=size, mode="bilinear", align_corners=False)
    return resized * factor.view(1, 2, 1, 1).to(flow.dtype)
