"""A small StyleGAN2: mapping network, modulated convolutions, noise, outputs that add up over the sizes, a residual discriminator.

Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN" (StyleGAN2), figure 2 and section 4.1. Departures: two
layers of mapping and no path length regularisation, as Karras et al. 2020 ("Training generative adversarial networks with limited
data", appendix D) found enough for small pictures; averages instead of filters where the discriminator samples down; a hyperbolic
tangent at the end, for what lies out of range can deceive a discriminator that looks through a frozen network; and both networks
can begin at any smaller size, so that a training may spend its first part there.
"""

from __future__ import annotations

import itertools
from typing import cast

import torch
from torch import Tensor, nn

from .layers import GAIN, GROUP, Check, Conv, Linear, Modulated, ToRgb, active, larger, smaller, spread_out, watched
from .spread import SUMMED_UP, summed_up

LATENT = 128  # numbers of z and of w
MAPPED, MAPPING_PACE = 2, 0.01  # layers of the mapping network, and how fast it learns beside the rest
WIDTHS = {4: 192, 8: 160, 16: 96, 32: 48, 64: 24, 128: 12}  # channels by side
JUDGED = 128  # numbers that a picture comes down to before the verdict


def sides_up_to(size: int) -> list[int]:
    return [side for side in WIDTHS if side <= size]


class Block(nn.Module):
    """One side of the generator: twice the side of what comes in, two convolutions, and what they add to the picture."""

    def __init__(self, into: int, out: int, first: bool) -> None:
        super().__init__()
        self.first = None if first else Modulated(into, out, LATENT, up=True)
        self.second = Modulated(out, out, LATENT)
        self.rgb = ToRgb(out, LATENT)

    def forward(
        self, x: Tensor, picture: Tensor | None, w: Tensor, chance: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """w: (N, 2, LATENT)."""
        if self.first is not None:
            x = self.first(x, w[:, 0], chance)
        x = self.second(x, w[:, 1], chance)
        added = self.rgb(x, w[:, 1])
        return x, added if picture is None else larger(picture) + added


class Generator(nn.Module):
    latent = LATENT

    def __init__(self, size: int) -> None:
        super().__init__()
        sides = sides_up_to(size)
        self.size, self.layers, self.starts = size, 2 * len(sides), [size // 2, size]
        self.mapping = nn.ModuleList(Linear(LATENT, LATENT, pace=MAPPING_PACE, gain=GAIN) for _ in range(MAPPED))
        self.start = nn.Parameter(torch.randn(1, WIDTHS[4], 4, 4))
        pairs = itertools.pairwise([4, *sides])
        self.blocks: nn.ModuleDict = nn.ModuleDict(
            {str(side): Block(WIDTHS[before], WIDTHS[side], first=side == 4) for before, side in pairs}
        )

    def styles(self, z: Tensor) -> Tensor:
        """Latents -> W. (N, 128) -> (N, 128)."""
        w = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            w = active(layer(w))
        return w

    def forward(
        self,
        w: Tensor,
        chance: torch.Generator | None = None,
        side: int | None = None,
        dtype: torch.dtype = torch.float32,
        check: Check | None = None,
    ) -> Tensor:
        """Styles of each layer -> RGB, -1 to 1, float32. (N, layers, 128) -> (N, 3, side, side); `side` is the whole size
        unless a smaller one is asked for. `chance` draws the noise, without which there is none."""
        x = self.start.to(dtype).expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        picture: Tensor | None = None
        for at, (name, block) in enumerate(self.blocks.items()):
            x, picture = block(x, picture, w[:, 2 * at : 2 * at + 2], chance)
            x = watched(x, check)
            if int(name) == side:
                break
        return torch.tanh(cast(Tensor, picture))


class Judge(nn.Module):
    """One side of the discriminator: a residual block that halves it."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.first, self.second = Conv(into, into, gain=GAIN), Conv(into, out, gain=GAIN)
        self.skip = Conv(into, out, side=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = active(self.second(smaller(active(self.first(x)))))
        return cast(Tensor, (y + self.skip(smaller(x))) * 0.5**0.5)


class Discriminator(nn.Module):
    """RGB in -1 to 1 -> how real it looks, as a logit. (N, 3, side, side) -> (N,), for any side up to the whole size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        sides = sides_up_to(size)[::-1]
        self.size = size
        self.seen = nn.ModuleDict({str(side): Conv(3, WIDTHS[side], side=1, gain=GAIN) for side in sides[:2]})
        self.blocks = nn.ModuleDict(
            {str(side): Judge(WIDTHS[side], WIDTHS[next_side]) for side, next_side in itertools.pairwise(sides)}
        )
        self.last = Conv(WIDTHS[4] + 1, WIDTHS[4], gain=GAIN)
        self.judged = Linear(16 * WIDTHS[4], JUDGED, gain=GAIN)
        self.verdict = Linear(JUDGED, 1)

    def get_used(self, pictures: Tensor, check: Check | None = None) -> None:
        """It has no frozen eyes that would have to get used to anything."""

    def look(self, pictures: Tensor, check: Check | None = None) -> tuple[Tensor, ...]:
        """What the verdict is passed on: the pictures themselves."""
        return (pictures,)

    def forward(
        self, looks: tuple[Tensor, ...], dtype: torch.dtype = torch.float32, check: Check | None = None
    ) -> Tensor:
        (pictures,) = looks
        side = pictures.shape[2]
        x = pictures.to(dtype).contiguous(memory_format=torch.channels_last)
        x = active(self.seen[str(side)](x))
        for name, block in self.blocks.items():
            if int(name) <= side:
                x = watched(block(x), check)
        x = active(self.last(spread_out(x, GROUP)))
        return cast(Tensor, self.verdict(active(self.judged(x.float().flatten(1))))[:, 0])

    def summary(self, looks: tuple[Tensor, ...]) -> Tensor:
        """A picture in few numbers: (N, F)."""
        return summed_up(looks[0], SUMMED_UP)

    def teaches(self, looks: tuple[Tensor, ...], dtype: torch.dtype = torch.float32) -> float:
        """It learns nothing beside its verdict."""
        return 0.0

    def freeze(self, count: int) -> None:
        """Its first `count` blocks, and what comes before them, learn no more (Mo et al. 2020, "Freeze the discriminator")."""
        frozen = [*self.seen.values(), *list(self.blocks.values())[:count]] if count else []
        for part in frozen:
            part.requires_grad_(False)
