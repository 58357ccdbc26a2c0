"""The settings of a GAN's training. No torch here: the command line reads them."""

from __future__ import annotations

from dataclasses import dataclass

from ...api import EngineError, option

LEAST = 30  # different pictures to learn from
SIZES = ("64", "128")
NETWORKS = ("stylegan2", "fastgan")
LOSSES = ("hinge", "non-saturating", "minimax")
JUDGES = ("vgg", "own")
AUGMENTS = ("colour,translation,cutout", "translation,cutout", "translation", "none")


def check_count(different: int) -> None:
    """Raises `EngineError` where there are too few different pictures."""
    if different < LEAST:
        raise EngineError(
            "There are {count} different pictures; a GAN learns from {least} at least.",
            "Add more pictures of the kind.",
            count=different,
            least=LEAST,
        )


@dataclass(frozen=True)
class Plan:
    """How the two networks learn. The defaults were chosen for two processor cores."""

    minutes: float = option(20.0, low=0.01, high=10_000, step=1, help="Minutes that the training may take.")
    steps: int = option(1_000_000, low=1, high=10_000_000, step=1, help="Steps after which it ends in any case.")
    size: str = option("64", choices=SIZES, help="The side of the pictures, in pixels.")
    network: str = option(
        "stylegan2", choices=NETWORKS, help="The generator: StyleGAN2's, or FastGAN's for few pictures."
    )
    judge: str = option(
        "vgg", choices=JUDGES, help="How the discriminator sees: through VGG-16, or by what it learns on its own."
    )
    loss: str = option("hinge", choices=LOSSES, help="What the two play for.")
    augment: str = option(
        AUGMENTS[0], choices=AUGMENTS, help="How pictures are changed before the discriminator sees them."
    )
    mirror: bool = option(True, help="Whether a picture seen in a mirror is a picture as well.")
    batch: int = option(8, low=4, high=256, step=4, help="Pictures a step.")
    small: float = option(
        0.4,
        low=0,
        high=0.9,
        step=0.05,
        help="The share of the time spent at half the size, unless it begins with a GAN of its size.",
    )
    learning_rate: float = option(
        0.002,
        low=1e-5,
        high=0.02,
        step=1e-4,
        help="How fast the generator learns; the discriminator learns twice as fast.",
    )
    r1: float = option(
        0.05, low=0, high=100, step=0.01, help="How much the discriminator is smoothed around real pictures."
    )
    spread: float = option(
        4.0,
        low=0,
        high=100,
        step=0.5,
        help="How strongly samples are made to differ as your pictures do; 0 leaves that to the game.",
    )
    freeze: int = option(
        1,
        low=0,
        high=4,
        step=1,
        help="How many lower layers of the discriminator stay as they were in the GAN that it begins with.",
    )
    seed: int = option(0, low=0, high=2**31 - 1, step=1, help="Where chance starts.")
