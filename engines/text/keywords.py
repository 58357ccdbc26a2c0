"""Keywords: words that a text should hold, or must.

A word is put where it fits best. While the text is written, each place is ranked among those before it by how likely the word is there,
and taken by the rule for choosing among candidates who come one by one that makes the expected rank the least, under 4 of all (Chow,
Moriguti, Robbins and Samuels 1964, "Optimal selection based on relative rank"). There the logits of a word that is wanted gain
something in all its forms (Pascual et al. 2021, "A plug-and-play method for controlled text generation", who push at every place), and
of a word that must occur nothing else is left. Beams need no such rule: see `banks`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from ..errors import EngineError
from .sampling import NEVER
from .vocabulary import Vocabulary

FULL = 15.0  # logits that strength 1 adds to the first token of a word, in the best places
EVERYWHERE = 6.0  # the same for beams, which look for the best place themselves
GOING_ON = 8.0  # and to the tokens that finish a word which was begun
SPARE = 1  # tokens that are kept in hand for a word that must still be said
UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")  # scripts without spaces between words
RANKS = 4096  # relative ranks that are told apart


@dataclass(frozen=True)
class Keyword:
    """A word in all its forms, each as the tokens of every spelling, and how strongly it is wanted, 0 to 1."""

    word: str
    forms: tuple[str, ...]
    spellings: tuple[tuple[int, ...], ...]
    strength: float = 1.0

    @property
    def length(self) -> int:
        """Tokens of the shortest spelling."""
        return min(map(len, self.spellings))

    def said(self, text: str) -> bool:
        """Whether the text holds the word in any form, as a whole word where it is written in letters with spaces between."""
        return any(_pattern(form).search(text) for form in self.forms)

    def begins(self, room: int | None = None) -> list[int]:
        """The first tokens of its spellings, of those that have room."""
        return list(dict.fromkeys(each[0] for each in self.spellings if room is None or len(each) <= room))

    def goes_on(self, written: Sequence[int], room: int | None = None) -> list[int]:
        """The tokens that go on with a spelling whose beginning stands at the end of what was written, and that have room."""
        return list(
            dict.fromkeys(
                spelling[done]
                for spelling in self.spellings
                for done in range(1, len(spelling))
                if tuple(written[-done:]) == spelling[:done] and (room is None or len(spelling) - done <= room)
            )
        )

    def push(self, written: Sequence[int]) -> dict[int, float]:
        """Tokens that may come next in a spelling of the word, wherever that is, and what their logits gain."""
        begun = dict.fromkeys(self.goes_on(written), GOING_ON)
        return dict.fromkeys(self.begins(), EVERYWHERE * self.strength) | begun


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
    before = "" if UNSPACED.search(word) else " "  # within a word, the tokens of another one would mean something else
    if not any(each.isalnum() for each in word):
        raise EngineError("The keyword {value!r} has no letters that a text could hold.", "Choose a word.", value=word)
    found = [(form, tuple(vocabulary.encode(before + form))) for form in cases]
    spelled = [tokens for form, tokens in found if vocabulary.decode(tokens).strip().lower() == form.lower()]
    spellings = tuple(dict.fromkeys(spelled))
    if not spellings:  # a vocabulary of whole words may lack it
        raise EngineError("The text model cannot spell the keyword {value!r}.", "Choose another word.", value=word)
    return Keyword(word, forms, spellings, strength)


# ── Where a word fits ────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _shares() -> list[float]:
    """What share of the places has gone by when the first, second, third… best so far is good enough (Chow et al. 1964, section 3)."""
    shares, rest = [0.0] * RANKS, 1.0
    for rank in range(RANKS, 0, -1):
        rest *= (1 + 2 / rank) ** (-1 / (rank + 1))
        shares[rank - 1] = rest
    return shares


@dataclass
class Search:
    """The search for the place of one word in a text that is being written."""

    word: Keyword
    seen: list[float] = field(default_factory=list)  # how likely the word was at each place, in ascending order
    due: bool = False  # its place was found, and it is being written

    def __post_init__(self) -> None:
        self._firsts = torch.tensor(self.word.begins())

    def likely(self, logits: Tensor, whole: float) -> float:
        """The log probability that the word begins next; `whole` is the logarithm of the sum of all."""
        return float(logits[self._firsts].logsumexp(-1)) - whole

    def fits(self, likely: float, left: int) -> bool:
        """Whether to take this place, where the word is so likely, with so many places left."""
        rank = len(self.seen) - bisect_left(self.seen, likely)  # of those before, how many were as good or better
        insort(self.seen, likely)
        return len(self.seen) / (len(self.seen) + left) >= _shares()[min(rank, RANKS - 1)]


class Bend:
    """What the wishes of one text do to its next logits, token after token. Ask it once for each."""

    def __init__(self, wishes: Wishes, most: int, ends: Iterable[int]) -> None:
        self._soft = [Search(each) for each in wishes.soft if each.strength > 0]
        self._must = [Search(each) for each in wishes.must]
        self._most, self._ends = most, sorted(ends)

    def __call__(self, logits: Tensor, written: Sequence[int], text: str) -> None:
        """Changes the next logits, (V,), in place: towards a word that is wanted, or to nothing but one that must come now."""
        self._soft = [each for each in self._soft if not each.word.said(text)]
        missing = [each for each in self._must if not each.word.said(text)]
        if not self._soft and not missing:
            return
        whole, left = float(logits.logsumexp(-1)), self._most - len(written)
        only = self._only(missing, logits, whole, written, left) if missing else []
        gains = [self._gains(each, logits, whole, written, left) for each in self._soft]
        if only:
            logits[_others(logits, only)] = NEVER
            return
        _add(logits, gains)
        if missing:
            logits[self._ends] = NEVER

    def _gains(
        self, search: Search, logits: Tensor, whole: float, written: Sequence[int], left: int
    ) -> Mapping[int, float]:
        if begun := search.word.goes_on(written):
            return dict.fromkeys(begun, GOING_ON)
        fits = search.fits(search.likely(logits, whole), left)
        late = self._ending(logits) or left <= search.word.length + SPARE
        return dict.fromkeys(search.word.begins(), FULL * search.word.strength) if fits or late else {}

    def _ending(self, logits: Tensor) -> bool:
        """Whether the text is about to end by itself: the last place for a word."""
        return int(logits.argmax()) in self._ends

    def _only(
        self, missing: Sequence[Search], logits: Tensor, whole: float, written: Sequence[int], left: int
    ) -> list[int]:
        """The tokens of which one must come now, or none: of a word that is being written, or whose place is here."""
        needed = sum(each.word.length for each in missing)
        for each in missing:
            room = left - (needed - each.word.length)
            if each.due and (tokens := each.word.goes_on(written, room)):
                return tokens
            each.due = False
        late = left <= needed + SPARE or self._ending(logits)
        for each in missing:
            room = left - (needed - each.word.length)
            fits = each.fits(each.likely(logits, whole), left - needed)
            if fits or late:
                each.due = True
                return each.word.begins(room)
        return []


def pull(logits: Tensor, soft: Sequence[Keyword], written: Sequence[int], text: str) -> None:
    """Adds to the next logits of a beam, (V,), in place, what its wanted words gain, wherever that is."""
    _add(logits, [each.push(written) for each in soft if each.strength > 0 and not each.said(text)])


def _add(logits: Tensor, gains: Sequence[Mapping[int, float]]) -> None:
    """The most that any word has a token gain, to the logits, (V,), in place."""
    most: dict[int, float] = {}
    for each in gains:
        for token, gain in each.items():
            most[token] = max(gain, most.get(token, 0.0))
    if most:
        logits[list(most)] += torch.tensor(list(most.values()), device=logits.device)


def _others(logits: Tensor, kept: Sequence[int]) -> Tensor:
    mask = torch.ones_like(logits, dtype=torch.bool)
    mask[list(kept)] = False
    return mask


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
    """The word and all its English forms; a word of another script, or of several words, is its only form."""
    if not re.fullmatch(r"[A-Za-z]{2,}", word):
        return [word]
    from lemminflect import getAllInflections, getAllInflectionsOOV, getAllLemmas

    low = word.lower()
    known = {kind: set(lemmas) for kind, lemmas in getAllLemmas(low).items()}
    own = {kind: {low} for kind, lemmas in known.items() if low in lemmas}  # a saw is a tool, whoever saw what
    found = [word, low]
    for kind, lemmas in (own or known).items():
        for lemma in sorted(lemmas):
            found += [lemma, *(form for forms in getAllInflections(lemma, kind).values() for form in forms)]
    if not known:
        found += [form for forms in getAllInflectionsOOV(low, "NOUN").values() for form in forms]
    return list(dict.fromkeys(found))


@cache
def _pattern(form: str) -> re.Pattern[str]:
    whole = rf"\b{re.escape(form)}\b" if form.isascii() else re.escape(form)
    return re.compile(whole, re.IGNORECASE)
