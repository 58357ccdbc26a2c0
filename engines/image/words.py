"""From words to things: what an artist asks for, taken apart into things, their colours, sizes and numbers, and where they stand.

A small grammar of noun phrases and of the words between them, in English and Chinese; no model. What it does not know it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, cast, get_args

from lemminflect import getAllLemmas, getLemma

from . import colour, names
from .lists import listed, table

Relation = Literal["on", "in", "under", "over", "left", "right", "behind", "before", "beside"]
# A thing, how it stands to an earlier one, or (in `BACK`) that one to it, and which that is.
Told = tuple["Thing", str | None, int]
BACK: dict[str, Relation] = {f"its {each}": each for each in get_args(Relation)}

BETWEEN = cast(dict[str, Relation], table("between"))
MARKS = re.compile(r"[,;.:!?()\[\]\n]+")
SKIPPED = listed("skipped")
NUMBERS = {word: int(value) for word, value in table("numbers").items()}
SIZES = {word: float(value) for word, value in table("size_words").items()}
MOST_THINGS, MOST_OF_ONE = 12, 6  # that a drawing can hold

ZH_BETWEEN = cast(dict[str, Relation], table("zh_between"))
ZH_NUMBERS = {word: int(value) for word, value in table("zh_numbers").items()}
ZH_SIZES = {word: float(value) for word, value in table("zh_size_words").items()}
ZH_UNITS = "只个棵条座艘辆朵匹头张把本颗杯块间架位片盏顶支枝束扇群些"
ZH = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Thing:
    """One thing that is asked for."""

    words: str  # as the painter is told: "red house"
    noun: tuple[str, ...]  # the words that name it, lemmas, the head last
    colours: tuple[str, ...] = ()  # of `colour.named`
    size: float = 1.0  # beside its usual one
    count: int = 1
    meant: names.Name | None = None  # what that is, where it is known


@dataclass(frozen=True)
class Asked:
    """What was asked for: things, and how they stand to each other, (which, how, to which): (0, "on", 1) puts the first on the second."""

    things: tuple[Thing, ...]
    relations: tuple[tuple[int, Relation, int], ...]
    left_out: int = 0  # things beyond `MOST_THINGS`


def asked(text: str) -> Asked:
    """Takes the words apart. Nothing in them may be known: then there are things without a name, or none."""
    found = list(_chinese(text) if ZH.search(text) else _english(text))
    things = tuple(thing for thing, _, _ in found)[:MOST_THINGS]
    relations: list[tuple[int, Relation, int]] = []
    for at, (_, relation, to) in enumerate(found[:MOST_THINGS]):
        if relation is not None and 0 <= to < at:
            back = BACK.get(relation)
            relations.append((at, back, to) if back else (to, cast(Relation, relation), at))
    return Asked(things, tuple(relations), len(found) - len(things))


# ── English ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _english(text: str) -> Iterator[Told]:
    """Things in order, and how which of those before stands to each: the last for a preposition, the first after a comma."""
    relation: Relation | None = None
    at, last, first = 0, -1, 0
    for piece in _pieces(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")):
        if isinstance(piece, str):
            listed = piece in ("and", ",", "plus", "with")
            if relation in (None, "beside") or not listed:
                relation = BETWEEN.get(piece, "beside")
            to = first if listed else last
            continue
        thing = _thing(piece)
        if thing is None:
            continue
        yield thing, relation if at else None, to if at else 0
        relation, to, last, at = "beside", at, at, at + 1


def _pieces(text: str) -> Iterator[str | list[str]]:
    """Noun phrases as lists of words, and what stands between them."""
    phrases = sorted((phrase.split() for phrase in BETWEEN), key=len, reverse=True)
    chunk: list[str] = []
    tokens = re.findall(r"[a-z0-9]+(?:[-'][a-z0-9]+)*|[,;.:!?()\[\]\n]", text)
    at = 0
    while at < len(tokens):
        found = next((phrase for phrase in phrases if tokens[at : at + len(phrase)] == phrase), None)
        verb = _is_verb(tokens[at]) and any(word not in SKIPPED and _is_noun(word) for word in chunk)
        if found or verb or MARKS.fullmatch(tokens[at]):
            if chunk:
                yield chunk
            yield " ".join(found) if found else "with" if verb else ","
            chunk = []
            at += len(found) if found else 1
            continue
        chunk.append(tokens[at])
        at += 1
    if chunk:
        yield chunk


def _thing(tokens: Sequence[str]) -> Thing | None:
    count, size = 1, 1.0
    colours: list[str] = []
    noun: list[str] = []
    said: list[str] = []
    by_word = _colour_words()
    for at, token in enumerate(tokens):
        word = token.removesuffix("'s").removesuffix("s'") if "'" in token else token
        if word in SKIPPED:
            continue
        if word in NUMBERS or word.isdigit():
            count = min(MOST_OF_ONE, max(1, NUMBERS.get(word) or int(word[:4])))
        elif word in SIZES:
            size *= SIZES[word]
        elif word in by_word and at + 1 < len(tokens) and not noun:  # "an orange", "ice cream": things
            colours.append(by_word[word])
            said.append(by_word[word])
        else:
            lemma = lemma_of(word)
            if _is_noun(word) or not getAllLemmas(word):
                noun.append(lemma)
            if lemma != word and count == 1 and word.endswith("s") and token == tokens[-1] and lemma + "s" == word:
                count = 2
            said.append(lemma)
    if not noun:
        known = [word for word in said if word not in by_word]
        if not known:
            return None
        noun = known
    return Thing(" ".join(said), tuple(noun), tuple(colours), size, count, meaning(noun))


def meaning(noun: Sequence[str]) -> names.Name | None:
    """What the words name, by CLDR: the longest run of them that ends in the head, or else begins with the first."""
    known = names.english()
    runs = [noun[at:] for at in range(len(noun))] + [noun[: len(noun) - at] for at in range(1, len(noun))]
    for run in runs:
        if found := known.get(" ".join(run)):
            return found[0][0]
    return None


@cache
def lemma_of(word: str) -> str:
    """The singular of a noun; anything else as it is."""
    return str(getLemma(word, upos="NOUN")[0]) if _is_noun(word) else word


@cache
def _is_noun(word: str) -> bool:
    return "NOUN" in getAllLemmas(word) or "PROPN" in getAllLemmas(word) or word in names.english()


@cache
def _is_verb(word: str) -> bool:
    """Whether it is an -ing form of a verb: what a thing does."""
    return word.endswith("ing") and len(word) > 5 and "VERB" in getAllLemmas(word)


@cache
def _colour_words() -> dict[str, str]:
    return {word: name for name, known in colour.named().items() for word in known.en}


# ── Chinese ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _chinese(text: str) -> Iterator[Told]:
    """Phrases between marks, 和 and the like; within one, X上的Y puts Y on X, and X在Y上 puts X on Y."""
    at = 0
    for phrase in re.split(r"[，。、；！？,.;!?\s]|和|跟|与|以及|还有", text):
        before: str | None = None
        for thing, at_place, placed in _zh_things(phrase):
            if before is not None:  # X上的Y: this is Y, and X came just before
                yield thing, f"its {before}", at - 1
                before = placed
            elif at_place and placed:  # X在Y上: this is Y
                yield thing, placed if at else None, at - 1
            else:
                yield thing, "beside" if at else None, 0
                before = placed
            at += 1


def _zh_things(phrase: str) -> Iterator[tuple[Thing, bool, str | None]]:
    """The things of a phrase in order, whether 在 stands before each, and the place word that follows it."""
    thing, after, made = Thing("", ()), False, list[tuple[Thing, bool, str | None]]()
    at = 0
    while at < len(phrase):
        place = _longest(phrase, at, ZH_BETWEEN)
        tint, found = _longest(phrase, at, _zh_colours()), _longest(phrase, at, names.chinese())
        if place and made and made[-1][2] is None and not thing.colours and len(found) <= len(place):
            made[-1] = (*made[-1][:2], ZH_BETWEEN[place])
            at += len(place)
        elif tint and len(found) <= len(tint):
            thing = replace(thing, colours=(*thing.colours, _zh_colours()[tint]))
            at += len(tint)
        elif found and (len(found) > 1 or found not in ZH_SIZES):
            meant = names.chinese()[found][0]
            said = meant.name.lower()
            named = tuple(lemma_of(word) for word in said.replace("-", " ").split())
            made.append(
                (
                    replace(
                        thing,
                        words=" ".join((*thing.colours, said)),
                        noun=named,
                        meant=meant if meant.kind else meaning(named),
                    ),
                    after,
                    None,
                )
            )
            thing, after = Thing("", ()), False
            at += len(found)
        else:
            size = _longest(phrase, at, ZH_SIZES)
            if phrase[at] in ZH_NUMBERS and phrase[at + 1 : at + 2] and phrase[at + 1] in ZH_UNITS:
                thing = replace(thing, count=min(MOST_OF_ONE, ZH_NUMBERS[phrase[at]]))
            elif size:
                thing = replace(thing, size=thing.size * ZH_SIZES[size])
            after = after or phrase[at] == "在"
            at += max(1, len(size))
    yield from made


def _longest(phrase: str, at: int, known: Mapping[str, object]) -> str:
    """The longest word of the table that the phrase goes on with, or nothing."""
    return next(
        (phrase[at : at + size] for size in range(min(6, len(phrase) - at), 0, -1) if phrase[at : at + size] in known),
        "",
    )


@cache
def _zh_colours() -> dict[str, str]:
    return {word: name for name, each in colour.named().items() for word in each.zh}
