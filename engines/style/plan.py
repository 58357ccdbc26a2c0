"""The settings of a new style's training. No torch here: the command line reads them."""

from __future__ import annotations

from dataclasses import dataclass

from ..api import option


@dataclass(frozen=True)
class Plan:
    """How a row of the bank is learned. The defaults suit two processor cores, and leave what a picture shows to be seen."""

    minutes: float = option(8.0, low=0.01, high=1440, step=0.5, help="Minutes that the training may take.")
    steps: int = option(600, low=1, high=100_000, step=1, help="Steps after which it ends in any case.")
    size: int = option(256, low=64, high=512, step=16, help="The side of the pictures that it practises on, in pixels.")
    batch: int = option(1, low=1, high=16, step=1, help="Pictures a step.")
    learning_rate: float = option(
        0.05, low=1e-5, high=0.5, step=1e-3, help="How fast it learns; too fast never settles."
    )
    style_weight: float = option(
        5.0, low=0.1, high=1000, step=0.1, help="How much the style counts beside the picture, which counts 1."
    )
    scale: float = option(
        1.0,
        low=0.4,
        high=2,
        step=0.05,
        help="How large the strokes are: the style picture's size beside what it practises on.",
    )
    seed: int = option(
        0, low=0, high=2**31 - 1, step=1, help="Where chance starts: the same seed gives the same style."
    )
    different = 48  # parts that are practised on in turn: what is seen in them is remembered


@dataclass(frozen=True)
class NetworkPlan(Plan):
    """How a whole network is learned. Minutes and steps are those of one sitting, of which there may be any number."""

    minutes: float = option(1440.0, low=0.01, high=1440, step=0.5, help="Minutes that a sitting may take.")
    steps: int = option(3000, low=1, high=100_000, step=1, help="Steps after which a sitting ends in any case.")
    learning_rate: float = option(
        0.02, low=1e-5, high=0.5, step=1e-3, help="How fast it learns; too fast never settles."
    )
    from_scratch: bool = option(False, help="Begin with chance instead of the bank's network.")
    different = 96_000  # hardly any part comes twice: a network would learn them by heart


@dataclass(frozen=True)
class TranslatorPlan:
    """How a translator is learned. The defaults were chosen for two processor cores."""

    minutes: float = option(60.0, low=0.01, high=10_000, step=1, help="Minutes that the training may take.")
    steps: int = option(100_000, low=1, high=1_000_000, step=1, help="Steps after which it ends in any case.")
    size: int = option(64, low=64, high=128, step=64, help="The side of the squares that it learns from, in pixels.")
    batch: int = option(8, low=2, high=64, step=1, help="Pictures a step.")
    width: int = option(
        32, low=8, high=64, step=8, help="Channels of its widest layers: more draw better and learn slower."
    )
    learning_rate: float = option(
        5e-4, low=1e-5, high=1e-2, step=1e-5, help="How fast it learns; too fast never settles."
    )
    alone: float = option(
        0.08,
        low=0,
        high=0.9,
        step=0.01,
        help="The share of the time in which the judge learns alone what tells the folders apart.",
    )
    style: float = option(
        0.5, low=0, high=100, step=0.1, help="How much it counts that a style can be read off what was drawn in it."
    )
    diversity: float = option(
        1.0, low=0, high=100, step=0.1, help="How much it counts at first that two styles of a hand look different."
    )
    cycle: float = option(
        0.5, low=0, high=100, step=0.1, help="How much it counts that the way back leads to the same picture."
    )
    steepness: float = option(
        0.2, low=0, high=100, step=0.1, help="How even the judge's verdict is kept (R1): more is calmer and slower."
    )
    seed: int = option(0, low=0, high=2**31 - 1, step=1, help="Where chance starts.")
