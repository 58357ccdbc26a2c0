"""How good samples are, by what VGG-16 sees in them: how far from the pictures, how true, how varied, and whether they are copies.

All of it depends on how many pictures are compared, so that number belongs to every figure. Figures by our eyes are not those of the
Inception network that papers print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ... import vision
from ...api import Pixels

NEIGHBOURS = 3  # whose distance is the reach of a picture


@dataclass(frozen=True)
class Quality:
    """`real` and `made` are how many were compared. Distances are 0 where both are the same, precision and recall 0-1."""

    real: int
    made: int
    frechet: float
    kernel: float
    precision: float
    recall: float


def quality(real: Sequence[Pixels], made: Sequence[Pixels], eyes: vision.Eyes = vision.shared) -> Quality:
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
    made: Sequence[Pixels], pictures: Sequence[Pixels], eyes: vision.Eyes = vision.shared
) -> list[tuple[int, float]]:
    """Which picture each sample is most like, and how far it is from it, in the mean distance of two pictures: near 0 it is a copy."""
    known = torch.from_numpy(eyes.features(pictures))
    found = torch.cdist(torch.from_numpy(eyes.features(made)), known).min(1)
    usual = float(torch.pdist(known[np.linspace(0, len(known) - 1, min(len(known), 500)).astype(int)]).mean())
    return [(int(at), float(far) / usual) for at, far in zip(found.indices, found.values, strict=True)]
