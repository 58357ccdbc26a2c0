"""`studio bench text`: whether the controls of the writer do what they say, and what they cost the text.

Texts come from the engine as an artist gets them, filters and all. What they are measured with was not used to make them: the
meaning of a text beside descriptions of the poles (MiniLM), and how far it surprises the model when nothing steers it.
"""

from __future__ import annotations

import itertools
import math
import statistics
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from engines import registry, store
from engines.api import Brief, Progress, Setting

from . import lora
from .report import Row, row

Tell = Callable[[object], None]

TOKENS = 64  # that a text has at most
RISE, DISTINCT = (
    1.30,
    0.9,
)  # what a control may cost: of the perplexity at most, of the distinct pairs of words at least
OPTIONS = {"length": TOKENS, "distinct": False}  # a variant that says the same as another is to be seen, not mended


@dataclass(frozen=True)
class Passage:
    """A few sentences to write on from or to rewrite, and a word that is asked for."""

    text: str
    word: str


@dataclass(frozen=True)
class Prose:
    """What is told of a set of texts: their median perplexity under the model when nothing steers it, and their distinct-2."""

    perplexity: float
    distinct: float

    def beside(self, plain: Prose) -> tuple[float, float]:
        return self.perplexity / plain.perplexity, self.distinct / plain.distinct


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("passages.toml").read_text(encoding="utf-8"))


def passages(count: int) -> list[Passage]:
    return [Passage(**each) for each in _table()["passage"][:count]]


def rows(count: int, tell: Tell) -> Iterator[Row]:
    """Every row as soon as it is measured, on the first `count` passages."""
    engine: Any = registry.load("writer")
    store.ensure([*registry.info("writer").models, *registry.reader().models()])
    given = passages(count)
    yield from axis_rows(engine, given, tell)
    yield from keyword_rows(engine, given, tell)
    yield from rewrite_rows(engine, given, tell)
    yield from lora.rows(1 if count < len(_table()["passage"]) else 3, tell)


# ── Axes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def axis_rows(engine: Any, given: Sequence[Passage], tell: Tell) -> Iterator[Row]:
    """Each axis at +1, at -1 and at 0, with the same seed."""
    names = engine.info.axes
    knobs: list[dict[str, float]] = [{}, *({f"axis:{name}": way} for name in names for way in (1.0, -1.0))]
    free = {f"axis:{name}": 0.0 for name in names}
    columns = list(
        zip(*(_texts(engine, each, at, free, knobs, tell, len(given)) for at, each in enumerate(given)), strict=True)
    )
    plain = prose(engine, given, columns[0])
    for at, name in enumerate(names):
        forth, back = columns[1 + 2 * at : 3 + 2 * at]
        yield moves_row(name, forth, back)
        cost, distinct = prose(engine, [*given, *given], [*forth, *back]).beside(plain)
        yield cost_row(f"axis.{name}.perplexity", cost, distinct, f"{2 * len(given)} texts at 1 and -1, medians")


def moves_row(name: str, forth: Sequence[str], back: Sequence[str]) -> Row:
    """In how many pairs of texts the one at +1 is nearer to the first pole, and farther from the second, than the one at -1."""
    leaning = [lean(name, more) - lean(name, less) for more, less in zip(forth, back, strict=True)]
    detail = f"{len(leaning)} pairs of texts; MiniLM similarity to the poles differs by {statistics.median(leaning):.3f} (median)"
    return row(f"axis.{name}.moves", sum(each > 0 for each in leaning) / len(leaning), detail)


def lean(name: str, text: str) -> float:
    """How much nearer in meaning a text is to descriptions of an axis's first pole than to those of its second."""
    near = registry.reader().embed([text])[0]
    positive, negative = (poles @ near for poles in _poles(name))
    return float(positive.mean() - negative.mean())


@cache
def _poles(name: str) -> tuple[Any, Any]:
    """The vectors of the descriptions of an axis's poles, (n, 384) each."""
    positive, negative = _table()["descriptions"][name]
    return registry.reader().embed(positive), registry.reader().embed(negative)


# ── Keywords ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def keyword_rows(engine: Any, given: Sequence[Passage], tell: Tell) -> Iterator[Row]:
    """A word for each passage, as one that is wanted and as one that must occur, beside the same seed without."""
    from engines.text.keywords import keyword

    words = [keyword(engine.model().vocabulary, each.word) for each in given]
    plain, soft, hard = [], [], []
    for at, each in enumerate(given):
        name = f"word:{each.word}"
        pair = _texts(engine, each, at, {name: 0.0}, [{}, {name: 1.0}], tell, len(given))
        plain.append(pair[0])
        soft.append(pair[1])
        hard += _texts(engine, each, at, {}, [{}], tell, len(given), must=each.word)
    usual = prose(engine, given, plain)
    unasked = sum(word.said(text) for word, text in zip(words, plain, strict=True)) / len(given)
    for kind, texts in (("soft", soft), ("hard", hard)):
        said = sum(word.said(text) for word, text in zip(words, texts, strict=True)) / len(given)
        cost, distinct = prose(engine, given, texts).beside(usual)
        told = f"{len(given)} texts, {unasked:.2f} of them hold it unasked; {_cost(cost, distinct)}"
        yield row(f"keyword.{kind}", said, told, held=_cheap(cost, distinct))


# ── Rewriting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def rewrite_rows(engine: Any, given: Sequence[Passage], tell: Tell) -> Iterator[Row]:
    """Each passage in the style of a pole, by the template that names it and half of its axis: the twelve poles in turn."""
    from engines.text.axes import built_in

    template, length = engine.info.templates["rewrite"], 96
    poles = [(name, way, axis.poles[way < 0]) for name, axis in built_in().items() for way in (1, -1)]
    moved, kept = [], []
    for at, (passage, (name, way, pole)) in enumerate(zip(given, itertools.cycle(poles), strict=False)):
        style = f"{'an' if pole[0] in 'aeiou' else 'a'} {pole}"
        asked = {"template": template, "style": style, "length": length}
        (text,) = _texts(engine, passage, at, {f"axis:{name}": way / 2}, [{}], tell, len(given), **asked)
        moved.append(way * (lean(name, text) - lean(name, passage.text)))
        kept.append(registry.reader().similarity(passage.text, text))
    told = f"{len(given)} passages, twelve styles in turn, one variant each"
    share = sum(each > 0 for each in moved) / len(moved)
    yield row(
        "rewrite.style",
        share,
        f"{told}; MiniLM similarity to the poles moves by {statistics.median(moved):.3f} (median)",
    )
    yield row(
        "rewrite.content",
        statistics.median(kept),
        f"{told}; MiniLM similarity to the original, median; versions are chosen with it",
    )


# ── Prose ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def prose(engine: Any, given: Sequence[Passage], texts: Sequence[str]) -> Prose:
    model = engine.model()
    read = [
        math.exp(float(model.surprise(model.encode(each.text), model.encode(text)).mean()))
        for each, text in zip(given, texts, strict=True)
        if text
    ]
    return Prose(statistics.median(read), statistics.fmean(distinct_2(text) for text in texts))


def distinct_2(text: str) -> float:
    """Different pairs of neighbouring words over all such pairs (Li et al. 2016, "A diversity-promoting objective function")."""
    words = text.lower().split()
    pairs = list(itertools.pairwise(words))
    return len(set(pairs)) / len(pairs) if pairs else 1.0


def cost_row(name: str, cost: float, distinct: float, what: str) -> Row:
    return row(name, cost, f"{what}; distinct-2 {distinct:.2f} of the usual", held=distinct >= DISTINCT)


def _cost(cost: float, distinct: float) -> str:
    return f"perplexity {cost:.2f} and distinct-2 {distinct:.2f} of the usual"


def _cheap(cost: float, distinct: float) -> bool:
    return cost <= RISE and distinct >= DISTINCT


def _texts(
    engine: Any,
    passage: Passage,
    seed: int,
    weights: Mapping[str, float],
    knobs: Sequence[Mapping[str, float]],
    tell: Tell,
    count: int,
    **options: Any,
) -> list[str]:
    """What the engine writes on from a passage at each of these knobs, all with one seed."""
    tell(Progress(seed / count, "Writing"))
    asked = Brief(mode="text", engine="writer", prompt=passage.text, weights=dict(weights), options=OPTIONS | options)
    brief = registry.check(asked)
    usual = engine.info.space(brief).yours
    settings = [Setting({**usual, **each}, seed) for each in knobs]
    events = engine.run(brief, settings, _nothing, lambda: False)
    return [event.text for event in events if getattr(event, "text", None) is not None and hasattr(event, "knobs")]


def _nothing(ref: str) -> Any:
    raise AssertionError(f"no passage names a file, and yet {ref} is read")
