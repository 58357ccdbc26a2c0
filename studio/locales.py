"""All words that a person sees, in English and Chinese. Sentences from elsewhere are looked up by their English template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from engines.api import PARENTS, UserError, filled, shortened

from . import config
from .events import Words

LANGUAGES = {"en": "EN", "zh": "中文"}  # as the switch shows them; the first is the fallback
WORDS = ("kind", "allowed")  # values of a sentence that may be words of ours, and then have a section of that name
COUNTABLE = 90  # seconds that people still think of in seconds
BUG = "Something went wrong inside the studio. Your brief is unchanged; the log file has the details."


@dataclass(frozen=True)
class Table:
    """The words of one language. `names` tells what this session's pictures are called, by `sha256:…`, and its ways by `way_1`…"""

    language: str
    words: Mapping[str, Mapping[str, str]]  # section -> key -> text
    names: Mapping[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """A text of the page's own. An unknown key is a bug."""
        return self.words["page"][key].format(**values)

    def texts(self, *keys: str) -> dict[str, str]:
        """Several of the page's own texts, by their keys."""
        return {key: self.words["page"][key] for key in keys}

    def called(self, kind: str, name: str) -> str:
        """What the page calls a shelf or an example; those that somebody added have their own name."""
        return self.words["page"].get(f"{kind}_{name}") or name.replace("-", " ").capitalize()

    def style(self, name: str) -> str:
        own = self("own_style") if name.startswith("sha256:") else name.replace("-", " ")
        return self.words["styles"].get(name) or self.names.get(name) or own

    def knob(self, name: str) -> str:
        """A control as an artist calls it: `style:starry-oil`, `axis:joyful`, `word:lantern` or `strength`."""
        kind, _, own = name.partition(":")
        if kind == "style" and own:
            return self.style(own)
        if kind == "axis" and own:
            return self.names.get(own) or self.poles(own)[1]
        if kind in PARENTS and own:
            return self(f"gives_{kind}", name=self.names.get(own) or self("parent"))
        if own:
            return self("quoted", word=self.names.get(own, own))
        return self.names.get(name) or self.words["knobs"].get(name, name)

    def poles(self, axis: str) -> tuple[str, str]:
        """What an axis leads from and to, in words: melancholic and joyful."""
        ends = self.words["axes"].get(axis)
        if ends is None:
            own = self.names.get(axis, axis.replace("-", " "))
            return self("axis_less", names=own), own
        low, _, high = ends.partition(" | ")
        return low, high

    def choice(self, option: str, choice: str) -> str:
        """One of an option's choices, as an artist calls it."""
        return self.words["choices"].get(f"{option}={choice}", choice)

    def part(self, name: str) -> str:
        """A part of a loss in words: `style:relu3_1` is style, with the layer that it is seen in."""
        kind, _, layer = name.partition(":")
        return f"{self(f'loss_{kind}')} {layer}".strip()

    def left(self, seconds: float) -> str:
        """How long something still takes: in seconds, and where it is more than `COUNTABLE` of them in minutes."""
        if seconds > COUNTABLE:
            return self("left_minutes", minutes=round(seconds / 60))
        return self("left", seconds=max(1, round(seconds)))

    def spoken(self, name: str) -> str:
        """A control within a sentence: "more starry oil, less kept colour"."""
        return self.names.get(name) or self.words["spoken"].get(name) or self.knob(name)

    def say(self, words: Words) -> str:
        """A sentence filled in. Lists among its values name knobs."""
        values = {
            key: self.list([self.spoken(str(name)) for name in value]) if isinstance(value, list) else value
            for key, value in words.values.items()
        }
        return self._filled(words.template, values)

    def sentences(self, words: list[Words]) -> str:
        return self("between_sentences").join(map(self.say, words))

    def error(self, error: UserError) -> str:
        """What happened and what to do."""
        parts = [self._filled(part, error.values) for part in (error.message, error.remedy) if part]
        return self("between_sentences").join(parts)

    def template(self, english: str) -> str:
        """A sentence without values, or itself where nobody translated it."""
        return self._template(english)

    def list(self, names: Sequence[str]) -> str:
        """Names as one part of a sentence: a, b and c."""
        *most, last = names or [""]
        return self("between_names").join(most) + (self("before_last_name") if most else "") + last

    def _filled(self, template: str, values: Mapping[str, Any]) -> str:
        ours = {key: self.words[key].get(str(values[key]), values[key]) for key in WORDS if key in values}
        shown = shortened({**values, **ours})
        try:
            return self._template(template).format(**shown)
        except (LookupError, ValueError, AttributeError, TypeError):
            return filled(template, shown)  # a translation that does not fit: better English than nothing

    def _template(self, english: str) -> str:
        """The translation; of a message and its remedy in one string, each on its own."""
        known = self.words["sentences"]
        if english in known:
            return known[english]
        at = english.find(" ")
        while at >= 0:
            message, remedy = english[:at], english[at + 1 :]
            if message in known and remedy in known:
                return known[message] + self("between_sentences") + known[remedy]
            at = english.find(" ", at + 1)
        return english


@cache
def _read(language: str) -> dict[str, dict[str, str]]:
    return dict(json.loads((config.assets() / "locales" / f"{language}.json").read_text(encoding="utf-8")))


def table(language: str | None, names: Mapping[str, str] | None = None) -> Table:
    """The table of a language, or of the first where it is unknown."""
    known = language if language in LANGUAGES else next(iter(LANGUAGES))
    return Table(str(known), _read(str(known)), names or {})


def preferred(accept: str | None) -> str | None:
    """The first language we have of an Accept-Language header, None where there is none."""
    choices = []
    for at, part in enumerate((accept or "").split(",")):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1.0)
        except ValueError:
            weight = 0.0
        choices.append((-weight, at, tag.strip().lower().partition("-")[0]))
    return next((tag for weight, _, tag in sorted(choices) if weight < 0 and tag in LANGUAGES), None)
