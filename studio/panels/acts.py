"""What happens when the artist does something: each act reads the session, does it, and answers with values for the panels."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from engines.api import Brief, Preview, UserError

from .. import locales, render, teaching
from ..desk import Ticket
from ..events import Ended, Judgement, Made
from ..session import Session, Studio
from ..state import State, fold
from ..view import round_view

log = logging.getLogger(__name__)

PANELS = ("header", "notice", "brief", "round", "learned", "history")
NEW = "new"  # in the page's address, where a session's id would be
KEPT = ("session", "language", "before")  # what the browser's memory holds
POOL_HOLDS = 60.0  # seconds for which it is remembered whether there is a pool
OFTEN = 0.1  # seconds between two reports of progress
FIRST_CONTENT = "still-life"
FIRST_BRIEF = {
    "mode": "style",
    "engine": "style-bank",
    "styles": {"starry-oil": 0.5, "bright-watercolour": 0.3, "woodcut": 0.2},
    "options": {"strength": 0.9},
    "seed": 5,
}

Memory = dict[
    str, str
]  # what the browser keeps: the session's id, the one before that taught something, and the language
Values = dict[str, Any]  # panel -> its new value


def out(values: Values, memory: Memory | None = None) -> list[Any]:
    """Values in the order of the panels; those without one stay as they are. The memory comes first where it may change."""
    return [*([memory] if memory is not None else []), *(values.get(name, gr.skip()) for name in PANELS)]


@dataclass(frozen=True)
class Assets:
    """The pictures that come with the studio: names of contents and of drawn styles, and the first content's bytes."""

    contents: list[str]
    styles: list[str]
    first: Callable[[], bytes]


class Acts:
    """The acts of one studio's artists. `language` is the page's first, where the command line chose one."""

    def __init__(self, studio: Studio, assets: Assets, language: str | None) -> None:
        self._studio, self._assets, self._language = studio, assets, language
        self._pool = (-POOL_HOLDS, False)  # when it was last looked whether there is a pool, and whether there was

    # ── Coming in ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def load(self, memory: Memory | None, request: gr.Request) -> AsyncIterator[list[Any]]:
        """Brings back the session of the page's address or the browser's memory, or begins one with an example."""
        memory = {name: value for name, value in (memory or {}).items() if name in KEPT}
        accepted = locales.preferred(request.headers.get("accept-language"))
        memory["language"] = memory.get("language") or self._language or accepted or "en"
        asked = request.query_params.get("sid") or ""
        async for values in self._entered(memory, asked):
            yield out(values, memory)

    async def _entered(self, memory: Memory, asked: str) -> AsyncIterator[Values]:
        lost: UserError | None = None
        try:
            session, lost = await asyncio.to_thread(self._find, asked, memory.get("session", ""))
            fresh = session is None
            if session is None:
                await asyncio.to_thread(self._remember, memory)
                session = await asyncio.to_thread(self._studio.new_session)
            memory["session"] = session.id
            values = await asyncio.to_thread(self._everything, session, memory, None)
            values |= {"header": render.header(self._scene(session, memory), ("style",))}
            if lost:
                values["notice"] = self._say(memory, lost)
            yield values
            running = session.running()
            if fresh:  # a session that somebody emptied stays empty
                running = await asyncio.to_thread(self._begin, session)
            if running is not None:
                async for update in self._follow(session, memory, running):
                    yield update
        except UserError as error:
            yield {"notice": self._say(memory, error)}
        except Exception:
            log.exception("the page could not be loaded")
            yield {"notice": self._bug(memory)}

    def _find(self, asked: str, kept: str) -> tuple[Session | None, UserError | None]:
        """The session that was asked for, else the one that was kept, else none; and why it is not the first."""
        lost: UserError | None = None
        for id in (asked, kept) if asked != NEW else ():
            try:
                if id:
                    return self._studio.session(id), lost
            except UserError as error:
                lost = lost or (error if id == asked else None)
        return None, lost

    def _remember(self, memory: Memory) -> None:
        """What the browser's session taught may be brought along into the next one. Its id stays in the browser's memory."""
        if (ended := memory.get("session")) and teaching.taught(self._studio, ended):
            memory["before"] = ended

    def _begin(self, session: Session) -> Ticket:
        content = session.upload(self._assets.first(), f"{FIRST_CONTENT}.jpg")
        return session.propose(Brief.from_dict({**FIRST_BRIEF, "content": content}))

    # ── A round ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def again(self, memory: Memory, event: gr.EventData) -> AsyncIterator[list[Any]]:
        """Asks for the next round and tells how it comes along."""
        said = payload(event)
        try:
            session = await asyncio.to_thread(self._session, memory)
            brief = Brief.from_dict(said["brief"])
            ticket = await asyncio.to_thread(session.propose, brief)
            yield out({"notice": render.notice(self._scene(session, memory))})
            async for values in self._follow(session, memory, ticket):
                yield out(answered(values, said))
        except UserError as error:
            yield out(answered({"notice": self._say(memory, error)}, said))
        except Exception:
            log.exception("a round could not be asked for")
            yield out(answered({"notice": self._bug(memory)}, said))

    async def _follow(self, session: Session, memory: Memory, ticket: Ticket) -> AsyncIterator[Values]:
        """The round as it is being made, from the beginning, then all panels as it left them."""
        values = await asyncio.to_thread(self._everything, session, memory, ticket.round)
        waiting = render.Waiting(len(values["round"]["tiles"]) or 4, elapsed=time.monotonic() - ticket.began)
        yield values
        told = 0.0
        async for event in ticket:
            before = waiting.message
            waiting.hear(event)
            waiting.elapsed = time.monotonic() - ticket.began
            news = isinstance(event, Made | Preview) or waiting.message != before
            if isinstance(event, Ended) or (not news and time.monotonic() - told < OFTEN):
                continue
            told = time.monotonic()
            shown = await asyncio.to_thread(self._round, session, memory, ticket.round, waiting)
            if shown is None:
                break
            yield {"round": shown}
        yield await asyncio.to_thread(self._everything, session, memory, ticket.round)

    # ── Judging and moving about ─────────────────────────────────────────────────────────────────────────────────────

    def judge(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """Says something of a round, or takes back what was said: `back` names what, of `variant` where it is of one."""

        def act(session: Session, said: Any) -> None:
            if "back" not in said:
                session.judge(said["round"], Judgement.from_dict(said["judgement"]))
                return
            for number in saying(session.state(), said["round"], said["back"], said.get("variant")):
                session.judge(said["round"], Judgement(retract=number))

        return self._do(memory, event, act)

    def retract(self, memory: Memory, event: gr.EventData) -> list[Any]:
        def act(session: Session, said: Any) -> None:
            for number in sorted(said["events"]):  # the oldest first, so that one undo brings back what stood
                session.judge(said["round"], Judgement(retract=number))

        return self._do(memory, event, act)

    def unlearn(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: teaching.unlearn(session))

    def explore(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """Keeps what was picked from a sheet as the next `yours`."""

        def act(session: Session, said: Any) -> None:
            teaching.explore(session, said["after"], said["picks"], Brief.from_dict(said["brief"]))

        return self._do(memory, event, act)

    def believe(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """The artist says what they like best of a knob."""
        return self._do(memory, event, lambda session, said: teaching.believe(session, said["knob"], said["value"]))

    def withdraw(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """Takes back what was taught beside judgements."""
        return self._do(memory, event, lambda session, said: teaching.withdraw(session, said["event"]))

    def recheck(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """What is said of the earlier pair that came back."""
        return self._do(memory, event, lambda session, said: teaching.compare(session, said["pair"], said["better"]))

    def carry(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """Brings along what this browser's session before taught."""
        before = str((memory or {}).get("before", ""))
        return self._do(memory, event, lambda session, said: teaching.carry_from(session, self._studio, before))

    def lend(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: teaching.share(session, bool(said["on"])))

    def pool(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """Begins with what others like."""
        return self._do(memory, event, lambda session, said: teaching.begin_from_pool(session, self._studio))

    def star(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: session.star(said["round"], said["variant"], said["on"]))

    def branch(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: session.branch(said["round"], said["variant"]))

    def undo(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: session.undo())

    def halt(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: session.cancel())

    def look(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: None)

    def speak(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """All panels in another language, which is remembered."""
        language = str(payload(event).get("language"))
        spoken = language if language in locales.LANGUAGES else "en"
        memory = {name: str(value) for name, value in (memory or {}).items() if name in KEPT} | {"language": spoken}
        return [memory, *self._do(memory, event, lambda session, said: None, renamed=True)]

    def _do(
        self, memory: Memory, event: gr.EventData, act: Callable[[Session, Any], Any], renamed: bool = False
    ) -> list[Any]:
        """Does it, and answers with every panel as it is now; what goes wrong becomes a notice."""
        said = payload(event)
        try:
            session = self._session(memory)
            try:
                act(session, said)
                told = render.notice(self._scene(session, memory))
            except UserError as error:
                told = self._say(memory, error)
            values = self._everything(session, memory, said.get("look")) | {"notice": told}
            if renamed:
                values["header"] = render.header(self._scene(session, memory), ("style",))
            return out(answered(values, said))
        except UserError as error:
            return out(answered({"notice": self._say(memory, error)}, said))
        except Exception:
            log.exception("an act of the page failed")
            return out(answered({"notice": self._bug(memory)}, said))

    # ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _session(self, memory: Memory) -> Session:
        return self._studio.session(str((memory or {}).get("session", "")))

    def _scene(self, session: Session, memory: Memory, state: State | None = None, version: int = 0) -> render.Scene:
        text = locales.table(memory.get("language"), render.names(state) if state else {})
        return render.Scene(session.id, text, self._studio.engines, version)

    def _everything(self, session: Session, memory: Memory, looking: int | None) -> Values:
        """All panels but the header. `looking` is the round to show; the newest where that is gone."""
        events = session.events()
        view = session.view()
        scene = self._scene(session, memory, fold(events), len(events))
        rounds = {past["round"]: past for past in view["rounds"]}
        looking = looking if looking in rounds else max(rounds, default=None)
        past = None if looking is None else rounds[looking]
        if view["next"] is None:
            view["next"] = Brief.from_dict(FIRST_BRIEF).to_dict()
        return {
            "brief": render.brief(scene, view, self._assets.contents, self._assets.styles),
            "round": render.round_panel(scene, view, past),
            "learned": render.learned(scene, view, self._offers(view, memory)),
            "history": render.history(scene, view),
        }

    def _offers(self, view: Values, memory: Memory) -> list[str]:
        """Where nothing was learned yet, what an artist could begin with: what they taught before, or what others like."""
        if view["learned"]["judgements"] or view["teachings"]:
            return []
        before = (memory or {}).get("before")
        mine = bool(before) and before != view["session"] and teaching.taught(self._studio, str(before))
        return ["carry"] * mine + ["pool"] * self._pooled()

    def _pooled(self) -> bool:
        """Whether there is a pool, as it was a moment ago: the page asks far more often than that changes."""
        looked, found = self._pool
        if time.monotonic() - looked >= POOL_HOLDS:
            found = teaching.pooled(self._studio)
            self._pool = (time.monotonic(), found)
        return found

    def _round(self, session: Session, memory: Memory, number: int, waiting: render.Waiting) -> Values | None:
        """The panel of a round that is being made, None where it was undone meanwhile."""
        events = session.events()
        state = fold(events)
        scene = self._scene(session, memory, state, len(events))
        if number not in state.rounds:
            return None
        view = {
            "rounds": [{"round": each} for each in state.rounds],
            "pictures": {sha: {"width": kept.width, "height": kept.height} for sha, kept in state.pictures.items()},
        }
        return render.round_panel(scene, view, round_view(state.rounds[number]), waiting)

    def _say(self, memory: Memory, error: UserError) -> Values:
        text = locales.table((memory or {}).get("language"))
        return {"message": text.error(error), "kind": "problem", "close": text("close")}

    def _bug(self, memory: Memory) -> Values:
        text = locales.table((memory or {}).get("language"))
        return {"message": text.template(locales.BUG), "kind": "problem", "close": text("close")}


def saying(state: State, number: int, part: str, variant: int | None) -> list[int]:
    """The events that say this of a round, the oldest first: once all are taken back, one undo brings back what stood."""
    found = []
    for event, said in state.rounds[number].judgements.items() if number in state.rounds else ():
        value: Any = getattr(said, part) if part in Judgement.model_fields else None
        if variant in value if part in ("like", "dislike") else value not in (None, False, []):
            found.append(event)
    return sorted(found)


def payload(event: gr.EventData) -> Any:
    """What a panel's script sent along."""
    return event._data if isinstance(event._data, dict) else {}


def answered(values: Values, said: Any) -> Values:
    """Tells the page which of its acts this answers."""
    reply = {"reply": said.get("ask")}
    return {name: value | reply if isinstance(value, dict) else value for name, value in values.items()}
