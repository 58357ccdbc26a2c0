"""A picture found in the world of a generator: the latents whose picture looks most like it, by optimisation.

Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN", section 5, in the small: Adam with a falling rate, distances
of what VGG-16 sees, here with those of the pixels beside them, and no noise. Departures: it begins with the best of some that chance
draws instead of the mean; every layer has latents of its own (W+), held to the mean, since a small W reaches little else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from .. import vision
from ..api import Pixels
from ..unfinished import Stopped
from .worlds import World

VERSION = 1  # of the search: another one may find something else
STEPS = 120
CANDIDATES, TOGETHER = 32, 16  # that chance draws to begin with, and how many are painted at once
RATE, RISE = 0.1, 0.1  # of Adam, in deviations of a latent, and the share of the steps in which it rises
PIXELS = 8.0  # weight of the mean squared difference of the pixels beside that of what VGG sees
SEED = 0


def project(
    world: World, target: Tensor, eyes: vision.Eyes, cancelled: Callable[[], bool]
) -> Iterator[tuple[float, Tensor]]:
    """Yields how far it is, 0-1, and the latents so far, (layers, F). Raises `Stopped`. target: (1, 3, side, side) in 0-1."""
    vgg = eyes.vgg
    with torch.no_grad():
        wished = {name: _unit(layer) for name, layer in vgg(target, vision.SEEN).items()}

    def far(pictures: Tensor) -> Tensor:
        """(N, 3, side, side) -> (N,)."""
        layers = vgg(pictures, vision.SEEN)
        seen = sum((_unit(layer) - wished[name]).square().sum(1).mean((1, 2)) for name, layer in layers.items())
        return torch.as_tensor(seen + PIXELS * 4 * (pictures - target).square().mean((1, 2, 3)))

    drawn = world.chance(CANDIDATES, SEED)  # (N, F)
    scale = drawn.std(0).mean()
    best, least = drawn[0], math.inf
    for part in torch.split(drawn, TOGETHER):
        if cancelled():
            raise Stopped
        with torch.no_grad():
            distances = far(world(part[:, None].expand(-1, world.layers, -1), None))
        if float(distances.min()) < least:
            best, least = part[int(distances.argmin())], float(distances.min())
    moved = torch.zeros(world.layers, drawn.shape[1], device=drawn.device, requires_grad=True)
    adam = torch.optim.Adam([moved], lr=RATE, betas=(0.9, 0.99))
    for step in range(STEPS):
        if cancelled():
            raise Stopped
        done = step / STEPS
        adam.param_groups[0]["lr"] = RATE * min(1.0, (done + 1 / STEPS) / RISE) * 0.5 * (1 + math.cos(math.pi * done))
        latents = _placed(world, best + scale * moved)
        loss = far(world(latents[None], None))[0]
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        yield (step + 1) / STEPS, _placed(world, (best + scale * moved).detach())


def fitted(pixels: Pixels, side: int) -> Tensor:
    """The middle of a picture, square, at the side of what a generator makes: (H, W, 3) -> (1, 3, side, side) in 0-1."""
    square = ImageOps.fit(Image.fromarray(pixels), (side, side), Image.Resampling.LANCZOS)
    return vision.planes([np.asarray(square)])


def _placed(world: World, latents: Tensor) -> Tensor:
    """Latents as long as those that chance draws, where these have all one length."""
    if not world.one_length:
        return latents
    straight: Tensor = functional.normalize(latents, dim=1)
    return straight.mul(latents.shape[1] ** 0.5)


def _unit(layer: Tensor) -> Tensor:
    """Channels of unit length at every place: (N, C, h, w) float32."""
    return functional.normalize(layer.float(), dim=1, eps=1e-10)
