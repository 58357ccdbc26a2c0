"""What a new style is practised on: parts of photographs, turned and in other colours, the same for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import store
from ..api import Pixels
from ..vision import planes
from .plan import Plan

PHOTOGRAPHS = "photographs"  # in the store
SIZES = (5 / 8, 1, 11 / 8)  # of parts, so that a style paints well at any
LEAST = 0.55  # of a picture's short side that a part has
RECOLOURED = 0.5  # of the parts
OWN = 0.5  # of the parts that come from the artist's own pictures, where there are any


def photographs() -> list[Pixels]:
    """The sample photographs of the store, by name. Raises `EngineError` where they are missing."""
    return [read(place) for place in sorted(store.path(PHOTOGRAPHS).glob("*.*g"))]


def read(place: Path) -> Pixels:
    with Image.open(place) as picture:
        return np.array(picture.convert("RGB"))


class Parts:
    """`different` squares of about `size` pixels, cut out of pictures. `own` are the artist's."""

    def __init__(
        self, own: Sequence[Pixels], others: Sequence[Pixels], size: int, seed: int, different: int = Plan.different
    ) -> None:
        self._own, self._others, self._size, self._seed = list(own), list(others), size, seed
        self.different = different

    def __call__(self, at: int) -> Tensor:
        """One of them, (1, 3, side, side) in 0-1, the side one of `SIZES` and a multiple of 16; after `different` they come again."""
        at %= self.different
        chance = np.random.default_rng([self._seed, at])
        pictures = self._own if self._own and (not self._others or chance.random() < OWN) else self._others
        pixels = pictures[int(chance.integers(len(pictures)))]
        part = cut(pixels, 16 * round(self._size * SIZES[at % len(SIZES)] / 16), chance)
        return recoloured(part, chance) if chance.random() < RECOLOURED else part


def cut(pixels: Pixels, size: int, chance: np.random.Generator) -> Tensor:
    """A square out of a picture, perhaps mirrored: (H, W, 3) -> (1, 3, size, size) in 0-1."""
    height, width = pixels.shape[:2]
    side = max(1.0, min(height, width) * chance.uniform(LEAST, 1))
    left, top = chance.uniform(0, width - side), chance.uniform(0, height - side)
    box = (left, top, left + side, top + side)
    picture = Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS, box=box)
    if chance.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return planes([np.array(picture)]).contiguous()


def recoloured(part: Tensor, chance: np.random.Generator) -> Tensor:
    """Its colours exchanged by chance, brighter or darker: (1, 3, H, W) in 0-1."""
    swap = torch.eye(3)[torch.from_numpy(chance.permutation(3))]
    mix = torch.lerp(torch.eye(3), swap, float(chance.uniform(0.2, 1)))
    mixed = torch.einsum("ij,njhw->nihw", mix, part).clamp(0, 1)
    return mixed ** float(np.exp(chance.uniform(-0.5, 0.5)))
