"""What to try next: one proposal a role. A pure function of the brief and the evidence, so the same events propose the same.

`yours` is what the artist set, untouched. `best` is where the posterior is high and sure: a few judgements say more of a direction
than of how far to go in it, so what is unsure counts against it. `twist` and `surprise` make the round worth judging: each is the
point that raises the expected utility of the round's best option most (EUBO, Lin et al. 2022; Astudillo et al. 2023), near what is
there already or anywhere, and a surprise may bring in a style that is not in the mix. Where nothing is known, or at steering 0, they
are steps of growing length from `yours`, driven by the seed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api import PICTURE, Brief, EngineInfo, Space

from ..events import ROLES, Proposal, Role, Words
from .evidence import STRETCH, Evidence, coordinates
from .preference import Posterior, fit
from .reasons import reason

Array = NDArray[np.float64]
Settings = dict[str, float | str]

MORE: tuple[Role, ...] = ("twist", "surprise")  # in turns, where a round has more variants than there are roles
CANDIDATES = 600  # points that are weighed for each proposal
STEPS = {"best": 0.25, "twist": 0.5, "surprise": 0.85}  # exploring: how far from yours towards a random point
NEAR = 0.5  # how far `twist` looks from yours and from the best towards a random point
LIKING = 0.1  # what a point's own utility counts beside its chance of being the round's best
FLOOR = 0.35  # least distance between two variants, of the spread of the space (root mean square over the coordinates)
HESITATION = (
    0.5  # share of the way that `best` and `twist` hold back after one judged round, its square after two, and so on
)
POLISH = 0.2  # how far `best` looks around the best that it found, in the same unit
NEWCOMER = (0.3, 0.6)  # share of the free style weights that a new style takes
SEEDS = 2**31  # past the last one they begin again at 0
CRUMB = 0.03  # a style below this share cannot be seen, only clutters the mix


@dataclass(frozen=True)
class Taste:
    """The posterior, read in the coordinates of one space: an affine map, so that many points cost one product."""

    posterior: Posterior
    base: Array  # (d,) what the fixed knobs contribute
    columns: Array  # (dim, d) what each coordinate of the space contributes
    reach: float  # how far what was learned may lead in one round: a direction is soon known, how far it goes is not

    @classmethod
    def of(cls, info: EngineInfo, brief: Brief, space: Space, evidence: Evidence) -> Taste:
        mine = coordinates(info.knobs(brief), space.yours)
        free = {knob.name for knob in space.knobs}
        fixed = {name: value for name, value in mine.items() if name.partition("=")[0] not in free}
        labels = [f"{knob.name}={choice}" for knob in space.knobs for choice in knob.choices or ("",)]
        labels = [label.removesuffix("=") for label in labels]
        names = sorted({*evidence.varied, *labels})
        shares = [
            STRETCH * space.budget if knob.kind == "simplex" else 1.0 for knob in space.knobs for _ in range(knob.width)
        ]
        columns = [[share * (name == label) for name in names] for label, share in zip(labels, shares, strict=True)]
        posterior = fit(evidence, names)
        reach = 1 - HESITATION ** len({said.round for said in evidence.statements})
        return cls(posterior, posterior.vector(fixed), np.array(columns).reshape(-1, len(names)), reach)

    def points(self, points: Array) -> Array:
        """Points of the space, (n, dim), as points of the posterior, (n, d)."""
        return self.base + points @ self.columns

    def targets(self) -> Array:
        """What each member of the posterior wants, as points of the space before they are made to fit it: (K, dim)."""
        return (self.posterior.targets @ (self.columns > 0).T) / self._shares

    def weights(self) -> Array:
        """How much each coordinate of the space matters, in squares of utility's distance: (dim,), positive."""
        return (self.posterior.weights @ (self.columns > 0).T) * self._shares**2

    @property
    def _shares(self) -> Array:
        share = self.columns.sum(1)
        return np.where(share > 0, share, 1.0)


def propose(info: EngineInfo, brief: Brief, evidence: Evidence) -> list[Proposal]:
    """One proposal for each of the brief's variants, in the order of the roles, then of `MORE`; one alone where nothing is free to vary."""
    space = info.space(brief)
    rng = np.random.default_rng([brief.seed, 7])
    known = evidence if brief.steering > 0 else Evidence()
    taste = Taste.of(info, brief, space, known) if known else None
    yours = space.yours
    if not space.dim and not info.random and _newcomer(info, brief, space, yours, taste, rng) is None:
        only = Words(template="Exactly what you set. Every knob is locked, so there is nothing to vary.")
        return [Proposal(role="yours", knobs=yours, seed=brief.seed, reason=[only])]
    chosen: list[Settings] = [yours]
    roles = [*ROLES, *itertools.islice(itertools.cycle(MORE), max(0, brief.variants - len(ROLES)))][: brief.variants]
    for role in roles[1:]:
        chosen.append(_try(role, info, brief, space, taste, chosen, rng))
    return [
        Proposal(
            role=role,
            knobs=knobs,
            seed=(brief.seed + at) % SEEDS,
            reason=reason(role, yours, knobs, evidence if taste else Evidence()),
        )
        for at, (role, knobs) in enumerate(zip(roles, chosen, strict=True))
    ]


def _try(
    role: Role,
    info: EngineInfo,
    brief: Brief,
    space: Space,
    taste: Taste | None,
    chosen: list[Settings],
    rng: np.random.Generator,
) -> Settings:
    """Settings for one role, kept at a distance from those chosen already."""
    yours = chosen[0]
    if role == "surprise" and rng.random() < 0.5 + 0.5 * (space.dim == 0):
        newcomer = _newcomer(info, brief, space, yours, taste, rng)
        if newcomer is not None:
            return newcomer
    if not space.dim:
        return dict(yours)
    start = space.encode(yours)
    if taste is None:
        steps = STEPS[role] * rng.uniform(0.8, 1.2, (CANDIDATES, 1))
        candidates = space.project(start + steps * (space.sample(rng, CANDIDATES) - start))
        score = -np.arange(CANDIDATES, dtype=np.float64)  # the first that keeps its distance
    else:
        shown = np.array([space.encode(settings) for settings in chosen])
        candidates = _candidates(role, space, taste, shown, rng)
        score = _score(role, taste, candidates, shown)
        score = brief.steering * score + (1 - brief.steering) * rng.standard_normal(len(score)) * score.std()
    return _swept(space, _apart(space, candidates, score, chosen))


def _candidates(role: Role, space: Space, taste: Taste, shown: Array, rng: np.random.Generator) -> Array:
    """Points around those that are `shown` already, and, unless the role is to stay near, everywhere and where the targets may lie."""
    half = CANDIDATES // 2

    def near(point: Array, reach: float) -> Array:
        return point + rng.uniform(0.02, reach, (half, 1)) * (space.sample(rng, half) - point)

    if role == "twist":
        reach = NEAR * taste.reach
        return space.project(np.concatenate([near(shown[0], reach), near(shown[min(1, len(shown) - 1)], reach)]))
    wide = space.project(np.concatenate([near(shown[0], 1.0), space.sample(rng, half), taste.targets()]))
    if role == "surprise":
        return wide
    wide = shown[0] + taste.reach * (wide - shown[0])
    best = wide[int(np.argmax(_score(role, taste, wide, shown)))]
    return np.concatenate(
        [wide, space.project(best + rng.normal(0.0, POLISH * taste.reach * space.spread, (half, space.dim)))]
    )


def _score(role: Role, taste: Taste, candidates: Array, shown: Array) -> Array:
    """For `best` what may be believed of its utility, else the expected utility of the round's best option with it (EUBO)."""
    if role == "best":
        return taste.posterior.cautious(taste.points(candidates))
    values = taste.posterior.values(taste.points(candidates))
    others = taste.posterior.values(taste.points(shown)).max(1, keepdims=True)
    return np.asarray(np.maximum(values, others).mean(0) + LIKING * values.mean(0))


def _apart(space: Space, candidates: Array, score: Array, chosen: list[Settings]) -> Settings:
    """The candidate with the highest score among those that differ enough from what was chosen; else the most different."""
    others = np.array([space.encode(settings) for settings in chosen])
    distance = np.sqrt(((candidates[:, None, :] - others[None]) ** 2).mean(-1)).min(1)
    allowed = distance >= min(FLOOR * space.spread, float(distance.max()))
    return space.decode(candidates[int(np.argmax(np.where(allowed, score, -np.inf)))])


def _swept(space: Space, settings: Settings) -> Settings:
    """Without style weights too small to be seen; what they held goes to the others."""
    point = space.encode(settings)
    for at, knob in enumerate(_columns(space)):
        if knob == "simplex" and point[at] < CRUMB:
            point[at] = 0.0
    simplex = np.array([kind == "simplex" for kind in _columns(space)], dtype=bool)
    if simplex.any():
        point[simplex] /= point[simplex].sum()
    return space.decode(point)


def _columns(space: Space) -> list[str]:
    return [knob.kind for knob in space.knobs for _ in range(knob.width)]


def _newcomer(
    info: EngineInfo, brief: Brief, space: Space, yours: Settings, taste: Taste | None, rng: np.random.Generator
) -> Settings | None:
    """Yours with a style that is not in the mix yet, taking its weight from the styles that are not locked."""
    free = {
        name: float(value) for name, value in yours.items() if name.startswith("style:") and name not in brief.locks
    }
    absent = [f"style:{name}" for name in info.styles if name not in brief.styles]
    if brief.masks:  # a newcomer would be everywhere, also where the artist wants no style
        return None
    if info.picture_styles and info.file_styles and all(map(PICTURE.fullmatch, brief.styles)):
        return None  # they may be files of one network, which knows no others
    if not absent or sum(free.values()) <= CRUMB:
        return None
    share = rng.uniform(*NEWCOMER)
    order = [absent[at] for at in rng.permutation(len(absent))]
    options = [
        yours | {name: value * (1 - share) for name, value in free.items()} | {new: share * sum(free.values())}
        for new in order
    ]
    if taste is None:
        return options[0]
    knobs = info.knobs(brief)
    points = np.array([taste.posterior.vector(coordinates(knobs, option)) for option in options])
    score = taste.posterior.mean(points) * brief.steering + rng.standard_normal(len(options)) * 0.3
    return options[int(np.argmax(score))]
