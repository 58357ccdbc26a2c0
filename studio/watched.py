"""What the page fetches of trainings from many pictures: the pictures are laid down, what is learned is watched, and its course is seen
again."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from . import locales, newgan, render
from .asked import FOREVER, GUARD, MAX_ASKED, answering, read_json, received, too_long
from .basket import most_bytes
from .events import StudioError, Words
from .frompictures import MOST_MINUTES, RECORD, FromPictures, Watched
from .newgan import NewGans
from .newhands import NewHands
from .newpainter import NewPainters
from .session import Session, Studio

NOW = {"Cache-Control": "no-store"}
SEEN = 60  # pictures of a group that are shown
TOGETHER = 64  # files in one body


def routes(studio: Studio) -> list[Route]:
    found, place = Watching(studio), "/duet/{session}/learn/{kind}"
    return [
        Route(place, answering(found.look)),
        Route(f"{place}/settings", answering(found.settings)),
        Route(f"{place}/picture", answering(found.picture), methods=["POST"]),
        Route(f"{place}/picture/{{group}}/{{name}}", answering(found.thumbnail)),
        Route(f"{place}/frame/{{step:int}}", answering(found.frame)),
        Route(f"{place}/{{act}}", answering(found.act), methods=["POST"]),
        Route("/duet/{session}/record/{sha}/{member}", answering(found.record)),
    ]


class Watching:
    """The handlers. Each names the session in its path, which is the key to what it may see."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._kinds: dict[str, FromPictures[Any]] = {
            each.kind: each for each in (NewGans(studio), NewHands(studio), NewPainters(studio))
        }

    async def look(self, request: Request) -> Response:
        """How far the session's training is, and what lies in its basket."""
        session, text = await self._asked(request)
        return await _answer(lambda: self._told(self._kind(request), session, text, seen(request)))

    async def settings(self, request: Request) -> Response:
        """What may be set of a training, and what it may begin from."""
        session, text = await self._asked(request)
        kind = self._kind(request)

        def told() -> dict[str, Any]:
            found = {
                "settings": [labelled(each, text) for each in controls(kind)],
                "first": list(kind.first),
                "bases": kind.bases(session),
            }
            return found | ({"games": newgan.games()} if isinstance(kind, NewGans) else {})

        return await _answer(told)

    async def picture(self, request: Request) -> Response:
        """Lays down pictures and zips of them, one after the other in the body; answers when all of it is read."""
        session, text = await self._asked(request)
        kind, group = self._kind(request), unquote(request.headers.get("X-Group", ""))
        basket = await run_in_threadpool(kind.open_basket, session)
        body, wrong = Body(request), None
        basket.resume()
        try:
            for name, size in announced(request.headers.get("X-Files", "")):
                with basket.part() as part:
                    await body.write(part, size)
                    if basket.halted:  # the rest of the body is only read
                        continue
                    try:
                        await run_in_threadpool(basket.take, part, size, name, kind.grouped(group))
                    except StudioError as error:  # a zip that cannot be read: the others are laid down all the same
                        wrong = wrong or error
        finally:
            await run_in_threadpool(basket.settle)
        if wrong is not None:
            raise wrong
        return await _answer(lambda: self._told(kind, session, text, seen(request)))

    async def thumbnail(self, request: Request) -> Response:
        session, _ = await self._asked(request)
        group, name = request.path_params["group"], request.path_params["name"]
        place = await run_in_threadpool(self._kind(request).basket(session).place, group, name)
        return FileResponse(place, media_type="image/png", headers=GUARD)

    async def frame(self, request: Request) -> Response:
        """The samples at a step; the page adds which training's they are, so that they may be remembered."""
        session, _ = await self._asked(request)
        found = await run_in_threadpool(self._kind(request).of, session)
        if found is None:
            raise StudioError("There is no file {value}.", value=request.path_params["step"])
        data, kind = await run_in_threadpool(sampled, session, found, request.path_params["step"])
        return Response(data, media_type=kind, headers={"Cache-Control": FOREVER})

    async def act(self, request: Request) -> Response:
        """Begins a training, stops it, goes on with it or discards it; or changes what is in the basket. Answers with how it is now."""
        session, text = await self._asked(request)
        kind, name = self._kind(request), request.path_params["act"]
        said = read_json(await received(request, MAX_ASKED, too_long))
        group, one = str(said.get("group") or ""), str(said.get("picture") or "")
        acts: dict[str, Callable[[], Any]] = {
            "begin": lambda: kind.begin(session, said),
            "stop": lambda: kind.stop(session),
            "go": lambda: kind.go(session),
            "discard": lambda: kind.discard(session),
            "own": lambda: kind.take_own(session, kind.grouped(group)),
            "rename": lambda: kind.open_basket(session).rename(group, kind.grouped(str(said.get("to") or ""))),
            "drop": lambda: kind.open_basket(session).drop(group, one),
            "clear": lambda: kind.open_basket(session).clear(),
            "words": lambda: kind.open_basket(session).say(one, said.get("words", "")),
            "halt": lambda: kind.basket(session).halt(),
        }
        if name not in acts:
            raise StudioError("There is no file {value}.", value=name[:80])
        await run_in_threadpool(acts[name])
        return await _answer(lambda: self._told(kind, session, text, seen(request)))

    async def record(self, request: Request) -> Response:
        """A part of the course of a training that led to a file of the session."""
        session, text = await self._asked(request)
        sha, member = request.path_params["sha"], request.path_params["member"]
        data = await run_in_threadpool(recorded, session, sha, member)
        if member == RECORD:
            found = json.loads(data)
            return JSONResponse({**found, "warned": [warned(each, text) for each in found["warned"]]}, headers=NOW)
        kind = "image/jpeg" if member.endswith(".jpg") else "image/png"
        return Response(data, media_type=kind, headers=GUARD)

    def _told(self, kind: FromPictures[Any], session: Session, text: locales.Table, seen: int) -> dict[str, Any]:
        basket, found = kind.basket(session), kind.of(session)
        groups = [{"name": name, "count": len(each), "some": each[:SEEN]} for name, each in basket.names().items()]
        adding = basket.adding
        laid = {
            "groups": groups,
            "skipped": [[name, text.say(why)] for name, why in basket.skipped()],
            "adding": {"name": adding.name, "done": adding.done} if adding else None,
            "settling": basket.settling(),
            "own": len(kind.own(session)),
            **kind.laid(session, seen),
        }
        if found is None:
            return {"status": "none", "basket": laid}
        told = found.told()
        return {
            **told,
            "basket": laid,
            "warned": [warned(each, text) for each in told["warned"]],
            "resting": kind.resting(found),
            "error": text.say(found.error) if found.error else "",
        }

    def _kind(self, request: Request) -> FromPictures[Any]:
        name = request.path_params["kind"]
        if name not in self._kinds:
            raise StudioError("There is no file {value}.", value=name[:80])
        return self._kinds[name]

    async def _asked(self, request: Request) -> tuple[Session, locales.Table]:
        session = await run_in_threadpool(self._studio.session, request.path_params["session"])
        return session, await run_in_threadpool(locales.table, request.query_params.get("lang"))


def seen(request: Request) -> int:
    """How many of what lies in the basket the page shows, at least."""
    asked = request.query_params.get("seen", "")
    return int(asked) if asked.isdecimal() and len(asked) < 6 else 0


def sampled(session: Session, found: Watched, step: int) -> tuple[bytes, str]:
    """The samples at a step and their media type, also of a training that was finished while they were asked for."""
    try:
        return found.frame(step).read_bytes(), "image/png"
    except (StudioError, OSError):
        return recorded(session, found.sha256, f"{step}.jpg"), "image/jpeg"


def recorded(session: Session, sha: str, member: str) -> bytes:
    """A part of the course of a training that is kept beside a file of the session. Raises `StudioError` where there is none."""
    kept = session.state().kept.get(sha)
    try:
        if kept is None or not kept.record:
            raise KeyError(sha)
        with zipfile.ZipFile(session.blob(kept.record)) as archive:
            return archive.read(member)
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise StudioError("There is no file {value}.", value=member[:80]) from error


def warned(found: dict[str, Any], text: locales.Table) -> dict[str, Any]:
    """What went wrong, and what helps, in the words that the page has for the settings."""
    names = {name: text("quoted", word=text(f"gan_set_{name}")) for name in found["settings"]}
    words = Words(template=f"{found['message']} {found['remedy']}", values={**found["values"], **names})
    return {"step": found["step"], "said": text.say(words)}


def controls(kind: FromPictures[Any]) -> list[dict[str, Any]]:
    """What may be set on the page, as controls."""
    shown = [spec for spec in dataclasses.fields(kind.plan()) if spec.name not in kind.hidden]
    most: dict[str, dict[str, Any]] = {"minutes": {"high": MOST_MINUTES}}
    return [render.control(spec) | most.get(spec.name, {}) for spec in shown]


def labelled(control: dict[str, Any], text: locales.Table) -> dict[str, Any]:
    """A control with its name, its help and its choices in words."""
    name = control["name"]
    names = {choice: text.choice(name, choice) for choice in control["choices"]}
    return {**control, "label": text(f"gan_set_{name}"), "help": text.template(control["help"]), "names": names}


def announced(header: str) -> list[tuple[str, int]]:
    """The names and sizes of the files in a body. Raises `StudioError` where it does not say so."""
    try:
        told = [(_path(str(name)) or "?", int(size)) for name, size in json.loads(unquote(header))]
        if not 0 < len(told) <= TOGETHER or any(size < 0 for _, size in told):
            raise ValueError(len(told))
    except (ValueError, TypeError, RecursionError) as error:
        raise StudioError("What was sent is not valid JSON: {why}.", "Mend it and try again.", why=error) from error
    return told


def _path(said: str) -> str:
    """A file's name with the folders that it lies in, which leads nowhere: it is not looked up, but told and compared."""
    parts = [part for part in said.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts)[-200:]


class Body:
    """Several files that arrive one after the other in one body."""

    def __init__(self, request: Request) -> None:
        self._stream, self._rest = request.stream(), b""

    async def write(self, part: Path, size: int) -> None:
        """Writes the next `size` bytes, of a file that is too large no more than show that. Raises `StudioError` where fewer come."""
        left, most = size, 0
        try:
            with part.open("wb") as file:
                while left:
                    chunk = self._rest or await anext(self._stream)
                    chunk, self._rest = chunk[:left], chunk[left:]
                    most = most or most_bytes(chunk) + 1
                    file.write(chunk[: max(0, most - file.tell())])
                    left -= len(chunk)
        except StopAsyncIteration:
            raise StudioError("The file was cut off on its way.", "Choose it again.") from None
        except OSError as error:
            raise StudioError(
                "{path} cannot be written: {why}.",
                "Free some space or choose another place, then try again.",
                path=part.parent.parent,
                why=error.strerror or str(error),
            ) from error


async def _answer(told: Callable[[], dict[str, Any]]) -> Response:
    return JSONResponse(await run_in_threadpool(told), headers=NOW)
