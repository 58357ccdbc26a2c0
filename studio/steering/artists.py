"""Simulated artists: a hidden wish, and a habit of judging. They measure steering; nothing of the studio's learning knows of them.

An artist sees points of a knob space and answers with a `Judgement`, as a person would through the page. What they wish for is
a utility over the unit cube that only the measurement may ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..events import Judgement

Array = NDArray[np.float64]
Utility = Callable[[Array], Array]  # (n, dim) -> (n,)
Habit = Literal["ranks", "picks", "likes"]

GAUGE = 4000  # uniform points by which a wish's spread and gap are measured
CONTENT = 0.75  # an artist who likes and dislikes likes what lies above this share of all that they have seen


@dataclass(frozen=True)
class Wish:
    """A utility, where it is highest, and how it is spread over uniform points of its space."""

    utility: Utility
    target: Array  # (dim,)
    spread: float  # standard deviation of the utility
    gap: float  # mean of what uniform points lack to the target

    @classmethod
    def of(cls, utility: Utility, target: Array, rng: np.random.Generator) -> Wish:
        """In the unit cube."""
        return cls.over(utility, target, rng.random((GAUGE, len(target))))

    @classmethod
    def over(cls, utility: Utility, target: Array, points: Array) -> Wish:
        """In the space of which these are uniform points, (n, dim)."""
        values = utility(points)
        best = float(utility(target[None])[0])
        return cls(utility, target, float(values.std()), best - float(values.mean()))

    def regret(self, point: Array) -> float:
        """What a point (dim,) lacks to the target, 1 for a uniform point on average."""
        return float(self.utility(self.target[None])[0] - self.utility(point[None])[0]) / self.gap


def single(dim: int, rng: np.random.Generator) -> Wish:
    """One target; some knobs matter more than others, and near it the wish is anything from a cone to a bowl."""
    target, weights, power = rng.random(dim), rng.gamma(2.0, size=dim), rng.uniform(1.0, 2.0)
    return Wish.of(lambda x: -(((x - target) ** 2 @ weights) ** (power / 2)), target, rng)


def several(dim: int, rng: np.random.Generator) -> Wish:
    """A target and two lesser ones: a hill for each, the highest counts."""
    targets, weights = rng.random((3, dim)), rng.gamma(2.0, size=dim)
    heights, width = np.array([1.0, 0.8, 0.6]), 0.35 * np.sqrt(weights.sum())

    def utility(x: Array) -> Array:
        squares = ((x[:, None] - targets[None]) ** 2 * weights).sum(-1)
        return np.asarray((heights * np.exp(-squares / (2 * width**2))).max(1))

    return Wish.of(utility, targets[0], rng)


class Artist:
    """Judges by a wish, with noise. `noise` is a standard deviation, in units of the wish's spread."""

    def __init__(self, wish: Wish, noise: float, rng: np.random.Generator, habit: Habit = "ranks") -> None:
        self.wish, self.noise, self.habit = wish, noise, habit
        self._rng = rng
        self._seen: list[float] = []

    def judge(self, points: Array) -> Judgement:
        """What they say of the points (n, dim) in front of them."""
        felt = self.wish.utility(points) + self.noise * self.wish.spread * self._rng.standard_normal(len(points))
        self._seen += felt.tolist()
        order = [int(index) for index in np.argsort(-felt)]
        if self.habit == "ranks":
            return Judgement(ranking=list(order))
        if self.habit == "picks":
            return Judgement(pick=order[0])
        bar = float(np.quantile(self._seen, CONTENT))
        like = [index for index in order if felt[index] >= bar]
        return Judgement(like=sorted(like), dislike=[index for index in order if index not in like][-1:])


class Drifting(Artist):
    """Changes their mind step by step: from one target to another, over as many judgements as `over` says."""

    def __init__(
        self, dim: int, noise: float, wishing: np.random.Generator, judging: np.random.Generator, over: int
    ) -> None:
        first, last, weights = wishing.random(dim), wishing.random(dim), wishing.gamma(2.0, size=dim)
        steps = [first + (last - first) * share for share in np.linspace(0, 1, over)]
        self._wishes = [Wish.of(_bowl(target, weights), target, wishing) for target in steps]
        super().__init__(self._wishes[0], noise, judging)

    def judge(self, points: Array) -> Judgement:
        said = super().judge(points)
        self._wishes = self._wishes[1:] or self._wishes
        self.wish = self._wishes[0]
        return said


def _bowl(target: Array, weights: Array) -> Utility:
    return lambda x: -((x - target) ** 2 @ weights)
