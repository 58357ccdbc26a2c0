"""What programs call, by the names of the design: the same acts as the page's, without the page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api as api_function

from engines.api import Brief, Draft, UserError

from .. import own, writing
from ..events import Judgement, StudioError
from ..session import Studio
from ..view import round_view

OFTEN = 0.2  # seconds between two reports of texts that grow


class Api:
    """The endpoints of one studio. Errors that are somebody's to mend arrive at the client in words."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def new_session(self) -> str:
        """Begins a session and returns its id, which is the key to everything in it."""
        return self._studio.new_session().id

    def upload(self, session: str, file: str) -> str:
        """Keeps a picture and returns its reference, `sha256:<hex>`."""
        with told():
            place = Path(file or "")
            if not file or not place.is_file():
                raise StudioError("There is no file in the request.", "Send a picture.")
            return self._studio.session(session).upload(place.read_bytes(), place.name)

    def keep(self, session: str, file: str) -> str:
        """Keeps an axis, an adapter, a style or a GAN and returns its reference, `sha256:<hex>`, for a brief's weights or styles."""
        with told():
            place = Path(file or "")
            if not file or not place.is_file():
                raise StudioError("There is no file in the request.", "Send an axis, an adapter, a style or a GAN.")
            found = self._studio.session(session)
            return f"sha256:{own.arrived(self._studio, found, place.read_bytes(), place.name)}"

    def blob(self, session: str, sha256: str) -> str:
        """A file of the session: a picture that was uploaded or made."""
        with told():
            place = self._studio.session(session).blob(sha256)
            data = place.read_bytes()
            suffix = ".png" if data.startswith(b"\x89PNG\r\n\x1a\n") else ""
            return str(self._studio.downloads.put(session, f"{place.name[:16]}{suffix}", data))

    def export(self, session: str) -> str:
        """The session as a portable file."""
        with told():
            found = self._studio.session(session)
            return str(found.export(self._studio.downloads.folder(session) / f"duet-{found.id[:8]}.zip"))

    async def propose(self, session: str, brief_json: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """One round: tells the round as it stands after each variant, with texts as far as they are written, at last when it has
        ended."""
        with told():
            found = await asyncio.to_thread(self._studio.session, session)
            brief = Brief.from_json(brief_json) if isinstance(brief_json, str) else Brief.from_dict(brief_json)
            ticket = await asyncio.to_thread(found.propose, brief, False)
            seen, drafts, last = -1, {}, 0.0
            async for event in ticket:
                if isinstance(event, Draft):
                    drafts[str(event.index)] = event.text
                    if time.monotonic() - last < OFTEN:
                        continue
                state = await asyncio.to_thread(found.state)
                current = state.rounds.get(ticket.round)
                if current is None or current.status != "running":
                    continue
                if isinstance(event, Draft) or len(current.variants) > seen:
                    seen, last = len(current.variants), time.monotonic()
                    yield round_view(current) | ({"drafts": dict(drafts)} if drafts else {})
            state = await asyncio.to_thread(found.state)
            if ticket.round in state.rounds:
                yield round_view(state.rounds[ticket.round])

    def judge(self, session: str, round: int, judgement_json: dict[str, Any]) -> dict[str, Any]:
        """Logs what is said of a round and returns what was learned."""
        with told():
            return self._studio.session(session).judge(round, Judgement.from_dict(judgement_json))

    def write(self, session: str, text: str) -> dict[str, Any]:
        """The notebook becomes this text; what is new in it counts as the artist's. Returns the view, whose `next` goes on from it."""
        with told():
            found = self._studio.session(session)
            writing.write(found, text)
            return found.view("text")

    def accept(self, session: str, round: int, variant: int, upto: int | None = None) -> dict[str, Any]:
        """Takes a text over into the notebook, all of it or so many characters. Returns the view."""
        with told():
            found = self._studio.session(session)
            writing.accept(found, round, variant, upto)
            return found.view("text")

    def cancel(self, session: str) -> dict[str, Any]:
        """Stops the session's rounds, running and waiting."""
        with told():
            found = self._studio.session(session)
            found.cancel()
            return found.view()

    def history(self, session: str) -> dict[str, Any]:
        """The whole session."""
        with told():
            return self._studio.session(session).view()

    def branch(self, session: str, round: int, variant: int) -> dict[str, Any]:
        """The next round continues from this variant."""
        with told():
            found = self._studio.session(session)
            found.branch(round, variant)
            return found.view()

    def undo(self, session: str) -> dict[str, Any]:
        """Takes back the last act."""
        with told():
            found = self._studio.session(session)
            found.undo()
            return found.view()

    def forget(self, session: str) -> dict[str, Any]:
        """Deletes the session and returns its last view."""
        with told():
            found = self._studio.session(session)
            last = found.view()
            found.forget()
            return last


class told:
    """What is the caller's to mend reaches the caller; Gradio hides everything else."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, UserError):
            raise gr.Error(str(error), print_exception=False) from error


def declare(api: Api) -> None:
    """Makes the endpoints known, within a page that is being built."""
    acts = (api.judge, api.write, api.accept, api.cancel, api.history, api.branch, api.undo, api.forget)
    for function in (api.new_session, *acts):
        api_function(function, api_name=function.__name__, concurrency_limit=None)
    api_function(api.propose, api_name="propose", concurrency_limit=None)
    session, sha256, file = gr.Textbox(visible=False), gr.Textbox(visible=False), gr.File(visible=False)
    given, taken = gr.Textbox(visible=False), gr.File(visible=False)
    button = gr.Button(visible=False)
    common: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden"}
    button.click(api.upload, [session, file], given, api_name="upload", **common)
    button.click(api.keep, [session, file], given, api_name="keep", **common)
    button.click(api.blob, [session, sha256], taken, api_name="blob", **common)
    button.click(api.export, [session], taken, api_name="export", **common)
