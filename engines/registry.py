"""Engines by name: what is known of each at once, the engine itself when first used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from . import language
from .api import PICTURE, Brief, BriefError, Engine, EngineError, EngineInfo, Pictures, Pixels

if TYPE_CHECKING:
    from .embed import Reader
    from .vision import Eyes

BUILT_IN = (
    "engines.style",
    "engines.text",
    "engines.image",
)  # packages that register their engines when imported; none of them imports torch

STAND_IN = "sha256:" + "0" * 64  # the picture that a `then` brief works on, before it exists


@dataclass(frozen=True)
class StandIn:
    """The files of a brief whose content is `STAND_IN`: that is `picture`, and all others are those of `stored`."""

    picture: Pixels
    stored: Pictures | None = None

    def __call__(self, ref: str, /) -> Pixels:
        return self.picture if ref == STAND_IN or self.stored is None else self.stored(ref)

    def data(self, ref: str) -> bytes:
        if self.stored is None:
            raise EngineError("There is no file {value}.", value=ref)
        return self.stored.data(ref)


_factories: dict[str, tuple[EngineInfo, Callable[[], Engine]]] = {}
_loaded: dict[str, Engine] = {}
_lock = threading.Lock()


def register(info: EngineInfo, factory: Callable[[], Engine]) -> None:
    """Makes an engine known under `info.name`. The factory is called once, when the engine is first used."""
    if info.name in _factories and _factories[info.name][0] != info:
        raise ValueError(f"an engine named {info.name!r} is registered already")
    _factories[info.name] = (info, factory)


@cache
def _import_built_in() -> None:
    for package in BUILT_IN:
        import_module(package)


def infos() -> dict[str, EngineInfo]:
    """Every engine's summary by name, in the order of registration."""
    _import_built_in()
    return {name: info for name, (info, _) in _factories.items()}


def info(name: str) -> EngineInfo:
    known = infos()
    if name not in known:
        raise BriefError("Unknown engine {value!r}.", "Known: {allowed}.", value=name, allowed=", ".join(known))
    return known[name]


def models(name: str) -> tuple[str, ...]:
    """The entries of the store that an engine loads; the language model that was chosen stands in for the embedded one."""
    wanted = info(name).models
    return tuple(
        entry
        for each in wanted
        for entry in (language.stored(language.chosen()) if each == language.EMBEDDED else (each,))
    )


def load(name: str) -> Engine:
    """The engine, made on first use and kept."""
    info(name)
    with _lock:
        if name not in _loaded:
            _loaded[name] = _factories[name][1]()
        return _loaded[name]


def eyes() -> Eyes:
    """What looks at pictures, for whoever compares them: one for all, whose weights load when it first looks."""
    from .vision import shared

    return shared


def reader() -> Reader:
    """What reads texts, for whoever compares them: one for all, whose weights load when it first reads."""
    from .embed import shared

    return shared


def check(brief: Brief) -> Brief:
    """The brief with its engine filled in and everything checked against that engine, and the same for what follows it."""
    checked = info(brief.engine or choose(brief)).check(brief)
    if checked.then is None:
        return checked
    if checked.then.content:
        raise BriefError(
            "{key} is {value!r}.",
            "Leave it out: `then` works on the result.",
            key="then.content",
            value=checked.then.content,
        )
    follower = check(replace(checked.then, content=STAND_IN))
    return replace(checked, then=replace(follower, content=None))


def choose(brief: Brief) -> str:
    """The engine that a brief without one means: the first of its mode that takes its styles."""
    candidates = [known for known in infos().values() if known.mode == brief.mode]
    if not candidates:
        modes = ", ".join(dict.fromkeys(known.mode for known in infos().values()))
        raise BriefError("No engine works in {value} mode here.", "Modes: {allowed}.", value=brief.mode, allowed=modes)

    def takes(known: EngineInfo, style: str) -> bool:
        return style in known.styles or (known.picture_styles and PICTURE.fullmatch(style) is not None)

    for known in candidates:
        if all(takes(known, style) for style in brief.styles):
            return known.name
    for style in brief.styles:
        if not any(takes(known, style) for known in candidates):
            names = ", ".join(name for known in candidates for name in known.styles)
            raise BriefError("Unknown style {key!r}.", "Known: {allowed}, or a picture.", key=style, allowed=names)
    raise BriefError(
        "No engine takes all of these styles together: {names}.",
        "Use either styles of the bank or pictures as styles, not both.",
        names=", ".join(brief.styles),
    )
