"""Beams that reach every word which must occur: dynamic beam allocation (Post and Vilar 2018, "Fast lexically constrained decoding with
dynamic beam allocation for neural machine translation", sections 3 and 4).

Beams are kept in banks by how many tokens of those words they hold already, and every bank has its share of them, so that a beam that
took a word at a price is held against others that did, not against those that are still free of it. Departure: a word may come in any
of its forms.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .keywords import Keyword


class Candidate(NamedTuple):
    """A beam one token longer."""

    score: float
    parent: int
    token: int
    met: int  # tokens of the words that must occur


class Banks:
    """The words that must occur in a row's beams."""

    def __init__(self, must: Sequence[Keyword], decode: Callable[[Sequence[int]], str]) -> None:
        self._must, self._decode = must, decode
        self.total = sum(each.length for each in must)

    def met(self, beam: Sequence[int]) -> int:
        """How many tokens of the words a beam holds: all of a word that is said, and of one that is not what it ends with."""
        if not self._must:
            return 0
        text = self._decode(beam)
        return sum(each.length if each.said(text) else min(each.length - 1, _begun(each, beam)) for each in self._must)

    def steps(self, beam: Sequence[int]) -> list[int]:
        """The tokens that bring a beam nearer to what is missing."""
        if not self._must:
            return []
        text = self._decode(beam)
        missing = [each for each in self._must if not each.said(text)]
        return list(dict.fromkeys(token for each in missing for token in each.goes_on(beam) or each.begins()))

    def chosen(self, candidates: Sequence[Candidate], width: int) -> list[Candidate]:
        """The `width` best, an equal share from every bank; what a bank does not fill goes to the fullest ones."""
        banks: dict[int, list[Candidate]] = defaultdict(list)
        for each in sorted(candidates, reverse=True):
            banks[each.met].append(each)
        order = sorted(banks, reverse=True)[:width]
        share = width // len(order)
        taken = [each for met in order for each in banks[met][:share]]
        spare = [each for met in order for each in banks[met][share:]]
        return taken + spare[: width - len(taken)]


def _begun(word: Keyword, beam: Sequence[int]) -> int:
    """How many tokens of a spelling stand at the end of a beam."""
    return max(
        (
            done
            for spelling in word.spellings
            for done in range(1, len(spelling) + 1)
            if tuple(beam[-done:]) == spelling[:done]
        ),
        default=0,
    )
