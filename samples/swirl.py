"""The first style picture: an evening in thick swirling strokes of blue, ochre and orange."""

from __future__ import annotations

import cv2
import numpy as np
from drawing import curve, mix, noise, smoothstep
from strokes import Painting

_WORK = 1024  # painted at this size, then halved
_SUNS = (  # x, y, radius, turning sense; in shares of the side
    (0.70, 0.20, 0.115, 1.0),
    (0.27, 0.15, 0.062, -1.0),
    (0.45, 0.36, 0.085, -1.0),
    (0.92, 0.44, 0.055, 1.0),
    (0.08, 0.36, 0.05, 1.0),
)


def _places() -> tuple[np.ndarray, np.ndarray]:
    axis = (np.arange(_WORK, dtype=np.float32) + 0.5) / _WORK
    grid = np.meshgrid(axis, axis)
    return grid[0], grid[1]


def _ridges(x: np.ndarray) -> list[np.ndarray]:
    """Returns the upper edges of the hills and fields, far to near, like `x`."""
    return [
        0.60 + 0.045 * np.sin(7.0 * x + 0.6) + 0.02 * np.sin(17 * x),
        0.68 + 0.05 * np.sin(5.2 * x + 2.6) + 0.012 * np.sin(21 * x),
        0.80 + 0.055 * np.sin(4.4 * x + 4.6) + 0.01 * np.sin(15 * x),
    ]


def _cypress() -> np.ndarray:
    """Returns the share of each pixel that the flame-shaped tree covers, (H, W) in [0, 1]."""
    outline = curve(
        [
            (0.13, 1.02), (0.085, 0.86), (0.11, 0.70), (0.12, 0.55), (0.155, 0.40), (0.175, 0.30),
            (0.19, 0.42), (0.215, 0.52), (0.21, 0.62), (0.255, 0.74), (0.235, 0.88), (0.28, 1.02),
        ],
        120,
    )  # fmt: skip
    mask = np.zeros((_WORK, _WORK), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * _WORK * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def _directions(rng: np.random.Generator) -> np.ndarray:
    """Returns the strokes' directions, (H, W, 2): whorls above, the lie of the land below."""
    x, y = _places()
    wave = 2 * np.pi * (1.1 * x + 0.25 * np.sin(5 * y))
    flow_x, flow_y = np.ones_like(x), 0.9 * np.cos(wave)
    for sun_x, sun_y, radius, sense in _SUNS:
        off_x, off_y = x - sun_x, y - sun_y
        distance = np.hypot(off_x, off_y) + 1e-4
        pull = 4.5 * np.exp(-((distance / (1.9 * radius)) ** 2))
        flow_x += pull * (-sense * off_y - 0.12 * off_x) / distance
        flow_y += pull * (sense * off_x - 0.12 * off_y) / distance
    for edge in _ridges(x):
        slope = np.gradient(edge, axis=1) * _WORK
        share = smoothstep(0, 0.02, y - edge)
        wobble = 0.35 * np.sin(26 * (y - edge) + 9 * x)
        flow_x = flow_x * (1 - share) + share
        flow_y = flow_y * (1 - share) + share * (slope + wobble)
    village = np.exp(-(((x - 0.58) / 0.25) ** 4) - ((y - 0.70) / 0.05) ** 4)
    upright = np.sin(60 * x) > 0
    flow_x = flow_x * (1 - village) + village * np.where(upright, 0.1, 1.0)
    flow_y = flow_y * (1 - village) + village * np.where(upright, 1.0, 0.05)
    tree = _cypress()
    flow_x = flow_x * (1 - tree) + tree * 0.5 * np.sin(24 * y + 9 * x)
    flow_y = flow_y * (1 - tree) - tree
    turn = 0.25 * noise(rng, x.shape, 90, 3)
    length = np.hypot(flow_x, flow_y) + 1e-6
    cos, sin = np.cos(turn) / length, np.sin(turn) / length
    return np.stack([flow_x * cos - flow_y * sin, flow_x * sin + flow_y * cos], axis=-1)


def _subject(rng: np.random.Generator, direction: np.ndarray) -> np.ndarray:
    """Returns the picture under the strokes, (H, W, 3) in 0-255."""
    x, y = _places()
    grain = noise(rng, x.shape, 70, 4)
    # bands of blue that follow the flow: noise smeared along it
    smeared = rng.standard_normal(x.shape).astype(np.float32)
    smeared = cv2.GaussianBlur(smeared, (0, 0), 5) * 17
    grid_x, grid_y = x * _WORK - 0.5, y * _WORK - 0.5
    total = np.zeros_like(x)
    for sign in (1, -1):
        place_x, place_y = grid_x.copy(), grid_y.copy()
        for _ in range(24):
            total += cv2.remap(smeared, place_x, place_y, 1, borderMode=cv2.BORDER_REFLECT)
            step = cv2.remap(
                direction.astype(np.float32), place_x, place_y, 1, borderMode=cv2.BORDER_REFLECT
            )
            place_x, place_y = place_x + sign * 3 * step[..., 0], place_y + sign * 3 * step[..., 1]
    bands = total / total.std()
    picture = mix(
        np.array([20, 44, 118.0]), np.array([56, 122, 190.0]), smoothstep(-1.4, 1.2, bands)
    )
    picture = mix(picture, np.array([158, 204, 214.0]), smoothstep(0.7, 2.0, bands + 0.4 * grain))
    picture = mix(picture, np.array([12, 24, 72.0]), smoothstep(-0.9, -2.0, bands))
    picture = mix(
        picture, np.array([232, 190, 110.0]), 0.7 * smoothstep(0.44, 0.62, y + 0.03 * bands)
    )
    for sun_x, sun_y, radius, _ in _SUNS:
        distance = np.hypot(x - sun_x, y - sun_y) / radius
        rings = 0.5 + 0.5 * np.cos(distance * 9.5)
        halo = np.exp(-((distance / 1.45) ** 2)) * (0.5 + 0.5 * rings)
        picture = mix(picture, np.array([240, 204, 92.0]), np.clip(1.15 * halo, 0, 1))
        picture = mix(picture, np.array([236, 122, 30.0]), smoothstep(0.66, 0.5, distance))
        picture = mix(picture, np.array([255, 226, 130.0]), smoothstep(0.4, 0.22, distance))
    fields = (
        (np.array([44, 72, 130.0]), np.array([108, 150, 170.0])),
        (np.array([66, 96, 48.0]), np.array([184, 172, 70.0])),
        (np.array([176, 104, 28.0]), np.array([246, 204, 88.0])),
    )
    for edge, (dark, bright) in zip(_ridges(x), fields, strict=True):
        depth = y - edge
        furrow = (
            0.55 * np.sin(150 * depth / (0.4 + 2 * depth.clip(0)) + 6 * x) + 0.7 * bands + grain
        )
        field = mix(dark, bright, smoothstep(-1.3, 1.3, furrow))
        picture = mix(picture, field, smoothstep(-0.002, 0.002, depth))
        picture = mix(picture, np.array([16, 26, 66.0]), smoothstep(0.0065, 0.003, np.abs(depth)))
    _build_village(picture)
    tree = _cypress()
    flames = smoothstep(-1.0, 1.4, bands + 0.8 * np.sin(60 * x + 14 * np.sin(9 * y)))
    leaves = mix(np.array([14, 32, 34.0]), np.array([74, 110, 58.0]), flames)
    leaves = mix(leaves, np.array([170, 112, 48.0]), 0.6 * smoothstep(0.86, 1.0, flames))
    return np.clip(mix(picture, leaves, tree), 0, 255).astype(np.float32)


def _build_village(picture: np.ndarray) -> None:
    """Draws a church and a few houses into the underpainting."""
    houses = ((0.42, 0.05), (0.49, 0.042), (0.60, 0.055), (0.68, 0.045), (0.35, 0.04), (0.76, 0.05))
    for index, (x, size) in enumerate(houses):
        base = 0.735 + 0.012 * (index % 3)
        wall = [(x, base), (x + size, base), (x + size, base - 0.6 * size), (x, base - 0.6 * size)]
        top = base - 0.6 * size
        roof = [(x - 0.006, top), (x + size + 0.006, top), (x + 0.5 * size, top - 0.6 * size)]
        tone = ((220, 196, 150), (150, 176, 196))[index % 2]
        cv2.fillPoly(picture, [_fixed(wall)], tone)
        cv2.fillPoly(picture, [_fixed(roof)], ((188, 70, 36), (60, 62, 120))[index % 2])
        light = [(x + 0.35 * size, base - 0.15 * size), (x + 0.62 * size, base - 0.4 * size)]
        corner, other = (_fixed([point])[0] for point in light)
        cv2.rectangle(picture, tuple(map(int, corner)), tuple(map(int, other)), (255, 206, 80), -1)
        cv2.polylines(picture, [_fixed(wall), _fixed(roof)], True, (20, 26, 60), 4)
    tower = [(0.55, 0.745), (0.585, 0.745), (0.585, 0.64), (0.5675, 0.52), (0.55, 0.64)]
    cv2.fillPoly(picture, [_fixed(tower)], (96, 112, 160))
    cv2.polylines(picture, [_fixed(tower)], True, (20, 26, 60), 4)


def _fixed(points: list[tuple[float, float]]) -> np.ndarray:
    return np.round(np.array(points) * _WORK).astype(np.int32)


def paint_swirl(rng: np.random.Generator, side: int = 512) -> np.ndarray:
    """Paints the picture.

    Args:
        rng: Where the random numbers come from.
        side: Width and height in pixels.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    direction = _directions(rng)
    subject = _subject(rng, direction)
    painting = Painting(rng, subject, direction)
    painting.layer(width=46, length=170, cover=2.2, spread=10, vividness=14)
    painting.layer(width=26, length=110, cover=2.0, spread=11, vividness=16)
    gray = cv2.cvtColor(subject, cv2.COLOR_RGB2GRAY)
    detail = np.abs(cv2.GaussianBlur(gray, (0, 0), 3) - cv2.GaussianBlur(gray, (0, 0), 14))
    busy = np.clip(0.25 + detail / 26, 0, 1)
    painting.layer(width=15, length=64, cover=1.9, spread=12, vividness=16, where=busy)
    painting.layer(width=9, length=36, cover=1.3, spread=9, vividness=12, where=busy**1.5)
    x, y = _places()
    village = np.exp(-(((x - 0.58) / 0.25) ** 8) - ((y - 0.68) / 0.09) ** 8)
    painting.layer(width=6, length=20, cover=2.6, spread=6, vividness=6, where=village)
    return painting.finish(side)
