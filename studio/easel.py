"""What the page fetches in image mode: drawings that words lead to, the artist's drawing kept, a painting of it while it is drawn, and
what a single knob does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engines import registry, store
from engines.api import Brief, Drawer

from . import locales, pictures, sheets
from .asked import answering, numbers, read_json, received
from .events import Place, StudioError, Words
from .session import Session, Studio

MAX_DRAWN = 4 * 2**20  # bytes of a drawing in JSON
PROPOSED, LIVE = 4, 256  # drawings at once, and the long side of what is painted while the artist draws
NOW = {"Cache-Control": "no-store"}


def routes(studio: Studio) -> list[Route]:
    easel = Easel(studio)
    return [
        Route("/duet/{session}/drawings", answering(easel.drawings), methods=["POST"]),
        Route("/duet/{session}/drawing", answering(easel.keep), methods=["POST"]),
        Route("/duet/{session}/drawing/{sha}", answering(easel.drawing)),
        Route("/duet/{session}/words", answering(easel.words), methods=["POST"]),
        Route("/duet/{session}/live", answering(easel.live), methods=["POST"]),
        Route("/duet/{session}/along", answering(easel.along), methods=["POST"]),
    ]


class Easel:
    """The handlers. Each names the session in its path, which is the key to what it may see."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def drawings(self, request: Request) -> Response:
        """Four drawings of what the words ask for."""
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        return await self._asked(request, lambda session, said: _drawings(said, text))

    async def keep(self, request: Request) -> Response:
        """Keeps a drawing as a picture of the session."""
        return await self._asked(request, _keep)

    async def words(self, request: Request) -> Response:
        """What a variant shows, in words for the notebook."""
        return await self._asked(request, _in_words)

    async def live(self, request: Request) -> Response:
        """The drawing as it is, painted small. Nothing of it is kept."""
        session = await run_in_threadpool(self._studio.session, request.path_params["session"])
        said = read_json(await received(request, MAX_DRAWN, too_large))
        return Response(await run_in_threadpool(_live, session, said), media_type="image/png", headers=NOW)

    async def along(self, request: Request) -> Response:
        """What a single knob does to the next `yours`, in small pictures. Nothing of it is kept."""
        return await self._asked(request, _along)

    async def drawing(self, request: Request) -> Response:
        """The lines of a sketch of the session, or null where it is a picture without."""
        session = await run_in_threadpool(self._studio.session, request.path_params["session"])
        place = await run_in_threadpool(session.blob, request.path_params["sha"])
        found = await run_in_threadpool(lambda: drawer("painter").read_drawing(place.read_bytes()))
        return JSONResponse({"drawing": None if found is None else json.loads(found)}, headers=NOW)

    async def _asked(self, request: Request, answer: Callable[[Session, dict[str, Any]], Any]) -> Response:
        session = await run_in_threadpool(self._studio.session, request.path_params["session"])
        said = read_json(await received(request, MAX_DRAWN, too_large))
        return JSONResponse(await run_in_threadpool(answer, session, said), headers=NOW)


def too_large(size: int) -> StudioError:
    return StudioError("The drawing has {value} bytes.", "Draw it with fewer lines.", value=size)


def drawer(name: str) -> Drawer:
    """The engine that draws. Raises `StudioError` where it does not, or its models are not here yet."""
    missing = [each for each in registry.models(name) if not store.present(each)]
    if missing:
        raise StudioError("The painter's models are not here yet.", "Press Again once: that fetches them.")
    engine: Any = registry.load(name)
    if not hasattr(engine, "drawings"):
        raise StudioError("The engine {engine} does not draw.", engine=name)
    return cast(Drawer, engine)


def _drawings(said: dict[str, Any], text: locales.Table) -> dict[str, Any]:
    found, remarks = drawer(str(said.get("engine", "painter"))).drawings(str(said.get("prompt", "")), PROPOSED)
    told = [text.say(Words(template=each.template, values=dict(each.values))) for each in remarks]
    return {"drawings": [json.loads(each) for each in found], "told": told}


def _keep(session: Session, said: dict[str, Any]) -> dict[str, Any]:
    file = drawer(str(said.get("engine", "painter"))).drawing_file(json.dumps(said.get("drawing")))
    return {"ref": session.upload(file, "drawing.png")}


def _in_words(session: Session, said: dict[str, Any]) -> dict[str, Any]:
    state, (round, variant) = session.state(), numbers([said.get("round"), said.get("variant")])
    made, brief = state.made(Place(round=round, variant=variant)), state.round(round).brief
    file = session.blob(made.sha256).read_bytes()
    return {"words": drawer(brief.engine).in_words(brief, file, session.files)}


def _along(session: Session, said: dict[str, Any]) -> dict[str, Any]:
    brief = registry.check(Brief.from_dict(said.get("brief")))
    session.check_pictures(brief, session.state())
    if [each for each in registry.models(brief.engine) if not store.present(each)]:
        raise StudioError(
            "The models of {engine} are not here yet.", "Press Again once: that fetches them.", engine=brief.engine
        )
    values, painted = sheets.along(brief, str(said.get("knob", "")), session.files)
    shown = [f"data:image/jpeg;base64,{base64.b64encode(each).decode()}" for each in painted]
    return {"values": values, "pictures": shown}


def _live(session: Session, said: dict[str, Any]) -> bytes:
    brief = registry.check(Brief.from_dict({**said.get("brief", {}), "sketch": registry.STAND_IN}))
    session.check_pictures(replace(brief, sketch=None), session.state())
    painted = drawer(brief.engine).live(brief, json.dumps(said.get("drawing")), LIVE, session.files)
    return pictures.encode_png(painted)
