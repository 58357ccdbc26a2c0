"""Styles of the brush: thick oil, dots, wet watercolour, ink, chalk. Each function returns sRGB bytes (768, 768, 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .canvas import SIZE, blur, bristles, finish, hexes, mask, mix, paper, ramp, relief, scatter, stamp
from .noise import fbm, grid, perlin, smoothstep

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]
U, V = (axis / SIZE for axis in np.meshgrid(np.arange(SIZE), np.arange(SIZE)))  # 0-1 to the right, and down


def thick_oil() -> Picture:
    """A field at sundown in strokes as wide as a finger, laid along the land and around the sun."""
    rng = np.random.default_rng(7)
    sun = np.hypot(U - 0.63, (V - 0.3) * 1.05)
    hill = 0.5 + 0.07 * fbm(np.stack([U * 2.2, 0 * U], -1), 3, seed=4)
    sky = ramp(sun * 1.35, hexes("fff3b8", "fbc04a", "ee7b3c", "c8537c", "6d5aa8", "33418f"))
    ground = ramp(
        (V - hill) * 2.2 + 0.12 * fbm(grid(SIZE, SIZE, 6), 3, seed=5),
        hexes("2f5f6e", "c79a2e", "e9c14c", "5f8a3c", "8f3f2c"),
    )
    far = np.abs(V - hill - 0.015) < 0.045
    target = np.where((hill < V)[..., None], ground, sky)
    target = np.where((far & (hill < V))[..., None], hexes("27406f")[0], target)
    round_sun = np.arctan2(V - 0.3, U - 0.63) + np.pi / 2
    furrow = np.arctan2(V - 0.42, U - 0.5) + 0.5 * perlin(grid(SIZE, SIZE, 4), 6)
    angle = np.where(hill < V, furrow, round_sun + 0.7 * perlin(grid(SIZE, SIZE, 3), 8))
    canvas = np.broadcast_to(hexes("6b4a35")[0], (SIZE, SIZE, 3)).copy()
    height = np.zeros((SIZE, SIZE))
    for gap, shape, jitter in ((17, (46, 13), 0.07), (13, (36, 9), 0.09), (19, (26, 6.5), 0.13)):
        for x, y in scatter(gap, int(gap) + 3):
            i, j = int(y), int(x)
            colour = np.clip(target[i, j] + rng.normal(0, jitter, 3) * [1, 0.8, 1.1] + rng.normal(0, 0.04), 0, 1)
            size = rng.uniform(0.75, 1.2)
            stamp(canvas, height, x, y, angle[i, j] + rng.normal(0, 0.16), (shape[0] * size, shape[1] * size), colour,
                  bristles(rng), 0.96, rng.normal(0, 0.35))  # fmt: skip
    light = relief(blur(height, 0.8), 0.55)
    gloss = np.clip(light - 1.28, 0, 1) * 0.7
    return finish(canvas * (0.22 + 0.78 * light[..., None]) + gloss[..., None])


def dots_of_light() -> Picture:
    """A river bank at noon in round touches of pure colour that mix only in the eye."""
    rng = np.random.default_rng(11)
    shade = fbm(grid(SIZE, SIZE, 3.2), 4, seed=3)
    target = ramp(V * 1.1 + 0.06 * shade, hexes("8fc3ea", "cfe3ee", "f6e2b8", "7fb2d8", "3f7fc0", "2a5fa8"))
    for cx, cy, r, seed in ((0.2, 0.24, 0.23, 1), (0.48, 0.31, 0.14, 2), (0.86, 0.2, 0.25, 3), (0.67, 0.36, 0.1, 4)):
        edge = np.hypot(U - cx, (V - cy) * 0.85) + 0.05 * fbm(grid(SIZE, SIZE, 7), 3, seed=seed)
        leaf = ramp(
            0.5 + (V - cy - (U - cx) * 0.6) / r * 0.4 + 0.3 * shade, hexes("f0d84a", "8fbe3f", "2f8a4e", "234f7a")
        )
        target = mix(target, leaf, smoothstep(r, r - 0.02, edge))
        mirror = smoothstep(r * 0.8, 0, np.hypot(U - cx, (V - 1.02 + cy * 0.75) * 0.6)) * (V > 0.52) * 0.8
        target = mix(target, np.broadcast_to(hexes("2f7f66")[0], target.shape), mirror)
    bank = smoothstep(0.02, 0, np.abs(V - 0.49 - 0.015 * np.sin(U * 9)) - 0.035)
    target = mix(target, ramp(U + 0.4 * shade, hexes("e8b04a", "c8d24a", "e0863f")), bank)
    grass = V - 0.86 + 0.25 * (U - 0.45)
    target = mix(target, ramp(grass * 3 + 0.3 * shade, hexes("d8dc52", "58a83c", "23703f")), smoothstep(0, 0.02, grass))
    canvas = np.broadcast_to(hexes("efe6d0")[0], (SIZE, SIZE, 3)).copy()
    for gap, radius, stray in ((10, 7.6, 0.1), (11, 6.4, 0.24)):
        for x, y in scatter(gap, int(radius) + 20):
            colour = target[int(y), int(x)]
            kick = rng.random()
            if kick < stray:  # the complement, for vibration
                colour = np.clip(1.05 - colour, 0, 1) * 0.6 + colour * 0.4
            elif kick < stray + 0.35:
                colour = np.clip(colour.mean() + (colour - colour.mean()) * 2.1, 0, 1)
            _dot(canvas, x, y, radius * rng.uniform(0.8, 1.12), np.clip(colour + rng.normal(0, 0.05, 3), 0, 1))
    return finish(canvas * paper(5, 0.03)[..., None])


def _dot(canvas: Array, x: float, y: float, radius: float, colour: Array) -> None:
    reach = int(radius + 2)
    x0, x1, y0, y1 = max(0, int(x) - reach), int(x) + reach + 1, max(0, int(y) - reach), int(y) + reach + 1
    patch = canvas[y0:y1, x0:x1]
    py, px = np.mgrid[y0 : y0 + patch.shape[0], x0 : x0 + patch.shape[1]]
    far = np.hypot(px - x, (py - y) * 1.06)
    patch += (colour * (1.04 - 0.1 * (far / radius)[..., None] ** 2) - patch) * np.clip(radius - far + 0.5, 0, 1)[
        ..., None
    ]


def wet_watercolour() -> Picture:
    """Hills and their reflection in wet washes: blooms, hard dried edges, pigment in the paper's valleys."""
    tooth = blur(np.random.default_rng(2).standard_normal((SIZE, SIZE)), 1.6)
    tooth = tooth / tooth.std()
    light = np.ones((SIZE, SIZE, 3)) * hexes("fbf7ec")[0]
    washes = [  # colour, middle of the edge, its wobble, flow below it, wetness of the edge, seed
        ("5d9ad2", 0.0, 0.02, 0.34, 30, 1), ("f2a66a", 0.2, 0.1, 0.22, 26, 2), ("8f7fc8", 0.36, 0.17, 0.22, 1.6, 3),
        ("3f8f9c", 0.47, 0.13, 0.2, 1.4, 4), ("2f5f8f", 0.56, 0.06, 0.1, 1.2, 5), ("d8577a", 0.63, 0.05, 0.16, 18, 6),
        ("3a86b8", 0.68, 0.03, 0.4, 4, 7), ("e2b33c", 0.84, 0.06, 0.1, 9, 8), ("25566f", 0.9, 0.05, 0.2, 1.3, 9)]  # fmt: skip
    for code, middle, wobble, depth, wet, seed in washes:
        g = grid(SIZE, SIZE, 4)
        warp = 0.028 * fbm(g * 2, 4, seed=seed + 40)
        top = middle + wobble * fbm(np.stack([U * 3, 0 * U + seed], -1), 3, seed=seed) + warp * 0.6
        inside = smoothstep(0, 0.004, V - top) * smoothstep(depth, depth * 0.35, V - top + warp * 2)
        inside = blur(inside, wet)
        density = _wash(inside, seed, tooth)
        pigment = -np.log(np.clip(hexes(code)[0], 0.03, 0.97))
        light = light * np.exp(-pigment * density[..., None])
    for i, (x, y, r, code) in enumerate(
        [(0.2, 0.3, 0.055, "e0603c"), (0.76, 0.8, 0.08, "6f3f8c"), (0.4, 0.86, 0.06, "2f8f7a")]
    ):
        edge = np.hypot(U - x, V - y) + 0.03 * fbm(grid(SIZE, SIZE, 9), 4, seed=60 + i)
        pigment = -np.log(np.clip(hexes(code)[0], 0.03, 0.97))
        light = light * np.exp(-pigment * _wash(smoothstep(r, r - 0.01, edge), 70 + i, tooth)[..., None])
    rng = np.random.default_rng(4)
    for x, y in rng.random((70, 2)):  # spatter
        spot = smoothstep(1.0, 0.7, np.hypot(U - x, V - y) / rng.uniform(0.001, 0.006))
        light = light * (1 - spot[..., None] * (1 - hexes(rng.choice(["3f7fb0", "c8577a", "2f6f6f"]))[0]) * 0.8)
    return finish(light * paper(9, 0.02)[..., None])


def _wash(inside: Array, seed: int, tooth: Array) -> Array:
    """Pigment left by a wet area: uneven flow, a dark dried rim, blooms where water ran back, granulation."""
    flow = 0.55 + 0.35 * fbm(grid(SIZE, SIZE, 5), 5, seed=seed + 10)
    rim = np.clip(inside - blur(inside, 7), 0, 1) * 1.5
    front = 0.5 + 0.5 * np.sin(9 * fbm(grid(SIZE, SIZE, 2.6), 5, seed=seed + 20))
    bloom = smoothstep(0.8, 0.99, front) * 0.55 - smoothstep(0.5, 0.0, front) * 0.22
    grain = 1 + 0.2 * tooth * smoothstep(0.1, 0.5, inside)
    return np.clip(inside * (flow + bloom) * grain + rim, 0, 2) * 0.95


def ink_wash() -> Picture:
    """Bamboo before misty hills: black ink from dry to drowned on raw paper, one red seal."""
    rng = np.random.default_rng(5)
    ink = np.zeros((SIZE, SIZE))
    for i, (top, dark) in enumerate([(0.3, 0.24), (0.46, 0.36), (0.66, 0.5)]):
        ridge = top + 0.14 * fbm(np.stack([U * 2.4, 0 * U + i], -1), 5, seed=20 + i)
        body = smoothstep(0, 0.012, V - ridge) * smoothstep(0.25, 0.0, V - ridge)
        ink += dark * body * (0.75 + 0.5 * fbm(grid(SIZE, SIZE, 7), 5, seed=30 + i))
    canvas = 1 - np.clip(ink, 0, 1)[..., None] * np.ones(3)
    dry = _dry_brush(rng)
    for x, lean, width in ((0.2, 0.05, 15), (0.31, -0.02, 10), (0.82, -0.06, 12)):
        for k in range(7):
            y = 1.02 - k * 0.165 - 0.02 * rng.random()
            tone = np.full(3, rng.uniform(0.12, 0.4))
            stamp(
                canvas,
                None,
                (x + lean * k * 0.3) * SIZE,
                (y - 0.08) * SIZE,
                -np.pi / 2 + lean,
                (60, width),
                tone,
                dry(),
                0.95,
            )
            stamp(
                canvas,
                None,
                (x + lean * k * 0.3) * SIZE,
                y * SIZE,
                0.1,
                (width * 1.25, 3.6),
                np.full(3, 0.05),
                dry(),
                1.0,
            )
    for _ in range(64):  # leaves hang in fans
        stem = rng.choice([0.2, 0.31, 0.82]) + rng.normal(0, 0.09)
        x, y = stem * SIZE, rng.uniform(0.02, 0.62) * SIZE
        down = np.pi / 2 + rng.normal(0, 0.75)
        length, tone = rng.uniform(34, 66), rng.choice([0.06, 0.12, 0.3, 0.5], p=[0.4, 0.3, 0.2, 0.1])
        _leaf(canvas, x, y, down, length, tone, rng)
    wet = blur(np.clip(0.35 - canvas[..., 0], 0, 1), 6)
    canvas = canvas * (1 - 0.35 * wet[..., None])
    sheet = hexes("f1e9d6")[0] * paper(3, 0.035)[..., None]
    picture = sheet * (0.07 + 0.93 * np.clip(canvas, 0, 1)) * np.array([1.0, 1.0, 1.02])
    seal = mask([np.array([(640, 640), (700, 643), (698, 705), (641, 702)])])
    lines = mask(
        [
            np.array(p)
            for p in (
                [(652, 655), (688, 657)],
                [(654, 672), (686, 671)],
                [(670, 650), (669, 695)],
                [(655, 690), (688, 689)],
            )
        ],
        4,
    )
    return finish(mix(picture, np.broadcast_to(hexes("b8331f")[0], picture.shape), np.clip(seal - lines, 0, 1) * 0.92))


def _dry_brush(rng: np.random.Generator):  # noqa: ANN202
    def make() -> Array:
        hair = bristles(rng)
        gaps = blur(rng.standard_normal((32, 128)), 0.0)
        streak = np.repeat(rng.random((32, 1)), 128, 1) + 0.004 * np.arange(128)[None] * rng.random((32, 1)) * 0.6
        return np.where(streak + 0.05 * gaps > 0.92, 0.0, hair)

    return make


def _leaf(
    canvas: Array, x: float, y: float, angle: float, length: float, tone: float, rng: np.random.Generator
) -> None:
    """A pointed stroke: the brush is pressed, dragged and lifted."""
    t = np.linspace(0, 1, 24)
    bend = rng.normal(0, 0.25)
    heading = angle + bend * t
    path = np.stack([x + np.cumsum(np.cos(heading)) * length / 12, y + np.cumsum(np.sin(heading)) * length / 12], -1)
    half = 7.5 * np.sin(np.pi * np.clip(t * 0.96 + 0.04, 0, 1) ** 0.6) + 0.4
    side = np.stack([-np.sin(heading), np.cos(heading)], -1) * half[:, None]
    x0, y0 = np.floor(path.min(0) - 12).astype(int)
    local = np.concatenate([path + side, (path - side)[::-1]]) - [x0, y0]
    span = int(local.max() + 14)
    shape = mask([local], size=span)
    y1, x1 = max(0, y0), max(0, x0)
    patch = canvas[y1 : max(0, y0 + span), x1 : max(0, x0 + span)]
    cut = shape[y1 - y0 : y1 - y0 + patch.shape[0], x1 - x0 : x1 - x0 + patch.shape[1]]
    patch += (tone - patch) * (cut * rng.uniform(0.8, 0.97))[..., None]


def chalk_on_black() -> Picture:
    """Poppies and cornflowers in soft chalk on black paper, the tooth showing through every stroke."""
    rng = np.random.default_rng(15)
    tooth = blur(rng.standard_normal((SIZE, SIZE)), 1.0)
    tooth = 0.5 + 0.22 * tooth / tooth.std()
    picture = hexes("17161c")[0] * np.ones((SIZE, SIZE, 3))
    strokes = [(x, y, -np.pi / 2 + rng.normal(0, 0.35), rng.uniform(40, 90), rng.uniform(3, 7), c, 0.62)
               for x, y in scatter(42, 3) if y > 250
               for c in [rng.choice(["3f7f5a", "7fb04a", "2f5f6a", "b8c84f"])]]  # fmt: skip
    strokes += [(x, y, rng.normal(0, 0.2), rng.uniform(50, 110), rng.uniform(7, 11), c, 0.45)
                for x, y in scatter(60, 8) if y < 420 for c in [rng.choice(["3a4f9a", "5a4a9a", "2a6a9a"])]]  # fmt: skip
    heads = [(p, rng.uniform(42, 76)) for p in scatter(130, 21)]
    for (cx, cy), size in heads:
        codes = [["e8402a", "f8764a", "ffb08a"], ["4a72e8", "86a8ff", "c8d8ff"], ["f4c83c", "ffe88a", "fff6d0"],
                 ["e85a9a", "ff9ac4", "ffe0ec"]][rng.integers(4)]  # fmt: skip
        for turn in np.linspace(0, 2 * np.pi, 22, endpoint=False):
            far = rng.uniform(0.35, 0.75) * size
            strokes.append((cx + far * np.cos(turn), cy + 0.8 * far * np.sin(turn), turn + rng.normal(0, 0.3), size * 0.36,
                            rng.uniform(6, 10), rng.choice(codes, p=[0.5, 0.32, 0.18]), 0.85))  # fmt: skip
        strokes += [
            (*(np.array([cx, cy]) + rng.normal(0, 7, 2)), rng.random() * 6, 9, 5, rng.choice(["2a1a2a", "ffe27a"]), 0.9)
            for _ in range(9)
        ]
    for x, y, angle, length, width, code, press in strokes:
        _chalk(picture, tooth, (x, y), angle, (length, width), hexes(code)[0], press, rng)
    dust = blur(picture, 5)
    return finish(picture * 0.94 + dust * 0.12)


def _chalk(picture: Array, tooth: Array, at: tuple[float, float], angle: float, shape: tuple[float, float], colour: Array,
           press: float, rng: np.random.Generator) -> None:  # fmt: skip
    reach = int(sum(shape) + 3)
    x0, x1, y0, y1 = max(0, int(at[0]) - reach), int(at[0]) + reach, max(0, int(at[1]) - reach), int(at[1]) + reach
    patch = picture[y0:y1, x0:x1]
    py, px = np.mgrid[y0 : y0 + patch.shape[0], x0 : x0 + patch.shape[1]] - np.array([at[1], at[0]])[:, None, None]
    along = (px * np.cos(angle) + py * np.sin(angle)) / shape[0]
    across = (-px * np.sin(angle) + py * np.cos(angle)) / shape[1] + rng.normal(0, 0.8) * along**2
    load = press * smoothstep(1.0, 0.75, np.abs(across)) * smoothstep(1.0, 0.8, np.abs(along)) * (1 - 0.25 * along)
    cover = smoothstep(0.0, 0.2, load - tooth[y0:y1, x0:x1] * 0.9 + 0.12) * smoothstep(0.02, 0.1, load)
    patch += (colour * rng.uniform(0.9, 1.06) - patch) * cover[..., None] * 0.93
