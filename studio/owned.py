"""What the page fetches of what is an artist's own: axes and adapters are made, brought along, named and put away; a voice is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import authorship, locales, own
from .asked import MAX_ASKED, answering, read_json, received, too_long
from .events import StudioError
from .session import Session, Studio
from .voice import MOST_LETTERS, Voices, choices, own_words

NOW = {"Cache-Control": "no-store"}
Answer = Callable[[Session, dict[str, Any], locales.Table], dict[str, Any]]


def routes(studio: Studio) -> list[Route]:
    found = Owned(studio)
    return [
        Route("/duet/{session}/axis", answering(found.axis), methods=["POST"]),
        Route("/duet/{session}/judged", answering(found.judged)),
        Route("/duet/{session}/keep", answering(found.keep), methods=["POST"]),
        Route("/duet/{session}/shelve", answering(found.shelve), methods=["POST"]),
        Route("/duet/{session}/voice", answering(found.voice)),
        Route("/duet/{session}/voice/{act}", answering(found.train), methods=["POST"]),
    ]


class Owned:
    """The handlers. Each names the session in its path, which is the key to what it may see."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._voices = studio, Voices(studio)

    async def axis(self, request: Request) -> Response:
        """An axis from examples of its poles."""
        return await self._asked(
            request, lambda session, said, _: {"sha256": own.axis(self._studio, session, said)}, 2**22
        )

    async def judged(self, request: Request) -> Response:
        """The texts that were liked and disliked, to make an axis from."""
        session = await self._session(request)
        return JSONResponse(await run_in_threadpool(lambda: own.judged(session.state())), headers=NOW)

    async def keep(self, request: Request) -> Response:
        """An axis or an adapter that came as a file."""
        session, name = await self._session(request), unquote(request.headers.get("X-Name", ""))
        data = await received(request, own.MOST_BYTES, too_large)
        return JSONResponse({"sha256": await run_in_threadpool(own.arrived, self._studio, session, data, name)})

    async def shelve(self, request: Request) -> Response:
        """Another name, or none: out of sight."""

        def act(session: Session, said: dict[str, Any], _: locales.Table) -> dict[str, Any]:
            own.shelve(session, str(said.get("sha256", "")), said.get("name"))
            return {}

        return await self._asked(request, act)

    async def voice(self, request: Request) -> Response:
        """How far the session's training is, and what there is to learn from."""
        session = await self._session(request)
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        return JSONResponse(await run_in_threadpool(self._voice, session, text), headers=NOW)

    async def train(self, request: Request) -> Response:
        """Begins a training, or stops it, goes on with it or discards it."""
        name = request.path_params["act"]

        def act(session: Session, said: dict[str, Any], text: locales.Table) -> dict[str, Any]:
            match name:
                case "begin":
                    self._voices.begin(session, said)
                case "stop":
                    self._voices.stop(session)
                case "go":
                    self._voices.go(session)
                case "discard":
                    self._voices.discard(session)
                case _:
                    raise StudioError("There is no file {value}.", value=name[:80])
            return self._voice(session, text)

        return await self._asked(request, act, 12 * MOST_LETTERS)

    def _voice(self, session: Session, text: locales.Table) -> dict[str, Any]:
        found, mine = self._voices.of(session), authorship.words(own_words(session))
        settings = [
            {**each, "label": text(f"own_set_{each['name']}"), "help": text.template(each["help"])}
            for each in choices()
        ]
        if found is None:
            return {"status": "none", "own": mine, "settings": settings}
        error = text.say(found.error) if found.error else ""
        return {**found.told(), "own": mine, "settings": settings, "error": error}

    async def _session(self, request: Request) -> Session:
        return await run_in_threadpool(self._studio.session, request.path_params["session"])

    async def _asked(self, request: Request, answer: Answer, limit: int = MAX_ASKED) -> Response:
        session = await self._session(request)
        said = read_json(await received(request, limit, too_long if limit == MAX_ASKED else too_large))
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        return JSONResponse(await run_in_threadpool(answer, session, said, text), headers=NOW)


def too_large(size: int) -> StudioError:
    return StudioError("The file has {value} bytes.", "Choose a smaller one.", value=size)
