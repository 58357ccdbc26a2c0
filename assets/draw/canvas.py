"""A canvas to paint on: linear-light-free, plain sRGB floats 0-1, with anti-aliased strokes, fields and papers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

from .noise import fbm, grid, smoothstep

Array = NDArray[np.floating]
Points = NDArray[np.floating]
SIZE = 768


def hexes(*codes: str) -> Array:
    """Colours such as "c8553d" -> (N, 3) in 0-1."""
    return np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in codes]) / 255


def ramp(value: Array, colours: Array) -> Array:
    """Colours (N, 3) spread evenly over [0, 1], mixed smoothly. -> (..., 3)"""
    at = np.clip(value, 0, 1) * (len(colours) - 1)
    low = np.minimum(at.astype(int), len(colours) - 2)
    part = (at - low)[..., None]
    return colours[low] * (1 - part) + colours[low + 1] * part


def mix(under: Array, over: Array, cover: Array) -> Array:
    """`over` upon `under` where `cover` (H, W) is 1."""
    return under + (over - under) * cover[..., None]


def blur(field: Array, sigma: float) -> Array:
    """Gaussian over the first two axes."""
    return ndimage.gaussian_filter(field, (sigma, sigma) + (0,) * (field.ndim - 2))


def relief(height: Array, strength: float, light: tuple[float, float] = (-0.7, -0.7)) -> Array:
    """How bright a surface of this height is under a lamp at the upper left: 1 where flat. -> (H, W)"""
    dy, dx = np.gradient(height)
    return 1 + np.clip(strength * (dx * -light[0] + dy * -light[1]) * -1, -0.6, 0.6)


def paper(seed: int, grain: float = 0.03, size: int = SIZE) -> Array:
    """Tooth of a paper about 1: fibres and fine grain. -> (size, size)"""
    rng = np.random.default_rng(seed)
    fine = blur(rng.standard_normal((size, size)), 1.1)
    coarse = fbm(grid(size, size, 40), 4, seed=seed)
    return 1 + grain * (fine / fine.std() * 0.6 + coarse * 1.6)


def scatter(gap: float, seed: int, size: int = SIZE, tries: int = 12) -> Points:
    """Poisson-disc points (x, y), in random order, at least `gap` apart: darts thrown on a grid of cells."""
    rng = np.random.default_rng(seed)
    side = gap / np.sqrt(2)
    cells_across = int(np.ceil(size / side))
    owner = np.full((cells_across + 4, cells_across + 4, 2), -1e9)
    kept = []
    for _ in range(tries):
        cell = np.stack(np.meshgrid(np.arange(cells_across), np.arange(cells_across)), -1).reshape(-1, 2)
        rng.shuffle(cell)
        for cx, cy in cell[owner[cell[:, 1] + 2, cell[:, 0] + 2, 0] < -1e8]:
            dart = (np.array([cx, cy]) + rng.random(2)) * side
            near = owner[cy : cy + 5, cx : cx + 5].reshape(-1, 2) - dart
            if (near**2).sum(1).min() >= gap * gap and dart.max() < size:
                owner[cy + 2, cx + 2] = dart
                kept.append(dart)
    points = np.array(kept)
    rng.shuffle(points)
    return points


def relax(points: Points, weight: Array, rounds: int = 8) -> Points:
    """Lloyd's relaxation towards the dense parts of `weight` (H, W)."""
    h, w = weight.shape
    y, x = np.mgrid[0:h, 0:w]
    pixels = np.stack([x, y], -1).reshape(-1, 2)
    flat = weight.ravel()
    for _ in range(rounds):
        owner = cKDTree(points).query(pixels)[1]
        mass = np.bincount(owner, flat, len(points)) + 1e-9
        points = np.stack([np.bincount(owner, flat * pixels[:, i], len(points)) / mass for i in (0, 1)], -1)
    return points


def nearest(points: Points, count: int = 2, size: int = SIZE) -> tuple[Array, NDArray[np.integer]]:
    """For each pixel the distances to, and indices of, its nearest points. -> (size, size, count) twice"""
    y, x = np.mgrid[0:size, 0:size]
    far, index = cKDTree(points).query(np.stack([x, y], -1).reshape(-1, 2), count)
    return far.reshape(size, size, count), index.reshape(size, size, count)


def mask(paths: list[Points], width: float = 0.0, size: int = SIZE, scale: int = 3) -> Array:
    """Closed polygons filled (width 0), or open paths stroked, anti-aliased. -> (size, size) in 0-1"""
    image = Image.new("L", (size * scale, size * scale))
    pen = ImageDraw.Draw(image)
    for path in paths:
        corners = [(float(x) * scale, float(y) * scale) for x, y in path]
        if width:
            pen.line(corners, 255, max(1, round(width * scale)), "curve")
        else:
            pen.polygon(corners, 255)
    return np.asarray(image.resize((size, size), Image.Resampling.BOX), np.float64) / 255


def stamp(canvas: Array, height: Array | None, x: float, y: float, angle: float, shape: tuple[float, float],
          colour: Array, bristle: Array, cover: float = 1.0, bend: float = 0.0) -> None:  # fmt: skip
    """One brush stroke: a bent bar of half length and half width `shape`, with the streaks of its bristles.

    bristle: (32, 128) across by along, 0-1: how much paint each hair carries. `height` collects the paint's relief.
    """
    length, width = shape
    reach = int(length + width + 2)
    x0, x1 = max(0, int(x) - reach), min(canvas.shape[1], int(x) + reach + 1)
    y0, y1 = max(0, int(y) - reach), min(canvas.shape[0], int(y) + reach + 1)
    if x0 >= x1 or y0 >= y1:
        return
    py, px = np.mgrid[y0:y1, x0:x1] - np.array([y, x])[:, None, None]
    along = (px * np.cos(angle) + py * np.sin(angle)) / length
    across = (-px * np.sin(angle) + py * np.cos(angle)) / width + bend * (along**2 - 0.4)
    row = np.clip(((across + 1) * 16).astype(int), 0, 31)
    column = np.clip(((along + 1) * 64).astype(int), 0, 127)
    hair = bristle[row, column]
    end = 1 - np.abs(along) - 0.22 * (1 - hair) * np.abs(along)
    alpha = smoothstep(0.0, 0.14, end) * smoothstep(1.0, 0.82, np.abs(across)) * cover * smoothstep(0.05, 0.3, hair)
    patch = canvas[y0:y1, x0:x1]
    patch += (colour * (0.92 + 0.16 * hair[..., None]) - patch) * alpha[..., None]
    if height is not None:
        bump = height[y0:y1, x0:x1]
        ridge = hair * 0.7 + 0.5 * np.abs(across) ** 3 + 0.4 * np.clip(along, 0, 1) ** 4
        bump += (ridge - 0.25 * bump) * alpha


def bristles(rng: np.random.Generator) -> Array:
    hair = rng.random((32, 1)) * 0.6 + 0.4
    drift = ndimage.gaussian_filter(rng.standard_normal((32, 128)), (0.8, 18))
    return np.clip(hair + drift / (drift.std() + 1e-9) * 0.16, 0, 1)


def finish(picture: Array) -> NDArray[np.uint8]:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
