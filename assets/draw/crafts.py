"""Styles of the workshop: leaded glass, mosaic, glazed tiles, thread, cut paper, neon. Each returns sRGB bytes (768, 768, 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .canvas import SIZE, blur, finish, hexes, mask, mix, nearest, paper, ramp, relax, relief, scatter
from .noise import fbm, grid, perlin, smoothstep
from .shapes import curve

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]
U, V = (axis / SIZE for axis in np.meshgrid(np.arange(SIZE), np.arange(SIZE)))  # 0-1 to the right, and down


def leaded_window() -> Picture:
    """A rose of coloured panes in lead: streaks and bubbles in the glass, light behind it."""
    rng = np.random.default_rng(2)
    points = [np.array([[384, 384]])]
    for ring, count in ((62, 8), (132, 12), (205, 20), (282, 24), (362, 36), (450, 40), (530, 44)):
        a = (np.arange(count) + 0.5 * (ring > 200)) * 2 * np.pi / count + ring
        r = ring + rng.normal(0, 5, count)
        points.append(384 + np.stack([r * np.cos(a), r * np.sin(a)], -1) + rng.normal(0, 4, (count, 2)))
    seeds = np.concatenate(points)
    ring_of = np.repeat(np.arange(len(points)), [len(p) for p in points])
    far, index = nearest(seeds, 2)
    gap = far[..., 1] - far[..., 0]
    sets = [["ffe08a"], ["d8342c", "f07a2c"], ["f6c23a", "e8502c"], ["1f4fb0", "2f7fd0"], ["7a2c8c", "c0347a"],
            ["167a5c", "3fa86a", "e8b83a"], ["1a3f94", "2a64c0", "4f9ad8"], ["a82a34", "d86a2c", "5a2c7a"]]  # fmt: skip
    pane = np.array(
        [hexes(sets[ring][i % len(sets[ring])])[0] * rng.uniform(0.8, 1.12) for i, ring in enumerate(ring_of)]
    )
    picture = pane[index[..., 0]]
    turn = rng.uniform(0, np.pi, len(seeds))[index[..., 0]]
    along = np.stack([(U * np.cos(turn) + V * np.sin(turn)) * 7, (-U * np.sin(turn) + V * np.cos(turn)) * 34], -1)
    streak = fbm(along, 4, seed=4)
    glow = 0.62 + 0.34 * streak + 0.5 * smoothstep(0, 26, gap) * smoothstep(0.9, 0.1, np.hypot(U - 0.42, V - 0.36))
    picture = picture * glow[..., None] + 0.16 * np.clip(streak, 0, 1)[..., None] ** 2 + 0.05 * glow[..., None]
    lead = smoothstep(8.5, 6.0, gap + 1.6 * perlin(grid(SIZE, SIZE, 60), 3))
    bulge = np.sqrt(np.clip(1 - (gap / 8.5) ** 2, 0, 1)) * 6
    metal = hexes("1b1a1c")[0] * (relief(blur(bulge, 1), 0.7)[..., None] ** 3) + 0.03
    return finish(mix(picture, metal, lead))


def gold_mosaic() -> Picture:
    """A peacock's eye in small stones that follow the form: gold, lapis, turquoise, dark grout between."""
    rng = np.random.default_rng(9)
    centre = (0.5, 0.56)
    field, colour_of = _eyes()
    seeds = relax(scatter(15.5, 4), np.ones((SIZE, SIZE)), 5)
    at = np.clip(seeds.astype(int), 0, SIZE - 1)
    dy, dx = np.gradient(blur(field, 3))
    angle = np.arctan2(dy, dx)[at[:, 1], at[:, 0]]
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    _, index = nearest(seeds, 6)
    best = np.full((SIZE, SIZE), 1e9)
    second = best.copy()
    owner = np.zeros((SIZE, SIZE), int)
    for k in range(6):  # square cells: the largest of two turned distances, so the stones are square
        i = index[..., k]
        px, py = x - seeds[i, 0], y - seeds[i, 1]
        c, s = np.cos(angle[i]), np.sin(angle[i])
        d = np.maximum(np.abs(px * c + py * s), np.abs(-px * s + py * c))
        closer = d < best
        second = np.where(closer, best, np.minimum(second, d))
        owner, best = np.where(closer, i, owner), np.where(closer, d, best)
    stones = colour_of[at[:, 1], at[:, 0]] * rng.uniform(0.74, 1.2, (len(seeds), 1)) + rng.normal(
        0, 0.025, (len(seeds), 3)
    )
    tilt = rng.normal(0, 1, (len(seeds), 2))
    facet = 1 + 0.012 * ((x - seeds[owner, 0]) * tilt[owner, 0] + (y - seeds[owner, 1]) * tilt[owner, 1])
    warm = colour_of[..., 0] - colour_of[..., 2]
    glint = (rng.random(len(seeds)) < 0.13)[owner] * smoothstep(0.2, 0.4, warm) * smoothstep(7.5, 2.0, best)
    body = smoothstep(1.2, 3.0, second - best)
    picture = stones[owner] * facet[..., None] + 0.35 * glint[..., None] * hexes("fff0b0")[0]
    picture *= relief(blur(body * 3, 0.9), 0.35)[..., None]
    picture *= (1 + 0.06 * fbm(grid(SIZE, SIZE, 90), 3, seed=2))[..., None]
    grout = hexes("3a2f2a")[0] * (1 + 0.3 * fbm(grid(SIZE, SIZE, 150), 2, seed=3)[..., None])
    del centre
    return finish(mix(grout, picture, body))


def _eyes() -> tuple[Array, Array]:
    """Overlapping eyes of feathers, fish-scale wise: a distance field to align stones with, and colours."""
    field, colour = np.full((SIZE, SIZE), 9.0), np.zeros((SIZE, SIZE, 3))
    bands = hexes("0f1f4f", "1a3f9a", "14a09a", "e0b23a", "b8862a", "1f6f5a", "c79a34", "8f5a24")
    stops = np.array([0.14, 0.26, 0.38, 0.5, 0.6, 0.74, 0.88, 1.4])
    for row in range(-1, 6):
        for k in range(-1, 4):
            cx, cy = (k + 0.5 * (row % 2)) * 0.36 + 0.14, row * 0.2 + 0.06
            r = np.hypot(U - cx, (V - cy) * 0.94) / 0.215
            inside = (r < 1.0) & ((cy - 0.02 < V) | (r < 1.0))
            colour = np.where(inside[..., None], bands[np.searchsorted(stops, np.clip(r, 0, 1.3))], colour)
            field = np.where(inside, r, field)
    return field * 80, colour


def blue_tiles() -> Picture:
    """Sixteen tin-glazed tiles, each a quarter of a rosette brushed in cobalt: pooled glaze, crazing, worn edges."""
    rng = np.random.default_rng(14)
    side = SIZE // 4
    strokes: list[tuple[Array, float, float]] = []
    for reach in (44, 88, 132):
        strokes.append((_arc(reach, 0, np.pi / 2), 9 if reach == 132 else 4.5, 0.95))
    for a in np.linspace(0.0, np.pi / 2, 5):
        strokes.append((_petal(a, 48, 126, 0.19), 0, 0.5))
        strokes.append((_petal(a, 50, 124, 0.18), 4, 0.95))
        strokes.append((np.array([(58 * np.cos(a), 58 * np.sin(a)), (112 * np.cos(a), 112 * np.sin(a))]), 3.2, 0.9))
    for a in (np.pi / 8, 3 * np.pi / 8):
        strokes.append((_petal(a, 6, 42, 0.24), 0, 0.85))
    corner = np.array([side, side]) - _petal(np.pi / 4, 2, 74, 0.36)
    strokes += [(corner, 0, 0.8), (side - _arc(84, 0.08, np.pi / 2 - 0.08), 5, 0.95)]
    for a in (0.34, np.pi / 2 - 0.34):
        strokes.append((side - _petal(a, 20, 80, 0.14), 0, 0.55))
    dose = np.zeros((SIZE, SIZE))
    for ty in range(4):
        for tx in range(4):
            tile = np.zeros((side, side))
            for path, width, tone in strokes:
                wobble = path + rng.normal(0, 0.7, 2) + 0.9 * np.sin(path[:, ::-1] / 17 + rng.random(2) * 6)
                ink = mask([wobble], width * rng.uniform(0.85, 1.15) if width else 0, size=side)
                tile = np.maximum(tile, ink * tone * rng.uniform(0.88, 1.06))
            tile = tile[:, ::-1] if tx % 2 else tile
            tile = tile[::-1] if ty % 2 else tile
            dose[ty * side : (ty + 1) * side, tx * side : (tx + 1) * side] = tile[::-1, ::-1]
    pooled = (
        dose * (0.74 + 0.34 * fbm(grid(SIZE, SIZE, 26), 4, seed=3)) + 0.7 * np.clip(dose - blur(dose, 4), 0, 1) * 0.6
    )
    pooled = blur(pooled, 0.9) + 0.06 * blur(dose, 7)
    glaze = ramp(pooled, hexes("f2f0e6", "a9bfe0", "4a74c0", "1f3f94", "122660"))
    tone = (
        rng.uniform(-0.035, 0.02, (4, 4, 1)).repeat(side, 0).repeat(side, 1)
        + 0.03 * fbm(grid(SIZE, SIZE, 9), 4, seed=8)[..., None]
    )
    far, _ = nearest(scatter(30, 6), 2)
    craze = smoothstep(1.5, 0.3, far[..., 1] - far[..., 0]) * smoothstep(-0.1, 0.5, fbm(grid(SIZE, SIZE, 6), 3, seed=5))
    joint = np.minimum(np.abs((np.arange(SIZE) + side / 2) % side - side / 2), 99)
    edge = np.minimum(joint[None], joint[:, None]) + 1.2 * perlin(grid(SIZE, SIZE, 50), 4)
    dome = blur(np.clip(edge, 0, 12) ** 0.5 * 5, 1.5)
    picture = (glaze + tone * [1, 1, 1.4]) * relief(dome, 0.2)[..., None] - 0.16 * craze[..., None] * hexes("d0d8e0")[0]
    return finish(mix(picture, np.broadcast_to(hexes("8a8176")[0], picture.shape), smoothstep(3.2, 1.8, edge)))


def _arc(radius: float, start: float, end: float) -> Array:
    a = np.linspace(start, end, 40)
    return np.stack([radius * np.cos(a), radius * np.sin(a)], -1)


def _petal(angle: float, near: float, far: float, spread: float) -> Array:
    middle = near + 0.6 * (far - near)
    knots = [(near, angle), (middle, angle - spread), (far, angle), (middle, angle + spread), (near, angle)]
    return curve([(r * np.cos(a), r * np.sin(a)) for r, a in knots], 50)


def _stems(rng: np.random.Generator) -> list[tuple[float, float, float, float, Array]]:
    """Nine stems in stem stitch, each with leaves in satin stitch."""
    stitches: list[tuple[float, float, float, float, Array]] = []
    for _ in range(9):
        foot = (rng.uniform(200, 560), 800)
        middle, tip = tuple(rng.uniform([120, 420], [640, 600])), tuple(rng.uniform([60, 60], [700, 330]))
        path = curve([foot, middle, tip], 60)
        step = np.gradient(path, axis=0)
        green = hexes(rng.choice(["5f8f3f", "8fae4a", "3f7a5c"]))[0]
        for k in range(60):
            along = np.arctan2(step[k, 1], step[k, 0])
            for side in (-3.5, 3.5):
                stitches.append((path[k, 0] + side, path[k, 1], along + 0.25, 13, green * rng.uniform(0.8, 1.15)))
            if k % 9 == 4:
                leaf = along + rng.choice([-1, 1]) * 0.9
                stitches += _satin(path[k], leaf, 84, 20, hexes("3f7a4a", "a8c85a"), rng)
    return stitches


def stitched_thread() -> Picture:
    """Flowers in long and short stitches on dark linen, each thread round and shining across its run."""
    rng = np.random.default_rng(12)
    x, y = np.arange(SIZE)[None], np.arange(SIZE)[:, None]
    weave = np.sin(x * 0.9) * np.sin(y * 0.9) + 0.4 * np.sin(x * 0.45 + y * 0.02)
    picture = hexes("24354f")[0] * (1 + 0.22 * weave[..., None] + 0.2 * fbm(grid(SIZE, SIZE, 60), 3)[..., None])
    stitches = _stems(rng)
    sets = [
        hexes("8f1f3a", "e0446a", "ffc0c8"),
        hexes("b8641f", "f2a83a", "fff0a8"),
        hexes("3a3f9a", "7a8ae8", "d8e0ff"),
        hexes("f0e8e0", "ffffff", "f8c8a0"),
    ]
    for n, (fx, fy) in enumerate(p for p in scatter(165, 31) if p[1] < 700):
        size, petals = rng.uniform(62, 98), rng.integers(6, 10)
        for k in range(petals):
            a = 2 * np.pi * k / petals + rng.normal(0, 0.1)
            stitches += _satin(
                np.array([fx, fy]) + 12 * np.array([np.cos(a), np.sin(a)]), a, size, size * 0.3, sets[n % 4], rng
            )
        for _ in range(46):
            a, r = rng.random() * 6.3, 15 * np.sqrt(rng.random())
            stitches.append(
                (
                    fx + r * np.cos(a),
                    fy + r * np.sin(a),
                    rng.random() * 6,
                    5,
                    hexes(rng.choice(["f2c83a", "d8862a", "7a4a1f"]))[0],
                )
            )
    for stitch in stitches:
        _stitch(picture, *stitch)
    return finish(picture)


def _satin(base: Array, angle: float, length: float, half: float, colours: Array, rng: np.random.Generator):  # noqa: ANN202
    """A petal filled with stitches that fan out of its base."""
    made = []
    for row, reach in enumerate((0.22, 0.5, 0.78)):
        for across in np.arange(-half, half + 0.1, 4.2):
            wide = across * np.sin(np.pi * np.clip(reach * 0.9 + 0.1, 0, 1)) ** 0.6
            edge = 1 - 0.45 * (across / half) ** 2
            r = length * reach * edge + rng.normal(0, 2.5)
            x = base[0] + r * np.cos(angle) - wide * np.sin(angle)
            y = base[1] + r * np.sin(angle) + wide * np.cos(angle)
            colour = ramp(np.array(reach + rng.normal(0, 0.07)), colours) * rng.uniform(0.88, 1.1)
            made.append((x, y, angle + 0.35 * across / half, length * 0.19 + row, colour))
    return made


def _stitch(picture: Array, x: float, y: float, angle: float, half: float, colour: Array, width: float = 2.7) -> None:
    reach = int(half + 6)
    x0, x1, y0, y1 = max(0, int(x) - reach), max(0, int(x) + reach), max(0, int(y) - reach), max(0, int(y) + reach)
    patch = picture[y0:y1, x0:x1]
    if not patch.size:
        return
    py, px = np.mgrid[y0 : y0 + patch.shape[0], x0 : x0 + patch.shape[1]] - np.array([y, x])[:, None, None]
    along, across = px * np.cos(angle) + py * np.sin(angle), -px * np.sin(angle) + py * np.cos(angle)
    shadow = smoothstep(half + 3, half - 1, np.abs(along)) * smoothstep(width + 3, width - 0.5, np.abs(across - 1.2))
    patch *= 1 - 0.5 * shadow[..., None]
    cover = smoothstep(half, half - 1.6, np.abs(along)) * smoothstep(width, width - 1.0, np.abs(across))
    ply = 0.1 * np.sin(along * 1.1 + across * 1.5)
    shine = 0.62 + 0.5 * np.sqrt(np.clip(1 - (across / width) ** 2, 0, 1)) * (1 - 0.55 * (along / half) ** 2) + ply
    patch += (colour * shine[..., None] - patch) * cover[..., None]


def cut_paper() -> Picture:
    """Seaweed, leaves and stars cut from painted paper with scissors and pasted in bright fields, a thin shadow under each."""
    rng = np.random.default_rng(23)
    codes = ["1f4fa8", "e8482c", "f2b62c", "18876a", "e86a9a", "f4f0e4", "232a4a", "7fc4d0", "7a3f94"]
    picture = np.broadcast_to(hexes("f3ead2")[0], (SIZE, SIZE, 3)).copy()
    fields = [(0, 0, 300, 270), (300, 0, 230, 340), (530, 0, 238, 210), (0, 270, 240, 290), (240, 340, 290, 220), (530, 210, 238, 330),
              (0, 560, 350, 208), (350, 560, 180, 208), (530, 540, 238, 228)]  # fmt: skip
    order = [0, 2, 4, 3, 6, 1, 2, 0, 3]
    partner = [5, 3, 0, 4, 7, 5, 1, 2, 8]
    for (x, y, w, h), a, b in zip(fields, order, partner, strict=True):
        corners = np.array(
            [(x - 3, y - 2), (x + w + 4, y - 3), (x + w + 2, y + h + 4), (x - 4, y + h + 2)]
        ) + rng.normal(0, 3, (4, 2))
        picture = _paste(picture, [corners], codes[a], rng)
        kind = rng.integers(3)
        shapes = (
            [_frond(x + w / 2, y + h * 0.94, min(w * 1.1, h) * 0.92, rng)]
            if kind < 2
            else [_star(x + w / 2, y + h / 2, min(w, h) * 0.42, rng)]
        )
        if w > 280 and kind < 2:
            shapes = [_frond(x + w * f, y + h * 0.94, h * 0.8, rng) for f in (0.28, 0.72)]
        for one in shapes:
            picture = _paste(picture, [one], codes[b], rng)
    for x, y in scatter(150, 5):
        picture = _paste(picture, [_pebble(x, y, rng.uniform(12, 30), rng)], rng.choice(codes), rng)
    return finish(picture * paper(6, 0.02)[..., None])


def _paste(picture: Array, shapes: list[Array], code: str, rng: np.random.Generator) -> Array:
    """Paper painted by hand with gouache: streaks of the brush; it lifts a little at the edge."""
    cover = mask(shapes)
    a = rng.uniform(0, np.pi)
    streak = fbm(
        np.stack([(U * np.cos(a) + V * np.sin(a)) * 4, (-U * np.sin(a) + V * np.cos(a)) * 46], -1),
        4,
        seed=int(rng.integers(999)),
    )
    shadow = blur(np.roll(cover, (5, 4), (0, 1)), 3.5)
    colour = hexes(code)[0] * (1 + 0.17 * streak[..., None]) + 0.02 * streak[..., None]
    rim = np.clip(ndimage.shift(cover, (1.4, 1.2), order=1) - cover, 0, 1)
    return mix(picture * (1 - 0.36 * shadow * (1 - cover))[..., None] + 0.0 * rim[..., None], colour, cover)


def _frond(x: float, y: float, size: float, rng: np.random.Generator) -> Array:
    """Seaweed: a stem with round lobes to both sides."""
    right, left = [], []
    lean = rng.normal(0, 0.12)
    lobes = 5
    for k in range(lobes):
        t = (k + 0.5) / lobes
        long = size * (0.36 - 0.2 * abs(t - 0.45)) * rng.uniform(0.85, 1.1)
        for side, into in ((1, right), (-1, left)):
            base_x, base_y = x + lean * size * t + side * size * 0.035, y - size * t
            tip_x, tip_y = base_x + side * long, base_y - long * 0.42
            under, over = (
                (tip_x - side * long * 0.2, tip_y + long * 0.26),
                (tip_x - side * long * 0.3, tip_y - long * 0.12),
            )
            into += [(base_x, base_y + size * 0.05), under, (tip_x, tip_y), over, (base_x, base_y - size * 0.035)]
    top = [(x + lean * size, y - size * 1.04)]
    knots = [(x + size * 0.04, y), *right, *top, *left[::-1], (x - size * 0.04, y)]
    return curve(knots, 420)


def _star(x: float, y: float, size: float, rng: np.random.Generator) -> Array:
    arms = int(rng.integers(6, 10))
    a = np.linspace(0, 2 * np.pi, 2 * arms + 1)
    r = np.where(np.arange(2 * arms + 1) % 2, 0.42, 1.0) * size * rng.uniform(0.88, 1.08, 2 * arms + 1)
    r[-1] = r[0]
    return curve([(x + q * np.cos(b), y + q * np.sin(b)) for q, b in zip(r, a, strict=True)], 260)


def _pebble(x: float, y: float, size: float, rng: np.random.Generator) -> Array:
    a = np.linspace(0, 2 * np.pi, 9)
    r = size * rng.uniform(0.7, 1.15, 9)
    r[-1] = r[0]
    return curve([(x + q * np.cos(b), y + q * np.sin(b)) for q, b in zip(r, a, strict=True)], 90)


def neon_night() -> Picture:
    """Neon tubes on a wet night street: white-hot cores, coloured halos, long broken reflections."""
    rng = np.random.default_rng(19)
    light = np.zeros((SIZE, SIZE, 3))
    codes = ["ff2f7a", "22d8ff", "ff8a1f", "9a4aff", "3affa0", "ff3f3f"]
    horizon = 0.6
    for k, (x, y) in enumerate(p for p in scatter(105, 17) if p[1] < horizon * SIZE - 30):
        kind, size = k % 4, rng.uniform(30, 62)
        a = np.linspace(0, 2 * np.pi, 60)
        path = {
            0: np.stack([x + size * np.cos(a), y + size * np.sin(a) * 0.8], -1),
            1: np.array([(x - size * 0.7, y - size), (x - size * 0.7, y + size)]),
            2: np.stack([x + size * (a / np.pi - 1), y + size * 0.4 * np.sin(2 * a)], -1),
            3: np.array(
                [
                    (x - size, y + size * 0.6),
                    (x, y - size * 0.8),
                    (x + size, y + size * 0.6),
                    (x - size, y + size * 0.6),
                ]
            ),
        }[kind]
        colour = hexes(codes[k % 6])[0] ** 1.6
        wide, core = mask([path], 8), mask([path], 3.2)
        for sigma, gain in ((3, 0.9), (11, 0.85), (38, 1.1)):
            light += blur(wide, sigma)[..., None] * colour * gain * (1 if sigma < 30 else 2.2)
        light += core[..., None] * (0.75 + 0.25 * colour)
    wall = 0.5 + 0.5 * np.sign(np.sin(V * SIZE / 8.6)) * 0.1 + 0.25 * fbm(grid(SIZE, SIZE, 30), 4, seed=2)
    brick = ((V * SIZE) % 27 < 2.5) | (((U * SIZE + 27 * (np.floor(V * SIZE / 27) % 2)) % 54) < 2.5)
    light = light * np.where(brick, 0.6, 1.0)[..., None] + hexes("0c0f22")[0] * wall[..., None]
    row = int(horizon * SIZE)
    depth = np.arange(SIZE - row)
    source = light[np.clip(row - 1 - (depth * 1.45).astype(int), 0, SIZE - 1)]
    ripple = (14 * perlin(np.stack([U * 26, V * 90], -1), 5) + 22 * perlin(np.stack([U * 7, V * 46], -1), 6))[row:] * (
        0.3 + depth[:, None] / 160
    )
    columns = np.clip(np.arange(SIZE)[None] + ripple, 0, SIZE - 1).astype(int)
    mirror = ndimage.gaussian_filter(source, (9, 1.2, 0))[np.arange(len(depth))[:, None], columns]
    broken = 0.35 + 0.9 * smoothstep(-0.3, 0.5, fbm(np.stack([U * 12, V * 70], -1), 4, seed=8))[row:]
    light[row:] = mirror * broken[..., None] * 0.95 + hexes("080a18")[0]
    return finish(1 - np.exp(-1.15 * light))
