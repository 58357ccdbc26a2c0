"""What a generator can make, as breeding sees it: its latents, the directions in which they differ most, and the mix of several.

Latents are those of each layer, W+ (Abdal et al. 2019, "Image2StyleGAN"); a network without layers of its own has one. Parents give to
the coarse, the middle and the fine layers apart: style mixing (Karras et al. 2019, "A style-based generator architecture", section 3.1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..api import Pixels
from . import BredOptions, ways
from .gan.networks import plain

Gives = Mapping[
    str, Mapping[str, float]
]  # parent's reference -> kind -> weight, as `engines.weights.parents` finds them


@dataclass(frozen=True)
class World(ABC):
    """A generator with F numbers a layer. Its weights do not learn here, but gradients flow through them."""

    network: Any
    mean: Tensor  # (F,)
    ways: Tensor  # (8, F) at right angles, as long as a knob's 1

    layers: int
    side: int  # pixels of what it makes
    groups: Mapping[str, range]  # the layers, by the kinds of weight that give to them
    one_length: bool  # whether all that chance draws is about equally long, so that a mean of several is too short

    @abstractmethod
    def chance(self, count: int, seed: int) -> Tensor:
        """Latents that chance draws, (count, F)."""

    @abstractmethod
    def __call__(self, latents: Tensor, seed: int | None) -> Tensor:
        """(N, layers, F) -> (N, 3, side, side) in 0-1. The seed draws the noise, without which there is none."""

    def stranger(self, options: BredOptions, seed: int) -> Tensor:
        """Where a picture without parents lies, (layers, F): along the directions as the options say, and in all others where chance
        put it, times what the options leave of that."""
        drawn = self.chance(1, seed)[0] - self.mean
        return (self.mean + ways.moved(drawn, self.ways, options, options.rest))[None].expand(self.layers, -1)

    def child(self, mix: Tensor, options: BredOptions, seed: int) -> Tensor:
        """Where a child lies, (layers, F): at its parents' mix, strayed from it as chance says, and moved along the directions.

        What chance draws is weighed against the mix, so that children are spread as widely as what the network learned however far
        they stray: at mutation 0 it is the mix, at 1 a stranger.
        """
        kept = (1 - options.mutation**2) ** 0.5
        drawn = self.chance(1, seed)[0] - self.mean
        moved = options.mutation * drawn + ways.along(self.ways, options)
        return mix + (kept - 1) * (mix - self.mean) + moved

    def mixed(self, found: Mapping[str, Tensor], gives: Gives) -> Tensor:
        """What parents make together, (layers, F): the mean of theirs by what each gives to a group of layers. A group to which none
        gives anything takes all alike. A network with one layer takes the mean over the groups."""
        stacked = torch.stack([found[ref] for ref in gives])  # (P, layers, F)
        by_kind = {kind: _shares([given.get(kind, 0.0) for given in gives.values()]) for kind in self.groups}
        shares = torch.zeros(len(stacked), self.layers)
        for kind, layers in self.groups.items():
            shares[:, layers.start : layers.stop] += torch.tensor(by_kind[kind])[:, None]
        shares = (shares / shares.sum(0)).to(stacked.device)
        mix = (shares[:, :, None] * stacked).sum(0)
        if self.one_length and len(stacked) > 1:
            length = (shares * stacked.norm(dim=2)).sum(0)  # (layers,)
            mix = mix * (length / mix.norm(dim=1).clamp(min=1e-6))[:, None]
        return mix

    def pixels(self, latents: Tensor, seed: int, size: int) -> Pixels:
        """The picture of some latents, (layers, F) -> (size, size, 3)."""
        with torch.inference_mode():
            (made,) = plain(self(latents[None], seed))
        return np.array(Image.fromarray(made).resize((size, size), Image.Resampling.BICUBIC))


def _shares(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [each / total if total > 0 else 1 / len(weights) for each in weights]
