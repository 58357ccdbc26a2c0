"""Sheets of small pictures: the same content in every style of the bank, so that an artist chooses by eye."""

from __future__ import annotations

import threading
from typing import cast

from engines import registry
from engines.api import Brief, Pictures, Previewer, Setting

from . import pictures

ENGINE = "style-bank"
SIDE = 160  # pixels of a thumbnail's long side

_turn = threading.Lock()  # 26 thumbnails are asked for at once, and one sheet answers them all
_latest: tuple[str, dict[str, bytes]] | None = None


def styles() -> tuple[str, ...]:
    """The names that a sheet has a picture for."""
    return registry.info(ENGINE).styles


def sheet(content: str, pixels: Pictures) -> dict[str, bytes]:
    """Style -> JPEG of the content in it, at full strength."""
    global _latest
    with _turn:
        if _latest is None or _latest[0] != content:
            info = registry.info(ENGINE)
            settings = [Setting({f"style:{name}": 1.0, "strength": 1.0}, 0) for name in info.styles]
            brief = Brief(mode="style", engine=ENGINE, content=content, styles={info.styles[0]: 1.0})
            painted = cast(Previewer, registry.load(ENGINE)).preview(brief, settings, pixels, SIDE)
            made = {name: pictures.encode_jpeg(image) for name, image in zip(info.styles, painted, strict=True)}
            _latest = (content, made)
        return _latest[1]
