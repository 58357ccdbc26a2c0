"""What happens when the artist does something: each act reads the session, does it, and answers with values for the panels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from engines.api import Brief, UserError

from .. import locales, teaching, writing
from ..events import Judgement
from ..session import Session
from ..state import State
from .page import KEPT, NEW, Memory, Values, out, payload
from .pen import Pen

log = logging.getLogger(__name__)


SPOKEN = 1000  # sessions whose last choice of a language is known


class Acts(Pen):
    """The acts of one studio's artists."""

    # ── Coming in ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def load(self, memory: Memory | None, request: gr.Request) -> AsyncIterator[list[Any]]:
        """Brings back the session of the page's address or the browser's memory, or begins one with an example."""
        memory = {name: value for name, value in (memory or {}).items() if name in KEPT}
        accepted = locales.preferred(request.headers.get("accept-language"))
        memory["language"] = memory.get("language") or self._language or accepted or "en"
        memory["mode"] = self._mode(memory, {"mode": request.query_params.get("mode")})
        asked = request.query_params.get("sid") or ""
        said = {"brings": "toy" in request.query_params}  # who comes to see two networks play needs no example
        async for values in self._entered(memory, asked, said):
            yield out(values, memory)

    async def _entered(self, memory: Memory, asked: str, said: Values) -> AsyncIterator[Values]:
        lost: UserError | None = None
        try:
            session, lost = await asyncio.to_thread(self._find, asked, memory.get("session", ""))
            fresh = session is None
            if session is None:
                await asyncio.to_thread(self._remember, memory)
                session = await asyncio.to_thread(self._studio.new_session)
            memory["session"] = session.id
            async for values in self._opened(session, memory, lost, said, fresh):
                yield values
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
        return self._do(
            memory,
            event,
            lambda session, said: teaching.believe(session, said["knob"], said["value"], said.get("mode")),
        )

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

    def redo(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: writing.redo(session))

    def halt(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: session.cancel())

    def look(self, memory: Memory, event: gr.EventData) -> list[Any]:
        return self._do(memory, event, lambda session, said: None)

    def speak(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """All panels in another language, which is remembered."""
        language = str(payload(event).get("language"))
        spoken = language if language in locales.LANGUAGES else "en"
        memory = {name: str(value) for name, value in (memory or {}).items() if name in KEPT} | {"language": spoken}
        if len(self._spoken) >= SPOKEN:
            self._spoken.pop(next(iter(self._spoken)))
        self._spoken[memory.get("session", "")] = spoken
        return [memory, *self._do(memory, event, lambda session, said: None, renamed=True)]


def saying(state: State, number: int, part: str, variant: int | None) -> list[int]:
    """The events that say this of a round, the oldest first: once all are taken back, one undo brings back what stood."""
    found = []
    for event, said in state.rounds[number].judgements.items() if number in state.rounds else ():
        value: Any = getattr(said, part) if part in Judgement.model_fields else None
        if variant in value if part in ("like", "dislike") else value not in (None, False, []):
            found.append(event)
    return sorted(found)
