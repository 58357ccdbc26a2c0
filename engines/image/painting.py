"""From the painter's squares to a picture: colours carried to any size between lines, things laid over each other, toned."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

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
TAPS, BLUR = 4, 0.9  # pixels each way that a pixel's colour comes from, and how their weight falls: exp(-d^2 / BLUR)
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
    side = painted.shape[1]
    down, right = _taps(height, side), _taps(width, side)
    fields, _ = ndimage.label(ink < INKED)
    fine = torch.from_numpy(fields)
    coarse = fine[down.centres][:, right.centres]
    made = torch.where(fine > 0, down.matrix @ flat[0] @ right.matrix.T, plain)
    y, x = torch.nonzero((fine > 0) & (_alone(coarse)[down.first][:, right.first] != fine), as_tuple=True)
    own, pixels, labels = fine[y, x], flat[0].flatten(1).T.contiguous(), coarse.flatten()
    rows, columns = down.places.index_select(0, y) * side, right.places.index_select(0, x)
    above, beside = down.weights.index_select(0, y), right.weights.index_select(0, x)
    total, weight = plain.new_zeros(len(y), 4), plain.new_zeros(len(y))
    for one, other in itertools.product(range(TAPS), repeat=2):
        at = rows[:, one] + columns[:, other]
        share = above[:, one] * beside[:, other] * (labels.index_select(0, at) == own)
        total.addcmul_(share[:, None], pixels.index_select(0, at))
        weight += share
    made[:, y, x] = torch.where(weight > LEAST, (total / weight.clamp(min=1e-6)[:, None]).T, plain[:, y, x])
    return _divided(made)


@dataclass(frozen=True)
class _Taps:
    """The pixels of a row of `coarse` around each of `fine`, and how much each counts."""

    centres: Tensor  # (coarse,) where each coarse pixel's middle lies among the fine
    first: Tensor  # (fine,) the first place around each, counted from the one two before the row's beginning
    places: Tensor  # (fine, TAPS)
    weights: Tensor  # (fine, TAPS)
    matrix: Tensor  # (fine, coarse): the weights at their places, each row's sum 1


@lru_cache(maxsize=32)
def _taps(fine: int, coarse: int) -> _Taps:
    at = (torch.arange(fine) + 0.5) * coarse / fine - 0.5
    around = at.floor().long()[:, None] + torch.arange(TAPS) - 1
    weights = torch.exp(-(around - at[:, None]).square() / BLUR)
    places = around.clamp(0, coarse - 1)
    matrix = torch.zeros(fine, coarse).scatter_add_(1, places, weights / weights.sum(1, keepdim=True))
    centres = ((torch.arange(coarse) + 0.5) * fine / coarse).long()
    return _Taps(centres, around[:, 0] + 2, places, weights, matrix)


def _alone(coarse: Tensor) -> Tensor:
    """The field that all of `TAPS` x `TAPS` pixels lie in, -1 where there are several: (S, S) -> (S + 1, S + 1)."""
    padded = functional.pad(coarse.float()[None, None], (2, 2, 2, 2), mode="replicate")
    most, least = (sign * functional.max_pool2d(sign * padded, TAPS, 1)[0, 0] for sign in (1, -1))
    return torch.where(most == least, most, -1.0)


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
