"""Outlines traced from drawings, where painters are trained: the contours of their shapes, without what other shapes hide.

Fluent Emoji flat (MIT) is the source: flat shapes, whose borders are the lines that a hand would draw.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from . import lines
from .icons import raster
from .outlines import flattened

Points = NDArray[np.float32]

SIDE = 256  # pixels at which it is looked what can be seen
SEEN, NEAR, DRAWN = (
    0.1,
    1.6,
    1.8,
)  # the weakest edge; pixels from one, and from a line that is there already, that still count
SHORT = 5.0  # pixels: shorter lines are left out
EXACT = 0.45  # pixels that a simplified line may be off


def traced(svg: str) -> list[Points]:
    """The visible contours of a drawing, each (P, 2) in 0-1 of its square, y downwards; the largest shapes first."""
    picture = np.asarray(raster(svg, SIDE))
    planes = torch.from_numpy(picture.copy()).movedim(-1, 0)[None].float() / 255
    outer, inner = lines.edges(planes)
    edge = (torch.maximum((outer > 0.2).float(), (inner > SEEN).float())[0] > 0).numpy()
    edge[[0, -1]] |= picture[[0, -1], :, 3] > 128  # what touches the border ends there
    edge[:, [0, -1]] |= picture[:, [0, -1], 3] > 128
    near = ndimage.distance_transform_edt(~edge) <= NEAR
    height, width = edge.shape
    there = Image.new("L", (width, height))
    kept: list[Points] = []
    for contour in sorted(_contours(svg), key=lambda each: -float(np.ptp(each, axis=0).prod())):
        free = ndimage.distance_transform_edt(np.array(there) == 0) > DRAWN if kept else np.ones_like(near)
        at = np.clip(np.round(contour).astype(int), 0, (width - 1, height - 1))
        for run in _runs((near & free)[at[:, 1], at[:, 0]]):
            piece = contour[run]
            if np.linalg.norm(np.diff(piece, axis=0), axis=1).sum() >= SHORT:
                kept.append(simplified(piece, EXACT) / np.float32(SIDE))
                ImageDraw.Draw(there).line([tuple(point) for point in piece.tolist()], fill=255)
    return kept


def _contours(svg: str) -> list[Points]:
    """Every closed line of every path, a point a pixel at least. Other shapes are rare there and left out."""
    left, top, width, height = map(float, re.search(r'viewBox="([^"]+)"', svg).group(1).split())  # type: ignore[union-attr]
    scale, found = SIDE / max(width, height), []
    for path in re.findall(r'<path[^>]*? d="([^"]+)"', svg):
        for line in flattened(path):
            corners = (np.concatenate((line, line[:1])) - (left, top)) * scale
            steps = np.linalg.norm(np.diff(corners, axis=0), axis=1)
            along = np.concatenate(([0.0], np.cumsum(steps)))
            at = np.linspace(0, along[-1], max(8, int(along[-1])))
            found.append(np.stack([np.interp(at, along, corners[:, axis]) for axis in (0, 1)], 1).astype(np.float32))
    return found


def _runs(allowed: NDArray[np.bool_]) -> list[slice]:
    """Stretches of a closed line that are allowed, gaps of two points bridged."""
    bridged = ndimage.binary_closing(np.pad(allowed, 3), np.ones(5))[3:-3] | allowed
    ends = np.flatnonzero(np.diff(np.concatenate(([0], bridged.astype(int), [0]))))
    return [slice(int(start), int(end)) for start, end in zip(ends[::2], ends[1::2], strict=True)]


def simplified(points: Points, exact: float) -> Points:
    """The line with as few points as stay within `exact` of it (Ramer 1972; Douglas and Peucker 1973)."""
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    waiting = [(0, len(points) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        along, between = points[last] - points[first], points[first + 1 : last] - points[first]
        length = float(np.linalg.norm(along))
        off = (
            np.abs(along[0] * between[:, 1] - along[1] * between[:, 0]) / length
            if length > 1e-6
            else np.linalg.norm(between, axis=1)
        )
        farthest = int(off.argmax())
        if off[farthest] > exact:
            keep[first + 1 + farthest] = True
            waiting += [(first, first + 1 + farthest), (first + 1 + farthest, last)]
    return points[keep]


def packed(drawn: Mapping[str, Sequence[Points]]) -> dict[str, NDArray[Any]]:
    """Outlines as one table: every point in 1/255 of its outline's long side, how many a line has, and how many lines an outline."""
    points, lengths, counts = [], [], []
    for contours in drawn.values():
        low = np.min([line.min(0) for line in contours], axis=0)
        long = float((np.max([line.max(0) for line in contours], axis=0) - low).max())
        points += [np.round((line - low) / long * 255).astype(np.uint8) for line in contours]
        lengths += [len(line) for line in contours]
        counts.append(len(contours))
    return {
        "points": np.concatenate(points),
        "lengths": np.array(lengths, np.int32),
        "counts": np.array(counts, np.int32),
    }
