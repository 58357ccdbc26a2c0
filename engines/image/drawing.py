"""Drawings: lines that belong to things, each with its own words. They travel inside PNG files, beside the picture that they show.

Coordinates are shares of the drawing's width, x to the right and y downwards; its height is `1 / aspect`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, PngImagePlugin

from ..errors import EngineError

Points = NDArray[np.float32]  # (P, 2)
Box = tuple[float, float, float, float]  # left, top, width, height

CHUNK = "duet-drawing"
INK = 2.4 / 128  # width of a line, of the square that a thing is painted in
FINER, LARGEST = (
    4,
    4096,
)  # lines are drawn so many times larger, and shrunk, as long as that is no more pixels a side than these
AROUND = 0.5  # how far a thing may reach out of the drawing, in its sides; what is beyond is drawn in
MOST_THINGS, MOST_LINES, MOST_POINTS = 64, 2_000, 200_000


@dataclass(frozen=True)
class Piece:
    """One thing of a drawing."""

    words: str
    lines: tuple[Points, ...]

    @property
    def box(self) -> Box:
        points = np.concatenate(self.lines)
        low, high = points.min(0), points.max(0)
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


@dataclass(frozen=True)
class Drawing:
    """Things from the farthest to the nearest."""

    pieces: tuple[Piece, ...]
    aspect: float = 1.0  # width over height

    def to_json(self) -> str:
        things = [
            {
                "words": piece.words,
                "lines": [[round(float(value), 4) for value in line.ravel()] for line in piece.lines],
            }
            for piece in self.pieces
        ]
        return json.dumps(
            {"aspect": round(self.aspect, 4), "things": things}, ensure_ascii=False, separators=(",", ":")
        )

    @classmethod
    def from_json(cls, text: str) -> Drawing:
        """Raises `EngineError` where it is no drawing, or too large a one."""
        try:
            data = json.loads(text, parse_constant=_no_constant)
            aspect = float(data.get("aspect", 1.0))
            pieces = tuple(_piece(each, 1 / max(aspect, 0.1)) for each in _some(data["things"], MOST_THINGS))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise EngineError(
                "This is no drawing that can be read: {why}.", "Draw it again, or leave it out.", why=str(error)
            ) from None
        if not 0.1 <= aspect <= 10:
            raise EngineError(
                "The drawing is {value} times as wide as high.", "It may be from 0.1 to 10.", value=aspect
            )
        if sum(len(line) for piece in pieces for line in piece.lines) > MOST_POINTS:
            raise EngineError("The drawing has too many points.", "Draw it with fewer lines.")
        return cls(tuple(piece for piece in pieces if piece.lines), aspect)


def _piece(data: Any, height: float) -> Piece:
    lines = []
    for line in _some(data.get("lines", []), MOST_LINES):
        values = np.array([float(value) for value in line], np.float32)
        if len(values) % 2 or not np.isfinite(values).all() or np.abs(values).max(initial=0) > 10:
            raise ValueError("a line is not made of pairs of numbers")
        if len(values):
            reach = np.array(((-AROUND, -AROUND * height), (1 + AROUND, (1 + AROUND) * height)), np.float32)
            lines.append(np.clip(values.reshape(-1, 2), *reach))
    return Piece(str(data.get("words", ""))[:500], tuple(lines))


def _some(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"a list of at most {most} was expected")
    return value


def _no_constant(value: str) -> float:
    raise ValueError(f"{value} is no number here")


# ── As pixels ────────────────────────────────────────────────────────────────────────────────────────────────────────


def inked(lines: Sequence[Points], side: tuple[int, int], square: Box, width: float = INK) -> NDArray[np.float32]:
    """Lines as darkness in 0-1: the part of the drawing in `square`, (height, width) of `side`. Ends and corners are round."""
    rows, columns = side
    finer = max(1, min(FINER, LARGEST // max(side)))
    canvas = Image.new("L", (columns * finer, rows * finer))
    pen = ImageDraw.Draw(canvas)
    scale = columns * finer / square[2]
    thick = max(1, round(width * square[2] * scale))
    for line in lines:
        points = [((x - square[0]) * scale, (y - square[1]) * scale) for x, y in line.tolist()]
        if len(points) > 1:
            pen.line(points, fill=255, width=thick, joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=255)
    small = canvas.resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


def square_of(box: Box, margin: float = 6 / 128) -> Box:
    """The square that a thing is painted in: around its box, with a margin."""
    side = max(box[2], box[3], 1e-3) / (1 - 2 * margin)
    return box[0] + box[2] / 2 - side / 2, box[1] + box[3] / 2 - side / 2, side, side


def to_png(drawing: Drawing, side: int = 1024) -> bytes:
    """The drawing as a picture, black on white, that holds its lines."""
    width, height = (
        (side, max(1, round(side / drawing.aspect)))
        if drawing.aspect >= 1
        else (max(1, round(side * drawing.aspect)), side)
    )
    lines = [line for piece in drawing.pieces for line in piece.lines]
    ink = inked(lines, (height, width), (0, 0, 1, 1), 3 / 512) if lines else np.zeros((height, width), np.float32)
    info = PngImagePlugin.PngInfo()
    info.add_itxt(CHUNK, drawing.to_json())
    out = io.BytesIO()
    Image.fromarray(np.round(255 * (1 - ink)).astype(np.uint8)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def read_png(data: bytes) -> Drawing | None:
    """The lines in a picture that `to_png` made, or none. Raises `EngineError` where they are damaged."""
    with Image.open(io.BytesIO(data)) as picture:
        text = getattr(picture, "text", {}).get(CHUNK) if picture.format == "PNG" else None
    return None if text is None else Drawing.from_json(str(text))
