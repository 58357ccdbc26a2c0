"""Pictures changed at random before the discriminator sees them, real ones and made ones alike, so that few pictures last longer.

Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training", section 3.2: colour, translation, cutout. Gradients
flow through all of it. Pictures are (N, 3, side, side) in -1 to 1, and what lies beyond their edge is as the edge is.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SHIFTED, CUT = 1 / 8, 1 / 2  # of the side: the most that a picture moves, and the side of what is cut out
BRIGHTER, COLOURED, CONTRASTED = 0.5, 1.0, 0.5  # how far from as it is


def augmented(pictures: Tensor, chance: torch.Generator, how: str) -> Tensor:
    """`how` names what is done: any of colour, translation, cutout, in one string."""
    for name, change in (("colour", colour), ("translation", translation), ("cutout", cutout)):
        if name in how:
            pictures = change(pictures, chance)
    return pictures


def colour(pictures: Tensor, chance: torch.Generator) -> Tensor:
    """Brightness, saturation and contrast."""
    drawn = torch.rand(3, len(pictures), 1, 1, 1, generator=chance).to(pictures.device)
    pictures = pictures + 2 * BRIGHTER * (drawn[0] - 0.5)
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * (1 + 2 * COLOURED * (drawn[1] - 0.5))
    mean = pictures.mean((1, 2, 3), keepdim=True)
    return mean + (pictures - mean) * (1 + 2 * CONTRASTED * (drawn[2] - 0.5))


def translation(pictures: Tensor, chance: torch.Generator) -> Tensor:
    side = pictures.shape[2]
    most = max(1, round(side * SHIFTED))
    padded = functional.pad(pictures, (most,) * 4, mode="replicate")
    starts = torch.randint(0, 2 * most + 1, (len(pictures), 2), generator=chance).tolist()
    return torch.stack([each[:, y : y + side, x : x + side] for each, (y, x) in zip(padded, starts, strict=True)])


def cutout(pictures: Tensor, chance: torch.Generator) -> Tensor:
    """A square without anything in it, (0 in -1 to 1), that may reach over the edge."""
    count, _, side, _ = pictures.shape
    half = side * CUT / 2
    centre = torch.rand(2, count, 1, generator=chance) * side
    places = torch.arange(side) + 0.5
    inside = (places - centre).abs() < half  # (2, N, side)
    kept = ~(inside[0][:, :, None] & inside[1][:, None, :])
    return pictures * kept[:, None].to(pictures.device, pictures.dtype)
