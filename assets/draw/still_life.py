"""`still-life`: fruit, stoneware, glass and linen by a window, path-traced. Metres, the table top is z = 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from . import scene
from .cloth import tablecloth
from .noise import cells, fbm, grid, perlin, smoothstep
from .scene import coat, linear, rgb, shape
from .shapes import Mesh, ball, box, curve, join, lathe, sheet, tube

Array = NDArray[np.floating]
EDGE = -0.2  # front of the table


def orange(seed: int, radius: float = 0.04) -> Mesh:
    mesh = ball(radius, 220)
    where = mesh.points / radius
    squash = where * [1, 1, 0.93] * (1 + 0.025 * fbm(where * 1.5, 2, seed=seed)[:, None])
    near, _ = cells(where * 14, seed)
    navel = smoothstep(0.2, 0.0, np.hypot(where[:, 0], where[:, 1])) * (where[:, 2] > 0)
    mesh = replace(mesh, points=squash * radius).displaced(-0.00055 * smoothstep(0.45, 0.1, near) - 0.003 * navel)
    tone = fbm(where * 2.2, 4, seed=seed + 9)[:, None]
    colour = (
        np.array(linear(243, 132, 18)) * (1 + 0.25 * tone) + np.array(linear(190, 150, 20)) * np.clip(tone, 0, 1) * 0.3
    )
    green = navel[:, None]
    return mesh.painted(colour * (1 - green) + np.array(linear(84, 92, 30)) * green)


def pear(seed: int, height: float = 0.105) -> Mesh:
    profile = curve([(0.001, 0.05), (0.12, 0.0), (0.3, 0.06), (0.415, 0.25), (0.385, 0.45), (0.26, 0.64), (0.175, 0.8),
                     (0.14, 0.92), (0.07, 0.99), (0.001, 0.965)], 220)  # fmt: skip
    mesh = lathe(np.maximum(profile, 0.0005) * height, 420)
    where = mesh.points / height
    bend = 0.06 * where[:, 2] ** 2
    points = where * (1 + 0.035 * fbm(where * 2.5, 3, seed=seed)[:, None]) + np.stack([bend, 0 * bend, 0 * bend], -1)
    mesh = replace(mesh, points=points * height)
    sun = smoothstep(-0.15, 0.75, where[:, 0] * 1.6 + 0.35 * fbm(where * 4, 4, seed=seed + 2))[:, None]
    skin = np.array(linear(205, 186, 60)) * (1 - sun) + np.array(linear(188, 66, 34)) * sun
    skin = skin * (1 + 0.18 * fbm(where * 7, 4, seed=seed + 5)[:, None])
    near, _ = cells(where * 30, seed)
    speck = smoothstep(0.22, 0.1, near)[:, None] * 0.55
    end = smoothstep(0.07, 0.02, where[:, 2] + 2 * np.hypot(where[:, 0], where[:, 1]) - 0.03)[:, None]
    skin = skin * (1 - speck) + np.array(linear(120, 92, 40)) * speck
    mesh = mesh.painted(skin * (1 - end) + np.array(linear(60, 44, 24)) * end)
    stalk = tube(curve([(0.055, 0, 0.95), (0.062, 0.004, 1.03), (0.085, 0.012, 1.1), (0.1, 0.014, 1.17)], 40) * height,
                 np.linspace(0.0018, 0.0026, 40))  # fmt: skip
    return join([mesh, stalk.painted(linear(74, 54, 30))])


def lemon(seed: int) -> Mesh:
    polar = np.linspace(-np.pi / 2, np.pi / 2, 240)
    radius = np.cos(polar) ** 0.9
    tip = (
        np.sign(np.sin(polar))
        * np.abs(np.sin(polar)) ** 1.1
        * (1.22 + 0.28 * smoothstep(0.86, 1.0, np.abs(np.sin(polar))))
    )
    mesh = lathe(np.stack([np.maximum(radius, 1e-4), tip], -1), 480)
    where = mesh.points
    near, _ = cells(where * 12, seed)
    mesh = replace(mesh, points=where * (1 + 0.03 * fbm(where * 1.7, 3, seed=seed)[:, None]) * 0.029)
    mesh = mesh.displaced(-0.0006 * smoothstep(0.5, 0.1, near))
    tone = fbm(where * 2, 4, seed=seed + 1)[:, None]
    return mesh.painted(
        np.array(linear(246, 208, 32)) * (1 + 0.18 * tone) - np.array([0.12, 0, 0]) * np.clip(tone, 0, 1)
    )


def half_orange(radius: float = 0.039) -> list[tuple[Mesh, dict]]:
    """A halved orange, its cut face towards +z: peel below, wet flesh in segments above."""
    profile = curve([(0.0005, -0.95), (0.6, -0.8), (0.95, -0.3), (1.0, -0.02), (0.985, 0.0)], 80)
    peel = lathe(profile * radius, 360)
    near, _ = cells(peel.points / radius * 14, 4)
    peel = peel.displaced(-0.0005 * smoothstep(0.45, 0.1, near)).painted(linear(240, 128, 16))
    r, angle = np.meshgrid(np.linspace(1e-3, 0.99, 220), np.linspace(0, 2 * np.pi, 900), indexing="ij")
    x, y = r * np.cos(angle), r * np.sin(angle)
    warp = angle + 0.12 * perlin(np.stack([x * 3, y * 3], -1), 8)
    sector = np.abs((warp * 10 / (2 * np.pi)) % 1 - 0.5) * 2  # 1 at the walls between segments
    wall = smoothstep(0.075, 0.02, (1 - sector) * r * 0.31) + smoothstep(0.865, 0.895, r) + smoothstep(0.11, 0.07, r)
    wall = np.clip(wall, 0, 1)
    polar = np.stack([r * 5, np.cos(angle) * 9 * (0.6 + r), np.sin(angle) * 9 * (0.6 + r)], -1)
    near, second = cells(polar * [1.0, 1.4, 1.4], 6)
    vesicle = smoothstep(0.0, 0.35, second - near)
    flesh = (
        np.array(linear(232, 118, 14)) * (0.75 + 0.45 * vesicle[..., None]) * (1 + 0.2 * fbm(polar * 0.6, 3)[..., None])
    )
    rim = smoothstep(0.955, 0.975, r)[..., None]
    pith = np.array(linear(250, 226, 170)) * (1 - rim) + np.array(linear(238, 120, 14)) * rim
    colour = flesh * (1 - wall[..., None]) + pith * wall[..., None]
    height = 0.012 * vesicle * (1 - wall) + 0.02 * wall
    face = sheet(np.stack([x, y, height], -1) * radius).painted(colour.reshape(-1, 3))
    return [(peel, coat(roughness=0.38, specular=0.5)), (face, coat(roughness=0.16, specular=0.7))]


def grapes(count: int, seed: int, spread: tuple[float, float, float]) -> Mesh:
    """A bunch: balls pushed apart until they touch, resting on z = 0."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(0.0098, 0.0122, count)
    p = rng.normal(0, 0.5, (count, 3)) * spread
    for _ in range(400):
        span = p[:, None] - p[None]
        far = np.linalg.norm(span, axis=-1) + np.eye(count)
        overlap = np.clip(radius[:, None] + radius[None] - far, 0, None) * (1 - np.eye(count))
        p = p + 0.4 * ((overlap / far)[..., None] * span).sum(1) - 0.012 * p * [1, 1, 1.8]
        p[:, 2] = np.maximum(p[:, 2], radius)
    made = []
    for i in range(count):
        one = ball(radius[i], 60)
        where = one.points / radius[i]
        bloom = smoothstep(-0.35, 0.55, fbm(where * 1.6 + 9 * i, 4, seed=seed))[:, None]
        ripe = (
            np.array(linear(52, 14, 44)) * (0.7 + 0.6 * rng.random())
            + np.array(linear(110, 22, 40)) * rng.random() * 0.35
        )
        colour = ripe * (1 - 0.45 * bloom) + np.array(linear(120, 116, 160)) * 0.45 * bloom
        made.append(
            one.scaled((1, 1, rng.uniform(1.02, 1.14)))
            .painted(colour)
            .moved(tuple(p[i]), tuple(rng.uniform(-40, 40, 3)))
        )
    return join(made)


def leaf(length: float, seed: int) -> Mesh:
    u, v = np.meshgrid(np.linspace(0, 1, 90), np.linspace(-1, 1, 60), indexing="ij")
    width = 0.3 * np.sin(np.pi * u**0.8) ** 0.9
    veins = np.abs(np.sin((u - 0.28 * np.abs(v)) * 30))
    z = (
        0.16 * np.sin(2.2 * u)
        + 0.22 * width * np.abs(v)
        + 0.012 * veins
        + 0.05 * fbm(np.stack([u * 2, v], -1), 2, seed=seed)
    )
    mesh = sheet(np.stack([u, width * v, z], -1) * length)
    pale = np.maximum(smoothstep(0.06, 0.0, np.abs(v)), 0.5 * smoothstep(0.2, 0.0, veins))[..., None]
    green = np.array(linear(52, 92, 34)) * (1 + 0.4 * fbm(np.stack([u * 4, v * 2], -1), 4, seed=seed)[..., None])
    return mesh.painted((green * (1 - 0.6 * pale) + np.array(linear(150, 170, 90)) * 0.6 * pale).reshape(-1, 3))


def jug() -> list[tuple[Mesh, dict]]:
    """A stoneware jug: raw clay at the foot, a glaze that ran, a handle."""
    outside = curve([(0.04, 0), (0.052, 0.006), (0.075, 0.05), (0.083, 0.1), (0.073, 0.15), (0.05, 0.19), (0.043, 0.215),
                     (0.05, 0.243), (0.0555, 0.25)], 260)  # fmt: skip
    inside = curve([(0.0535, 0.252), (0.047, 0.243), (0.039, 0.215), (0.045, 0.19), (0.066, 0.15)], 80)
    body = lathe(np.concatenate([outside, inside]), 480)
    p = body.points
    lip = smoothstep(0.2, 0.25, p[:, 2]) * smoothstep(0.0, 0.05, -p[:, 0])  # the spout
    body = replace(body, points=p + np.stack([-0.02 * lip, -p[:, 1] * 0.45 * lip, 0.008 * lip], -1))
    turned = 0.0005 * np.sin(p[:, 2] * 900 + 2 * perlin(p * 20, 3))
    body = body.displaced(turned + 0.0012 * fbm(p * 18, 3, seed=2))
    angle = np.arctan2(p[:, 1], p[:, 0])
    edge = 0.062 + 0.02 * perlin(np.stack([np.cos(angle), np.sin(angle)], -1) * 2.1, 5) + 0.006 * fbm(p * 60, 3)
    glaze = smoothstep(-0.003, 0.003, p[:, 2] - edge)[:, None]
    mottle = fbm(p * [26, 26, 12], 6, seed=7)[:, None]
    blue = (
        np.array(linear(52, 92, 118)) * (1 + 0.7 * mottle)
        + np.array(linear(196, 200, 184)) * np.clip(mottle - 0.12, 0, 1) * 0.9
    )
    iron = smoothstep(0.25, 0.12, cells(p * 90, 3)[0])[:, None] * 0.6
    blue = blue * (1 - iron) + np.array(linear(60, 36, 20)) * iron
    clay = np.array(linear(158, 108, 74)) * (1 + 0.3 * fbm(p * 80, 4, seed=1)[:, None])
    body = body.painted(clay * (1 - glaze) + blue * glaze)
    path = curve([(0.046, 0, 0.232), (0.085, 0, 0.24), (0.118, 0, 0.2), (0.113, 0, 0.15), (0.083, 0, 0.115)], 120)
    handle = tube(path, 0.0095 + 0.002 * np.cos(np.linspace(-3, 3, 120)), 40)
    tone = fbm(handle.points * 40, 5, seed=11)[:, None]
    handle = handle.painted(np.array(linear(52, 92, 118)) * (1 + 0.8 * tone))
    return [(join([body, handle]), coat(roughness=0.28, specular=0.6, clearcoat=0.5, clearcoat_gloss=0.9))]


def bowl() -> list[tuple[Mesh, dict]]:
    """A white bowl with brushed blue bands."""
    outside = [(0.045, 0), (0.05, 0.004), (0.048, 0.014), (0.09, 0.034), (0.122, 0.062), (0.137, 0.088)]
    inside = [(0.134, 0.0895), (0.118, 0.064), (0.086, 0.038), (0.04, 0.022), (0.001, 0.02)]
    body = lathe(np.concatenate([curve(outside, 240), curve(inside, 160)]), 640)
    p = body.points
    angle = np.arctan2(p[:, 1], p[:, 0])
    wave = 0.0022 * np.sin(angle * 14 + 1.5 * perlin(np.stack([np.cos(angle), np.sin(angle)], -1) * 3, 2))
    height = p[:, 2] + 0.0008 * perlin(p * 60, 4)
    band = np.maximum.reduce([
        smoothstep(0.0022, 0.001, np.abs(height - 0.0835)),
        smoothstep(0.0055, 0.0035, np.abs(height - 0.066 - 3 * wave)) * (0.65 + 0.35 * np.sin(angle * 28)),
        smoothstep(0.0014, 0.0007, np.abs(height - 0.046)),
        smoothstep(0.0014, 0.0007, np.abs(height - 0.0425)),
    ])  # fmt: skip
    brush = np.clip(band * (0.75 + 0.5 * fbm(np.stack([angle * 12, p[:, 2] * 300], -1), 4)), 0, 1)[:, None]
    white = np.array(linear(232, 226, 212)) * (1 + 0.06 * fbm(p * 12, 4)[:, None])
    body = body.painted(white * (1 - 0.92 * brush) + np.array(linear(28, 52, 120)) * 0.92 * brush)
    return [(body, coat(roughness=0.2, specular=0.6, clearcoat=0.7, clearcoat_gloss=0.95))]


def bottle() -> list[tuple[Mesh, dict]]:
    """An old green bottle, a third full of wine, with a cork."""
    outside = curve([(0.0005, 0.012), (0.025, 0.004), (0.038, 0.0), (0.041, 0.01), (0.041, 0.1), (0.041, 0.17), (0.034, 0.205),
                     (0.0175, 0.235), (0.0145, 0.27), (0.0145, 0.305)], 240)  # fmt: skip
    lip = np.array([(0.0145, 0.297), (0.018, 0.299), (0.0182, 0.309), (0.015, 0.311)])
    inside = curve([(0.011, 0.31), (0.011, 0.27), (0.014, 0.238), (0.031, 0.203), (0.0375, 0.17), (0.0375, 0.1), (0.0375, 0.014),
                    (0.022, 0.009), (0.0005, 0.018)], 240)  # fmt: skip
    glass = lathe(np.concatenate([outside[:-12], lip, inside]), 320)
    glass = replace(glass, points=glass.points * (1 + 0.006 * perlin(glass.points * 30, 2)[:, None]))
    cork = lathe(np.array([(0.001, 0.285), (0.0108, 0.285), (0.0118, 0.326), (0.0112, 0.328), (0.001, 0.328)]), 60)
    cork = cork.painted(np.array(linear(186, 140, 92)) * (1 + 0.5 * fbm(cork.points * 300, 4)[:, None]))
    tint = {"type": "dielectric", "int_ior": 1.5, "specular_transmittance": rgb([0.5, 0.78, 0.42])}
    wine = lathe(
        np.concatenate([[(0.001, 0.019)], inside[::-1][12:][inside[::-1][12:, 1] < 0.13], [(0.001, 0.129)]])
        * [0.985, 1]
    )
    return [(glass, tint), (wine.painted(linear(56, 6, 16)), coat(roughness=0.1)), (cork, coat(roughness=0.9))]


def room() -> dict:
    """Table, wall and the light: a tall window at the left, and late sun through its bars on the wall."""
    g = grid(700, 1400, 1.0)
    grain = fbm(np.stack([g[..., 0] * 3, g[..., 1] * 60 + 1.5 * fbm(g * 3, 3)], -1), 5, seed=4)
    rings = np.sin((g[..., 1] * 26 + 2.2 * fbm(g * [1.5, 5], 3, seed=6)) * 6)
    plank = np.abs((g[..., 1] * 9) % 1 - 0.5) > 0.492
    wood = (
        np.array(linear(104, 66, 40))
        * (1 + 0.45 * grain + 0.16 * rings)[..., None]
        * np.where(plank, 0.25, 1)[..., None]
    )
    table = sheet(
        np.stack(np.broadcast_arrays(*np.meshgrid(np.linspace(-1, 1, 2), np.linspace(EDGE, 0.6, 2)), 0.0), -1)
    )
    front = box((2, 0.03, 0.035)).moved((0, EDGE + 0.0151, -0.0185))
    chest = box((2, 0.03, 0.8)).moved((0, EDGE + 0.035, -0.44))
    h = grid(500, 1000, 4.0)
    stain = 0.5 * fbm(h, 6, seed=21) + 0.25 * fbm(h * 9, 4, seed=22)
    plaster = (
        np.array(linear(126, 122, 104)) * (1 + 0.55 * stain)[..., None]
        + np.array([0.02, 0.005, -0.01]) * stain[..., None]
    )
    corners = np.array([[[-2, 0.62, -0.3], [2, 0.62, -0.3]], [[-2, 0.62, 1.7], [2, 0.62, 1.7]]])
    parts = {
        "table": shape(table, coat(scene.texture(wood), roughness=0.42, specular=0.4)),
        "front": shape(front, coat(rgb(linear(86, 52, 30)), roughness=0.5), smooth=False),
        "chest": shape(chest, coat(rgb(linear(60, 38, 24)), roughness=0.5), smooth=False),
        "wall": shape(sheet(corners), coat(scene.texture(plaster), roughness=0.9, specular=0.1)),
        "window": scene.panel((-1.45, -1.15, 0.9), (0, 0, 0.1), (0.8, 1.1), [9.5, 10.2, 11.0]),
        "sun": scene.panel((-3.6, -2.1, 2.55), (0.1, 0.6, 0.25), (0.05, 0.05), [36000, 25000, 13500]),
        "sky": {"type": "constant", "radiance": rgb([0.16, 0.165, 0.19])},
    }
    middle = (-1.935, -0.885, 1.515)  # where the bars cut the way from the sun
    bars = [(0, 0, 0.022, 2), (0, 0.075, 2, 0.018), (0, -0.095, 2, 0.018), (-0.68, 0, 1, 2), (0.68, 0, 1, 2),
            (0, 0.79, 2, 1.1), (0, -0.82, 2, 1.1)]  # fmt: skip
    for i, (dx, dz, w, h2) in enumerate(bars):
        bar = box((w, 0.02, h2)).moved((dx, 0, dz)).moved(turn=(0, 0, -54.6)).moved(middle)
        parts[f"bar{i}"] = shape(bar, coat(rgb([0.2, 0.2, 0.2]), roughness=0.9), smooth=False)
    return parts


def arrange() -> dict:
    """Everything in its place, as Mitsuba shapes."""
    skin = coat(roughness=0.36, specular=0.5)
    waxy = coat(roughness=0.3, specular=0.5, clearcoat=0.15)
    items: list[tuple[Mesh, dict]] = []

    def put(
        things: list[tuple[Mesh, dict]], to: tuple[float, float, float], turn: tuple[float, float, float] = (0, 0, 0)
    ) -> None:
        items.extend((mesh.moved(to, turn), material) for mesh, material in things)

    put(jug(), (-0.2, 0.2, 0.0), (0, 0, 20))
    put(bottle(), (0.25, 0.28, 0.0))
    put(bowl(), (0.06, 0.04, 0.0025))
    for i, (x, y, z) in enumerate(
        [(0.0, 0.03, 0.075), (0.09, 0.085, 0.078), (0.02, 0.11, 0.082), (0.065, 0.045, 0.117)]
    ):
        put([(orange(i), skin)], (x, y, z), (25 * i - 30, 20 * i - 35, 70 * i))
    put([(leaf(0.065, 3), waxy)], (0.075, 0.02, 0.15), (0, 12, 215))
    put([(leaf(0.055, 8), waxy)], (0.072, 0.035, 0.152), (0, 4, -35))
    put([(pear(2), waxy)], (-0.125, -0.045, 0.002), (0, 0, 200))
    put([(pear(5, 0.1), waxy)], (-0.2, -0.02, 0.036), (14, 80, 205))
    put(
        [(grapes(54, 4, (0.042, 0.026, 0.024)), coat(roughness=0.26, specular=0.5, spec_tint=0.2))],
        (0.2, -0.055, 0.003),
        (0, 0, -18),
    )
    put([(lemon(2), skin)], (-0.005, -0.115, 0.03), (80, 8, 60))
    put(half_orange(), (0.075, -0.125, 0.03), (66, 0, 22))
    feet = [(0.06, 0.04, 0.055), (-0.125, -0.045, 0.03), (0.2, -0.06, 0.05), (0.02, -0.11, 0.03), (0.08, -0.12, 0.03)]
    linen = tablecloth(0.72, 0.52, EDGE, feet)
    weave = grid(900, 900, 1.0)
    thread = 0.5 + 0.25 * np.sin(weave[..., 0] * 900) * np.sin(weave[..., 1] * 900) + 0.3 * fbm(weave * [200, 20], 3)
    stripe = ((np.abs(weave[..., 1] - 0.9) < 0.012) | (np.abs(weave[..., 1] - 0.94) < 0.004) | (np.abs(weave[..., 1] - 0.06) < 0.012)
              | (np.abs(weave[..., 1] - 0.1) < 0.004))[..., None]  # fmt: skip
    white = np.array(linear(228, 220, 204)) * (0.86 + 0.2 * thread)[..., None]
    pixels = np.where(stripe, np.array(linear(150, 52, 46)) * (0.8 + 0.4 * thread)[..., None], white)
    items.append((linen, coat(scene.texture(np.clip(pixels, 0, 1)), roughness=0.95, specular=0.1, sheen=0.4)))
    return room() | {f"item{i}": shape(mesh, material) for i, (mesh, material) in enumerate(items)}


def draw(size: tuple[int, int] = (1024, 768), spp: int = 320) -> NDArray[np.uint8]:
    view = scene.camera((0.02, -1.42, 0.43), (0.015, 0.0, 0.118), size, 29.5, aperture=0.006, focus=1.42)
    light = scene.render(arrange() | {"view": view}, spp, depth=10)
    return scene.develop(light, exposure=1.12, contrast=1.06)
