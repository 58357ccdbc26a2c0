"""How good samples are, by what VGG-16 sees in them: how far from the pictures, how true, how varied, and whether they are copies.

All of it depends on how many pictures are compared, so that number belongs to every figure. Figures by our eyes are not those of the
Inception network that papers print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ... import vision
from ...api import Pixels
from . import networks
from .ganfile import Gan

NEIGHBOURS = 3  # whose distance is the reach of a picture
COMPARED, NEAREST = 250, 36  # samples that are measured, and those whose nearest picture is told
LOOKED, AMONG = 16, 400  # pixels at which the nearest of very many are looked for first, and how many are not
TOGETHER = 16  # pictures that are seen at once


@dataclass(frozen=True)
class Quality:
    """`real` and `made` are how many were compared. Distances are 0 where both are the same, precision and recall 0-1."""

    real: int
    made: int
    frechet: float
    kernel: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Judged:
    """Samples of a GAN held against what it learned from: figures, the first few samples, and for each of these the picture that it is
    most like, by its place among them, and how far it is from it (see `nearest`)."""

    quality: Quality
    made: list[Pixels]
    nearest: list[tuple[int, float]]


class Heeding:
    """Eyes that look at a few pictures at a time, and ask in between whether somebody pressed Stop: `check` raises then."""

    def __init__(self, eyes: vision.Eyes, check: Callable[[], None]) -> None:
        self._eyes, self._check = eyes, check

    def features(self, pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        found = []
        for at in range(0, len(pictures), TOGETHER):
            self._check()
            found.append(self._eyes.features(pictures[at : at + TOGETHER]))
        return np.concatenate(found)


def judged(
    gan: Gan, pictures: Sequence[Pixels], check: Callable[[], None] = lambda: None, eyes: vision.Eyes = vision.shared
) -> Judged:
    """A GAN's samples beside the pictures that it learned from. Raises what `check` raises, which is asked all the time."""
    generator = networks.generator(gan.plan).eval()
    gan.into(generator)
    heeding = Heeding(eyes, check)
    some = np.linspace(0, len(pictures) - 1, min(COMPARED, len(pictures))).round().astype(int)
    made = networks.samples(generator, len(some), check=check)
    found = quality([pictures[at] for at in some], made, heeding)
    made = made[:NEAREST]
    among = _alike(made, pictures)
    like = nearest(made, [pictures[at] for at in among], heeding)
    return Judged(found, made, [(int(among[at]), far) for at, far in like])


def _alike(made: Sequence[Pixels], pictures: Sequence[Pixels]) -> NDArray[np.intp]:
    """Of very many pictures those that are most like any of the samples, at 16 pixels: only these are looked at closely."""
    if len(pictures) <= AMONG:
        return np.arange(len(pictures))
    one, other = (_small(each) for each in (made, pictures))
    closest = torch.cdist(one, other).topk(AMONG // len(made), largest=False).indices
    return np.unique(closest.numpy())


def _small(pictures: Sequence[Pixels]) -> Tensor:
    shrunk = [np.asarray(Image.fromarray(each).resize((LOOKED, LOOKED), Image.Resampling.BOX)) for each in pictures]
    return torch.from_numpy(np.stack(shrunk)).float().flatten(1)


def quality(real: Sequence[Pixels], made: Sequence[Pixels], eyes: vision.Eyes | Heeding = vision.shared) -> Quality:
    """Samples held against pictures that they should be like, at least `NEIGHBOURS` + 1 of each."""
    one, other = (torch.from_numpy(eyes.features(each)) for each in (real, made))
    share = precision_recall(one, other)
    return Quality(len(real), len(made), frechet(one, other), kernel(one, other), *share)


def frechet(real: Tensor, made: Tensor) -> float:
    """The distance of two normal distributions: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). (N, F) and (M, F).

    Heusel et al. 2017, "GANs trained by a two time-scale update rule", equation 6 (FID), on our features. The trace of the root is the
    sum of the singular values of A B^T, where C1 = A^T A and C2 = B^T B: exact, also with fewer pictures than features.
    """
    one, other = real.double(), made.double()
    means = one.mean(0), other.mean(0)
    a, b = ((each - mean) / (len(each) - 1) ** 0.5 for each, mean in zip((one, other), means, strict=True))
    a, b = (torch.linalg.qr(each, mode="r").R for each in (a, b))  # as many rows as are needed
    root = torch.linalg.svdvals(a @ b.T).sum()
    return max(0.0, float((means[0] - means[1]).square().sum() + a.square().sum() + b.square().sum() - 2 * root))


def kernel(real: Tensor, made: Tensor) -> float:
    """Squared maximum mean discrepancy with the kernel (x y + 1)^3, unbiased, so that it can be a little below 0. (N, F) and (M, F).

    Binkowski et al. 2018, "Demystifying MMD GANs", section 4 (KID), on our features. Departure: features are counted from the mean of
    the real ones, in units of their mean length, which does the work of the paper's 1 / d.
    """
    mean = real.double().mean(0)
    scale = (real.double() - mean).square().sum(1).mean().sqrt()
    one, other = ((each.double() - mean) / scale for each in (real, made))
    within = []
    for each in (one, other):
        values = (each @ each.T + 1) ** 3
        within.append((values.sum() - values.trace()) / (len(each) * (len(each) - 1)))
    return float(within[0] + within[1] - 2 * ((one @ other.T + 1) ** 3).mean())


def precision_recall(real: Tensor, made: Tensor, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """How many samples lie among the pictures, and how many pictures among the samples. (N, F) and (M, F).

    Kynkaanniemi et al. 2019, "Improved precision and recall metric for assessing generative models", equations 1 and 2: among them is
    what is no further from one of them than its third nearest neighbour is.
    """
    return _among(made, real, neighbours), _among(real, made, neighbours)


def _among(some: Tensor, others: Tensor, neighbours: int) -> float:
    reach = torch.cdist(others, others).kthvalue(neighbours + 1, dim=1).values  # the first is the picture itself
    return float((torch.cdist(some, others) <= reach).any(1).float().mean())


def nearest(
    made: Sequence[Pixels], pictures: Sequence[Pixels], eyes: vision.Eyes | Heeding = vision.shared
) -> list[tuple[int, float]]:
    """Which picture each sample is most like, and how far it is from it, in the mean distance of two pictures: near 0 it is a copy."""
    known = torch.from_numpy(eyes.features(pictures))
    found = torch.cdist(torch.from_numpy(eyes.features(made)), known).min(1)
    usual = float(torch.pdist(known[np.linspace(0, len(known) - 1, min(len(known), 500)).astype(int)]).mean())
    return [(int(at), float(far) / usual) for at, far in zip(found.indices, found.values, strict=True)]
