"""Which language model writes: the embedded one, or another that was named. The one place that decides it; no torch here.

A name is an entry of the model store, a model of a hub (`owner/name`) or a folder as transformers writes it. It lies in the
environment, as the device and the folders do, so that whoever works for this process writes with the same.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from . import hub, store
from .errors import EngineError
from .fetching import file_sha256
from .modelfiles import WANTED, Files, Folder

EMBEDDED = "smollm2-135m-instruct"
VARIABLE = "STUDIO_TEXT_MODEL"


@dataclass(frozen=True)
class Facts:
    """What is known of a language model without loading it."""

    name: str  # as round.json calls it: a folder by its own name, not by where it lies
    title: str
    origin: Literal["embedded", "hub", "folder"]
    parameters: int  # 0 where it is not here yet


def chosen() -> str:
    """The name of the language model that writes in this process."""
    return os.environ.get(VARIABLE, "").strip() or EMBEDDED


@contextmanager
def using(name: str | None) -> Iterator[None]:
    """While this is open, the model of this name writes; without one, the one that did."""
    before = os.environ.get(VARIABLE)
    if name:
        os.environ[VARIABLE] = name
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


def local(name: str) -> Path | None:
    """The folder, where the name is that of one on this disk. An entry of the store goes before a folder of the same name."""
    place = Path(name).expanduser()
    return place.absolute() if name not in store.entries() and place.is_dir() else None


def stored(name: str) -> tuple[str, ...]:
    """The entries of the store that this model needs: itself, or none where it is a folder."""
    return () if local(name) else (name,)


def label(name: str) -> str:
    """What it is called where others read it."""
    place = local(name)
    return place.name if place else name


def path(name: str) -> Path:
    """The folder of the model. Raises `EngineError` where it is not here."""
    return local(name) or store.path(_known(name))


def sha256(name: str) -> str:
    """One digest for the model, of the files that it is read from: the same for the same model in the store and in a folder."""
    place = local(name)
    return folder_sha256(place) if place else store.sha256(name)


def folder_name(place: Path) -> str:
    """What the model of a folder is called: one of the store by its name there."""
    ours = place.parent == store.models_folder() and (place / store.MANIFEST).is_file()
    return store.named(place) if ours else place.name


def folder_sha256(place: Path) -> str:
    """The digest of a folder. One of the store has it in its manifest; another is read, once for as long as it stays as it is."""
    if place.parent == store.models_folder() and (place / store.MANIFEST).is_file():
        files = json.loads((place / store.MANIFEST).read_text(encoding="utf-8"))["files"]
        return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    files = Folder(place.name, place)
    used = sorted(each for each in files.names() if WANTED.fullmatch(each) or each in files.weights())
    return _digest(place, tuple((each, files.size(each), (place / each).stat().st_mtime_ns) for each in used))


@cache
def _digest(place: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    facts = {name: {"sha256": file_sha256(place / name), "size": size} for name, size, _ in files}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def check(name: str) -> Facts:
    """What is known of the model. Raises `EngineError` where it cannot write here; what is not here yet is looked at where it lies."""
    if name == EMBEDDED:
        return facts(name)
    files = _files(name)
    if files is not None:
        files.check()
        return Facts(label(name), label(name), "folder" if local(name) else "hub", files.parameters)
    return facts(name)


def facts(name: str) -> Facts:
    """What is known of a model from what is here. Raises `EngineError` where nothing is."""
    place = local(name)
    if place or (store.present(_known(name))):
        files = Folder(label(name), place or store.path(name))
        origin: Literal["embedded", "hub", "folder"] = "folder" if place else "hub" if hub.is_name(name) else "embedded"
        title = store.entry(name).title if origin == "embedded" else label(name)
        return Facts(label(name), title, origin, files.parameters)
    return Facts(name, store.entry(name).title, "hub" if hub.is_name(name) else "embedded", 0)


def _files(name: str) -> Files | None:
    """Where there is something to look at: this disk, or else the hub."""
    place = local(name)
    if place:
        return Folder(place.name, place)
    if store.present(_known(name)):
        return Folder(name, store.path(name))
    return hub.repository(name) if hub.is_name(name) else None


def _known(name: str) -> str:
    """The name, where it can be that of a model. Else `EngineError` with those that are close."""
    if name in store.entries() or hub.is_name(name):
        if name in store.entries() and not store.entry(name).writes:
            raise EngineError(
                "The model {name} does not write: {use}",
                "Those that do: {allowed}.",
                name=name,
                use=store.entry(name).use["en"],
                allowed=", ".join(known()),
            )
        return name
    if name.startswith((".", "~", "/")) or Path(name).is_absolute() or name.count("/") > 1 or "\\" in name:
        raise EngineError("There is no folder {path}.", "Check the path of the text model.", path=name)
    by_end = {each.rpartition("/")[2].lower(): each for each in known()}
    if close := difflib.get_close_matches(name.lower(), by_end, 3, 0.5):
        raise EngineError(
            "Unknown text model {value!r}.",
            "Close to it: {allowed}. A model of a hub is owner/name, and a folder its path.",
            value=name,
            allowed=", ".join(by_end[each] for each in close),
        )
    raise EngineError(
        "Unknown text model {value!r}.",
        "Known: {allowed}. A model of a hub is owner/name, and a folder its path.",
        value=name,
        allowed=", ".join(known()),
    )


def known() -> list[str]:
    """The names of language models that can be had without a hub."""
    return [each.name for each in (*store.entries().values(), *store.fetched()) if each.writes]
