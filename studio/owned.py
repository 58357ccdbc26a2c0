"""What the page fetches of what is an artist's own: axes, adapters and styles are made, brought along, named and put away; voices and
styles are trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import authorship, locales, newstyle, own
from .asked import MAX_ASKED, answering, read_json, received, too_long
from .events import StudioError
from .newstyle import NewStyles
from .session import Session, Studio
from .trainings import Trainings
from .voice import MOST_LETTERS, Voices, choices, own_words

NOW = {"Cache-Control": "no-store"}
Answer = Callable[[Session, dict[str, Any], locales.Table], dict[str, Any]]
Telling = Callable[[Session, locales.Table], dict[str, Any]]


def routes(studio: Studio) -> list[Route]:
    found = Owned(studio)
    return [
        Route("/duet/{session}/axis", answering(found.axis), methods=["POST"]),
        Route("/duet/{session}/judged", answering(found.judged)),
        Route("/duet/{session}/keep", answering(found.keep), methods=["POST"]),
        Route("/duet/{session}/shelve", answering(found.shelve), methods=["POST"]),
        Route("/duet/{session}/voice", answering(found.voice)),
        Route("/duet/{session}/voice/{act}", answering(found.train_voice), methods=["POST"]),
        Route("/duet/{session}/newstyle", answering(found.style)),
        Route("/duet/{session}/newstyle/look", answering(found.look)),
        Route("/duet/{session}/newstyle/{act}", answering(found.train_style), methods=["POST"]),
    ]


class Owned:
    """The handlers. Each names the session in its path, which is the key to what it may see."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._voices, self._styles = studio, Voices(studio), NewStyles(studio)

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
        """An axis, an adapter or a style that came as a file, in the mode that it is for."""
        session, name = await self._session(request), unquote(request.headers.get("X-Name", ""))
        data, mode = await received(request, own.MOST_BYTES, too_large), request.headers.get("X-Mode")
        return JSONResponse({"sha256": await run_in_threadpool(own.arrived, self._studio, session, data, name, mode)})

    async def shelve(self, request: Request) -> Response:
        """Another name, or none: out of sight."""

        def act(session: Session, said: dict[str, Any], _: locales.Table) -> dict[str, Any]:
            own.shelve(session, str(said.get("sha256", "")), said.get("name"))
            return {}

        return await self._asked(request, act)

    async def voice(self, request: Request) -> Response:
        """How far the training of the session's voice is, and what there is to learn from."""
        session = await self._session(request)
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        return JSONResponse(await run_in_threadpool(self._voice, session, text), headers=NOW)

    async def train_voice(self, request: Request) -> Response:
        return await self._train(request, self._voices, self._voice, 12 * MOST_LETTERS)

    async def style(self, request: Request) -> Response:
        """How far the training of the session's style is."""
        session = await self._session(request)
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        return JSONResponse(await run_in_threadpool(self._style, session, text), headers=NOW)

    async def train_style(self, request: Request) -> Response:
        return await self._train(request, self._styles, self._style)

    async def look(self, request: Request) -> Response:
        """What the style that is being learned makes of the artist's picture by now."""
        session = await self._session(request)
        found = await run_in_threadpool(self._styles.of, session)
        if found is None:
            raise StudioError("There is no file {value}.", value=newstyle.LOOK)
        return Response(await run_in_threadpool(found.preview), media_type="image/jpeg", headers=NOW)

    async def _train(
        self, request: Request, trainings: Trainings[Any], told: Telling, limit: int = MAX_ASKED
    ) -> Response:
        """Begins a training, or stops it, goes on with it or discards it, and answers with how far it is."""
        name = request.path_params["act"]

        def act(session: Session, said: dict[str, Any], text: locales.Table) -> dict[str, Any]:
            match name:
                case "begin":
                    trainings.begin(session, said)
                case "stop":
                    trainings.stop(session)
                case "go":
                    trainings.go(session)
                case "discard":
                    trainings.discard(session)
                case _:
                    raise StudioError("There is no file {value}.", value=name[:80])
            return told(session, text)

        return await self._asked(request, act, limit)

    def _style(self, session: Session, text: locales.Table) -> dict[str, Any]:
        found, settings = self._styles.of(session), labelled(newstyle.choices(), "learn_set_", text)
        if found is None:
            return {"status": "none", "settings": settings}
        error = text.say(found.error) if found.error else ""
        return {**found.told(), "resting": self._styles.resting(found), "settings": settings, "error": error}

    def _voice(self, session: Session, text: locales.Table) -> dict[str, Any]:
        found, mine = self._voices.of(session), authorship.words(own_words(session))
        settings = labelled(choices(), "own_set_", text)
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


def labelled(settings: list[dict[str, Any]], prefix: str, text: locales.Table) -> list[dict[str, Any]]:
    """Settings with their names and helps in words."""
    return [{**each, "label": text(prefix + each["name"]), "help": text.template(each["help"])} for each in settings]


def too_large(size: int) -> StudioError:
    return StudioError("The file has {value} bytes.", "Choose a smaller one.", value=size)
