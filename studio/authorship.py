"""Who wrote what: the figures that CoAuthor reports of a session (Lee et al. 2022, sections 5 and 6), and the text with marks.

They count a query where we count a round: both ask the machine once and offer several texts. Shares are of characters.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from .events import Author, Place, Spliced
from .notebook import Document, Recalled, Writing, distance, replay
from .state import State

# A word of a script with spaces, with what joins its parts; or one character of a script without (Chinese, Japanese).
WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
    r"(?:['’\-][^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)*"
)
SENTENCE = re.compile(r"[^.!?。！？…\n]*[.!?。！？…]+[\"'”’」』)）]*|[^.!?。！？…\n]+")
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|&~])")


def words(text: str) -> int:
    """Words as a word processor counts them, characters where a script has no spaces."""
    return sum(1 for _ in WORD.finditer(text))


def side(by: Author) -> str:
    return "artist" if by is None else "given" if by == "given" else "machine"


def figures(state: State, document: Document | None = None) -> dict[str, Any]:
    """JSON values. `human_share` is the artist's part of what the two wrote, None where nothing is written."""
    document = document or replay(state.writing)
    letters = {"artist": 0, "machine": 0, "given": 0}
    for span in document.spans:
        letters[side(span.by)] += len(span.text)
    rounds = [current for current in state.rounds.values() if current.brief.mode == "text"]
    taken = _taken(state.writing)
    shown = sum(len(current.variants) for current in rounds)
    queries = sum(1 for current in rounds if current.variants)
    accepted = len({place.round for place in taken})
    written = letters["artist"] + letters["machine"]
    changed = [
        {
            "round": current.number,
            "variant": index,
            "distance": round(distance(state.made(Place(round=current.number, variant=index)).text or "", text), 4),
        }
        for current in rounds
        for index, text in sorted(current.verdict.texts.items())
    ]
    return {
        "words": words(document.text),
        "characters": letters,
        "human_share": round(letters["artist"] / written, 4) if written else None,
        "queries": queries,
        "suggestions": shown,
        "accepted_queries": accepted,
        "accepted_suggestions": len(taken),
        "acceptance_rate": round(accepted / queries, 4) if queries else None,
        "kept_of_accepted": _kept(document, taken),
        "edits": _edits(state.writing),
        "rewritten": changed,
        "sentences": _sentences(document),
    }


def _taken(writing: Writing) -> dict[Place, int]:
    """How many characters of each variant were taken over."""
    out: dict[Place, int] = {}
    for act in writing.values():
        if isinstance(act.by, Place):
            put = [act.put] if isinstance(act, Recalled) else [piece.put for piece in act.pieces]
            out[act.by] = out.get(act.by, 0) + sum(map(len, put))
    return out


def _kept(document: Document, taken: Mapping[Place, int]) -> float | None:
    """The share of what was taken over that still stands."""
    total = sum(taken.values())
    standing = sum(len(span.text) for span in document.spans if isinstance(span.by, Place))
    return round(min(1.0, standing / total), 4) if total else None


def _edits(writing: Writing) -> int:
    """How often the artist changed or cut what the machine had written."""
    count, document, last = 0, Document(), -1
    for number in sorted(writing):
        act = writing[number]
        if isinstance(act, Spliced) and act.by is None and any(piece.cut for piece in act.pieces):
            cut = (document.part(piece.at, piece.at + piece.cut) for piece in act.pieces)
            count += any(isinstance(span.by, Place) for part in cut for span in part.spans)
        document, last = replay(writing, number + 1, document, last), number
    return count


def _sentences(document: Document) -> dict[str, int]:
    """How many sentences each wrote alone, and how many both had a hand in. What was given is nobody's hand."""
    bounds: list[tuple[int, int, str]] = []
    at = 0
    for span in document.spans:
        bounds.append((at, at + len(span.text), side(span.by)))
        at += len(span.text)
    out, first = {"artist": 0, "machine": 0, "both": 0}, 0
    for match in SENTENCE.finditer(document.text):
        if not any(map(str.isalnum, match[0])):
            continue
        while bounds[first][1] <= match.start():
            first += 1
        hands: set[str] = set()
        for begin, end, hand in bounds[first:]:
            if begin >= match.end():
                break
            part = document.text[max(begin, match.start()) : min(end, match.end())]
            hands |= {hand} if any(map(str.isalnum, part)) else set()
        hands.discard("given")
        if hands:
            out["both" if len(hands) > 1 else hands.pop()] += 1
    return out


# ── The text with marks ──────────────────────────────────────────────────────────────────────────────────────────────


def markdown(document: Document, title: str, legend: str) -> str:
    """The text with the machine's words underlined."""
    parts = []
    for span in document.spans:
        text = MARKDOWN.sub(r"\\\1", span.text)
        lines = [f"<u>{line}</u>" if side(span.by) == "machine" and line.strip() else line for line in text.split("\n")]
        parts.append("\n".join(lines))
    return f"# {title}\n\n*{legend}*\n\n{''.join(parts)}\n"


def page(document: Document, title: str, legend: str, language: str) -> str:
    """The text as one HTML file, the machine's words underlined and tinted, each with where it is from."""
    parts = []
    for span in document.spans:
        text = html.escape(span.text)
        if isinstance(span.by, Place):
            text = f'<ins title="{span.by.round + 1}.{span.by.variant + 1}">{text}</ins>'
        elif span.by == "given":
            text = f"<i>{text}</i>"
        parts.append(text)
    name = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="{language}"><meta charset="utf-8"><title>{name}</title>\n<style>{STYLE}</style>\n'
        f'<h1>{name}</h1>\n<p class="legend">{html.escape(legend)}</p>\n<article dir="auto">{"".join(parts)}</article>\n</html>\n'
    )


STYLE = (
    "body{font:18px/1.6 Georgia,serif;max-width:38em;margin:3em auto;padding:0 1em;color:#1f1f1f;background:#fff}"
    "article{white-space:pre-wrap;overflow-wrap:anywhere}i{font-style:normal;color:#5c5c5c}"
    "ins{text-decoration:underline 2px #c8553d;text-underline-offset:3px;background:#fbeae5}.legend{color:#5c5c5c;font-size:15px}"
)
