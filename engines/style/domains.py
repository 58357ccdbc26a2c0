"""The pictures that a translator learns from: a folder a domain, squares cut out of them by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..api import EngineError, Pixels
from ..vision import planes
from .translator import MOST_DOMAINS

LEAST = 0.5  # of a picture's short side that a square has
LEAST_PICTURES = 2


@dataclass(frozen=True)
class Batch:
    """Squares and their domains."""

    pictures: Tensor  # (N, 3, S, S) in 0-1
    domain: Tensor  # (N,)

    def __len__(self) -> int:
        return len(self.pictures)

    def to(self, device: str) -> Batch:
        return Batch(self.pictures.to(device), self.domain.to(device))


class Domains:
    """Pictures by the name of their domain, kept as small as squares of `size` pixels need them."""

    def __init__(self, pictures: Sequence[tuple[str, Sequence[Pixels]]], size: int) -> None:
        check(pictures)
        self.names, self.size = tuple(name for name, _ in pictures), size
        most = round(size / LEAST)
        self.pictures = [[shrunk(pixels, most) for pixels in each] for _, each in pictures]

    def batch(self, domain: Tensor, chance: torch.Generator) -> Batch:
        """A square of a picture of each of these domains, (N,)."""
        cut = [square(self.pictures[at], self.size, chance) for at in domain.tolist()]
        return Batch(planes(cut).contiguous(memory_format=torch.channels_last), domain)

    def drawn(self, count: int, chance: torch.Generator) -> Tensor:
        """Domains by chance, each as often as any other: (N,)."""
        return torch.randint(len(self.names), (count,), generator=chance)


def check(pictures: Sequence[tuple[str, Sequence[Pixels]]]) -> None:
    """Raises `EngineError` where there is nothing to tell apart."""
    names = [name for name, _ in pictures]
    if not 2 <= len(names) <= MOST_DOMAINS:
        raise EngineError(
            "There are {count} folders to learn from.",
            "Give from 2 to {most}: each is a way of drawing.",
            count=len(names),
            most=MOST_DOMAINS,
        )
    if len({*names}) < len(names):
        raise EngineError("Two folders have the same name: {names}.", "Rename one.", names=", ".join(names))
    for name, each in pictures:
        if len(each) < LEAST_PICTURES:
            raise EngineError(
                "The folder {name} holds {count} picture only.",
                "Give each at least {least}; a hundred and more are worth it.",
                name=name,
                count=len(each),
                least=LEAST_PICTURES,
            )


def shrunk(pixels: Pixels, most: int) -> Pixels:
    """With `most` pixels on its short side, or as it is where that has fewer: (H, W, 3) -> (h, w, 3)."""
    height, width = pixels.shape[:2]
    scale = most / min(height, width)
    if scale >= 1:
        return pixels
    size = (max(most, round(width * scale)), max(most, round(height * scale)))
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def square(pictures: Sequence[Pixels], size: int, chance: torch.Generator) -> Pixels:
    """A square of one of the pictures, perhaps mirrored: (size, size, 3). Half of them have the whole short side."""
    which, whole, share, left, top, mirror = torch.rand(6, generator=chance).tolist()
    pixels = pictures[int(which * len(pictures))]
    height, width = pixels.shape[:2]
    side = min(height, width) * (1 if whole < 0.5 else LEAST + (1 - LEAST) * share)
    left, top = left * (width - side), top * (height - side)
    cut = Image.fromarray(pixels).resize(
        (size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side)
    )
    made = np.array(cut)
    return made[:, ::-1] if mirror < 0.5 else made
