"""`landscape`: a mountain lake in autumn, evening sun from the left. One unit is about ten metres, water is z = 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import scene
from .noise import fbm, perlin, smoothstep
from .scene import coat, linear, rgb, shape
from .shapes import Mesh, copies, join, sheet, tube

Array = NDArray[np.floating]
EYE = (0.0, -12.0, 1.75)
SUN = np.array([-0.78, 0.28, 0.44])


def height(x: Array, y: Array) -> Array:
    """The land: a near bank, a lake, wooded hills, a range behind."""
    p = np.stack([x, y], -1)
    warp = p + 1.6 * np.stack([fbm(p / 7, 3, seed=1), fbm(p / 7, 3, seed=2)], -1)
    shore = np.hypot(x / (15 + 0.2 * y), (y - 3.5) / 12.5) + 0.16 * fbm(p / 5, 4, seed=3)
    bowl = 1.8 * smoothstep(0.92, 1.7, shore) - 0.45 * smoothstep(1.0, 0.8, shore)
    hills = 3.4 * smoothstep(9, 30, y + 0.5 * np.abs(x)) * (0.45 + fbm(warp / 9, 5, seed=5))
    crest = fbm(warp / 16, 7, seed=11, ridged=True)
    peaks = 13 * np.exp(-(((x - 9) / 13) ** 2) - ((y - 58) / 15) ** 2) + 9 * np.exp(
        -(((x + 18) / 13) ** 2) - ((y - 66) / 15) ** 2
    )
    range_ = smoothstep(26, 52, y) * (peaks * (0.35 + 0.95 * crest) + 5 * crest)
    bank = 0.95 * smoothstep(-6.2, -10.5, y + 0.35 * np.abs(x + 1) ** 0.8 * np.sign(-x))
    return bowl + hills + range_ + bank * (0.8 + 0.4 * fbm(p, 3, seed=8)) + 0.05 * fbm(p * 1.7, 4, seed=9)


def land() -> Mesh:
    """A sheet whose rows lie closer where the eye is nearer."""
    rows, cols = 800, 800
    far = 2.2 * (78 / 2.2) ** np.linspace(0, 1, rows)[:, None]
    x = np.linspace(-1, 1, cols)[None] * (far * 0.72 + 2.5)
    y = EYE[1] + far + 0 * x
    z = height(x, y)
    slope = np.hypot(np.gradient(z, axis=1) / np.gradient(x, axis=1), np.gradient(z, axis=0) / np.gradient(y, axis=0))
    p = np.stack([x, y], -1)
    rough = fbm(p * 0.9, 6, seed=20)[..., None]
    grass = (
        np.array(linear(128, 116, 44)) * (1 + 0.6 * rough)
        + np.array([0.05, 0.015, 0]) * np.clip(fbm(p / 3, 3, seed=21), 0, 1)[..., None]
    )
    rock = np.array(linear(128, 116, 110)) * (1 + 0.5 * rough + 0.25 * np.sin(z * 5 + 3 * rough[..., 0])[..., None])
    snow = np.array(linear(240, 242, 248))
    stony = smoothstep(0.55, 0.85, slope + 0.2 * rough[..., 0] + 0.5 * smoothstep(5, 9, z))[..., None]
    white = smoothstep(7.2, 9.6, z + 3.2 * fbm(p * 0.35, 4, seed=22) - 2.6 * np.clip(slope - 0.75, 0, 2))[..., None]
    wet = smoothstep(0.14, 0.02, z + 0.05 * rough[..., 0])[..., None]
    colour = grass * (1 - stony) + rock * stony
    colour = colour * (1 - white) + snow * white
    colour = colour * (1 - wet) + np.array(linear(104, 92, 76)) * (0.7 + 0.5 * rough) * wet
    return sheet(np.stack([x, y, z], -1)).painted(np.clip(colour, 0, 1).reshape(-1, 3))


def water() -> Mesh:
    """Ripples that lie smoother in some lanes than in others."""
    far = 3.0 * (60 / 3.0) ** np.linspace(0, 1, 1000)[:, None]
    x = np.linspace(-1, 1, 500)[None] * (far * 0.7 + 2)
    y = EYE[1] + far + 0 * x
    p = np.stack([x, y * 1.8], -1)
    lanes = smoothstep(-0.25, 0.35, fbm(np.stack([x / 9, y / 3], -1), 3, seed=31))
    z = (0.009 * fbm(p * 1.6, 3, seed=30) + 0.004 * perlin(p * 6, 33)) * (0.25 + lanes) * np.clip(9 / far, 0.12, 1)
    return sheet(np.stack([x, y, z], -1))


def _blades(centres: Array, size: float, colour: Array, rng: np.random.Generator, up: float = 0.0) -> Mesh:
    """A small triangle at each centre, turned at random: needles or leaves from afar."""
    n = len(centres)
    a, b = rng.normal(size=(2, n, 3))
    a[:, 2] += up
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    points = np.stack([centres - 0.4 * size * b, centres + 0.4 * size * b, centres + size * a], 1).reshape(-1, 3)
    return Mesh(points, np.arange(3 * n).reshape(-1, 3), np.repeat(colour, 3, 0))


def conifer(seed: int, code: tuple[int, int, int], leaves: int) -> Mesh:
    """One unit high; boughs in whorls that hang."""
    rng = np.random.default_rng(seed)
    h = 1 - np.sqrt(rng.random(leaves)) * 0.92
    whorl = np.round(h * 17 + 0.25 * rng.normal(size=h.size)) / 17
    out = rng.random(h.size) ** 0.6
    reach = 0.23 * (1.04 - whorl) * (0.8 + 0.3 * np.sin(whorl * 70 + seed))
    a = rng.random(h.size) * 2 * np.pi
    reach = reach * (0.75 + 0.35 * np.sin(a * 5 + whorl * 40))
    sink = whorl - 0.16 * reach * out + 0.01 * rng.normal(size=h.size)
    centres = np.stack([reach * out * np.cos(a), reach * out * np.sin(a), sink], -1)
    colour = np.array(linear(*code)) * (0.35 + 0.9 * out[:, None]) * rng.uniform(0.7, 1.3, (h.size, 1))
    trunk = tube(np.array([(0, 0, -0.05), (0, 0, 0.4), (0, 0, 0.95)]), np.array([0.018, 0.012, 0.002]), 5)
    return join([_blades(centres, 0.035 * (6500 / leaves) ** 0.42, colour, rng), trunk.painted(linear(70, 50, 38))])


def broadleaf(seed: int, code: tuple[int, int, int], leaves: int) -> Mesh:
    """One unit high; a crown of clumps on a forked trunk."""
    rng = np.random.default_rng(seed)
    clumps = rng.normal(0, 1, (34, 3)) * [0.17, 0.17, 0.15] + [0, 0, 0.64]
    girth = rng.uniform(0.05, 0.12, 34)
    pick = rng.integers(0, 34, leaves)
    ball = rng.normal(size=(leaves, 3))
    ball *= (rng.random((leaves, 1)) ** 0.3) / np.linalg.norm(ball, axis=1, keepdims=True)
    centres = clumps[pick] + ball * girth[pick, None]
    colour = np.array(linear(*code)) * rng.uniform(0.6, 1.35, (leaves, 1)) * (0.7 + 0.3 * ball[:, 2:])
    size = 0.034 * (7000 / leaves) ** 0.42
    made = [_blades(centres, size, np.clip(colour, 0, 1), rng)]
    for c in clumps[:12]:
        path = np.array([(0, 0, -0.05), (0.01, 0, 0.2), c * [0.5, 0.5, 0.7], c])
        made.append(tube(path, np.array([0.026, 0.02, 0.011, 0.003]), 5).painted(linear(84, 66, 54)))
    return join(made)


KINDS = {
    "fir": (conifer, 1, (44, 66, 40)),
    "spruce": (conifer, 5, (34, 58, 46)),
    "larch": (conifer, 9, (188, 128, 42)),
    "birch": (broadleaf, 2, (212, 156, 44)),
    "maple": (broadleaf, 6, (176, 70, 34)),
    "alder": (broadleaf, 8, (110, 112, 46)),
}


def tuft(seed: int) -> Mesh:
    """Long grass and a few flowers, about one unit high."""
    rng = np.random.default_rng(seed)
    made = []
    greens = [(150, 134, 56), (112, 112, 44), (186, 160, 84), (92, 96, 38)]
    for _ in range(34):
        x, y = rng.normal(0, 0.22, 2)
        lean = rng.normal(0, 0.35, 2)
        tall = rng.uniform(0.35, 1.0)
        knots = [(x, y, 0), (x + 0.3 * lean[0], y + 0.3 * lean[1], 0.6 * tall), (x + lean[0], y + lean[1], tall)]
        path = np.array(knots)
        tone = np.array(linear(*rng.choice(greens))) * rng.uniform(0.7, 1.2)
        made.append(tube(path, np.array([0.016, 0.012, 0.001]), 3).painted(tone))
        if rng.random() < 0.12:
            flower = linear(*rng.choice([(196, 60, 44), (232, 196, 70), (150, 96, 176), (240, 236, 226)]))
            petals = np.repeat(path[-1:], 9, 0) + rng.normal(0, 0.015, (9, 3))
            made.append(_blades(petals, 0.06, np.tile(flower, (9, 1)), rng))
    return join(made)


def woods(rng: np.random.Generator) -> list[Mesh]:
    """Dark firs on the hills, gold along the shore; fewer and larger leaves where the tree is further off."""
    far = 5.5 * (66 / 5.5) ** (rng.random(26000) ** 0.75)
    x = rng.uniform(-1, 1, far.size) * (far * 0.66 + 1)
    y = EYE[1] + far
    z = height(x, y)
    steep = np.hypot(height(x + 0.1, y) - z, height(x, y + 0.1) - z) / 0.1
    wood = fbm(np.stack([x, y], -1) / 5, 4, seed=50)
    keep = (z > 0.16) & (z < 5.4 + wood) & (steep < 1.0) & (wood + 0.25 * smoothstep(14, 30, far) > -0.02)
    keep &= (rng.random(far.size) < 0.75) & (far > 13)
    gold = fbm(np.stack([x, y], -1) / 3.2 + 9, 3, seed=51) - 0.12 * z + 0.1
    kind = np.where(gold > 0.16, rng.choice([2, 3, 3, 4, 5], far.size), rng.choice([0, 0, 1, 1, 1, 2], far.size))
    size = rng.uniform(0.75, 1.4, far.size)
    turn = rng.uniform(0, 360, far.size)
    made = []
    for k, (grow, seed, code) in enumerate(KINDS.values()):
        for near, end, leaves in ((0, 19, 1700), (19, 30, 600), (30, 99, 180)):
            here = keep & (kind == k) & (far >= near) & (far < end)
            scale = size[here] * (0.95 if k > 2 else 1.25)
            made.append(copies(grow(seed, code, leaves), np.stack([x, y, z], -1)[here], turn[here], scale))
    return made


def growth() -> Mesh:
    """Woods afar, tall grass and a few trees close by."""
    rng = np.random.default_rng(40)
    made = woods(rng)
    near = [(-3.05, -6.1, 3.6, "spruce"), (-3.9, -5.2, 3.0, "fir"), (-2.35, -5.5, 2.0, "birch"), (4.3, -4.9, 2.5, "maple"),
            (5.1, -4.2, 3.1, "larch"), (-4.9, -3.0, 2.9, "larch"), (3.75, -4.3, 1.3, "alder")]  # fmt: skip
    for i, (tx, ty, size, name) in enumerate(near):
        grow, seed, code = KINDS[name]
        tz = float(height(np.array(tx), np.array(ty))) - 0.03
        made.append(grow(seed, code, 16000).scaled(size).moved((tx, ty, tz), (0, 0, i * 47.0)))
    gx, gy = rng.uniform(-4, 4, 5200), EYE[1] + 2.0 + 6.2 * rng.random(5200) ** 1.4
    gz = height(gx, gy)
    ok = (gz > 0.1) & (np.abs(gx) < (gy - EYE[1]) * 0.66 + 0.5)
    places = np.stack([gx, gy, gz], -1)[ok]
    made.append(copies(tuft(3), places, rng.uniform(0, 360, len(places)), rng.uniform(0.14, 0.34, len(places))))
    return join(made)


def heaven(rows: int = 512) -> Array:
    """Sky and clouds all round, warm towards the sun. -> linear (rows, 2 rows, 3)"""
    polar = (np.arange(rows) + 0.5) / rows * np.pi
    turn = (np.arange(2 * rows) + 0.5) / (2 * rows) * 2 * np.pi - np.pi
    up = np.cos(polar)[:, None] + 0 * turn
    ahead = np.stack([np.sin(polar)[:, None] * np.sin(turn), np.sin(polar)[:, None] * np.cos(turn), up], -1)
    sunward = np.clip(ahead @ (SUN / np.linalg.norm(SUN)), 0, 1)
    low = np.exp(-np.clip(up, 0, 1) * 5)[..., None]
    sky = np.array(linear(86, 134, 190)) * (1 - low) + np.array(linear(232, 214, 190)) * low
    sky = sky + (np.array([0.55, 0.33, 0.14]) * (sunward**5)[..., None]) * (0.4 + low)
    flat = ahead[..., :2] / np.maximum(up, 0.06)[..., None]
    mass = fbm(flat * [0.55, 0.8] + 3, 7, gain=0.56, seed=61) + 0.16
    cover = smoothstep(0.02, 0.34, mass) * smoothstep(0.03, 0.16, up)
    shade = smoothstep(0.1, 0.62, mass - 0.35 * fbm(flat * [0.55, 0.8] + 3 + SUN[:2] * 0.14, 5, gain=0.56, seed=61))
    cloud = (
        np.array([1.25, 1.06, 0.86]) * (1 - 0.62 * shade[..., None]) + np.array([-0.03, 0.0, 0.08]) * shade[..., None]
    )
    out = sky * (1 - 0.92 * cover[..., None]) + cloud * 0.92 * cover[..., None]
    return np.where(up[..., None] > 0, out, np.array(linear(90, 84, 70)) * 0.5)


def draw(size: tuple[int, int] = (1024, 704), spp: int = 48) -> NDArray[np.uint8]:
    parts = {
        "land": shape(land(), coat(roughness=0.9, specular=0.1)),
        "water": shape(water(), coat(rgb(linear(18, 36, 42)), roughness=0.07, specular=0.7)),
        "sun": {"type": "directional", "direction": [float(-c) for c in SUN], "irradiance": rgb([5.6, 4.0, 2.3])},
        "sky": scene.surroundings(heaven()),
        "view": scene.camera(EYE, (0.35, 0.0, 2.35), size, 62),
        "growth": shape(growth(), coat(roughness=0.8, specular=0.15), smooth=False),
    }
    light, far = scene.photograph(parts, spp, depth=5)
    x = np.linspace(-1, 1, size[0])[None, :, None]
    air = np.array([0.60, 0.62, 0.68]) + np.array([0.34, 0.18, 0.02]) * np.clip(0.35 - 0.6 * x, 0, 1)
    thin = np.exp(-np.clip(far - 6, 0, None)[..., None] * np.array([0.0085, 0.0105, 0.0135]))
    light = np.where(far[..., None] > 0, light * thin + air * 0.8 * (1 - thin), light)
    return scene.develop(light, exposure=0.92, contrast=1.08)
