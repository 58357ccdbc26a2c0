"""Where a picture comes from: its ancestors, generation by generation, and its children. A pure function of a session's state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engines.api import parents

from .events import Place
from .state import Round, State

GENERATIONS, MOST = 24, 400  # that are followed back, and pictures that a tree holds

Line = tuple[str, str, dict[str, float]]  # parent, kind, and how much it gave by kind


def family(state: State, place: Place) -> dict[str, Any]:
    """The tree around a variant. Raises `StudioError` where there is none.

    `people` are pictures by digest, each with its `generation` (0 its own, -1 its parents, 1 its children), its `name` where it was
    uploaded, and its `round`, `variant` and `role` where it was made here; `lines` lead `from` a picture `to` what came of it, `kind`
    "parent" where it was bred from it (with its `shares`), "picked" where its round went on from it. Pictures of which nothing is
    known any more are left out. `more` says that there are more than are told.
    """
    own, where = state.made(place).sha256, _places(state)
    where[own] = place
    people, lines, more = {own: 0}, [], False
    reached = [own]
    for sha in reached:  # grows while ancestors are found
        for parent, kind, shares in _parents_of(state, where.get(sha)):
            if parent not in where and parent not in state.pictures:
                continue
            if parent not in people:
                if people[sha] <= -GENERATIONS or len(people) >= MOST:
                    more = True
                    continue
                people[parent] = people[sha] - 1
                reached.append(parent)
            lines.append({"from": parent, "to": sha, "kind": kind, "shares": shares})
    for child, kind, shares in _children_of(state, own, place):
        if child not in people and len(people) >= MOST:
            more = True
        elif people.setdefault(child, 1) == 1:
            lines.append({"from": own, "to": child, "kind": kind, "shares": shares})
    return {
        "of": own,
        "people": {sha: _person(state, sha, where.get(sha), at) for sha, at in people.items()},
        "lines": lines,
        "more": more,
    }


def world_of(brief: Any) -> str:
    """What the ways of a brief, JSON values, belong to: the GAN that it names, `sha256:…`, or else its engine."""
    return next((name for name in brief.get("styles", {}) if name.startswith("sha256:")), str(brief.get("engine", "")))


def _places(state: State) -> dict[str, Place]:
    """Where each picture was made first."""
    found: dict[str, Place] = {}
    for current in state.rounds.values():
        for variant in current.variants:
            found.setdefault(variant.sha256, Place(round=current.number, variant=variant.index))
    return found


def _parents_of(state: State, place: Place | None) -> Iterator[Line]:
    """Those that it was bred from; without any, the one that its round went on from."""
    if place is None:
        return
    current = state.rounds[place.round]
    bred = parents(current.brief.apply(state.made(place).knobs).weights)
    for ref, shares in bred.items():
        yield ref.removeprefix("sha256:"), "parent", shares
    if not bred and current.parent is not None and current.parent.round in state.rounds:
        yield state.made(current.parent).sha256, "picked", {}


def _children_of(state: State, own: str, place: Place) -> Iterator[Line]:
    for current in state.rounds.values():
        if not _follows(current, own, place):
            continue
        for variant in current.variants:
            for parent, kind, shares in _parents_of(state, Place(round=current.number, variant=variant.index)):
                if parent == own:
                    yield variant.sha256, kind, shares


def _follows(current: Round, own: str, place: Place) -> bool:
    return current.parent == place or f"sha256:{own}" in parents(current.brief.weights)


def _person(state: State, sha: str, place: Place | None, generation: int) -> dict[str, Any]:
    about: dict[str, Any] = {"generation": generation}
    if sha in state.pictures:
        about["name"] = state.pictures[sha].name
    if place is not None:
        about |= {**place.model_dump(), "role": state.made(place).role}
    return about
