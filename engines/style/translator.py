"""The networks of the translator, which draws a picture again as another hand would: StarGAN v2 in the small.

Choi, Uh, Yoo, Ha 2020, "StarGAN v2: diverse image synthesis for multiple domains", section 2 and appendix A. A domain is a way of
drawing (or a season, a material), and a style code says how within it. The generator takes content and code, the mapping network
draws codes from chance, the style encoder reads them off pictures, and the discriminator has a branch a domain.

Departures. All are far smaller. The generator begins with squares of four pixels as one; what it paints is added to the picture, so that it
has to learn what changes, not what stays. What its skips carry is filtered by a Laplacian everywhere (the paper does it under masks of
the face): edges get past the bottleneck, shading does not. The encoder and the discriminator see small neighbourhoods only, of which they
take the mean and the most, so that every size will do: residual blocks had not begun to tell three houses' drawings apart when these did.
The encoder says too which domain a picture is of. Codes have mean 0 and variance 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .arithmetic import Norm

PACKED = 2  # pixels in a row that the networks take as one
STRIDE = 8  # pixels: the sides of what the generator takes are multiples of it
LATENT, CODE = 16, 64  # numbers that chance draws, and of a style code
SLOPE = 0.2  # of what is below zero
GROUPS = 8  # of channels that are normalised together
HIDDEN = 128  # of the mapping network
MOST_DOMAINS, MOST_WIDTH = 16, 128


@dataclass(frozen=True)
class Shape:
    """What a file must say so that its networks can be built."""

    domains: int
    width: int = 32  # channels at half the side; more below


class Block(nn.Module):
    """Two convolutions beside a shortcut, of unit variance (appendix A). Halves the sides where `down`."""

    def __init__(self, into: int, out: int, down: bool = False, norm: bool = False) -> None:
        super().__init__()
        self.down = down
        self.norms = nn.ModuleList(normed(each, affine=True) if norm else nn.Identity() for each in (into, into))
        self.first, self.second = nn.Conv2d(into, into, 3, 1, 1), nn.Conv2d(into, out, 3, 1, 1)
        self.past = nn.Conv2d(into, out, 1, bias=False) if into != out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(functional.leaky_relu(self.norms[0](x), SLOPE))
        if self.down:
            x, y = functional.avg_pool2d(x, 2), functional.avg_pool2d(y, 2)
        y = self.second(functional.leaky_relu(self.norms[1](y), SLOPE))
        made: Tensor = (self.past(x) + y) / math.sqrt(2)
        return made


class Styled(nn.Module):
    """Instance normalisation, scaled and shifted by a style (AdaIN, Huang and Belongie 2017, equation 8)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normed(channels)
        self.told = nn.Linear(CODE, 2 * channels)

    def of(self, code: Tensor) -> Norm:
        """What a code tells of this layer: (N, 64) -> scale and shift, each (N, C)."""
        scale, shift = self.told(code).chunk(2, -1)
        return 1 + scale, shift

    def forward(self, x: Tensor, norm: Norm) -> Tensor:
        scale, shift = (placed(each, x) for each in norm)
        return torch.addcmul(shift, self.norm(x), scale)


def placed(each: Tensor, x: Tensor) -> Tensor:
    """A scale or shift as it is laid over a layer: one for all, (C,), one a picture, (N, C), or one a place, (h, w, C)."""
    each = each.to(x.dtype)
    return each.movedim(-1, 0)[None] if each.dim() == 3 else each[..., None, None]


class StyledBlock(nn.Module):
    """As `Block`, but what it does is told by a style. Doubles the sides where `up`."""

    def __init__(self, into: int, out: int, up: bool = False) -> None:
        super().__init__()
        self.up = up
        self.styles = nn.ModuleList((Styled(into), Styled(out)))
        self.first, self.second = nn.Conv2d(into, out, 3, 1, 1), nn.Conv2d(out, out, 3, 1, 1)
        self.past = nn.Conv2d(into, out, 1, bias=False) if into != out else nn.Identity()

    def forward(self, x: Tensor, norms: Iterator[Norm]) -> Tensor:
        y, x = functional.leaky_relu(self.styles[0](x, next(norms)), SLOPE), self.past(x)
        if self.up:
            x, y = (functional.interpolate(each, scale_factor=2.0, mode="nearest") for each in (x, y))
        y = self.second(functional.leaky_relu(self.styles[1](self.first(y), next(norms)), SLOPE))
        made: Tensor = (x + y) / math.sqrt(2)
        return made


@dataclass(frozen=True)
class Seen:
    """What the generator sees of pictures: themselves, their content at an eighth of the side, their edges at a half and a quarter."""

    pictures: Tensor  # (N, 3, H, W)
    content: Tensor  # (N, 4 width, H/8, W/8)
    skips: Sequence[Tensor]  # (N, width, H/2, W/2), (N, 2 width, H/4, W/4)


class Generator(nn.Module):
    """Content and style code -> the picture drawn again. (N, 3, H, W) in 0-1, (N, 64) -> (N, 3, H, W), which may go a little beyond 0-1;
    sides are multiples of 8."""

    laplacian: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        one, two, four = width, 2 * width, 4 * width
        self.into = nn.Conv2d(3 * PACKED**2, one, 3, 1, 1)
        self.down = nn.ModuleList((Block(one, two, down=True, norm=True), Block(two, four, down=True, norm=True)))
        self.middle = Block(four, four, norm=True)
        self.styled = nn.ModuleList((StyledBlock(four, four), StyledBlock(four, four)))
        self.up = nn.ModuleList((StyledBlock(four, two, up=True), StyledBlock(two, one, up=True)))
        self.last = Styled(one)
        self.fine = nn.Conv2d(one, one // 2, 3, 1, 1)
        self.out = nn.Conv2d(one // 2 + 3, 3, 3, 1, 1)
        for part in self.out.parameters():
            nn.init.zeros_(part)  # at first it changes nothing
        kernel = torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]) / 8
        self.register_buffer("laplacian", kernel[None, None], persistent=False)

    def forward(self, pictures: Tensor, code: Tensor) -> Tensor:
        return self.draw(self.see(pictures), self.norms(code))

    def norms(self, code: Tensor) -> list[Norm]:
        """What a code tells of every styled layer, in their order: scale and shift, each (N, C). Linear in the code."""
        return [layer.of(code) for layer in self.layers()]

    def layers(self) -> list[Styled]:
        """The styled layers in the order of the picture's way through them."""
        return [layer for block in (*self.styled, *self.up) for layer in block.styles] + [self.last]

    def resolutions(self, height: int, width: int) -> list[tuple[int, int]]:
        """(h, w) of each styled layer for a picture of this size."""
        strides = (8, 8, 8, 8, 8, 4, 4, 2, 2)
        return [(height // stride, width // stride) for stride in strides]

    def see(self, pictures: Tensor) -> Seen:
        """The content, which no style has touched."""
        x, skips = self.into(functional.pixel_unshuffle(2 * pictures - 1, PACKED)), []
        for block in self.down:
            skips.append(self.edges(x))
            x = block(x)
        return Seen(pictures, self.middle(x), skips)

    def draw(self, seen: Seen, norms: Sequence[Norm]) -> Tensor:
        """A picture from its content and the norms of every styled layer, which may vary over the picture: (h, w, C) each."""
        told, x = iter(norms), seen.content
        for block in self.styled:
            x = block(x, told)
        for block, skip in zip(self.up, reversed(seen.skips), strict=True):
            x = block(x, told) + skip
        x = functional.leaky_relu(self.fine(functional.leaky_relu(self.last(x, next(told)), SLOPE)), SLOPE)
        x = functional.interpolate(x, scale_factor=float(PACKED), mode="nearest")
        change = self.out(torch.cat((x, (2 * seen.pictures - 1).to(x.dtype).expand(len(x), -1, -1, -1)), 1))
        return seen.pictures + torch.tanh(change.float())

    def edges(self, x: Tensor) -> Tensor:
        """What of a layer is no shading: (N, C, h, w) twice."""
        channels = x.shape[1]
        kernel = self.laplacian.to(x.dtype).expand(channels, 1, 3, 3)
        return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), kernel, groups=channels)


class MappingNetwork(nn.Module):
    """Chance -> a code of each domain. (N, 16) about standard normal -> (N, D, 64)."""

    def __init__(self, domains: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU())
        self.own = nn.ModuleList(
            nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CODE)) for _ in range(domains)
        )

    def forward(self, latent: Tensor) -> Tensor:
        shared = self.shared(latent)
        return even(torch.stack([branch(shared) for branch in self.own], 1))


class Encoder(nn.Module):
    """A picture's code in each domain, and which domain it is of: (N, 3, H, W) -> (N, D, 64) and logits (N, D)."""

    def __init__(self, domains: int, width: int) -> None:
        super().__init__()
        self.domains, self.body = domains, Looking(width)
        self.out = nn.Linear(self.body.seen, domains * (CODE + 1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        told = self.out(self.body(pictures)).float().view(len(pictures), self.domains, CODE + 1)
        return even(told[..., :CODE]), told[..., CODE]


class Discriminator(nn.Module):
    """How real a picture looks as one of each domain: (N, 3, H, W) -> logits (N, D)."""

    def __init__(self, domains: int, width: int) -> None:
        super().__init__()
        self.body = Looking(width)
        self.out = nn.Linear(self.body.seen, domains)

    def forward(self, pictures: Tensor) -> Tensor:
        judged: Tensor = self.out(self.body(pictures))
        return judged.float()


class Looking(nn.Module):
    """What the encoder and the discriminator begin with: (N, 3, H, W) in 0-1 -> the mean and the most of each channel, (N, 8 width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.seen = 8 * width
        self.body = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(into, out, 3, 2, 1), nn.GroupNorm(GROUPS, out), nn.LeakyReLU(SLOPE))
                for into, out in itertools.pairwise((3, width, 2 * width, 4 * width))
            )
        )

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.body(2 * pictures - 1)
        return torch.cat((x.mean((2, 3)), x.amax((2, 3))), 1)


class Networks(nn.Module):
    """All that it takes to draw: what is kept in a file."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.generator = Generator(shape.width)
        self.mapping = MappingNetwork(shape.domains)
        self.encoder = Encoder(shape.domains, shape.width)


def normed(channels: int, affine: bool = False) -> nn.Module:
    """Instance normalisation: each channel of each picture by itself. As group normalisation, which keeps channels last."""
    return nn.GroupNorm(channels, channels, affine=affine)


def even(code: Tensor) -> Tensor:
    """Codes of mean 0 and variance 1, so that styles count from the first step on: (…, 64)."""
    return functional.layer_norm(code, (CODE,))


def of_domain(each: Tensor, domain: Tensor) -> Tensor:
    """Each picture's own branch: (N, D, …), (N,) -> (N, …)."""
    return each[torch.arange(len(each)), domain]
