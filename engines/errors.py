"""Errors that a person may see, and the check that text can be kept. No torch here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MAX_PROMPT = 2_000_000  # characters: a long novel; what a model has no room for, its engine leaves out and says so
MAX_OPTION = 20_000  # characters of an option that is text
MAX_NAME = 200  # characters of the name of a style, a mask, an option or an engine
SURROGATE = re.compile(r"[\ud800-\udfff]")  # half of a character, which JSON can spell and UTF-8 cannot

SHOWN = 300  # characters of a value that a sentence shows
LISTED = 2000  # characters of what is allowed, or where something lies
IN_FULL = ("allowed", "path", "folder")


class UserError(Exception):
    """Something to show to a person: what happened, what to do, and the values that were wrong.

    `message` and `remedy` are templates in English, filled from `values`; the page looks up their translation by the template.
    """

    def __init__(self, message: str, remedy: str = "", **values: Any) -> None:
        super().__init__(message, remedy)
        self.message, self.remedy, self.values = message, remedy, values

    def __str__(self) -> str:
        values = shortened(self.values)
        return " ".join(filled(part, values) for part in (self.message, self.remedy) if part)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_error, (type(self), self.message, self.remedy, self.values)


class EngineError(UserError):
    """An engine cannot do what was asked: a bad brief, a missing model, a device without memory."""


class BriefError(EngineError):
    """The brief itself is wrong. Names the key, the value and what is allowed."""


def _rebuild_error(kind: type[UserError], message: str, remedy: str, values: dict[str, Any]) -> UserError:
    return kind(message, remedy, **values)


def filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with its values; one with braces of its own, as engines may quote, stays as it is."""
    try:
        return template.format(**values)
    except (LookupError, ValueError, AttributeError, TypeError):
        return template


def shortened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of an error as a sentence can show them: none without end, and none that cannot be sent."""
    return {key: _shown(value, LISTED if key in IN_FULL else SHOWN) for key, value in values.items()}


class _Cut(str):
    """What is left of a value, shown as it is even where a sentence asks for its `repr`."""

    __repr__ = str.__str__


def _shown(value: Any, most: int) -> Any:
    if isinstance(value, str):
        whole = value if len(value) <= most else value[:most] + "…"
        return SURROGATE.sub("\N{REPLACEMENT CHARACTER}", whole)
    if isinstance(value, float | None):
        return value
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested without end, or a number of thousands of digits
        return _Cut("…")
    return value if len(text) <= most else _Cut(text[:most] + "…")


def check_text(key: str, value: Any, most: int = MAX_NAME, refusal: type[UserError] = BriefError) -> str:
    """`value` where it is text that is not too long and can be stored; else an error that names the key."""
    if not isinstance(value, str):
        raise refusal("{key} is {value!r}.", "It must be {kind}.", key=key, value=value, kind="text")
    if len(value) > most:
        raise refusal(
            "{key} has {count} characters.", "At most {limit} are allowed.", key=key, count=len(value), limit=most
        )
    if SURROGATE.search(value):
        raise refusal(
            "{key} holds half of a character, which cannot be kept.",
            "Send whole characters: an emoji that was cut in two is often why.",
            key=key,
        )
    return value
