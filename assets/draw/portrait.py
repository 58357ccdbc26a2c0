"""`portrait`: a woman with a scarf, half turned to the window at the left; airbrushed forms, drawn hair, a brushed ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .canvas import SIZE, blur, bristles, finish, hexes, mask, mix, ramp, relief, stamp
from .noise import fbm, grid, smoothstep
from .shapes import curve

Array = NDArray[np.floating]
Knots = list[tuple[float, float]]
FULL = 1024  # the sheet is square; the picture is its left part
WIDE = 832
assert SIZE < FULL

SKIN = hexes("381a1c", "6e382e", "a7614a", "d4936f", "efc09a", "fbe0c4", "fff2e0")
HAIR = hexes("140c10", "2c1718", "562c20", "8e5230", "c98d54", "f0c88c")
SCARF = hexes("3c0f18", "7a2020", "b8402a", "d96a3a", "f0a060", "fbd0a0")
COAT = hexes("0c1820", "16303a", "25505a", "3f7478", "76a29c")
FACE: Knots = [(330, 250), (308, 304), (299, 352), (297, 394), (305, 424), (297, 458), (299, 506), (314, 556), (338, 604),
               (368, 638), (402, 650), (438, 643), (484, 614), (526, 568), (554, 512), (568, 440), (566, 360), (544, 280),
               (478, 216), (396, 204)]  # fmt: skip
# hair and cloth lie between two guides each
BACK = ([(470, 300), (548, 420), (556, 520), (540, 600), (540, 680), (600, 780)],
        [(576, 208), (628, 310), (648, 430), (660, 560), (690, 660), (670, 800)])  # fmt: skip
BACK_LEFT = ([(330, 300), (306, 420), (318, 520), (420, 600), (452, 700), (452, 800)],
             [(290, 230), (254, 330), (246, 460), (258, 590), (270, 720), (276, 800)])  # fmt: skip
RIGHT = ([(394, 247), (446, 240), (510, 268), (546, 336), (558, 430), (560, 530), (552, 620), (590, 740), (636, 856)],
         [(392, 167), (470, 157), (566, 198), (624, 300), (646, 430), (660, 560), (694, 660), (700, 760), (652, 862)])  # fmt: skip
LEFT = ([(396, 247), (356, 256), (326, 286), (306, 340), (298, 400), (292, 460), (292, 540), (330, 640), (376, 720),
         (352, 846)],
        [(402, 165), (336, 172), (286, 222), (258, 306), (248, 400), (244, 490), (246, 590), (250, 680), (270, 770),
         (330, 852)])  # fmt: skip
ROLLS = [
    ([(600, 628), (612, 690), (560, 742), (470, 752), (388, 730), (330, 690)],
     [(650, 640), (676, 720), (610, 800), (470, 812), (352, 770), (306, 680)]),
    ([(330, 700), (372, 776), (450, 812), (560, 806), (640, 756), (654, 690)],
     [(284, 716), (330, 826), (440, 878), (580, 872), (690, 800), (694, 712)]),
    ([(372, 800), (384, 860), (392, 940), (386, 1040)], [(470, 820), (492, 880), (500, 950), (506, 1040)]),
]  # fmt: skip


def soft(knots: Knots, sigma: float, smooth: bool = True) -> Array:
    """A closed outline through knots, filled, its edge blurred. -> (FULL, FULL) in 0-1"""
    path = curve([*knots, knots[0]], 24 * len(knots)) if smooth else np.array(knots)
    cover = mask([path], size=FULL, scale=2)
    return blur(cover, sigma) if sigma else cover


def oval(x: float, y: float, rx: float, ry: float, sigma: float, turn: float = 0.0) -> Array:
    """A soft ellipse, as a Gaussian-edged field."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    v, u = np.mgrid[0:FULL, 0:FULL] - np.array([y, x])[:, None, None]
    far = np.hypot((u * c + v * s) / rx, (v * c - u * s) / ry)
    edge = sigma / np.sqrt(rx * ry)
    return smoothstep(1 + edge, 1 - edge, far)


def taper(knots: Knots, width: float, sigma: float = 0.7, lean: float = 0.5) -> Array:
    """A line that swells (at `lean` along it) and thins out again."""
    path = curve(knots, 90)
    step = np.gradient(path, axis=0)
    out = np.stack([-step[:, 1], step[:, 0]], -1) / np.linalg.norm(step, axis=1)[:, None]
    t = np.linspace(0, 1, 90) ** (np.log(0.5) / np.log(lean))
    half = out * (width / 2 * np.sin(np.pi * t) ** 0.7)[:, None]
    return blur(mask([np.concatenate([path + half, (path - half)[::-1]])], size=FULL), sigma)


def flow(picture: Array, first: Knots, last: Knots, tones: Array, count: int, seed: int, shine: tuple[float, float, float],
         round_: float = 0.0, wave: float = 6.0, width: float = 2.2) -> Array:  # fmt: skip
    """Hair or cloth as many strands between two guides.

    shine: where along the strands the light falls (0-1), how wide that is, how strong; `round_` shades across, as on a roll.
    """
    rng = np.random.default_rng(seed)
    a, b = curve(first, 80), curve(last, 80)
    over = 2
    image = Image.fromarray(finish(picture)).resize((FULL * over, FULL * over), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image, "RGBA")
    s = np.linspace(0, 1, 80)
    locks = np.cumsum(rng.uniform(0.02, 0.07, 60))
    depth = rng.normal(0, 1, 61)
    for i in range(count):
        t = rng.uniform(-0.02, 1.03) if i > count // 4 else (i + 0.5) / (count // 4)
        lock = int(np.searchsorted(locks, t))
        drift = float(np.interp(t, np.linspace(0, 1, 9), depth[:9]))
        sway = wave * np.sin(s * 5 + drift * 1.6) * s + wave * 0.25 * np.sin(s * 11 + rng.uniform(0, 6)) * s
        path = a * (1 - t) + b * t
        path = path + np.stack([sway + rng.normal(0, 0.6), 0.3 * sway], -1)
        glow = shine[2] * np.exp(-(((s - shine[0] - 0.03 * depth[lock]) / shine[1]) ** 2)) * (0.75 + 0.3 * depth[lock])
        body = 0.36 + 0.07 * depth[lock] + 0.06 * rng.normal() - 0.12 * s - round_ * (2 * t - 0.9) * abs(2 * t - 0.9)
        colour = finish(ramp(np.clip(body + glow, 0, 1), tones))
        start, end = (
            (0, int(79 - rng.exponential(2.0)))
            if i < count // 4
            else sorted((int(rng.integers(0, 40)), int(rng.integers(40, 80))))
        )
        wide = width * over * (1.8 if i < count // 4 else rng.uniform(0.4, 1.0))
        for k in range(start, end, 3):
            piece = [(float(x) * over, float(y) * over) for x, y in path[k : k + 4]]
            pen.line(
                piece, (*map(int, colour[min(k + 1, 79)]), 255 if i < count // 4 else 150), max(1, round(wide)), "curve"
            )
    return np.asarray(image.resize((FULL, FULL), Image.Resampling.BOX), float) / 255


def ground(rng: np.random.Generator) -> tuple[Array, Array]:
    """A brushed wall, dark behind the lit side of the face and light behind the other. -> picture, paint's height"""
    v, u = np.mgrid[0:FULL, 0:FULL] / FULL
    tone = 0.2 + 0.62 * u + 0.1 * (1 - v) + 0.1 * fbm(grid(FULL, FULL, 4), 3, seed=3)
    tones = hexes("23322f", "3d544c", "66796a", "98a288", "c9c4a0")
    picture = ramp(tone, tones)
    height = np.zeros((FULL, FULL))
    hairs = [bristles(rng) for _ in range(12)]
    for _ in range(2600):
        x, y = rng.uniform(-20, WIDE + 20), rng.uniform(-20, FULL)
        at = tone[int(np.clip(y, 0, FULL - 1)), int(np.clip(x, 0, FULL - 1))]
        colour = ramp(np.array(at + rng.normal(0, 0.04)), tones) + rng.normal(0, 0.005, 3)
        angle = 0.9 + 0.9 * np.sin(x / 170 + y / 240) + rng.normal(0, 0.22)
        stamp(
            picture,
            height,
            x,
            y,
            angle,
            (rng.uniform(24, 60), rng.uniform(7, 15)),
            colour,
            hairs[int(rng.integers(12))],
            0.8,
        )
    return picture, height


def form() -> Array:
    """How much light each place of the face and neck gets, from one window at the upper left. -> (FULL, FULL)"""
    y, x = np.mgrid[0:FULL, 0:FULL].astype(float)
    nx, ny = (x - 425) / 172, (y - 420) / 270
    nz = np.sqrt(np.clip(1 - nx**2 - ny**2, 0.03, 1))
    tone = 0.33 + 0.5 * (-0.62 * nx - 0.34 * ny + 0.6 * nz)
    shades = [
        (oval(341, 409, 34, 20, 16), -0.12), (oval(452, 407, 46, 22, 20), -0.15), (oval(392, 418, 12, 22, 9), -0.08),
        (soft([(394, 402), (384, 450), (376, 498), (392, 530), (404, 522), (400, 470), (408, 424)], 8), -0.17),
        (soft([(346, 535), (370, 541), (394, 534), (400, 543), (374, 556), (350, 547)], 5), -0.17),
        (soft([(341, 486), (334, 516), (341, 534), (330, 532), (326, 508)], 5), -0.07),
        (oval(380, 613, 28, 8, 8), -0.13), (oval(372, 556, 6, 9, 5), -0.05), (oval(340, 582, 8, 8, 7), -0.08),
        (oval(424, 580, 9, 10, 9), -0.1),
        (soft([(556, 440), (520, 516), (476, 580), (500, 622), (556, 560), (580, 480)], 24), -0.17),
        (soft([(330, 250), (306, 320), (322, 330), (376, 264), (470, 272), (530, 330), (556, 400), (590, 330), (500, 190),
               (390, 190)], 15), -0.16),
        (soft([(368, 640), (404, 652), (440, 645), (486, 616), (530, 568), (540, 590), (490, 640), (410, 672)], 9), -0.1),
        (oval(374, 316, 62, 46, 50), 0.07), (soft([(380, 424), (373, 428), (350, 500), (360, 508)], 5), 0.13),
        (oval(353, 515, 9, 8, 8), 0.1), (oval(396, 522, 7, 8, 6), 0.05), (oval(320, 482, 18, 28, 20), 0.06),
        (oval(440, 486, 44, 28, 34, -20), 0.12), (oval(386, 633, 24, 13, 15), 0.09), (oval(450, 396, 30, 5, 7, 2), 0.08),
        (oval(340, 398, 22, 4, 6), 0.06), (oval(452, 448, 28, 6, 8), 0.05),
    ]  # fmt: skip
    for cover, amount in shades:
        tone = tone + amount * cover
    return tone


def head(picture: Array) -> Array:
    """Neck and face, without the features."""
    y, x = np.mgrid[0:FULL, 0:FULL].astype(float)
    neck = soft(
        [
            (430, 600),
            (436, 680),
            (424, 760),
            (360, 820),
            (520, 860),
            (640, 800),
            (576, 740),
            (560, 660),
            (566, 520),
            (480, 560),
        ],
        1,
    )
    tone = (
        0.5
        - 0.42 * (x - 470) / 150
        - 0.36 * soft([(410, 640), (560, 540), (590, 640), (560, 720), (480, 716), (430, 690)], 16)
    )
    tone = tone + 0.07 * blur(np.exp(-(((x - 500 - 0.2 * (y - 700)) / 9) ** 2)), 2)
    picture = mix(picture, ramp(tone, SKIN), neck)
    tone = form() + 0.012 * fbm(grid(FULL, FULL, 60), 4, seed=2)
    face = ramp(tone, SKIN)
    for cover, amount in ((oval(440, 500, 60, 40, 60), 0.2), (oval(318, 496, 26, 36, 30), 0.2), (oval(356, 518, 20, 15, 18), 0.2),
                          (oval(386, 634, 30, 16, 24), 0.1), (oval(452, 404, 44, 16, 20), 0.12)):  # fmt: skip
        face = mix(face, face * np.array([1.05, 0.76, 0.7]), cover * amount * 2)
    cool = soft([(500, 560), (540, 500), (566, 440), (560, 380), (540, 420), (510, 500), (470, 590)], 14)
    face = mix(face, face * np.array([0.9, 1.0, 1.08]) + 0.02, cool * 0.6)
    return mix(picture, face, soft(FACE, 1.1))


def eye(picture: Array, almond: Knots, iris: tuple[float, float, float]) -> Array:
    """almond: outer, top, inner and lower knots in turn; iris: x, y, radius."""
    shape = soft(almond, 0.9)
    x, y, r = iris
    v, u = np.mgrid[0:FULL, 0:FULL].astype(float)
    top = min(knot[1] for knot in almond)
    white = hexes("d9cbbf")[0] * (0.62 + 0.38 * smoothstep(top + 2, top + 15, v))[..., None]
    picture = mix(picture, white, shape)
    ray = np.arctan2(v - y, u - x)
    fibres = 0.5 + 0.5 * np.sin(ray * 23 + 2 * np.sin(ray * 7))
    tint = ramp(0.3 + 0.4 * smoothstep(y - r, y + r, v) + 0.16 * fibres, hexes("1e2a22", "4a5a3c", "8a8a50", "b8ac74"))
    picture = mix(picture, tint * 0.55, shape * oval(x, y, r, r, 1.4))
    picture = mix(picture, tint, shape * oval(x, y, r * 0.84, r * 0.84, 2))
    picture = mix(picture, np.zeros_like(picture) + hexes("0d0a0c")[0], shape * oval(x, y, r * 0.43, r * 0.43, 1.2))
    lid = shape * smoothstep(top + 12, top + 1, v)
    picture = mix(picture, picture * 0.42, lid)
    return mix(picture, np.ones_like(picture), oval(x - r * 0.34, y - r * 0.36, r * 0.21, r * 0.21, 0.9) * 0.95)


def features(picture: Array) -> Array:
    """Eyes, brows, nostrils, mouth."""
    ink = np.zeros_like(picture) + hexes("2a1414")[0]
    picture = eye(
        picture,
        [(315, 428), (324, 417), (340, 411), (355, 416), (367, 431), (354, 437), (338, 438), (324, 434)],
        (338, 422.5, 13.2),
    )
    picture = eye(
        picture,
        [(418, 431), (430, 418), (450, 409), (470, 414), (486, 428), (472, 437), (452, 440), (432, 437)],
        (447, 421.5, 14.8),
    )
    lines = [
        ([(311, 430), (322, 417), (340, 410), (356, 415), (368, 431)], 5.0, 0.7, 0.95, 0.45),
        ([(416, 432), (430, 417), (450, 408), (471, 413), (492, 429)], 5.6, 0.7, 0.95, 0.6),
        ([(470, 413), (486, 424), (499, 425)], 3.2, 0.6, 0.9, 0.35), ([(318, 420), (310, 420), (305, 416)], 2.6, 0.6, 0.8, 0.4),
        ([(318, 414), (338, 402), (362, 414)], 2.6, 1.2, 0.45, 0.5), ([(422, 415), (448, 399), (486, 413)], 3.0, 1.3, 0.5, 0.5),
        ([(322, 436), (342, 441), (362, 435)], 2.0, 1.0, 0.4, 0.5), ([(430, 440), (454, 444), (482, 433)], 2.2, 1.0, 0.42, 0.5),
        ([(344, 532), (350, 528), (357, 534)], 5.0, 1.4, 0.75, 0.5), ([(374, 536), (383, 528), (393, 533)], 5.6, 1.5, 0.8, 0.5),
        ([(396, 508), (404, 521), (397, 534)], 2.4, 1.6, 0.4, 0.6), ([(343, 505), (337, 519), (343, 532)], 2.0, 1.4, 0.3, 0.6),
    ]  # fmt: skip
    for knots, width, sigma, cover, lean in lines:
        picture = mix(picture, ink, taper(knots, width, sigma, lean) * cover)
    picture = brows(picture)
    upper = soft(
        [
            (338, 579),
            (354, 570),
            (366, 564),
            (374, 567),
            (384, 563),
            (402, 569),
            (421, 577),
            (396, 579),
            (374, 582),
            (356, 579),
        ],
        1.5,
    )
    lower = soft([(339, 579), (357, 579), (374, 582), (396, 579), (420, 577), (404, 592), (378, 601), (354, 593)], 1.8)
    picture = mix(picture, np.zeros_like(picture) + hexes("93393a")[0], upper * 0.85)
    picture = mix(picture, np.zeros_like(picture) + hexes("c05d54")[0], lower * 0.8)
    picture = mix(picture, picture * 0.72, lower * oval(412, 590, 22, 16, 16))
    picture = mix(picture, np.zeros_like(picture) + hexes("ffd8c8")[0], oval(366, 591, 12, 3.2, 4, 4) * 0.5)
    picture = mix(
        picture,
        np.zeros_like(picture) + hexes("fbdcc4")[0],
        taper([(356, 567), (366, 561), (374, 564), (383, 560)], 2, 1) * 0.4,
    )
    return mix(picture, ink, taper([(334, 578), (356, 578), (374, 582), (396, 578), (424, 576)], 3.0, 0.9) * 0.8)


def brows(picture: Array) -> Array:
    rng = np.random.default_rng(5)
    hairs = []
    for knots, rise in (
        ([(370, 391), (350, 381), (328, 380), (308, 391)], -0.5),
        ([(412, 391), (436, 379), (468, 375), (504, 392)], 0.5),
    ):
        path = curve(knots, 100)
        step = np.gradient(path, axis=0)
        for _ in range(230):
            k = int(rng.integers(0, 96))
            thick = 4.6 * np.sin(np.pi * (0.12 + 0.86 * k / 100)) ** 0.6
            foot = path[k] + np.array([0, rng.uniform(-1, 1) * thick])
            angle = np.arctan2(step[k, 1], step[k, 0]) - rise * (1 - k / 110) * rng.uniform(0.2, 0.7)
            long = rng.uniform(6, 10)
            hairs.append(foot + np.array([[0, 0], [np.cos(angle), np.sin(angle)]]) * long)
    cover = blur(mask(hairs, 1.0, size=FULL, scale=3), 0.6)
    under = blur(cover, 3.5)
    picture = mix(picture, np.zeros_like(picture) + hexes("4a281e")[0], np.clip(under * 0.55, 0, 1))
    return mix(picture, np.zeros_like(picture) + hexes("2c1714")[0], cover * 0.75)


def body(picture: Array) -> Array:
    """The coat."""
    y, x = np.mgrid[0:FULL, 0:FULL].astype(float)
    coat = soft(
        [
            (70, 1100),
            (104, 960),
            (176, 868),
            (300, 806),
            (420, 770),
            (600, 766),
            (700, 806),
            (800, 870),
            (860, 960),
            (900, 1100),
        ],
        1.5,
    )
    fold = fbm(np.stack([x / 150 + y / 500, y / 420], -1), 4, seed=8)
    tone = 0.62 - 0.5 * (x - 120) / 700 - 0.12 * (y - 780) / 240 + 0.2 * fold
    picture = mix(picture, ramp(tone, COAT), coat)
    for knots, width, dark in (([(300, 812), (352, 900), (372, 1040)], 10, 0.6), ([(690, 806), (640, 900), (600, 1040)], 12, 0.6),
                               ([(180, 870), (214, 940), (216, 1040)], 9, 0.4)):  # fmt: skip
        picture = mix(picture, picture * 0.35, taper(knots, width, 3, 0.6) * dark * coat)
        lit = [(kx - 7, ky) for kx, ky in knots]
        picture = mix(picture, picture * 1.5 + 0.03, taper(lit, width * 0.7, 3, 0.6) * 0.5 * coat)
    rng = np.random.default_rng(12)
    painted = picture.copy()
    hairs = [bristles(rng) for _ in range(8)]
    for _ in range(1500):
        px, py = rng.uniform(60, WIDE), rng.uniform(770, FULL)
        colour = picture[int(py), int(px)] * rng.uniform(0.86, 1.18) + rng.normal(0, 0.006, 3)
        if coat[int(py), int(px)] > 0.9:
            angle = np.pi / 2 - (px - 430) / 460 + rng.normal(0, 0.2)
            stamp(
                painted,
                None,
                px,
                py,
                angle,
                (rng.uniform(18, 46), rng.uniform(5, 11)),
                colour,
                hairs[int(rng.integers(8))],
                0.7,
            )
    return mix(picture, painted, coat)


def scarf(picture: Array) -> Array:
    """Three rolls about the neck and an end that hangs."""
    under = soft([(360, 690), (330, 800), (420, 880), (560, 880), (680, 800), (640, 660), (560, 700), (460, 730)], 18)
    picture = mix(picture, picture * 0.35, under * 0.7)
    for i, (first, last) in enumerate(ROLLS):
        edge = np.concatenate([curve(first, 60), curve(last, 60)[::-1]])
        shadow = blur(mask([edge + np.array([7, 9])], size=FULL, scale=2), 8)
        picture = mix(picture, picture * 0.3, shadow * 0.75)
        shine = ((0.7, 0.28, 0.3), (0.22, 0.3, 0.34), (0.16, 0.3, 0.2))[i]
        picture = flow(picture, first, last, SCARF, 1500, 60 + i, shine, round_=0.3, wave=3, width=2.6)
    return picture


def draw(size: tuple[int, int] = (WIDE, FULL)) -> NDArray[np.uint8]:
    rng = np.random.default_rng(6)
    picture, height = ground(rng)
    picture = flow(picture, *BACK, HAIR, 1500, 31, (0.1, 0.2, 0.1))
    picture = flow(picture, *BACK_LEFT, HAIR, 1200, 32, (0.25, 0.25, 0.1))
    picture = scarf(features(head(body(picture))))
    for first, last in (RIGHT, LEFT):
        lock = np.concatenate([curve(first, 60), curve(last, 60)[::-1]])
        shade = blur(mask([lock + np.array([-4, 7])], size=FULL, scale=2), 8)
        picture = mix(picture, picture * 0.4, shade * 0.6)
    picture = flow(picture, *RIGHT, HAIR, 2800, 33, (0.24, 0.1, 0.34), wave=12)
    picture = mix(picture, picture * 0.3, taper([(402, 160), (397, 200), (398, 250)], 7, 1.5) * 0.8)
    picture = flow(picture, *LEFT, HAIR, 2400, 34, (0.27, 0.13, 0.46), wave=10)
    tooth = relief(blur(height, 0.8) * 0.8 + 0.25 * fbm(grid(FULL, FULL, 240), 2, seed=9), 0.16)
    return finish(picture * (0.6 + 0.4 * tooth)[..., None])[: size[1], : size[0]]
