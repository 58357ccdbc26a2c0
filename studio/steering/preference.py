"""What an artist likes, learned from statements that one point is better than another or than the bar of what is good enough.

The model is an ideal point (Coombs 1964, "A Theory of Data"): somewhere in the space of the knobs lies what the artist wants, and
a point is liked less the farther away it is, each knob by a weight of its own. Nothing of that is known for sure, so the posterior
is an ensemble of such tastes. Each member begins at a draw from the prior and is fitted to statements with random weights, held
back by its own draw: the weighted likelihood bootstrap (Newton and Raftery 1994) with randomised priors (Osband et al. 2018). Where
the members agree, something was learned. Statements that contradict each other make every member less sure of itself (`edge`
falls), instead of bending the taste. Against a Gaussian process of pairwise comparisons (Chu and Ghahramani 2005; BoTorch's
`PairwiseGP`, the peer of `studio bench steering`) it finds more in the same rounds: one summit is all that a few judgements can tell of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .evidence import Evidence, rest

Array = NDArray[np.float64]

MEMBERS = 96
ASCENT = 60  # steps of the fit
RATE = 0.35  # of the first, in units of the prior's standard deviations
POWER = 1.5  # of the distance by which liking falls: between a cone, 1, and a bowl, 2
TARGET = (
    0.7  # prior standard deviation of where the target lies, around the middle: it may lie beyond what a knob can do
)
WEIGHT = 0.8  # prior standard deviation of the logarithm of a knob's weight
EDGE = (
    1.3,
    0.5,
)  # prior mean and deviation of the logarithm of how many times its own noise a uniform point differs in utility
BAR = (
    0.5,
    0.6,
    0.3,
)  # the bar: prior mean, deviation, and its step from round to round, in the spread of uniform points
BELIEF = 0.05  # the same deviation where the artist says what they like best of a knob
HOLDS = 2  # rounds judged since then after which a belief holds half as tightly: judgements may move it
LOOKS = 0.5  # prior deviation of what a result's own features add to its knobs, in the spread of uniform points
CAUTION = (
    1.0  # posterior standard deviations that what is unsure is docked, where something is believed rather than tried
)
FADE = 0.97  # what a statement still weighs after each further round: taste drifts
MEMORY = 200  # statements that are kept in the fit, newest first: some thirty rounds, fitted in a tenth of a second


@dataclass(frozen=True)
class Prior:
    """Where each knob's target is expected, (d,), and how far from there it may lie: near where the artist says, or anywhere."""

    centre: Array
    scale: Array

    @classmethod
    def of(cls, evidence: Evidence, names: list[str]) -> Prior:
        said = {name: value for name, (value, _) in evidence.beliefs.items()}
        since = {
            name: len({said.round for said in evidence.statements if said.event > event})
            for name, (_, event) in evidence.beliefs.items()
        }
        scale = [min(TARGET, BELIEF * (1 + since[name] / HOLDS)) if name in said else TARGET for name in names]
        return cls(np.array([said.get(name, 0.5) for name in names]), np.array(scale))

    def targets(self, latent: Array) -> Array:
        """Most are near the centre, but a few lie far outside, where a taste is a direction: "always more of this"."""
        return self.centre + self.scale * np.sinh(latent[:, : len(self.centre)])


@dataclass(frozen=True)
class Posterior:
    """The fitted ensemble of K tastes over d coordinates `names`. Utility is in standard deviations of a judgement's noise."""

    names: list[str]
    prior: Prior
    latent: Array  # (K, 2 d + 1 or more) standard normal under the prior: targets, weights, edge, and what only the fit needs

    def vector(self, coordinates: dict[str, float]) -> Array:
        return np.array([coordinates.get(name, rest(name)) for name in self.names])

    @property
    def targets(self) -> Array:
        """Where each member believes the best to lie, (K, d); it may lie outside the unit cube."""
        return self.prior.targets(self.latent)

    @property
    def weights(self) -> Array:
        """How much each coordinate matters on average, (d,), as a factor of the squared distance."""
        dim = len(self.names)
        return cast(Array, np.exp(WEIGHT * self.latent[:, dim : 2 * dim]).mean(0))

    @property
    def edge(self) -> float:
        """By how many times its own noise a uniform point differs from another in utility: how sure the artist seems to be."""
        return float(np.exp(EDGE[0] + EDGE[1] * self.latent[:, 2 * len(self.names)].mean()))

    def values(self, points: Array) -> Array:
        """What each member makes of the points, (n, d) -> (K, n); 0 is a uniform point on average."""
        return _utility(self.latent, self.prior, points)[0]

    def mean(self, points: Array) -> Array:
        """Posterior mean utility, (n, d) -> (n,)."""
        return cast(Array, self.values(points).mean(0))

    def cautious(self, points: Array) -> Array:
        """What may be believed of the utility: a lower bound that falls where nobody has judged, (n, d) -> (n,)."""
        values = self.values(points)
        return cast(Array, values.mean(0) - CAUTION * values.std(0))


def fit(evidence: Evidence, names: list[str]) -> Posterior:
    """The posterior given all that was said. A pure function: the ensemble's random numbers are always the same."""
    rng, prior = np.random.default_rng(0), Prior.of(evidence, names)
    drawn = rng.standard_normal((MEMBERS, 2 * len(names) + 1))
    said = _Said.of(evidence, names)
    if said is None or not names:
        return Posterior(names, prior, drawn)
    said = replace(said, weights=said.weights * rng.exponential(size=(MEMBERS, said.weights.shape[-1])))
    more = rng.standard_normal((MEMBERS, said.barred.shape[1] + said.features.shape[1]))
    fitted = _ascend(np.concatenate([drawn, more], axis=1), lambda latent: _gradient(latent, prior, said))
    return Posterior(names, prior, fitted)


@dataclass(frozen=True)
class _Said:
    """The statements as matrices: m points, S statements, R rounds in which something was held against the bar."""

    points: Array  # (m, d)
    features: Array  # (m, F) of the results, each with deviation 1; 0 where there are none
    contrast: Array  # (S, m) so that contrast @ utility is the utility of the better minus that of the worse
    barred: Array  # (S, R) the same for the bar of each round
    weights: Array  # (S,), or (K, S)

    @classmethod
    def of(cls, evidence: Evidence, names: list[str]) -> _Said | None:
        statements = evidence.statements[-MEMORY:]
        if not statements:
            return None
        used = sorted({index for said in statements for index in (said.better, said.worse) if index is not None})
        row = {index: at for at, index in enumerate(used)}
        points = np.array([[evidence.points[index].get(name, rest(name)) for name in names] for index in used])
        rounds = sorted({said.round for said in statements if said.better is None or said.worse is None})
        contrast, barred = np.zeros((len(statements), len(used))), np.zeros((len(statements), len(rounds)))
        for at, said in enumerate(statements):
            for index, sign in ((said.better, 1.0), (said.worse, -1.0)):
                if index is None:
                    barred[at, rounds.index(said.round)] = sign
                else:
                    contrast[at, row[index]] += sign
        latest = max(said.round for said in statements)
        weights = np.array([said.weight * FADE ** (latest - max(said.round, 0)) for said in statements])
        return cls(points, _looks(evidence, used), contrast, barred, weights)


def _looks(evidence: Evidence, used: list[int]) -> Array:
    """The features of these points' results, (m, F), centred and scaled; F is 0 where no engine gives any."""
    given = {at: evidence.features[index] for at, index in enumerate(used) if index in evidence.features}
    width = max(map(len, given.values()), default=0)
    rows = {at: each for at, each in given.items() if len(each) == width}
    out = np.zeros((len(used), width))
    if rows:
        known = np.array(list(rows.values()))
        out[list(rows)] = (known - known.mean(0)) / np.maximum(known.std(0), 1e-9) / np.sqrt(width)
    return out


@dataclass(frozen=True)
class _Distance:
    """The parts of a utility that its slopes need again."""

    target: Array  # (K, d)
    weight: Array  # (K, d)
    edge: Array  # (K, 1)
    spread: Array  # (K, 1) roughly the deviation of `squares ** (POWER / 2)` over uniform points
    usual: Array  # (K, 1) mean of `squares` over uniform points
    squares: Array  # (K, m) weighted squared distances


def _utility(latent: Array, prior: Prior, points: Array) -> tuple[Array, _Distance]:
    """Utilities (K, m) of the points (m, d): edge * (usual ** (POWER / 2) - squares ** (POWER / 2)) / spread."""
    dim = points.shape[1]
    target, weight = prior.targets(latent), np.exp(WEIGHT * latent[:, dim : 2 * dim])
    edge = np.exp(EDGE[0] + EDGE[1] * latent[:, 2 * dim : 2 * dim + 1])
    aside = (target - 0.5) ** 2
    squares = weight @ (points**2).T - 2 * (weight * target) @ points.T + (weight * target**2).sum(1, keepdims=True)
    squares = np.maximum(squares, 1e-6)
    usual = (weight * (aside + 1 / 12)).sum(1, keepdims=True)
    variance = (weight**2 * (aside / 3 + 1 / 180)).sum(1, keepdims=True)
    spread = POWER / 2 * usual ** (POWER / 2 - 1) * np.sqrt(variance)
    values = edge * (usual ** (POWER / 2) - squares ** (POWER / 2)) / spread
    return values, _Distance(target, weight, edge, spread, usual, squares)


def _contrasts(latent: Array, prior: Prior, said: _Said) -> tuple[Array, Array, _Distance]:
    """By how much each statement's better side is better, in noise, (K, S); the points' utilities (K, m), and their parts."""
    dim = said.points.shape[1]
    values, far = _utility(latent, prior, said.points)
    bars, looks = np.split(latent[:, 2 * dim + 1 :], [said.barred.shape[1]], axis=1)
    bars = BAR[0] + bars @ _bar_steps(said).T  # (K, R), in spreads, as what the looks add, (K, m)
    z = (values + far.edge * LOOKS * (looks @ said.features.T)) @ said.contrast.T + far.edge * (bars @ said.barred.T)
    return z, values, far


def _bar_steps(said: _Said) -> Array:
    """(R, R): each round's bar is the one before it and a step."""
    count = said.barred.shape[1]
    steps = np.tril(np.full((count, count), BAR[2]))
    steps[:, :1] = BAR[1]
    return steps


def _gradient(latent: Array, prior: Prior, said: _Said) -> Array:
    """Of the weighted log likelihood (a probit of utility differences) by the latent numbers, (K, 2 d + 1 + R + F)."""
    z, values, far = _contrasts(latent, prior, said)
    slope = said.weights * np.exp(-0.5 * z**2 - log_ndtr(z)) / np.sqrt(2 * np.pi)  # (K, S)
    by_value, by_bar = slope @ said.contrast, far.edge * (slope @ said.barred)
    by_target, by_weight = _slopes(far, said.points, values, by_value)
    by_target *= prior.scale * np.cosh(latent[:, : said.points.shape[1]])
    by_edge = EDGE[1] * (slope * z).sum(1, keepdims=True)
    by_look = LOOKS * far.edge * (by_value @ said.features)
    by_weight = WEIGHT * far.weight * by_weight
    return np.concatenate([by_target, by_weight, by_edge, by_bar @ _bar_steps(said), by_look], axis=1)


def _slopes(far: _Distance, points: Array, values: Array, by_value: Array) -> tuple[Array, Array]:
    """By the targets and by the weights, (K, d) each, given the slope by each point's utility (K, m)."""
    aside, half = far.target - 0.5, POWER / 2
    pull = by_value * half * far.squares ** (half - 1)  # (K, m)
    total, first, second = pull.sum(1, keepdims=True), pull @ points, pull @ points**2
    centre = by_value.sum(1, keepdims=True) * half * far.usual ** (half - 1)
    whole = (by_value * values).sum(1, keepdims=True)
    variance = (far.spread / (half * far.usual ** (half - 1))) ** 2
    scale = far.edge / far.spread
    by_target = scale * 2 * far.weight * (centre * aside + first - far.target * total)
    by_target -= whole * ((half - 1) / far.usual * 2 * far.weight * aside + far.weight**2 * aside / (3 * variance))
    moment = second - 2 * far.target * first + far.target**2 * total
    by_weight = scale * (centre * (aside**2 + 1 / 12) - moment)
    by_weight -= whole * (
        (half - 1) / far.usual * (aside**2 + 1 / 12) + far.weight * (aside**2 / 3 + 1 / 180) / variance
    )
    return by_target, by_weight


def _ascend(prior: Array, gradient: Callable[[Array], Array]) -> Array:
    """The mode of every member, held back by its own prior draw, by Adam (Kingma and Ba 2015) with a falling rate."""
    latent, first, second = prior.copy(), np.zeros_like(prior), np.zeros_like(prior)
    for step in range(ASCENT):
        slope = gradient(latent) - (latent - prior)
        first, second = 0.8 * first + 0.2 * slope, 0.95 * second + 0.05 * slope**2
        rate = RATE * (1 - 0.95 * step / ASCENT)
        latent = latent + rate * (first / (1 - 0.8 ** (step + 1))) / (np.sqrt(second / (1 - 0.95 ** (step + 1))) + 1e-8)
    return latent


def log_ndtr(z: Array) -> Array:
    """Logarithm of the normal distribution function."""
    from scipy import special  # a third of a second to import, which the first page need not wait for

    return cast(Array, special.log_ndtr(z))
