"""Brush strokes of many bristles, and the light on the ridges that they leave in the paint."""

from __future__ import annotations

import cv2
import numpy as np
from drawing import diffuse, noise

_SHIFT = 4


class Painting:
    """A picture built of strokes along a field of directions, from a broad brush to a fine one.

    Attributes:
        paint: (H, W, 4) uint8: RGB, and how thick the paint lies.
    """

    def __init__(self, rng: np.random.Generator, subject: np.ndarray, direction: np.ndarray):
        """Starts with the subject thinly laid in.

        Args:
            rng: Where the random numbers come from.
            subject: (H, W, 3) colours in 0-255, the underpainting.
            direction: (H, W, 2) unit vectors (x, y) that strokes follow.
        """
        self.rng, self.subject, self.direction = rng, subject, direction
        thickness = np.full(subject.shape[:2], 90.0)
        self.paint = np.dstack([subject, thickness]).clip(0, 255).astype(np.uint8)

    def _path(self, x: float, y: float, length: float, step: float) -> np.ndarray:
        """Returns the points of a stroke's middle line, (N, 2), both ways from (x, y)."""
        height, width = self.direction.shape[:2]
        halves = []
        for sign in (1.0, -1.0):
            points = [(x, y)]
            for _ in range(int(length / 2 / step)):
                here_x, here_y = points[-1]
                row = min(max(int(here_y), 0), height - 1)
                column = min(max(int(here_x), 0), width - 1)
                along = self.direction[row, column]
                points.append((here_x + sign * step * along[0], here_y + sign * step * along[1]))
            halves.append(points)
        return np.array(halves[1][:0:-1] + halves[0])

    def stroke(
        self, x: float, y: float, length: float, width: float, colour: np.ndarray, spread: float
    ) -> None:
        """Lays one stroke.

        Args:
            x: Where its middle lies.
            y: Where its middle lies.
            length: In pixels.
            width: In pixels.
            colour: (3,) RGB in 0-255.
            spread: How much its bristles differ in colour, in levels.
        """
        path = self._path(x, y, length, max(2.0, length / 12))
        if len(path) < 3:
            return
        tangent = np.gradient(path, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-6
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        bristles = max(3, round(width / 1.7))
        places = np.linspace(-1, 1, bristles)
        load = 130 + 70 * self.rng.random()  # how much paint the brush carries
        tones = colour + spread * self.rng.standard_normal((bristles, 3)) * (0.35, 0.35, 0.35)
        tones = tones + spread * self.rng.standard_normal((bristles, 1))
        ridge = load * (0.78 + 0.3 * places**4) + 16 * self.rng.standard_normal(bristles)
        starts = self.rng.integers(0, 1 + len(path) // 4, bristles)
        ends = len(path) - self.rng.integers(0, 1 + len(path) // 4, bristles)
        taper = np.sqrt(np.sin(np.linspace(0.25, np.pi - 0.12, len(path))))[:, None]
        for index in self.rng.permutation(bristles):
            line = path + normal * taper * places[index] * width / 2
            line = line[starts[index] : ends[index]]
            if len(line) < 2:
                continue
            tone = np.clip([*tones[index], ridge[index]], 0, 255)
            fixed = np.round(line * 2**_SHIFT).astype(np.int32)
            cv2.polylines(
                self.paint, [fixed], False, tuple(tone), 2, lineType=cv2.LINE_AA, shift=_SHIFT
            )

    def layer(
        self,
        width: float,
        length: float,
        cover: float,
        spread: float,
        vividness: float,
        where: np.ndarray | None = None,
    ) -> None:
        """Covers the picture with strokes of one brush, each in the subject's colour beneath it.

        Args:
            width: Of a stroke, in pixels.
            length: Of a stroke, in pixels.
            cover: How often the strokes cover the area that they are laid on.
            spread: How much colours differ within a stroke, in levels.
            vividness: How much strokes differ from one another, in levels.
            where: (H, W) chance of a stroke, in [0, 1]; all 1 where it is None.
        """
        height, wide = self.subject.shape[:2]
        count = int(cover * height * wide / (width * length))
        blurred = cv2.GaussianBlur(self.subject, (0, 0), width / 3)
        for x, y in self.rng.uniform(0, 1, (count, 2)) * (wide, height):
            if where is not None and self.rng.random() > where[int(y), int(x)]:
                continue
            colour = blurred[int(y), int(x)] * (1 + 0.006 * vividness * self.rng.standard_normal())
            colour = colour + vividness * self.rng.standard_normal(3) * (1.0, 0.75, 1.0)
            size = self.rng.uniform(0.7, 1.3)
            self.stroke(x, y, length * self.rng.uniform(0.6, 1.4), width * size, colour, spread)

    def finish(self, side: int, relief: float = 0.016) -> np.ndarray:
        """Returns the painting lit from the upper left, (side, side, 3) uint8 RGB."""
        colour = self.paint[..., :3].astype(np.float32)
        thickness = cv2.GaussianBlur(self.paint[..., 3].astype(np.float32), (0, 0), 0.9)
        thickness += 5 * noise(self.rng, thickness.shape, 3, 2)
        light = diffuse(thickness, 8 * relief)
        flat = diffuse(np.zeros_like(thickness), 1)
        glint = 240 * np.clip(light - flat - 0.1, 0, 1) ** 1.5
        picture = colour * (0.5 + 0.5 * light / flat)[..., None] + glint[..., None]
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        return np.clip(np.round(picture), 0, 255).astype(np.uint8)
