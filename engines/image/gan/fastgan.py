"""A light GAN for few pictures: skip-layer excitation in the generator, a discriminator that must also remember what it saw.

Liu et al. 2021, "Towards faster and stabilized GAN training for high-fidelity few-shot image synthesis" (FastGAN), section 3.
Departures: fewer channels and sides up to 128; pictures are remembered by mean absolute difference instead of a perceptual one, so
that no other network is needed.
"""

from __future__ import annotations

import itertools
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import Check, Conv, watched
from .spread import SUMMED_UP, summed_up

LATENT = 128
WIDTHS = {4: 256, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16}  # channels by side
EXCITES = {32: 4, 64: 8, 128: 16}  # which small side scales the channels of a large one (figure 3)
REMEMBERED = 8  # the side of what a picture is remembered from


def sides_up_to(size: int) -> list[int]:
    return [side for side in WIDTHS if side <= size]


class Up(nn.Module):
    """Twice the side: nearest, a convolution, batch normalisation, a gated linear unit."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.conv, self.norm = Conv(into, 2 * out, bias=False), nn.BatchNorm2d(2 * out)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return functional.glu(self.norm(self.conv(x)).to(x.dtype), 1)


class Excitation(nn.Module):
    """A small layer says how much each channel of a large one counts (equation 2)."""

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        self.first, self.second = Conv(small, large, side=1), Conv(large, large, side=1)

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        pooled = functional.silu(self.first(functional.adaptive_avg_pool2d(small, 4).mean((2, 3), keepdim=True)))
        return large * torch.sigmoid(self.second(pooled))


class Generator(nn.Module):
    """It has no mapping network: its latents, of length 1 in the mean, are its W, of one layer."""

    latent, layers = LATENT, 1

    def __init__(self, size: int) -> None:
        super().__init__()
        sides = sides_up_to(size)
        self.size, self.starts = size, [size]
        self.first = nn.Linear(LATENT, 2 * 16 * WIDTHS[4])
        self.blocks = nn.ModuleDict(
            {str(side): Up(WIDTHS[before], WIDTHS[side]) for before, side in itertools.pairwise(sides)}
        )
        self.excite = nn.ModuleDict(
            {str(side): Excitation(WIDTHS[EXCITES[side]], WIDTHS[side]) for side in sides if side in EXCITES}
        )
        self.rgb = Conv(WIDTHS[size], 3)

    def styles(self, z: Tensor) -> Tensor:
        """(N, 128) -> (N, 128)."""
        return z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)

    def forward(
        self,
        w: Tensor,
        chance: torch.Generator | None = None,
        side: int | None = None,
        dtype: torch.dtype = torch.float32,
        check: Check | None = None,
    ) -> Tensor:
        """(N, 1, 128) -> (N, 3, size, size), float32, -1 to 1. It has no noise and no smaller side."""
        x = functional.glu(self.first(w[:, 0]), 1).to(dtype).reshape(-1, WIDTHS[4], 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)
        seen = {4: x}
        for name, block in self.blocks.items():
            x = block(x)
            if name in self.excite:
                x = self.excite[name](seen[EXCITES[int(name)]], x)
            seen[int(name)] = x = watched(x, check)
        return torch.tanh(self.rgb(x).float())


class Down(nn.Module):
    """Half the side, by two ways that are averaged (figure 4)."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.first, self.second, self.plain = Conv(into, out), Conv(out, out), Conv(into, out, side=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(out) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        one, two, three = self.norms
        small = functional.avg_pool2d(x, 2)
        y = functional.leaky_relu(one(self.first(small)).to(x.dtype), 0.2)
        y = functional.leaky_relu(two(self.second(y)).to(x.dtype), 0.2)
        return (y + functional.leaky_relu(three(self.plain(small)).to(x.dtype), 0.2)) / 2


class Decoder(nn.Module):
    """A picture again, from what the discriminator kept of it: (N, C, 8, 8) -> (N, 3, 32, 32)."""

    def __init__(self, into: int) -> None:
        super().__init__()
        self.ups, self.rgb = nn.Sequential(Up(into, 64), Up(64, 32)), Conv(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.rgb(self.ups(x)).float())


class Discriminator(nn.Module):
    """RGB in -1 to 1, (N, 3, size, size) -> logits, (N, 25)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        sides = [side for side in sides_up_to(size)[::-1] if side >= REMEMBERED]
        self.size = size
        self.seen = Conv(3, WIDTHS[size])
        self.blocks = nn.ModuleDict(
            {str(side): Down(WIDTHS[side], WIDTHS[half]) for side, half in itertools.pairwise(sides)}
        )
        self.verdict = nn.Sequential(Conv(WIDTHS[REMEMBERED], 128, side=1), nn.LeakyReLU(0.2))
        self.last = nn.Conv2d(128, 1, 4)
        self.decoder = Decoder(WIDTHS[REMEMBERED])

    def get_used(self, pictures: Tensor, check: Check | None = None) -> None:
        """It has no frozen eyes that would have to get used to anything."""

    def look(self, pictures: Tensor, check: Check | None = None) -> tuple[Tensor, ...]:
        """What the verdict is passed on: the pictures themselves."""
        return (pictures,)

    def forward(
        self, looks: tuple[Tensor, ...], dtype: torch.dtype = torch.float32, check: Check | None = None
    ) -> Tensor:
        return cast(Tensor, self.last(self.verdict(self._kept(looks, dtype, check)).float()).flatten(1))

    def summary(self, looks: tuple[Tensor, ...]) -> Tensor:
        """A picture in few numbers: (N, F)."""
        return summed_up(looks[0], SUMMED_UP)

    def teaches(self, looks: tuple[Tensor, ...], dtype: torch.dtype = torch.float32) -> Tensor:
        """How badly it remembers real pictures (equation 4): what it must learn beside its verdict."""
        (pictures,) = looks
        again = self.decoder(self._kept(looks, dtype, None))
        return functional.l1_loss(again, functional.adaptive_avg_pool2d(pictures, again.shape[2]))

    def _kept(self, looks: tuple[Tensor, ...], dtype: torch.dtype, check: Check | None) -> Tensor:
        (pictures,) = looks
        x = functional.leaky_relu(self.seen(pictures.to(dtype).contiguous(memory_format=torch.channels_last)), 0.2)
        for block in self.blocks.values():
            x = watched(block(x), check)
        return x

    def freeze(self, count: int) -> None:
        """Its first `count` blocks, and what comes before them, learn no more (Mo et al. 2020, "Freeze the discriminator")."""
        for part in [self.seen, *list(self.blocks.values())[:count]] if count else []:
            part.requires_grad_(False)
