"""The games that generator and discriminator can play. D(x) = sigmoid of the discriminator's logit; G wants D(G(z)) large."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class Game(Protocol):
    """One loss for each of the two, both to be made small. Logits are (N,) or (N, places)."""

    formula: str  # as it is shown
    source: str

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor: ...

    def generator(self, fake: Tensor) -> Tensor: ...


class Minimax:
    """V(D, G) as written: D makes it large, G makes it small. Where D is sure, G learns next to nothing: that is why others exist."""

    formula = "min_G max_D V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))]"
    source = "Goodfellow et al. 2014, equation 1"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -value(real, fake)

    def generator(self, fake: Tensor) -> Tensor:
        return -functional.softplus(fake).mean()  # log(1 - D) = -softplus(logit)


class NonSaturating:
    """D as before; G makes log D(G(z)) large instead, which has the same fixed point and stronger gradients early."""

    formula = "max_D E_x[log D(x)] + E_z[log(1 - D(G(z)))],  max_G E_z[log D(G(z))]"
    source = "Goodfellow et al. 2014, section 3"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -value(real, fake)

    def generator(self, fake: Tensor) -> Tensor:
        return functional.softplus(-fake).mean()


class Hinge:
    """D only cares for logits d that are not clear enough yet; G makes d(G(z)) large."""

    formula = "min_D E_x[max(0, 1 - d(x))] + E_z[max(0, 1 + d(G(z)))],  max_G E_z[d(G(z))]"
    source = "Lim and Ye 2017, equations 8 and 9"

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        return -fake.mean()


GAMES: dict[str, Game] = {"minimax": Minimax(), "non-saturating": NonSaturating(), "hinge": Hinge()}


def value(real: Tensor, fake: Tensor) -> Tensor:
    """V(D, G) of Goodfellow et al. 2014, equation 1, from logits: at most 0, and -log 4 where D cannot tell the two apart."""
    return -functional.softplus(-real).mean() - functional.softplus(fake).mean()


def r1(verdict: Tensor, looks: tuple[Tensor, ...]) -> Tensor:
    """How steep the discriminator is at real pictures: E[|grad D(x)|^2], without its weight of gamma / 2.

    Mescheder et al. 2018, "Which training methods for GANs do actually converge?", equation 9. The gradient is that of what the
    discriminator learns from, `looks`: the pictures, or what a frozen network sees in them.
    """
    places = verdict.flatten(1).shape[1] if verdict.dim() > 1 else 1
    slopes = torch.autograd.grad(verdict.sum() / places, looks, create_graph=True)
    return torch.stack([slope.float().square().flatten(1).sum(1).mean() for slope in slopes]).sum()
