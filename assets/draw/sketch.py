"""`sketch`: a harbour in soft pencil on toothed paper, drawn from back to front: what stands before something rubs it out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .canvas import blur, finish, hexes
from .noise import fbm, grid
from .shapes import curve

Array = NDArray[np.floating]
Knots = list[tuple[float, float]]


class Pencil:
    """Graphite on a sheet. Lines wobble, press and lift as a hand does, and run a little past their ends."""

    def __init__(self, width: int, height: int, seed: int = 4) -> None:
        self.rng = np.random.default_rng(seed)
        self.lead = np.zeros((height, width))

    def trace(self, path: Array, dark: float = 1.0, width: float = 1.2, shake: float = 0.7) -> None:
        """One stroke along a path (N, 2) of any spacing."""
        length = np.linalg.norm(np.diff(path, axis=0), axis=1)
        total = length.sum()
        if total < 0.5:
            return
        n = int(total / 0.3) + 2
        at = np.concatenate([[0], np.cumsum(length)])
        s = np.linspace(0, total, n)
        p = np.stack([np.interp(s, at, path[:, i]) for i in (0, 1)], -1)
        waves = self.rng.uniform(0, 6.3, 6)
        slow = sum(np.sin(s / long + waves[i]) / (i + 1) for i, long in enumerate((47.0, 19.0, 8.0)))
        side = sum(np.sin(s / long + waves[i + 3]) / (i + 1) for i, long in enumerate((61.0, 23.0, 9.0)))
        p = p + shake * 0.5 * np.stack([slow, side], -1)
        press = (0.72 + 0.28 * np.sin(s / 33 + waves[0])) * np.minimum(1, 0.35 + np.minimum(s, total - s) / 9)
        hairs = 5
        p = p[:, None] + self.rng.normal(0, width / 2.6, (n, hairs, 2))
        self._drop(p.reshape(-1, 2), np.repeat(press * dark * 0.3 / hairs / width**0.5, hairs))

    def _drop(self, p: Array, load: Array) -> None:
        h, w = self.lead.shape
        cell = np.floor(p).astype(int)
        part = p - cell
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            x, y = cell[:, 0] + dx, cell[:, 1] + dy
            ok = (x >= 0) & (x < w) & (y >= 0) & (y < h)
            share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1]) * load
            np.add.at(self.lead, (y[ok], x[ok]), share[ok])

    def line(self, *knots: tuple[float, float], dark: float = 1.0, width: float = 1.2, twice: bool = False) -> None:
        """A straight or broken line, each piece a stroke of its own that overshoots."""
        for a, b in pairwise(knots):
            for again in range(2 if twice else 1):
                a_, b_ = np.array(a, float), np.array(b, float)
                over = (b_ - a_) / max(np.linalg.norm(b_ - a_), 1e-6) * self.rng.uniform(0, 3.0)
                off = self.rng.normal(0, 0.8, 2) * again
                self.trace(np.stack([a_ - over + off, b_ + over + off]), dark * (0.6 if again else 1), width)

    def bow(self, *knots: tuple[float, float], dark: float = 1.0, width: float = 1.2) -> None:
        """A smooth line through the knots."""
        self.trace(curve(list(knots), 160), dark, width)

    def inside(self, path: Array | Knots) -> Array:
        h, w = self.lead.shape
        image = Image.new("L", (w * 2, h * 2))
        ImageDraw.Draw(image).polygon([(float(x) * 2, float(y) * 2) for x, y in path], 255)
        return np.asarray(image.resize((w, h), Image.Resampling.BOX), float) / 255

    def clear(self, path: Array | Knots, left: float = 0.0) -> None:
        self.lead *= 1 - self.inside(path) * (1 - left)

    def hatch(self, path: Array | Knots, angle: float, gap: float, dark: float = 0.5, width: float = 1.0) -> None:
        """Parallel strokes (degrees) within an outline; their ends are ragged."""
        points = np.array(path, float)
        cover = self.inside(points)
        middle, reach = points.mean(0), np.linalg.norm(points - points.mean(0), axis=1).max() + 4
        along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        across = np.array([-along[1], along[0]])
        for offset in np.arange(-reach, reach, gap):
            start = middle + across * (offset + self.rng.normal(0, gap * 0.14))
            s = np.arange(-reach, reach, 1.0)
            p = start + s[:, None] * along
            x, y = np.clip(p.astype(int), 0, np.array(cover.shape[::-1]) - 1).T
            hit = np.flatnonzero((cover[y, x] > 0.5) & (p >= 0).all(1) & (p < cover.shape[::-1]).all(1))
            for run in np.split(hit, np.flatnonzero(np.diff(hit) > 1) + 1):
                if len(run) > 3:
                    cut = self.rng.integers(0, 1 + min(4, len(run) // 3), 2)
                    self.trace(p[run[cut[0] : len(run) - cut[1]]], dark, width, 0.5)


EDGES = 640 * (1 - 1 / (1 + np.array([-0.14, 0.15, 0.36, 0.54, 0.8, 1.08, 1.36, 1.72])))


def quay(x: float, v: float) -> tuple[float, float]:
    """A point of the row of houses: x on the paper, v up the wall (0 at the street, 1 about four floors)."""
    return float(x), float(340 + (1 - x / 640) * (100 - 300 * v))


def far_shore(pen: Pencil) -> None:
    hills = curve([(380, 318), (470, 276), (560, 250), (650, 272), (740, 262), (850, 292), (1024, 270)], 200)
    pen.trace(hills, 0.5)
    pen.hatch([*map(tuple, hills), (1024, 336), (380, 336)], 118, 8, 0.2)
    pen.trace(curve([(600, 300), (700, 288), (800, 304), (900, 318), (1024, 300)], 120), 0.3)
    pen.line((390, 338), (1024, 336), dark=0.6)
    mole = [(770, 347), (800, 330), (1024, 322), (1024, 352), (770, 350)]
    pen.clear(mole)
    pen.line(*mole, dark=0.9)
    for x in range(795, 1024, 17):
        pen.line((x, 331 - (x - 800) * 0.035), (x + pen.rng.normal(0, 4), 349), dark=0.5)
    pen.hatch(mole, 8, 5, 0.4)
    tower = [(884, 329), (891, 214), (911, 214), (918, 328)]
    light = [(893, 188), (909, 188), (909, 206), (893, 206)]
    pen.clear(tower)
    pen.clear(light)
    pen.line(*tower, dark=1.2)
    for y, half in ((240, 11), (268, 13), (296, 15)):
        band = [(901 - half, y), (901 + half, y), (901 + half + 0.8, y + 13), (901 - half - 0.8, y + 13)]
        pen.line(*band[:2], dark=0.8)
        pen.line(*band[2:], dark=0.8)
        pen.hatch(band, 60, 3, 0.9)
    pen.hatch([(904, 216), (911, 216), (917, 327), (906, 327)], 80, 3.2, 0.6)
    pen.line((884, 214), (918, 214), (916, 206), (886, 206), (884, 214), dark=1.1)
    pen.line((893, 206), (893, 188), (909, 188), (909, 206), dark=1.0)
    pen.bow((890, 188), (894, 178), (901, 173), (908, 178), (912, 188), dark=1.1)
    pen.line((901, 173), (901, 163), dark=1)
    pen.line((901, 188), (901, 206), dark=0.8)


def pane(pen: Pencil, x0: float, x1: float, v0: float, v1: float) -> None:
    """A window with bars, dark glass and its sill."""
    corners = [quay(x0, v0), quay(x0, v1), quay(x1, v1), quay(x1, v0)]
    pen.hatch(corners, 62, 2.6, 0.75)
    pen.line(*corners, corners[0], dark=0.95)
    pen.line(quay((x0 + x1) / 2, v0), quay((x0 + x1) / 2, v1), dark=0.7)
    pen.line(quay(x0, v0 * 0.4 + v1 * 0.6), quay(x1, v0 * 0.4 + v1 * 0.6), dark=0.7)
    pen.line(quay(x0 - 2, v0 - 0.012), quay(x1 + 2, v0 - 0.012), dark=0.9, width=1.6)


def house(pen: Pencil, x0: float, x1: float, tall: float, gable: bool, tone: float) -> None:
    wide = x1 - x0
    roof = tall + 0.2
    body = [quay(x0, 0), quay(x0, tall), quay(x1, tall), quay(x1, 0)]
    cap = [quay(x0, tall), quay((x0 + x1) / 2, tall + 0.3), quay(x1, tall)]
    if not gable:
        cap = [quay(x0 - 2, tall), quay(x0 + wide * 0.12, roof), quay(x1 + wide * 0.1, roof), quay(x1 + 2, tall)]
    for part in (body, cap):
        pen.clear(part)
    pen.line(*body, dark=1.1, twice=True)
    pen.line(*cap, dark=1.2, twice=True)
    if gable:
        pen.line(quay(x0 + wide * 0.08, tall), quay(x1 - wide * 0.08, tall), dark=0.5)
        pane(pen, x0 + wide * 0.4, x0 + wide * 0.6, tall + 0.02, tall + 0.13)
    else:
        pen.line(quay(x0, tall), quay(x1, tall), dark=1.0)
        pen.hatch(cap, 100, 4.2, 0.65)
        pen.hatch(cap, 12, 7, 0.35)
        stack = [
            quay(x0 + wide * f, v)
            for f, v in ((0.6, roof - 0.08), (0.6, roof + 0.1), (0.74, roof + 0.1), (0.74, roof - 0.08))
        ]
        pen.clear(stack)
        pen.line(*stack, stack[0], dark=1)
        pen.hatch(stack, 75, 3, 0.6)
    if tone:
        pen.hatch([*body, *(cap[1:2] if gable else [])], 52, 5.4, tone)
    floors = 3 if tall > 0.85 else 2
    columns = 3 if wide > 60 else 2
    for floor in range(1, floors + 1):
        for c in range(columns):
            left = x0 + wide * (c + 0.28) / columns
            base = tall * (floor + 0.14) / (floors + 1)
            pane(pen, left, left + wide * 0.46 / columns, base, base + tall * 0.6 / (floors + 1))
    door = [quay(x0 + wide * f, v) for f, v in ((0.58, 0), (0.58, 0.19), (0.82, 0.19), (0.82, 0))]
    pen.clear(door)
    pen.line(*door, dark=1.1)
    pen.hatch(door, 88, 2.8, 0.8)
    shop = [quay(x0 + wide * f, v) for f, v in ((0.1, 0.05), (0.1, 0.17), (0.46, 0.17), (0.46, 0.05))]
    pen.line(*shop, shop[0], dark=0.9)
    pen.hatch(shop, 55, 3.4, 0.55)


def church(pen: Pencil) -> None:
    tower = [(312, 320), (312, 128), (348, 130), (348, 320)]
    spire = [(307, 128), (330, 30), (353, 130)]
    for part in (tower, spire):
        pen.clear(part)
    pen.line(*tower, dark=0.9, twice=True)
    pen.line(*spire, spire[0], dark=1.0, twice=True)
    pen.hatch([(331, 34), (353, 130), (334, 130)], 80, 3.4, 0.6)
    pen.hatch([(332, 130), (348, 130), (348, 320), (332, 320)], 84, 4.0, 0.42)
    pen.line((330, 30), (330, 12), dark=0.9)
    pen.line((324, 18), (336, 18), dark=0.9)
    for x in (319, 334):
        arch = curve([(x, 182), (x, 158), (x + 4.5, 150), (x + 9, 158), (x + 9, 182)], 50)
        pen.hatch(arch, 70, 2.2, 0.9)
        pen.trace(arch, 1)
    pen.line((312, 196), (348, 197), dark=0.7)
    pen.bow((322, 216), (330, 207), (338, 216), (330, 225), (322, 216), dark=0.9)


def town(pen: Pencil) -> None:
    church(pen)
    heights = [1.0, 0.86, 1.08, 0.82, 0.98, 0.8, 0.9]
    for i in range(6, -1, -1):
        house(pen, EDGES[i], EDGES[i + 1], heights[i], i in (1, 4, 6), (0.0, 0.24, 0.0, 0.3, 0.0, 0.26, 0.2)[i])
    end = float(EDGES[-1])
    wall = [quay(-20, 0), quay(end, 0), (end + 64, 366), (end + 64, 404), quay(end + 20, -0.36), quay(-20, -0.36)]
    pen.clear(wall)
    pen.line(quay(-20, -0.055), quay(end + 14, -0.055), (end + 64, 372), (end + 64, 402), dark=1.2, twice=True)
    pen.line(quay(-20, -0.36), quay(end + 20, -0.36), (end + 64, 404), dark=1.0, twice=True)
    for course, v in enumerate((-0.13, -0.205, -0.28)):
        pen.line(quay(-20, v), quay(end + 16, v), dark=0.6)
        for d in np.arange(-0.1, 1.9, 0.075):
            x = 640 * (1 - 1 / (1 + d + 0.037 * (course % 2)))
            pen.line(quay(x, v + 0.075), quay(x, v), dark=0.5)
    pen.hatch([quay(-20, -0.2), quay(end + 20, -0.2), quay(end + 20, -0.36), quay(-20, -0.36)], 30, 4.4, 0.45)
    pen.hatch([(end + 16, 398), (end + 16, 384), (end + 64, 374), (end + 64, 402)], 70, 3, 0.55)
    for x in (70, 190, 282, 345):
        post, high = quay(x, -0.04), 22 * (1 - x / 640)
        pen.line((post[0] - high * 0.2, post[1]), (post[0] - high * 0.25, post[1] - high), (post[0] + high * 0.25, post[1] - high),
                 (post[0] + high * 0.2, post[1]), dark=1.2)  # fmt: skip


def mirror(pen: Pencil, path: Knots | Array, gap: float, dark: float) -> None:
    """Broken level strokes where a shape stands on its head in the water, looser further down."""
    cover = pen.inside(path)
    rows = np.flatnonzero(cover.max(1) > 0.5)
    y = float(rows[0]) + 2
    while y < rows[-1]:
        xs = np.flatnonzero(cover[int(y)] > 0.5)
        if len(xs) > 4:
            deep = (y - rows[0]) / (rows[-1] - rows[0])
            x, end = xs[0] + pen.rng.normal(0, 3), xs[-1] + pen.rng.normal(0, 3 + 6 * deep)
            while x < end:
                go = min(pen.rng.uniform(20, 70) * (1 - 0.5 * deep), end - x + 4)
                s = np.linspace(0, 1, 14)
                wave = np.stack([x + go * s, y + 1.4 * np.sin(s * 9 + pen.rng.uniform(0, 6))], -1)
                pen.trace(wave, dark * (1 - 0.55 * deep), 1.3)
                x += go + pen.rng.uniform(2, 8 + 22 * deep)
        y += gap * pen.rng.uniform(0.75, 1.25)


def water(pen: Pencil) -> None:
    mirror(pen, [quay(-20, -0.38), quay(400, -0.38), (458, 408), (452, 470), (300, 560), (-10, 690)], 8, 0.55)
    for _ in range(330):
        y = 345 + 420 * pen.rng.random() ** 1.25
        x = pen.rng.uniform(0, 1024)
        if y < 345 + 205 * max(0.0, 1 - x / 560):
            continue
        half = (5 + (y - 340) * 0.09) * pen.rng.uniform(0.5, 1.6)
        s = np.linspace(-1, 1, 12)
        pen.trace(np.stack([x + half * s, y + 1.6 * np.sin(s * 3 + x)], -1), pen.rng.uniform(0.2, 0.55))


def vessel(pen: Pencil) -> None:
    """A moored sailing boat with its sails up to dry."""
    sheer = curve([(486, 520), (560, 545), (690, 550), (800, 524), (888, 474)], 120)
    behind = curve([(486, 520), (560, 519), (680, 515), (790, 500), (888, 474)], 120)
    keel = curve([(512, 590), (580, 606), (690, 612), (780, 603), (846, 584)], 120)
    mirror(pen, [(512, 606), (846, 600), (800, 690), (700, 724), (560, 690)], 6.5, 1.0)
    mirror(pen, [(690, 690), (706, 690), (712, 752), (694, 752)], 6, 0.7)
    hull = np.concatenate([sheer, keel[::-1]])
    for part in (hull, np.concatenate([sheer, behind[::-1]])):
        pen.clear(part)
    pen.hatch(np.concatenate([sheer, behind[::-1]]), 24, 3.6, 0.55)
    for t in (0.16, 0.36, 0.54, 0.7, 0.84):
        pen.trace(sheer * (1 - t) + keel * t, 1.0 if t == 0.16 else 0.6, 1.2)
    low = np.concatenate([sheer * 0.46 + keel * 0.54, keel[::-1]])
    pen.hatch(low, 28, 4.2, 0.55)
    pen.hatch(np.concatenate([sheer * 0.16 + keel * 0.84, keel[::-1]]), 152, 4.0, 0.6)
    pen.hatch(np.concatenate([sheer[:46], (sheer * 0.06 + keel * 0.94)[:46][::-1]]), 70, 4.6, 0.5)
    for line, dark in ((sheer, 1.5), (behind, 1.1), (keel, 1.4)):
        pen.trace(line, dark, 1.7)
        pen.trace(line + pen.rng.normal(0, 0.5, 2), dark * 0.6)
    pen.bow((888, 474), (876, 524), (846, 584), dark=1.6, width=1.7)
    pen.bow((486, 520), (494, 556), (512, 590), dark=1.6, width=1.7)
    cabin = [(560, 532), (564, 492), (652, 490), (660, 536)]
    pen.clear(cabin)
    pen.line(*cabin, dark=1.2, twice=True)
    pen.line((556, 492), (658, 489), dark=1.3, twice=True)
    for x in (578, 602, 626):
        pen.bow((x, 512), (x + 6, 505), (x + 12, 512), (x + 6, 519), (x, 512), dark=1.1)
        pen.hatch([(x, 512), (x + 6, 505), (x + 12, 512), (x + 6, 519)], 60, 2.4, 0.9)
    pen.hatch([(646, 491), (652, 490), (660, 536), (648, 536)], 86, 2.8, 0.7)
    pen.line((888, 474), (936, 456), dark=1.4, width=2.0, twice=True)
    rig(pen)


def rig(pen: Pencil) -> None:
    leech = curve([(684, 112), (640, 220), (590, 330), (520, 442)], 90)
    foot = curve([(520, 442), (600, 452), (694, 446)], 60)
    main = np.concatenate([leech, foot, np.array([(697, 300), (696, 112)])])
    luff = curve([(704, 120), (800, 270), (930, 452)], 90)
    jib = np.concatenate(
        [luff, curve([(930, 452), (830, 462), (728, 448)], 50), curve([(728, 448), (726, 300), (706, 124)], 60)]
    )
    for sail in (main, jib):
        pen.clear(sail)
    pen.trace(leech, 1.3, 1.4)
    pen.trace(foot, 1.2, 1.4)
    pen.trace(np.concatenate([jib, jib[:1]]), 1.15, 1.3)
    for t in (0.2, 0.36, 0.52, 0.68, 0.84):
        a = leech[int(t * 89)]
        pen.bow(tuple(a), ((a[0] + 696) / 2, a[1] + 14), (696, a[1] + 8), dark=0.55)
    for t in (0.3, 0.5, 0.7, 0.87):
        a = luff[int(t * 89)]
        pen.bow(tuple(a), ((a[0] + 724) / 2, a[1] + 16), (716 + 12 * t, a[1] + 14), dark=0.5)
    pen.hatch(np.concatenate([leech[20:], foot, np.array([(696, 360), (640, 330)])]), 66, 6.2, 0.36)
    pen.hatch(np.array([(690, 150), (697, 150), (697, 446), (668, 449)]), 82, 3.8, 0.5)
    pen.hatch(np.array([(716, 180), (728, 448), (764, 452), (742, 330)]), 76, 4.4, 0.45)
    mast = [(696, 536), (697, 84), (703, 84), (706, 536)]
    pen.clear(mast)
    pen.line(*mast, dark=1.4, twice=True)
    pen.hatch([(701, 90), (703, 90), (706, 530), (702, 530)], 88, 1.8, 0.8)
    pen.line((508, 452), (698, 462), dark=1.5, width=2.2, twice=True)
    for a, b in (
        ((700, 88), (934, 455)),
        ((700, 92), (490, 518)),
        ((700, 130), (640, 541)),
        ((702, 130), (772, 532)),
        ((508, 452), (560, 540)),
    ):
        pen.line(a, b, dark=0.7, width=0.9)
    flag = curve([(703, 86), (722, 80), (738, 88), (756, 82)], 40)
    cloth = np.concatenate([flag, (flag + np.array([0, 17]))[::-1]])
    pen.trace(np.concatenate([cloth, cloth[:1]]), 1.1)
    pen.hatch(cloth, 60, 3.2, 0.6)
    pen.bow((488, 524), (420, 520), (360, 452), (346, 392), dark=0.9)


def dinghy(pen: Pencil) -> None:
    near = curve([(96, 652), (150, 690), (236, 696), (330, 660)], 90)
    away = curve([(96, 652), (160, 640), (250, 640), (330, 660)], 90)
    keel = curve([(118, 700), (160, 728), (240, 732), (306, 706)], 90)
    mirror(pen, [(118, 722), (306, 718), (280, 762), (150, 764)], 6.5, 0.85)
    pen.clear(np.concatenate([near, keel[::-1]]))
    pen.clear(np.concatenate([near, away[::-1]]))
    pen.hatch(np.concatenate([near, away[::-1]]), 20, 4.2, 0.5)
    pen.hatch(np.concatenate([(near + away) / 2, away[::-1]]), 80, 4.2, 0.6)
    for t in (0.3, 0.6):
        pen.trace(near * (1 - t) + keel * t, 0.7)
    pen.hatch(np.concatenate([near * 0.5 + keel * 0.5, keel[::-1]]), 28, 4.2, 0.6)
    for line in (near, away, keel, near + np.array([0, 5])):
        pen.trace(line, 1.3, 1.6)
    pen.bow((96, 652), (102, 680), (118, 700), dark=1.4)
    pen.bow((330, 660), (324, 686), (306, 706), dark=1.4)
    for a, b in (((150, 646), (168, 690)), ((222, 640), (242, 692))):
        seat = [a, (a[0] + 24, a[1] - 1), (b[0] + 26, b[1] + 1), b]
        pen.clear(seat)
        pen.line(*seat, seat[0], dark=1.1)
    pen.line((110, 640), (300, 706), dark=1.2, width=2.0, twice=True)
    pen.line((300, 706), (344, 722), dark=1.2, width=3.2, twice=True)


def sky(pen: Pencil) -> None:
    for x, y, s in ((548, 120, 11), (606, 150, 8), (470, 176, 9), (800, 132, 10), (838, 160, 7)):
        pen.bow((x - 2 * s, y - 0.3 * s), (x - s, y - 0.8 * s), (x, y), dark=1.0)
        pen.bow((x, y), (x + s, y - 0.9 * s), (x + 2 * s, y - 0.5 * s), dark=1.0)
    for x, y, w in ((468, 84, 84), (880, 74, 104), (120, 30, 90)):
        at, base = x - w, y + 10.0
        while at < x + w:
            go = pen.rng.uniform(0.28, 0.6) * w * 0.7
            a, b = ((q, base - max(0.0, 1 - ((q - x) / w) ** 2) ** 0.5 * 0.42 * w) for q in (at, at + go))
            top = ((a[0] + b[0]) / 2 + pen.rng.normal(0, 3), min(a[1], b[1]) - go * pen.rng.uniform(0.16, 0.34))
            pen.bow((a[0] + 3, a[1] + 6), a, top, b, dark=0.4)
            at += go * pen.rng.uniform(0.86, 1.0)
        for k in range(7):
            mid = x + pen.rng.normal(0, 0.35 * w)
            pen.line((mid - w * 0.32, base + 3 * k - 6), (mid + w * 0.3, base + 3 * k - 8), dark=0.22)


def draw(size: tuple[int, int] = (1024, 768)) -> NDArray[np.uint8]:
    pen = Pencil(*size)
    for part in (sky, far_shore, town, water, vessel, dinghy):
        part(pen)
    rng = np.random.default_rng(2)
    tooth = blur(rng.standard_normal(pen.lead.shape), 0.8)
    tooth = tooth / tooth.std() + 0.7 * fbm(grid(size[1], size[0], 300), 2, seed=3)
    smudge = 0.05 * blur(pen.lead, 9)
    grey = 1 - np.exp(-np.clip(pen.lead * (1 + 0.42 * tooth), 0, None) * 2.7 - smudge)
    sheet = hexes("f4eee0")[0] * (1 + 0.012 * tooth + 0.02 * fbm(grid(size[1], size[0], 4), 4, seed=7))[..., None]
    return finish(sheet * (1 - 0.86 * grey[..., None] * (1 - hexes("2c2b30")[0])))
