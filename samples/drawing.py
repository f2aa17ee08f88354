"""Drawing aids of the samples: procedural noise, light on a height field, and a canvas."""

from __future__ import annotations

import cv2
import numpy as np

Colour = tuple[float, float, float]
Points = list[tuple[float, float]]

LIGHT = np.array([-0.62, -0.48, 0.62], np.float32)  # towards the sun: left, up, out of the picture
SUNLIGHT = np.array([1.28, 1.08, 0.82], np.float32)
SKYLIGHT = np.array([0.36, 0.43, 0.58], np.float32)
_SHIFT = 4  # OpenCV takes 1/16 pixels


def noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: float | tuple[float, float],
    octaves: int = 5,
    gain: float = 0.5,
    ridged: bool = False,
) -> np.ndarray:
    """Returns fractal noise.

    Args:
        rng: Where the random numbers come from.
        shape: (H, W).
        cell: Size of the coarsest grains in pixels, or (y, x) for stretched grains.
        octaves: Layers of noise, each of half the grain size of the one before.
        gain: Strength of each layer against the one before.
        ridged: Sharp crests instead of soft hills.

    Returns:
        (H, W) float32, about [-1, 1].
    """
    height, width = shape
    cell_y, cell_x = cell if isinstance(cell, tuple) else (cell, cell)
    total = np.zeros(shape, np.float32)
    amplitude, power = 1.0, 0.0
    for _ in range(octaves):
        step_y, step_x = max(cell_y, 1.0), max(cell_x, 1.0)
        grid = rng.standard_normal((int(height / step_y) + 4, int(width / step_x) + 4))
        matrix = np.array([[1 / step_x, 0, 1], [0, 1 / step_y, 1]], np.float32)
        layer = cv2.warpAffine(
            grid.astype(np.float32),
            matrix,
            (width, height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        )
        total += amplitude * (0.9 - 1.6 * np.abs(layer) if ridged else layer)
        power += amplitude**2
        amplitude *= gain
        cell_y, cell_x = cell_y / 2, cell_x / 2
    return total * np.float32(0.6 / np.sqrt(power))


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """Returns 0 below `low`, 1 above `high` and a smooth ramp between, same shape as `value`."""
    ramp = np.clip((value - low) / (high - low), 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def mix(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Blends two (H, W, 3) pictures or (3,) colours by `share` (H, W) of the second, in [0, 1]."""
    share = share[..., None]
    return first * (1 - share) + second * share


def diffuse(height: np.ndarray, relief: float, light: np.ndarray = LIGHT) -> np.ndarray:
    """Returns how squarely the light falls on a height field.

    Args:
        height: (H, W) heights.
        relief: Factor on the heights, in pixels.
        light: (3,) direction towards the light.

    Returns:
        (H, W) float32 in [0, 1].
    """
    grad_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=relief / 8)
    grad_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=relief / 8)
    length = np.sqrt(grad_x**2 + grad_y**2 + 1)
    direction = light / np.linalg.norm(light)
    return np.clip((direction[2] - grad_x * direction[0] - grad_y * direction[1]) / length, 0, 1)


def lit(colour: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Lights a surface: (H, W, 3) colours by `light` (H, W) in [0, 1], warm sun on a cool sky."""
    return colour * (SKYLIGHT + SUNLIGHT * light[..., None])


def vary(rng: np.random.Generator, colour: Colour, amount: float) -> Colour:
    """Returns `colour` (RGB, 0-255) a little lighter or darker and of a slightly other hue."""
    value = np.array(colour) * (1 + amount * rng.standard_normal())
    value = np.clip(value + 60 * amount * rng.standard_normal(3), 0, 255)
    return float(value[0]), float(value[1]), float(value[2])


class Canvas:
    """An (H, W, 4) uint8 picture, RGB premultiplied by alpha, drawn on in units of frame pixels.

    Places are continuous: a pixel's own square runs from its number to the next.
    """

    def __init__(self, width: float, height: float, scale: int, left: float = 0, top: float = 0):
        self.scale, self.left, self.top = scale, left, top
        self.pixels = np.zeros((round(height * scale), round(width * scale), 4), np.uint8)

    def _fixed(self, points: Points | np.ndarray) -> np.ndarray:
        places = (np.asarray(points, float) - (self.left, self.top)) * self.scale - 0.5
        return np.round(places * 2**_SHIFT).astype(np.int32)

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns where each pixel lies: x and y, each (H, W) float32."""
        height, width = self.pixels.shape[:2]
        x = (np.arange(width, dtype=np.float32) + 0.5) / self.scale + self.left
        y = (np.arange(height, dtype=np.float32) + 0.5) / self.scale + self.top
        grid = np.meshgrid(x, y)
        return grid[0], grid[1]

    def polygon(self, points: Points | np.ndarray, colour: Colour) -> None:
        """Fills a polygon with one colour (RGB, 0-255)."""
        cv2.fillPoly(self.pixels, [self._fixed(points)], (*colour, 255), cv2.LINE_AA, _SHIFT)

    def line(self, points: Points | np.ndarray, width: float, colour: Colour) -> None:
        """Draws a line `width` frame pixels wide."""
        thickness = max(1, round(width * self.scale))
        fixed = [self._fixed(points)]
        cv2.polylines(
            self.pixels, fixed, False, (*colour, 255), thickness, cv2.LINE_AA, shift=_SHIFT
        )

    def ellipse(
        self, x: float, y: float, half_x: float, half_y: float, colour: Colour, angle: float = 0
    ) -> None:
        """Fills an ellipse, turned by `angle` degrees."""
        self.polygon(oval(x, y, half_x, half_y, angle), colour)

    def mask(self, points: Points | np.ndarray) -> np.ndarray:
        """Returns the share of each pixel that a polygon covers, (H, W) float32 in [0, 1]."""
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self._fixed(points)], 255, cv2.LINE_AA, _SHIFT)
        return mask.astype(np.float32) / 255

    def paint(self, colour: np.ndarray, alpha: np.ndarray) -> None:
        """Lays (H, W, 3) colours in 0-255 over the picture where `alpha` (H, W) says, in [0, 1]."""
        new = np.dstack([np.clip(colour, 0, 255), np.full(alpha.shape, 255, np.float32)])
        self.pixels = np.round(mix(self.pixels.astype(np.float32), new, alpha)).astype(np.uint8)

    def shade(self, factor: np.ndarray) -> None:
        """Multiplies the colours by `factor`, (H, W) or (H, W, 3), leaving alpha alone."""
        factor = factor if factor.ndim == 3 else factor[..., None]
        alpha = self.pixels[..., 3:]
        colour = np.minimum(self.pixels[..., :3] * factor, alpha)
        self.pixels[..., :3] = np.round(np.maximum(colour, 0)).astype(np.uint8)

    def stamp(self, other: Canvas, x: float, y: float, size: float = 1.0) -> None:
        """Lays another canvas over this one, its place (0, 0) at (x, y), `size` times as large."""
        factor = self.scale * size / other.scale
        interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        picture = cv2.resize(other.pixels, None, fx=factor, fy=factor, interpolation=interpolation)
        column = round((x + other.left * size - self.left) * self.scale)
        row = round((y + other.top * size - self.top) * self.scale)
        top, left = max(0, -row), max(0, -column)
        target = self.pixels[row + top :, column + left :][: len(picture) - top]
        target = target[:, : picture.shape[1] - left]
        picture = picture[top : top + len(target), left : left + target.shape[1]]
        rest = 1 - picture[..., 3:].astype(np.float32) / 255
        target[...] = np.round(np.minimum(picture + target * rest, 255)).astype(np.uint8)


def oval(x: float, y: float, half_x: float, half_y: float, angle: float = 0) -> np.ndarray:
    """Returns the outline of an ellipse turned by `angle` degrees, (48, 2)."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    across, down = half_x * np.cos(turn), half_y * np.sin(turn)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.stack([x + cos * across - sin * down, y + sin * across + cos * down], axis=1)


def curve(points: Points, count: int = 60) -> np.ndarray:
    """Returns a smooth closed outline through `points`, (count, 2) (a Catmull-Rom spline)."""
    knots = np.asarray(points, float)
    place = np.linspace(0, len(knots), count, endpoint=False)
    index, part = place.astype(int), (place % 1)[:, None]
    a, b, c, d = (knots[(index + step) % len(knots)] for step in (-1, 0, 1, 2))
    cubic = -a + 3 * b - 3 * c + d
    return 0.5 * (2 * b + (c - a) * part + (2 * a - 5 * b + 4 * c - d) * part**2 + cubic * part**3)
