"""The near bank of the sample scene: meadow, cottage, tree and windmill."""

from __future__ import annotations

import numpy as np
from drawing import Canvas, Points, noise, oval, smoothstep, vary
from landscape import wide_canvas

HUB = (266.0, 88.5)  # where the windmill's sails turn, in frame pixels
_DETAIL = 6  # pixels of a building's drawing per frame pixel


def bank_edge(x: np.ndarray) -> np.ndarray:
    """Returns y of the bank's upper edge: high at both sides, low in the middle, like `x`."""
    left = 45 * smoothstep(152, 96, x)
    right = 34 * smoothstep(205, 262, x)
    return 157 - left - right + 1.6 * np.sin(x / 9) + 1.2 * np.sin(x / 3.7)


def draw_bank(rng: np.random.Generator) -> Canvas:
    """Draws the near bank with everything that stands on it."""
    canvas = wide_canvas()
    x, y = canvas.places()
    below = y - bank_edge(x)
    grain = noise(rng, x.shape, (10, 26), 6, 0.65)
    colour = np.stack([96 + 44 * grain, 122 + 40 * grain, 44 + 20 * grain], axis=-1)
    colour = (
        colour * (0.72 + 0.5 * smoothstep(-0.6, 0.7, noise(rng, x.shape, (22, 60), 3)))[..., None]
    )
    canvas.paint(colour, smoothstep(-0.25, 0.25, below))
    _grow_grass(rng, canvas)
    _draw_path(rng, canvas)
    canvas.stamp(_draw_tree(rng, 30, 42), 46, 118)
    canvas.stamp(_draw_cottage(rng), 62, 103)
    canvas.stamp(_draw_tree(rng, 17, 22), 125, 140)
    canvas.stamp(_draw_mill(rng), HUB[0], HUB[1])
    for x_bush, y_bush in ((57, 127), (112, 130), (240, 132), (249, 128), (287, 127), (297, 129)):
        canvas.stamp(_draw_tree(rng, 7, 6, trunk=False), x_bush, y_bush + 1)
    return canvas


def _grow_grass(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draws blades and flowers, far ones first."""
    patches = noise(rng, canvas.pixels.shape[:2], 34, 3)
    count = 9000
    x = rng.uniform(canvas.left, canvas.left + canvas.pixels.shape[1] / canvas.scale - 1, count)
    edge = bank_edge(x)
    y = edge + (212 - edge) * rng.uniform(0, 1, count) ** 1.3
    for index in np.argsort(y):
        row, column = ((v * canvas.scale) for v in (y[index] - canvas.top, x[index] - canvas.left))
        patch = patches[min(int(row), len(patches) - 1), int(column)]
        size = 1.6 + 3.4 * (y[index] - edge[index]) / 50
        lean = rng.normal(0.3, 0.5) * size
        base = (120, 142, 52) if rng.random() < 0.5 + 0.4 * patch else (66, 96, 38)
        if rng.random() < 0.12:
            base = (206, 186, 92)
        tip = (x[index] + lean, y[index] - size)
        canvas.line([(x[index], y[index]), tip], 0.5, vary(rng, base, 0.16))
        if rng.random() < 0.045 + 0.1 * (patch > 0.35):
            petal = ((238, 92, 62), (250, 236, 226), (244, 202, 66), (176, 110, 190))[
                int(rng.integers(4))
            ]
            canvas.ellipse(*tip, 0.35 + size * 0.13, 0.3 + size * 0.12, petal)


def _draw_path(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draws a path of stones from the cottage's door to the water's edge."""
    for place in np.linspace(0, 1, 330):
        x = 92 + 70 * place**1.5 + rng.normal(0, 1.5 + 3.5 * place)
        y = 124 + 54 * place + rng.normal(0, 0.7)
        size = rng.uniform(0.6, 1.3) * (0.7 + place)
        tone = vary(rng, (196, 174, 138), 0.1)
        dark = (tone[0] * 0.5, tone[1] * 0.48, tone[2] * 0.5)
        canvas.ellipse(x + 0.4, y + 0.4, size, size * 0.55, dark)
        canvas.ellipse(x, y, size * 0.9, size * 0.5, tone)


def _draw_tree(
    rng: np.random.Generator, half_width: float, height: float, trunk: bool = True
) -> Canvas:
    """Draws a broad-leaved tree of a few thousand dabs, its foot at (0, 0)."""
    tree = Canvas(2.6 * half_width, 1.9 * height + 3, 4, -1.3 * half_width, -1.9 * height)
    if trunk:
        for bough in np.linspace(-1, 1, 7):
            top = (bough * half_width * 0.6, -height * (1.25 - 0.3 * abs(bough)))
            bend = (bough * half_width * 0.08, -height * 0.5)
            for side, tone in ((-0.03, (134, 98, 66)), (0.03, (66, 46, 38))):
                shift = side * half_width
                points: Points = [(shift * 2, 0), (bend[0] + shift, bend[1]), top]
                tree.line(points, 0.075 * half_width, vary(rng, tone, 0.08))
    clumps = [(0.0, -1.2, 0.62)]
    for turn in np.linspace(0, 2 * np.pi, 9, endpoint=False):
        clumps.append((0.6 * np.cos(turn), -1.2 + 0.4 * np.sin(turn), rng.uniform(0.3, 0.42)))
    clumps.sort(key=lambda clump: -clump[1] * 0.3 - clump[2])
    dabs = int(60 + 2.4 * half_width * height)
    for dab in range(dabs):
        across, up, size = clumps[dab * len(clumps) // dabs]
        turn, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0, 1))
        offset_x, offset_y = np.cos(turn) * radius, np.sin(turn) * radius
        x = (across + offset_x * size) * half_width
        y = (up + 0.8 * offset_y * size) * height
        light = 0.5 - 0.42 * offset_x - 0.5 * offset_y - 0.2 * across - 0.4 * (up + 1.2)
        light = float(np.clip(light + 0.16 * rng.standard_normal(), 0, 1.15))
        tone = vary(rng, (38 + 152 * light, 58 + 122 * light, 34 + 26 * light), 0.07)
        leaf = rng.uniform(0.55, 1.0) * (0.5 + half_width / 28)
        tree.ellipse(x, y, leaf, leaf * 0.6, tone, float(rng.uniform(0, 180)))
    return tree


def _courses(
    rng: np.random.Generator, canvas: Canvas, brick: tuple[float, float], joint: float
) -> np.ndarray:
    """Returns a pattern of bricks or tiles over a canvas, (H, W) float32, about [0.4, 1.2]."""
    x, y = canvas.places()
    row = np.floor(y / brick[1])
    column = np.floor(x / brick[0] + 0.5 * (row % 2))
    tone = rng.uniform(0.78, 1.15, (97, 89)).astype(np.float32)
    pattern = tone[row.astype(int) % 97, column.astype(int) % 89]
    across = np.abs((x / brick[0] + 0.5 * (row % 2)) % 1 - 0.5) * brick[0]
    down = np.abs((y / brick[1]) % 1 - 0.5) * brick[1]
    gap = np.minimum(brick[0] / 2 - across, brick[1] / 2 - down)
    return (
        pattern * (0.5 + 0.5 * smoothstep(0, joint, gap)) * (1 + 0.12 * noise(rng, x.shape, 5, 3))
    )


def _flat(canvas: Canvas, colour: tuple[float, float, float], pattern: np.ndarray) -> np.ndarray:
    return np.asarray(colour, np.float32) * pattern[..., None]


def _draw_cottage(rng: np.random.Generator) -> Canvas:
    """Draws a cottage with a tiled roof, its gable's upper left corner near (0, 0)."""
    house = Canvas(52, 46, _DETAIL, -4, -22)
    brick = _courses(rng, house, (2.4, 1.2), 0.22)
    tile = _courses(rng, house, (1.6, 1.5), 0.4)
    plaster = 1 + 0.1 * noise(rng, brick.shape, 16, 5)
    gable: Points = [(0, 1), (8, -11), (16, 1), (16, 20), (0, 20)]
    front: Points = [(16, 1), (44, 1), (44, 21), (16, 20)]
    house.paint(_flat(house, (250, 226, 184), plaster), house.mask(gable))
    house.paint(_flat(house, (168, 96, 72), brick), house.mask(front))
    roof: Points = [(8, -12), (38, -12), (46, 3), (15.4, 3)]
    house.paint(_flat(house, (188, 84, 52), tile), house.mask(roof))
    house.polygon([(15.4, 3), (46, 3), (46, 4), (15.6, 4)], (82, 42, 34))
    house.line([(-1.5, 3), (8, -12), (8.4, -12), (16.2, 3.2)], 1.2, (110, 66, 46))
    for beam in ([(0, 7), (16, 7)], [(4, 7), (4, 20)], [(12, 7), (12, 20)], [(8, -9), (8, 7)]):
        house.line(beam, 0.9, (96, 64, 46))
    for beam in ([(0.4, 1), (0.4, 20)], [(15.6, 1), (15.6, 20)], [(0, 7), (4, 13)]):
        house.line(beam, 0.9, (82, 54, 42))
    chimney: Points = [(31, -19), (35.4, -19), (35.4, -8), (31, -8)]
    house.paint(_flat(house, (176, 104, 82), brick), house.mask(chimney))
    house.polygon([(30.4, -20.4), (36, -20.4), (36, -18.6), (30.4, -18.6)], (120, 78, 66))
    for x, y, wide, high in ((6, 10, 4, 5), (6.4, -3, 3.2, 4), (20, 7.5, 5, 6), (37, 7.5, 5, 6)):
        _draw_window(house, x, y, wide, high)
    house.polygon([(28, 7.5), (33.6, 7.5), (33.6, 20.8), (28, 20.6)], (70, 44, 34))
    house.polygon([(28.6, 8.3), (33, 8.3), (33, 20.6), (28.6, 20.5)], (62, 104, 112))
    house.line([(30.8, 8.3), (30.8, 20.5)], 0.3, (38, 66, 76))
    house.ellipse(32.2, 14.6, 0.45, 0.45, (240, 200, 110))
    x, y = house.places()
    eaves = 1 - 0.45 * smoothstep(8.5, 4, y) * smoothstep(3.2, 4, y) * smoothstep(15, 17, x)
    house.shade((1.04 - 0.2 * smoothstep(14, 20, x)) * eaves)
    return house


def _draw_window(canvas: Canvas, x: float, y: float, wide: float, high: float) -> None:
    """Draws a window with panes and a sill, its upper left corner at (x, y)."""
    left, top, right, bottom = x - 0.6, y - 0.6, x + wide + 0.6, y + high + 0.6
    frame: Points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    canvas.polygon(frame, (244, 236, 220))
    canvas.polygon([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], (54, 70, 98))
    canvas.polygon([(x, y), (x + wide * 0.9, y), (x, y + high * 0.8)], (148, 172, 196))
    canvas.line([(x + wide / 2, y), (x + wide / 2, y + high)], 0.5, (244, 236, 220))
    canvas.line([(x, y + high / 2), (x + wide, y + high / 2)], 0.5, (244, 236, 220))
    sill = y + high + 1
    canvas.line([(x - 1, sill), (x + wide + 1, sill)], 0.8, (150, 112, 84))


def _draw_mill(rng: np.random.Generator) -> Canvas:
    """Draws a windmill's tower and cap, the hub of its sails at (0, 0)."""
    mill = Canvas(34, 60, _DETAIL, -17, -13)
    x, y = mill.places()
    brick = _courses(rng, mill, (2.2, 1.1), 0.22)
    tower: Points = [(-6.8, 1), (6.8, 1), (11, 42), (7, 43.4), (0, 44), (-7, 43.4), (-11, 42)]
    half = 6.8 + 4.2 * np.clip((y - 1) / 41, 0, 1)
    round_shade = 0.42 + 0.82 * np.sqrt(np.clip(1 - ((x / half + 0.45) / 1.5) ** 2, 0, 1))
    band = np.where((y % 14) < 3.2, 1.0, 0.0)[..., None]
    wall = np.array([236, 208, 170.0]) * (1 - band) + np.array([186, 92, 70.0]) * band
    mill.paint(wall * (brick * round_shade)[..., None], mill.mask(tower))
    for window_y in (9, 22):
        _draw_window(mill, -1.4, window_y, 2.8, 4)
    mill.polygon([(-2.6, 33), (0, 31.6), (2.6, 33), (2.6, 44), (-2.6, 43.8)], (84, 50, 38))
    gallery: Points = [(-11, 28.4), (11, 28.4), (11.2, 30), (-11.2, 30)]
    mill.polygon(gallery, (112, 76, 54))
    for post in np.linspace(-11, 11, 12):
        mill.line([(post, 28.6), (post, 25.4)], 0.4, (98, 66, 50))
    mill.line([(-11, 25.4), (11, 25.4)], 0.5, (134, 92, 64))
    cap = oval(0, 1, 8.4, 9.6)
    cap = cap[cap[:, 1] <= 2.6]
    tile = _courses(rng, mill, (1.4, 1.2), 0.35)
    mill.paint(_flat(mill, (92, 100, 122), tile * round_shade * 1.15), mill.mask(cap))
    mill.polygon([(-8.8, 1.6), (8.8, 1.6), (8.4, 3.4), (-8.4, 3.4)], (98, 66, 50))
    return mill


def draw_sails(rng: np.random.Generator) -> Canvas:
    """Draws the windmill's four sails around their hub at (0, 0)."""
    sails = Canvas(84, 84, 4, -42, -42)
    cloth = 1 + 0.12 * noise(rng, sails.pixels.shape[:2], 14, 5)
    x, y = sails.places()
    for turn in np.radians([0, 90, 180, 270]):
        along = np.array([np.cos(turn), np.sin(turn)])
        side = np.array([-along[1], along[0]])
        sheet = [along * r + side * s for r, s in ((9, 0.4), (39, 0.4), (39, 8), (9, 7))]
        ribs = x * along[0] + y * along[1]
        stripes = np.where((ribs - 9) % 10 < 5, 1.0, 0.0)[..., None]
        colour = np.array([250, 238, 212.0]) * (1 - stripes) + np.array([214, 92, 66.0]) * stripes
        sails.paint(colour * cloth[..., None], sails.mask(np.array(sheet)))
        for rib in np.arange(9, 40, 5.0):
            sails.line(
                [tuple(along * rib - side * 0.4), tuple(along * rib + side * 7.6)],
                0.5,
                (98, 64, 46),
            )
        sails.line([tuple(along * 9 + side * 7), tuple(along * 39 + side * 8)], 0.6, (98, 64, 46))
        sails.line([(0, 0), tuple(along * 40)], 1.3, (84, 54, 40))
    sails.ellipse(0, 0, 2.4, 2.4, (70, 46, 38))
    sails.ellipse(-0.4, -0.5, 1.3, 1.3, (176, 128, 84))
    return sails
