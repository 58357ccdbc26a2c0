"""What the page fetches of a single variant: that it be painted large meanwhile, and why it looks as it does."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from engines import registry
from engines.api import Part, Pixels, Setting, UserError

from . import locales, pictures
from .asked import MAX_ASKED, answering, numbers, read_json, received, too_long
from .desk import QUESTIONS, Queued, beside
from .events import Place, StudioError
from .large import Larger
from .rounds import ready_engines
from .session import Session, Studio

log = logging.getLogger(__name__)

NOW = {"Cache-Control": "no-store"}
WHY = "why"
Told = dict[str, Any]


def routes(studio: Studio) -> list[Route]:
    found = Asides(studio)
    return [
        Route("/duet/{session}/large", answering(found.large)),
        Route("/duet/{session}/large/{act}", answering(found.enlarge), methods=["POST"]),
        Route("/duet/{session}/why", answering(found.why), methods=["POST"]),
    ]


class Asides:
    """The handlers. Each names the session in its path, which is the key to what it may see."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._larger = studio, Larger(studio)

    # ── Large ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def large(self, request: Request) -> Response:
        """What is wanted large, and how far each is."""
        session, text = await self._session(request), await _text(request)
        return JSONResponse({"large": await run_in_threadpool(self._told, session, text)}, headers=NOW)

    async def enlarge(self, request: Request) -> Response:
        """Begins one, or takes it up again, or stops it."""
        act, session, text = request.path_params["act"], await self._session(request), await _text(request)
        said = read_json(await received(request, MAX_ASKED, too_long))
        round, variant = numbers([said.get("round"), said.get("variant")])
        if act not in ("begin", "stop"):
            raise StudioError("There is no file {value}.", value=act[:80])
        await run_in_threadpool(getattr(self._larger, act), session, round, variant)
        return JSONResponse({"large": await run_in_threadpool(self._told, session, text)}, headers=NOW)

    def _told(self, session: Session, text: locales.Table) -> list[Told]:
        found = self._larger.told(session)
        for each in found:
            if error := each.pop("error", None):
                each["told"] = text.say(error)
            elif each.get("left"):
                each["told"] = text.left(each["left"])
        return found

    # ── Why ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def why(self, request: Request) -> Response:
        """Why a variant looks as it does, in lines of JSON as they become known: its parts, then what each layer alone asks for."""
        session, text = await self._session(request), await _text(request)
        said = read_json(await received(request, MAX_ASKED, too_long))
        round, variant = numbers([said.get("round"), said.get("variant")])
        await run_in_threadpool(_check, session, round, variant)
        line = beside(session.id, WHY)
        self._studio.desk.cancel(line)  # one at a time: who asks anew has closed the one before
        self._studio.desk.admit(line)

        async def lines() -> AsyncIterator[bytes]:
            ticket = self._studio.desk.submit(
                line, -1, lambda cancelled: _why(session, round, variant, text, cancelled), QUESTIONS
            )
            try:
                async for told in ticket:
                    if isinstance(told, Queued):
                        told = {"ahead": told.position}
                    yield json.dumps(told, ensure_ascii=False).encode() + b"\n"
            finally:  # the page has closed it
                if not ticket.done:
                    self._studio.desk.cancel(line)

        return StreamingResponse(lines(), media_type="application/x-ndjson", headers=NOW)

    async def _session(self, request: Request) -> Session:
        return await run_in_threadpool(self._studio.session, request.path_params["session"])


async def _text(request: Request) -> locales.Table:
    return await run_in_threadpool(locales.table, request.query_params.get("lang"))


def _check(session: Session, round: int, variant: int) -> None:
    """Raises `StudioError` where there is no such variant, or its engine cannot tell why it looks as it does."""
    state = session.state()
    state.made(Place(round=round, variant=variant))
    name = state.rounds[round].brief.engine
    if not registry.info(name).explains:
        raise StudioError("The engine {engine} cannot tell why a picture looks as it does.", engine=name)


def _why(
    session: Session, round: int, variant: int, text: locales.Table, cancelled: Callable[[], bool]
) -> Iterator[Told]:
    """The job at the desk."""
    try:
        state = session.state()
        brief, made = state.rounds[round].brief, state.made(Place(round=round, variant=variant))
        for _ in ready_engines(brief, cancelled):
            yield {"ahead": 0}
        if cancelled():
            return
        pixels = pictures.flatten(pictures.to_pixels(session.blob(made.sha256).read_bytes()))
        setting = Setting(dict(made.knobs), made.seed)
        engine: Any = registry.load(brief.engine)
        for told in engine.explain(brief, setting, session.files, pixels, cancelled):
            yield _plain(told, text)
        yield {"done": True}
    except UserError as error:
        yield {"error": text.error(error)}
    except Exception:
        log.exception("why a variant of session %s looks so could not be told", session.id[:6])
        yield {"error": text.template(locales.BUG)}


def _plain(told: list[Part] | tuple[str, Pixels], text: locales.Table) -> Told:
    """What an engine tells, as JSON values."""
    if isinstance(told, list):
        return {
            "parts": [
                {"name": each.name, "label": text.part(each.name), "loss": each.loss, "share": each.share}
                for each in told
            ]
        }
    name, pixels = told
    return {"name": name, "src": "data:image/png;base64," + base64.b64encode(pictures.encode_png(pixels)).decode()}
