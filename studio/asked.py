"""How the page's own routes are asked and answer: JSON of a bounded size in, errors in words out."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from engines.api import UserError

from . import locales
from .events import StudioError

log = logging.getLogger(__name__)

MAX_ASKED = 2**18  # bytes of what is asked in JSON
FOREVER = "private, max-age=31536000, immutable"  # what a digest names never changes
GUARD = {
    "Cache-Control": FOREVER,
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
Handler = Callable[[Request], Awaitable[Response]]


def answering(handler: Handler) -> Handler:
    """Turns errors into answers: what was asked wrongly in words, a bug as one line."""

    async def answer(request: Request) -> Response:
        table = locales.table(request.query_params.get("lang"))
        try:
            return await handler(request)
        except UserError as error:
            status = 400 if request.method == "POST" else 404
            return JSONResponse({"error": table.error(error)}, status, {"Cache-Control": "no-store"})
        except ClientDisconnect:  # who asked has left: nobody reads this
            return Response(status_code=400)
        except Exception:
            log.exception("%s failed", request.url.path)
            return JSONResponse({"error": table.template(locales.BUG)}, 500, {"Cache-Control": "no-store"})

    return answer


async def received(request: Request, limit: int, refusal: Callable[[int], UserError]) -> bytes:
    """The body, up to the most bytes we read. What is larger is refused as soon as that is known."""
    stated = request.headers.get("Content-Length", "")
    if stated.isdigit() and int(stated) > limit:
        raise refusal(int(stated))
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise refusal(size)
        parts.append(part)
    return b"".join(parts)


def too_long(size: int) -> UserError:
    return StudioError("What was sent has {value} bytes.", "At most {allowed} are read.", value=size, allowed=MAX_ASKED)


def read_json(data: bytes) -> dict[str, Any]:
    """The JSON object that somebody sent."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StudioError("What was sent is not valid JSON: {why}.", "Mend it and try again.", why=error) from None
    if not isinstance(found, dict):
        raise StudioError("What was sent is not a JSON object.", "Mend it and try again.")
    return found


def numbers(said: object) -> list[int]:
    """Whole numbers that somebody sent."""
    if not isinstance(said, list) or len(said) > 100 or not all(type(each) is int for each in said):
        raise StudioError("{value} is no list of whole numbers.", "Mend it and try again.", value=said)
    return said
