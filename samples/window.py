"""The still part of the sample scene: a stone window with a cat and flowers on its sill."""

from __future__ import annotations

import numpy as np
from drawing import Canvas, curve, diffuse, noise, smoothstep, vary
from landscape import HEIGHT, WIDTH

_SILL = 163.0


def draw_window(rng: np.random.Generator) -> Canvas:
    """Draws the window's stones, the pot of geraniums and the cat, over the whole frame."""
    canvas = Canvas(WIDTH, HEIGHT, 4)
    _lay_stones(rng, canvas)
    canvas.stamp(_draw_flowers(rng), 49, 170)
    canvas.stamp(_draw_cat(rng), 214, 173)
    return canvas


def _lay_stones(rng: np.random.Generator, canvas: Canvas) -> None:
    """Lays the arch and the sill: rough blocks with rounded edges, lit from the left."""
    x, y = canvas.places()
    # how far outside the opening a place lies: a rectangle with an arched top
    middle, half = 160.0, 144.0
    spring = 58.0
    arch = np.hypot(np.abs(x - middle) / half, np.minimum(y - spring, 0) / 54) - 1
    outside = np.where(y < spring, arch * 62, np.abs(x - middle) - half)
    angle = np.arctan2((y - spring) / 54, (x - middle) / half)
    along = np.where(y < spring, angle * 100, np.sign(x - middle) * (y - spring) + 1000)
    block = np.floor(along / 25 + 0.001).astype(int)
    seam = np.minimum(along % 25, 25 - along % 25)
    second = outside > 15
    seam = np.minimum(np.where(second, 99, seam), np.abs(outside - 15))
    seam = np.minimum(seam, outside + 0.2)

    sill = y > _SILL
    slab = np.floor((x + 30) / 64).astype(int)
    front = y > _SILL + 11
    joint = np.minimum((x + 30) % 64, 64 - (x + 30) % 64)
    joint = np.minimum(joint, np.minimum(y - _SILL, np.abs(y - _SILL - 11) + 0.4))
    seam = np.where(sill, joint, seam)
    stone = np.where(sill, 200 + slab + 7 * front, block + 40 * second) % 251

    rough = noise(rng, x.shape, 26, 7, 0.62)
    pits = noise(rng, x.shape, 7, 3)
    height = 2.6 * smoothstep(0, 2.2, seam) + 0.7 * rough - 0.9 * smoothstep(0.5, 1.0, pits)
    light = diffuse(height.astype(np.float32), 5.0)
    tone = rng.uniform(0.84, 1.12, 251)[stone]
    warmth = rng.uniform(-12, 12, 251)[stone]
    colour = np.stack([178 + warmth, 160 + 0.3 * warmth, 140 - warmth], axis=-1)
    colour = colour * (tone * (0.86 + 0.2 * rough) * (0.3 + 1.05 * light))[..., None]
    colour = colour * np.where(front & sill, 0.72, 1.0)[..., None]
    colour = colour * np.where(sill & ~front, 1.16, 0.9)[..., None]
    lichen = smoothstep(0.45, 0.8, noise(rng, x.shape, 30, 6, 0.7))[..., None]
    colour = colour * (1 - 0.5 * lichen) + 0.5 * lichen * np.array([150, 146, 74.0])
    solid = np.where(sill, 1.0, smoothstep(-0.2, 0.2, outside))
    canvas.paint(colour, solid.astype(np.float32))


def _draw_flowers(rng: np.random.Generator) -> Canvas:
    """Draws a pot of geraniums, the middle of its foot at (0, 0)."""
    pot = Canvas(60, 66, 6, -30, -62)
    x, _ = pot.places()
    clay = np.array([196, 104, 64.0]) * (1 + 0.12 * noise(rng, x.shape, (6, 20), 4))[..., None]
    body = [(-8.5, -16), (8.5, -16), (6, -0.5), (0, 0.6), (-6, -0.5)]
    across = np.clip(0.98 - 0.055 * (x + 4) - 0.002 * (x + 3) ** 2, 0.25, 1.3)
    pot.ellipse(5, -0.4, 10, 1.8, (84, 74, 70))
    pot.paint(clay * across[..., None], pot.mask(body))
    rim = [(-10, -20), (10, -20), (9.6, -15.6), (-9.6, -15.6)]
    pot.paint(clay * 1.1 * across[..., None], pot.mask(rim))
    for _ in range(420):
        turn, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        leaf_x, leaf_y = 19 * radius * np.cos(turn), -29 + 12 * radius * np.sin(turn)
        light = float(np.clip(0.5 - 0.022 * leaf_x - 0.03 * (leaf_y + 29), 0, 1))
        light *= rng.uniform(0.6, 1.2)
        tone = vary(rng, (34 + 104 * light, 62 + 112 * light, 34 + 40 * light), 0.06)
        dark = (tone[0] * 0.5, tone[1] * 0.55, tone[2] * 0.55)
        size, lean = rng.uniform(1.4, 2.8), float(rng.uniform(0, 180))
        pot.ellipse(leaf_x + 0.4, leaf_y + 0.5, size, size * 0.75, dark, lean)
        pot.ellipse(leaf_x, leaf_y, size, size * 0.72, tone, lean)
    heads = (
        (-11, -40, 5.0), (1, -45, 6.2), (12, -39, 5.2),
        (-3, -33, 4.4), (-17, -31, 3.8), (15, -29, 3.6),
    )  # fmt: skip
    for head_x, head_y, size in heads:
        for _ in range(70):
            turn, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1)) * size
            petal_x, petal_y = np.cos(turn) * radius, np.sin(turn) * radius
            light = 0.78 - 0.3 * (petal_x + petal_y) / size + 0.12 * rng.standard_normal()
            tone = vary(rng, (226 * light, 44 * light + 14, 62 * light + 10), 0.05)
            lean = float(rng.uniform(0, 180))
            pot.ellipse(head_x + petal_x, head_y + petal_y, 1.3, 0.9, tone, lean)
    return pot


def _draw_cat(rng: np.random.Generator) -> Canvas:
    """Draws a tabby cat that looks out, seen from behind, the middle of its foot at (0, 0)."""
    cat = Canvas(64, 74, 6, -27, -66)
    cat.ellipse(8, -1.5, 22, 3.0, (88, 76, 72))
    body = curve(
        [
            (-5, -40), (-11, -30), (-16.5, -16), (-17, -5), (-11, 0), (0, 1),
            (11, 0), (17, -5), (16.5, -16), (11, -30), (5, -40), (0, -42),
        ]
    )  # fmt: skip
    head = curve(
        [
            (-9.6, -44), (-10.4, -49), (-10.6, -60.5), (-4.4, -55.4), (0, -56.2),
            (4.4, -55.4), (10.6, -60.5), (10.4, -49), (9.6, -44), (4, -38.6), (-4, -38.6),
        ],
        120,
    )  # fmt: skip
    x, _ = cat.places()
    cat.paint(np.array([176, 104, 54], np.float32) * np.ones((*x.shape, 1)), cat.mask(body))
    _lay_tail(rng, cat)
    _lay_fur(rng, cat, cat.mask(body), 17.0, 1.9)
    cat.paint(np.array([176, 104, 54], np.float32) * np.ones((*x.shape, 1)), cat.mask(head))
    _lay_fur(rng, cat, cat.mask(head), 10.5, 1.1)
    for side in (-1, 1):  # the hollow backs of the ears
        ear = [(side * 9.8, -58.6), (side * 9.2, -51.5), (side * 5.0, -54.6)]
        cat.polygon(ear, (122, 70, 44))
        cat.line([(side * 10.6, -60.4), (side * 4.6, -55.6)], 0.6, (250, 196, 128))
    for side in (-1, 1):  # whiskers
        for lean in (-1.6, 0.2, 1.8):
            root = (side * 9.8, -45 + 0.5 * lean)
            cat.line([root, (side * 15.5, -45 + 2 * lean)], 0.2, (250, 240, 224))
    return cat


def _lay_tail(rng: np.random.Generator, cat: Canvas) -> None:
    """Draws the ringed tail, laid along the sill with its tip curled up."""
    knots = np.array([(10, -4), (18, -3), (25, -4), (30, -7), (31.4, -12), (29, -16), (26, -16)])
    place = np.linspace(0, len(knots) - 1, 140)
    x = np.interp(place, np.arange(len(knots)), knots[:, 0])
    y = np.interp(place, np.arange(len(knots)), knots[:, 1])
    x, y = (np.convolve(np.pad(v, 8, "edge"), np.ones(17) / 17, "valid") for v in (x, y))
    for index in range(140):
        dark = 0.55 if index % 24 < 9 or index > 128 else 1.0
        cat.ellipse(x[index], y[index], 3.2, 3.2, (150 * dark, 88 * dark, 46 * dark))
        along = np.array([x[min(index + 4, 139)] - x[index], y[min(index + 4, 139)] - y[index]])
        along = along / (np.hypot(*along) + 1e-6)
        for _ in range(9):
            across = rng.uniform(-1, 1)
            root = (x[index] - along[1] * 3 * across, y[index] + along[0] * 3 * across)
            tip = (root[0] + 1.6 * along[0], root[1] + 1.6 * along[1] + rng.normal(0, 0.3))
            light = (0.78 - 0.3 * (root[1] - y[index]) / 3) * dark
            tone = vary(rng, (236 * light, 152 * light, 80 * light), 0.09)
            cat.line([root, tip], 0.34, tone)


def _lay_fur(
    rng: np.random.Generator, cat: Canvas, mask: np.ndarray, half_width: float, size: float
) -> None:
    """Draws hairs `size` long over a part of the cat: stripes, and light along the left edge."""
    rows, columns = np.nonzero(mask > 0.6)
    bend = noise(rng, mask.shape, 40, 3)
    chosen = rng.choice(len(rows), len(rows) // 6)
    chosen = chosen[np.argsort(rows[chosen], kind="stable")]  # ties alike on every processor
    for row, column in zip(rows[chosen], columns[chosen], strict=True):
        x, y = column / cat.scale + cat.left, row / cat.scale + cat.top
        across = x / half_width
        stripe = np.sin(y * 0.95 + 2.2 * abs(across) + 0.9 * bend[row, column])
        light = 0.76 - 0.32 * across - 0.002 * y
        dark = 0.36 * (stripe > 0.3) + 0.25 * np.exp(-((across / 0.16) ** 2))
        tone = np.array([232, 150, 78]) * light * (1 - dark)
        if across < -0.8 and rng.random() < 0.7:
            tone = np.array([255, 216, 154])
        lean = 0.35 * across + rng.normal(0, 0.25)
        length = size * rng.uniform(0.6, 1.3)
        end = (x + lean * length, y + length)
        cat.line([(x, y), end], 0.34, vary(rng, (tone[0], tone[1], tone[2]), 0.09))
