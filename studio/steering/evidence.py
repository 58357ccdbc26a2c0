"""Judgements of every kind as one kind of statement: this point is better than that one, or than the bar of what is good enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product

from engines.api import EngineInfo, Knob, Knobs

from ..events import Judgement, Place
from ..state import Round, State

Coordinates = dict[str, float]  # coordinate name -> unit value; a name that is missing counts as 0

HINT = 0.5  # weight of what was not said but follows: a liked variant against one that was left alone


@dataclass(frozen=True)
class Statement:
    """`better` beat `worse`; None stands for the bar. Indices into the points of the evidence."""

    better: int | None
    worse: int | None
    weight: float
    round: int
    event: int


@dataclass
class Evidence:
    """All that a session's judgements say. `labels` tell which variant of which round a point is, for reasons in words."""

    points: list[Coordinates] = field(default_factory=list)
    labels: list[Place | None] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.statements)

    def add(self, point: Coordinates, label: Place | None = None) -> int:
        self.points.append(point)
        self.labels.append(label)
        return len(self.points) - 1

    @property
    def names(self) -> list[str]:
        return sorted({name for point in self.points for name in point})


def coordinates(knobs: Iterable[Knob], values: Knobs) -> Coordinates:
    """Settings as named unit coordinates, so that rounds with different styles, even engines, can be compared."""
    out: Coordinates = {}
    for knob in knobs:
        if knob.kind == "simplex":
            continue
        value = values.get(knob.name, knob.value)
        if knob.kind == "choice":
            out[f"{knob.name}={value}"] = 1.0
        else:
            out[knob.name] = (float(value) - knob.low) / (knob.high - knob.low)
    return out | {name: float(weight) for name, weight in values.items() if name.startswith("style:")}


def evidence(state: State, infos: Mapping[str, EngineInfo]) -> Evidence:
    """What all judgements of a session say, oldest first. Rounds of engines that are not here any more say nothing."""
    found = Evidence()
    places: dict[tuple[int, int], int] = {}
    rounds = [_remembered(current, state.forgot) for current in state.rounds.values() if current.brief.engine in infos]
    for current in rounds:
        knobs = infos[current.brief.engine].knobs(current.brief)
        for variant in current.variants:
            point = coordinates(knobs, variant.knobs)
            places[current.number, variant.index] = found.add(point, Place(round=current.number, variant=variant.index))
    for current in rounds:
        _judged(found, places, current)
        _edited(found, places, current, infos[current.brief.engine])
    for event, place in state.branches.items():
        if (place.round, place.variant) not in places or (state.forgot is not None and event < state.forgot):
            continue
        better = places[place.round, place.variant]
        for variant in state.rounds[place.round].variants:
            if variant.index != place.variant:
                worse = places[place.round, variant.index]
                found.statements.append(Statement(better, worse, HINT, place.round, event))
    return found


def _remembered(current: Round, forgot: int | None) -> Round:
    """The round without the judgements that were to be forgotten: what is said of it afterwards counts as if said first."""
    if forgot is None:
        return current
    kept = {number: said for number, said in current.judgements.items() if number > forgot}
    return current.model_copy(update={"judgements": kept})


def _judged(found: Evidence, places: dict[tuple[int, int], int], current: Round) -> None:
    """Likes, dislikes, a pick, a ranking, or none of these. Of two statements on the same pair the first here counts."""
    verdict, everyone = current.verdict, {variant.index for variant in current.variants}
    said: dict[tuple[int | None, int | None], tuple[float, int]] = {}

    def event(test: Callable[[Judgement], bool]) -> int:
        return max((number for number, judgement in current.judgements.items() if test(judgement)), default=-1)

    def say(better: int | None, worse: int | None, weight: float, number: int) -> None:
        if (better, worse) not in said and (worse, better) not in said:
            said[better, worse] = (weight, number)

    if verdict.pick is not None:
        picked = event(lambda judgement: judgement.pick is not None)
        for other in sorted(everyone - {verdict.pick}):
            say(verdict.pick, other, 1.0, picked)
    ranked = event(lambda judgement: bool(judgement.ranking))
    for above, below in combinations(verdict.ranking, 2):
        for upper, lower in product(above, below):
            say(upper, lower, 1.0, ranked)
    quiet = sorted(everyone - verdict.likes - verdict.dislikes)
    for liked in sorted(verdict.likes & everyone):
        number = event(lambda judgement, index=liked: index in judgement.like)  # type: ignore[misc]
        say(liked, None, 1.0, number)
        for other in sorted(verdict.dislikes & everyone):
            say(liked, other, 1.0, number)
        for other in quiet:
            say(liked, other, HINT, number)
    for disliked in sorted(verdict.dislikes & everyone):
        number = event(lambda judgement, index=disliked: index in judgement.dislike)  # type: ignore[misc]
        say(None, disliked, 1.0, number)
        for other in quiet:
            say(other, disliked, HINT, number)
    none = event(lambda judgement: judgement.none)
    for shown in sorted(everyone) if verdict.none else ():
        say(None, shown, 1.0, none)
    for (better, worse), (weight, number) in said.items():
        first = None if better is None else places[current.number, better]
        second = None if worse is None else places[current.number, worse]
        found.statements.append(Statement(first, second, weight, current.number, number))
    if verdict.none and current.parent and (current.parent.round, current.parent.variant) in places:
        anchor = places[current.parent.round, current.parent.variant]
        for shown in sorted(everyone):
            found.statements.append(Statement(anchor, places[current.number, shown], 1.0, current.number, none))


def _edited(found: Evidence, places: dict[tuple[int, int], int], current: Round, info: EngineInfo) -> None:
    """A knob set by hand: the chosen variant with that value is better than as it was."""
    for event, judgement in current.judgements.items():
        if not judgement.edit:
            continue
        chosen = current.verdict.chosen or 0
        before = places.get((current.number, chosen))
        if before is None:
            continue
        made = next(variant for variant in current.variants if variant.index == chosen)
        brief = current.brief.apply({**made.knobs, **judgement.edit})
        knobs = {knob.name: knob.value for knob in info.knobs(brief)}
        after = found.add(coordinates(info.knobs(brief), knobs))
        found.statements.append(Statement(after, before, 1.0, current.number, event))
