"""What things are called, in English and Chinese, and how large they are: from Unicode CLDR's names and keywords of emoji."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import lists

TABLE = Path(__file__).with_name("names.json")

KINDS = {kind: float(value) for kind, value in lists.table("kind_metres").items()}
PERSON = 1.7  # of kinds of people that the table does not name
THING = 0.8  # of what is in no kind
METRES = {name: float(value) for name, value in lists.table("metres").items()}
PLAIN = lists.table("chinese")
FLYING = lists.listed("flying")


@dataclass(frozen=True)
class Name:
    """Something that has a name: `words` are other ones for it, in English."""

    name: str
    words: tuple[str, ...]
    zh: tuple[str, ...]
    kind: str  # CLDR's subgroup

    @property
    def size(self) -> float:
        """Metres."""
        return METRES.get(self.name) or KINDS.get(self.kind) or (PERSON if self.kind.startswith("person") else THING)

    @property
    def flies(self) -> bool:
        return self.kind in ("sky-weather", "transport-air") or not FLYING.isdisjoint(self.name.split())


@cache
def table() -> tuple[Name, ...]:
    """All names, in CLDR's order."""
    return tuple(
        Name(name, tuple(words), tuple(zh), kind) for name, words, zh, kind in json.loads(TABLE.read_text("utf-8"))
    )


@cache
def english() -> dict[str, tuple[tuple[Name, float], ...]]:
    """Every English word or name in lower case -> what it may mean, the surest first: 1 its name, less a word of it or a keyword."""
    found: dict[str, dict[Name, float]] = {}
    for name in table():
        said, person = name.name.lower(), name.kind.startswith(("person", "family", "face"))
        parts = [part for part in said.replace("-", " ").split() if len(part) > 2]
        sure = [(said, 1.0), *((part, 0.45 if person else 0.8 if part == parts[-1] else 0.5) for part in parts)]
        for word, trust in [*sure, *((word.lower(), 0.4 if person else 0.6) for word in name.words)]:
            means = found.setdefault(word, {})
            means[name] = max(trust, means.get(name, 0.0))
    return {
        word: tuple(sorted(means.items(), key=lambda each: (-each[1], len(each[0].name))))
        for word, means in found.items()
    }


@cache
def chinese() -> dict[str, tuple[Name, ...]]:
    """Every Chinese word -> what it may mean, the surest first."""
    found: dict[str, list[tuple[float, Name]]] = {
        word: [(0.0, Name(other, (), (word,), ""))] for word, other in PLAIN.items()
    }
    for name in table():
        person = name.kind.startswith(("person", "family", "face"))
        for at, word in enumerate(name.zh):
            found.setdefault(word, []).append((1.0 if at == 0 else 2.5 if person else 2.0, name))
    return {
        word: tuple(name for _, name in sorted(means, key=lambda each: (each[0], len(each[1].name))))
        for word, means in found.items()
    }
