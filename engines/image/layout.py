"""Where things stand: from what was asked for to a drawing. The same words, number and seed give the same drawing.

Each thing is composed with those that hang on it (what stands on it, in it, beside it), these groups stand in a row on the ground, and
what flies hangs above. Sizes follow the things' own, drawn closer together than they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import outlines
from .drawing import Drawing, Piece
from .lists import listed
from .outlines import Outline
from .search import Found
from .words import MOST_THINGS, Asked, Relation

CLOSER = 0.35  # power of a size in metres that is drawn
GROUND = (
    "place-geographic",
    "sky-weather",
    "place-map",
    "place-other",
    "plant-other",
)  # kinds that others stand on or in
GROUNDS = listed("grounds")
MARGIN, GAP = 0.06, 0.12  # of the drawing, and between things, in their own sizes
SURE = 0.8  # an outline this near to the best one may stand for it in other drawings
MOST_PIECES = 16


@dataclass(frozen=True)
class Placed:
    """A thing in a group: (x, y) is its lower left, y upwards from the ground."""

    which: int
    outline: Outline
    x: float
    y: float
    size: float  # its long side
    depth: int = 0
    mirrored: bool = False

    @property
    def width(self) -> float:
        return self.outline.width * self.size

    @property
    def height(self) -> float:
        return self.outline.height * self.size


Group = tuple[Placed, ...]


def drawing(asked: Asked, found: Sequence[Sequence[Found]], number: int, jitter: float = 0.0, seed: int = 0) -> Drawing:
    """The proposal of this number, from 0: others take other outlines, the other side and other sizes. `jitter` in 0-1 moves things."""
    chance = np.random.default_rng([seed, number])
    composer = Composer(asked, _chosen(found, number), number % 2 == 1, jitter + (0.25 if number > 1 else 0.0), chance)
    placed = composer.all()
    left, low, width, height = bounds(placed)
    scale = (1 - 2 * MARGIN) / max(width, height) * (1 - 0.3 * jitter * float(chance.random()))
    room = 1 - 2 * MARGIN - scale * np.array((width, height))  # where it may stray to
    x0, y0 = (MARGIN + room * (0.5 + jitter * (chance.random(2) - 0.5))).tolist()
    y0 += scale * height
    pieces = []
    for each in sorted(placed, key=lambda one: one.depth):
        lines = []
        for line in each.outline.lines:
            x = each.outline.width - line[:, 0] if each.mirrored else line[:, 0]
            at = np.stack(
                (each.x - left + x * each.size, each.y - low + (each.outline.height - line[:, 1]) * each.size), 1
            )
            lines.append(np.stack((x0 + scale * at[:, 0], y0 - scale * at[:, 1]), 1).astype(np.float32))
        pieces.append(Piece(asked.things[each.which].words, tuple(lines)))
    return Drawing(tuple(pieces))


def _chosen(found: Sequence[Sequence[Found]], number: int) -> list[Outline]:
    """An outline a thing: the best in the first drawing, then those that are nearly as good, in turn."""
    made = []
    for options in found:
        good = [each for each in options if each.score >= SURE * options[0].score]
        made.append(outlines.outline(good[number % len(good)].name))
    return made


@dataclass
class Composer:
    asked: Asked
    outlines: Sequence[Outline]
    mirror: bool
    jitter: float
    chance: np.random.Generator

    def all(self) -> Group:
        """Everything, on the ground and in the air."""
        hangs = self._hangs()
        roots = [at for at in range(len(self.asked.things)) if at not in hangs]
        flying = [
            at for at in roots if self._flies(at) and len(roots) > 1 and at not in {to for to, _ in hangs.values()}
        ]
        standing = [at for at in roots if at not in flying] or [flying.pop(0)]
        if self.mirror:
            standing.reverse()
        row = self._row([group for at in standing for group in self._copies(at, hangs)])
        return (*row, *self._sky([group for at in flying for group in self._copies(at, hangs)], row))

    def _hangs(self) -> dict[int, tuple[int, Relation]]:
        """What each thing hangs on. What is named together hangs together: a fox and a deer in a forest, a house on the moon with trees."""
        found: dict[int, tuple[int, Relation]] = {}
        for which, relation, to in self.asked.relations:
            if relation != "beside" and which not in found and not self._above(to, which, found):
                found[which] = (to, relation)
        for which, (to, relation) in tuple(found.items()):
            if relation in ("on", "in"):
                for before in range(which - 1, -1, -1):
                    if before in found or before in {under for under, _ in found.values()}:
                        break
                    found[before] = (to, relation)
        for which, relation, to in self.asked.relations:
            if relation != "beside" or to in found or which not in found or self._flies(to):
                continue
            ground = found[which][0]
            if to != ground and self._is_ground(ground) and not self._above(ground, to, found):
                found[to] = found[which]
        return dict(sorted(found.items()))

    def _above(self, at: int, wanted: int, found: Mapping[int, tuple[int, Relation]]) -> bool:
        while at in found:
            at = found[at][0]
            if at == wanted:
                return True
        return at == wanted

    def _copies(self, at: int, hangs: Mapping[int, tuple[int, Relation]]) -> list[Group]:
        return [self._composed(at, hangs) for _ in range(self.asked.things[at].count)]

    def _composed(self, at: int, hangs: Mapping[int, tuple[int, Relation]]) -> Group:
        """A thing and all that hangs on it, its own left foot at (0, 0)."""
        own = Placed(at, self.outlines[at], 0, 0, self._size(at), 0, self.mirror)
        group: Group = (own,)
        together: dict[Relation, list[Group]] = {}
        for child, (to, relation) in hangs.items():
            if to == at:
                together.setdefault(relation, []).extend(self._copies(child, hangs))
        for relation, groups in together.items():
            group = self._joined(group, self._row(groups), relation)
        return group

    def _joined(self, group: Group, more: Group, relation: Relation) -> Group:
        """`more` placed as it stands to `group`, whose first is what it stands to."""
        own = group[0]
        if relation in ("on", "in") and self._is_ground(own.which):
            group = _scaled(group, max(1.0, (1.7 if relation == "on" else 2.2) * bounds(more)[2] / own.width))
            own = group[0]
        left, low, width, height = bounds(more)
        centre = own.x + own.width / 2 - width / 2 - left
        if relation == "on":
            flat = 0.97 if own.outline.width > own.outline.height else 0.9
            return (*group, *_moved(more, centre, own.y + flat * own.height - low, 1))
        if relation == "in":
            if self._is_ground(own.which):
                return (*group, *_moved(more, centre, own.y + 0.06 * own.height - low, 1))
            more = _scaled(more, min(1.0, 0.8 * own.width / width))
            left, low, width, height = bounds(more)
            return (*group, *_moved(more, own.x + own.width / 2 - width / 2 - left, own.y + 0.5 * own.height - low, -1))
        if relation == "over":
            return (*group, *_moved(more, centre, own.y + own.height + 0.25 * height - low, 1))
        if relation == "under":
            return (*_moved(group, 0, height + 0.15 * height, 0), *_moved(more, centre, own.y - low, 1))
        if relation == "behind":
            return (
                *group,
                *_moved(more, centre + (0.4 if self.mirror else -0.4) * own.width, own.y + 0.1 * own.height - low, -1),
            )
        if relation == "before":
            return (
                *group,
                *_moved(
                    more, centre + (0.35 if self.mirror else -0.35) * own.width, own.y - 0.06 * own.height - low, 1
                ),
            )
        side = bounds(group)
        if relation == "left":
            return (*group, *_moved(more, side[0] - width - GAP * width - left, own.y - low, 0))
        return (*group, *_moved(more, side[0] + side[2] + GAP * width - left, own.y - low, 0))

    def _row(self, groups: Sequence[Group]) -> Group:
        """Groups beside each other on the ground."""
        made: list[Placed] = []
        at = 0.0
        for group in groups:
            left, low, width, _ = bounds(group)
            lift = self.jitter * 0.15 * width * float(self.chance.random())
            made += _moved(group, at - left, lift - low, 0)
            at += width * (1 + GAP + self.jitter * 0.2 * float(self.chance.random()))
        return tuple(made)

    def _sky(self, groups: Sequence[Group], row: Group) -> Group:
        """Groups above the row, from the right corner leftwards, or the other way round."""
        left, low, width, height = bounds(row)
        made: list[Placed] = []
        for at, group in enumerate(groups):
            own = bounds(group)
            share = 0.82 - 0.62 * (at + 0.3 * self.jitter * float(self.chance.random())) / max(1, len(groups))
            share = 1 - share if self.mirror else share
            x = left + max(width, own[2]) * share - own[2] / 2
            y = low + height * (0.95 + 0.2 * self.jitter * float(self.chance.random())) + 0.12 * own[3]
            made += _moved(group, x - own[0], y - own[1], -2)
        return tuple(made)

    def _size(self, at: int) -> float:
        thing = self.asked.things[at]
        usual = thing.meant.size if thing.meant else 0.8
        return float(usual**CLOSER * thing.size * np.exp(0.25 * self.jitter * self.chance.normal()))

    def _flies(self, at: int) -> bool:
        meant = self.asked.things[at].meant
        return meant is not None and meant.flies

    def _is_ground(self, at: int) -> bool:
        thing = self.asked.things[at]
        return (thing.meant is not None and thing.meant.kind in GROUND) or not GROUNDS.isdisjoint(thing.noun[-1:])


def bounds(group: Group) -> tuple[float, float, float, float]:
    """Left, low, width, height."""
    left, low = min(each.x for each in group), min(each.y for each in group)
    return (
        left,
        low,
        max(each.x + each.width for each in group) - left,
        max(each.y + each.height for each in group) - low,
    )


def _moved(group: Group, x: float, y: float, depth: int) -> Group:
    return tuple(replace(each, x=each.x + x, y=each.y + y, depth=each.depth + depth) for each in group)


def _scaled(group: Group, by: float) -> Group:
    return tuple(replace(each, x=each.x * by, y=each.y * by, size=each.size * by) for each in group)


def limited(asked: Asked) -> Asked:
    """With fewer of each where all of them together would be more than a drawing holds."""
    things = list(asked.things[:MOST_THINGS])
    while sum(thing.count for thing in things) > MOST_PIECES:
        most = max(range(len(things)), key=lambda at: things[at].count)
        if things[most].count == 1:
            break
        things[most] = replace(things[most], count=things[most].count - 1)
    return replace(asked, things=tuple(things))


def part(asked: Asked, kept: Sequence[int]) -> Asked:
    """Some of the things, and how these stand to each other."""
    place = {old: new for new, old in enumerate(kept)}
    relations = tuple(
        (place[which], relation, place[to]) for which, relation, to in asked.relations if which in place and to in place
    )
    return replace(asked, things=tuple(asked.things[at] for at in kept), relations=relations)
