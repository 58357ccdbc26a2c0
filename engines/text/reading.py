"""How a model reads a text that is there already: what it would have put at each place, and how sure it was.

One pass over prompt and text; nothing is drawn. A text is cut into tokens anew, so its borders may differ from those it was
written with; pieces are whole characters, though one may be several tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..api import Token
from .lm import LanguageModel, Row

ALTERNATIVES = 10
SOUGHT = 40  # likeliest tokens that are looked through for some that can be shown
PART = 128  # places whose chances are worked out at once: each has one for every token there is
HALF = "\ufffd"  # what a part of a character decodes to


def tokens(model: LanguageModel, prompt: Sequence[int], text: str, row: Row | None = None) -> list[Token]:
    """The pieces of a text after a prompt, as they were expected with the steering of `row`."""
    said = model.encode(text)
    if not said:
        return []
    fitted, _ = model.fitted(prompt, len(said))
    chances = _chances(model, fitted, said, row)
    out: list[Token] = []
    for begin, end in _pieces(model, said):
        shown = model.decode(said[:end])[len(model.decode(said[:begin])) :]
        probability = 1.0
        for at in range(begin, end):
            probability *= float(chances[at][0][said[at]])
        out.append(Token(shown, probability, _alternatives(model, said[:begin], *chances[begin][1:])))
    return out


def _chances(
    model: LanguageModel, prompt: Sequence[int], said: Sequence[int], row: Row | None
) -> list[tuple[dict[int, float], list[int], list[float]]]:
    """For each place its own token's probability, and the likeliest tokens with theirs."""
    out: list[tuple[dict[int, float], list[int], list[float]]] = []
    with torch.inference_mode():
        logits = model.logits(prompt, said, row)  # (T, V)
        for start in range(0, len(said), PART):
            shares = logits[start : start + PART].softmax(-1)  # (PART, V)
            best, names = shares.topk(min(SOUGHT, shares.shape[1]), dim=-1)
            for at, mine in enumerate(shares):
                own = said[start + at]
                out.append(({own: float(mine[own])}, names[at].tolist(), best[at].tolist()))
    return out


def _pieces(model: LanguageModel, said: Sequence[int]) -> list[tuple[int, int]]:
    """The text's tokens in runs that each end with a whole character."""
    out: list[tuple[int, int]] = []
    begin = 0
    for end in range(1, len(said) + 1):
        if end == len(said) or not model.decode(said[begin:end]).endswith(HALF):
            out.append((begin, end))
            begin = end
    return out


def _alternatives(
    model: LanguageModel, before: Sequence[int], names: Sequence[int], shares: Sequence[float]
) -> tuple[tuple[str, float], ...]:
    """The likeliest continuations that can be shown: no half characters, no end of the text."""
    base = model.decode(before)
    out: list[tuple[str, float]] = []
    for name, share in zip(names, shares, strict=True):
        text = model.decode([*before, name])[len(base) :]
        if text and HALF not in text and name not in model.ends:
            out.append((text, share))
        if len(out) == ALTERNATIVES:
            break
    return tuple(out)
