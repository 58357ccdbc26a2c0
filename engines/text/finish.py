"""Filters that go over a finished text: each can be switched off, says what it did, and leaves the text as it was to be looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rapidfuzz import fuzz

from ..api import Remark
from . import TextOptions

SENTENCE = re.compile(r"[^.!?…。！？]*(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？…]+[”’」』）]*|[.!?…])\s*|[^.!?…。！？]+$")
ENDED = re.compile(r"(?:[.!?…。！？]+[\"'”’)\]」』）]*)\s*$")
ALIKE = 90.0  # similarity in percent from which two texts say the same
COARSE = ("fuck", "fucking", "shit", "cunt", "bitch", "asshole", "操你", "他妈的", "傻逼", "狗屎", "婊子")
MASK = "▒"

Filter = Callable[[str, TextOptions], tuple[str, Remark | None]]


def finished(text: str, options: TextOptions, whole: bool) -> tuple[str, tuple[Remark, ...]]:
    """The text after every filter that is on, and what they did. `whole` says that the model itself ended it."""
    remarks: list[Remark] = []
    for each in (_shorter, _once, _masked, *([] if whole else [_trimmed])):
        text, remark = each(text, options)
        if remark is not None:
            remarks.append(remark)
    return text, tuple(remarks)


def alike(text: str, others: Sequence[str]) -> bool:
    """Whether one of the others says nearly the same, letter by letter."""
    mine = " ".join(text.split())
    return any(fuzz.ratio(mine, " ".join(other.split())) >= ALIKE for other in others)


def sentences(text: str) -> list[str]:
    """The text in sentences that add up to it; the last may be without an end."""
    return [found[0] for found in SENTENCE.finditer(text) if found[0]]


def _shorter(text: str, options: TextOptions) -> tuple[str, Remark | None]:
    """At most so many words, ended with a sentence where there is one."""
    if not options.most_words or count(text) <= options.most_words:
        return text, None
    kept = ""
    for sentence in sentences(text):
        if kept and count(kept + sentence) > options.most_words:
            break
        kept += sentence
    return kept.rstrip(), Remark("Shortened to {count} words.", {"count": count(kept)})


def _once(text: str, options: TextOptions) -> tuple[str, Remark | None]:
    """Sentences that came already are left out."""
    if not options.once:
        return text, None
    seen: set[str] = set()
    kept: list[str] = []
    for sentence in sentences(text):
        key = " ".join(sentence.lower().split())
        if key not in seen or count(sentence) < 3:
            kept.append(sentence)
        seen.add(key)
    lost = len(sentences(text)) - len(kept)
    return ("".join(kept), Remark("{count} repeated sentences left out.", {"count": lost})) if lost else (text, None)


def _masked(text: str, options: TextOptions) -> tuple[str, Remark | None]:
    """Words of the block list are covered."""
    hidden = 0
    for word in blocked(options):
        whole = rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word)
        text, times = re.subn(whole, lambda found: MASK * len(found[0]), text, flags=re.IGNORECASE)
        hidden += times
    return text, Remark("{count} blocked words covered.", {"count": hidden}) if hidden else None


def _trimmed(text: str, options: TextOptions) -> tuple[str, Remark | None]:
    """What was not ended is left out, unless nothing would be left."""
    if not options.trim or ENDED.search(text):
        return text, None
    parts = sentences(text)
    kept = "".join(parts[:-1]).rstrip()
    lost = text[len(kept) :].lower()
    if not kept or not ENDED.search(kept) or any(word.lower() in lost for word in lines(options.must)):
        return text, None
    return kept, Remark("The unfinished last sentence was left out.")


def count(text: str) -> int:
    """Words; every Chinese, Japanese or Korean character counts as one."""
    return len(
        re.findall(
            r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+(?:['’-]\w+)*",
            text,
        )
    )


def blocked(options: TextOptions) -> list[str]:
    """The words that are covered."""
    return list(dict.fromkeys([*lines(options.block), *(COARSE if options.clean else ())]))


def lines(text: str) -> list[str]:
    """What stands on lines of its own."""
    return [line.strip() for line in text.splitlines() if line.strip()]
