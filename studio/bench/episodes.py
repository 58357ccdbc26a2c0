"""Episodes: one simulated artist, one policy, fifteen rounds. Played on all cores, and kept so that none is played twice."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import engines

from ..steering import artists
from ..steering.artists import Artist, Habit, Wish
from . import paintings
from .policies import Botorch, Evolution, Ground, Ours, Policy, Random, cube

Array = NDArray[np.float64]

ROUNDS = 15
NEEDED = {"cmaes": ("cmaes",), "eubo": ("botorch", "gpytorch", "torch")}  # packages that a peer is made of


@dataclass(frozen=True)
class Scenario:
    """Who judges, and in how many knobs; for a picture they are style weights."""

    dim: int = 6
    noise: float = 0.1
    habit: Habit = "ranks"
    wish: str = "single"  # the name of a maker of wishes in `artists`, "drift" or "picture"


SCENARIOS = {
    "4d": Scenario(4),
    "6d": Scenario(6),
    "10d": Scenario(10),
    "exact": Scenario(noise=0.0),
    "noise30": Scenario(noise=0.3),
    "drift": Scenario(wish="drift"),
    "several": Scenario(wish="several"),
    "likes": Scenario(habit="likes"),
    "picks": Scenario(habit="picks"),
    "picture": Scenario(wish="picture"),
}
Play = Callable[[Ground, np.random.Generator], Policy]
POLICIES: dict[str, Play] = {
    "ours": Ours,
    "unsteered": partial(Ours, steering=0.0),
    "random": Random,
    "cmaes": Evolution,
    "eubo": Botorch,
}


@dataclass(frozen=True)
class Episode:
    """By round: the incumbent's regret, that of the best shown so far, of the variants on average and of the worst, and diversity."""

    regret: list[float]
    budget: list[float]
    mean: list[float]
    worst: list[float]
    diversity: list[float]  # mean pairwise distance of the variants, root mean square over the knobs


def episode(scenario: Scenario, policy: Play, seed: int) -> Episode:
    """One artist through `ROUNDS` rounds. The artist, the start and the policy have random numbers of their own."""
    wishing, judging, starting, proposing = (np.random.default_rng([seed, each]) for each in range(4))
    if scenario.wish == "picture":
        ground, wish = paintings.atelier().wish(wishing, starting)
        artist = Artist(wish, scenario.noise, judging, scenario.habit)
    else:
        ground, artist = cube(starting.random(scenario.dim)), artist_of(scenario, wishing, judging)
    chosen = policy(ground, proposing)
    made = Episode([], [], [], [], [])
    shown: list[Array] = []
    for _ in range(ROUNDS):
        wish, points = artist.wish, chosen.ask()
        shown += list(points)
        chosen.tell(artist.judge(points))
        lacking = [wish.regret(point) for point in points]
        made.regret.append(wish.regret(chosen.incumbent()))
        made.budget.append(min(wish.regret(point) for point in shown))
        made.mean.append(statistics.fmean(lacking))
        made.worst.append(max(lacking))
        made.diversity.append(spread(points))
    return made


def artist_of(scenario: Scenario, wishing: np.random.Generator, judging: np.random.Generator) -> Artist:
    if scenario.wish == "drift":
        return artists.Drifting(scenario.dim, scenario.noise, wishing, judging, over=ROUNDS)
    make: Callable[[int, np.random.Generator], Wish] = getattr(artists, scenario.wish)
    return Artist(make(scenario.dim, wishing), scenario.noise, judging, scenario.habit)


def spread(points: Array) -> float:
    """Mean pairwise distance, root mean square over the knobs."""
    gaps = np.sqrt(((points[:, None] - points[None]) ** 2).mean(-1))
    return float(gaps[np.triu_indices(len(points), 1)].mean())


class Store:
    """Episodes on disk, one JSON line each; what is missing is played on all cores."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, Episode] = {}
        for line in file.read_text().splitlines() if file.is_file() else ():
            try:
                entry = json.loads(line)
                self._known[entry["key"]] = Episode(**entry["episode"])
            except (ValueError, KeyError, TypeError):  # a line cut short when the bench was stopped
                continue

    def episodes(self, scenario: str, policy: str, count: int) -> list[Episode]:
        code = digest(scenario, policy)
        keys = [f"{scenario}/{policy}/{seed}/{code}" for seed in range(count)]
        unplayed = [seed for seed, key in enumerate(keys) if key not in self._known]
        if unplayed:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with ProcessPoolExecutor(os.cpu_count(), initializer=_alone) as pool, self._file.open("a") as file:
                for seed, made in zip(unplayed, pool.map(partial(_play, scenario, policy), unplayed), strict=True):
                    self._known[keys[seed]] = made
                    file.write(json.dumps({"key": keys[seed], "episode": asdict(made)}) + "\n")
                    file.flush()
        return [self._known[key] for key in keys]


def _play(scenario: str, policy: str, seed: int) -> Episode:
    return episode(SCENARIOS[scenario], POLICIES[policy], seed)


def _alone() -> None:
    """One thread a process: they would only wait for each other."""
    import torch

    torch.set_num_threads(1)


def digest(scenario: str, policy: str) -> str:
    """Of the code that a result depends on: for a peer that is not our steering, but the packages that it is made of."""
    here = Path(__file__).parent
    files = [here / "policies.py", here / "episodes.py", Path(artists.__file__)]
    files += [Path(engines.__file__).parent / name for name in ("api.py", "brief.py", "space.py")]
    if policy in ("ours", "unsteered"):
        files += sorted(Path(artists.__file__).parent.glob("*.py"))
        files += [here.parent / name for name in ("events.py", "state.py", "view.py")]
    versions = "".join(metadata.version(name) for name in NEEDED.get(policy, ("numpy",)))
    pictures = paintings.origin() if SCENARIOS[scenario].wish == "picture" else b""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files) + versions.encode() + pictures).hexdigest()[:12]


def missing(policy: str) -> list[str]:
    """Packages that the policy needs and that are not installed here."""
    return [name for name in NEEDED.get(policy, ()) if importlib.util.find_spec(name) is None]
