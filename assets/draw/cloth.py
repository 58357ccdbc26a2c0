"""A cloth that falls on a table: position-based dynamics (Müller et al. 2007) on a grid, all constraints of a colour at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .noise import fbm
from .shapes import Mesh, sheet

Array = NDArray[np.floating]


def drape(points: Array, rest: float, floor: object, steps: int = 260, sweeps: int = 6, stiff: float = 0.5) -> Array:
    """Lets a grid of points (R, C, 3) fall.

    rest: length of an edge. floor(points) -> points pushes them out of what they lie on. stiff: resistance to bending.
    """
    p, before = points.copy(), points.copy()
    for _ in range(steps):
        velocity = np.clip((p - before) * 0.985, -0.004, 0.004)
        before = p.copy()
        p = p + velocity + np.array([0, 0, -0.00012])
        for _ in range(sweeps):
            for axis in (0, 1):
                for start in (0, 1):
                    _pull(p, axis, start, 1, rest, 1.0)
                for start in range(4):
                    _pull(p, axis, start, 2, 2 * rest, stiff)
            _pull_diagonals(p, rest * np.sqrt(2))
            p = floor(p)  # type: ignore[operator]
    return p


def _pull(p: Array, axis: int, start: int, gap: int, length: float, strength: float) -> None:
    view = p if axis == 0 else p.swapaxes(0, 1)
    a, b = view[start : -gap : 2 * gap], view[start + gap :: 2 * gap]
    count = min(len(a), len(b))
    _correct(a[:count], b[:count], length, strength)


def _pull_diagonals(p: Array, length: float) -> None:
    for row in (0, 1):
        for col in (0, 1):
            rows, cols = (p.shape[0] - row) // 2 * 2 + row, (p.shape[1] - col) // 2 * 2 + col
            q = p[row:rows, col:cols]
            _correct(q[::2, ::2], q[1::2, 1::2], length, 0.3)
            _correct(q[1::2, ::2], q[::2, 1::2], length, 0.3)


def _correct(a: Array, b: Array, length: float, strength: float) -> None:
    span = b - a
    far = np.linalg.norm(span, axis=-1, keepdims=True) + 1e-9
    move = span * (0.5 * strength * (far - length) / far)
    a += move
    b -= move


def tablecloth(width: float, depth: float, edge: float, feet: list[tuple[float, float, float]], seed: int = 3) -> Mesh:
    """A linen cloth over a table whose front edge lies at y = `edge`; flat under the `feet` (x, y, radius)."""
    cols, rows = 170, int(170 * depth / width)
    rest = width / cols
    y, x = np.mgrid[0:rows, 0:cols] * rest
    x, y = x - width / 2, y + edge - 0.34 * depth
    turn = np.radians(-14)
    squeeze = 0.82  # narrower than the cloth is: it must fold
    flat = np.stack([x * np.cos(turn) * squeeze - y * np.sin(turn), x * np.sin(turn) * squeeze + y * np.cos(turn)], -1)
    lift = 0.035 + 0.05 * fbm(np.stack([x * 8 + 2 * y, y * 3], -1), 3, seed=seed)
    points = np.concatenate([flat, lift[..., None]], -1)

    def floor(p: Array) -> Array:
        out = p.copy()
        over = p[..., 1] > edge
        low = p[..., 2] < 0.002
        inside = low & over & (p[..., 2] > -0.02)
        out[..., 2] = np.where(inside, 0.002, out[..., 2])
        ahead = low & over & ~inside  # fell past the top: back in front of the board
        out[..., 1] = np.where(ahead, edge - 0.001, out[..., 1])
        for fx, fy, radius in feet:
            under = np.hypot(p[..., 0] - fx, p[..., 1] - fy) < radius
            out[..., 2] = np.where(under & over, 0.002, out[..., 2])
        out[..., :2] = np.where(inside[..., None], 0.6 * out[..., :2] + 0.4 * p[..., :2], out[..., :2])
        return out

    return sheet(drape(points, rest, floor))
