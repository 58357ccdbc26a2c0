"""Ways to choose the next four: ours as the page runs it, and those it is measured against.

Every policy proposes four points of a space and hears what the artist says of them.
"""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.api import Brief, EngineInfo, Space, option

from ..events import AnyEvent, Judged, Judgement, Made, Proposal, Proposed, Variant
from ..state import State, fold
from ..steering import evidence, propose
from ..steering.propose import Taste
from ..view import next_brief

Array = NDArray[np.float64]

SHOWN = 4  # variants a round


@dataclass(frozen=True)
class Ground:
    """Where an episode is played: what is known of an engine, and the brief that it begins with."""

    info: EngineInfo
    brief: Brief

    @cached_property
    def space(self) -> Space:
        """What the brief leaves free."""
        return self.info.space(self.brief)

    @property
    def start(self) -> Array:
        """The brief itself as a point, (dim,)."""
        return self.space.encode(self.space.yours)


class Policy(Protocol):
    """`ask` for points (4, dim), `tell` what was said of them, and what it holds for the best that was `shown` so far."""

    def ask(self) -> Array: ...

    def tell(self, said: Judgement) -> None: ...

    def incumbent(self) -> Array: ...


class Random:
    """The incumbent, which is the winner of the last round, and three uniform points."""

    def __init__(self, ground: Ground, rng: np.random.Generator) -> None:
        self._rng, self._space, self._winner = rng, ground.space, ground.start

    def ask(self) -> Array:
        self._shown = self._space.sample(self._rng, SHOWN)
        self._shown[0] = self._winner
        return self._shown

    def tell(self, said: Judgement) -> None:
        self._winner = self._shown[winner(said)]

    def incumbent(self) -> Array:
        return self._winner


class Evolution:
    """CMA-ES (Hansen 2016) as the package `cmaes` has it, with a population of four around the start; its incumbent won the last round.

    For plain knobs: nothing holds its points to a sum.
    """

    def __init__(self, ground: Ground, rng: np.random.Generator) -> None:
        from cmaes import CMA

        self._winner = start = ground.start
        bounds = np.array([[0.0, 1.0]] * len(start))
        seed = int(rng.integers(2**31))
        self._cma = CMA(mean=start.copy(), sigma=0.3, bounds=bounds, seed=seed, population_size=SHOWN)

    def ask(self) -> Array:
        self._asked = np.array([self._cma.ask() for _ in range(SHOWN)])
        return self._asked

    def tell(self, said: Judgement) -> None:
        order = [index for group in said.groups() for index in group]
        self._cma.tell([(self._asked[index], float(rank)) for rank, index in enumerate(order)])
        self._winner = self._asked[winner(said)]

    def incumbent(self) -> Array:
        return self._winner


class Botorch:
    """BoTorch's PairwiseGP with the expected utility of the best option (Astudillo et al. 2023) for three new points.

    For plain knobs: nothing holds its points to a sum.
    """

    def __init__(self, ground: Ground, rng: np.random.Generator) -> None:
        self._rng, self._start = rng, ground.start
        self._points = np.zeros((0, len(self._start)))
        self._pairs: list[tuple[int, int]] = []
        self._model: object = None

    def ask(self) -> Array:
        dim = len(self._start)
        if self._model is None:
            fresh = np.concatenate([self._start[None], self._rng.random((SHOWN - 1, dim))])
        else:
            fresh = np.concatenate([self.incumbent()[None], self._best_three(dim)])
        self._first = len(self._points)
        self._points = np.concatenate([self._points, fresh])
        return fresh

    def tell(self, said: Judgement) -> None:
        import torch
        from botorch.fit import fit_gpytorch_mll
        from botorch.models.pairwise_gp import PairwiseGP, PairwiseLaplaceMarginalLogLikelihood

        torch.manual_seed(len(self._points))  # a fit that fails begins again at random
        self._pairs += [(self._first + better, self._first + worse) for better, worse in pairs(said)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = PairwiseGP(torch.tensor(self._points), torch.tensor(self._pairs))
            fit_gpytorch_mll(PairwiseLaplaceMarginalLogLikelihood(model.likelihood, model))
        self._model = model

    def incumbent(self) -> Array:
        import torch

        if self._model is None:
            return self._start
        with torch.no_grad():
            mean = self._model.posterior(torch.tensor(self._points)).mean.squeeze(-1)  # type: ignore[attr-defined]
        return np.asarray(self._points[int(mean.argmax())])

    def _best_three(self, dim: int) -> Array:
        import torch
        from botorch.acquisition.preference import qExpectedUtilityOfBestOption
        from botorch.optim.optimize import optimize_acqf

        bounds = torch.stack([torch.zeros(dim), torch.ones(dim)]).double()
        torch.manual_seed(int(self._rng.integers(2**31)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            acquisition = qExpectedUtilityOfBestOption(self._model)  # type: ignore[arg-type]
            found, _ = optimize_acqf(acquisition, bounds, q=SHOWN - 1, num_restarts=2, raw_samples=32)
        return np.asarray(found.numpy())


class Ours:
    """The studio's own steering: a session's events, folded, and proposals from what they say, as for the page."""

    def __init__(self, ground: Ground, rng: np.random.Generator, steering: float = 1.0) -> None:
        self._info, self._space = ground.info, ground.space
        self._brief = replace(ground.brief, seed=int(rng.integers(2**31)), steering=steering)
        self._events: dict[int, AnyEvent] = {}
        self._round = 0

    def state(self) -> State:
        return fold(self._events)

    def ask(self) -> Array:
        return self._show(self.proposals())

    def proposals(self) -> list[Proposal]:
        """What would come next."""
        state = self.state()
        self._brief = next_brief(state) or self._brief
        return propose(self._info, self._brief, evidence(state, {self._info.name: self._info}))

    def show(self, points: Array) -> Array:
        """Shows these points (4, dim) instead of proposals."""
        made = [self._space.decode(point) for point in points]
        return self._show([Proposal(role="surprise", knobs=knobs, seed=0, reason=[]) for knobs in made])

    def _show(self, proposals: list[Proposal]) -> Array:
        state = self.state()
        self._add(Proposed(round=self._round, parent=state.head, brief=self._brief, proposals=proposals))
        for index, made in enumerate(proposals):
            facts = made.model_dump() | {"index": index, "sha256": "0" * 64, "seconds": 0.0}
            self._add(Made(round=self._round, variant=Variant(**facts)))
        return np.array([self._space.encode(made.knobs) for made in proposals])

    def tell(self, said: Judgement) -> None:
        self._add(Judged(round=self._round, judgement=said))
        self._round += 1

    def incumbent(self) -> Array:
        """The best shown so far by posterior mean."""
        state = self.state()
        known = evidence(state, {self._info.name: self._info})
        rounds = state.rounds.values()
        shown = np.array([self._space.encode(each.knobs) for current in rounds for each in current.variants])
        taste = Taste.of(self._info, self._brief, self._space, known)
        return np.asarray(shown[int(np.argmax(taste.posterior.mean(taste.points(shown))))])

    def _add(self, event: AnyEvent) -> None:
        self._events[len(self._events)] = event


def winner(said: Judgement) -> int:
    """The variant that a pick or a ranking puts first, or the first that is liked; where there is none, the incumbent's place."""
    if said.pick is not None:
        return said.pick
    return said.groups()[0][0] if said.ranking else min(said.like, default=0)


def pairs(said: Judgement) -> list[tuple[int, int]]:
    """Every better and worse that a ranking or a pick of four says."""
    if said.pick is not None:
        return [(said.pick, other) for other in range(SHOWN) if other != said.pick]
    order = [index for group in said.groups() for index in group]
    return [(better, worse) for at, better in enumerate(order) for worse in order[at + 1 :]]


def cube(start: Array) -> Ground:
    """Plain knobs of an engine that nobody ever runs, as many as `start` has, which begin there."""
    names = [f"k{at:02}" for at in range(len(start))]
    fields = [(name, float, option(0.5, low=0.0, high=1.0, step=0.01, knob=True)) for name in names]
    options = dataclasses.make_dataclass("Options", fields, frozen=True)
    info = EngineInfo(name="space", mode="style", version="1", summary="Knobs only.", options=options)
    brief = Brief(engine=info.name, options=dict(zip(names, start.tolist(), strict=True)))
    return Ground(info, info.check(brief))
