"""`pattern`: a woven silk of ogees in the Ottoman manner: pomegranates, tulips, carnations and long leaves. Needs no renderer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .canvas import blur, finish, hexes
from .noise import fbm, grid
from .shapes import curve

Array = NDArray[np.floating]
Piece = tuple[Array, str]  # a closed path and its thread
SIDE = 1024
HALF = np.array([SIDE / 6, SIDE / 4])  # half the width and the height of an ogee: three by two on the cloth
THREADS = {
    "wine": "7d1a2c", "night": "1c2f52", "gold": "d9a441", "cream": "f3e7cb", "rose": "d5546a", "leaf": "4c7d5c",
    "sky": "5f9bb5", "ember": "e0703a", "dark": "2a1420", "pale": "f0b9a0",
}  # fmt: skip


def placed(
    pieces: list[Piece], x: float, y: float, turn: float = 0.0, scale: float = 1.0, mirror: bool = False
) -> list[Piece]:
    """Scaled, mirrored left to right, turned (degrees) and moved."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    flip = np.array([-1.0 if mirror else 1.0, 1.0])
    return [((path * flip * scale) @ np.array([[c, s], [-s, c]]) + [x, y], thread) for path, thread in pieces]


def petal(length: float, width: float, belly: float = 0.55, sharp: float = 0.0) -> Array:
    """From (0, 0) upwards; `belly` is where it is widest, `sharp` draws its tip out."""
    t = np.linspace(0, 1, 60)
    half = width / 2 * np.sin(np.pi * t ** (np.log(0.5) / np.log(belly))) ** (0.75 + sharp)
    return np.concatenate([np.stack([half, -length * t], -1), np.stack([-half, -length * t], -1)[::-1]])


def rim(pieces: list[Piece], thread: str, width: float) -> list[Piece]:
    """Each piece with a border of another thread behind it."""
    made: list[Piece] = []
    for path, own in pieces:
        middle = path.mean(0)
        reach = np.abs(path - middle).max(0) + 1e-6
        made += [((path - middle) * (1 + width / reach) + middle, thread), (path, own)]
    return made


def disc(radius: float, x: float = 0.0, y: float = 0.0, squash: float = 1.0) -> Array:
    a = np.linspace(0, 2 * np.pi, 48)
    return np.stack([x + radius * np.cos(a), y + squash * radius * np.sin(a)], -1)


def rosette(petals: int, radius: float, threads: tuple[str, str, str]) -> list[Piece]:
    made: list[Piece] = []
    for k in range(petals):
        made += placed(
            rim([(petal(radius, 2.5 * radius / petals * 1.6, 0.68), threads[0])], "dark", 1.2), 0, 0, 360 * k / petals
        )
    for k in range(petals):
        made += placed([(petal(radius * 0.62, radius / petals * 1.7, 0.6), threads[1])], 0, 0, 360 * k / petals)
    return [*made, (disc(radius * 0.3), "dark"), (disc(radius * 0.25), threads[2])]


def tulip(size: float, threads: tuple[str, str]) -> list[Piece]:
    """Upwards from its stalk's end: two outer petals that lean out, one between."""
    made: list[Piece] = []
    for side in (-1, 1):
        made += placed(rim([(petal(size, size * 0.42, 0.4, 0.35), threads[0])], "dark", 1.3), 0, 0, side * 17)
        made += placed([(petal(size * 0.66, size * 0.12, 0.4), threads[1])], side * size * 0.03, -size * 0.1, side * 20)
    made += rim([(petal(size * 0.94, size * 0.4, 0.42, 0.3), threads[0])], "dark", 1.3)
    made += placed([(petal(size * 0.5, size * 0.17, 0.5), threads[1])], 0, -size * 0.18)
    return [*made, (disc(size * 0.13, 0, size * 0.02, 0.8), "leaf")]


def carnation(size: float, threads: tuple[str, str]) -> list[Piece]:
    """A fan of toothed petals over a green cup."""
    made: list[Piece] = []
    for layer, (spread, long) in enumerate(((80, 1.0), (60, 0.74), (38, 0.5))):
        a = np.radians(np.linspace(-spread, spread, 181))
        teeth = 1 + 0.13 * np.abs((np.arange(181) / 180 * 11) % 1 - 0.5) * 2 - 0.16 * np.abs(a) ** 2 * 0.4
        edge = np.stack([np.sin(a) * teeth, -np.cos(a) * teeth - 0.12], -1) * size * long
        made += rim([(np.append(edge, np.zeros((1, 2)), 0), threads[layer % 2])], "dark", 1.2)
    return [*made, (petal(size * 0.5, size * 0.34, 0.35), "leaf"), (petal(size * 0.38, size * 0.1, 0.4), "gold")]


def saz(length: float, lean: float, thread: str, vein: str) -> list[Piece]:
    """A long toothed leaf that bends to one side as it rises."""
    t = np.linspace(0, 1, 121)
    spine = np.stack([lean * length * t**2, -length * (t - 0.16 * t**2)], -1)
    step = np.gradient(spine, axis=0)
    out = np.stack([-step[:, 1], step[:, 0]], -1) / np.linalg.norm(step, axis=1)[:, None]
    tooth = 1 + 0.22 * ((t * 9) % 1)
    half = (length * 0.12 * np.sin(np.pi * t**0.8) ** 0.9 * tooth)[:, None]
    rib = (length * 0.016 * (1 - t))[:, None]
    blade = np.concatenate([spine + out * half, (spine - out * half)[::-1]])
    middle = np.concatenate([spine + out * rib, (spine - out * rib)[::-1]])[6:-6]
    made: list[Piece] = [*rim([(blade, thread)], "dark", 1.2), (middle, vein)]
    for k in range(14, 108, 13):
        for side in (-1, 1):
            tip = spine[min(k + 9, 120)] + side * out[k] * half[k] * 0.7
            made.append((np.array([spine[k] - step[k] * 0.6, spine[k] + step[k] * 0.6, tip]), vein))
    return made


def stem(knots: list[tuple[float, float]], width: float, thread: str) -> list[Piece]:
    path = curve(knots, 80)
    step = np.gradient(path, axis=0)
    out = np.stack([-step[:, 1], step[:, 0]], -1) / np.linalg.norm(step, axis=1)[:, None] * width / 2
    return [(np.concatenate([path + out, (path - out)[::-1]]), thread)]


def pomegranate(size: float) -> list[Piece]:
    """The heart of an ogee: a fruit that opens on its seeds, in a lotus of two rows of petals."""
    made: list[Piece] = []
    for angle in (-112, 112, -84, 84, -56, 56, -28, 28, 0):
        made += placed(rim([(petal(size, size * 0.44, 0.62, 0.25), "cream")], "dark", 1.4), 0, 0, angle)
        made += placed([(petal(size * 0.8, size * 0.26, 0.6, 0.25), "rose")], 0, 0, angle)
        made += placed([(petal(size * 0.56, size * 0.1, 0.6), "wine")], 0, -size * 0.12, angle)
    made += rim([(disc(size * 0.48, 0, -size * 0.02, 1.06), "gold")], "dark", 1.4)
    made += placed(rim([(petal(size * 0.84, size * 0.62, 0.5, 0.1), "wine")], "cream", 2), 0, size * 0.42)
    for row, count in ((0, 1), (1, 2), (2, 3), (3, 2), (4, 1)):
        for k in range(count):
            x, y = (k - (count - 1) / 2) * size * 0.15, (row - 2) * size * 0.13 + 0.02 * size
            made += rim([(disc(size * 0.056, x, y, 1.15), "ember")], "pale", 1.2)
    crown = [(petal(size * 0.24, size * 0.13, 0.5, 0.4), "gold")]
    for angle in (-30, 30, 0):
        made += placed(rim(crown, "dark", 1), 0, -size * 0.4, angle)
    return made


def ogee(scale: float, count: int = 160) -> Array:
    t = np.linspace(0, 1, count)
    right = np.stack([HALF[0] / 2 * (1 - np.cos(np.pi * t)), HALF[1] * (t - 1)], -1)
    quarter = np.concatenate([right, (right * [1, -1])[::-1]])
    return np.concatenate([quarter, quarter[::-1] * [-1, 1]]) * scale


def scalloped(scale: float, lobes: int, depth: float) -> Array:
    path = ogee(scale, 320)
    step = np.linalg.norm(np.diff(path, axis=0, append=path[:1]), axis=1)
    along = np.cumsum(step) / step.sum()
    return path * (1 + depth * np.abs(np.sin(np.pi * lobes * along)))[:, None]


def medallion(kind: int) -> list[Piece]:
    """One ogee with all that grows in it, about (0, 0)."""
    field, frame, bloom = (("wine", "night", ("rose", "cream")), ("night", "wine", ("ember", "gold")))[kind]
    made: list[Piece] = [(ogee(1.0), "gold"), (ogee(0.965), "dark"), (ogee(0.95), frame), (ogee(0.845), "dark")]
    made += [(ogee(0.835), "gold"), (ogee(0.81), "dark"), (ogee(0.8), field)]
    path = ogee(0.898, 400)
    for k, (x, y) in enumerate(path[:: len(path) // 56]):
        if abs(y) < HALF[1] * 0.86:
            made += (
                placed(rosette(6, 8.5, ("cream", "gold", "ember")), x, y, k * 13)
                if k % 2
                else [(disc(3.4, x, y), "gold")]
            )
    for mirror in (False, True):
        half = stem([(0, 168), (38, 120), (92, 62), (98, 0), (66, -50)], 4.2, "leaf")
        half += stem([(0, 168), (20, 128), (46, 100)], 3.6, "leaf") + stem(
            [(97, 6), (84, -16), (52, -96), (26, -128)], 3.6, "leaf"
        )
        half += placed(saz(104, -0.5, "leaf", "gold"), 66, 92, 36) + placed(saz(92, 0.55, "sky", "cream"), 97, 26, -14)
        half += placed(saz(66, 0.5, "leaf", "gold"), 22, 150, 62) + placed(tulip(40, bloom), 44, 104, 38)
        half += placed(tulip(38, bloom), 66, -46, -34) + placed(rosette(8, 15, ("sky", "cream", "gold")), 97, 8)
        made += placed(half, 0, 0, mirror=mirror)
    made += stem([(0, 170), (0, 60)], 5, "leaf") + stem([(0, -40), (0, -128)], 4, "leaf")
    made += placed(carnation(46, (bloom[0], bloom[1])), 0, -120) + placed(
        rosette(10, 20, ("cream", bloom[0], "gold")), 0, 160
    )
    made += placed(
        [(scalloped(0.335, 14, 0.08), "dark"), (scalloped(0.325, 14, 0.08), "gold"), (scalloped(0.3, 14, 0.08), frame)],
        0,
        6,
    )
    return made + placed(pomegranate(49), 0, 12)


def cloth() -> tuple[Array, Array]:
    """The drawing on the whole cloth, before it is woven. -> colour (SIDE, SIDE, 3), gold thread (SIDE, SIDE)"""
    over = 3
    image = Image.new("RGB", (SIDE * over, SIDE * over), f"#{THREADS['dark']}")
    metal = Image.new("L", image.size)
    pen, shine = ImageDraw.Draw(image), ImageDraw.Draw(metal)
    pieces: list[Piece] = []
    for kind in (0, 1):
        one = medallion(kind)
        for i in range(-1, 5):
            for j in range(-1, 4):
                pieces += placed(one, (2 * i + kind) * HALF[0], (2 * j + kind + 1) * HALF[1])
    for path, thread in pieces:
        if path[:, 0].max() < 0 or path[:, 0].min() > SIDE or path[:, 1].max() < 0 or path[:, 1].min() > SIDE:
            continue
        corners = [(float(x) * over, float(y) * over) for x, y in path]
        pen.polygon(corners, f"#{THREADS[thread]}")
        shine.polygon(corners, 255 if thread in ("gold", "cream") else 0)
    small = [np.asarray(layer.resize((SIDE, SIDE), Image.Resampling.BOX), float) / 255 for layer in (image, metal)]
    return small[0], small[1]


def draw(size: tuple[int, int] = (800, 800)) -> NDArray[np.uint8]:
    colour, metal = cloth()
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    slack = 1.6 * fbm(grid(SIDE, SIDE, 5), 4, seed=2)
    satin = np.sin(2 * np.pi * (x + slack) / 3.2) * (0.6 + 0.4 * np.sin(2 * np.pi * (y / 9 + np.floor(x / 3.2) * 0.4)))
    twill = np.sin(2 * np.pi * (x + y + slack) / 5.0)
    weave = satin * (1 - metal) * 0.075 + twill * metal * 0.13
    uneven = (
        fbm(np.stack([x / 500, y / 5.0], -1), 3, seed=5) * 0.05
        + fbm(np.stack([x / 4.0, y / 600], -1), 3, seed=6) * 0.05
    )
    ridge = blur(metal, 1.2)
    raised = np.clip((np.roll(ridge, (1, 1), (0, 1)) - np.roll(ridge, (-1, -1), (0, 1))) * -0.45, -0.3, 0.3)
    fold = fbm(grid(SIDE, SIDE, 1.6) * [1.0, 0.6], 3, seed=11)
    sheen = 0.94 + 0.26 * fold + 0.1 * (1 - (x + y) / SIDE)
    light = (sheen * (1 + weave + uneven + raised))[..., None]
    worn = 0.07 * np.clip(fbm(grid(SIDE, SIDE, 9), 5, seed=9), 0, 1)[..., None]
    glint = (metal * np.clip(fold + 0.25, 0, 1) ** 2 * (0.5 + 0.5 * twill))[..., None] * hexes("ffe6a8")[0] * 0.3
    woven = finish((colour * (1 - worn) + worn * 0.62) * light * 1.04 + glint)
    return np.asarray(Image.fromarray(woven).resize(size, Image.Resampling.LANCZOS))
