"""The second style picture: two fish in a mosaic of glass and stone, its tiles laid in rows.

The tiles are a Voronoi diagram of turned squares, moved to their middles a few times
(A. Hausner, "Simulating Decorative Mosaics", SIGGRAPH 2001).
"""

from __future__ import annotations

import cv2
import numpy as np
from drawing import curve, diffuse, mix, noise, oval, smoothstep

_WORK = 1024  # laid at this size, then halved
_ROUNDS = 9
_PALETTE = {
    "water": ((14, 116, 128), (32, 160, 158), (96, 196, 184), (10, 80, 104)),
    "foam": ((240, 232, 208), (214, 222, 206), (250, 244, 226), (176, 214, 206)),
    "body": ((206, 52, 32), (232, 92, 36), (168, 30, 34), (246, 138, 56)),
    "belly": ((246, 180, 84), (252, 216, 138), (240, 150, 62), (255, 236, 190)),
    "fin": ((214, 156, 30), (250, 204, 72), (176, 108, 22), (240, 184, 46)),
    "line": ((70, 20, 34), (50, 16, 30), (96, 30, 38), (38, 18, 40)),
    "border": ((196, 148, 44), (238, 200, 96), (160, 106, 30), (250, 224, 140)),
    "cream": ((244, 228, 190), (232, 208, 164), (252, 240, 212), (220, 190, 150)),
}
_NAMES = list(_PALETTE)


def _fish() -> list[tuple[str, np.ndarray]]:
    """Returns the parts of a fish that swims to the right, in units of its half length."""
    body = curve(
        [
            (1.0, 0.02), (0.8, -0.2), (0.4, -0.36), (-0.1, -0.34), (-0.62, -0.13),
            (-0.62, 0.1), (-0.1, 0.32), (0.4, 0.36), (0.8, 0.2),
        ],
        90,
    )  # fmt: skip
    belly = curve(
        [(0.86, 0.1), (0.4, 0.12), (-0.1, 0.08), (-0.5, 0.04), (-0.1, 0.26), (0.4, 0.3)], 60
    )
    tail = curve(
        [(-0.56, 0.0), (-0.84, -0.22), (-1.2, -0.46), (-1.02, -0.02), (-1.2, 0.4), (-0.84, 0.2)], 60
    )
    back = curve([(0.42, -0.3), (0.2, -0.6), (-0.3, -0.56), (-0.42, -0.18), (0.0, -0.28)], 50)
    side = curve([(0.26, 0.2), (0.06, 0.36), (-0.16, 0.62), (0.22, 0.56), (0.4, 0.3)], 50)
    gill = curve([(0.56, -0.26), (0.5, 0.0), (0.56, 0.27), (0.62, 0.2), (0.57, 0.0), (0.62, -0.2)])
    eye = oval(0.72, -0.08, 0.15, 0.15)
    pupil = (eye - (0.72, -0.08)) * 0.5 + (0.72, -0.08)
    parts = [("fin", tail), ("fin", back), ("body", body), ("belly", belly), ("line", gill)]
    return [*parts, ("fin", side), ("cream", eye), ("line", pupil)]


def _draw_subject() -> tuple[np.ndarray, np.ndarray]:
    """Returns the palette's number for each pixel, (H, W) uint8, and the rows' directions.

    The directions are (H, W) angles in radians: tiles follow the nearest outline.
    """
    axis = (np.arange(_WORK, dtype=np.float32) + 0.5) / _WORK
    x, y = np.meshgrid(axis, axis)
    label = np.full((_WORK, _WORK), _NAMES.index("water"), np.uint8)
    for ring_x, ring_y, phase in ((0.5, 0.5, 0.0), (0.14, 0.86, 0.3), (0.86, 0.14, 0.3)):
        distance = np.hypot(x - ring_x, y - ring_y) + 0.012 * np.sin(
            9 * np.arctan2(y - ring_y, x - ring_x)
        )
        near = distance < (0.2 if phase else 1.0)
        label[near] = _NAMES.index("water")
        label[near & (((distance / 0.085 + phase) % 1) < 0.3)] = _NAMES.index("foam")
    for turn, middle in ((-0.2, (0.51, 0.28)), (np.pi - 0.2, (0.49, 0.72))):
        cos, sin = 0.302 * np.cos(turn), 0.302 * np.sin(turn)
        for name, outline in _fish():
            # bent around the middle of the picture, so that the two chase each other
            bent = outline + np.stack([0 * outline[:, 0], 0.26 * outline[:, 0] ** 2], axis=1)
            place = bent @ np.array([[cos, sin], [-sin, cos]]) + middle
            fixed = np.round(place * _WORK).astype(np.int32)
            cv2.fillPoly(label, [fixed], _NAMES.index(name))
            if name in ("body", "fin"):
                cv2.polylines(label, [fixed], True, _NAMES.index("line"), 13)
    frame = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    along = np.where(np.minimum(x, 1 - x) < np.minimum(y, 1 - y), y, x)
    label[frame < 0.085] = _NAMES.index("border")
    teeth = np.abs((along * 14) % 1 - 0.5) * 0.09
    label[(frame < 0.068) & (frame > 0.02 + teeth)] = _NAMES.index("body")
    label[frame < 0.018] = _NAMES.index("line")
    label[(frame > 0.073) & (frame < 0.087)] = _NAMES.index("line")

    edges = (cv2.morphologyEx(label, cv2.MORPH_GRADIENT, np.ones((3, 3))) == 0).astype(np.uint8)
    away = cv2.distanceTransform(edges, cv2.DIST_L2, 5)
    away = cv2.GaussianBlur(away, (0, 0), 5)
    # the doubled angle, smoothed: rows have no front and back
    angle = np.arctan2(cv2.Sobel(away, cv2.CV_32F, 0, 1), cv2.Sobel(away, cv2.CV_32F, 1, 0))
    cos, sin = (cv2.GaussianBlur(part(4 * angle), (0, 0), 9) for part in (np.cos, np.sin))
    return label, np.arctan2(sin, cos) / 4


class _Tiles:
    """Which tile each pixel belongs to, and how far it is from the tile's edge."""

    def __init__(self, rng: np.random.Generator, angle: np.ndarray, fine: np.ndarray):
        self.angle = angle
        centres, sizes = [], []
        for size, wanted in ((21.0, False), (14.5, True)):
            rows = np.arange(size / 2, _WORK, size)
            grid = np.stack(np.meshgrid(rows, rows), axis=-1).reshape(-1, 2)
            kept = grid[fine[grid[:, 1].astype(int), grid[:, 0].astype(int)] == wanted]
            centres.append(kept + rng.uniform(-0.3, 0.3, kept.shape) * size)
            sizes.append(np.full(len(kept), size, np.float32))
        self.centres, self.sizes = np.concatenate(centres), np.concatenate(sizes)
        for _ in range(_ROUNDS):
            self._assign()
            self._centre()
        self._assign()

    def _assign(self) -> None:
        """Gives each pixel to the nearest centre, measured in squares turned along the rows."""
        self.owner = np.zeros((_WORK, _WORK), np.int32)
        self.near = np.full((_WORK, _WORK), 1e6, np.float32)
        self.next = self.near.copy()
        for index, (x, y) in enumerate(self.centres):
            column, row = (int(np.clip(v, 0, _WORK - 1)) for v in (x, y))
            turn, size = self.angle[row, column], self.sizes[index]
            reach = int(1.7 * size)
            top, left = max(0, row - reach), max(0, column - reach)
            box = np.s_[top : row + reach + 1, left : column + reach + 1]
            near, second = self.near[box], self.next[box]
            off_x = np.arange(left, left + near.shape[1], dtype=np.float32)[None] - np.float32(x)
            off_y = np.arange(top, top + near.shape[0], dtype=np.float32)[:, None] - np.float32(y)
            cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
            distance = np.maximum(
                np.abs(off_x * cos + off_y * sin), np.abs(off_y * cos - off_x * sin)
            )
            distance /= size
            closer = distance < near
            second[...] = np.where(closer, near, np.minimum(second, distance))
            self.owner[box][closer] = index
            near[closer] = distance[closer]

    def _centre(self) -> None:
        """Moves each centre to the middle of its pixels."""
        count = len(self.centres)
        flat = self.owner.ravel()
        area = np.maximum(np.bincount(flat, minlength=count), 1)
        row, column = np.divmod(np.arange(flat.size), _WORK)
        for axis, place in enumerate((column, row)):
            self.centres[:, axis] = np.bincount(flat, place, count) / area


def paint_mosaic(rng: np.random.Generator, side: int = 512) -> np.ndarray:
    """Lays the picture.

    Args:
        rng: Where the random numbers come from.
        side: Width and height in pixels.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    label, angle = _draw_subject()
    kinds = [_NAMES.index(name) for name in ("body", "belly", "fin", "line", "cream")]
    inner = np.s_[100:-100, 100:-100]
    fine = np.zeros(label.shape, bool)
    fine[inner] = cv2.dilate(np.isin(label, kinds).astype(np.uint8), np.ones((27, 27)))[inner] > 0
    tiles = _Tiles(rng, angle, fine)
    count = len(tiles.centres)
    column, row = np.clip(tiles.centres, 0, _WORK - 1).astype(int).T
    # a tile takes the label that most of its pixels have
    votes = np.bincount(
        tiles.owner.ravel() * len(_NAMES) + label.ravel(), minlength=count * len(_NAMES)
    )
    chosen = votes.reshape(count, -1).argmax(axis=1)
    drift = noise(rng, label.shape, 160, 3)[row, column]
    pick = (
        np.clip(1.5 + 1.3 * drift + 0.9 * rng.standard_normal(count), 0, 3.49).round().astype(int)
    )
    palette = np.array([_PALETTE[name] for name in _NAMES], np.float32)
    tone = palette[chosen, pick] * (1 + 0.1 * rng.standard_normal((count, 1)))
    tone = tone + 7 * rng.standard_normal((count, 3))

    marble = noise(rng, label.shape, 26, 6, 0.65)
    colour = tone[tiles.owner] * (1 + 0.14 * marble)[..., None]
    margin = (tiles.next - tiles.near) * tiles.sizes[tiles.owner] + 1.2 * noise(
        rng, label.shape, 12, 3
    )
    solid = smoothstep(2.0, 3.8, margin)
    tilt = rng.normal(0, 0.055, (count, 2))[tiles.owner]
    grid_y, grid_x = np.mgrid[0:_WORK, 0:_WORK].astype(np.float32)
    centre = tiles.centres[tiles.owner]
    height = 5.0 * smoothstep(1.2, 8.5, margin) + 0.35 * marble
    height = (
        height + tilt[..., 0] * (grid_x - centre[..., 0]) + tilt[..., 1] * (grid_y - centre[..., 1])
    )
    light = diffuse(cv2.GaussianBlur(height.astype(np.float32), (0, 0), 0.8), 1.0)
    flat = float(diffuse(np.zeros((3, 3), np.float32), 1)[1, 1])
    grout = np.array([92, 82, 76.0]) * (1 + 0.2 * noise(rng, label.shape, 6, 3))[..., None]
    picture = mix(grout, colour, solid) * (0.3 + 0.7 * light / flat)[..., None]
    picture = picture + 150 * (np.clip(light - flat - 0.1, 0, 1) * solid)[..., None]
    picture = cv2.resize(picture.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
