"""Cuts: from one frame to the next, a change that no motion of camera or things explains."""

from typing import Any

import cv2
import numpy as np

from framestyle.motion.look import LEAST_SIDE_PX, Look

LEAST_DIFFERENCE_LEVELS = 1.5
"""Mean difference of smoothed frames, of 255 levels, below which nothing is looked for."""
LARGEST_AGREEMENT = 0.28
"""Agreement below which two frames may be of different shots.

Unrelated pictures, dark and grained ones among them, stay below it, and 95 of 100 below 0.18. An
object that covers half the picture leaves 0.2 at least and 0.45 usually, all else more.
"""
LEAST_EXCESS = 0.28
"""Misfit less agreement from which they are of different shots.

Unrelated pictures have 0.26 at least and 0.6 usually; what flow explains has less than 0.2, and
usually less than -0.5.
"""
LEAST_AFTER_A_JUMP = 0.4
"""Agreement that proves a jump of the camera: a true one leaves 0.8 and more of what is shared."""
LEAST_OVERLAP = 0.3
"""Share of the picture that a jump of the camera must leave in view to be found."""


def is_another_shot(last: Look, this: Look) -> bool:
    """Tell whether two frames show different shots.

    Optical flow looks for what both show. A fast pan, a near object or a flash of light leave much
    that agrees; unrelated pictures do not.

    Args:
        last: A frame.
        this: A later one, of the same size.
    """
    floor = LEAST_DIFFERENCE_LEVELS + 0.5 * max(last.grain, this.grain)
    if float(np.mean(cv2.absdiff(last.smooth, this.smooth))) < floor:
        return False
    agreement, misfit = compare(last, this)
    if agreement > LARGEST_AGREEMENT or misfit - agreement < LEAST_EXCESS:
        return False
    moved = _where_the_camera_jumped(last.grey, this.grey)
    if moved is None:
        return True
    shared = (Look.of(look.small[at]) for look, at in zip((last, this), moved, strict=True))
    return compare(*shared)[0] < LEAST_AFTER_A_JUMP


def compare(last: Look, this: Look) -> tuple[float, float]:
    """Return how far two frames agree once motion is followed, and how far they do not.

    Agreement, in [0, 1]: the mean over the picture, weighted by how much there is to see, of the
    local correlation where the flow back and forth agrees. Misfit, from 0: the mean difference
    left, of the contrast of both. A change of light leaves both much as they are.
    """
    forth, back = _flow(last.grey, this.grey), _flow(this.grey, last.grey)
    height, width = this.grey.shape
    y, x = np.indices((height, width), np.float32)
    x, y = x + back[..., 0], y + back[..., 1]
    returned = _looked_up(forth, x, y) + back
    lengths = np.square(back).sum(-1) + np.square(_looked_up(forth, x, y)).sum(-1)
    trusted = np.square(returned).sum(-1) < 0.05 * lengths + 1
    trusted &= (x >= 0) & (x < width) & (y >= 0) & (y < height)
    followed = _looked_up(last.smooth, x, y)
    correlation, weight = _local_correlation(_grey(followed), _grey(this.smooth))
    agreement = float((correlation * trusted * weight).sum() / weight.sum())
    look, other = _looked_up(last.grey, x, y), this.grey
    contrast = float(np.hypot(last.grey.std(), other.std())) + 1
    misfit = float(np.mean(cv2.absdiff(look, other))) / contrast
    return agreement, misfit


def _flow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    engine: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(engine.calc(a, b, None))


def _looked_up(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _local_correlation(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return correlation in windows of 9 pixels, negative ones as 0, and the contrast there."""

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.blur(values, (9, 9)))

    mean_a, mean_b = mean(a), mean(b)
    variance_a = np.maximum(mean(a * a) - mean_a * mean_a, 0)
    variance_b = np.maximum(mean(b * b) - mean_b * mean_b, 0)
    together = mean(a * b) - mean_a * mean_b
    least = 0.2  # what rounding to levels leaves
    correlation = together / np.sqrt((variance_a + least) * (variance_b + least))
    return np.maximum(correlation, 0), np.sqrt(variance_a) + np.sqrt(variance_b) + 1e-2


def _where_the_camera_jumped(
    last: np.ndarray, this: np.ndarray
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return what two grey frames share if one is the other shifted; None if that is little.

    Phase correlation finds a shift that is too far for the flow (Kuglin and Hines 1975).
    """
    height, width = this.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(last.astype(np.float32), this.astype(np.float32), window)
    x, y = round(dx), round(dy)
    shared = (height - abs(y), width - abs(x))
    if shared[0] * shared[1] < LEAST_OVERLAP * height * width or min(shared) < LEAST_SIDE_PX:
        return None
    rows, columns = _shared(y, height), _shared(x, width)
    return (rows[0], columns[0]), (rows[1], columns[1])


def _shared(shift: int, length: int) -> tuple[slice, slice]:
    """Return what both have of an axis, in the first and in the second, which lies shifted."""
    return (
        slice(max(0, -shift), min(length, length - shift)),
        slice(max(0, shift), min(length, length + shift)),
    )


def _grey(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
