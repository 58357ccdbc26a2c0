"""The notebook: one text a session, written by two hands. Pure: acts in, text and its authors out.

Every position counts Unicode code points. What is kept of a text keeps its author; what is put there is its writer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import Levenshtein

from .events import Author, Piece, Place, Spliced

MAX_LETTERS = 2_000_000  # code points of a notebook: a long novel
CELLS = (
    100_000_000  # of the table that an alignment fills, at two bits each; a larger one is cut into coarser units first
)
LINES = re.compile(r"[^\n]*\n|[^\n]+")
LETTER = (
    r"[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"  # of scripts that are written with spaces
)
WORDS, LETTERS = re.compile(rf"{LETTER}+|\s+|.", re.S), re.compile(rf"{LETTER}{{2}}")


@dataclass(frozen=True)
class Span:
    """A piece of a text and who wrote it."""

    text: str
    by: Author


@dataclass(frozen=True)
class Recalled:
    """The notebook went back to where it stood before an event, and on from there with a variant."""

    before: int
    at: int
    put: str
    by: Place


Writing = Mapping[int, Spliced | Recalled]  # event number -> what it did to the notebook, only what holds


class Document:
    """A text with its authors. Immutable."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self.spans = merged(spans)

    @cached_property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)

    def __len__(self) -> int:
        return sum(len(span.text) for span in self.spans)

    def spliced(self, pieces: Sequence[Piece], by: Author) -> Document:
        """With the pieces cut out and put in. A piece beyond the end is put at the end."""
        out: list[Span] = []
        rest, done = list(reversed(self.spans)), 0

        def take(until: int, keep: bool) -> None:
            nonlocal done
            while done < until and rest:
                span = rest.pop()
                part = span.text[: until - done]
                if keep:
                    out.append(Span(part, span.by))
                if len(part) < len(span.text):
                    rest.append(Span(span.text[len(part) :], span.by))
                done += len(part)

        for piece in pieces:
            take(piece.at, keep=True)
            take(piece.at + piece.cut, keep=False)
            out.append(Span(piece.put, by))
        return Document([*out, *reversed(rest)])

    def part(self, start: int, end: int) -> Document:
        """The text between two places."""
        cut = [Piece(at=0, cut=max(0, start)), Piece(at=max(start, end), cut=max(0, len(self) - end))]
        return self.spliced(cut, None)

    def find(self, place: Place) -> tuple[int, int] | None:
        """From where to where the words of a variant stand, however they were parted."""
        at, found = 0, []
        for span in self.spans:
            if span.by == place:
                found.append((at, at + len(span.text)))
            at += len(span.text)
        return (found[0][0], found[-1][1]) if found else None


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same without empty spans, and with neighbours of one author joined."""
    out: list[list[str]] = []
    authors: list[Author] = []
    for span in spans:
        if not span.text:
            continue
        if authors and authors[-1] == span.by:
            out[-1].append(span.text)
        else:
            out.append([span.text])
            authors.append(span.by)
    return tuple(Span("".join(texts), by) for texts, by in zip(out, authors, strict=True))


# ── Replaying ────────────────────────────────────────────────────────────────────────────────────────────────────────


def replay(writing: Writing, until: int | None = None, begun: Document | None = None, after: int = -1) -> Document:
    """The document after all acts, or after those before the event `until`. `begun` is what it was after the event `after`."""
    document = begun or Document()
    for number in sorted(number for number in writing if number > after and (until is None or number < until)):
        match writing[number]:
            case Spliced(pieces=pieces, by=by):
                document = document.spliced(pieces, by)
            case Recalled(before=before, at=at, put=put, by=by):
                document = replay(writing, before).spliced([Piece(at=at, put=put)], by)
    return document


class Memory:
    """The document of a session that only grows, without reading it from the beginning each time."""

    def __init__(self) -> None:
        self._seen: tuple[int, ...] = ()
        self._document = Document()

    def document(self, writing: Writing) -> Document:
        numbers = tuple(sorted(writing))
        if numbers != self._seen:
            same = numbers[: len(self._seen)] == self._seen and self._seen
            begun, after = (self._document, self._seen[-1]) if same else (Document(), -1)
            self._document, self._seen = replay(writing, begun=begun, after=after), numbers
        return self._document


def shifted(at: int, pieces: Sequence[Piece], after: bool = True) -> int:
    """Where a place of the old text lies in the new one. What was put exactly there comes before it, or `after` says otherwise."""
    moved = 0
    for piece in pieces:
        end = piece.at + piece.cut
        if at > end or (at == end and (after or piece.cut)):
            moved += len(piece.put) - piece.cut
        elif at > piece.at:
            return piece.at + moved + len(piece.put)
        else:
            break
    return at + moved


def anchor(writing: Writing, number: int, at: int, until: int | None = None) -> int:
    """Where a place of the text as it was at the event `number` lies now."""
    start = at
    for later in sorted(each for each in writing if each > number and (until is None or each < until)):
        match writing[later]:
            case Spliced(pieces=pieces):
                at = shifted(at, pieces)
            case Recalled() as back:
                gone = back.before < number  # what was written since then
                at = back.at if gone else anchor(writing, number, start, back.before)
                at = shifted(at, [Piece(at=back.at, put=back.put)])
    return at


# ── What changed ─────────────────────────────────────────────────────────────────────────────────────────────────────


def diff(old: str, new: str) -> list[Piece]:
    """The pieces that turn one text into the other, keeping whole words where both have them."""
    found = [(at, cut, put) for at, cut, put in _changes(old, new, 0, (lines, words)) if cut or put]
    out: list[tuple[int, int, str]] = []
    for at, cut, put in found:
        if out and out[-1][0] + out[-1][1] == at:
            out[-1] = (out[-1][0], out[-1][1] + cut, out[-1][2] + put)
        else:
            out.append((at, cut, put))
    return [Piece(at=at, cut=cut, put=put) for at, cut, put in out]


def lines(text: str) -> list[str]:
    return LINES.findall(text)


def words(text: str) -> list[str]:
    """Words, single characters of scripts that are written without spaces, and what lies between, which add up to the text."""
    return WORDS.findall(text)


def _changes(
    old: str, new: str, at: int, units: Sequence[Callable[[str], list[str]]]
) -> Iterable[tuple[int, int, str]]:
    """(place, characters cut, text put), in order. Where the finest units are too many, all of it is one change."""
    head, tail = _ends(old, new)
    old, new, at = old[head : len(old) - tail], new[head : len(new) - tail], at + head
    if not old or not new or not units:
        yield at, len(old), new
        return
    split, *finer = units
    before, now = split(old), split(new)
    if len(before) * len(now) > CELLS or (finer and (len(before) == 1 or len(now) == 1)):
        yield from _changes(old, new, at, finer)
        return
    starts = [0]
    for unit in before:
        starts.append(starts[-1] + len(unit))
    for old_from, old_to, new_from, new_to in _paired(before, now) if finer else _edits(before, now):
        cut, put = "".join(before[old_from:old_to]), "".join(now[new_from:new_to])
        yield from _changes(cut, put, at + starts[old_from], finer)


Edit = tuple[int, int, int, int]  # units of the old text, from and to; units of the new one


def _steps(before: Sequence[str], now: Sequence[str]) -> list[Edit]:
    found = Levenshtein.opcodes(before, now)
    return [(each.src_start, each.src_end, each.dest_start, each.dest_end) for each in found if each.tag != "equal"]


def _paired(before: Sequence[str], now: Sequence[str]) -> Iterable[Edit]:
    """What is not the same in both, one unit against one where as many were replaced: each may have kept some of its words."""
    for old_from, old_to, new_from, new_to in _steps(before, now):
        if old_to - old_from == new_to - new_from:
            for step in range(old_to - old_from):
                yield old_from + step, old_from + step + 1, new_from + step, new_from + step + 1
        else:
            yield old_from, old_to, new_from, new_to


def _edits(before: Sequence[str], now: Sequence[str]) -> list[Edit]:
    """What is not the same in both. What is kept between two edits must hold a word, or it is a coincidence."""
    out: list[Edit] = []
    for here in _steps(before, now):
        kept = "".join(before[out[-1][1] : here[0]]) if out else "x"
        if any(map(str.isalnum, kept)):
            out.append(here)
        else:
            out[-1] = (out[-1][0], here[1], out[-1][2], here[3])
    return out


def _ends(old: str, new: str) -> tuple[int, int]:
    """How many characters both begin and end with. Where something was replaced, only whole words count as kept."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    if min(len(old), len(new)) == head + tail:
        return head, tail
    for text in (old, new):
        while head and LETTERS.fullmatch(text[head - 1 : head + 1]):
            head -= 1
        while tail and LETTERS.fullmatch(text[len(text) - tail - 1 : len(text) - tail + 1]):
            tail -= 1
    return head, tail


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike, by halving: comparing slices is quick, looking at each is not."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def distance(made: str, edited: str) -> float:
    """How much of a text was changed, 0-1: Levenshtein's distance over the longer length."""
    return float(Levenshtein.normalized_distance(made, edited))
