"""What moves through the sample scene: a balloon, a boat, a bird and a ball."""

from __future__ import annotations

import numpy as np
from drawing import Canvas, Points, curve, noise, oval, smoothstep, vary

_DETAIL = 6


def draw_balloon(rng: np.random.Generator) -> Canvas:
    """Draws a hot-air balloon, the middle of its envelope at (0, 0)."""
    balloon = Canvas(62, 96, 5, -31, -31)
    x, y = balloon.places()
    turn = np.linspace(0, 1, 40)
    outline_y = -27 + 63 * turn
    outline_x = 27 * np.sin(np.pi * np.minimum(turn, 0.86) ** 0.82) ** 0.68
    outline_x[-6:] = np.linspace(outline_x[-7], 6, 6)
    edge = np.concatenate(
        [np.stack([outline_x, outline_y], 1), np.stack([-outline_x, outline_y], 1)[::-1]]
    )
    half = np.interp(y, outline_y, outline_x) + 1e-3
    across = np.clip(x / half, -1, 1)
    longitude = np.arcsin(across)
    gore = np.floor((longitude / np.pi + 0.5) * 12).astype(int)
    palette = np.array([[226, 62, 46], [250, 190, 60], [248, 240, 222], [40, 106, 160]], np.float32)
    colour = palette[gore % 4]
    zigzag = 5 * np.abs((longitude / np.pi * 12) % 1 - 0.5) * 2
    belt = (np.abs(y + 2 - zigzag) < 5.5)[..., None]
    colour = np.where(belt, palette[(gore + 2) % 4], colour)
    trim = (np.abs(np.abs(y + 2 - zigzag) - 5.5) < 0.8)[..., None]
    colour = np.where(trim, np.array([60, 40, 66], np.float32), colour)
    seam = np.abs((longitude / np.pi + 0.5) * 12 % 1 - 0.5)
    puff = 0.8 + 0.24 * np.cos((seam - 0) * np.pi) - 0.25 * smoothstep(0.42, 0.5, seam)
    up = (y + 4) / 32
    light = np.clip(0.62 - 0.52 * across - 0.42 * up, 0.0, 1.0) * np.sqrt(1.02 - across**2)
    light = light * puff * (1 + 0.08 * noise(rng, x.shape, 12, 5, 0.7))
    warm = np.array([0.38, 0.38, 0.5]) + np.array([1.08, 0.98, 0.8]) * light[..., None]
    balloon.paint(colour * warm, balloon.mask(edge))
    for rope in (-5, -2.2, 2.2, 5):
        balloon.line([(rope, 36), (rope * 0.72, 50)], 0.45, (70, 52, 44))
    basket: Points = [(-4.6, 50), (4.6, 50), (3.9, 58), (-3.9, 58)]
    weave = 0.8 + 0.3 * np.sign(np.sin(x * 4.2) * np.sin(y * 4.2)) * 0.6
    wicker = np.array([176, 120, 68.0]) * (weave * (1 - 0.08 * x))[..., None]
    for rider, tone in ((-1.8, (64, 84, 132)), (1.6, (170, 62, 60))):
        balloon.ellipse(rider, 49.6, 1.3, 2.2, tone)
        balloon.ellipse(rider, 46.8, 1.0, 1.1, (232, 186, 150))
    balloon.paint(wicker, balloon.mask(basket))
    balloon.line([(-4.9, 50), (4.9, 50)], 1.0, (122, 78, 46))
    return balloon


def draw_boat(rng: np.random.Generator) -> Canvas:
    """Draws a sailing boat and its mirror image, the waterline under the mast at (0, 0)."""
    boat = Canvas(56, 78, _DETAIL, -28, -50)
    x, y = boat.places()
    main: Points = [(-1.2, -44), (-1.2, -7), (-20, -6), (-15, -16), (-8, -32)]
    jib: Points = [(1.2, -40), (1.2, -7), (17, -6.4), (12, -16), (6, -28)]
    folds = 1 + 0.1 * np.sin(x * 0.9 + y * 0.25) + 0.1 * noise(rng, x.shape, 16, 5)
    stripes = (np.floor((y + 60) / 4.6).astype(int) % 3 == 0)[..., None]
    for sail, tone, second, light in (
        (main, (252, 236, 204), (226, 110, 62), 1.0 + 0.012 * (x + 8)),
        (jib, (244, 214, 170), (200, 70, 56), 0.86 - 0.016 * (x - 8)),
    ):
        colour = np.where(stripes, np.array(second, np.float32), np.array(tone, np.float32))
        boat.paint(colour * (folds * light)[..., None], boat.mask(sail))
    boat.line([(0, -46), (0, -2)], 1.1, (96, 62, 42))
    boat.line([(-20, -5.6), (0, -6)], 0.8, (96, 62, 42))
    boat.polygon([(0, -49), (0, -46), (-7, -47)], (222, 52, 48))
    hull: Points = [(-22, -5), (-12, -4), (8, -4), (24, -7), (17, 1.6), (-18, 1.6)]
    planks = (
        0.72 + 0.36 * smoothstep(0.1, 0.35, (y + 7) % 1.7) + 0.1 * noise(rng, x.shape, (3, 30), 4)
    )
    wood = np.array([168, 92, 52.0]) * (planks * (1.05 - 0.014 * x))[..., None]
    boat.paint(wood, boat.mask(hull))
    boat.line([(-22, -5), (-12, -4), (8, -4), (24, -7)], 1.0, (244, 226, 190))
    boat.ellipse(-9, -6.4, 1.6, 3.0, (46, 76, 128))
    boat.ellipse(-9, -10.2, 1.4, 1.5, (230, 184, 148))
    boat.ellipse(-9, -11.2, 1.9, 0.7, (238, 206, 120))
    _mirror(rng, boat)
    return boat


def _mirror(rng: np.random.Generator, boat: Canvas) -> None:
    """Draws what is above y = 0 again below it, broken by ripples."""
    waterline = round(-boat.top * boat.scale)
    for y in np.arange(1.8, 26, 0.9):
        source = boat.pixels[max(0, waterline - round(y * 1.5 * boat.scale))].astype(float)
        solid = np.flatnonzero(source[:, 3] > 200)
        if not len(solid) or rng.random() < 0.02 * y - 0.06:
            continue
        shift = rng.normal(0, 0.5 + 0.05 * y)
        start, stop = (solid[i] / boat.scale + boat.left + shift for i in (0, -1))
        for left in np.arange(start, stop, 2.0):
            index = int((left - shift - boat.left + 0.5) * boat.scale)
            if source[min(index, len(source) - 1), 3] < 200:
                continue
            tone = source[min(index, len(source) - 1), :3] * 0.62 + np.array([14, 30, 40])
            shade = vary(rng, (tone[0], tone[1], tone[2]), 0.05)
            boat.ellipse(left + 1, y, 1.5, 0.5, shade)


def draw_bird(rng: np.random.Generator) -> Canvas:
    """Draws a gliding gull that heads left, its body at (0, 0)."""
    bird = Canvas(50, 34, _DETAIL, -25, -20)
    x, y = bird.places()
    far = curve([(-3, -1), (2, -9), (13, -17), (19, -18), (13, -11), (7, -4), (4, 0)])
    near = curve([(-3, 0), (1, 4), (-1, 9), (5, 12.5), (11, 12), (8, 7), (7, 2), (4, -1)])
    tail = curve([(6, -1), (16, -2.4), (17.5, 0.4), (15, 2.6), (7, 1.6)])
    body = curve([(-12, -1.6), (-7, -3.4), (0, -3), (8, -1.6), (9, 1), (1, 2.8), (-7, 1.8)])
    feathers = 0.9 + 0.16 * np.sin(2.4 * (x + 0.6 * y)) + 0.12 * noise(rng, x.shape, 8, 4)
    for part, tone, tip in (
        (far, (160, 172, 198), (48, 50, 66)),
        (tail, (224, 226, 232), (150, 156, 176)),
        (body, (252, 250, 244), (190, 194, 208)),
        (near, (232, 232, 236), (40, 42, 56)),
    ):
        reach = np.abs(y) / np.abs(part[:, 1]).max()
        share = smoothstep(0.62, 0.8, reach) if part is not body else smoothstep(-0.2, 1.0, y / 2.8)
        colour = np.array(tone, float) * (1 - share[..., None]) + np.array(tip) * share[..., None]
        bird.paint(
            colour * (feathers if part is not body else 1.0 + 0 * y)[..., None], bird.mask(part)
        )
    bird.polygon([(-11.4, -2), (-16, -0.6), (-11.4, 0.2)], (244, 164, 44))
    bird.ellipse(-9.6, -1.6, 0.7, 0.7, (30, 28, 32))
    return bird


def draw_ball(rng: np.random.Generator) -> Canvas:
    """Draws a striped ball of radius 10 around (0, 0)."""
    ball = Canvas(22, 22, 8, -11, -11)
    x, y = ball.places()
    radius = np.hypot(x, y)
    panel = np.floor((np.arctan2(y, x) + 0.5 * np.sin(radius / 4)) / (2 * np.pi) * 8).astype(int)
    palette = np.array([[236, 60, 50], [252, 244, 226], [44, 120, 190], [250, 202, 60]], np.float32)
    colour = palette[panel % 4]
    colour = np.where((radius < 2.6)[..., None], np.array([252, 244, 226], np.float32), colour)
    light = np.sqrt(np.clip(1.06 - (radius / 10) ** 2, 0, 1)) * 0.75 + 0.35
    light = light * (1 + 0.1 * noise(rng, x.shape, 16, 4))
    ball.paint(colour * light[..., None], ball.mask(oval(0, 0, 10, 10)))
    return ball
