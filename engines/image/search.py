"""Which outlines stand for a thing: by name, by what else it is called, and by what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from .. import embed
from . import kinds, names, outlines
from .lists import choices, listed
from .words import Thing, lemma_of

INDEX = Path(__file__).with_name("outlines.safetensors")
WHOLE, PLAIN, OTHER = 1.0, 0.78, 0.62  # a name that is the thing's own, one that begins with it, one that only holds it
EXTRA = 0.06  # that each further word of a name costs
ALIKE = 0.35  # what the likeness of meaning adds at most
VAGUE = listed("vague_names")  # in CLDR's names and keywords
CALLED = choices("called")
LEAST = 0.45  # under it an outline does not stand for the thing
MOST = 8


@dataclass(frozen=True)
class Found:
    name: str
    score: float


@dataclass(frozen=True)
class Index:
    names: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]  # lemmas of each name
    vectors: NDArray[np.float32]  # (N, 384) what each name means
    holding: Mapping[str, tuple[int, ...]]  # word -> names that hold it


@cache
def index() -> Index:
    with safe_open(INDEX, "np") as file:
        listed = tuple(json.loads(file.metadata()["names"]))
        vectors = file.get_tensor("vectors").astype(np.float32) / 127
    words = tuple(tuple(lemma_of(word) for word in outlines.words(name)) for name in listed)
    holding: dict[str, list[int]] = {}
    for at, parts in enumerate(words):
        for part in dict.fromkeys(parts):
            holding.setdefault(part, []).append(at)
    return Index(listed, words, vectors, {word: tuple(where) for word, where in holding.items()})


def find(thing: Thing, reader: embed.Reader = embed.shared) -> list[Found]:
    """Outlines for a thing, best first, 8 at most; none where nothing is like it."""
    known = index()
    scores: dict[int, float] = {}
    for phrase, sure in _called(thing):
        for at, score in _by_name(phrase, known).items():
            scores[at] = max(scores.get(at, 0.0), sure * score)
    alike = known.vectors @ reader.embed([" ".join(thing.noun)])[0]
    for at in np.argsort(-alike)[:40].tolist():
        scores.setdefault(at, 0.0)
    total = {at: score + ALIKE * max(0.0, float(alike[at])) for at, score in scores.items()}
    best = sorted(total, key=lambda at: (-total[at], len(known.words[at]), known.names[at]))
    return [Found(known.names[at], round(total[at], 4)) for at in best[:MOST] if total[at] >= LEAST]


def near(thing: Thing, reader: embed.Reader = embed.shared, count: int = 4) -> list[str]:
    """What the library has that comes closest, in words, for a thing that it has not."""
    known = index()
    alike = known.vectors @ reader.embed([" ".join(thing.noun)])[0]
    return list(dict.fromkeys(" ".join(outlines.words(known.names[at])) for at in np.argsort(-alike)[:12].tolist()))[
        :count
    ]


def _called(thing: Thing) -> list[tuple[tuple[str, ...], float]]:
    """What the thing is called, surest first: its own words, its head alone, and what CLDR calls it besides."""
    noun = thing.noun
    called: list[tuple[tuple[str, ...], float]] = [(noun, 1.0)]
    if len(noun) > 1:
        called += [(noun[-1:], 0.85), (noun[:1], 0.7), *(((word,), 0.6) for word in noun[1:-1])]
    for phrase, sure in tuple(called):
        for at, other in enumerate(CALLED.get(" ".join(phrase), ())):
            called.append((tuple(lemma_of(word) for word in other.split("-")), sure * (1.05 - 0.03 * at)))
        called += [(kind, sure * trust) for kind, trust in _kinds(" ".join(phrase))]
    for phrase, sure in tuple(called[: 2 + len(noun)]):
        for name, trust in names.english().get(" ".join(phrase), ())[:4]:
            called += _besides(name, trust, sure * trust)
    return called


def _besides(name: names.Name, trust: float, sure: float) -> Iterator[tuple[tuple[str, ...], float]]:
    """What else CLDR calls what it calls so."""
    said = tuple(lemma_of(word) for word in name.name.lower().replace("-", " ").split())
    yield said, 0.9 * sure
    if len(said) > 1 and said[-1] not in VAGUE:
        yield said[-1:], 0.7 * sure
    if trust >= 0.8:
        yield from (((lemma_of(word),), 0.72 * sure) for word in name.words if " " not in word and word not in VAGUE)


def _kinds(phrase: str) -> Iterator[tuple[tuple[str, ...], float]]:
    """What a phrase is a kind of, how surely, and the same for the two words that one is made of: goldfish, firetruck."""
    table = kinds.table()
    if found := table.get(phrase):
        yield tuple(lemma_of(word) for word in found[0].split()), 0.9 - 0.1 * found[1]
    if " " in phrase:
        yield (phrase.replace(" ", ""),), 0.9
        return
    for at in range(3, len(phrase) - 2):
        first, second = phrase[:at], lemma_of(phrase[at:])
        holding = index().holding
        if second in holding and (first in holding or first in table) and len(second) > 2:
            yield (first, second), 0.9
            yield (second,), 0.6


def _by_name(phrase: Sequence[str], known: Index) -> dict[int, float]:
    """How well names say the phrase, 0-1."""
    wanted = set(phrase)
    held = [known.holding.get(word, ()) for word in wanted]
    made: dict[int, float] = {}
    for at in {each for where in held for each in where}:
        parts = [part for part in known.words[at] if part != "variant"]
        common = wanted & set(parts)
        if len(common) < len(wanted):
            continue
        extra = len(set(parts) - wanted)
        base = WHOLE if not extra else PLAIN if parts[0] in wanted else OTHER
        made[at] = base - EXTRA * extra
    return made
