"""What the page fetches in text mode: the notebook is kept, tokens are read, room is measured, and who wrote what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import authorship, locales, render, writing
from .asked import GUARD, MAX_ASKED, answering, numbers, read_json, received, too_long
from .events import StudioError
from .notebook import MAX_LETTERS
from .session import Session, Studio
from .state import fold
from .view import turns

MAX_WRITTEN = 12 * MAX_LETTERS  # bytes of a notebook in JSON: an emoji is spelled in twelve
WRITERS = 1000  # pages whose last writing is remembered
REMEMBERED = 64  # readings of a text that are kept in memory
NOW = {"Cache-Control": "no-store"}


def routes(studio: Studio) -> list[Route]:
    found = Texts(studio)
    return [
        Route("/duet/{session}/write", answering(found.write), methods=["POST"]),
        Route("/duet/{session}/tokens", answering(found.tokens), methods=["POST"]),
        Route("/duet/{session}/room", answering(found.room), methods=["POST"]),
        Route("/duet/{session}/who", answering(found.who)),
    ]


@dataclass(frozen=True)
class Written:
    """What a page wrote last: which of its writings that was, which act it started from, and which act it became."""

    turn: int
    base: int
    at: int


class Texts:
    """The handlers. Each names the session in its path, which is the key to what it may see."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._read: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
        self._last: dict[tuple[str, str], Written] = {}  # by session and page

    async def write(self, request: Request) -> Response:
        """The notebook as the artist has it now. Answers with what it became, where something else came between."""
        return await self._asked(request, self._write, MAX_WRITTEN)

    async def tokens(self, request: Request) -> Response:
        """The tokens of a variant, each with what else the model had in mind."""
        return await self._asked(request, self._tokens)

    async def room(self, request: Request) -> Response:
        """How many tokens the brief takes and how much room is left."""
        return await self._asked(request, self._room)

    async def who(self, request: Request) -> Response:
        """Who wrote what: the figures in words, or with `as` a file: `json`, `md` or `html`."""
        session = await run_in_threadpool(self._studio.session, request.path_params["session"])
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        return await run_in_threadpool(_who, session, text, request.query_params.get("as"))

    async def _asked(
        self, request: Request, answer: Callable[[Session, dict[str, Any], locales.Table], Any], limit: int = MAX_ASKED
    ) -> Response:
        session = await run_in_threadpool(self._studio.session, request.path_params["session"])
        said = read_json(await received(request, limit, too_long))
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        return JSONResponse(await run_in_threadpool(answer, session, said, text), headers=NOW)

    def _write(self, session: Session, said: dict[str, Any], text: locales.Table) -> dict[str, Any]:
        (base,) = numbers([said.get("base")]) if said.get("base") is not None else (None,)
        (turn,), page = numbers([said.get("turn", 0)]), (session.id, str(said.get("page", ""))[:80])
        with (
            session.acting()
        ):  # a page that goes away sends what it has once more, while the first may still be on its way
            known = self._last.get(page)
            late = known is not None and turn < known.turn  # overtaken by what was typed after it
            seen = known.at if known and known.base == base else base  # it never heard what became of that
            document = session.document() if late else writing.write(session, said.get("text"), base=seen)  # type: ignore[arg-type]
            events = session.events()
            state = fold(events)
            if base is not None and not late:
                self._last.pop(page if len(self._last) < WRITERS else next(iter(self._last)), None)
                self._last[page] = Written(turn, base, writing.newest(state))
        acts = turns(events, state)
        return {
            "at": writing.newest(state),
            "spans": render.spans(document),
            **render.turns(text, acts["undo"], acts["redo"]),
        }

    def _tokens(self, session: Session, said: dict[str, Any], text: locales.Table) -> list[dict[str, Any]]:
        round, variant = numbers([said.get("round"), said.get("variant")])
        key = (session.id, round, variant)
        if key not in self._read:
            found = writing.tokens(session, round, variant)
            if len(self._read) >= REMEMBERED:
                self._read.pop(next(iter(self._read)))
            self._read[key] = [
                {"text": each.text, "p": each.probability, "others": [list(other) for other in each.alternatives]}
                for each in found
            ]
        return self._read[key]

    def _room(self, session: Session, said: dict[str, Any], text: locales.Table) -> dict[str, Any]:
        (at,) = numbers([said.get("at")]) if said.get("at") is not None else (None,)
        (since,) = numbers([said.get("since")]) if said.get("since") is not None else (None,)
        brief, _ = writing.asked(session, said.get("brief"), at, since)
        return render.room(text, writing.room(brief) if brief.prompt else None)


def _who(session: Session, text: locales.Table, kind: str | None) -> Response:
    document, found = session.document(), authorship.figures(session.state())
    title, legend = text("who_title"), text("who_legend")
    if kind is None:
        return JSONResponse(render.who(text, found), headers=NOW)
    if not document.spans:
        raise StudioError("The notebook is empty.", "Write something first.")
    made = {
        "json": lambda: json.dumps({"figures": found, "spans": render.spans(document)}, ensure_ascii=False, indent=1),
        "md": lambda: authorship.markdown(document, title, legend),
        "html": lambda: authorship.page(document, title, legend, text.language),
    }
    if kind not in made:
        raise StudioError("There is no file {value}.", value=kind[:80])
    types = {"json": "application/json", "md": "text/markdown", "html": "text/html"}
    headers = {"Content-Disposition": f'attachment; filename="duet-text.{kind}"', **NOW}
    return Response(made[kind]().encode(), media_type=types[kind], headers={**GUARD, **headers})
