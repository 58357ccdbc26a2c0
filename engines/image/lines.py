"""Lines: what a painter is given to paint under. From pictures (thinned colour edges) and from drawings, as one plane 128 pixels wide.

Canny 1986, "A computational approach to edge detection": edges are where the gradient is largest across itself.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from .colour import oklab

Plane = NDArray[np.float32]

GAPS = (1, 2, 4)  # half the pixels between the ends of a line that are still taken as joined, tried in turn
ENOUGH = 0.7  # share of what the widest gaps would enclose, at which narrower ones do
INKED = 0.35  # how dark a pixel is that counts as part of a line


def over(pictures: Tensor, paper: float) -> Tensor:
    """RGBA on grey paper: (N, 4, H, W) in 0-1, colours not multiplied by alpha -> (N, 3, H, W)."""
    return pictures[:, :3] * pictures[:, 3:] + paper * (1 - pictures[:, 3:])


def edges(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """How strong the edges of pictures are, thin: those of what is opaque, and those of colours. (N, 4, H, W) -> (N, H, W) each.

    An edge of colour counts on white paper or on black, whichever shows it better; 1 is that of black on white.
    """
    shown = torch.cat([oklab(over(pictures, paper).movedim(1, -1)).movedim(-1, 1) for paper in (1.0, 0.0)], 1)
    return _thin(_gradient(pictures[:, 3:])), _thin(_gradient(shown))


def _gradient(planes: Tensor) -> Tensor:
    """Scharr's derivative, smoothed a little: (N, C, H, W) -> (N, 2, H, W), that of the channel which changes most."""
    smooth = _along(_along(planes, 2, 0.25, 0.5), 3, 0.25, 0.5)
    across, down = (_along(_steps(smooth, axis), 5 - axis, 3 / 16, 10 / 16) for axis in (3, 2))
    most = (across.square() + down.square()).argmax(1, keepdim=True)
    return torch.cat((across.gather(1, most), down.gather(1, most)), 1)


def _along(planes: Tensor, axis: int, side: float, middle: float) -> Tensor:
    """Three neighbours along an axis, weighted; at the border, its own values again."""
    before, after = _neighbours(planes, axis)
    return middle * planes + side * (before + after)


def _steps(planes: Tensor, axis: int) -> Tensor:
    before, after = _neighbours(planes, axis)
    return after - before


def _neighbours(planes: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    size = planes.shape[axis]
    first, last = planes.narrow(axis, 0, 1), planes.narrow(axis, size - 1, 1)
    return torch.cat((first, planes.narrow(axis, 0, size - 1)), axis), torch.cat(
        (planes.narrow(axis, 1, size - 1), last), axis
    )


def _thin(gradient: Tensor) -> Tensor:
    """The gradient's length where it is largest across the edge, else 0: (N, 2, H, W) -> (N, H, W)."""
    strength = torch.linalg.vector_norm(gradient, dim=1)
    padded = functional.pad(strength[:, None], (1, 1, 1, 1))[:, 0]
    height, width = strength.shape[1:]
    direction = (torch.atan2(gradient[:, 1], gradient[:, 0]) / (torch.pi / 4)).round().long() % 4
    steps = ((0, 1), (1, 1), (1, 0), (1, -1))  # down and right, for directions of 0, 45, 90 and 135 degrees
    keep = torch.zeros_like(strength, dtype=torch.bool)
    for at, (down, right) in enumerate(steps):
        one = padded[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width]
        other = padded[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]
        keep |= (direction == at) & (strength >= one) & (strength > other)
    return torch.where(keep, strength, 0.0)


def inside(line: Plane) -> Plane:
    """What the lines enclose: (H, W) of 0-1 darkness -> (H, W) of 0 and 1. Gaps are closed no more than it takes to enclose something."""
    ink = line > INKED
    framed = np.pad(ink, max(GAPS) + 1)
    fields = [_filled(framed, gap) for gap in GAPS]
    enclosed = [int(field.sum()) for field in fields]
    chosen = next(at for at, count in enumerate(enclosed) if count >= ENOUGH * enclosed[-1])
    edge = max(GAPS) + 1
    return np.asarray(fields[chosen][edge:-edge, edge:-edge], np.float32)


def _filled(ink: NDArray[np.bool_], gap: int) -> NDArray[np.bool_]:
    """What is enclosed once gaps of twice so many pixels are closed. No ink at the frame: its corner is outside."""
    closed = ink
    if gap:
        side = 2 * gap + 1  # of a square, row by row: a disc would join no ends farther apart than lines are thick
        wide = ndimage.maximum_filter(ink.astype(np.uint8), side, mode="constant")
        closed = (ndimage.minimum_filter(wide, side, mode="constant") > 0) | ink
    fields, _ = ndimage.label(~closed)
    return np.asarray(fields != fields[0, 0])


def seen(lines: Tensor) -> Tensor:
    """What the painter sees of lines: themselves, what they enclose and how far the next one is. (N, H, W) -> (N, 3, H, W)."""
    planes = []
    for line in lines.numpy():
        ink = line > INKED
        far = ndimage.distance_transform_edt(~ink) if ink.any() else np.full(line.shape, 1e3)
        planes.append(np.stack([line, inside(line), np.tanh(far * 10 / line.shape[0]).astype(np.float32)]))
    return torch.from_numpy(np.stack(planes)).float()


def thickened(ink: Plane, weight: float) -> Plane:
    """Lines a little thicker or thinner."""
    if weight == 1:
        return ink
    from scipy import ndimage

    wide = ndimage.grey_dilation(ink, size=(3, 3)) if weight > 1 else ndimage.grey_erosion(ink, size=(2, 2))
    share = min(1.0, abs(weight - 1))
    return np.asarray(ink * (1 - share) + wide * share, np.float32)
