"""What the artist teaches beside judging a round: corrections, sheets, pairs that come back, tastes that are carried along.

Everything is an event of the session, so it is on disk before it counts, can be withdrawn, and undo brings it back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

from pydantic import ValidationError

from engines import registry
from engines.api import Brief

from . import sheets
from .events import (
    Believed,
    Carried,
    Compared,
    Forgot,
    Knobs,
    Level,
    Opinion,
    Shared,
    Sheeted,
    StudioError,
    Taste,
    Withdrawn,
)
from .session import Session, Studio
from .state import State, fold
from .steering import Plane, carried, drift, evidence, levels, plane
from .view import next_brief

FORMAT = "duet taste 1"  # what a taste's file says of itself
MAX_TASTE = 2 * 2**20  # bytes
KEPT = 150  # newest statements that are carried along
POOLED = 60  # newest statements that each session gives to the pool
LEAST, MOST = 3, 8  # sessions that make a pool; the newest count


def unlearn(session: Session) -> None:
    """Forgets all that was learned; the rounds and their judgements stay."""

    def act(state: State) -> Forgot:
        if not evidence(state, registry.infos()):
            raise StudioError("Nothing was learned yet.")
        return Forgot()

    session.record(act)


def believe(session: Session, knob: str, value: float, mode: str | None = None) -> None:
    """The artist says what they like best of a knob of a mode, of the latest act's without one."""

    def act(state: State) -> Believed:
        brief = _next(state, mode)
        known = {each.name: each for each in registry.info(brief.engine).knobs(brief) if each.kind != "choice"}
        if knob not in known:
            raise StudioError("Unknown knob {key!r}.", "This round has: {allowed}.", key=knob, allowed=", ".join(known))
        low, high = known[knob].low, known[knob].high
        if not low <= value <= high:
            raise StudioError(
                "{key} is {value}.", "It lies between {low} and {high}.", key=knob, value=value, low=low, high=high
            )
        return Believed(engine=brief.engine, knob=knob, value=value)

    session.record(act)


def withdraw(session: Session, event: int) -> None:
    """Takes back one of the things that were taught beside judgements."""

    def act(state: State) -> Withdrawn:
        if event not in state.taught():
            known = ", ".join(map(str, state.taught())) or "none"
            raise StudioError(
                "There is nothing {value} to take back.", "There is: {allowed}.", value=event, allowed=known
            )
        return Withdrawn(event=event)

    session.record(act)


def compare(session: Session, pair: Sequence[Any], better: Literal[0, 1] | None) -> None:
    """What the artist says of the earlier pair that came back."""

    def act(state: State) -> Compared:
        asked = drift.due(state)
        if asked is None or [place.model_dump() for place in asked] != list(pair):
            raise StudioError("That pair is not asked any more.", "Nothing is lost.")
        return Compared(pair=asked, better=better)

    session.record(act)


# ── Sheets ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def sheet(
    session: Session, after: int, picks: Sequence[int], asked: Brief | None = None
) -> tuple[Brief, list[list[Knobs]]]:
    """The settings of a sheet's cells, level by level, as it stood after the event with the number `after`.

    Around what is `asked`, where the form says something else than the next brief: what was locked there stays.
    """
    state = fold({number: event for number, event in session.events().items() if number <= after})
    brief = _next(state, "style")
    if asked is not None:
        brief = registry.check(asked)
        session.check_pictures(brief, state)
    info = registry.info(brief.engine)
    if info.space(brief).dim < 2:
        raise StudioError("A sheet needs two knobs that may vary.", "Unlock one.")
    if any(not 0 <= pick < plane.SIDE**2 for pick in picks) or len(picks) > plane.LEVELS:
        raise StudioError(
            "A sheet has the cells 0 to {last}, and {levels} levels.", last=plane.SIDE**2 - 1, levels=plane.LEVELS
        )
    return brief, levels(info.space(brief), Plane.of(info, brief, evidence(state, registry.infos())), picks)


def small(
    session: Session, after: int, picks: Sequence[int], asked: Brief | None = None
) -> tuple[list[Knobs], list[bytes]]:
    """The settings of a sheet's newest level, and a small JPEG of each. Raises `StudioError` where none is offered, and why."""
    brief, cells = sheet(session, after, picks, asked)
    why = sheets.refusal(brief, session.files, ready=True)
    if why is not None:
        raise why
    return cells[-1], sheets.paint(brief, cells[-1], session.files)


def explore(session: Session, after: int, picks: Sequence[int], asked: Brief | None = None) -> None:
    """Keeps what was picked from a sheet, level by level: the next `yours`."""
    if not picks:
        raise StudioError("Nothing was picked from the sheet.")
    brief, cells = sheet(session, after, picks, asked)
    chosen = [Level(cells=level, pick=pick) for level, pick in zip(cells, picks, strict=False)]
    session.record(lambda _: Sheeted(brief=brief, levels=chosen))


# ── Tastes that are carried along ────────────────────────────────────────────────────────────────────────────────────


def taste(session: Session, most: int = KEPT) -> Taste:
    """What was learned here, to be carried elsewhere."""
    return carried(evidence(session.state(), registry.infos()), most)


def to_file(session: Session) -> bytes:
    found = taste(session)
    if not found.opinions and not found.beliefs:
        raise StudioError("Nothing was learned yet.")
    return json.dumps({"format": FORMAT, "taste": found.model_dump()}, indent=1).encode()


def from_file(session: Session, data: bytes) -> None:
    """Carries a taste in that was saved before. Raises `StudioError` where the file is none."""
    try:
        if len(data) > MAX_TASTE:
            raise ValueError(f"{len(data)} bytes")
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise ValueError(str(found["format"])[:40])
        read = Taste.model_validate(found["taste"])
        if not read.opinions and not read.beliefs:
            raise ValueError("it says nothing")
    except (ValidationError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise no_taste() from error
    session.record(lambda _: Carried(source="file", taste=read))


def no_taste() -> StudioError:
    return StudioError("That file is not a taste that we can read.", "Save one with “Save this taste”, and load that.")


def carry(session: Session, earlier: Session) -> None:
    """Brings along what was learned in an earlier session of the same artist."""
    found = taste(earlier)
    if not found.opinions and not found.beliefs:
        raise StudioError("Nothing was learned there yet.")
    session.record(lambda _: Carried(source="session", taste=found))


def taught(studio: Studio, id: str) -> bool:
    """Whether there is a session of this id, and something was learned in it."""
    try:
        return bool(evidence(studio.session(id).state(), registry.infos()))
    except StudioError:
        return False


def carry_from(session: Session, studio: Studio, id: str) -> None:
    """Brings along what was learned in the session with this id, which the answer never names: an id is a key."""
    try:
        earlier = studio.session(id)
    except StudioError as error:
        raise StudioError("The earlier session is not here any more.", "Begin afresh, or load a taste.") from error
    carry(session, earlier)


def share(session: Session, on: bool) -> None:
    """Whether others may begin from what was learned here: knobs and judgements only, mixed with those of others."""
    session.record(lambda _: Shared(on=on))


def pool(studio: Studio) -> Taste | None:
    """What artists who said yes judged themselves, together; None while they are so few that one of them could be recognised.

    Two sessions of one artist count as two: nothing here knows who somebody is.
    """
    points: list[dict[str, float]] = []
    opinions: list[Opinion] = []
    givers = 0
    for id in studio.log.having("shared"):
        with suppress(
            StudioError
        ):  # forgotten in this moment, or written by another version: the others give all the same
            given = _given(studio.session(id))
            if given is not None:
                givers += 1
                opinions += [said.moved(len(points)) for said in given.opinions]
                points += given.points
        if givers == MOST:
            break
    return Taste(points=points, opinions=opinions) if givers >= LEAST else None


def pooled(studio: Studio) -> bool:
    """Whether there is a pool to begin from. Sessions are opened only where enough of them ever spoke of sharing."""
    return len(studio.log.having("shared")) >= LEAST and pool(studio) is not None


def _given(session: Session) -> Taste | None:
    """What a session gives to the pool: its own judgements, neither beliefs nor what it had from others."""
    state = session.state()
    found = evidence(state, registry.infos())
    own = [said for said in found.statements if said.round >= 0]
    return carried(replace(found, statements=own, beliefs={}), POOLED) if state.shared and own else None


def begin_from_pool(session: Session, studio: Studio) -> None:
    found = pool(studio)
    if found is None:
        raise StudioError(
            "Fewer than {count} artists share their taste here.", "Begin afresh, or share yours.", count=LEAST
        )
    session.record(lambda _: Carried(source="pool", taste=found))


def _next(state: State, mode: str | None = None) -> Brief:
    brief = next_brief(state, mode)
    if brief is None or brief.engine not in registry.infos():
        raise StudioError("Ask for a round first.")
    return brief
