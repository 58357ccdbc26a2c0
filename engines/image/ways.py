"""The directions in which what a GAN makes differs most (Härkönen et al. 2020, "GANSpace", section 2), and where a picture lies by them."""

from __future__ import annotations

import torch
from torch import Tensor

from . import WAYS, Ways

SAMPLES, ITERATIONS = 2048, 5  # latents that tell the directions, and steps that find them


def principal(seen: Tensor) -> tuple[Tensor, Tensor]:
    """Where values about mean 0 differ most: the directions and how far they reach. (N, F) -> (8, F) of unit length, (8,).

    Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithm 4.4, from the same random basis each time.
    """
    basis = torch.randn(seen.shape[1], 2 * len(WAYS), generator=torch.Generator().manual_seed(0)).to(seen.device)
    for _ in range(ITERATIONS):
        basis, _ = torch.linalg.qr(seen.T @ (seen @ basis))
    _, spread, axes = torch.linalg.svd(seen @ basis, full_matrices=False)
    return (axes[: len(WAYS)] @ basis.T).contiguous(), spread[: len(WAYS)] / (len(seen) - 1) ** 0.5


def moved(drawn: Tensor, ways: Tensor, options: Ways, rest: float) -> Tensor:
    """Where a picture lies: along the ways as the options say, and in all others where chance put it, times `rest`.
    drawn: (F,) about mean 0, ways: (8, F) at right angles, as long as a knob's 1."""
    unit = torch.nn.functional.normalize(ways, dim=1)
    others = drawn - (drawn @ unit.T) @ unit
    return rest * others + along(ways, options)


def along(ways: Tensor, options: Ways) -> Tensor:
    """How far the options lead along the ways: (8, F) -> (F,)."""
    return torch.tensor([float(getattr(options, name)) for name in WAYS], device=ways.device) @ ways
