"""Colours as people see and name them: OKLab, and the words for colours.

Ottosson 2020, "A perceptual color space for image processing" (OKLab); its matrices are those of the reference.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WORDS = Path(__file__).with_name("colours.toml")
# The colours that a painter is taught by name and is measured with: the basic terms of Berlin and Kay 1969, and two metals.
BASIC = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "grey",
    "white",
    "golden",
    "silver",
)

TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def oklab(rgb: Tensor) -> Tensor:
    """sRGB in 0-1 -> lightness 0-1 and the axes green-red and blue-yellow, about -0.4 to 0.4. (..., 3) -> (..., 3)."""
    light = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    return (light @ _matrix(TO_CONES)).clamp(min=0).pow(1 / 3) @ _matrix(TO_LAB)


def srgb(lab: Tensor) -> Tensor:
    """The way back, clipped to 0-1. (..., 3) -> (..., 3)."""
    light = (lab @ _inverse(TO_LAB)) ** 3 @ _inverse(TO_CONES)
    light = light.clamp(0, 1)
    return torch.where(light <= 0.0031308, light * 12.92, 1.055 * light.clamp(min=1e-6) ** (1 / 2.4) - 0.055)


@dataclass(frozen=True)
class Named:
    """A colour that has a name: its words in each language, the most usual first."""

    lab: Tensor  # (3,)
    en: tuple[str, ...]
    zh: tuple[str, ...]


@cache
def named() -> dict[str, Named]:
    """Colours by their first English word, in the file's order."""
    with WORDS.open("rb") as file:
        table = tomllib.load(file)
    return {
        name: Named(
            oklab(torch.tensor([int(entry["rgb"][at : at + 2], 16) / 255 for at in (1, 3, 5)])),
            (name, *entry.get("also", ())),
            tuple(entry["zh"]),
        )
        for name, entry in table.items()
    }


def nearest(lab: Tensor, names: tuple[str, ...] = BASIC) -> Tensor:
    """Which of the names is nearest in OKLab: (..., 3) -> (...) of indices."""
    table = torch.stack([named()[name].lab for name in names]).to(lab)
    return (lab[..., None, :] - table).square().sum(-1).argmin(-1)


def main(pixels: NDArray[np.uint8], least: float = 0.08, most: int = 4) -> list[str]:
    """The names of a picture's colours, the most used first, each of at least a share of what is covered. (H, W, 4) RGBA -> 4 at most."""
    flat = torch.from_numpy(pixels[::2, ::2].copy()).flatten(0, 1).float() / 255
    seen = flat[flat[:, 3] > 0.5]
    counts = torch.bincount(nearest(oklab(seen[:, :3])), minlength=len(BASIC)) / max(1, len(seen))
    return [BASIC[at] for at in counts.argsort(descending=True, stable=True).tolist()[:most] if counts[at] >= least]


def turned(lab: Tensor, hue: Tensor | float, chroma: Tensor | float = 1.0) -> Tensor:
    """Colours turned in hue (radians) and scaled in chroma, lightness kept. (..., 3); the others broadcast over (...)."""
    angle = torch.as_tensor(hue, dtype=lab.dtype, device=lab.device)
    cos, sin = torch.cos(angle) * chroma, torch.sin(angle) * chroma
    light, a, b = lab.unbind(-1)
    return torch.stack((light, a * cos - b * sin, a * sin + b * cos), -1)


def hue(lab: Tensor) -> Tensor:
    """Radians, -pi to pi. (..., 3) -> (...)."""
    return torch.atan2(lab[..., 2], lab[..., 1])


def chroma(lab: Tensor) -> Tensor:
    return lab[..., 1:].square().sum(-1).sqrt()


@cache
def _matrix(rows: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.tensor(rows).T.contiguous()


@cache
def _inverse(rows: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64).inverse().float().T.contiguous()
