"""Slow moves of the camera: too small to be seen at any one place, and plain in all of them."""

import torch
import torch.nn.functional as nnf
from torch import Tensor

from framestyle.motion.warp import grid

CELL_PX = 8
"""Side of the squares of which the flow is averaged."""
TEXTURE = 4 / 255
"""Slope, a pixel, of a range of 1, from which a place says something of the motion."""
SCALES_PX = (1.0, 0.5, 0.25, 0.12)
"""How far a flow may be from the camera's to count a quarter as much, in turn."""
SLOWEST_PX, FASTEST_PX = 0.02, 1.0
"""Moves a frame that count, root mean square. Slower ones are not told from errors of the flow, and
faster ones are seen place by place."""
NEAR = 0.5
"""How far a flow may be from the camera's to agree with it, of its length."""
AGREEING = 0.5
"""Share of what says something that has to agree."""
EDGE, AT_EDGE, SIDES = 6, 0.25, 3
"""What agrees has to reach so many sides of the frame: in the outer sixth there, as much as this of
what it has anywhere. A head before a wall that is out of focus is not the camera."""
LEAST_SEEN, MOST_SEEN = 0.5, 2.5
"""How far the frames themselves may have moved along that motion, of its length: a search makes
small moves too small."""
TRUSTED_PX = 0.5
"""From here on a search's moves are as long as they are, and slopes say too much."""
LEAST = 1e-12
"""Keeps divisions finite where a frame is plain or nothing moves."""


def camera_motion(flow: Tensor, other: Tensor, this: Tensor) -> Tensor:
    """Return the slow motion of the whole frame, a shift, turn and zoom; 0 where there is none.

    It is fitted to the flow by least squares in turns, in which what is far from it counts less
    and less (Geman and McClure 1987), so that what moves by itself has no say. It holds only where
    most of the flow agrees, to the sides of the frame, and the frames bear it out: how far they
    have moved along it, their slopes and differences say without the bias of a search (Lucas and
    Kanade 1981).

    Args:
        flow: flow[this->other], (1, 2, H, W), in pixels.
        other: The frame that it leads to, (1, 3, H, W) in [0, 1].
        this: The frame that it starts from, of the same shape.

    Returns:
        (1, 2, H, W), in pixels.
    """
    size = flow.shape[2], flow.shape[3]
    places = grid(*size, flow.device, flow.dtype)
    down, across = torch.gradient(0.5 * (this + other), dim=(2, 3))
    square = (down.square() + across.square()).mean(dim=1, keepdim=True)
    telling = square / (square + TEXTURE**2)
    told = _cells(telling)
    seen, at = (_cells(telling * field) / told.clamp(min=LEAST) for field in (flow, places))
    fitted, weights = torch.zeros_like(seen), told
    for scale in SCALES_PX:
        weights = told * (1.0 + _square(seen - fitted) / scale**2) ** -2
        fitted = _similarity(seen, at, weights, at)
    mean_square = _square(fitted).mean()
    agrees = told * (_square(seen - fitted) < NEAR**2 * mean_square)
    share = agrees.sum() / told.sum().clamp(min=LEAST)
    motion = _similarity(seen, at, weights, places)
    expected = across * motion[:, :1] + down * motion[:, 1:]
    counted = nnf.interpolate(agrees, scale_factor=CELL_PX)[..., : size[0], : size[1]] * expected
    moved = (counted * (this - other)).sum() / (counted * expected).sum().clamp(min=LEAST)
    holds = (mean_square > SLOWEST_PX**2) & (mean_square < FASTEST_PX**2) & (share > AGREEING)
    holds = holds & (moved > LEAST_SEEN) & (moved < MOST_SEEN) & _reaches_sides(agrees)
    doubt = (1.0 - mean_square.sqrt() / TRUSTED_PX).clamp(min=0.0)
    return torch.where(holds, motion * (1.0 + (moved - 1.0) * doubt), torch.zeros_like(motion))


def _reaches_sides(agrees: Tensor) -> Tensor:
    """Tell whether what agrees, (1, 1, h, w), lies at the sides of the frame too; a scalar."""
    deep, wide = (max(1, side // EDGE) for side in agrees.shape[2:])
    sides = agrees[:, :, :deep], agrees[:, :, -deep:], agrees[..., :wide], agrees[..., -wide:]
    reached = [side.mean() > AT_EDGE * agrees.mean() for side in sides]
    return torch.stack(reached).sum() >= SIDES


def _similarity(flow: Tensor, at: Tensor, weights: Tensor, places: Tensor) -> Tensor:
    """Return the shift, turn and zoom nearest to a flow, as a flow elsewhere.

    Args:
        flow: (1, 2, h, w).
        at: Where, of the same shape.
        weights: What each counts, (1, 1, h, w).
        places: Where it is wanted, (1, 2, H, W).
    """
    total = weights.sum().clamp(min=LEAST)
    middle, shift = ((weights * f).sum(dim=(2, 3), keepdim=True) / total for f in (at, flow))
    arms = at - middle
    reach = (weights * _square(arms)).sum().clamp(min=LEAST)
    zoom, turn = ((weights * arm * (flow - shift)).sum() / reach for arm in (arms, _turned(arms)))
    return shift + zoom * (places - middle) + turn * _turned(places - middle)


def _turned(vectors: Tensor) -> Tensor:
    """Return vectors (1, 2, h, w) turned by a quarter."""
    return torch.cat([-vectors[:, 1:], vectors[:, :1]], dim=1)


def _square(vectors: Tensor) -> Tensor:
    return vectors.square().sum(dim=1, keepdim=True)


def _cells(values: Tensor) -> Tensor:
    return nnf.avg_pool2d(values, CELL_PX, ceil_mode=True, count_include_pad=False)
