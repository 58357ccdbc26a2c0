"""What may go wrong between the two while they learn, measured, and said in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .events import Finding

SURE, POINTS = 0.98, 5  # right verdicts at which the discriminator has won, and points of the curve in a row
ALIKE = 0.35  # how different samples are, of how different pictures are: below that they collapse
LOOKED = 16  # pixels at which they are compared
COMPARED = 200  # pictures


class Watch:
    """Says each thing once, and again only after it had passed."""

    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        some = pictures[np.linspace(0, len(pictures) - 1, min(COMPARED, len(pictures))).astype(int)]
        self.usual = differences(torch.from_numpy(some).movedim(-1, 1).float() / 255)
        self._said: set[str] = set()

    def verdicts(self, right: Sequence[float]) -> Finding | None:
        """`right` is the share of right verdicts, point by point."""
        last = right[-POINTS:]
        found = Finding(
            "The discriminator wins: {right:.0%} of its verdicts are right, so the generator learns little.",
            "Begin again with more {r1}, less {learning_rate}, or more pictures.",
            ("r1", "learning_rate"),
            {"right": last[-1] if last else 0.0},
        )
        return self._once("verdicts", len(last) == POINTS and min(last) > SURE, found)

    def samples(self, made: Tensor) -> Finding | None:
        """`made`: (N, 3, side, side) in 0-1."""
        share = differences(made) / self.usual
        found = Finding(
            "The samples collapse: they differ {share:.0%} as much as your pictures do.",
            "If it lasts, begin again with more {spread}, more {augment}, or another {seed}.",
            ("spread", "augment", "seed"),
            {"share": share},
        )
        return self._once("samples", share < ALIKE, found)

    def _once(self, what: str, wrong: bool, found: Finding) -> Finding | None:
        known = what in self._said
        (self._said.add if wrong else self._said.discard)(what)
        return found if wrong and not known else None


def differences(pictures: Tensor) -> float:
    """How much pictures differ from each other: the mean distance of two, at 16 pixels. (N, 3, side, side)."""
    small = functional.adaptive_avg_pool2d(pictures.cpu(), LOOKED).flatten(1)
    return float(torch.pdist(small).mean())
