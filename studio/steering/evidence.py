"""Judgements of every kind as one kind of statement: this point is better than that one, or than the bar of what is good enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

from engines.api import Brief, EngineInfo, Knob, Knobs

from ..events import Believed, Carried, Compared, Judgement, Opinion, Place, Sheeted, Taste
from ..notebook import distance
from ..state import Round, State

Coordinates = dict[str, float]  # coordinate name -> unit value; a name that is missing is at `rest`

STRETCH = 2.0  # of style weights: they share a sum, so half of the mix is as much of one as any other knob can give
CARRIED = 0.5  # of a statement's weight is left to it when it is carried along
GLANCE = 0.4  # weight of a cell of a sheet that was not picked: one look says something of many
NEIGHBOURS = 3  # variants that one is held against where much is said of many: all of a round of four
HINT = 0.5  # weight of what was not said but follows: a liked variant against one that was left alone


@dataclass(frozen=True)
class Statement:
    """`better` beat `worse`; None stands for the bar. Indices into the points of the evidence.

    What was carried along is of the round -1.
    """

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
    features: dict[int, Sequence[float]] = field(
        default_factory=dict
    )  # of a point's result, where the engine gives them
    beliefs: dict[str, tuple[float, int]] = field(
        default_factory=dict
    )  # coordinate -> what it is best at, and who says so

    def __bool__(self) -> bool:
        return bool(self.statements or self.beliefs)

    @property
    def events(self) -> set[int]:
        """The numbers of the events that this evidence is from."""
        return {said.event for said in self.statements} | {event for _, event in self.beliefs.values()}

    def add(self, point: Coordinates, label: Place | None = None, features: Sequence[float] | None = None) -> int:
        self.points.append(point)
        self.labels.append(label)
        if features is not None:
            self.features[len(self.points) - 1] = features
        return len(self.points) - 1

    @property
    def varied(self) -> list[str]:
        """The coordinates in which points that were judged differ: of the others, nothing can be learned."""
        used = {index for said in self.statements for index in (said.better, said.worse) if index is not None}
        points = [self.points[index] for index in sorted(used)]
        names = sorted({name for point in points for name in point} | set(self.beliefs))
        return [
            name for name in names if name in self.beliefs or len({point.get(name, rest(name)) for point in points}) > 1
        ]


def rest(name: str) -> float:
    """What a coordinate is where nobody set it: an axis is in its middle then, everything else at nothing."""
    return 0.5 if name.startswith("axis:") else 0.0


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
            out[knob.name] = coordinate(knob, float(value))
    return out | {name: STRETCH * float(weight) for name, weight in values.items() if name.startswith("style:")}


def coordinate(knob: Knob, value: float) -> float:
    """The value of a continuous knob, or the weight of a style, as a coordinate."""
    return STRETCH * value if knob.kind == "simplex" else (value - knob.low) / (knob.high - knob.low)


def evidence(state: State, infos: Mapping[str, EngineInfo]) -> Evidence:
    """What a session says, oldest first. Rounds of engines that are not here any more say nothing."""
    found = Evidence()
    taught = state.taught()
    for event, each in taught.items():
        if isinstance(each, Carried):
            _carried(found, each.taste, event)
    places: dict[Place, int] = {}
    rounds = [state.remembered(current) for current in state.rounds.values() if current.brief.engine in infos]
    for current in rounds:
        knobs = infos[current.brief.engine].knobs(current.brief)
        for variant in current.variants:
            place = Place(round=current.number, variant=variant.index)
            places[place] = found.add(coordinates(knobs, variant.knobs), place, variant.features)
    for current in rounds:
        _judged(found, places, current)
        _edited(found, places, current, infos[current.brief.engine])
    for event, place in state.branches.items():
        if place not in places or (state.forgot is not None and event < state.forgot):
            continue
        for variant in state.rounds[place.round].variants:
            if variant.index != place.variant:
                worse = places[Place(round=place.round, variant=variant.index)]
                found.statements.append(Statement(places[place], worse, HINT, place.round, event))
    for event, each in taught.items():
        number = max((current.number for current in rounds if current.event < event), default=0)
        match each:
            case Sheeted() if each.brief.engine in infos:
                _searched(found, each, infos[each.brief.engine], number, event)
            case Compared() if each.pair[0] in places and each.pair[1] in places:
                _compared(found, each, places, number, event)
            case Believed() if each.engine in infos:
                _believed(found, each, infos[each.engine], event)
    found.statements.sort(key=lambda statement: statement.round)
    return found


def carried(found: Evidence, most: int) -> Taste:
    """The newest statements as something to carry along. Pictures that serve as styles mean nothing elsewhere: they are left out."""
    statements = found.statements[-most:]
    used = sorted({index for said in statements for index in (said.better, said.worse) if index is not None})
    place = {None: None} | {index: at for at, index in enumerate(used)}
    points = [
        {name: round(value, 6) for name, value in found.points[index].items() if ":sha256:" not in name}
        for index in used
    ]
    opinions = [Opinion(better=place[said.better], worse=place[said.worse], weight=said.weight) for said in statements]
    beliefs = {name: value for name, (value, _) in found.beliefs.items() if ":sha256:" not in name}
    return Taste(points=points, opinions=opinions, beliefs=beliefs)


def _carried(found: Evidence, taste: Taste, event: int) -> None:
    points = [found.add(dict(point)) for point in taste.points]
    for said in taste.opinions:
        better = None if said.better is None else points[said.better]
        worse = None if said.worse is None else points[said.worse]
        found.statements.append(Statement(better, worse, said.weight * CARRIED, -1, event))
    found.beliefs |= {name: (value, event) for name, value in taste.beliefs.items()}


def _searched(found: Evidence, sheet: Sheeted, info: EngineInfo, number: int, event: int) -> None:
    """On each level the cell that was picked beat the middle, the corners and the middles of the edges.

    It beat the others too, but they lie between: they would say little more, and crowd older judgements out of the fit.
    """
    knobs = info.knobs(sheet.brief)
    for level in sheet.levels:
        side, best = round(len(level.cells) ** 0.5), level.cells[level.pick]
        lines = range(0, side, max(1, side // 2))
        picked = found.add(coordinates(knobs, best))
        for cell in (level.cells[row * side + column] for row in lines for column in lines):
            if cell != best:  # at the edge of the space two cells can be the same
                found.statements.append(Statement(picked, found.add(coordinates(knobs, cell)), GLANCE, number, event))


def _compared(found: Evidence, said: Compared, places: Mapping[Place, int], number: int, event: int) -> None:
    """An earlier pair, judged anew. Who says the opposite now leaves both statements standing, and the fit less sure."""
    if said.better is not None:
        better, worse = (places[said.pair[at]] for at in (said.better, 1 - said.better))
        found.statements.append(Statement(better, worse, 1.0, number, event))


def brief_with(info: EngineInfo, knob: str) -> Brief:
    """A brief that has this knob, for what is to be known of the knob alone."""
    style = knob.removeprefix("style:")
    if style != knob:
        return Brief(mode=info.mode, styles={style: 1.0})
    beside = {f"{kind}:": 0.0 for kind in info.weights}  # some knobs are there only beside weights
    return Brief(mode=info.mode, weights={knob: 0.0} if ":" in knob else beside)


def _believed(found: Evidence, said: Believed, info: EngineInfo, event: int) -> None:
    for knob in info.knobs(brief_with(info, said.knob)):
        if knob.name == said.knob and knob.kind != "choice":
            found.beliefs[said.knob] = (coordinate(knob, said.value), event)


def _judged(found: Evidence, places: Mapping[Place, int], current: Round) -> None:
    """Likes, dislikes, a pick, a ranking, a text that was mended, or none of these.

    Of two statements on the same pair the first here counts.
    """
    verdict, everyone = current.verdict, {variant.index for variant in current.variants}
    made = {variant.index: variant.text or "" for variant in current.variants}
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
    for (place, above), (lower_place, below) in combinations(enumerate(verdict.ranking), 2):
        for upper, lower in product(above, below) if lower_place - place <= NEIGHBOURS else ():
            say(upper, lower, 1.0, ranked)
    quiet = sorted(everyone - verdict.likes - verdict.dislikes)
    for liked in sorted(verdict.likes & everyone):
        number = event(lambda judgement, index=liked: index in judgement.like)  # type: ignore[misc]
        say(liked, None, 1.0, number)
        for other in sorted(verdict.dislikes & everyone):
            say(liked, other, 1.0, number)
        for other in _nearest(quiet, liked):
            say(liked, other, HINT, number)
    for disliked in sorted(verdict.dislikes & everyone):
        number = event(lambda judgement, index=disliked: index in judgement.dislike)  # type: ignore[misc]
        say(None, disliked, 1.0, number)
        for other in _nearest(quiet, disliked):
            say(other, disliked, HINT, number)
    for mended in sorted(
        verdict.texts.keys() & everyone
    ):  # worth the trouble of mending it, the more the less was changed
        number = event(lambda judgement, index=mended: index in judgement.text)  # type: ignore[misc]
        kept = 1 - distance(made[mended], verdict.texts[mended])
        for other in sorted(everyone - verdict.texts.keys()) if kept > 0 else ():
            say(mended, other, kept, number)
    none = event(lambda judgement: judgement.none)
    for shown in sorted(everyone) if verdict.none else ():
        say(None, shown, 1.0, none)
    for (better, worse), (weight, number) in said.items():
        first = None if better is None else places[Place(round=current.number, variant=better)]
        second = None if worse is None else places[Place(round=current.number, variant=worse)]
        found.statements.append(Statement(first, second, weight, current.number, number))
    if verdict.none and current.parent is not None and current.parent in places:
        anchor = places[current.parent]
        for shown in sorted(everyone):
            found.statements.append(
                Statement(anchor, places[Place(round=current.number, variant=shown)], 1.0, current.number, none)
            )


def _nearest(quiet: list[int], index: int) -> list[int]:
    """A few of those that were left alone, so that a large round does not crowd older ones out of the fit."""
    return sorted(quiet, key=lambda other: (abs(other - index), other))[:NEIGHBOURS]


def _edited(found: Evidence, places: Mapping[Place, int], current: Round, info: EngineInfo) -> None:
    """A knob set by hand: the chosen variant with that value is better than as it was."""
    for event, judgement in current.judgements.items():
        if not judgement.edit:
            continue
        chosen = current.verdict.chosen or 0
        before = places.get(Place(round=current.number, variant=chosen))
        if before is None:
            continue
        made = next(variant for variant in current.variants if variant.index == chosen)
        brief = current.brief.apply({**made.knobs, **judgement.edit})
        knobs = {knob.name: knob.value for knob in info.knobs(brief)}
        after = found.add(coordinates(info.knobs(brief), knobs))
        found.statements.append(Statement(after, before, 1.0, current.number, event))
