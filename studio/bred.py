"""What the page asks where pictures are bred: what a direction is called, and where a picture comes from."""

from __future__ import annotations

import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engines import registry
from engines.api import check_text

from .asked import MAX_ASKED, answering, read_json, received, too_long
from .events import MAX_COORDINATE, Named, Place, StudioError
from .family import family
from .session import Session, Studio
from .state import State

NOW = {"Cache-Control": "no-store"}
WAY = re.compile(r"way_\d+")


def routes(studio: Studio) -> list[Route]:
    found = Bred(studio)
    return [
        Route("/duet/{session}/way", answering(found.way), methods=["POST"]),
        Route("/duet/{session}/family", answering(found.family)),
    ]


class Bred:
    """The handlers. Each names the session in its path, which is the key to what it may see."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def way(self, request: Request) -> Response:
        """Names a direction: `{"engine", "sha256" of the GAN or "", "way", "name"}`; an empty name takes its name away."""
        session = await run_in_threadpool(self._studio.session, request.path_params["session"])
        said = read_json(await received(request, MAX_ASKED, too_long))
        return JSONResponse(await run_in_threadpool(name_way, session, said), headers=NOW)

    async def family(self, request: Request) -> Response:
        """The tree around a variant, `?round=&variant=`."""
        session = await run_in_threadpool(self._studio.session, request.path_params["session"])
        place = _place(request.query_params.get("round", ""), request.query_params.get("variant", ""))
        found = await run_in_threadpool(lambda: family(session.state(), place))
        return JSONResponse(found, headers=NOW)


def name_way(session: Session, said: dict[str, Any]) -> dict[str, Any]:
    """Gives a direction of a GAN, or of an engine with one of its own, a name; returns all that are named by then.

    Raises `UserError` where the engine has no such direction, or the GAN is none of this session.
    """
    info, way = registry.info(str(said.get("engine", ""))), str(said.get("way", ""))
    sha = str(said.get("sha256") or "").removeprefix("sha256:")
    known = [name for name in info.options.__dataclass_fields__ if WAY.fullmatch(name)]
    if way not in known:
        allowed = ", ".join(known) or "none"
        raise StudioError("Unknown direction {key!r}.", "Known: {allowed}.", key=way, allowed=allowed)
    name = check_text("name", said.get("name") or "", MAX_COORDINATE, StudioError).strip()

    def act(state: State) -> Named:
        if bool(sha) != bool(info.file_styles) or (sha and sha not in state.called):
            raise StudioError(
                "This session has no file {value}.", "Its pictures are listed in its history.", value=sha[:12]
            )
        return Named(engine=info.name, sha256=sha, way=way, name=name)

    session.record(act)
    return {"ways": session.state().ways}


def _place(round: str, variant: str) -> Place:
    if (
        not (round.isascii() and round.isdigit() and variant.isascii() and variant.isdigit())
        or len(round + variant) > 12
    ):
        raise StudioError("{value} is no list of whole numbers.", "Mend it and try again.", value=[round, variant])
    return Place(round=int(round), variant=int(variant))
