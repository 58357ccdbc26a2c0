"""What a painter's pictures are held against, besides the discriminator's verdict: the real one, the colour told, each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..vision import Eyes
from . import colour, lines
from .lessons import Lesson
from .network import CHANNELS, LAYERS, STYLES, Condition

SLOPES = 0.5  # weight of the slopes beside the colours
LOOKED = 64  # pixels at which VGG-16 looks at a picture
FIRST, FITTING = 64, 300  # pictures by which it gets used to them, which it then looks at together; steps of the fit
ENOUGH = 0.45  # how much of the inside a colour that is told must have: no more is asked for
SOFT = 0.01  # squared distance in OKLab within which a pixel may still be another name's
DARKEST = 0.02  # sRGB below which OKLab's cube root is too steep to learn from
QUIET = 0.3  # of a layer's usual spread: the least that a channel is divided by
APART = 0.35  # how different two codes' pictures must look, of how different two lessons' do


def copying(made: Tensor, lesson: Lesson) -> tuple[Tensor, float]:
    """How far painted pictures are from the real ones, on white, in what covers, and in their slopes; and the first of it alone."""
    ours, theirs = lines.over(made, 1.0), lines.over(lesson.pictures, 1.0)
    close = functional.l1_loss(ours, theirs)
    covers = functional.l1_loss(made[:, 3], lesson.pictures[:, 3])
    slopes = sum(functional.l1_loss(ours.diff(dim=axis), theirs.diff(dim=axis)) for axis in (2, 3))
    return close + 0.5 * covers + SLOPES * slopes, float(close.detach())


class Gaze(nn.Module):
    """What VGG-16 sees of pictures, each channel less its usual value and over its usual spread, and which style it takes them to be in.

    Sauer et al. 2021, "Projected GANs converge faster", whose discriminator looks through a network that knows how to see. Styles are
    told apart by the mean and the spread of each channel, in which Huang and Belongie 2017 ("Arbitrary style transfer in real-time")
    put them: a logistic regression that is fitted once and then frozen.
    """

    usual: Tensor
    spread: Tensor
    check: Callable[[], None] | None = None  # is called all along the way, and back: what it raises ends the work

    def __init__(self, eyes: Eyes) -> None:
        super().__init__()
        self._eyes = eyes
        self.register_buffer("usual", torch.zeros(sum(CHANNELS)))
        self.register_buffer("spread", torch.zeros(sum(CHANNELS)))
        told = 2 * sum(CHANNELS)
        self.styles = nn.Sequential(nn.BatchNorm1d(told, affine=False), nn.Linear(told, STYLES))

    def forward(self, pictures: Tensor, paper: float) -> list[Tensor]:
        """RGBA on grey paper, (N, 4, H, W) -> (N, C, h, w) of each of `LAYERS`."""
        shown = lines.over(pictures, paper)
        shown = functional.avg_pool2d(shown, max(1, shown.shape[2] // LOOKED))
        parts = zip(torch.split(self.usual, list(CHANNELS)), torch.split(self.spread, list(CHANNELS)), strict=True)
        layers = self._eyes.vgg(shown, LAYERS, self.check).values()
        return [
            (layer.float() - usual[:, None, None]) / (spread[:, None, None] * layer.shape[1] ** 0.5)
            for layer, (usual, spread) in zip(layers, parts, strict=True)
        ]

    def style(self, layers: Sequence[Tensor]) -> Tensor:
        """(N, 3) of logits."""
        return cast(Tensor, self.styles(summed_up(layers)))

    @property
    def fitted(self) -> bool:
        return bool(self.spread.any())

    def fit(self, pictures: Callable[[Tensor], Tensor], styles: Tensor) -> None:
        """Looks at real pictures, asked for by their places in `styles`, (N,), and learns what is usual and what their styles are."""
        with torch.no_grad():
            self.spread.fill_(1.0)
            some = self(pictures(torch.arange(min(FIRST, len(styles)))), 0.5)
            first = [layer.transpose(0, 1).flatten(1) for layer in some]  # (C, values) each
            self.usual.copy_(torch.cat([len(layer) ** 0.5 * layer.mean(1) for layer in first]))
            self.spread.copy_(torch.cat([len(layer) ** 0.5 * _floored(layer.std(1)) for layer in first]))
            groups = torch.split(torch.arange(len(styles)), FIRST)
            known = torch.cat([summed_up(self(pictures(group), at % 5 / 4)) for at, group in enumerate(groups)])
        optimizer = torch.optim.AdamW(self.styles.parameters(), 1e-3, weight_decay=0.1)
        self.styles.train()
        for _ in range(FITTING):
            if self.check is not None:
                self.check()
            optimizer.zero_grad()
            functional.cross_entropy(self.styles(known), styles).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        self.styles.eval().requires_grad_(False)


def _floored(spreads: Tensor) -> Tensor:
    """The spreads of a layer's channels; a channel that is hardly used is not made loud."""
    return spreads.clamp(min=QUIET * float(spreads.median()))


def summed_up(layers: Sequence[Tensor]) -> Tensor:
    """The mean and the spread of each channel, (N, 2 C)."""
    return torch.cat([part for layer in layers for part in (layer.mean((2, 3)), (layer.var((2, 3)) + 1e-8).sqrt())], 1)


def apart(some: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """How different pictures look, by what VGG-16 sees of them: (N,). See `vision.Eyes.distances_to`."""
    gaps = [(one - other).square().sum(1).mean((1, 2)) for one, other in zip(some, others, strict=True)]
    return torch.stack(gaps).sum(0)


def alike(seen: Sequence[Tensor], usual: float) -> Tensor:
    """How much pictures look alike with two codes each, under the same lines and words; 0 where they differ enough.

    The first half of each layer holds one of each pair, the second half the other. Mao et al. 2019, "Mode seeking generative
    adversarial networks", with VGG-16 for the distance and an end to what is asked: a share of how different two lessons look.
    """
    pairs = [layer.chunk(2) for layer in seen]
    gap = apart([one for one, _ in pairs], [other for _, other in pairs])
    return functional.relu(1 - gap / (APART * usual)).mean()


def off_colour(made: Tensor, seen: Tensor, given: Condition) -> Tensor:
    """How much of the inside lacks the colour that is told first, in nats of its share; 0 where there is enough of it."""
    told = given.palette[:, 0, 3] > 0
    if not bool(told.any()):
        return made.new_zeros(())
    small = functional.avg_pool2d(torch.cat((made, seen[:, 1:2]), 1)[told], 2)
    lab = colour.oklab(small[:, :3].clamp(min=DARKEST).movedim(1, -1))
    table = torch.stack([colour.named()[name].lab for name in colour.BASIC])
    near = torch.softmax(-(lab[..., None, :] - table).square().sum(-1) / SOFT, -1)  # (n, h, w, names)
    inside = (small[:, 3] * small[:, 4])[..., None]
    shares = (near * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1.0)
    wanted = colour.nearest(given.palette[told, 0, :3])
    share = shares.gather(1, wanted[:, None])[:, 0]
    return functional.relu(math.log(ENOUGH) - share.clamp(min=1e-3).log()).mean()
