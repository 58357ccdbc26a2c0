"""Styles of the press: carved wood, carved lino, two-ink screens, leaf printing. Each returns sRGB bytes (768, 768, 3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .canvas import SIZE, blur, finish, hexes, mask, mix, paper, ramp, scatter
from .noise import fbm, grid, perlin, smoothstep
from .shapes import curve

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]
U, V = (axis / SIZE for axis in np.meshgrid(np.arange(SIZE), np.arange(SIZE)))  # 0-1 to the right, and down


def _wood_grain(seed: int) -> Array:
    """Long fibres and a few knots, about 0."""
    g = np.stack([U * 3, V * 42], -1)
    bent = g + 0.9 * fbm(np.stack([U * 1.6, V * 2.4], -1), 3, seed=seed)[..., None]
    return 0.6 * np.sin(6 * fbm(bent, 3, seed=seed + 1)) * 0.5 + 0.4 * fbm(
        np.stack([U * 6, V * 160], -1), 3, seed=seed + 2
    )


def woodblock_waves() -> Picture:
    """Rolling waves with clawing foam: few flat colours, wiped gradations, one dark key line, the grain of the block."""
    rng = np.random.default_rng(3)
    sky = ramp(V * 2.1, hexes("2f5a86", "b9cbbf", "efe2c0", "f0d9b0"))
    sun = smoothstep(0.108, 0.105, np.hypot(U - 0.7, V - 0.22))
    picture = mix(sky, np.broadcast_to(hexes("cf4a33")[0], sky.shape), sun * 0.95)
    key = np.abs(np.hypot(U - 0.7, V - 0.22) - 0.106) < 0.0025
    line = key.astype(float)
    tones = hexes("7fa8b4", "4f86a2", "2f6690", "1d4a78", "14355f")
    for row in range(7):
        base = 0.30 + 0.125 * row
        crests = [
            ((k + 0.5 * (row % 2)) * 0.31 + rng.normal(0, 0.03) - 0.1, base + rng.normal(0, 0.015)) for k in range(5)
        ]
        for cx, cy in crests:
            picture, line = _wave(
                picture, line, cx, cy, rng.uniform(0.19, 0.25), tones[min(row // 2 + rng.integers(2), 4)], rng
            )
    grain = _wood_grain(12)
    picture = picture * (1 + 0.07 * grain[..., None])
    key_colour = hexes("12233f")[0]
    picture = mix(
        picture, np.broadcast_to(key_colour, picture.shape), np.clip(line, 0, 1) * (0.9 + 0.1 * np.clip(grain, -1, 1))
    )
    return finish(picture * paper(4, 0.03)[..., None])


def _wave(
    picture: Array, line: Array, cx: float, cy: float, r: float, tone: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """One wave: a curling body with bands that follow its back, foam along the crest, spray before it."""
    t = np.linspace(0, 1, 60)
    back = curve([(cx - 1.25 * r, cy + 0.95 * r), (cx - 0.7 * r, cy + 0.2 * r), (cx - 0.05 * r, cy - 0.32 * r),
                  (cx + 0.42 * r, cy - 0.2 * r), (cx + 0.56 * r, cy + 0.12 * r)], 60)  # fmt: skip
    belly = curve([(cx + 0.56 * r, cy + 0.12 * r), (cx + 0.3 * r, cy + 0.08 * r), (cx + 0.12 * r, cy + 0.4 * r),
                   (cx + 0.5 * r, cy + 0.8 * r), (cx + 1.25 * r, cy + 0.95 * r)], 60)  # fmt: skip
    bottom = np.array([(cx + 1.25 * r, 1.3), (cx - 1.25 * r, 1.3)])
    outline = np.concatenate([back, belly, bottom]) * SIZE
    body = mask([outline])
    shade = np.clip((V - cy) / (1.3 * r), 0, 1)
    colour = tone * (0.82 + 0.5 * shade[..., None]) + 0.10 * shade[..., None]
    picture = mix(picture, colour, body)
    line = line * (1 - body)
    for k in (0.22, 0.4, 0.58, 0.76):  # bands from the back to the belly
        stripe = back * (1 - k) + belly[::-1] * k
        stroke = mask([stripe[6:54] * SIZE], 7.5 * (1 - 0.5 * k)) * body
        picture = mix(
            picture,
            np.broadcast_to(hexes("e9e4cf")[0], picture.shape) if k in (0.4, 0.76) else colour * 0.62,
            stroke * 0.92,
        )
    foam = []
    for s in np.linspace(0.32, 1.0, 15):
        x, y = back[int(s * 59)]
        foam.append(_blob(x + 0.02 * r, y, r * rng.uniform(0.055, 0.1), rng))
    for s in np.linspace(0.0, 0.35, 6):
        x, y = belly[int(s * 59)]
        foam.append(_blob(x, y + 0.05 * r, r * rng.uniform(0.05, 0.09), rng))
    froth = mask(foam)
    edge = np.clip(ndimage.grey_dilation(froth, 7) - froth, 0, 1)
    picture = mix(picture, np.broadcast_to(hexes("f4efdc")[0], picture.shape), froth)
    line = np.maximum(line * (1 - froth), edge)
    line = np.maximum(line, mask([back[t < 0.98] * SIZE], 4.2) * (1 - froth))
    line = np.maximum(line, mask([belly * SIZE], 3.6) * (1 - froth))
    for _ in range(5):
        x, y = cx + r * rng.uniform(0.4, 0.95), cy + r * rng.uniform(-0.35, 0.3)
        drop = mask([_blob(x, y, r * rng.uniform(0.015, 0.03), rng)])
        picture = mix(picture, np.broadcast_to(hexes("f4efdc")[0], picture.shape), drop)
    return picture, line


def _blob(x: float, y: float, r: float, rng: np.random.Generator) -> Array:
    a = np.linspace(0, 2 * np.pi, 28)
    wobble = 1 + 0.22 * np.sin(5 * a + rng.random() * 6) + 0.1 * np.sin(3 * a + rng.random() * 6)
    return np.stack([x + r * wobble * np.cos(a), y + r * wobble * np.sin(a)], -1) * SIZE


def carved_lino() -> Picture:
    """An owl-dark wood and a red moon, cut with a gouge: tapered white cuts in black that run along the forms."""
    moon = np.hypot(U - 0.36, V - 0.33)
    ridge = 0.66 + 0.09 * fbm(np.stack([U * 2.5, 0 * U], -1), 3, seed=2)
    angle = np.arctan2(V - 0.33, U - 0.36) + np.pi / 2
    tree_at = [0.08, 0.62, 0.8, 0.95]
    trunk = np.zeros_like(U)
    for i, x in enumerate(tree_at):
        centre = x + 0.03 * perlin(np.stack([V * 3, 0 * V + i * 7], -1), 5) + 0.05 * (1 - V) ** 2 * (-1) ** i
        trunk = np.maximum(trunk, smoothstep(0.055 - 0.025 * (1 - V), 0.045 - 0.025 * (1 - V), np.abs(U - centre)))
    hill = smoothstep(0, 0.004, V - ridge)
    angle = np.where(hill > 0.5, 0.5 * perlin(grid(SIZE, SIZE, 4), 9) + 0.3 * np.cos(U * 9), angle)
    angle = np.where(trunk > 0.5, np.pi / 2 + 0.4 * perlin(grid(SIZE, SIZE, 9), 3), angle)
    bright = np.where(hill > 0.5, 0.36 + 0.4 * (V - ridge) * 2, smoothstep(0.75, 0.16, moon) * 0.75 + 0.16)
    bright = np.where(trunk > 0.5, 0.24, bright)
    cuts = np.zeros((SIZE, SIZE))
    rng = np.random.default_rng(8)
    paths = []
    for x, y in scatter(9.5, 5):
        i, j = int(y), int(x)
        b = bright[i, j]
        if rng.random() > 0.35 + b:
            continue
        length, half = rng.uniform(16, 34), 0.9 + 4.0 * b * rng.uniform(0.7, 1.1)
        a = angle[i, j] + rng.normal(0, 0.08)
        paths.append(_cut(x, y, a, length, half, angle))
    cuts = mask(paths)
    gap = np.clip(np.abs(moon - 0.155) < 0.008, 0, 1)  # cut clear around the moon
    edges = np.abs(np.gradient(hill)[0]) + np.abs(np.gradient(trunk)[1])
    cuts = np.maximum(cuts * (1 - 0.9 * (blur(edges, 2) > 0.015)), gap)
    inked = 1 - cuts
    inked = inked * smoothstep(
        -0.85, -0.45, fbm(grid(SIZE, SIZE, 90), 3, seed=6)
    )  # salt: the ink misses the paper here and there
    sheet = hexes("f0e4cb")[0] * paper(7, 0.025)[..., None]
    red = smoothstep(0.15, 0.148, moon) * (0.9 + 0.1 * fbm(grid(SIZE, SIZE, 60), 3, seed=8))
    low = hill * 0.85 * (1 - trunk) * (0.9 + 0.1 * fbm(grid(SIZE, SIZE, 70), 3, seed=9))
    picture = mix(sheet, np.broadcast_to(hexes("d99a3c")[0], sheet.shape), low)
    picture = mix(picture, np.broadcast_to(hexes("c93a26")[0], sheet.shape), red)
    inked = np.where(
        (moon < 0.15) & (trunk < 0.5), inked * smoothstep(0.2, 0.6, fbm(grid(SIZE, SIZE, 12), 2, seed=4)) * 0.0, inked
    )
    return finish(mix(picture, np.broadcast_to(hexes("191616")[0], sheet.shape), inked * 0.97))


def _cut(x: float, y: float, angle: float, length: float, half: float, field: Array) -> Array:
    """A gouge's mark: blunt where it enters, pointed where it leaves, along the field."""
    points = [(x, y)]
    for _ in range(8):
        i, j = np.clip([points[-1][1], points[-1][0]], 0, SIZE - 1).astype(int)
        turn = (field[i, j] - angle + np.pi / 2) % np.pi - np.pi / 2
        angle += 0.5 * turn
        points.append((points[-1][0] + length / 8 * np.cos(angle), points[-1][1] + length / 8 * np.sin(angle)))
    path = np.array(points)
    step = np.gradient(path, axis=0)
    side = np.stack([-step[:, 1], step[:, 0]], -1) / np.linalg.norm(step, axis=1, keepdims=True)
    width = half * np.array([0.55, 0.95, 1.0, 0.95, 0.85, 0.7, 0.5, 0.28, 0.05])[:, None]
    return np.concatenate([path + side * width, (path - side * width)[::-1]])


def two_ink_screen() -> Picture:
    """Fruit and a plant through two screens of dots, coral and teal, a little out of register; where they cross, a third colour."""
    tone = np.ones((SIZE, SIZE, 2)) * [0.16, 0.1]  # coral, teal
    tone[..., 0] += 0.75 * smoothstep(1.0, 0.1, V + 0.1 * fbm(grid(SIZE, SIZE, 3), 3, seed=1)) * (V < 0.62)
    tone[..., 1] += np.where(V > 0.62, 0.45 + 0.3 * U, 0)
    for x, y, r, ink in [
        (0.24, 0.66, 0.17, (1.0, 0.1)),
        (0.52, 0.72, 0.14, (0.15, 0.95)),
        (0.72, 0.6, 0.2, (0.85, 0.5)),
        (0.4, 0.86, 0.1, (0.95, 0.0)),
    ]:
        far = np.hypot(U - x, V - y) / r
        lit = np.clip(0.5 + 0.6 * ((U - x) + (V - y)) / r, 0.0, 1.0)
        inside = smoothstep(1.0, 0.985, far)
        tone = mix(tone, np.stack([ink[0] * (0.3 + 0.7 * lit), ink[1] * (0.15 + 0.85 * lit)], -1), inside)
        cast = smoothstep(1.0, 0.9, np.hypot((U - x - 0.9 * r) / 1.4, (V - y - 0.85 * r) * 3.2) / r) * (1 - inside)
        tone[..., 1] = np.maximum(tone[..., 1], 0.95 * cast * (V > 0.62))
    for k in range(11):  # a plant of broad leaves
        a = -np.pi / 2 + (k - 5) * 0.3
        length = 0.34 + 0.08 * np.cos(k * 2.4)
        t = np.linspace(0, 1, 40)
        heading = a + 0.35 * (k - 5) / 5 * t
        path = np.stack(
            [0.47 + np.cumsum(np.cos(heading)) * length / 40, 0.56 + np.cumsum(np.sin(heading)) * length / 40], -1
        )
        half = 0.038 * np.sin(np.pi * t**0.75)[:, None]
        side = np.stack([-np.sin(heading), np.cos(heading)], -1) * half
        one = mask([np.concatenate([path + side, path[::-1]]) * SIZE])
        two = mask([np.concatenate([path, (path - side)[::-1]]) * SIZE])
        tone = mix(mix(tone, np.array([0.1, 0.9 - 0.4 * (k % 2)]), one), np.array([0.55 * (k % 2), 1.0]), two)
    light = hexes("f6f0e2")[0] * paper(8, 0.02)[..., None]
    for channel, (code, degrees, shift) in enumerate([("ff5a4e", 20, (4, -3)), ("00788c", 65, (-2, 2))]):
        moved = np.roll(tone[..., channel], shift, (0, 1))
        a = np.radians(degrees)
        period = 11.5
        x, y = (U * np.cos(a) + V * np.sin(a)) * SIZE / period, (-U * np.sin(a) + V * np.cos(a)) * SIZE / period
        cell = 0.5 + 0.25 * (np.cos(2 * np.pi * x) + np.cos(2 * np.pi * y))
        dot = smoothstep(-0.09, 0.09, cell - 1 + np.clip(moved, 0, 1))
        uneven = np.clip(0.9 + 0.25 * fbm(grid(SIZE, SIZE, 30), 4, seed=channel + 3), 0, 1)
        light = light * (1 - (dot * uneven)[..., None] * (1 - hexes(code)[0]) * 0.97)
    return finish(light)


def leaf_print() -> Picture:
    """Ferns and leaves laid on cloth under the sun: white shapes with their veins in uneven Prussian blue."""
    rng = np.random.default_rng(6)
    shade = np.zeros((SIZE, SIZE))
    for x, y in scatter(120, 9):
        shade = np.maximum(
            shade, _fern(x, y, rng.uniform(0, 2 * np.pi), rng.uniform(150, 260), rng) * rng.uniform(0.55, 1.0)
        )
    brushed = fbm(np.stack([U * 3, V * 14], -1), 5, seed=3)
    dose = np.clip(0.72 + 0.4 * brushed - 0.88 * blur(shade, 0.8) - 0.1 * blur(shade, 9), 0, 1)
    return finish(ramp(dose, hexes("f4f2e6", "bcd3de", "4f86b4", "1f4f8c", "0f2a5c")) * paper(11, 0.06)[..., None])


def _fern(x: float, y: float, angle: float, length: float, rng: np.random.Generator) -> Array:
    t = np.linspace(0, 1, 26)
    heading = angle + rng.normal(0, 0.8) * t
    path = np.stack([x + np.cumsum(np.cos(heading)) * length / 26, y + np.cumsum(np.sin(heading)) * length / 26], -1)
    pieces = []
    for k in range(2, 26):
        for side in (-1, 1):
            a = heading[k] + side * 1.05
            size = length * 0.3 * np.sin(np.pi * (0.12 + 0.88 * t[k]) ** 0.8) + 4
            tip = path[k] + size * np.array([np.cos(a - side * 0.25), np.sin(a - side * 0.25)])
            middle = (path[k] + tip) / 2
            wide = 0.16 * size * np.array([-np.sin(a), np.cos(a)]) + 1.0
            pieces.append(
                curve([tuple(path[k]), tuple(middle + wide), tuple(tip), tuple(middle - wide), tuple(path[k])], 24)
            )
    return np.maximum(mask(pieces, scale=2) * 0.92, mask([path], 3.5, scale=2))
