"""`studio bench steering`: simulated artists judge round after round, and what steering makes of it is held beside its peers.

Regret is what the incumbent lacks to the artist's wish, 1 for a uniform point on average, and its mean over the rounds is an
episode's score. Seeds are paired: in an episode every policy meets the same artist and begins at the same point, CMA-ES around
it. Results are kept by scenario, policy, seed and a digest of the code, so that what was measured is not measured again.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .. import config
from ..steering import artists
from ..steering.artists import Artist
from ..steering.evidence import Evidence, Statement
from ..steering.preference import fit
from . import gallery, paintings
from .episodes import ROUNDS, SCENARIOS, Episode, Store, missing
from .plot import svg
from .policies import SHOWN, Ours, cube
from .report import GOALS, Row, note, row

Array = NDArray[np.float64]
Tell = Callable[[object], None]

RANKED = ("4d", "6d", "10d")  # scenarios in which every peer plays
SLOW = 40  # episodes for the peer that takes ten seconds each
DRAWS = 2000  # resamples behind an interval


def kept() -> Store:
    """The episodes that this home has seen."""
    return Store(config.home() / "bench" / "steering.jsonl")


def count_of(policy: str, episodes: int) -> int:
    return min(episodes, SLOW) if policy == "eubo" else episodes


def plot(episodes: int) -> str:
    """Regret by round in the scenarios that the goals are about, as an SVG."""
    store, policies = kept(), [name for name in ("random", "cmaes", "eubo", "ours") if not missing(name)]
    panels = {
        f"{SCENARIOS[name].dim} knobs": {
            each: store.episodes(name, each, count_of(each, episodes)) for each in policies
        }
        for name in RANKED
    }
    return svg(panels)


def rows(episodes: int, tell: Tell) -> Iterator[Row]:
    """Every row as soon as it is measured."""
    store = kept()
    for name in RANKED:
        tell(f"Artists who rank, {SCENARIOS[name].dim} knobs")
        ours = store.episodes(name, "ours", episodes)
        for peer in ("random", "cmaes", "eubo"):
            if absent := missing(peer):
                why = f"not installed: {', '.join(absent)}; uv sync installs it for development"
                yield row(f"regret.{name}.vs_{peer}", None, why)
                continue
            count = count_of(peer, episodes)
            yield ratio(f"regret.{name}.vs_{peer}", ours[:count], store.episodes(name, peer, count))
    tell("With and without what was learned")
    ours, without = store.episodes("6d", "ours", episodes), store.episodes("6d", "unsteered", episodes)
    yield lead("lead.round2", ours, without)
    yield diversity("diversity.r3_over_r1", ours)
    for name in ("noise30", "drift", "exact", "several", "likes", "picks", "picture"):
        tell(f"Artists: {name}")
        yield beside_random(store, name, episodes)
    tell("Sheets, 5 knobs")
    yield gallery.rounds_to_90("sheet.5d.rounds_to_90", config.home() / "bench" / "sheets.jsonl", episodes)
    tell("Rank correlation and time")
    yield kendall("kendall.4d")
    for number in (30, 200):
        yield update(f"update.r{number}_ms", number)


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def beside_random(store: Store, name: str, episodes: int) -> Row:
    """Ours beside random search, where what the scenario needs is here."""
    measured = f"regret.{name}.vs_random"
    if SCENARIOS[name].wish == "picture" and (why := paintings.absent()):
        return row(measured, None, why)
    return ratio(measured, store.episodes(name, "ours", episodes), store.episodes(name, "random", episodes))


def ratio(name: str, ours: Sequence[Episode], theirs: Sequence[Episode]) -> Row:
    """Mean regret over all rounds, ours over theirs, with a 95 % interval from resampled pairs of episodes."""
    mine, peer = (np.array([each.regret for each in episodes]).mean(1) for episodes in (ours, theirs))
    drawn = np.random.default_rng(0).integers(len(mine), size=(DRAWS, len(mine)))
    low, high = np.quantile(mine[drawn].mean(1) / peer[drawn].mean(1), (0.025, 0.975))
    best = np.array([each.budget for each in theirs]).mean()
    detail = (
        f"{mine.mean():.3f} / {peer.mean():.3f}, 95 % {low:.2f}-{high:.2f}, {len(mine)} episodes; "
        f"the best of all that the peer showed lacks {best:.3f}"
    )
    value = float(mine.mean() / peer.mean())
    return row(name, value, detail) if name in GOALS else note(name, value, "x", detail)


def lead(name: str, ours: Sequence[Episode], without: Sequence[Episode]) -> Row:
    """By how much less the variants lack than without steering: the least of all rounds from the second, of mean and worst."""
    gains: Mapping[str, Array] = {
        "mean": np.array([each.mean for each in without]) - np.array([each.mean for each in ours]),
        "worst": np.array([each.worst for each in without]) - np.array([each.worst for each in ours]),
    }
    least = {what: gain.mean(0)[1:] for what, gain in gains.items()}
    detail = "; ".join(
        f"{what}: round 2 {by[0]:+.3f}, least {by.min():+.3f} in round {int(by.argmin()) + 2}"
        for what, by in least.items()
    )
    return row(name, float(min(by.min() for by in least.values())), detail)


def diversity(name: str, ours: Sequence[Episode]) -> Row:
    by = np.array([each.diversity for each in ours]).mean(0)
    detail = f"mean pairwise distance {by[0]:.3f} in round 1, {by[2]:.3f} in round 3, {by[-1]:.3f} in round {ROUNDS}"
    return row(name, float(by[2] / by[0]), detail)


def kendall(name: str, repeats: int = 20) -> Row:
    """Kendall's tau on 1000 new points after 100 comparisons of 50 points, noise 0.1, on the utility of BoTorch's tutorial."""
    from scipy.stats import kendalltau

    found = []
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        weights = np.sqrt(np.arange(1, 5))
        points, fresh = rng.random((50, 4)), rng.random((1000, 4))
        compared = [rng.choice(50, 2, replace=False) for _ in range(100)]
        felt = [points[pair] @ weights + 0.1 * rng.standard_normal(2) for pair in compared]
        names = [f"k{at}" for at in range(4)]
        said = [
            Statement(int(pair[np.argmax(value)]), int(pair[np.argmin(value)]), 1.0, 0, at)
            for at, (pair, value) in enumerate(zip(compared, felt, strict=True))
        ]
        known = Evidence([dict(zip(names, point, strict=True)) for point in points.tolist()], [None] * 50, said)
        found.append(kendalltau(fit(known, names).mean(fresh), fresh @ weights).statistic)
    low, high = np.quantile(found, (0.025, 0.975))
    return row(name, float(np.mean(found)), f"mean of {repeats}, 95 % of them in {low:.2f}-{high:.2f}")


def update(name: str, number: int, turns: int = 5) -> Row:
    """Evidence, fit and proposals after `number` rounds of rankings of ten knobs, as when the artist asks again."""
    rng = np.random.default_rng(0)
    artist = Artist(artists.single(10, rng), 0.1, rng)
    ours = Ours(cube(rng.random(10)), rng)
    for at in range(number):
        points = ours.ask() if at < 20 else ours.show(rng.random((SHOWN, 10)))  # the rest only has to be there
        ours.tell(artist.judge(points))
    times = []
    for _ in range(turns):
        began = time.perf_counter()
        ours.proposals()
        times.append((time.perf_counter() - began) * 1000)
    return row(name, statistics.median(times), f"evidence, fit and four proposals, 10 knobs, median of {turns}")
