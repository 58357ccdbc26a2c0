"""The networks by name, and their pictures as grids."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ... import vision
from ...api import Pixels
from . import fastgan, judges, stylegan
from .plan import Plan

Generator = stylegan.Generator | fastgan.Generator
Discriminator = stylegan.Discriminator | fastgan.Discriminator | judges.Projected

TOGETHER = 16  # pictures that are made at once
OWN: dict[str, Any] = {"stylegan2": stylegan, "fastgan": fastgan}  # by name, the module of both


def generator(plan: Plan) -> Generator:
    made: Generator = OWN[plan.network].Generator(int(plan.size))
    return made


def discriminator(plan: Plan, eyes: vision.Eyes) -> Discriminator:
    if plan.judge == "vgg":
        return judges.Projected(int(plan.size), eyes)
    made: Discriminator = OWN[plan.network].Discriminator(int(plan.size))
    return made


@torch.no_grad()
def blend(averaged: Generator, new: Generator, share: float) -> None:
    """Moves averaged weights towards new ones: 0 leaves them, 1 takes the new ones. What is no weight but a count is taken."""
    for mine, fresh in zip(averaged.state_dict().values(), new.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(fresh, share)
        else:
            mine.copy_(fresh)


@torch.inference_mode()
def samples(generator: Generator, count: int, seed: int = 1, check: Callable[[], None] = lambda: None) -> list[Pixels]:
    """What it makes of latents drawn by chance, untruncated: (size, size, 3) each. `check` is asked in between."""
    chance, found = torch.Generator().manual_seed(seed), []
    latents = torch.randn(count, generator.latent, generator=chance)
    for part in torch.split(latents.to(next(generator.parameters()).device), TOGETHER):
        check()
        made = generator(generator.styles(part)[:, None].expand(-1, generator.layers, -1), chance)
        found += list(plain(made.add(1).div(2).clamp(0, 1)))
    return found


def plain(made: Tensor) -> NDArray[np.uint8]:
    """(N, 3, H, W) in 0-1 -> (N, H, W, 3)."""
    return np.asarray(made.mul(255).round().byte().movedim(1, -1).cpu().numpy())


def grid(made: Tensor, row: int, size: int) -> Pixels:
    """(N, 3, side, side) in 0-1 as rows of pictures of `size` pixels: (H, W, 3)."""
    scaled = [np.asarray(Image.fromarray(each).resize((size, size), Image.Resampling.BICUBIC)) for each in plain(made)]
    return np.concatenate([np.concatenate(scaled[at : at + row], 1) for at in range(0, len(scaled), row)])


def png(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
