"""The page as its acts see it: whose session, which mode, and the values of all panels as they are now."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from engines.api import Brief, Draft, Preview, UserError

from .. import large, locales, render, teaching, writing
from ..desk import Ticket
from ..events import Ended, Made, Proposed, Spliced, StudioError
from ..session import Session, Studio
from ..state import State, fold
from ..view import round_view

log = logging.getLogger(__name__)

PANELS = ("header", "notice", "brief", "notebook", "round", "learned", "history")
BUILT = ("style", "text", "image")  # modes that have a page
NEW = "new"  # in the page's address, where a session's id would be
KEPT_IN = {
    "style": ("style", "network", "hand"),
    "text": ("axis", "adapter"),
    "image": ("gan", "painter"),
}  # mode -> the files that belong to it
KEPT = ("session", "language", "before", "mode")  # what the browser's memory holds
POOL_HOLDS = 60.0  # seconds for which it is remembered whether there is a pool
TICK = 0.5  # seconds after which it is looked whether the artist chose another language, where nothing else happens
OFTEN, SMOOTH = 0.1, 0.05  # seconds between two reports of progress, and of a text as it grows
FIRST_CONTENT = "still-life"
FIRST_TEXT = (
    "The lighthouse had been dark for eleven years when Mara climbed its stairs with a lamp in one hand and a letter in the"
    " other. Halfway up she stopped, because somebody above her had begun to sing."
)
FIRST_BRIEFS: dict[str, dict[str, Any]] = {
    "style": {
        "mode": "style",
        "engine": "style-bank",
        "styles": {"starry-oil": 0.5, "bright-watercolour": 0.3, "woodcut": 0.2},
        "options": {"strength": 0.9},
        "seed": 5,
    },
    "text": {"mode": "text", "engine": "writer", "options": {"length": 64}, "seed": 5},
    "image": {
        "mode": "image",
        "engine": "painter",
        "prompt": "a red house on a hill, with two trees and a golden sun",
        "styles": {"shaded": 1.0},
        "seed": 5,
    },
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


class Page:
    """What all acts share. `language` is the page's first, where the command line chose one."""

    def __init__(self, studio: Studio, assets: Assets, language: str | None) -> None:
        self._studio, self._assets, self._language = studio, assets, language
        self._spoken: dict[str, str] = {}  # session -> the language that was chosen last, for rounds that are under way
        self._pool = (-POOL_HOLDS, False)  # when it was last looked whether there is a pool, and whether there was

    # ── Coming in ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _mode(self, memory: Memory, said: Values) -> str:
        """The mode that is asked for, else the one that is remembered, else the first."""
        for mode in (said.get("mode"), (memory or {}).get("mode")):
            if mode in self._modes:
                return str(mode)
        return self._modes[0]

    @property
    def _modes(self) -> list[str]:
        known = {info.mode for info in self._studio.engines.values()}
        return [mode for mode in BUILT if mode in known]

    async def _opened(
        self,
        session: Session,
        memory: Memory,
        lost: UserError | None = None,
        said: Values | None = None,
        fresh: bool = False,
    ) -> AsyncIterator[Values]:
        """All panels in the mode of the memory; a mode that was never used here begins with an example, or with what the artist brings."""
        said = {"mode": memory["mode"]} | (said or {})
        values = await asyncio.to_thread(self._everything, session, memory, said)
        values |= {"header": render.header(self._scene(session, memory, mode=memory["mode"]), self._modes)}
        values["notice"] = self._say(memory, lost) if lost else values.get("notice", gr.skip())
        yield values
        running = await asyncio.to_thread(self._running, session, memory["mode"])
        if running is None and not said.get("brings"):
            running = await asyncio.to_thread(self._begin, session, memory["mode"], fresh)
        if running is not None:
            async for update in self._follow(session, memory, running, said | {"doc": None}):
                yield update

    def _running(self, session: Session, mode: str) -> Ticket | None:
        """The newest round of a mode that is being made or waits."""
        rounds = session.state().rounds
        jobs = [each for each in self._studio.desk.jobs(session.id) if each.round in rounds]
        return next((each for each in reversed(jobs) if rounds[each.round].brief.mode == mode), None)

    def _begin(self, session: Session, mode: str, fresh: bool) -> Ticket | None:
        """The example of a mode, in a session that is new or was used in another; what somebody emptied stays empty."""
        events = session.events().values()
        used = {event.brief.mode for event in events if isinstance(event, Proposed)}
        used |= {"text" for event in events if isinstance(event, Spliced)}
        if mode in used or not (used or fresh) or session.state().standing(mode).ahead is not None:
            return None
        brief = Brief.from_dict(FIRST_BRIEFS[mode])
        if mode == "style":
            content = session.upload(self._assets.first(), f"{FIRST_CONTENT}.jpg")
            return session.propose(replace(brief, content=content))
        if mode == "image":
            return session.propose(brief)
        writing.write(session, FIRST_TEXT, by="given")
        return session.propose(replace(brief, prompt=FIRST_TEXT))

    # ── A round ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def again(self, memory: Memory, event: gr.EventData) -> AsyncIterator[list[Any]]:
        """Asks for the next round and tells how it comes along. A text goes on with the notebook, `at` a place of it."""
        said = payload(event)
        try:
            session = await asyncio.to_thread(self._session, memory)
            ticket = await asyncio.to_thread(self._propose, session, said)
            yield out({"notice": render.notice(self._scene(session, memory))})
            async for values in self._follow(session, memory, ticket, said):
                yield out(answered(values, said))
        except UserError as error:
            yield out(answered({"notice": self._say(memory, error)}, said))
        except Exception:
            log.exception("a round could not be asked for")
            yield out(answered({"notice": self._bug(memory)}, said))

    def _propose(self, session: Session, said: Values) -> Ticket:
        if "from" in said:
            return large.go_on(session, said["from"]["round"], said["from"]["variant"])
        if said.get("mode") != "text":
            return session.propose(Brief.from_dict(said["brief"]))
        brief, at = writing.asked(session, said["brief"], said.get("at"), said.get("since"))
        if not brief.prompt.strip():
            raise StudioError("The notebook is empty.", "Write something first.")
        return session.propose(brief, at=at)

    async def _follow(self, session: Session, memory: Memory, ticket: Ticket, said: Values) -> AsyncIterator[Values]:
        """The round as it is being made, from the beginning, then all panels as it left them."""
        said, spoken = said | {"look": ticket.round}, self._spoken.get(session.id)
        values = await asyncio.to_thread(self._everything, session, memory, said)
        waiting = render.Waiting(len(values["round"]["tiles"]) or 4, elapsed=time.monotonic() - ticket.began)
        yield values
        scene, shown, told = self._scene(session, memory, mode=self._mode(memory, said)), values["round"], 0.0
        unseen = False  # whether something was made since the page was last told: many at once are told together
        async for event in ticking(ticket, TICK):
            if spoken != (spoken := self._spoken.get(session.id)):  # the artist chose another language meanwhile
                memory = {**memory, "language": str(spoken)}
                scene = self._scene(session, memory, mode=self._mode(memory, said))
                shown = await asyncio.to_thread(self._round, session, memory, ticket.round, waiting) or shown
                yield {"round": shown}
            before, unseen = waiting.message, unseen or isinstance(event, Made)
            waiting.hear(event)
            waiting.elapsed = time.monotonic() - ticket.began
            news = isinstance(event, Preview) or waiting.message != before
            pause = 0.0 if news else SMOOTH if unseen or isinstance(event, Draft) else OFTEN
            idle = event is None and not unseen
            if idle or isinstance(event, Ended) or time.monotonic() - told < pause:
                continue
            told = time.monotonic()
            if unseen:
                made = await asyncio.to_thread(self._round, session, memory, ticket.round, waiting)
                if made is None:
                    break
                shown, unseen = made, False
            shown = render.advanced(scene, shown, waiting)
            yield {"round": shown}
        yield await asyncio.to_thread(self._everything, session, memory, said)

    # ── Acts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

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
            values = self._everything(session, memory, said) | {"notice": told}
            if renamed:
                values["header"] = render.header(
                    self._scene(session, memory, mode=self._mode(memory, said)), self._modes
                )
            return out(answered(values, said))
        except UserError as error:
            return out(answered({"notice": self._say(memory, error)}, said))
        except Exception:
            log.exception("an act of the page failed")
            return out(answered({"notice": self._bug(memory)}, said))

    # ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _session(self, memory: Memory) -> Session:
        return self._studio.session(str((memory or {}).get("session", "")))

    def _scene(
        self,
        session: Session,
        memory: Memory,
        state: State | None = None,
        version: int = 0,
        mode: str = "style",
    ) -> render.Scene:
        text = locales.table(memory.get("language"), render.names(state) if state else {})
        return render.Scene(session.id, text, self._studio.engines, version, mode)

    def _everything(self, session: Session, memory: Memory, said: Values) -> Values:
        """All panels but the header, in the mode that is asked for. `look` is the round to show; the mode's newest where that is
        gone, or of another mode. Who knows the notebook as it is by its number, `doc`, is not sent it again."""
        events, mode, looking = session.events(), self._mode(memory, said), said.get("look")
        view, state = session.view(mode), fold(events)
        scene = self._scene(session, memory, state, len(events), mode)
        rounds = {past["round"]: past for past in view["rounds"] if past["brief"]["mode"] == mode}
        looking = looking if looking in rounds else max(rounds, default=None)
        view["check"] = view["check"] if view["check"] and view["check"]["pair"][0]["round"] in rounds else None
        if view["next"] is None:
            view["next"] = Brief.from_dict(FIRST_BRIEFS[mode]).to_dict()
        values: Values = {
            "round": render.round_panel(scene, view, None if looking is None else rounds[looking]),
            "learned": render.learned(scene, view | {"rounds": list(rounds.values())}, self._offers(view, memory)),
            "history": render.history(scene, view),
        }
        kept = {
            sha: {"what": each.what, "name": each.name, "about": each.about, "record": bool(each.record)}
            for sha, each in state.kept.items()
            if each.what in KEPT_IN[mode]
        }
        if mode == "text":
            document = session.document(state)
            newest = writing.newest(state)
            return values | {
                "brief": render.form(scene, view, kept, writing.model()),
                "notebook": render.notebook(scene, document, newest, said.get("doc"), view),
            }
        if mode == "image":
            return values | {"brief": render.easel(scene, view, kept)}
        return values | {"brief": render.brief(scene, view, self._assets.contents, self._assets.styles, kept)}

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
        if number not in state.rounds:
            return None
        scene = self._scene(session, memory, state, len(events), state.rounds[number].brief.mode)
        view = {
            "ways": state.ways,
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


async def ticking(ticket: Ticket, every: float) -> AsyncIterator[object]:
    """What a ticket tells, and nothing (None) where it told nothing for so many seconds."""
    events = aiter(ticket)
    coming: asyncio.Future[object] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(events))
            await asyncio.wait([coming], timeout=every)
            if not coming.done():
                yield None
                continue
            told, coming = coming, None
            try:
                yield told.result()
            except StopAsyncIteration:
                return
    finally:
        if coming:
            coming.cancel()


def payload(event: gr.EventData) -> Any:
    """What a panel's script sent along."""
    return event._data if isinstance(event._data, dict) else {}


def answered(values: Values, said: Any) -> Values:
    """Tells the page which of its acts this answers."""
    reply = {"reply": said.get("ask")}
    return {name: value | reply if isinstance(value, dict) else value for name, value in values.items()}
