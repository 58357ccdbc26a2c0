"""What is known of style pictures: their Gram matrices at each size, computed once and shared by all variants and rounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..api import Pictures, Pixels
from ..vision import Vgg, planes
from .losses import gram

REMEMBERED = 64  # Gram matrices of a style at one size: 1.4 MB each at most
LEAST, MOST = 32, 1024  # the long side that a style is looked at with
STEP = 16  # sizes are rounded to so many pixels, so that variants whose scales nearly agree share
FLAT = 1e-5  # variance that is added to a colour, so that a picture of one colour can be given others


class Statistics:
    """The Gram matrices of style pictures, remembered by reference and size."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, str, int], dict[str, Tensor]] = OrderedDict()
        self._lock = threading.Lock()

    def grams(
        self,
        vgg: Vgg,
        reference: str,
        side: int,
        layers: Sequence[str],
        pictures: Pictures,
        check: Callable[[], None],
        colours: Colours | None = None,
    ) -> Mapping[str, Tensor]:
        """By layer, (C, C) float32. `side` is the picture's long side in pixels; `colours` are given to it first."""
        key = (
            reference,
            rounded(side),
            colours.name if colours else "",
            torch.get_num_threads(),
        )  # which the last bits follow
        with self._lock:
            found = self._known.get(key, {})
        if missing := [name for name in layers if name not in found]:
            pixels = resized(pictures(reference), key[1])
            picture = planes([pixels]) if colours is None else matched(planes([pixels]), colours)
            with torch.no_grad():
                found = found | {name: gram(layer) for name, layer in vgg(picture, missing, check).items()}
        with self._lock:
            self._known[key] = found
            self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return {name: found[name] for name in layers}


class Colours:
    """The mean and the covariance of a picture's colours. `name` tells them from others'."""

    def __init__(self, picture: Tensor, name: str) -> None:
        """picture: (1, 3, H, W)."""
        self.name = name
        self.mean, self.covariance = spread(picture)


def spread(picture: Tensor) -> tuple[Tensor, Tensor]:
    """(1, 3, H, W) -> (3,) and (3, 3)."""
    colours = picture[0].flatten(1).double()
    return colours.mean(1), torch.cov(colours) + FLAT * torch.eye(3, dtype=torch.float64)


def matched(picture: Tensor, colours: Colours) -> Tensor:
    """The picture with the mean and the covariance of other colours, (1, 3, H, W) in 0-1 (Gatys et al. 2016, "Preserving color in
    neural artistic style transfer", section 3.1: the linear map of image analogies, by symmetric square roots)."""
    mean, covariance = spread(picture)
    change = root(colours.covariance) @ torch.linalg.inv(root(covariance))
    moved: Tensor = change @ (picture[0].flatten(1).double() - mean[:, None]) + colours.mean[:, None]
    return moved.float().view(picture.shape).clamp(0, 1)


def root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    square: Tensor = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    return square


def rounded(side: float) -> int:
    return int(min(MOST, max(LEAST, STEP * round(side / STEP))))


def resized(pixels: Pixels, side: int) -> Pixels:
    """The picture with this long side, (H, W, 3)."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    to = (max(LEAST // 2, round(width * scale)), max(LEAST // 2, round(height * scale)))
    return np.array(Image.fromarray(pixels[..., :3]).resize(to, Image.Resampling.LANCZOS))
