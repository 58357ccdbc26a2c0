"""From the painter's squares to a picture: colours carried to any size between lines, things laid over each other, toned."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from . import colour
from .drawing import Box

Plane = NDArray[np.float32]

INKED = 0.3  # darkness that separates one field from the next
LEAST = 0.02  # of the weight of a pixel's neighbours, that must lie in its own field
DARK = 0.18  # lightness of lines, of that beneath them


def enlarged(painted: Tensor, ink: Plane) -> Tensor:
    """A painted square at the size of its lines: (4, S, S) -> (4, h, w). Colours do not cross lines.

    Joint bilateral upsampling (Kopf et al. 2007) with a range kernel that is 1 within a field enclosed by lines and 0 elsewhere; on the
    lines themselves it is plain, so that fields meet softly there.
    """
    height, width = ink.shape
    alpha = painted[3:]
    flat = torch.cat((painted[:3] * alpha, alpha), 0)[None]
    plain = functional.interpolate(flat, (height, width), mode="bilinear", align_corners=False)[0]
    if min(height, width) <= painted.shape[1]:
        return _divided(plain)
    fields, _ = ndimage.label(ink < INKED)
    side = painted.shape[1]
    rows = ((np.arange(side) + 0.5) * height / side).astype(int)
    columns = ((np.arange(side) + 0.5) * width / side).astype(int)
    coarse = torch.from_numpy(fields[np.ix_(rows, columns)].astype(np.int64))
    fine = torch.from_numpy(fields.astype(np.int64))
    y = (torch.arange(height) + 0.5) * side / height - 0.5
    x = (torch.arange(width) + 0.5) * side / width - 0.5
    total, weight = torch.zeros_like(plain), torch.zeros(height, width)
    for down in (-1, 0, 1, 2):
        for right in (-1, 0, 1, 2):
            row, column = y.floor() + down, x.floor() + right
            near = torch.exp(-((row - y).square()[:, None] + (column - x).square()[None]) / 0.9)
            at = row.clamp(0, side - 1).long()[:, None], column.clamp(0, side - 1).long()[None]
            share = near * (coarse[at] == fine)
            total += share * flat[0][:, at[0], at[1]]
            weight += share
    inside = (fine > 0) & (weight > LEAST)
    return _divided(torch.where(inside, total / weight.clamp(min=1e-6), plain))


def laid(canvas: Tensor, piece: Tensor, top: int, left: int) -> None:
    """Lays a thing over the canvas, in place: both (4, H, W), colours not multiplied by alpha. What reaches out is cut off."""
    height, width = canvas.shape[1:]
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + piece.shape[1]), min(width, left + piece.shape[2])
    if y0 >= y1 or x0 >= x1:
        return
    over = piece[:, y0 - top : y1 - top, x0 - left : x1 - left]
    under = canvas[:, y0:y1, x0:x1]
    alpha = over[3:] + under[3:] * (1 - over[3:])
    colours = (over[:3] * over[3:] + under[:3] * under[3:] * (1 - over[3:])) / alpha.clamp(min=1e-6)
    canvas[:, y0:y1, x0:x1] = torch.cat((colours, alpha), 0)


def lined(picture: Tensor, ink: Plane, amount: float) -> Tensor:
    """Lines drawn over a picture, in a dark tone of what lies beneath. (4, H, W) and (H, W) -> (4, H, W)."""
    if amount <= 0:
        return picture
    share = torch.from_numpy(ink)[None] * amount
    alpha = share + picture[3:] * (1 - share)
    dark = picture[:3] * picture[3:] * DARK
    colours = (dark * share + picture[:3] * picture[3:] * (1 - share)) / alpha.clamp(min=1e-6)
    return torch.cat((colours.clamp(0, 1), alpha), 0)


def toned(picture: Tensor, hue: float, saturation: float, lightness: float, contrast: float) -> Tensor:
    """The palette's axes, in OKLab: hue in turns, chroma and contrast as factors, lightness added. (4, H, W) -> (4, H, W)."""
    if (hue, saturation, lightness, contrast) == (0, 1, 0, 1):
        return picture
    lab = colour.turned(colour.oklab(picture[:3].movedim(0, -1)), hue * 2 * torch.pi, saturation)
    light = 0.62 + (lab[..., :1] - 0.62) * contrast + lightness
    made = colour.srgb(torch.cat((light.clamp(0, 1), lab[..., 1:]), -1)).movedim(-1, 0)
    return torch.cat((made, picture[3:]), 0)


def place(square: Box, size: int) -> tuple[int, int, int]:
    """Where a square lies in pixels: top, left, side."""
    return round(square[1] * size), round(square[0] * size), max(1, round(square[2] * size))


def _divided(flat: Tensor) -> Tensor:
    return torch.cat((flat[:3] / flat[3:].clamp(min=1e-4), flat[3:]), 0).clamp_(0, 1)
