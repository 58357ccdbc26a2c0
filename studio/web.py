"""What the page fetches beside Gradio: its scripts, pictures, thumbnails, uploads and exports. A session sees only its own."""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from engines.api import Brief

from . import (
    asides,
    bred,
    config,
    easel,
    lab,
    locales,
    own,
    owned,
    pictures,
    render,
    sheets,
    teaching,
    texts,
    toy,
    watched,
)
from .asked import FOREVER, GUARD, MAX_ASKED, answering, numbers, read_json, received, too_long
from .events import StudioError
from .rounds import remade
from .session import Session, Studio
from .view import next_brief

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}
SIDES = (96, 160, 320, 768, 2048)  # pixels of the thumbnails that may be asked for
REMEMBERED = 64 * 2**20  # bytes of thumbnails kept in memory
ASSETS = ("contents", "styles", "worlds")


def routes(studio: Studio) -> list[Route]:
    """The routes that the page's server has beside Gradio's own."""
    web = Web(studio)
    return [
        Route("/duet/static/{name}", answering(web.static)),
        Route("/duet/asset/{kind}/{name}", answering(web.asset)),
        Route("/duet/{session}/upload", answering(web.upload), methods=["POST"]),
        Route("/duet/{session}/example/{name}", answering(web.example), methods=["POST"]),
        Route("/duet/{session}/sheet/{sha}/{style}", answering(web.sheet)),
        Route("/duet/{session}/plane", answering(web.plane), methods=["POST"]),
        Route("/duet/{session}/attention", answering(web.attention), methods=["POST"]),
        *texts.routes(studio),
        *owned.routes(studio),
        *watched.routes(studio),
        *easel.routes(studio),
        *asides.routes(studio),
        *bred.routes(studio),
        *toy.routes(studio),
        Route("/duet/{session}/export", answering(web.export)),
        Route("/duet/{session}/taste", answering(web.taste)),
        Route("/duet/{session}/taste", answering(web.learn), methods=["POST"]),
        Route("/duet/{session}/{sha}", answering(web.blob)),
    ]


class Web:
    """The handlers. Each names the session in its path, which is the key to what it may see."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._thumbnails = Remembered(REMEMBERED)

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in static_names():
            raise StudioError("There is no file {value}.", value=name[:80])
        kind = TYPES[Path(name).suffix]
        return FileResponse(STATIC / name, media_type=kind, headers={"Cache-Control": FOREVER})

    async def asset(self, request: Request) -> Response:
        place = asset(request.path_params["kind"], request.path_params["name"])
        data = await run_in_threadpool(self._thumbnail, str(place), place.read_bytes, side_of(request, 320))
        return Response(data, media_type="image/jpeg", headers=GUARD)

    async def upload(self, request: Request) -> Response:
        session = await self._session(request)
        name = unquote(request.headers.get("X-Name", ""))
        data = await received(request, pictures.MAX_BYTES, lambda size: pictures.too_many_bytes(name, size))
        ref = await run_in_threadpool(session.upload, data, name)
        return JSONResponse(await run_in_threadpool(self._described, session, ref, data))

    async def example(self, request: Request) -> Response:
        session, place = await self._session(request), asset("contents", request.path_params["name"])
        ref = await run_in_threadpool(lambda: session.upload(place.read_bytes(), place.name))
        return JSONResponse(await run_in_threadpool(self._described, session, ref))

    async def blob(self, request: Request) -> Response:
        session = await self._session(request)
        place = await run_in_threadpool(session.blob, request.path_params["sha"])
        headers = dict(GUARD)
        if name := request.query_params.get("download"):
            safe = re.sub(r"[^\w.() -]", "-", name)[:120]
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(safe)}"
            return FileResponse(place, media_type=media_type(place), headers=headers)
        side = side_of(request, 2048)
        if shown_as_it_is(place, side):
            return FileResponse(place, media_type="image/png", headers=headers)
        data = await run_in_threadpool(self._thumbnail, place.name, lambda: own.look_of(place.read_bytes()), side)
        return Response(data, media_type="image/jpeg", headers=headers)

    async def sheet(self, request: Request) -> Response:
        """The session's picture, small, in one style of an engine that knows it by name."""
        session, style = await self._session(request), request.path_params["style"]
        engine = sheets.engine_of(style)
        if engine is None:  # before 26 pictures are painted for nothing
            raise StudioError("Unknown style {key!r}.", key=style[:80])
        place = await run_in_threadpool(session.blob, request.path_params["sha"])
        data = self._thumbnails.get(f"sheet {place.name} {style}")
        if data is None:
            made = await run_in_threadpool(sheets.sheet, engine, f"sha256:{place.name}", session.files)
            for name, each in made.items():
                self._thumbnails.put(f"sheet {place.name} {name}", each)
            data = made[style]
        return Response(data, media_type="image/jpeg", headers=GUARD)

    async def plane(self, request: Request) -> Response:
        """One level of a sheet of settings: its small pictures, what each is made of, and what its axes mean, in words."""
        session, said = await self._session(request), read_json(await received(request, MAX_ASKED, too_long))
        text = await run_in_threadpool(locales.table, request.query_params.get("lang"))
        answer = await run_in_threadpool(self._plane, session, said, text)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    def _plane(self, session: Session, said: dict[str, Any], text: locales.Table) -> dict[str, Any]:
        picks, asked = numbers(said.get("picks", [])), said.get("brief")
        (after,) = numbers([said.get("after", 0)])
        brief = None if asked is None else Brief.from_dict(asked)
        cells, painted = teaching.small(session, after, picks, brief)
        state = session.state()
        scene = render.Scene(session.id, replace(text, names=render.names(state)), self._studio.engines)
        asked = asked or (next_brief(state) or Brief()).to_dict()
        return render.plane(scene.knowing(state.ways, asked), cells, painted, picks)

    async def attention(self, request: Request) -> Response:
        """What a language model looks at in a text. The text is not kept."""
        await self._session(request)
        said = read_json(await received(request, MAX_ASKED, too_long))
        answer = await run_in_threadpool(lab.attention, said)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def export(self, request: Request) -> Response:
        session = await self._session(request)
        folder = tempfile.TemporaryDirectory(prefix="duet-")
        try:
            file = await run_in_threadpool(session.export, Path(folder.name) / f"duet-{session.id[:8]}.zip")
        except BaseException:
            folder.cleanup()
            raise
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return FileResponse(file, filename=file.name, headers=headers, background=BackgroundTask(folder.cleanup))

    async def taste(self, request: Request) -> Response:
        """What was learned, as a file."""
        data = await run_in_threadpool(teaching.to_file, await self._session(request))
        headers = {"Content-Disposition": 'attachment; filename="duet-taste.json"', "Cache-Control": "no-store"}
        return Response(data, media_type="application/json", headers={**GUARD, **headers})

    async def learn(self, request: Request) -> Response:
        """Carries in a taste from a file."""
        session = await self._session(request)
        data = await received(request, teaching.MAX_TASTE, lambda _: teaching.no_taste())
        await run_in_threadpool(teaching.from_file, session, data)
        return JSONResponse({})

    async def _session(self, request: Request) -> Session:
        """Reads the session's log where it was not open yet, which must not hold up everybody else."""
        return await run_in_threadpool(self._studio.session, request.path_params["session"])

    def _thumbnail(self, name: str, read: Callable[[], bytes], side: int) -> bytes:
        key = f"{name} {side}"
        return self._thumbnails.get(key) or self._thumbnails.put(key, pictures.thumbnail(read(), side))

    def _described(self, session: Session, ref: str, data: bytes = b"") -> dict[str, Any]:
        """A picture of the session, and the brief that its file brings along."""
        state = session.state()
        kept, brief = state.pictures[ref.removeprefix("sha256:")], remade(data, {*state.pictures, *state.called})
        facts = {"ref": ref, "name": kept.name, "width": kept.width, "height": kept.height}
        return facts | {"brief": brief.to_dict() if brief else None}


class Remembered:
    """Bytes by name, the ones seen least recently forgotten first. Threads share it."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, data: bytes) -> bytes:
        with self._lock:
            self._size += len(data) - len(self._kept.pop(key, b""))
            self._kept[key] = data
            while self._size > self._limit and len(self._kept) > 1:
                self._size -= len(self._kept.popitem(last=False)[1])
        return data


def asset(kind: str, name: str) -> Path:
    """A picture that comes with the studio."""
    stem = name.removesuffix(".jpg")
    if kind not in ASSETS or stem not in asset_names(kind):
        raise StudioError("There is no file {value}.", value=name[:80])
    return config.assets() / kind / f"{stem}.jpg"


def asset_names(kind: str) -> list[str]:
    return sorted(place.stem for place in (config.assets() / kind).glob("*.jpg"))


def side_of(request: Request, default: int) -> int:
    asked = request.query_params.get("side", "")
    return min((side for side in SIDES if asked.isdigit() and side >= int(asked)), default=default)


def media_type(place: Path) -> str:
    with place.open("rb") as file:
        return "image/png" if file.read(8) == b"\x89PNG\r\n\x1a\n" else "application/octet-stream"


def shown_as_it_is(place: Path, side: int) -> bool:
    """Whether a PNG is small enough that making it smaller would only take time."""
    with place.open("rb") as file:
        head = file.read(24)
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        return False
    return max(int.from_bytes(head[16:20]), int.from_bytes(head[20:24])) <= side


@cache
def static_names() -> dict[str, str]:
    """The page's own files with a short digest of what is in them, which their addresses carry."""
    return {
        place.name: hashlib.sha256(place.read_bytes()).hexdigest()[:12]
        for place in sorted(STATIC.iterdir())
        if place.suffix in TYPES
    }


def static_url(name: str) -> str:
    return f"duet/static/{name}?v={static_names()[name]}"
