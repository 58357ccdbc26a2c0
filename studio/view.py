"""A session as JSON values: what the endpoints return and the page draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engines.api import Brief

from .desk import Ticket
from .events import AnyEvent, Believed, Carried, Compared, Place, Sheeted, Spliced, Teaching, Variant, Words
from .state import Round, State
from .steering import drift


def view(
    session: str,
    events: Mapping[int, AnyEvent],
    state: State,
    running: Ticket | None,
    learned: dict[str, Any],
    no_sheet: Words | None,
    following: Brief | None,
    text: str,
) -> dict[str, Any]:
    """The whole session. Rounds and variants count from 0; undone ones are left out. `no_sheet` says why no sheet is offered,
    `following` is what would be asked next, and `text` what stands in the notebook."""
    now = state.standing(following.mode if following else state.mode)
    agreed, count = drift.agreement(state)
    return {
        "session": session,
        "head": now.head.model_dump() if now.head else None,
        "next": following.to_dict() if following else None,
        "text": text,
        "rounds": [round_view(current) for current in state.rounds.values()],
        "pictures": {
            sha: {"name": picture.name, "width": picture.width, "height": picture.height}
            for sha, picture in state.pictures.items()
        },
        "ways": {world: {way: name for way, name in named.items() if name} for world, named in state.ways.items()},
        "running": {"round": running.round} if running else None,
        **turns(events, state),
        "learned": learned,
        "sheet": {
            "offered": no_sheet is None,
            "why": str(no_sheet) if no_sheet else None,
            "why_words": no_sheet.model_dump() if no_sheet else None,
            "after": max(events, default=0),
            "picked": state.standing("style").ahead is not None,
        },
        "forgot": state.forgot,
        "teachings": [{"event": event, **teaching_view(each)} for event, each in state.taught().items()],
        "check": {"pair": [place.model_dump() for place in asked]} if (asked := drift.due(state)) else None,
        "agreement": {"agreed": agreed, "asked": count} if count else None,
        "shared": state.shared,
    }


def turns(events: Mapping[int, AnyEvent], state: State) -> dict[str, Any]:
    """What undo would take back and redo bring back, None for nothing."""
    return {"undo": act_view(events, state.acts), "redo": act_view(events, state.undone)}


def act_view(events: Mapping[int, AnyEvent], acts: Sequence[int]) -> dict[str, Any] | None:
    """The last of some acts, and of what kind it is; what completes another is told as that one."""
    if not acts:
        return None
    event = events[acts[-1]]
    while isinstance(event, Spliced) and event.follows is not None and event.follows in acts:
        event = events[event.follows]
    return {"event": acts[-1], "kind": event.kind}


def teaching_view(said: Teaching) -> dict[str, Any]:
    """What was taught beside judgements, without the tables that only the fit reads."""
    match said:
        case Sheeted():
            return {"kind": said.kind, "picks": [level.pick for level in said.levels]}
        case Believed() | Compared():
            return said.model_dump(mode="json")
        case Carried():
            return {"kind": said.kind, "source": said.source, "opinions": len(said.taste.opinions)}


def next_brief(state: State, mode: str | None = None) -> Brief | None:
    """What the next `yours` of a mode would be, of the latest act's without one: what was picked from a sheet, the variant that
    was chosen, or the latest brief, with what was set by hand."""
    now = state.standing(mode or state.mode)
    if now.ahead is not None:
        return now.ahead
    if now.open is not None:
        current = state.rounds[now.open]
        edits = current.verdict.edits
        return current.brief.apply(current.proposals[0].knobs | edits) if edits else current.brief
    return None if now.head is None else brief_at(state, now.head)


def brief_at(state: State, place: Place) -> Brief:
    """The brief whose `yours` is this variant, with what was set by hand in its round.

    A style that the variant gave no weight leaves the mix, unless the artist had put it there.
    """
    current = state.rounds[place.round]
    variant = current.variants[place.variant]
    kept = {
        name: value
        for name, value in (variant.knobs | current.verdict.edits).items()
        if value or not name.startswith("style:") or name.removeprefix("style:") in current.brief.styles
    }
    return replace(current.brief.apply(kept), seed=variant.seed)


def continued(state: State, brief: Brief) -> Brief:
    """What a brief means to a program that sends the same one again and again: the next `yours`, where the brief began the
    line of rounds that the next one would continue without a word of its own. Any other brief is taken at its word."""
    following, now = next_brief(state, brief.mode), state.standing(brief.mode)
    at = now.open if now.open is not None else now.head.round if now.head else None
    while following is not None and at is not None:
        current = state.rounds[at]
        if current.brief == brief:
            return following
        if current.parent is None or current.brief != brief_at(state, current.parent):
            break
        at = current.parent.round
    return brief


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
            "edited": verdict.texts.get(variant.index),
        }

    return {
        "round": current.number,
        "event": current.event,
        "parent": current.parent.model_dump() if current.parent else None,
        "status": current.status,
        "at": current.at,
        "brief": current.brief.to_dict(),
        "engine": current.engine.model_dump() if current.engine else None,
        "seconds": current.seconds,
        "peak_memory_mb": current.peak_memory_mb,
        "error": str(current.error) if current.error else None,
        "error_words": current.error.model_dump() if current.error else None,
        "variants": [variant_view(variant) for variant in current.variants],
        "proposals": [proposal.model_dump() for proposal in current.proposals],
        "none": verdict.none,
        "judgements": {
            str(event): said.model_dump(mode="json", exclude_defaults=True)
            for event, said in current.judgements.items()
        },
    }
