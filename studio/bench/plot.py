"""Regret by round as an SVG: one panel for each number of knobs, one line a policy, and a 95 % interval around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from .episodes import Episode

WIDTH, HEIGHT, LEFT, TOP, GAP = 270, 190, 46, 34, 22
COLOURS = {"random": "#8a8a8a", "cmaes": "#3b6fb6", "eubo": "#2f8f5b", "ours": "#d1481f"}
LABELS = {"random": "random, winner kept", "cmaes": "CMA-ES", "eubo": "BoTorch qEUBO", "ours": "Duet"}

Panel = Mapping[str, Sequence[Episode]]  # policy -> its episodes


def svg(panels: Mapping[str, Panel]) -> str:
    """The picture as text. Titles are the keys of `panels`."""
    highest = max(float(_mean(episodes).max()) for panel in panels.values() for episodes in panel.values())
    top = np.ceil(highest * 10) / 10
    full = LEFT + len(panels) * (WIDTH + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full} {TOP + HEIGHT + 70}" font-family="sans-serif" font-size="12">',
        f'<rect width="{full}" height="{TOP + HEIGHT + 70}" fill="#ffffff"/>',
    ]
    for at, (title, panel) in enumerate(panels.items()):
        parts += _panel(LEFT + at * (WIDTH + GAP), title, panel, float(top), first=at == 0)
    for at, name in enumerate(name for name in COLOURS if any(name in panel for panel in panels.values())):
        x, y = LEFT + at * 170, TOP + HEIGHT + 56
        parts.append(f'<path d="M{x} {y - 4}h22" stroke="{COLOURS[name]}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 28}" y="{y}" fill="#222">{escape(LABELS[name])}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: float, title: str, panel: Panel, top: float, first: bool) -> list[str]:
    parts = [f'<text x="{left}" y="{TOP - 12}" fill="#222" font-weight="bold">{escape(title)}</text>']
    for value in np.arange(0, top + 0.01, 0.2):
        y = _y(float(value), top)
        parts.append(f'<path d="M{left} {y:.1f}h{WIDTH}" stroke="#e4e4e4"/>')
        if first:
            parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" fill="#555" text-anchor="end">{value:.1f}</text>')
    rounds = len(next(iter(panel.values()))[0].regret)
    xs = left + WIDTH * np.arange(rounds) / (rounds - 1)
    for at in range(0, rounds, 2):
        parts.append(f'<text x="{xs[at]:.1f}" y="{TOP + HEIGHT + 18}" fill="#555" text-anchor="middle">{at + 1}</text>')
    parts.append(f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 34}" fill="#555" text-anchor="middle">round</text>')
    for name in (name for name in COLOURS if name in panel):
        mean, half = _mean(panel[name]), _interval(panel[name])
        upper, lower = (_points(xs, mean + sign * half, top) for sign in (1, -1))
        parts.append(f'<path d="M{" L".join(upper + lower[::-1])}Z" fill="{COLOURS[name]}" opacity="0.16"/>')
        parts.append(
            f'<path d="M{" L".join(_points(xs, mean, top))}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>'
        )
    return parts


def _mean(episodes: Sequence[Episode]) -> np.ndarray:
    return np.asarray(np.mean([each.regret for each in episodes], 0))


def _interval(episodes: Sequence[Episode]) -> np.ndarray:
    values = np.asarray([each.regret for each in episodes])
    return np.asarray(1.96 * values.std(0, ddof=1) / np.sqrt(len(values)))


def _points(xs: np.ndarray, values: np.ndarray, top: float) -> list[str]:
    return [f"{x:.1f} {_y(float(value), top):.1f}" for x, value in zip(xs, values, strict=True)]


def _y(value: float, top: float) -> float:
    return TOP + HEIGHT * (1 - min(value, top) / top)
