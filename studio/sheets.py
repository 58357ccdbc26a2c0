"""Sheets of small pictures: the same content in every style of an engine, in every cell of a plane, or along a knob, to choose by eye."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import cast

from engines import registry
from engines.api import Brief, Knobs, Pictures, Previewer, Setting, UserError

from . import pictures
from .events import StudioError

ENGINES = ("style-bank", "translator")  # whose styles are shown on the artist's own picture
SIDE = 160  # pixels of a thumbnail's long side
CELL = 128  # the same of a cell of a plane
CELLS = 25  # of a plane; what a preview takes is measured on as many
QUICK = 80.0  # milliseconds that a preview may take where planes are offered
HOPELESS = 2.0  # seconds for the first picture, after which no more are painted to measure

_turn = threading.Lock()  # 26 thumbnails are asked for at once, and one sheet answers them all
_latest: dict[str, tuple[str, dict[str, bytes]]] = {}  # by engine


def engine_of(style: str) -> str | None:
    """Whose sheet has a picture for a style, None where there is none."""
    return next((name for name in ENGINES if style in registry.info(name).styles), None)


def sheet(engine: str, content: str, pixels: Pictures) -> dict[str, bytes]:
    """Style -> JPEG of the content in it, at full strength."""
    with _turn:
        if engine not in _latest or _latest[engine][0] != content:
            info = registry.info(engine)
            settings = [Setting({f"style:{name}": 1.0, "strength": 1.0}, 0) for name in info.styles]
            brief = Brief(mode="style", engine=engine, content=content, styles={info.styles[0]: 1.0})
            painted = cast(Previewer, registry.load(engine)).preview(brief, settings, pixels, SIDE)
            made = {name: pictures.encode_jpeg(image) for name, image in zip(info.styles, painted, strict=True)}
            _latest[engine] = (content, made)
        return _latest[engine][1]


# ── Planes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_measuring = threading.Lock()
_speeds: dict[str, float] = {}  # engine -> milliseconds that one of a sheet's previews takes in this process


def refusal(brief: Brief | None, pixels: Pictures, ready: bool) -> StudioError | None:
    """Why no sheet is offered where this brief is the next one, or None. Engines are measured once they are `ready`."""
    if brief is None or brief.engine not in registry.infos():
        return StudioError("Ask for a round first.")
    if registry.info(brief.engine).space(brief).dim < 2:
        return StudioError("A sheet needs two knobs that may vary.", "Unlock one.")
    if brief.engine not in _speeds and not ready:
        return StudioError("Ask for a round first.")
    if brief.then is not None or not callable(getattr(registry.load(brief.engine), "preview", None)):
        return StudioError("This engine paints no quick previews.", "Its rounds work as ever.")
    try:
        took = milliseconds(brief, pixels)
    except UserError as error:  # a model that is missing, a picture that cannot be read
        return StudioError(error.message, error.remedy, **error.values)
    if took >= QUICK:
        return StudioError(
            "A preview takes {took} ms on this machine; a sheet needs {limit} or less.",
            "Its rounds work as ever.",
            took=round(took),
            limit=round(QUICK),
        )
    return None


def milliseconds(brief: Brief, pixels: Pictures) -> float:
    """What one of a sheet's previews takes here, once it is warm: measured once for each engine, on what this brief asks."""
    with _measuring:
        if brief.engine not in _speeds:
            knobs = registry.info(brief.engine).space(brief).yours
            took = _seconds(brief, [knobs], pixels)
            if took < HOPELESS:
                took = _seconds(brief, [knobs] * CELLS, pixels) / CELLS
            _speeds[brief.engine] = took * 1000
        return _speeds[brief.engine]


def paint(brief: Brief, cells: Sequence[Knobs], pixels: Pictures) -> list[bytes]:
    """A small JPEG for each of these settings."""
    settings = [Setting(dict(knobs), brief.seed) for knobs in cells]
    painted = cast(Previewer, registry.load(brief.engine)).preview(brief, settings, pixels, CELL)
    return [pictures.encode_jpeg(image) for image in painted]


STEPS = 5  # pictures along a knob
REACH = 0.8  # of its length that they show: its ends are seldom pictures at their best


def along(brief: Brief, name: str, pixels: Pictures) -> tuple[list[float], list[bytes]]:
    """What a knob does, all else as the brief says: some of its values, and a small JPEG at each. Raises `StudioError` where the brief
    has no such knob, or its engine no previews."""
    info = registry.info(brief.engine)
    knob = next((each for each in info.knobs(brief) if each.name == name and each.kind == "continuous"), None)
    if knob is None:
        raise StudioError("There is no knob {knob!r} here.", knob=name[:80])
    if not callable(getattr(registry.load(brief.engine), "preview", None)):
        raise StudioError("This engine paints no quick previews.", "Its rounds work as ever.")
    middle, half = (knob.low + knob.high) / 2, (knob.high - knob.low) / 2
    values = [middle + REACH * half * (2 * at / (STEPS - 1) - 1) for at in range(STEPS)]
    cells: list[Knobs] = [{name: value} for value in values]
    return values, paint(brief, cells, pixels)


def _seconds(brief: Brief, cells: Sequence[Knobs], pixels: Pictures) -> float:
    began = time.perf_counter()
    paint(brief, cells, pixels)
    return time.perf_counter() - began
