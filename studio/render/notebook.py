"""The notebook: its text with its authors, what may be done with it, how much room there is, and who wrote what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.api import Room

from ..events import Place
from ..locales import Table
from ..notebook import Document
from .frame import Scene, Value

Acts = Mapping[str, Any] | None  # an act of the view: its number and kind


def notebook(scene: Scene, document: Document, at: int, known: int | None, view: Mapping[str, Any]) -> Value:
    """The whole panel. `at` is the number of the newest act that changed the text; who knows that one already needs no spans."""
    text = scene.text
    words = text.texts(
        "notebook", "notebook_empty", "notebook_label", "undo", "redo", "who", "who_shade", "write_on_here"
    )
    words |= text.texts("write_on_end", "count_words", "saved", "saving", "unsaved", "lost")
    words |= text.texts(
        "close",
        "who_title",
        "who_json",
        "who_md",
        "who_html",
        "by_machine",
        "by_given",
        "by_artist",
        "who_empty",
        "set_aside",
    )
    return scene.value(
        at=at,
        spans=None if known == at else spans(document),
        **turns(text, view["undo"], view["redo"]),
        text=words,
    )


def spans(document: Document) -> list[Value]:
    """The text in pieces of one author each: none for the artist."""
    return [{"text": span.text, "by": author(span.by)} for span in document.spans]


def author(by: Place | str | None) -> Value | str | None:
    return by.model_dump() if isinstance(by, Place) else by


def turns(text: Table, undo: Acts, redo: Acts) -> Value:
    """What undo would take back, in words, and what redo would bring back; empty for nothing."""
    return {
        "undo": text(f"undo_{undo['kind']}") if undo else "",
        "redo": text("redo_last") if redo else "",
    }


def room(text: Table, found: Room | None) -> Value:
    """What the brief takes of the model's context, in words."""
    if found is None:
        return {"told": "", "over": False}
    left = found.context - found.answer - found.prompt
    told = (
        text("room", prompt=found.prompt, left=max(0, left))
        if left >= 0
        else text("room_over", room=found.context - found.answer)
    )
    return {"told": told, "over": left < 0, "parts": dict(found.parts), "left": left}


def who(text: Table, found: Mapping[str, Any]) -> Value:
    """The figures of who wrote what, each with a name."""
    letters, sentences = found["characters"], found["sentences"]
    rows = [
        ("human_share", percent(found["human_share"])),
        ("words", f"{found['words']}"),
        ("letters", text("who_letters_told", artist=letters["artist"], machine=letters["machine"])),
        ("queries", f"{found['queries']}"),
        ("acceptance", percent(found["acceptance_rate"])),
        ("taken", text("who_taken_told", taken=found["accepted_suggestions"], shown=found["suggestions"])),
        ("kept", percent(found["kept_of_accepted"])),
        ("edits", f"{found['edits']}"),
        ("rewritten", ", ".join(percent(each["distance"]) for each in found["rewritten"]) or "–"),
        ("sentences", text("who_sentences_told", **sentences)),
    ]
    total = sum(letters.values()) or 1
    return {
        "empty": not sum(letters.values()),
        "shares": {name: count / total for name, count in letters.items()},
        "rows": [
            {"name": text(f"who_{name}"), "value": value, "help": text(f"who_{name}_help")} for name, value in rows
        ],
    }


def percent(share: float | None) -> str:
    return "–" if share is None else f"{round(100 * share)} %"
