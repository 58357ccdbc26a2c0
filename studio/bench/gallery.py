"""Rounds by sheet: how soon an artist who only looks at sheets has most of what there is to gain.

The protocol of Koyama, Sato and Goto 2020 ("Sequential Gallery"): in each round the artist picks a cell of a plane, twice more on
closer ones, and where they end the next round goes on. Their users needed 5.36 rounds.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..events import AnyEvent, Level, Made, Proposal, Proposed, Sheeted, Variant
from ..state import fold
from ..steering import Plane, artists, evidence, levels, plane
from ..steering.artists import Artist
from ..steering.propose import Taste
from ..view import next_brief
from .episodes import ROUNDS, digest
from .policies import Ground, cube
from .report import Row, row

Array = NDArray[np.float64]

DIM, NOISE = 5, 0.1  # knobs, and how unsurely the artist picks, in the spread of their wish
LEFT = 0.1  # of what the start lacks may still be lacking


class Visit:
    """A session of nothing but sheets, as events: each is searched, and what was picked is painted."""

    def __init__(self, ground: Ground) -> None:
        self._info, self._brief, self._space = ground.info, ground.brief, ground.space
        self._infos = {ground.info.name: ground.info}
        self._events: dict[int, AnyEvent] = {}
        self._shown = [ground.start]

    def search(self, artist: Artist) -> None:
        """One sheet, level by level; its last pick is the next `yours`."""
        state = fold(self._events)
        self._brief = next_brief(state) or self._brief
        found = Plane.of(self._info, self._brief, evidence(state, self._infos))
        picks: list[int] = []
        said: list[Level] = []
        while len(picks) < plane.LEVELS:
            cells = levels(self._space, found, picks)[-1]
            points = [self._space.encode(cell) for cell in cells]
            self._shown += points
            picks.append(artist.judge(np.array(points)).pick or 0)
            said.append(Level(cells=cells, pick=picks[-1]))
        self._add(Sheeted(brief=self._brief, levels=said))
        self._paint(said[-1].cells[picks[-1]])

    def _paint(self, knobs: dict[str, float | str]) -> None:
        state = fold(self._events)
        only = Proposal(role="yours", knobs=knobs, seed=0, reason=[])
        following = next_brief(state) or self._brief
        self._add(Proposed(round=state.next_round, parent=state.head, brief=following, proposals=[only]))
        facts = only.model_dump() | {"index": 0, "sha256": "0" * 64, "seconds": 0.0}
        self._add(Made(round=state.next_round, variant=Variant(**facts)))

    def incumbent(self) -> Array:
        """The best shown so far by posterior mean."""
        known, shown = evidence(fold(self._events), self._infos), np.array(self._shown)
        taste = Taste.of(self._info, self._brief, self._space, known)
        return np.asarray(shown[int(np.argmax(taste.posterior.mean(taste.points(shown))))])

    def _add(self, event: AnyEvent) -> None:
        self._events[len(self._events)] = event


def regrets(seed: int, rounds: int = ROUNDS) -> list[float]:
    """What the incumbent lacks at the start and after each sheet, up to the goal. Wish, picks and start have chances of their own."""
    wishing, judging, starting = (np.random.default_rng([seed, each]) for each in range(3))
    ground = cube(starting.random(DIM))
    artist = Artist(artists.single(DIM, wishing), NOISE, judging, "picks")
    visit, found = Visit(ground), [artist.wish.regret(ground.start)]
    while len(found) <= rounds and found[-1] > LEFT * found[0]:
        visit.search(artist)
        found.append(artist.wish.regret(visit.incumbent()))
    return found


def needed(found: list[float]) -> int:
    """The round after which the goal was reached, one more than there were where it never was."""
    return len(found) - 1 if found[-1] <= LEFT * found[0] else len(found)


def rounds_to_90(name: str, file: Path, episodes: int) -> Row:
    """How many sheets it takes until the incumbent has nine tenths of what there is to gain over the start."""
    counts = np.array([needed(each) for each in visits(file, episodes)])
    late, mean = float((counts > ROUNDS).mean()), float(np.minimum(counts, ROUNDS + 1).mean())
    spread = "-".join(f"{value:g}" for value in np.quantile(counts, (0.25, 0.75)))
    detail = (
        f"median; mean {mean:.1f}, quartiles {spread}, {late:.0%} not within {ROUNDS}; {DIM} knobs, {episodes} episodes"
    )
    return row(name, float(np.median(counts)), detail)


def visits(file: Path, count: int) -> list[list[float]]:
    """Regrets of every episode, kept on disk, one JSON line each; what is missing is played on all cores."""
    code = hashlib.sha256((digest("6d", "ours") + Path(__file__).read_text()).encode()).hexdigest()[:12]
    keys, known = [f"sheet/{seed}/{code}" for seed in range(count)], _kept(file)
    unplayed = [seed for seed, key in enumerate(keys) if key not in known]
    if unplayed:
        file.parent.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(os.cpu_count()) as pool, file.open("a") as out:
            for seed, found in zip(unplayed, pool.map(regrets, unplayed), strict=True):
                known[keys[seed]] = found
                out.write(json.dumps({"key": keys[seed], "regrets": found}) + "\n")
                out.flush()
    return [known[key] for key in keys]


def _kept(file: Path) -> dict[str, list[float]]:
    known: dict[str, list[float]] = {}
    for line in file.read_text().splitlines() if file.is_file() else ():
        try:
            entry = json.loads(line)
            known[entry["key"]] = entry["regrets"]
        except (ValueError, KeyError, TypeError):  # a line cut short when the bench was stopped
            continue
    return known
