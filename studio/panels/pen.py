"""The acts of a writer: the mode is turned, texts are taken over, mended and sent on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from engines.api import UserError

from .. import writing
from .page import KEPT, Memory, Page, answered, out, payload

log = logging.getLogger(__name__)


class Pen(Page):
    async def turn(self, memory: Memory, event: gr.EventData) -> AsyncIterator[list[Any]]:
        """The page in another mode, which is remembered; the first time, with an example. `fresh`: the session is new, but had none yet."""
        said = payload(event)
        memory = {name: str(value) for name, value in (memory or {}).items() if name in KEPT}
        memory["mode"] = self._mode(memory, said)
        try:
            session = await asyncio.to_thread(self._session, memory)
            async for values in self._opened(session, memory, said=said, fresh=bool(said.get("fresh"))):
                yield out(answered(values, said), memory)
        except UserError as error:
            yield out(answered({"notice": self._say(memory, error)}, said), memory)
        except Exception:
            log.exception("the mode could not be turned")
            yield out(answered({"notice": self._bug(memory)}, said), memory)

    def use(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """Takes a variant over into the notebook, up to a place of it, and with another word there."""
        return self._do(
            memory,
            event,
            lambda session, said: writing.accept(
                session, said["round"], said["variant"], said.get("upto"), str(said.get("then", ""))
            ),
        )

    def mend(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """The artist's own version of a variant."""
        return self._do(
            memory,
            event,
            lambda session, said: writing.mend(session, said["round"], said["variant"], said["text"]),
        )

    def send(self, memory: Memory, event: gr.EventData) -> list[Any]:
        """A text becomes the prompt of the next picture."""
        return self._do(memory, event, lambda session, said: writing.send(session, said["round"], said["variant"]))
