"""The far layers of the sample scene: sky, mountains, wooded hills and the lake."""

from __future__ import annotations

import cv2
import numpy as np
from drawing import Canvas, diffuse, lit, mix, noise, smoothstep

MARGIN = 32  # frame pixels beyond each edge of the frame, for the camera to move in
WIDTH, HEIGHT = 320, 180
HORIZON = 93.0  # y of the water's far edge
SCALE = 2
HAZE = np.array([206, 204, 214], np.float32)


def wide_canvas() -> Canvas:
    """Returns an empty canvas for a layer that fills the frame and a margin around it."""
    width, height = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
    return Canvas(width, height, SCALE, -MARGIN, -MARGIN)


def draw_sky(rng: np.random.Generator) -> Canvas:
    """Draws an afternoon sky with lit clouds."""
    canvas = wide_canvas()
    x, y = canvas.places()
    stops = np.array([-32, 20, 60, 95], np.float32)
    colours = np.array([[52, 96, 168], [98, 150, 208], [186, 205, 220], [250, 222, 184]])
    sky = np.stack([np.interp(y, stops, colours[:, c]) for c in range(3)], axis=-1)
    glow = np.exp(-((x - 40) ** 2 + 1.6 * (y - 62) ** 2) / 5200)
    sky = mix(sky, np.array([255, 226, 170], np.float32), 0.75 * glow)

    stretch = (26.0, 62.0)
    billows = noise(rng, x.shape, stretch, 7, 0.55)
    cover = smoothstep(0.02, 0.55, billows + 0.14 - np.abs(y - 34) / 130)
    towards_sun = cv2.warpAffine(
        billows, np.array([[1, 0, 9], [0, 1, 7.0]]), x.shape[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    light = np.clip(0.62 + 0.9 * (billows - towards_sun), 0, 1)
    cloud = mix(np.array([138, 146, 178.0]), np.array([255, 246, 228.0]), light)
    wisps = smoothstep(0.1, 0.9, noise(rng, x.shape, (7, 90), 6, 0.6)) * smoothstep(60, -10, y)
    sky = mix(sky, np.array([240, 240, 244], np.float32), 0.5 * wisps)
    canvas.paint(mix(sky, cloud, 0.92 * cover), np.ones(x.shape, np.float32))
    return canvas


def _cast_shadow(height: np.ndarray, drop: float, steps: int) -> np.ndarray:
    """Returns the sunlit share of a height field, light from the left and the front, (H, W)."""
    ceiling = height.copy()
    for _ in range(steps):
        moved = np.full_like(ceiling, -1e3)
        moved[1:, 2:] = ceiling[:-1, :-2] - drop
        ceiling = np.maximum(height, moved)
    blocked = smoothstep(0.0, 4 * drop, ceiling - height)
    return 1 - cv2.GaussianBlur(blocked, (0, 0), 1.0)


def render_terrain(
    height: np.ndarray, colour: np.ndarray, horizon: float, rise: float, haze: float
) -> Canvas:
    """Renders a height field in perspective, from a camera low over its near edge.

    Each screen column walks its ray from near to far (the "voxel space" method) and takes the
    first ground that stands higher on the screen than the pixel.

    Args:
        height: (D, X) heights in [0, 1], near row first.
        colour: (D, X, 3) lit colours in 0-255.
        horizon: y of height 0, in frame pixels.
        rise: Frame pixels that a height of 1 rises at the near edge.
        haze: Share of haze at the far edge, in [0, 1].

    Returns:
        The rendered layer.
    """
    canvas = wide_canvas()
    rows, columns = canvas.pixels.shape[:2]
    depths, across = height.shape
    steps = 3 * depths
    depth = np.linspace(0, 1, steps, dtype=np.float32)
    spread = 0.62 + 0.38 * depth  # the view widens with distance
    screen = np.linspace(-1, 1, columns, dtype=np.float32)
    map_x = (0.5 + 0.5 * spread[:, None] * screen) * (across - 1)
    map_y = np.repeat(depth[:, None] * (depths - 1), columns, axis=1)
    ground = cv2.remap(height, map_x, map_y, cv2.INTER_LINEAR)
    top = (horizon + MARGIN - ground * rise / (1 + 0.5 * depth[:, None])) * SCALE
    skyline = np.minimum.accumulate(top, axis=0)

    hit = np.empty((rows, columns), np.float32)
    wanted = -(np.arange(rows, dtype=np.float32) + 0.5)
    for column in range(columns):
        rising = -skyline[:, column] + 1e-4 * np.arange(steps)
        hit[:, column] = np.interp(wanted, rising, np.arange(steps), left=0, right=steps)
    solid = (hit < steps) & (-wanted[:, None] < (horizon + MARGIN) * SCALE)
    hit = np.minimum(hit, steps - 1)
    part = hit / (steps - 1)
    source_x = (0.5 + 0.5 * (0.62 + 0.38 * part) * screen) * (across - 1)
    picture = cv2.remap(colour, source_x, part * (depths - 1), cv2.INTER_LINEAR)
    canvas.paint(mix(picture, HAZE, haze * part), solid.astype(np.float32))
    return canvas


def draw_mountains(rng: np.random.Generator) -> Canvas:
    """Draws the snow-capped range behind the lake."""
    shape = (300, 620)
    near_to_far = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)
    peaks = np.exp(-(((x + 0.34) / 0.2) ** 2)) + 0.8 * np.exp(-(((x - 0.4) / 0.26) ** 2))
    envelope = (0.16 + near_to_far**1.2) * (0.5 + 0.6 * peaks)
    crests = noise(rng, shape, 110, 8, 0.5, ridged=True)
    height = (envelope * (0.62 + 0.5 * crests) + 0.02 * noise(rng, shape, 8, 3)).clip(0)
    height = height.astype(np.float32)

    # the near side faces the viewer: down the map is away from the camera, so light comes from
    # the left and the front
    light = diffuse(height, 95, np.array([-0.75, -0.35, 0.5], np.float32))
    light = light * (0.25 + 0.75 * _cast_shadow(height, 0.006, 70))
    steep = diffuse(height, 60, np.array([0, 0, 1], np.float32))
    grain = noise(rng, shape, 14, 5, 0.7)
    rock = mix(np.array([116, 98, 90.0]), np.array([164, 144, 122.0]), smoothstep(-0.8, 0.8, grain))
    wood = mix(np.array([40, 62, 40.0]), np.array([92, 108, 56.0]), smoothstep(-0.8, 0.9, grain))
    colour = mix(rock, wood, smoothstep(0.42, 0.22, height + 0.1 * grain))
    snowy = smoothstep(0.52, 0.62, height + 0.16 * grain + 0.22 * (steep - 0.6))
    colour = mix(colour, np.array([232, 236, 248.0]), snowy)
    colour = lit(colour, light).astype(np.float32)
    return render_terrain(height, colour, HORIZON + 1, 118, 0.42)


def draw_hills(rng: np.random.Generator) -> Canvas:
    """Draws the wooded hills on the far shore, with pines one by one."""
    shape = (160, 620)
    near_to_far = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, shape[1], dtype=np.float32)
    sides = 0.22 + 0.75 * np.abs(x + 0.06) ** 1.4
    height = near_to_far**0.8 * sides * (0.9 + 0.5 * noise(rng, shape, 90, 4))
    height = height.clip(0.004).astype(np.float32)
    grain = noise(rng, shape, 22, 6, 0.7)
    colour = mix(
        np.array([86, 112, 48.0]), np.array([168, 160, 74.0]), smoothstep(-0.6, 0.8, grain)
    )
    light = diffuse(height, 50) * (0.7 + 0.4 * grain)
    canvas = render_terrain(height, lit(colour, light).astype(np.float32), HORIZON + 1.5, 42, 0.2)
    _plant_pines(rng, canvas)
    return canvas


def _plant_pines(rng: np.random.Generator, canvas: Canvas) -> None:
    """Sets pines on the drawn ground, far ones first."""
    solid = canvas.pixels[..., 3] > 128
    patches = noise(rng, solid.shape, 40, 3)
    rows, columns = np.nonzero(solid & (patches > -0.05))
    chosen = np.sort(rng.choice(len(rows), min(1500, len(rows)), replace=False))
    for row, column in zip(rows[chosen], columns[chosen], strict=True):
        x = column / SCALE + canvas.left
        y = row / SCALE + canvas.top
        size = (2.6 + 3.4 * max(0.0, y - HORIZON + 22) / 22) * rng.uniform(0.7, 1.25)
        shade = rng.uniform(0.7, 1.2)
        dark = (30 * shade, 50 * shade, 42 * shade)
        bright = (104 * shade, 118 * shade, 54 * shade)
        canvas.polygon([(x - size * 0.3, y), (x, y - size), (x + size * 0.3, y)], dark)
        canvas.polygon(
            [(x - size * 0.3, y), (x, y - size), (x - size * 0.02, y - size * 0.1)], bright
        )


def draw_lake(rng: np.random.Generator, behind: list[Canvas]) -> Canvas:
    """Draws the lake: what stands behind it mirrored in ripples, and the light on them.

    Args:
        rng: Where the random numbers come from.
        behind: The layers behind the lake, back to front, each as large as the lake's own.

    Returns:
        The layer, empty above the horizon.
    """
    canvas = wide_canvas()
    view = wide_canvas()
    for layer in behind:
        view.stamp(layer, 0, 0)
    x, y = canvas.places()
    below = np.maximum(y - HORIZON, 0)
    # the ripples are noise on the water plane, seen in perspective
    plane = noise(rng, (512, 512), (9, 22), 5, 0.65)
    distance = 900 / (below + 5)
    map_x = ((x - 160) * distance / 60 + 256).astype(np.float32) % 511
    waves = cv2.remap(plane, map_x, (distance * 5 % 511).astype(np.float32), cv2.INTER_LINEAR)
    waves = 0.6 * waves + 0.5 * noise(rng, x.shape, (5, 26), 4, 0.6)
    strength = 0.6 + 0.16 * below
    mirror_x = (x + MARGIN + 0.5 * strength * waves) * SCALE
    mirror_y = (HORIZON + MARGIN - below * 1.25 + 2.2 * strength * waves) * SCALE
    mirrored = cv2.remap(
        view.pixels[..., :3].astype(np.float32),
        mirror_x.astype(np.float32),
        mirror_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    deep = np.array([22, 74, 104], np.float32) * (1 + 0.3 * waves[..., None])
    water = mix(
        mirrored * np.array([0.8, 0.88, 0.96]), deep, smoothstep(-5, 95, below + 26 * waves)
    )
    glints = (
        smoothstep(0.62, 1.0, waves) * np.exp(-(((x - 70) / 95) ** 2)) * smoothstep(0, 12, below)
    )
    water = mix(water, np.array([255, 240, 206], np.float32), 0.75 * glints)
    canvas.paint(water, (y > HORIZON).astype(np.float32))
    return canvas
