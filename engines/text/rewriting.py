"""Text style transfer: a passage is rewritten several times, and the version is taken that fits the wanted style best of those that still
say what the passage says.

How well a text fits a style is by how much likelier each of its tokens is with what is asked, the style's name, axes and adapters, than
without (pointwise mutual information, as Li et al. 2016 rank replies by, "A diversity-promoting objective function for neural
conversation models"). Whether it says the same is for MiniLM to tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..api import Remark
from ..embed import Reader
from . import TextOptions, prompting
from .lm import NO_WISHES, LanguageModel, Row, Stopped

VERSIONS = 8  # from which one is taken
NEUTRAL = "another"  # what stands for the style where its part in a likelihood is taken out


@dataclass(frozen=True)
class Version:
    text: str
    kept: float  # cosine between its meaning and the passage's
    fits: float  # nats a token by which what is asked makes it likelier

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
        self._asked = prompting.prompt(model, passage, options).tokens
        self._neutral = prompting.prompt(model, passage, replace(options, style=NEUTRAL)).tokens
        self._plain = replace(self._row, push=None, adapters=())
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
        without = self._model.surprise(self._neutral, tokens, self._plain)
        return Version(text, kept, float((without - self._model.surprise(self._asked, tokens, self._row)).mean()))


def best(versions: Sequence[Version], keep: float) -> int:
    """Which fits best of those that keep so much of the meaning; where none does, which keeps the most."""
    able = [at for at, each in enumerate(versions) if each.kept >= keep]
    if not able:
        return max(range(len(versions)), key=lambda at: versions[at].kept)
    return max(able, key=lambda at: versions[at].fits)
