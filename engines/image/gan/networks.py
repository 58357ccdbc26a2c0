"""The networks by name, and their pictures as grids."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ... import vision
from ...api import Pixels
from . import fastgan, judges, stylegan
from .plan import Plan

Generator = stylegan.Generator | fastgan.Generator
Discriminator = stylegan.Discriminator | fastgan.Discriminator | judges.Projected

OWN: dict[str, Any] = {"stylegan2": stylegan, "fastgan": fastgan}  # by name, the module of both


def generator(plan: Plan) -> Generator:
    made: Generator = OWN[plan.network].Generator(int(plan.size))
    return made


def discriminator(plan: Plan, eyes: vision.Eyes) -> Discriminator:
    if plan.judge == "vgg":
        return judges.Projected(int(plan.size), eyes)
    made: Discriminator = OWN[plan.network].Discriminator(int(plan.size))
    return made


def grid(made: Tensor, row: int, size: int) -> Pixels:
    """(N, 3, side, side) in 0-1 as rows of pictures of `size` pixels: (H, W, 3)."""
    plain = made.mul(255).round().byte().movedim(1, -1).cpu().numpy()
    scaled = [np.asarray(Image.fromarray(each).resize((size, size), Image.Resampling.BICUBIC)) for each in plain]
    return np.concatenate([np.concatenate(scaled[at : at + row], 1) for at in range(0, len(scaled), row)])


def png(pixels: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
