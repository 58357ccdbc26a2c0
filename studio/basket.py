"""Pictures that an artist laid down to learn from, on disk until that is done: each once, in groups, no larger than they need be.

What could not be read is told with the reason. Of zips nothing is unpacked but pictures that were read and written anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from engines.api import Pixels

from . import gathering, pictures
from .events import StudioError, Words

PARTS = ".parts"  # folder of what is still on its way
SKIPPED, ORDER = "skipped.json", "order.json"
MOST_SKIPPED = 200  # that are told
ZIP = b"PK\x03\x04"
MOST_LETTERS = 40  # of a group's name
MOST_ZIP = 2 * 2**30  # bytes
Guard = Callable[[], AbstractContextManager[None]]


@dataclass
class Adding:
    """A zip that is being read."""

    name: str
    done: float = 0.0


class Basket:
    """`shape` makes of a picture what is kept of it; `most` is how many pictures a group may hold, `groups` how many of those. Nothing
    is written but while `guard` is held, which raises where the session is gone."""

    def __init__(
        self, folder: Path, shape: Callable[[Pixels], Pixels], most: int, groups: int = 1, guard: Guard = nullcontext
    ) -> None:
        self.folder, self.adding, self._guard = folder, None, guard
        self._shape, self._most, self._groups = shape, most, groups
        self._lock, self._halt = threading.Lock(), threading.Event()

    adding: Adding | None

    # ── What there is ────────────────────────────────────────────────────────────────────────────────────────────────

    def names(self) -> dict[str, list[str]]:
        """The pictures' names by group, in the order in which the groups came, whatever they were called since."""
        if not self.folder.is_dir():
            return {}
        found = {each.name: each for each in self.folder.iterdir() if each.is_dir() and each.name != PARTS}
        order = dict.fromkeys([*self._order(), *sorted(found)])
        listed = {name: sorted(place.stem for place in found[name].glob("*.png")) for name in order if name in found}
        return {name: each for name, each in listed.items() if each}

    def count(self) -> int:
        return sum(map(len, self.names().values()))

    def pictures(self, group: str, told: Callable[[float], None] = lambda done: None) -> Iterator[Pixels]:
        """The pictures of a group, (H, W, 3), in the order of their names."""
        names = self.names().get(group, [])
        for at, name in enumerate(names):
            yield np.asarray(Image.open(self.place(group, name)).convert("RGB"))
            told((at + 1) / len(names))

    def place(self, group: str, name: str) -> Path:
        """The file of a picture. Raises `StudioError` where there is none."""
        if name not in self.names().get(group, []):
            raise StudioError("There is no file {value}.", value=name[:80])
        return self.folder / group / f"{name}.png"

    def skipped(self) -> list[tuple[str, Words]]:
        """The files that are not among the pictures, and why."""
        try:
            told = json.loads((self.folder / SKIPPED).read_text(encoding="utf-8"))
            return [(str(name), Words.model_validate(why)) for name, why in told]
        except (OSError, ValueError, TypeError):
            return []

    # ── What comes and goes ──────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Held while something is written: the session stays, and a disk that does not take it is told of as such."""
        with self._guard(), _writing(self.folder):
            yield

    @contextmanager
    def part(self) -> Iterator[Path]:
        """Where something that arrives may lie meanwhile."""
        with self.writing():
            (self.folder / PARTS).mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self.folder / PARTS / os.urandom(8).hex()
        try:
            yield place
        finally:
            place.unlink(missing_ok=True)

    def take(self, file: Path, size: int, name: str, group: str) -> None:
        """A picture of so many bytes, or a zip; where there may be several groups, each folder in a zip is one. What cannot be read is
        skipped.

        Raises `StudioError` where the file is a zip that is damaged or too large, or there is no room for it.
        """
        with file.open("rb") as opened:
            first = opened.read(len(ZIP))
        skipped: gathering.Skipped = {}
        if size > most_bytes(first):
            skipped[name] = Words.of(pictures.too_many_bytes(name, size))
        elif first == ZIP:
            self._take_zip(file, name, group, skipped)
        else:
            self.lay(name, file.read_bytes, group, skipped)
        self._skip(skipped)

    def lay(self, name: str, read: gathering.Read, group: str, skipped: gathering.Skipped) -> None:
        """Reads a file and keeps it. What cannot be read is skipped."""
        if (pixels := gathering.read_one(name, read, skipped)) is not None:
            self.put(pixels, name, group, skipped)

    def resume(self) -> None:
        """Files come, whatever was halted before."""
        self._halt.clear()

    def settle(self) -> None:
        """What is left to do when all that came is read. It holds up nobody."""

    @property
    def halted(self) -> bool:
        """Whether what still comes is not wanted any more."""
        return self._halt.is_set()

    def settling(self) -> tuple[int, int] | None:
        """How much of what was left to do is done, of how much; None where nothing is."""
        return None

    def say(self, name: str, words: object) -> None:
        """Other words for a picture. Raises `StudioError` where pictures have none."""
        raise StudioError("There is no file {value}.", value=name[:80])

    def put(self, pixels: Pixels, name: str, group: str, skipped: gathering.Skipped) -> None:
        """Keeps a picture, unless there are too many."""
        data = io.BytesIO()
        shaped = self._shape(pixels)
        Image.fromarray(shaped).save(data, "PNG", compress_level=3)
        digest = hashlib.sha256(shaped.tobytes() + repr(shaped.shape).encode()).hexdigest()[:24]
        with self._lock, self.writing():
            known = self.names()
            if group not in known and len(known) >= self._groups:
                values = {"most": self._groups}
                skipped[name] = Words(template="There are {most} groups already, and no more can be.", values=values)
                return
            if len(known.get(group, [])) >= self._most and digest not in known[group]:
                values = {"most": self._most}
                skipped[name] = Words(template="There are {most} pictures already, and no more can be.", values=values)
                return
            (self.folder / group).mkdir(mode=0o700, parents=True, exist_ok=True)
            if group not in known:
                self._keep(ORDER, [*known, group])
            part = self.folder / group / f".{digest}.part"
            part.write_bytes(data.getvalue())
            part.replace(self.folder / group / f"{digest}.png")

    def rename(self, group: str, to: str) -> None:
        """Another name for a group. Raises `StudioError` where there is one of that name."""
        if group not in self.names() or to == group:
            return
        if to in self.names():
            raise StudioError("There is a group {name} already.", "Choose another name.", name=to)
        with self._lock, self.writing():
            order = [to if name == group else name for name in self.names()]
            (self.folder / group).rename(self.folder / to)
            self._keep(ORDER, order)

    def drop(self, group: str, name: str = "") -> None:
        """Takes a picture out, or without a name all of a group."""
        if name:
            self.place(group, name).unlink(missing_ok=True)
        elif group in self.names():
            shutil.rmtree(self.folder / group, ignore_errors=True)

    def clear(self) -> None:
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def halt(self) -> None:
        """Ends the reading of what still comes; what was read by then stays."""
        self._halt.set()

    def _take_zip(self, file: Path, name: str, group: str, skipped: gathering.Skipped) -> None:
        if self.adding is not None:
            raise StudioError("A zip is being read already.", "Wait for it, or stop it.")
        self.adding = Adding(name)
        try:
            by_group: dict[str, list[tuple[str, gathering.Read]]] = {}
            for entry, read in gathering.listed(file, skipped, name):
                by_group.setdefault(self._group_of(entry, group), []).append((entry, read))
            total, done = sum(map(len, by_group.values())), 0
            for into, entries in by_group.items():
                some = gathering.some_of(entries, self._most)
                if len(some) < len(entries):
                    values = {"count": len(entries) - len(some), "most": self._most}
                    skipped[f"{name}/{into}"] = Words(
                        template="{count} pictures were left out: {most} are learned from at most.", values=values
                    )
                    done += len(entries) - len(some)
                for entry, read in some:
                    if self._halt.is_set():
                        return
                    self.lay(self.called(name, entry), read, into, skipped)
                    done += 1
                    self.adding.done = done / total
        finally:
            self.adding = None

    def called(self, file: str, entry: str) -> str:
        """What an entry of a zip is called."""
        return entry

    def _group_of(self, entry: str, group: str) -> str:
        """The group of a zip's entry: the folder that it lies in, where there may be several groups."""
        folder = PurePosixPath(entry.replace("\\", "/")).parent.name
        return group_name(folder, group) if self._groups > 1 and folder else group

    def _skip(self, skipped: gathering.Skipped) -> None:
        if skipped:
            self.write_skipped({**dict(Basket.skipped(self)), **skipped})

    def write_skipped(self, told: gathering.Skipped) -> None:
        last = [(name[:200], why.model_dump()) for name, why in told.items()][-MOST_SKIPPED:]
        with self._lock, self.writing():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._keep(SKIPPED, last)

    def _keep(self, name: str, what: list[Any]) -> None:
        """A list beside the groups, whole or not at all."""
        part = self.folder / f".{name}.part"
        part.write_text(json.dumps(what, ensure_ascii=False), encoding="utf-8")
        part.replace(self.folder / name)

    def _order(self) -> list[str]:
        """The groups as they came; those of an older basket are not listed."""
        try:
            return [str(name) for name in json.loads((self.folder / ORDER).read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            return []


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StudioError(
            "{path} cannot be written: {why}.",
            "Free some space or choose another place, then try again.",
            path=folder,
            why=error.strerror or str(error),
        ) from error


def group_name(said: str, otherwise: str) -> str:
    """What a group may be called that is a folder, too."""
    return re.sub(r"[^\w ()+-]", "-", said).strip(" -")[:MOST_LETTERS] or otherwise


def most_bytes(first: bytes) -> int:
    """How large a file may be that begins so."""
    return MOST_ZIP if first.startswith(ZIP) else pictures.MAX_BYTES
