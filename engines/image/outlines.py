"""The library of outlines, by name: silhouettes of icons, and contours that were traced from emoji.

Material Design Icons and Font Awesome Free, as the store keeps them: each is one SVG path, whose contours are the lines of a drawing.
Signs of the screen (arrows, files, letters, brands) are left out, and so are things with a sign stuck on. `traced.safetensors` holds
contours of Fluent Emoji flat (MIT), as `tracing` finds them.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from .. import store
from .lists import listed

Points = NDArray[np.float32]  # (P, 2) x and y, y downwards

MODEL = "outlines"
TRACED, EMOJI = Path(__file__).with_name("traced.safetensors"), "emoji"
SOURCES = ("material", "fontawesome/solid")
SIGNS = listed("signs")  # where one of them is added to a thing's name, the thing itself is there too
SCREEN = listed("screen")
KEPT = listed("kept")  # whose names say nothing of what they show
BRANDS = "material/apple"  # and its programs
CURVE = 6  # straight pieces that stand for a curve


@dataclass(frozen=True)
class Outline:
    """A thing as lines. `lines` fill a box whose long side is 1, standing on its lower edge."""

    name: str  # source/name
    lines: tuple[Points, ...]
    width: float
    height: float


def words(name: str) -> tuple[str, ...]:
    """The words of an outline's name: `material/guitar-acoustic` -> guitar, acoustic."""
    return tuple(name.rpartition("/")[2].split("-"))


@cache
def names() -> tuple[str, ...]:
    """Every outline that shows a thing, the traced ones first. Raises `EngineError` where the library was not fetched."""
    with zipfile.ZipFile(store.path(MODEL) / "files.zip") as library:
        found = [
            file[:-4] for file in library.namelist() if file.endswith(".svg") and file.rpartition("/")[0] in SOURCES
        ]
    return (*_traced(), *shown(found))


def shown(found: Iterable[str]) -> list[str]:
    """Those of the names that show a thing."""
    found = list(found)
    short = {name.rpartition("/")[2] for name in found}
    kept = []
    for name in found:
        parts = words(name)
        if "-".join(parts) in KEPT:
            kept.append(name)
            continue
        if (
            name.startswith(BRANDS)
            or parts[-1] == "sign"
            or parts[0] in SCREEN
            or any(re.search(r"\d", part) or len(part) == 1 for part in parts)
            or "outline" in parts
        ):
            continue
        bare = "-".join(part for part in parts if part not in SIGNS)
        if bare != "-".join(parts) and (bare in short or not bare):
            continue
        kept.append(name)
    return kept


@cache
def outline(name: str) -> Outline:
    """Reads one. Raises `KeyError` where there is none of the name."""
    if name.startswith(f"{EMOJI}/"):
        drawn = _traced()[name]
    else:
        with zipfile.ZipFile(store.path(MODEL) / "files.zip") as library:
            svg = library.read(f"{name}.svg").decode()
        drawn = [line for path in re.findall(r'<path[^>]* d="([^"]+)"', svg) for line in flattened(path)]
    points = np.concatenate(drawn)
    low, high = points.min(0), points.max(0)
    scale = 1 / float((high - low).max())
    width, height = ((high - low) * scale).tolist()
    return Outline(name, tuple((line - low) * scale for line in drawn), width, height)


@cache
def _traced() -> dict[str, list[Points]]:
    with safe_open(TRACED, "np") as file:
        listed = json.loads(file.metadata()["names"])
        points, lengths, counts = (file.get_tensor(key) for key in ("points", "lengths", "counts"))
    lines = iter(np.split(points.astype(np.float32), np.cumsum(lengths)[:-1]))
    return {f"{EMOJI}/{name}": [next(lines) for _ in range(count)] for name, count in zip(listed, counts, strict=True)}


def flattened(path: str) -> list[Points]:
    """An SVG path's closed lines, curves as straight pieces."""
    from fontTools.pens.basePen import BasePen
    from fontTools.svgLib.path import parse_path

    lines: list[list[tuple[float, float]]] = []

    class Flat(BasePen):  # type: ignore[misc]
        def _moveTo(self, point: tuple[float, float]) -> None:
            lines.append([point])

        def _lineTo(self, point: tuple[float, float]) -> None:
            lines[-1].append(point)

        def _curveToOne(self, one: tuple[float, float], two: tuple[float, float], end: tuple[float, float]) -> None:
            start = lines[-1][-1]
            for at in range(1, CURVE + 1):
                t = at / CURVE
                shares = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
                x, y = np.array(shares) @ np.array((start, one, two, end))
                lines[-1].append((float(x), float(y)))

        def _closePath(self) -> None:
            lines[-1].append(lines[-1][0])

        def _endPath(self) -> None:
            pass

    parse_path(path, Flat(None))
    return [np.array(line, np.float32) for line in lines if len(line) > 2]
