"""The sample scene: its layers, how they move, and the frames they make.

Every layer is drawn once and moved by an affine map, so that the true motion of every pixel is
known. A camera that holds still for the first half and then pans and moves in carries near layers
farther than distant ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from buildings import HUB, draw_bank, draw_sails
from drawing import Canvas
from landscape import (
    HEIGHT,
    HORIZON,
    WIDTH,
    draw_hills,
    draw_lake,
    draw_mountains,
    draw_sky,
)
from travellers import draw_ball, draw_balloon, draw_bird, draw_boat
from truth import Truth, true_flow
from window import draw_window

FRAMES = 24
FRAMES_PER_SECOND = 24
SEED = 1889
_SUPERSAMPLING = 4
_CAMERA_STARTS = 11  # the last frame before the camera moves

__all__ = ["FRAMES", "FRAMES_PER_SECOND", "HEIGHT", "WIDTH", "measure", "render", "true_flow"]


@dataclass(frozen=True)
class Layer:
    """One drawing and its way through the scene.

    Attributes:
        name: What it shows.
        canvas: The drawing.
        nearness: How much of the camera's motion it shows: 0 not at all, 1 as the near bank.
        own_motion: Frame number to the (2, 3) map from the drawing's places to the scene's.
    """

    name: str
    canvas: Canvas
    nearness: float
    own_motion: Callable[[float], np.ndarray]

    def pose(self, t: float) -> np.ndarray:
        """Returns the (2, 3) map from the drawing's places to the frame's at frame `t`."""
        return _chain(_camera(t, self.nearness), self.own_motion(t))


def _similarity(x: float, y: float, size: float, angle: float = 0.0) -> np.ndarray:
    """Returns the (2, 3) map that scales, turns (degrees) and moves (0, 0) to (x, y)."""
    cos, sin = size * np.cos(np.radians(angle)), size * np.sin(np.radians(angle))
    return np.array([[cos, -sin, x], [sin, cos, y]])


def _chain(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    return outer @ np.vstack([inner, [0, 0, 1]])


def _camera(t: float, nearness: float) -> np.ndarray:
    """Returns the camera's map for layers of one nearness: a pan to the right and a zoom in."""
    run = max(0.0, t - _CAMERA_STARTS)
    ease = 5.0
    way = run * run / (2 * ease) if run < ease else run - ease / 2  # in frames at full speed
    zoom = 1 + 0.006 * nearness * way
    pan = 1.7 * nearness * way
    centre = np.array([WIDTH / 2, HORIZON])
    shift = centre * (1 - zoom) - zoom * np.array([pan, 0.1 * pan])
    return np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])


def _still(_t: float) -> np.ndarray:
    return _similarity(0, 0, 1)


def _balloon_way(t: float) -> np.ndarray:
    return _similarity(205 - 0.9 * t, 52 - 0.55 * t, 0.76 + 0.004 * t, 3 * np.sin(t / 6))


def _boat_way(t: float) -> np.ndarray:
    return _similarity(140 + 1.6 * t, 121 + 0.12 * t, 0.74 + 0.003 * t, 2.0 * np.sin(t / 4.5))


def _sails_way(t: float) -> np.ndarray:
    return _similarity(HUB[0], HUB[1], 0.8, 20 + 3.0 * t)


def _bird_way(t: float) -> np.ndarray:
    return _similarity(255 - 6.4 * t, 36 + 9 * np.sin(t / 7), 0.62, -8 + 8 * np.cos(t / 7))


def _ball_way(t: float) -> np.ndarray:
    x = 116 + 4.2 * t
    bounce = 26 * abs(np.sin((t + 1) * np.pi / 12))
    return _similarity(x, 158 - bounce, 0.8, 10.0 * t)


@lru_cache(maxsize=1)
def layers() -> tuple[Layer, ...]:
    """Draws all layers of the scene, back to front."""
    draws = iter(np.random.default_rng(SEED).spawn(11))
    sky = draw_sky(next(draws))
    mountains = draw_mountains(next(draws))
    hills = draw_hills(next(draws))
    lake = draw_lake(next(draws), [sky, mountains, hills])
    return (
        Layer("sky", sky, 0.12, _still),
        Layer("mountains", mountains, 0.28, _still),
        Layer("hills", hills, 0.45, _still),
        Layer("lake", lake, 0.6, _still),
        Layer("balloon", draw_balloon(next(draws)), 0.6, _balloon_way),
        Layer("boat", draw_boat(next(draws)), 0.75, _boat_way),
        Layer("bank", draw_bank(next(draws)), 1.0, _still),
        Layer("sails", draw_sails(next(draws)), 1.0, _sails_way),
        Layer("bird", draw_bird(next(draws)), 0.8, _bird_way),
        Layer("ball", draw_ball(next(draws)), 1.0, _ball_way),
        Layer("window", draw_window(next(draws)), 0.0, _still),
    )


def render(t: int) -> tuple[np.ndarray, np.ndarray]:
    """Renders one frame.

    Args:
        t: Frame number, from 0 to `FRAMES` - 1.

    Returns:
        The frame, (H, W, 3) RGB uint8, and the number of the layer that covers most of each
        pixel, (H, W) uint8.
    """
    size = (WIDTH * _SUPERSAMPLING, HEIGHT * _SUPERSAMPLING)
    picture = np.zeros((size[1], size[0], 3), np.float32)
    uncovered = np.ones((size[1], size[0]), np.float32)
    most = np.zeros((HEIGHT, WIDTH), np.float32)
    index = np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, layer in reversed(list(enumerate(layers()))):
        seen = cv2.warpAffine(
            layer.canvas.pixels, _texture_to_fine(layer, t), size, flags=cv2.INTER_LINEAR
        ).astype(np.float32)
        picture += seen[..., :3] * uncovered[..., None]
        alpha = seen[..., 3] / 255
        share = cv2.resize(alpha * uncovered, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        index[share > most] = number
        most = np.maximum(most, share)
        uncovered *= 1 - alpha
    frame = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.clip(np.round(frame), 0, 255).astype(np.uint8), index


def _texture_to_fine(layer: Layer, t: float) -> np.ndarray:
    """Returns the (2, 3) map from pixel numbers of a drawing to those of the supersampled frame."""
    canvas = layer.canvas
    corner = np.array([canvas.left, canvas.top]) + 0.5 / canvas.scale
    from_texture = np.array([[1 / canvas.scale, 0, corner[0]], [0, 1 / canvas.scale, corner[1]]])
    in_frame = _chain(layer.pose(t), from_texture) * _SUPERSAMPLING
    in_frame[:, 2] -= 0.5
    return in_frame


def measure(indices: list[np.ndarray]) -> Truth:
    """Returns the true motion, from the layer indices of all frames, (H, W) uint8 each."""
    poses = [[layer.pose(t) for layer in layers()] for t in range(len(indices))]
    return Truth(np.stack(indices), np.array(poses), tuple(layer.name for layer in layers()))
