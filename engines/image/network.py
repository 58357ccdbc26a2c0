"""The painter's networks: a generator that paints under lines, an encoder that reads what the words left open, a discriminator.

The generator is a U-Net (Ronneberger et al. 2015; Isola et al. 2017, "Image-to-image translation with conditional adversarial
networks") whose layers are scaled and shifted by the condition (Perez et al. 2018, "FiLM"). Upsampling is nearest neighbour and a
convolution (Odena et al. 2016, "Deconvolution and checkerboard artifacts").
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

SEEN = 3  # planes that lines are given as
WORDS, STYLES, PALETTE, CODE = (
    384,
    3,
    3,
    8,
)  # numbers of an embedding, styles, colours of a palette, numbers of the code
WIDTHS = (32, 64, 128, 256, 256)  # channels at 1/2, 1/4 ... 1/32 of the side
LAST = 16  # channels at the full side
CONDITION = 256
LAYERS, CHANNELS = ("relu1_2", "relu2_2", "relu3_3"), (64, 128, 256)  # of VGG-16, that the discriminator looks through
MIXED, JUDGING = 64, 96  # channels that a layer is mixed to, and of its judge


@dataclass(frozen=True)
class Condition:
    """What a picture is painted from, besides its lines."""

    words: Tensor  # (N, 384) of unit length; 0 where nothing is said
    style: Tensor  # (N, 3) shares
    palette: Tensor  # (N, 3, 4) OKLab colours, most used first, and whether each is given
    code: Tensor  # (N, 8) about standard normal

    def __getitem__(self, at: slice | Tensor) -> Condition:
        return Condition(self.words[at], self.style[at], self.palette[at], self.code[at])


class Filmed(nn.Module):
    """A convolution, batch normalisation, and the condition's scale and shift."""

    def __init__(self, into: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out, affine=False)
        self.film = nn.Linear(CONDITION, 2 * out)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        return functional.relu(torch.addcmul(shift, self.norm(self.conv(x)), 1 + scale), inplace=True)

    def fold(self) -> None:
        """Puts the normalisation into the convolution, for painting alone."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = torch.nn.utils.fusion.fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class Generator(nn.Module):
    """Lines and a condition -> RGBA in 0-1, colours not multiplied by alpha. (N, 3, H, W) -> (N, 4, H, W); sides are multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.condition = nn.Sequential(
            nn.Linear(WORDS + STYLES + 4 * PALETTE + CODE, CONDITION),
            nn.ReLU(),
            nn.Linear(CONDITION, CONDITION),
            nn.ReLU(),
        )
        down, up = [], []
        into = 4 * SEEN  # each pixel of the first layer holds four
        for at, width in enumerate(WIDTHS):
            down.append(
                nn.ModuleList([Filmed(into, width, 1 if at == 0 else 2), Filmed(width, width)][: 2 if at else 1])
            )
            into = width
        for at in range(len(WIDTHS) - 2, -1, -1):
            up.append(nn.ModuleList([Filmed(WIDTHS[at + 1] + WIDTHS[at], WIDTHS[at]), Filmed(WIDTHS[at], WIDTHS[at])]))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)  # of lists of `Filmed`
        self.last = nn.Conv2d(WIDTHS[0], LAST, 3, padding=1)
        self.out = nn.Sequential(
            nn.Conv2d(LAST + SEEN, LAST, 3, padding=1), nn.ReLU(), nn.Conv2d(LAST, 4, 3, padding=1)
        )

    def forward(self, seen: Tensor, given: Condition) -> Tensor:
        told = torch.cat((10 * given.words, given.style, 4 * given.palette.flatten(1), given.code), 1)
        condition = self.condition(told)
        x, skips = functional.pixel_unshuffle(seen, 2), []
        for layers in self.down:
            for layer in cast(nn.ModuleList, layers):
                x = layer(x, condition)
            skips.append(x)
        for at, pair in enumerate(self.up):
            first, second = cast(nn.ModuleList, pair)
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = second(first(torch.cat((x, skips[-2 - at]), 1), condition), condition)
        x = functional.relu(self.last(functional.interpolate(x, scale_factor=2.0, mode="nearest")))
        return torch.sigmoid(self.out(torch.cat((x, seen), 1)))

    def fold(self) -> None:
        """Makes painting faster; it cannot learn any more."""
        for module in self.modules():
            if isinstance(module, Filmed):
                module.fold()


class Encoder(nn.Module):
    """What a picture is like beyond its words, style and palette: mean and log variance of its code. (N, 4, H, W) -> (N, 8) twice.

    Zhu et al. 2017, "Toward multimodal image-to-image translation" (BicycleGAN).
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (4, 24, 48, 96, 96)
        self.body = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(into, out, 3, 2, 1), nn.LeakyReLU(0.2))
                for into, out in itertools.pairwise(widths)
            )
        )
        self.out = nn.Linear(widths[-1], 2 * CODE)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        small = functional.interpolate(pictures, (64, 64), mode="bilinear", antialias=pictures.shape[2] > 64)
        mean, variance = self.out(self.body(small).mean((2, 3))).chunk(2, 1)
        return mean, variance.clamp(-8, 4)


class Discriminator(nn.Module):
    """Whether a picture is real under its lines and its words, by what VGG-16 sees of it (`losses.Gaze`).

    Sauer et al. 2021, "Projected GANs converge faster": each frozen layer is mixed at random and judged by a small network of its
    own. A discriminator that had to learn to see stayed at chance in the hour that two cores have. Patches (Isola et al. 2017), words
    and style by projection (Miyato and Koyama 2018).
    """

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head(channels, seed) for seed, channels in enumerate(CHANNELS))
        self.words = nn.Linear(WORDS + STYLES + 4 * PALETTE, len(CHANNELS) * JUDGING)
        nn.init.normal_(self.words.weight, 0, 0.02)

    def forward(self, layers: Sequence[Tensor], seen: Tensor, given: Condition) -> tuple[Tensor, Tensor]:
        """What VGG-16 sees (`LAYERS`) -> the verdicts on patches, (N, P), and that on the whole with its words and style, (N,)."""
        judged = [head(layer, seen) for head, layer in zip(self.heads, layers, strict=True)]
        pooled = torch.cat([whole for _, whole in judged], 1)
        told = torch.cat((4 * given.words, given.style, 2 * given.palette.flatten(1)), 1)
        patches = torch.cat([each for each, _ in judged], 1)
        return patches, (pooled * self.words(told)).sum(1)


class Head(nn.Module):
    """The judge of one layer: its patches, and the mean of what it makes of them."""

    mix: Tensor

    def __init__(self, channels: int, seed: int) -> None:
        super().__init__()
        mix = torch.randn(MIXED, channels, 1, 1, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("mix", mix, persistent=False)
        self.body = nn.Sequential(
            nn.Conv2d(MIXED + SEEN, JUDGING, 4, 2, 1),
            nn.GroupNorm(8, JUDGING),
            nn.LeakyReLU(0.2),
            nn.Conv2d(JUDGING, JUDGING, 3, 1, 1),
            nn.GroupNorm(8, JUDGING),
            nn.LeakyReLU(0.2),
        )
        self.patches = nn.Conv2d(JUDGING, 1, 3, padding=1)
        nn.init.normal_(self.patches.weight, 0, 0.02)

    def forward(self, layer: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, h, w), and lines at any size -> (N, P) and (N, `JUDGING`)."""
        small = functional.adaptive_avg_pool2d(seen, (layer.shape[2], layer.shape[3]))
        judged = self.body(torch.cat((functional.conv2d(layer, self.mix), small), 1))
        return self.patches(judged).flatten(1), judged.mean((2, 3))
