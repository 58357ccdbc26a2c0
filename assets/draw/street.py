"""`street`: a narrow southern street late in the morning, the sun over the left roofs. Metres; the street runs along +y."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import scene
from .noise import cells, fbm, perlin, smoothstep
from .scene import coat, linear, rgb, shape
from .shapes import Mesh, box, join, lathe, sheet, tube

Array = NDArray[np.floating]
SUN = np.array([-0.5, -0.42, 0.9])
STEP = 0.05  # of the walls' grids; windows sit on multiples of it


def bend(y: Array) -> Array:
    """How far the middle of the street lies to the right at y."""
    return 0.012 * np.clip(np.asarray(y, float) - 6, 0, None) ** 2


def block(size: tuple[float, float, float], to: tuple[float, float, float], tone: list[float]) -> Mesh:
    """A painted box by its lower corner nearest (0, 0, 0)."""
    return box(size).moved(tuple(t + s / 2 for t, s in zip(to, size, strict=True))).painted(np.array(tone))


def wall(
    width: float, tall: float, holes: list[tuple[float, float, float, float]], tone: list[float], seed: int
) -> Mesh:
    """Weathered plaster in the plane y = 0, front towards -y, with rectangular holes (x, z, width, height)."""
    x, z = np.arange(0, width + STEP / 2, STEP), np.arange(0, tall + STEP / 2, STEP)
    gx, gz = np.meshgrid(x, z)
    p = np.stack([gx + 31 * seed, gz], -1)
    mesh = sheet(np.stack([gx, 0.006 * fbm(p * 2.5, 4, seed=seed), gz], -1))
    middle = mesh.points[mesh.triangles].mean(1)
    inside = np.zeros(len(middle), bool)
    for hx, hz, w, h in holes:
        inside |= (middle[:, 0] > hx) & (middle[:, 0] < hx + w) & (middle[:, 2] > hz) & (middle[:, 2] < hz + h)
    stain = fbm(p * 0.55, 6, seed=seed + 1)
    streaks = fbm(np.stack([gx * 3.2 + seed, gz * 0.22], -1), 4, seed=seed + 2)
    damp = smoothstep(1.5, 0.0, gz + 1.2 * stain)
    bare = smoothstep(0.34, 0.40, fbm(p * 0.8, 6, seed=seed + 3) + 0.25 * damp)
    colour = np.array(tone) * (1 + 0.4 * stain + 0.22 * streaks - 0.42 * damp)[..., None]
    colour = (
        colour * (1 - bare[..., None])
        + np.array(linear(176, 158, 134)) * (1 + 0.5 * stain)[..., None] * bare[..., None]
    )
    return Mesh(mesh.points, mesh.triangles[~inside], np.clip(colour.reshape(-1, 3), 0, 1))


def shutter(w: float, h: float, tone: list[float]) -> Mesh:
    """A louvred leaf, hinged at x = 0, in the plane y = 0."""
    rail = 0.06
    made = [block((rail, 0.035, h), (0, -0.035, 0), tone), block((rail, 0.035, h), (w - rail, -0.035, 0), tone)]
    made += [block((w, 0.035, rail), (0, -0.035, z), tone) for z in (0, h / 2, h - rail)]
    slats = int((h - 0.1) / 0.05)
    made += [
        box((w - 0.1, 0.042, 0.008)).moved((w / 2, -0.018, 0.07 + 0.05 * i), (38, 0, 0)).painted(np.array(tone))
        for i in range(slats)
    ]
    return join(made)


def window(
    w: float, h: float, leaf: list[float], frame: list[float], rng: np.random.Generator
) -> tuple[list[Mesh], Mesh]:
    """What fills a hole w by h at the origin: reveal, casement, sill, shutters. -> parts, pane"""
    deep, stone = 0.2, linear(214, 200, 178)
    made = [
        block((0.02, deep, h), (-0.02, 0, 0), stone),
        block((0.02, deep, h), (w, 0, 0), stone),
        block((w, deep, 0.02), (0, 0, h), stone),
        block((w + 0.2, deep + 0.08, 0.06), (-0.1, -0.08, -0.06), stone),
        block((w + 0.24, 0.03, 0.12), (-0.12, -0.03, h), stone),
    ]
    made += [block((0.05, 0.05, h), (x, deep - 0.06, 0), frame) for x in (0, w / 2 - 0.025, w - 0.05)]
    made += [block((w, 0.04, 0.045), (0, deep - 0.055, z), frame) for z in (0, h * 0.36, h * 0.68, h - 0.045)]
    if leaf and rng.random() < 0.14:  # closed
        made += [shutter(w / 2, h, leaf).moved((0, 0.03, 0)), shutter(w / 2, h, leaf).moved((w / 2, 0.03, 0))]
    elif leaf:
        made.append(shutter(w / 2, h, leaf).moved((0, -0.02, 0), (0, 0, 180 + rng.uniform(4, 16))).scaled((1, 1, 1)))
        made.append(shutter(w / 2, h, leaf).moved((w, -0.02, 0), (0, 0, -rng.uniform(4, 16))))
    curtain = block((w * rng.uniform(0.25, 0.5), 0.01, h), (0, deep + 0.05, 0), linear(226, 220, 208))
    pane = block((w, 0.01, h), (0, deep - 0.03, 0), linear(20, 24, 28))
    return [*made, curtain], pane


def plant(seed: int, size: float, flower: tuple[int, int, int] | None) -> Mesh:
    """A bush of leaves about a point, with some blossoms."""
    rng = np.random.default_rng(seed)
    n = 900
    ball = rng.normal(size=(n, 3))
    ball *= rng.random((n, 1)) ** 0.4 / np.linalg.norm(ball, axis=1, keepdims=True)
    a, b = rng.normal(size=(2, n, 3)) * 0.5
    centres = ball * [1, 0.8, 0.85] + [0, 0, 0.5]
    leaf = 0.13
    points = np.stack([centres - leaf * b, centres + leaf * b, centres + 2 * leaf * a], 1).reshape(-1, 3) * size
    tone = np.array(linear(66, 104, 42)) * rng.uniform(0.5, 1.5, (n, 1))
    if flower:
        bloom = (rng.random(n) < 0.3) & (np.linalg.norm(ball, axis=1) > 0.7)
        tone[bloom] = np.array(linear(*flower)) * rng.uniform(0.8, 1.2, (bloom.sum(), 1))
    return Mesh(points, np.arange(3 * n).reshape(-1, 3), np.repeat(np.clip(tone, 0, 1), 3, 0))


def balcony(w: float) -> Mesh:
    """A slab on brackets with an iron rail, its floor at z = 0, from the wall at y = 0 outwards."""
    iron = linear(34, 34, 38)
    made = [block((w, 0.75, 0.12), (0, -0.75, -0.12), linear(196, 184, 164))]
    made += [block((0.12, 0.6, 0.22), (x, -0.6, -0.34), linear(186, 172, 150)) for x in (0.15, w - 0.27)]
    for z in (0.08, 0.95):
        made.append(block((w, 0.03, 0.03), (0, -0.74, z), iron))
        made += [block((0.03, 0.74, 0.03), (x, -0.74, z), iron) for x in (0, w - 0.03)]
    made += [block((0.016, 0.016, 0.9), (x, -0.735, 0.08), iron) for x in np.arange(0.03, w, 0.11)]
    made += [
        block((0.016, 0.016, 0.9), (x, y, 0.08), iron) for x in (0.005, w - 0.02) for y in np.arange(-0.7, 0, 0.12)
    ]
    return join(made)


def door(w: float, h: float, tone: list[float]) -> Mesh:
    """A panelled two-leaf door, set back in a stone surround."""
    stone = linear(206, 192, 168)
    made = [block((0.2, 0.3, h), (-0.2, -0.04, 0), stone), block((0.2, 0.3, h), (w, -0.04, 0), stone)]
    made += [
        block((w + 0.5, 0.34, 0.28), (-0.25, -0.06, h), stone),
        block((w + 0.3, 0.36, 0.14), (-0.15, -0.2, 0), stone),
    ]
    made.append(block((w, 0.05, h), (0, 0.2, 0), tone))
    for leaf in (0.0, w / 2):
        for z, tall in ((0.3, 0.7), (1.15, h - 1.3)):
            made.append(block((w / 2 - 0.24, 0.03, tall), (leaf + 0.12, 0.18, z), [c * 0.75 for c in tone]))
    made.append(block((0.03, 0.06, h), (w / 2 - 0.015, 0.17, 0), [c * 0.6 for c in tone]))
    return join(made)


def awning(w: float, tone: list[float]) -> Mesh:
    """A striped cloth over a shop window, hung at z = 0."""
    x, t = np.meshgrid(np.linspace(0, w, 241), np.linspace(0, 1, 24))
    scallop = 0.06 * np.abs(np.sin(np.pi * x / w * 12))
    y = -1.25 * np.minimum(t / 0.82, 1)
    z = (
        -0.62 * np.minimum(t / 0.82, 1)
        - (0.05 * np.sin(np.pi * np.minimum(t / 0.82, 1)))
        - (0.18 + scallop) * np.clip((t - 0.82) / 0.18, 0, 1)
    )
    stripe = (np.floor(x / w * 12) % 2)[..., None]
    colour = np.array(tone) * stripe + np.array(linear(236, 228, 208)) * (1 - stripe)
    return sheet(np.stack([x, y, z], -1)).painted(colour.reshape(-1, 3))


def eaves(w: float, tall: float, rng: np.random.Generator) -> Mesh:
    """Rafters, a gutter board and the first rows of clay tiles."""
    made = [
        block((w, 0.55, 0.06), (0, -0.5, tall), linear(120, 92, 66)),
        block((w, 0.14, 0.2), (0, -0.1, tall - 0.2), linear(214, 198, 172)),
    ]
    made += [block((0.09, 0.5, 0.12), (x, -0.45, tall - 0.12), linear(92, 66, 46)) for x in np.arange(0.1, w, 0.5)]
    for x in np.arange(0.09, w, 0.19):
        path = np.array([(x, -0.62, tall + 0.08), (x, 0.2, tall + 0.3), (x, 1.8, tall + 0.75)])
        clay = np.array(linear(196, 116, 76)) * rng.uniform(0.6, 1.25)
        made.append(tube(path, 0.1, 10).painted(clay))
    return join(made)


def house(width: float, tall: float, tones: tuple[list[float], list[float]], kind: str, seed: int) -> tuple[Mesh, Mesh]:
    """A house front along +x at y = 0 that faces -y. -> everything but the panes, the panes"""
    rng = np.random.default_rng(seed)
    columns = max(2, round(width / 2.3))
    gap = width / columns
    holes, made, panes = [], [], []
    floors = int((tall - 0.8) / 3.0)
    for floor in range(1, floors):
        h = 1.7 if floor < 3 else 1.35
        french = kind == "balcony" and floor == 1
        for c in range(columns):
            x = round((gap * (c + 0.5) - 0.5) / STEP) * STEP
            z = round((3.0 * floor + (0.3 if french else 0.95)) / STEP) * STEP
            tall_hole = h + 0.65 if french else h
            holes.append((x, z, 1.0, tall_hole))
            parts, pane = window(1.0, tall_hole, tones[1], linear(222, 214, 198), rng)
            made += [part.moved((x, 0, z)) for part in parts]
            panes.append(pane.moved((x, 0, z)))
            if not french and rng.random() < 0.45:
                flower = [(214, 44, 58), (236, 96, 150), (240, 190, 60), (240, 236, 230)][int(rng.integers(4))]
                made.append(block((0.9, 0.18, 0.17), (x + 0.05, -0.24, z + 0.0), linear(150, 84, 58)))
                made += [
                    plant(seed + floor * 7 + i, 0.2, flower).moved((x + 0.2 + 0.3 * i, -0.17, z + 0.13))
                    for i in range(3)
                ]
        if french:
            made.append(balcony(width - 0.8).moved((0.4, 0, 3.3)))
            made += [
                plant(seed + i, 0.3, (226, 60, 90)).moved((0.7 + i * 1.3, -0.55, 3.4)) for i in range(int(width - 0.8))
            ]
    if kind == "shop":
        x, w = 0.6, round((width - 2.6) / STEP) * STEP
        holes.append((x, 0.6, w, 2.0))
        parts, pane = window(w, 2.0, [], linear(40, 60, 54), np.random.default_rng(3))
        made += [part.moved((x, 0, 0.6)) for part in parts]
        panes.append(pane.moved((x, 0, 0.6)))
        made.append(awning(w + 0.5, tones[1]).moved((x - 0.25, -0.02, 3.05)))
    entry = round((width - 1.6) / STEP) * STEP if kind == "shop" else round(gap * 0.5 / STEP) * STEP
    holes.append((entry, 0.0, 1.2, 2.5))
    made.append(door(1.2, 2.5, [c * 0.8 for c in tones[1]] or linear(90, 60, 40)).moved((entry, 0, 0)))
    made.append(block((width, 0.06, 0.45), (0, -0.05, 0), linear(150, 138, 122)))
    made += [wall(width, tall, holes, tones[0], seed), eaves(width, tall, rng)]
    made.append(block((width, 6.0, 0.1), (0, 0.25, tall - 0.2), linear(90, 80, 70)))
    made += [block((0.1, 6.0, tall), (x, 0.05, 0), linear(176, 160, 138)) for x in (0, width - 0.1)]
    return join(made), join(panes)


PALETTE = [
    (linear(232, 186, 120), linear(64, 104, 92)),
    (linear(222, 142, 104), linear(70, 96, 120)),
    (linear(238, 218, 178), linear(150, 62, 48)),
    (linear(214, 166, 150), linear(84, 110, 76)),
    (linear(196, 204, 196), linear(52, 84, 110)),
    (linear(240, 200, 96), linear(92, 70, 54)),
    (linear(206, 122, 96), linear(222, 212, 190)),
]
LEFT = [
    (6.0, 9.6, 2, "balcony"),
    (5.0, 11.2, 1, "plain"),
    (6.5, 9.9, 0, "shop"),
    (5.0, 12.6, 4, "plain"),
    (6.0, 10.0, 5, "plain"),
    (6.0, 11.5, 3, "plain"),
]
RIGHT = [
    (5.0, 10.2, 5, "shop"),
    (6.0, 12.4, 6, "balcony"),
    (5.0, 9.8, 4, "plain"),
    (6.0, 12.2, 2, "plain"),
    (5.5, 10.4, 1, "plain"),
    (6.0, 13.0, 0, "plain"),
    (6.0, 10.0, 6, "plain"),
]


def rows() -> tuple[list[Mesh], list[Mesh]]:
    """Both sides of the street, each house turned along the bend."""
    made, panes = [], []
    for side, line, y in ((-1, LEFT, -1.0), (1, RIGHT, -0.4)):
        for i, (width, tall, tone, kind) in enumerate(line):
            here = np.array([bend(y) + side * 2.9, y])
            there = np.array([bend(y + width) + side * 2.9, y + width])
            turn = np.degrees(np.arctan2(*(there - here)[::-1]))
            parts = house(width, tall, PALETTE[tone], kind, 11 * i + (50 if side > 0 else 0))
            start, heading = (here, turn) if side < 0 else (there, turn + 180)
            for part, into in zip(parts, (made, panes), strict=True):
                into.append(part.moved((start[0], start[1], 0), (0, 0, heading)))
            y += width
    for part, into in zip(house(14.0, 7.4, PALETTE[2], "plain", 90), (made, panes), strict=True):
        into.append(part.moved((3.0, 40.0, 0)))  # where the street ends
    return made, panes


def ground() -> Mesh:
    """Worn cobbles and a gutter of slabs, finer where the eye is nearer."""
    far = 1.0 + 40 * np.linspace(0, 1, 1500)[:, None] ** 2
    u = np.linspace(-3.4, 3.4, 620)[None] + 0 * far
    y = far - 2.5 + 0 * u
    p = np.stack([u, y], -1)
    crooked = p / 0.15 + 0.5 * np.stack([perlin(p * 1.3, 3), perlin(p * 1.3, 4)], -1)
    near, second = cells(crooked, 8)
    stone = smoothstep(0.02, 0.4, second - near)
    lane = smoothstep(0.34, 0.30, np.abs(u))
    slab = smoothstep(0.0, 0.03, np.abs((y / 0.8) % 1 - 0.5) * 0.8) * smoothstep(0.0, 0.02, np.abs(np.abs(u) - 0.31))
    slab = smoothstep(0.45, 0.43, np.abs((y / 0.8) % 1 - 0.5)) * smoothstep(0.31, 0.29, np.abs(u))
    joint = stone * (1 - lane) + slab * lane
    z = 0.024 * joint + 0.015 * fbm(p * 0.8, 4, seed=9) + 0.012 * np.abs(u) - 0.004 * near
    tone = fbm(p * 0.7, 5, seed=12)
    each = perlin(np.floor(crooked * 0.8) * 7.31 + 0.5, 5)
    colour = np.array(linear(156, 144, 130)) * (1 + 0.4 * tone + 0.35 * each * (1 - lane))[..., None]
    colour = colour * (0.28 + 0.72 * joint)[..., None]
    return sheet(np.stack([u + bend(y), y, z], -1)).painted(np.clip(colour, 0, 1).reshape(-1, 3))


def furniture() -> list[Mesh]:
    """Pots at the doors, lamps, washing lines, a tower where the street ends."""
    rng = np.random.default_rng(8)
    made = []
    profile = np.array(
        [(0.001, 0.02), (0.15, 0.0), (0.2, 0.2), (0.23, 0.38), (0.25, 0.4), (0.21, 0.41), (0.2, 0.36), (0.001, 0.35)]
    )
    pot = lathe(profile, 40).painted(linear(184, 104, 70))
    pots = [
        (-2.5, 2.4, 1.0, (226, 70, 90)),
        (-2.55, 3.0, 0.7, None),
        (2.5, 5.0, 1.1, None),
        (2.5, 5.6, 0.8, (240, 200, 70)),
    ]
    pots += [(-2.5, 6.2, 0.9, (240, 236, 230)), (2.4, 9.8, 1.0, (226, 70, 90)), (-2.3, 11.5, 1.1, None)]
    for x, y, size, flower in pots:
        at = (float(bend(y)) + x, y, 0.04)
        made += [
            pot.scaled(size).moved(at),
            plant(int(rng.integers(99)), 0.34 * size, flower).moved((at[0], at[1], 0.35 * size)),
        ]
    for side, y in ((-1, 4.6), (1, 11.5)):
        x = float(bend(y)) + side * 2.9
        arm = np.array([(x, y, 3.3), (x - side * 0.4, y, 3.75), (x - side * 0.75, y, 3.6)])
        made.append(tube(arm, 0.022, 8).painted(linear(30, 30, 34)))
        lamp = np.array([(0.001, 0.0), (0.07, 0.0), (0.12, 0.32), (0.15, 0.33), (0.03, 0.48), (0.001, 0.5)])
        made.append(lathe(lamp, 6).painted(linear(40, 40, 44)).moved((x - side * 0.75, y, 3.1)))
    for y, z in ((8.2, 6.2), (13.6, 7.0)):
        made += washing(y, z, rng)
    return made


def washing(y: float, z: float, rng: np.random.Generator) -> list[Mesh]:
    """A line across the street with linen that stirs."""
    x = np.linspace(-2.9, 2.9, 40)
    sag = z - 0.35 * (1 - (x / 2.9) ** 2)
    made = [tube(np.stack([x + bend(y), y + 0 * x, sag], -1), 0.008, 5).painted(linear(210, 204, 190))]
    at = -2.3
    codes = [(238, 234, 224), (92, 140, 178), (226, 196, 120), (200, 92, 82), (238, 234, 224), (150, 178, 150)]
    while at < 1.9:
        w, h = rng.uniform(0.5, 0.95), rng.uniform(0.7, 1.25)
        u, v = np.meshgrid(np.linspace(0, w, 24), np.linspace(0, 1, 24))
        swing = 0.12 * v * np.sin(u * 7 + rng.uniform(0, 6)) + 0.18 * v**2
        top = z - 0.35 * (1 - ((at + u) / 2.9) ** 2)
        cloth = sheet(np.stack([at + u + bend(y), y + swing, top - v * h], -1))
        made.append(cloth.painted(linear(*codes[int(rng.integers(6))])))
        at += w + rng.uniform(0.06, 0.3)
    return made


def tower() -> Mesh:
    """A bell tower that closes the view."""
    stone, dark = linear(216, 194, 158), linear(40, 34, 30)
    made = [
        block((5, 5, 19), (-2.5, 0, 0), stone),
        block((5.6, 5.6, 0.5), (-2.8, -0.3, 13.4), stone),
        block((5.7, 5.7, 0.6), (-2.85, -0.35, 19), stone),
    ]
    disc = lathe(np.array([(0.001, -0.05), (1.0, -0.05), (1.0, 0.05), (0.001, 0.05)]), 48)
    for x in (-1.5, 0.4):
        made.append(block((1.1, 0.1, 2.4), (x, -0.06, 14.9), dark))
        made.append(disc.scaled(0.55).painted(dark).moved((x + 0.55, -0.04, 17.3), (90, 0, 0)))
    made.append(disc.painted(linear(236, 230, 214)).moved((0, -0.1, 10.8), (90, 0, 0)))
    made += [block((0.07, 0.05, 0.8), (-0.03, -0.2, 10.8), dark), block((0.55, 0.05, 0.07), (0, -0.2, 10.8), dark)]
    roof = lathe(np.array([(3.9, 0.0), (2.0, 2.6), (0.001, 4.6)]), 4).painted(linear(176, 104, 72))
    made.append(roof.moved((0, 2.5, 19.6), (0, 0, 45)))
    return join(made)


def heaven(rows: int = 256) -> Array:
    """A clear sky with a few high clouds. -> linear (rows, 2 rows, 3)"""
    polar = (np.arange(rows) + 0.5) / rows * np.pi
    turn = (np.arange(2 * rows) + 0.5) / (2 * rows) * 2 * np.pi - np.pi
    up = np.cos(polar)[:, None] + 0 * turn
    low = np.exp(-np.clip(up, 0, 1) * 4)[..., None]
    sky = np.array(linear(84, 142, 208)) * (1 - low) + np.array(linear(206, 218, 226)) * low
    flat = (
        np.stack([np.sin(polar)[:, None] * np.sin(turn), np.sin(polar)[:, None] * np.cos(turn)], -1)
        / np.maximum(up, 0.08)[..., None]
    )
    cloud = (
        0.75
        * smoothstep(0.02, 0.5, fbm(flat * [0.9, 1.2], 6, seed=5))[..., None]
        * smoothstep(0.04, 0.2, up)[..., None]
    )
    return np.where(up[..., None] > 0, 1.5 * (sky * (1 - cloud) + 1.05 * cloud), np.array(linear(120, 108, 94)) * 0.4)


def draw(size: tuple[int, int] = (768, 960), spp: int = 40) -> NDArray[np.uint8]:
    made, panes = rows()
    end = tower().moved((9.6, 46, 0), (0, 0, -8))
    parts = {
        "town": shape(join([*made, *furniture(), end]), coat(roughness=0.85, specular=0.2), smooth=False),
        "panes": shape(join(panes), coat(roughness=0.04, specular=0.8), smooth=False),
        "ground": shape(ground(), coat(roughness=0.6, specular=0.35)),
        "sun": {"type": "directional", "direction": [float(-c) for c in SUN], "irradiance": rgb([5.4, 4.5, 3.3])},
        "sky": scene.surroundings(heaven()),
        "view": scene.camera((-0.5, -2.1, 1.75), (0.55, 8.0, 3.1), size, 56),
    }
    light, _ = scene.photograph(parts, spp, depth=6)
    return scene.develop(light, exposure=1.25)
