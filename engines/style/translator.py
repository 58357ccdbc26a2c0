"""The networks of the translator, which draws a picture again as another hand would: StarGAN v2 in the small.

Choi, Uh, Yoo, Ha 2020, "StarGAN v2: diverse image synthesis for multiple domains", section 2 and appendix A. A domain is a way of
drawing (or a season, a material), and a style code says how within it. The generator takes content and code, the mapping network
draws codes from chance, the style encoder reads them off pictures, and the discriminator has a branch a domain.

Departures. All are far smaller, and begin with squares of four pixels as one, so that they never work at the full side. The encoder
and the discriminator take the mean over the picture at the end, so that every size will do; the encoder says too which domain a
picture is of. What the skips carry is filtered by a Laplacian everywhere (the paper does it under masks of the face): edges get
past the bottleneck, shading does not.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

PACKED = 2  # pixels in a row that the networks take as one
STRIDE = 8  # pixels: the sides of what the generator takes are multiples of it
LATENT, CODE = 16, 64  # numbers that chance draws, and of a style code
SLOPE = 0.2  # of what is below zero
HIDDEN = 128  # of the mapping network


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
        return (self.past(x) + y) / math.sqrt(2)


class Styled(nn.Module):
    """Instance normalisation, scaled and shifted by a code (AdaIN, Huang and Belongie 2017, equation 8)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normed(channels)
        self.told = nn.Linear(CODE, 2 * channels)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.told(code)[:, :, None, None].to(x.dtype).chunk(2, 1)
        return torch.addcmul(shift, self.norm(x), 1 + scale)


class StyledBlock(nn.Module):
    """As `Block`, but what it does is told by a code. Doubles the sides where `up`."""

    def __init__(self, into: int, out: int, up: bool = False) -> None:
        super().__init__()
        self.up = up
        self.styles = nn.ModuleList((Styled(into), Styled(out)))
        self.first, self.second = nn.Conv2d(into, out, 3, 1, 1), nn.Conv2d(out, out, 3, 1, 1)
        self.past = nn.Conv2d(into, out, 1, bias=False) if into != out else nn.Identity()

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        y, x = functional.leaky_relu(self.styles[0](x, code), SLOPE), self.past(x)
        if self.up:
            x, y = (functional.interpolate(each, scale_factor=2.0, mode="nearest") for each in (x, y))
        y = self.second(functional.leaky_relu(self.styles[1](self.first(y), code), SLOPE))
        return (x + y) / math.sqrt(2)


class Generator(nn.Module):
    """Content and style code -> the picture drawn again. (N, 3, H, W) in 0-1, (N, 64) -> (N, 3, H, W) in 0-1; sides are multiples of 8."""

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
        self.out = nn.Conv2d(one, 3 * PACKED**2, 3, 1, 1)
        kernel = torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]) / 8
        self.register_buffer("laplacian", kernel[None, None], persistent=False)

    def forward(self, pictures: Tensor, code: Tensor) -> Tensor:
        x = self.into(functional.pixel_unshuffle(2 * pictures - 1, PACKED))
        skips = []
        for block in self.down:
            skips.append(self.edges(x))
            x = block(x)
        x = self.middle(x)
        for block in self.styled:
            x = block(x, code)
        for block, skip in zip(self.up, reversed(skips), strict=True):
            x = block(x, code) + skip
        x = self.out(functional.leaky_relu(self.last(x, code), SLOPE))
        return torch.sigmoid(functional.pixel_shuffle(x, PACKED).float())

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
        return torch.stack([branch(shared) for branch in self.own], 1)


class Encoder(nn.Module):
    """A picture's code in each domain, and which domain it is of: (N, 3, H, W) -> (N, D, 64) and logits (N, D)."""

    def __init__(self, domains: int, width: int) -> None:
        super().__init__()
        self.domains, self.body = domains, body(width)
        self.out = nn.Linear(8 * width, domains * (CODE + 1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.body(pictures).mean((2, 3))
        told = self.out(seen).float().unflatten(1, (self.domains, CODE + 1))
        return told[..., :CODE], told[..., CODE]


class Discriminator(nn.Module):
    """How real a picture looks as one of each domain: (N, 3, H, W) -> logits (N, D)."""

    def __init__(self, domains: int, width: int) -> None:
        super().__init__()
        self.body, self.out = body(width), nn.Linear(8 * width, domains)

    def forward(self, pictures: Tensor) -> Tensor:
        judged: Tensor = self.out(self.body(pictures).mean((2, 3)))
        return judged.float()


class Networks(nn.Module):
    """All that it takes to draw: what is kept in a file."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.generator = Generator(shape.width)
        self.mapping = MappingNetwork(shape.domains)
        self.encoder = Encoder(shape.domains, shape.width // 2)


def body(width: int) -> nn.Sequential:
    """What the encoder and the discriminator begin with: (N, 3, H, W) in 0-1 -> (N, 8 width, H/16, W/16)."""
    widths = (width, 2 * width, 4 * width, 8 * width)
    return nn.Sequential(
        Packed(),
        nn.Conv2d(3 * PACKED**2, width, 3, 1, 1),
        *(Block(into, out, down=True) for into, out in itertools.pairwise(widths)),
        nn.LeakyReLU(SLOPE),
    )


class Packed(nn.Module):
    def forward(self, pictures: Tensor) -> Tensor:
        return functional.pixel_unshuffle(2 * pictures - 1, PACKED)


def normed(channels: int, affine: bool = False) -> nn.Module:
    """Instance normalisation: each channel of each picture by itself. As group normalisation, which keeps channels last."""
    return nn.GroupNorm(channels, channels, affine=affine)


def of_domain(each: Tensor, domain: Tensor) -> Tensor:
    """Each picture's own branch: (N, D, …), (N,) -> (N, …)."""
    return each[torch.arange(len(each)), domain]
