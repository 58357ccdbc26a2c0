"""What the model reads before it writes: memory, the artist's text, the author's note, as they are or in a template.

Memory, note and template always stay; where all of it is more than the model has room for, the text loses its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import TextOptions, templates
from .lm import LanguageModel

LETTERS = 8  # of a text that are looked at for each token that there is room for: few tokens have more
PARAGRAPHS = (
    2  # before whose last ones the author's note stands, where it is near enough to be heard and does not end the text
)


@dataclass(frozen=True)
class Prompt:
    """The tokens, whether the text lost its beginning, and what each part costs in tokens."""

    tokens: list[int]
    cut: bool = False
    parts: dict[str, int] = field(default_factory=dict)


def prompt(model: LanguageModel, text: str, options: TextOptions) -> Prompt:
    """What is read before a text of `options.length` tokens is written."""
    around = model.encode(_asked(model, "", options))
    room = max(1, model.context - options.length - len(around))
    kept, cut = tail(model, text, room)
    tokens = model.encode(_asked(model, kept, options))[-max(1, model.context - options.length) :]
    parts = {
        "prompt": len(tokens) - len(around),
        "memory": _cost(model, options.memory),
        "note": _cost(model, options.note),
    }
    return Prompt(tokens, cut, parts | {"template": _cost(model, options.template)})


def _asked(model: LanguageModel, text: str, options: TextOptions) -> str:
    """Everything as one text."""
    memory = options.memory.strip()
    if not options.template and not options.reply:
        return "\n\n".join(part for part in (memory, _noted(text, options.note.strip())) if part)
    words = templates.filled(options.template, text, options.form, options.style) if options.template else text
    note = options.note.strip()
    return model.vocabulary.asked(f"{words}\n\n({note})" if note else words, system=memory)


def _noted(text: str, note: str) -> str:
    """The text with the note before its last paragraphs."""
    if not note:
        return text
    paragraphs = text.split("\n")
    at = max(0, len(paragraphs) - PARAGRAPHS)
    return "\n".join([*paragraphs[:at], f"[{note}]", *paragraphs[at:]])


def tail(model: LanguageModel, text: str, room: int) -> tuple[str, bool]:
    """The end of the text that fits into `room` tokens, from the beginning of a word where that is near; and whether it was cut."""
    near = text[-room * LETTERS :]
    tokens = model.encode(near)
    if len(tokens) <= room:
        return near, len(near) < len(text)
    kept = model.decode(tokens[-room:]).lstrip("\ufffd")
    return kept.partition(" ")[2] or kept, True


def _cost(model: LanguageModel, text: str) -> int:
    return len(model.encode(text)) if text else 0
