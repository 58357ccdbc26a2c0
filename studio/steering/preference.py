"""A Gaussian process over knobs, fed by statements that one point is better than another or than the bar.

Chu and Ghahramani 2005, "Preference learning with Gaussian processes": a probit likelihood of utility differences and
Laplace's approximation. Departures: a statement may compare with a bar at utility 0 (likes and dislikes); statements carry
weights, so that old ones count less; the kernel adds a linear part to the squared exponential, because a few judgements say
more about directions ("more of this") than about distances. Length scale and noise are those with the largest marginal
likelihood, so judgements that contradict each other raise the noise instead of bending the taste.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .evidence import Coordinates, Evidence

Array = NDArray[np.float64]

LENGTH_SCALES = (0.25, 0.4, 0.7, 1.2)  # of the unit cube's edge, per square root of the dimension they are scaled by
LINEAR = 0.5  # prior variance of the linear part, beside 1 of the squared exponential
NOISE = 0.2  # where the search for the noise begins
NOISES = (0.1, 0.2, 0.4, 0.8)  # standard deviations of a judgement, in units of the prior utility, that are weighed
CAUTION = (
    1.0  # posterior standard deviations that what is unsure is docked, where something is believed rather than tried
)
FADE = 0.97  # what a statement still weighs after each further round: taste drifts
MEMORY = 200  # statements that are kept in the fit, newest first: some thirty rounds, fitted in a tenth of a second


@dataclass(frozen=True)
class Posterior:
    """The fitted utility. Points have shape (n, d) in the coordinates `names`; utility is in prior standard deviations."""

    names: list[str]
    points: Array  # (m, d)
    scale: float
    noise: float  # standard deviation of a judgement, in units of the prior utility
    weights: Array  # (m,) so that mean = K weights
    shrink: Array  # (m, m) so that covariance = K - K shrink K'

    def vector(self, coordinates: Coordinates) -> Array:
        return np.array([coordinates.get(name, 0.0) for name in self.names])

    def mean(self, points: Array) -> Array:
        """Posterior mean utility, (n, d) -> (n,)."""
        return kernel(points, self.points, self.scale) @ self.weights

    def cautious(self, points: Array) -> Array:
        """What may be believed of the utility: a lower bound that falls where nobody has judged, (n, d) -> (n,)."""
        return self.mean(points) - CAUTION * np.sqrt(self.variance(points))

    def covariance(self, points: Array) -> Array:
        """Posterior covariance of the utility, (n, d) -> (n, n)."""
        cross = kernel(points, self.points, self.scale)
        return kernel(points, points, self.scale) - cross @ self.shrink @ cross.T

    def variance(self, points: Array) -> Array:
        """Posterior variance of the utility, (n, d) -> (n,): the diagonal of the covariance, without the rest."""
        cross = kernel(points, self.points, self.scale)
        prior = 1.0 + LINEAR * ((points - 0.5) ** 2).sum(-1)
        return cast(Array, np.maximum(prior - ((cross @ self.shrink) * cross).sum(-1), 0.0))

    def sample(self, points: Array, rng: np.random.Generator) -> Array:
        """One utility function drawn from the posterior, at the points: (n, d) -> (n,)."""
        root = np.linalg.cholesky(self.covariance(points) + 1e-6 * np.eye(len(points)))
        return self.mean(points) + root @ rng.standard_normal(len(points))


def kernel(a: Array, b: Array, scale: float) -> Array:
    """Squared exponential plus linear, (n, d), (m, d) -> (n, m)."""
    squares = np.maximum((a**2).sum(-1)[:, None] + (b**2).sum(-1)[None] - 2 * a @ b.T, 0.0)
    return cast(Array, np.exp(-squares / (2 * scale**2)) + LINEAR * ((a - 0.5) @ (b - 0.5).T))


def fit(evidence: Evidence, names: list[str]) -> Posterior:
    """The posterior given all statements, at the length scale and then the noise with the largest marginal likelihood."""
    statements = evidence.statements[-MEMORY:]
    used = sorted({index for said in statements for index in (said.better, said.worse) if index is not None})
    row = {index: at for at, index in enumerate(used)}
    points = np.array([[evidence.points[index].get(name, 0.0) for name in names] for index in used]).reshape(
        -1, len(names)
    )
    contrast = np.zeros((len(statements), len(used)))  # each row: utility of the better minus that of the worse
    latest = max((said.round for said in statements), default=0)
    weights = np.array([said.weight * FADE ** (latest - said.round) for said in statements])
    for at, said in enumerate(statements):
        if said.better is not None:
            contrast[at, row[said.better]] += 1.0
        if said.worse is not None:
            contrast[at, row[said.worse]] -= 1.0
    width = np.sqrt(max(1, len(names)))

    def tried(scale: float, noise: float) -> tuple[float, Posterior]:
        return _laplace(names, points, contrast, weights, scale * width, noise)

    best = max((tried(scale, NOISE) for scale in LENGTH_SCALES), key=_first)
    others = (tried(best[1].scale / width, noise) for noise in NOISES if noise != NOISE)
    return max([best, *others], key=_first)[1]


def _first(found: tuple[float, Posterior]) -> float:
    return found[0]


def _laplace(
    names: list[str], points: Array, contrast: Array, weights: Array, scale: float, noise: float
) -> tuple[float, Posterior]:
    """Log marginal likelihood and posterior at one length scale and noise, by Newton's method on the utilities at the points."""
    count = len(points)
    prior = kernel(points, points, scale) + 1e-6 * np.eye(count)
    utility = np.zeros(count)
    for _ in range(30):
        gradient, curvature = _likelihood(contrast, weights, utility, noise)
        hessian = contrast.T @ (curvature[:, None] * contrast)  # (m, m), minus the log likelihood's
        right = hessian @ utility + contrast.T @ gradient
        step = prior @ np.linalg.solve(np.eye(count) + hessian @ prior, right)
        change, utility = np.abs(step - utility).max(initial=0.0), step
        if change < 1e-6:
            break
    _, curvature = _likelihood(contrast, weights, utility, noise)
    hessian = contrast.T @ (curvature[:, None] * contrast)
    middle = np.eye(count) + hessian @ prior
    alpha = cast(Array, np.linalg.solve(prior, utility))
    fitted = (weights * _log_ndtr(contrast @ utility / noise)).sum()
    evidence = fitted - 0.5 * utility @ alpha - 0.5 * np.linalg.slogdet(middle)[1]
    shrink = cast(Array, np.linalg.solve(middle, hessian))
    return float(evidence), Posterior(names, points, scale, noise, alpha, shrink)


def _likelihood(contrast: Array, weights: Array, utility: Array, noise: float) -> tuple[Array, Array]:
    """First derivative and minus the second of each statement's weighted log likelihood, by its utility difference."""
    z = contrast @ utility / noise
    ratio = np.exp(-0.5 * z**2 - _log_ndtr(z)) / np.sqrt(2 * np.pi)
    return weights * ratio / noise, weights * ratio * (z + ratio) / noise**2


def _log_ndtr(z: Array) -> Array:
    """Logarithm of the normal distribution function."""
    from scipy.special import log_ndtr  # a third of a second to import, which the first page need not wait for

    return cast(Array, log_ndtr(z))
