"""The settings of a painter's training. No torch here: the command line reads them."""

from __future__ import annotations

from dataclasses import dataclass

from ..api import option
from ..errors import EngineError

FEWEST_PAIRS = 12


@dataclass(frozen=True)
class Plan:
    """When what is learned, in shares of the time."""

    minutes: float = option(150.0, low=0.01, high=10_000, step=1, help="How long to train.")
    small: float = option(0.3, low=0, high=1, step=0.05, help="The share of it spent copying at 64 pixels.")
    large: float = option(
        0.25,
        low=0,
        high=1,
        step=0.05,
        help="The share spent copying at 128 pixels; the rest is against the discriminator.",
    )
    batch_small: int = option(64, low=2, high=1024, step=1, help="Pictures a step at 64 pixels.")
    batch: int = option(32, low=2, high=1024, step=1, help="Pictures a step at 128 pixels.")
    seed: int = option(0, low=0, high=2**31 - 1, step=1, help="Where chance starts.")
    learned: float = option(
        1.0,
        low=0.05,
        high=1,
        step=0.05,
        help="The share of what it learns after --from that goes into its file: its weights are averaged with those from before.",
    )


@dataclass(frozen=True)
class PairsPlan(Plan):
    """Of one that goes on with an artist's own pairs: all of the time against the discriminator, a few pictures at once."""

    minutes: float = option(8.0, low=0.01, high=10_000, step=1, help="How long to train.")
    small: float = option(0.0, low=0, high=1, step=0.05, help="The share of it spent copying at 64 pixels.")
    large: float = option(
        0.0,
        low=0,
        high=1,
        step=0.05,
        help="The share spent copying at 128 pixels; the rest is against the discriminator.",
    )
    batch: int = option(6, low=2, high=1024, step=1, help="Pictures a step at 128 pixels.")


def check_pairs(count: int) -> None:
    """Raises `EngineError` where there are too few pairs to learn from."""
    if count < FEWEST_PAIRS:
        raise EngineError(
            "There are {count} pairs to learn from.", "Give at least {fewest}.", count=count, fewest=FEWEST_PAIRS
        )
