"""How far samples are from being spread as the pictures are: a distance between the two, not a verdict on each.

The energy distance (Székely and Rizzo 2013, "Energy statistics"; as a generator's loss: Bellemare et al. 2017, "The
Cramér distance as a solution to biased Wasserstein gradients") of what a discriminator sees, in few numbers a picture, as Santos et
al. 2019 ("Learning implicit generative models by matching perceptual features") match features of a frozen network. It pulls each
sample towards the pictures and away from the other samples, so that a generator which makes one thing only pays for it. Departures:
both sides remember those of the last steps, and it is counted in how far two pictures are apart.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

REAL, MADE = 1024, 256  # of the last pictures and samples that are remembered
LEAST = 64  # pictures before it counts
SUMMED_UP = 8  # the side that pictures are averaged down to, where the discriminator sees them themselves


def summed_up(layer: Tensor, side: int) -> Tensor:
    """(N, C, h, w) -> (N, C * side * side), of a length that does not depend on how many there are."""
    found = functional.adaptive_avg_pool2d(layer, side).float()
    return cast(Tensor, found.flatten(1) / found[0].numel() ** 0.5)


class Spread:
    """Remembers what the last steps saw. Nothing is remembered before `keep`, so that a step can be given up."""

    def __init__(self) -> None:
        self.real, self.made = torch.empty(0), torch.empty(0)
        self._next = self.real, self.made

    def __call__(self, made: Tensor, real: Tensor) -> Tensor:
        """The energy distance, about 0 where both are spread alike. (N, F) with a gradient, and (N, F) without."""
        pictures = _newest(real, self.real, REAL)
        samples = _newest(made.detach(), self.made, MADE)
        self._next = pictures, samples
        if len(pictures) < LEAST:
            return made.sum() * 0
        others = torch.cdist(made, samples)
        own = torch.eye(len(made), len(samples), dtype=torch.bool, device=made.device)
        apart = others.masked_fill(own, 0).sum() / (~own).sum()
        return 2 * (torch.cdist(made, pictures).mean() - apart) / torch.pdist(pictures[:MADE]).mean()

    def keep(self) -> None:
        self.real, self.made = self._next

    def tensors(self) -> dict[str, Tensor]:
        return {"spread.real": self.real, "spread.made": self.made}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        self.real, self.made = tensors["spread.real"], tensors["spread.made"]


def _newest(new: Tensor, known: Tensor, most: int) -> Tensor:
    return torch.cat((new, known.to(new.device)))[:most] if len(known) else new
