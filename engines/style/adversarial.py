"""What the translator's networks learn by, one function a loss: Choi et al. 2020, "StarGAN v2", section 2.2.

The adversarial loss (equation 1) is taken in its non-saturating form (Goodfellow et al. 2014, section 3): the generator makes what the
discriminator believes instead of avoiding what it does not.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from .translator import of_domain


def judging(real: Tensor, domain: Tensor, fake: Tensor, other: float) -> Tensor:
    """The discriminator's part of equation 1: -log D(real) - log(1 - D(fake)), of logits (N, D) of real pictures and (M,) of drawn
    ones, where there are any.

    Beyond the paper it says no, too, to real pictures of other domains, which weighs `other` (as Reed et al. 2016 for texts, "Generative
    adversarial text to image synthesis", section 4.1): so it learns from the first step on what tells the domains apart.
    """
    own = functional.one_hot(domain, real.shape[1]).bool()
    loss = functional.softplus(-real[own]).mean() + other * functional.softplus(real[~own]).mean()
    return loss + functional.softplus(fake).mean() if len(fake) else loss


def believed(fake: Tensor) -> Tensor:
    """The generator's part: -log D(fake), of logits (N,)."""
    return functional.softplus(-fake).mean()


def steepness(judge: Callable[[Tensor], Tensor], pictures: Tensor, domain: Tensor) -> Tensor:
    """R1: half the squared slope of the verdict at real pictures (Mescheder et al. 2018, "Which training methods for GANs do actually
    converge?", equation 9), without its weight."""
    pictures = pictures.detach().requires_grad_()
    verdict = of_domain(judge(pictures), domain).sum()
    (slope,) = torch.autograd.grad(verdict, pictures, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean() / 2


def read_back(wanted: Tensor, read: Tensor) -> Tensor:
    """Style reconstruction (equation 2): the encoder finds in the picture the code that it was drawn with. Both (N, 64)."""
    return functional.l1_loss(read, wanted)


def apart(one: Tensor, other: Tensor) -> Tensor:
    """Diversity (equation 3), to be made large: how different the same content becomes by two codes."""
    return functional.l1_loss(one, other)


def back_again(content: Tensor, returned: Tensor) -> Tensor:
    """Cycle consistency (equation 4): drawn again with its own code, a translated picture is what it was."""
    return functional.l1_loss(returned, content)


def told_apart(logits: Tensor, domain: Tensor) -> Tensor:
    """Whether the encoder says which domain a real picture is of; not of the paper, for pictures of which nobody says it."""
    return functional.cross_entropy(logits, domain)
