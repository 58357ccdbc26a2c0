"""Why a variant is there, in words that the artist can check against what they did."""

from __future__ import annotations

from collections.abc import Mapping

from ..events import Role, Words
from .evidence import Coordinates, Evidence

NOTICEABLE = 0.04  # a change of a knob below this is not worth a word
NAMED = 2  # knobs that a reason names on each side

OPENINGS: dict[Role, str] = {
    "yours": "Exactly what you set.",
    "best": "What I believe you like most.",
    "twist": "Near your taste, turned a little.",
    "surprise": "Far from the rest, to learn from.",
}
FIRST: dict[Role, str] = {
    "yours": "Exactly what you set.",
    "best": "A small step from yours.",
    "twist": "A larger step from yours.",
    "surprise": "A leap, to find out what you like.",
}


def reason(
    role: Role, yours: Mapping[str, float | str], knobs: Mapping[str, float | str], evidence: Evidence
) -> list[Words]:
    """Sentences: what the role is for, what differs from yours, and the judgement that speaks for it most."""
    sentences = [Words(template=(OPENINGS if evidence else FIRST)[role])]
    if role == "yours":
        return sentences
    change = {
        name: float(value) - float(yours.get(name, 0.0))
        for name, value in knobs.items()
        if not isinstance(value, str) and not isinstance(yours.get(name), str)
    }
    new = [name for name in knobs if name.startswith("style:") and name not in yours]
    seen = sorted((name for name in change if abs(change[name]) >= NOTICEABLE), key=lambda name: -abs(change[name]))
    more = [name for name in seen if change[name] > 0 and name not in new][:NAMED]
    less = [name for name in seen if change[name] < 0][:NAMED]
    if new:
        sentences.append(Words(template="New in the mix: {new}.", values={"new": new}))
    if more and less:
        sentences.append(Words(template="More {more}, less {less}.", values={"more": more, "less": less}))
    elif more:
        sentences.append(Words(template="More {more}.", values={"more": more}))
    elif less and not new:
        sentences.append(Words(template="Less {less}.", values={"less": less}))
    witness = _witness(change, evidence)
    return [*sentences, witness] if witness else sentences


def _witness(change: Coordinates, evidence: Evidence) -> Words | None:
    """The judgement whose preferred direction agrees most with the change."""
    best, agreement = None, 0.0
    for said in evidence.statements:
        better = evidence.points[said.better] if said.better is not None else None
        worse = evidence.points[said.worse] if said.worse is not None else None
        if better is None or worse is None:
            continue
        score = said.weight * sum(
            (better.get(name, 0.0) - worse.get(name, 0.0)) * step for name, step in change.items()
        )
        if score > agreement + 1e-9:
            best, agreement = said, score
    if best is None or best.better is None or best.worse is None:
        return None
    liked, other = evidence.labels[best.better], evidence.labels[best.worse]
    if liked is None:
        return Words(template="You set it by hand in round {round}.", values={"round": best.round + 1})
    if other is None:
        return None
    if other.round != liked.round:
        return Words(template="In round {round} nothing beat what you had.", values={"round": best.round + 1})
    return Words(
        template="In round {round} you put {liked} over {other}.",
        values={"round": liked.round + 1, "liked": liked.variant + 1, "other": other.variant + 1},
    )
