"""Text style transfer: a passage is rewritten several times, and the version is taken that fits the wanted style best of those that still
say what the passage says.

How well a text fits a style is by two things that the model itself says. How much likelier each token of the text is where the wanted
style is asked for, with its axes and voices, than where the opposite is, with the axes turned round: Bayes' rule on a model that
is told the class, as Krause et al. 2021 guide by ("GeDi: Generative discriminator guided sequence generation"). And which of the two it
answers when it is asked which the text is, in both orders, since the first that is named is favoured. Whether a text says
the same is for MiniLM to tell.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..api import Remark
from ..embed import Reader
from . import TextOptions, prompting, templates
from .axes import built_in
from .lm import NO_WISHES, LanguageModel, Row, Stopped

VERSIONS = 8  # from which one is taken
NEUTRAL = "another"  # what stands for the opposite of a style that has none
CLASS = "Write {style} text."
QUESTION = "Text: {text}\n\nIs this text {one} or {other}? Answer with one word."


@dataclass(frozen=True)
class Version:
    text: str
    kept: float  # cosine between its meaning and the passage's
    fits: float  # nats a token by which the wanted style makes it likelier than the opposite
    named: float = (
        0.0  # nats by which the model would sooner call it by the style than by the opposite, if there is one
    )

    def remark(self, passage: Version, count: int) -> Remark:
        values = {"kept": round(100 * self.kept), "times": f"{math.exp(self.fits - passage.fits):.1f}", "count": count}
        return Remark(
            "Best of {count}: it keeps {kept} % of the meaning, and its words fit the style {times} times as well as yours.",
            values,
        )


class Rewriting:
    """A passage, and what is asked of it."""

    def __init__(
        self,
        model: LanguageModel,
        reader: Reader,
        passage: str,
        options: TextOptions,
        row: Row,
        cancelled: Callable[[], bool],
    ) -> None:
        self._model, self._reader, self._row = model, reader, replace(row, wishes=NO_WISHES)
        passage, _ = prompting.tail(model, passage, max(1, model.context - options.length))
        self._most = options.length  # tokens that have room after the prompt
        style = options.style or templates.STYLE
        self._poles = poles(style)
        self._wanted = self._said(CLASS.format(style=style))
        self._opposite = self._said(CLASS.format(style=turned(style)))
        self._plain = replace(self._row, push=None, adapters=())
        self._away = self._plain if row.push is None else replace(self._plain, push=-row.push)
        self._cancelled = cancelled
        self._meaning = reader.embed([passage])[0]
        self.passage = self.version(passage)

    def version(self, text: str) -> Version:
        """How a text does. Raises `Stopped`."""
        if self._cancelled():
            raise Stopped
        tokens = self._model.encode(text.strip())[: self._most]
        if not tokens:
            return Version(text, 0.0, -math.inf)
        kept = float(self._reader.embed([text])[0] @ self._meaning)
        against = self._model.surprise(self._opposite, tokens, self._away)
        fits = float((against - self._model.surprise(self._wanted, tokens, self._row)).mean())
        return Version(text, kept, fits, self._named(text))

    def _named(self, text: str) -> float:
        """By how many nats the model would sooner answer with the wanted pole than with the other; the mean of both orders."""
        if self._poles is None or not self._model.vocabulary.answers:
            return 0.0
        wanted, other = (self._model.encode(pole.capitalize())[:1] for pole in self._poles)
        told = []
        for one, two in (self._poles, self._poles[::-1]):
            question = self._said(QUESTION.format(text=text.strip(), one=one, other=two))[-self._model.context + 1 :]
            chances = self._model.logits(question, wanted, self._plain)[0].log_softmax(-1)
            told.append(float(chances[wanted[0]] - chances[other[0]]))
        return statistics.fmean(told)

    def _said(self, words: str) -> list[int]:
        return self._model.encode(self._model.vocabulary.asked(words))


def poles(style: str) -> tuple[str, str] | None:
    """The pole of an axis that a style is named by, and the other one."""
    said = set(re.findall(r"\w+", style.lower()))
    both = [axis.poles for axis in built_in().values()]
    return next((pair for each in both for pair in (each, each[::-1]) if pair[0] in said), None)


def turned(style: str) -> str:
    """The opposite of a style, as it is named in a sentence: an ornate letter for a plain letter."""
    found = poles(style)
    if found is None:
        return NEUTRAL
    article = "an" if found[1][0] in "aeiou" else "a"
    return re.sub(
        rf"\b(an?\s+)?{found[0]}\b", lambda at: f"{article if at[1] else ''} {found[1]}".strip(), style.lower()
    )


def best(versions: Sequence[Version], keep: float, passage: str = "") -> int:
    """Which fits best, by both of what is said of it, of those that keep so much of the meaning; where none does, which keeps the most.
    One that only says the passage again, word for word, comes after all others."""
    own = [at for at, each in enumerate(versions) if _words(each.text) != _words(passage)] or range(len(versions))
    able = [at for at in own if versions[at].kept >= keep and versions[at].text.strip()]
    if not able:
        return max(own, key=lambda at: versions[at].kept)
    written = [each for each in versions if each.text.strip()]
    spreads = [
        statistics.pstdev(values) or 1.0 for values in zip(*((each.fits, each.named) for each in written), strict=True)
    ]
    return max(able, key=lambda at: versions[at].fits / spreads[0] + versions[at].named / spreads[1])


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
