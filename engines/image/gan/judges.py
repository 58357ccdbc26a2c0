"""A discriminator that looks through VGG-16, so that it need not learn to see first.

Sauer et al. 2021, "Projected GANs converge faster", section 3: a network that knows how to see is frozen, its layers are mixed by
chance (3.2, cross-channel mixing), and a small judge for each layer comes down to 4 x 4 places and passes a verdict on each. Departures:
our VGG-16, no mixing across scales, R1 on what is seen instead of spectral normalisation, and each judge sees how much neighbours in the
batch differ, so that samples do not all go the same way.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import vision
from .layers import GAIN, GROUP, Check, Conv, active, smaller, spread_out
from .spread import summed_up

SEEN = ((2, 2), (3, 3), (4, 3))  # convolutions of VGG-16, by block and place in it, behind which a judge stands
LAYERS = tuple(f"relu{block}_{at}" for block, at in SEEN)
MIXED, JUDGING = 64, 96  # channels that a layer is mixed to, and of its judge
PLACES, HALVINGS = 4, 3  # the side of what a verdict is passed on, and how often a layer is halved on the way at most
QUIET = 0.3  # of a layer's usual spread: the least that a channel is divided by


class Head(nn.Module):
    """The judge of one layer: (N, C, h, w) of usual mean 0 and spread 1 -> a logit for each of 16 places at most, (N, places)."""

    mix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mix", torch.randn(MIXED, channels, 1, 1) / channels**0.5)
        self.first = Conv(MIXED, JUDGING, gain=GAIN)
        self.between = nn.ModuleList(Conv(JUDGING, JUDGING, gain=GAIN) for _ in range(HALVINGS))
        self.last, self.verdict = Conv(JUDGING + 1, JUDGING, gain=GAIN), Conv(JUDGING, 1, side=1)

    def forward(self, layer: Tensor) -> Tensor:
        x = active(self.first(functional.conv2d(layer, self.mix.to(layer.dtype))))
        for conv in self.between:
            if min(x.shape[2:]) > PLACES:
                x = active(conv(smaller(x)))
        return cast(Tensor, self.verdict(active(self.last(spread_out(x, GROUP)))).float().flatten(1))


class Projected(nn.Module):
    """RGB in -1 to 1, (N, 3, side, side) of any side from 16 -> logits, (N, places). Its judges learn; VGG-16 does not."""

    usual: Tensor
    spread: Tensor

    def __init__(self, size: int, eyes: vision.Eyes = vision.shared) -> None:
        super().__init__()
        self.size, self._eyes = size, eyes
        self._channels = [len(eyes.vgg.kernels[place][1]) for place in SEEN]
        self.heads = nn.ModuleList(Head(channels) for channels in self._channels)
        self.register_buffer("usual", torch.zeros(sum(self._channels)))
        self.register_buffer("spread", torch.zeros(sum(self._channels)))

    def look(self, pictures: Tensor, check: Check | None = None) -> tuple[Tensor, ...]:
        """What the verdict is passed on: VGG-16's layers, each channel less its usual value and over its usual spread."""
        layers = self._eyes.vgg((pictures + 1) / 2, LAYERS, check).values()
        parts = zip(*(torch.split(each, self._channels) for each in (self.usual, self.spread)), strict=True)
        return tuple(
            (layer - usual[:, None, None].to(layer.dtype)) / spread[:, None, None].to(layer.dtype)
            for layer, (usual, spread) in zip(layers, parts, strict=True)
        )

    def forward(
        self, looks: tuple[Tensor, ...], dtype: torch.dtype = torch.float32, check: Check | None = None
    ) -> Tensor:
        return torch.cat([head(layer) for head, layer in zip(self.heads, looks, strict=True)], 1)

    def teaches(self, looks: tuple[Tensor, ...], dtype: torch.dtype = torch.float32) -> float:
        """It learns nothing beside its verdict."""
        return 0.0

    def summary(self, looks: tuple[Tensor, ...]) -> Tensor:
        """A picture in few numbers, each layer with an equal say: (N, F)."""
        return torch.cat([summed_up(layer, 2) for layer in looks], 1)

    def freeze(self, count: int) -> None:
        """The first `count` convolutions of each judge learn no more (Mo et al. 2020, "Freeze the discriminator"): VGG-16 never does. A
        whole judge that stays as it was could be deceived for good."""
        for head in cast(list[Head], list(self.heads)):
            for conv in [head.first, *head.between][:count]:
                conv.requires_grad_(False)

    @torch.no_grad()
    def get_used(self, pictures: Tensor, check: Check | None = None) -> None:
        """Learns what is usual from real pictures; a channel that is hardly used is not made loud."""
        layers = self._eyes.vgg((pictures + 1) / 2, LAYERS, check).values()
        flat = [layer.float().transpose(0, 1).flatten(1) for layer in layers]  # (C, values) each
        self.usual.copy_(torch.cat([layer.mean(1) for layer in flat]))
        spreads = [layer.std(1) for layer in flat]
        self.spread.copy_(torch.cat([each.clamp(min=QUIET * float(each.median()) + 1e-3) for each in spreads]))
