"""The drift check: now and then an earlier pair comes back, and what is said of it now shows how constant a taste is.

The new word counts as a statement like any other. Where it contradicts the old one, both stand, and the fit is less sure of all.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from ..events import Compared, Place
from ..state import Round, State

Pair = tuple[Place, Place]

EVERY = 4  # judged rounds after which a pair comes back
AGO = 2  # rounds that lie between at least, so that the hand does not remember


def due(state: State) -> Pair | None:
    """The pair to show again, in no particular order; None while none is due. What was forgotten does not come back."""
    judged = [current for current in map(state.remembered, state.rounds.values()) if _pairs(current)]
    asked = [each for each in state.taught().values() if isinstance(each, Compared)]
    if len(judged) < EVERY * (len(asked) + 1):
        return None
    done = {frozenset(each.pair) for each in asked}
    newest = max(state.rounds)
    open_pairs = [
        pair
        for current in judged
        if current.number <= newest - AGO
        for pair in _pairs(current)
        if set(pair) not in done
    ]
    if not open_pairs:
        return None
    rng = np.random.default_rng([len(judged), len(asked), 11])
    first, second = open_pairs[int(rng.integers(len(open_pairs)))]
    return (first, second) if rng.random() < 0.5 else (second, first)


def agreement(state: State) -> tuple[int, int]:
    """How often the artist said the same again, and of how many pairs that came back."""
    agreed = asked = 0
    for each in state.taught().values():
        if isinstance(each, Compared) and each.better is not None and each.pair[0].round in state.rounds:
            before = _pairs(state.remembered(state.rounds[each.pair[0].round]))
            now = (each.pair[each.better], each.pair[1 - each.better])
            agreed += now in before
            asked += now in before or now[::-1] in before
    return agreed, asked


def _pairs(current: Round) -> list[Pair]:
    """Every better and worse that the pick and the ranking of a round say."""
    verdict, there = current.verdict, {variant.index for variant in current.variants}
    found = [] if verdict.pick is None else [(verdict.pick, other) for other in sorted(there - {verdict.pick})]
    for above, below in combinations(verdict.ranking, 2):
        found += [pair for pair in product(above, below) if pair not in found and pair[::-1] not in found]
    return [
        (Place(round=current.number, variant=better), Place(round=current.number, variant=worse))
        for better, worse in found
        if {better, worse} <= there
    ]
