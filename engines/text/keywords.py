"""Keywords: words that a text should hold. A push of the logits towards every form of a word, until it has been said.

The push is on the token that comes next in any spelling of the word: its first where none of it is said yet, the next one where its
beginning stands at the end of the text (Pascual et al. 2021, "A plug-and-play method for controlled text generation", without the
embedding that decides there which words are near: every form of a keyword counts alike).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from ..errors import EngineError
from .sampling import NEVER
from .vocabulary import Vocabulary

FULL = 6.0  # logits that strength 1 adds to the first token of a word
GOING_ON = 8.0  # and to the tokens that finish a word which was begun
VOWELS = "aeiou"


GENTLE = 0.4  # strength at which a word that must occur begins; it rises to 1 as the text is written
SPARE = 1  # tokens that are kept in hand for a word that must still be said


@dataclass(frozen=True)
class Keyword:
    """A word in all its forms, each as the tokens of every spelling, and how strongly it is wanted, 0 to 1."""

    word: str
    forms: tuple[str, ...]
    spellings: tuple[tuple[int, ...], ...]
    strength: float = 1.0

    @property
    def shortest(self) -> tuple[int, ...]:
        """The spelling of the fewest tokens that begins with a space, where there is one."""
        return min(self.spellings, key=len)

    @property
    def length(self) -> int:
        return len(self.shortest)

    def said(self, text: str) -> bool:
        """Whether the text holds the word in any form, as a whole word where it is written in letters with spaces between."""
        return any(_pattern(form).search(text) for form in self.forms)

    def push(self, written: Sequence[int]) -> Mapping[int, float]:
        """Tokens that may come next in a spelling of the word, and what their logits gain."""
        out: dict[int, float] = {}
        for spelling in self.spellings:
            out.setdefault(spelling[0], FULL * self.strength)
            for done in range(1, len(spelling)):
                if tuple(written[-done:]) == spelling[:done]:
                    out[spelling[done]] = GOING_ON
        return out


@dataclass(frozen=True)
class Wishes:
    """The words of one variant: those that it should hold, and those that it must."""

    soft: tuple[Keyword, ...] = ()
    must: tuple[Keyword, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.soft or self.must)


def keyword(vocabulary: Vocabulary, word: str, strength: float = 1.0) -> Keyword:
    """The word as this vocabulary spells it. Raises `EngineError` where it has no letters."""
    word = word.strip()
    forms = tuple(dict.fromkeys(inflections(word)))
    cases = [cased for form in forms for cased in dict.fromkeys((form, form.capitalize()))]
    found = [tuple(vocabulary.encode(before + form)) for form in cases for before in (" ", "")]
    spellings = tuple(dict.fromkeys(spelling for spelling in found if spelling))
    if not spellings or not any(each.isalnum() for each in word):
        raise EngineError("The keyword {value!r} has no letters that a text could hold.", "Choose a word.", value=word)
    return Keyword(word, forms, spellings, strength)


def bend(logits: Tensor, wishes: Wishes, written: Sequence[int], text: str, left: int, ends: Iterable[int]) -> None:
    """Changes the next logits, (V,), in place: towards what was not said yet, and to nothing but a word that must occur where
    only just enough tokens are `left` for it."""
    wanted = [each for each in wishes.soft if each.strength > 0 and not each.said(text)]
    missing = [each for each in wishes.must if not each.said(text)]
    hurry = 1 - left / max(1, left + len(written))  # how much of the text is written already
    pushed = [*wanted, *(replace(each, strength=GENTLE + (1 - GENTLE) * hurry) for each in missing)]
    gains: dict[int, float] = {}
    for each in pushed:
        for token, gain in each.push(written).items():
            gains[token] = max(gain, gains.get(token, 0.0))
    if gains:
        at = torch.tensor(list(gains), device=logits.device)
        logits[at] += torch.tensor(list(gains.values()), device=logits.device)
    if missing:
        logits[sorted(ends)] = NEVER
        now = _forced(missing, written, left)
        if now is not None:
            logits.fill_(NEVER)
            logits[now] = 0.0


def _forced(missing: Sequence[Keyword], written: Sequence[int], left: int) -> int | None:
    """The token that must come now, where no other leaves room for all that is missing."""
    if left > sum(each.length for each in missing) + SPARE:
        return None
    begun = [
        (len(spelling) - done, spelling[done])
        for each in missing
        for spelling in each.spellings
        for done in range(1, len(spelling))
        if tuple(written[-done:]) == spelling[:done]
    ]
    return min(begun)[1] if begun else min((each.shortest for each in missing), key=len)[0]


def check(wishes: Wishes, most: int, blocked: Sequence[str]) -> None:
    """Raises `EngineError` where not all of it can be done: said before anything is written."""
    needed = sum(each.length + 1 for each in wishes.must)
    if needed > most:
        raise EngineError(
            "The words that must occur take {needed} tokens, and a text has {limit}.",
            "Make it longer, or ask for fewer words.",
            needed=needed,
            limit=most,
        )
    for each in wishes.must:
        if each.word.lower() in {word.lower() for word in blocked}:
            raise EngineError(
                "The word {value!r} must occur and is to be covered.", "Take it off one of the lists.", value=each.word
            )


def inflections(word: str) -> list[str]:
    """The word and its regular English forms; a word of another script, or of several words, is its only form."""
    if not re.fullmatch(r"[A-Za-z]{2,}", word):
        return [word]
    low = word.lower()
    stem, last = low, low[-1]
    if last == "e":
        made = [low + "s", low + "d", low[:-1] + "ing", low + "r"]
    elif last == "y" and low[-2] not in VOWELS:
        made = [low[:-1] + "ies", low[:-1] + "ied", low + "ing"]
    elif low.endswith(("s", "x", "z", "ch", "sh")):
        made = [low + "es", low + "ed", low + "ing"]
    else:
        short = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", low) is not None
        stem = low + last if short else low
        made = [low + "s", stem + "ed", stem + "ing"]
    return [word, low, *made]


@cache
def _pattern(form: str) -> re.Pattern[str]:
    whole = rf"\b{re.escape(form)}\b" if form.isascii() else re.escape(form)
    return re.compile(whole, re.IGNORECASE)
