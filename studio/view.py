"""A session as JSON values: what the endpoints return and the page draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.api import Brief

from .desk import Ticket
from .events import AnyEvent, Round, State, Variant


def view(
    session: str, events: Mapping[int, AnyEvent], state: State, running: Ticket | None, learned: dict[str, Any]
) -> dict[str, Any]:
    """The whole session. Rounds and variants count from 0; undone ones are left out."""
    following = next_brief(state)
    return {
        "session": session,
        "head": state.head.model_dump() if state.head else None,
        "next": following.to_dict() if following else None,
        "rounds": [round_view(current) for current in state.rounds.values()],
        "pictures": {
            sha: {"name": picture.name, "width": picture.width, "height": picture.height}
            for sha, picture in state.pictures.items()
        },
        "running": {"round": running.round} if running else None,
        "undo": None if state.last_act is None else {"event": state.last_act, "kind": events[state.last_act].kind},
        "learned": learned,
    }


def next_brief(state: State) -> Brief | None:
    """What the next `yours` would be: the latest brief, set to the variant that was chosen and to what was set by hand.

    A style that the chosen variant gave no weight leaves the mix, unless the artist had put or locked it there.
    """
    if state.head is None:
        latest = state.latest()
        return latest.brief if latest else None
    current = state.rounds[state.head.round]
    knobs = current.variants[state.head.variant].knobs | current.verdict.edits
    brief = current.brief
    kept = {
        name: value
        for name, value in knobs.items()
        if value or not name.startswith("style:") or name.removeprefix("style:") in brief.styles or name in brief.locks
    }
    return brief.apply(kept)


def round_view(current: Round) -> dict[str, Any]:
    """One round with its variants and what was said of them."""
    verdict = current.verdict
    rank = {index: place for place, group in enumerate(verdict.ranking) for index in group}

    def variant_view(variant: Variant) -> dict[str, Any]:
        return {
            **variant.model_dump(exclude={"features", "reason"}),
            "reason": " ".join(map(str, variant.reason)),
            "reason_words": [words.model_dump() for words in variant.reason],
            "like": variant.index in verdict.likes,
            "dislike": variant.index in verdict.dislikes,
            "picked": variant.index == verdict.pick,
            "rank": rank.get(variant.index),
            "starred": variant.index in current.stars,
        }

    return {
        "round": current.number,
        "event": current.event,
        "parent": current.parent.model_dump() if current.parent else None,
        "status": current.status,
        "brief": current.brief.to_dict(),
        "engine": current.engine.model_dump() if current.engine else None,
        "seconds": current.seconds,
        "peak_memory_mb": current.peak_memory_mb,
        "error": str(current.error) if current.error else None,
        "error_words": current.error.model_dump() if current.error else None,
        "variants": [variant_view(variant) for variant in current.variants],
        "proposals": [proposal.model_dump() for proposal in current.proposals],
        "none": verdict.none,
        "judgements": {event: said.model_dump(exclude_defaults=True) for event, said in current.judgements.items()},
    }
