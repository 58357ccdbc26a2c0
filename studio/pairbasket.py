"""Pairs that an artist laid down to teach a painter: pictures, their sketches and tables of their words, in any order, on disk.

Which sketch and which words are a picture's is told anew whenever it is asked, for the next file may change it; words that the artist wrote
by hand stay. Its lines are found once, when all that came is read, in a thread of their own: to see them nobody has to wait.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.api import Pixels, UserError, check_text

from . import gathering, pairing
from .basket import Basket, Guard
from .events import StudioError, Words
from .pairing import Match

if TYPE_CHECKING:
    from engines.image.pairs import Pair

log = logging.getLogger(__name__)

GROUP, LINES = "pictures", "lines"
LAID = "laid.json"
SEEN = 24  # pairs that are shown, where nobody asks for more


class PairBasket(Basket):
    """`most` is how many pairs there may be."""

    def __init__(self, folder: Path, most: int, guard: Guard = nullcontext) -> None:
        super().__init__(folder, lambda pixels: pixels, 2 * most, guard=guard)
        self._pairs = most
        self._finds = threading.Lock()  # held while lines are found, those of one pair at a time
        self._finder: threading.Thread | None = None
        self._found = (0, 0)  # how many the thread has found, of how many

    # ── What there is ────────────────────────────────────────────────────────────────────────────────────────────────

    def names(self) -> dict[str, list[str]]:
        """The keys of the pairs whose lines are known, or not looked for yet."""
        laid = self._laid()
        ready = [key_of(each.name) for each in self._matches(laid, {}) if _lines(each) not in laid["bad"]]
        return {GROUP: ready} if ready else {}

    def place(self, group: str, name: str) -> Path:
        """The file of a pair's picture, or of its lines, dark on white. Raises `StudioError` where there is none."""
        laid = self._laid()
        match = next((each for each in self._matches(laid, {}) if key_of(each.name) == name), None)
        if match is not None and group == GROUP:
            return self._picture(match.name)
        if match is None or group != LINES or not self._find(match):
            raise StudioError("There is no file {value}.", value=name[:80])
        return self._ink(match)

    def skipped(self) -> list[tuple[str, Words]]:
        laid, found = self._laid(), dict(super().skipped())
        for match in self._matches(laid, found):
            if why := laid["bad"].get(_lines(match)):
                found[match.name] = Words.model_validate(why)
        return list(found.items())

    def settling(self) -> tuple[int, int] | None:
        going = self._finder is not None and not self.halted  # what is halted ends with the pair at hand
        return self._found if going else None

    def told(self, seen: int = SEEN) -> dict[str, Any]:
        """For the page: how many pairs there are, how many of them have words and sketches of their own, and the first of them. `key`,
        `lines` and `at` tell their pictures and lines from those that they had before; `found` whether its lines are known by now."""
        laid = self._laid()
        found = [each for each in self._matches(laid, {}) if _lines(each) not in laid["bad"]]
        return {
            "count": len(found),
            "worded": sum(bool(each.words) for each in found),
            "sketched": sum(bool(each.sketch) for each in found),
            "some": [
                {
                    "key": key_of(each.name),
                    "at": int(1000 * self._picture(each.name).stat().st_mtime),
                    "lines": _lines(each),
                    "name": each.name,
                    "words": each.words,
                    "sketch": bool(each.sketch),
                    "found": self._ink(each).is_file(),
                }
                for each in found[: max(SEEN, seen)]
            ],
        }

    def pairs(self, told: Callable[[float], None] = lambda done: None) -> Iterator[Pair | None]:
        """All pairs, to be learned from, in the order of their names; None for each whose lines cannot be found."""
        from engines.image import pairs

        for match in self._matches(self._laid(), {}):
            if not self._find(match):
                yield None
                continue
            lines = np.asarray(Image.open(self._ink(match)), np.float32)
            picture = pairing.coloured(_read(self._picture(match.name)))
            yield pairs.Pair(match.name, match.words, picture, np.float32(1) - lines / np.float32(255))

    # ── What comes and goes ──────────────────────────────────────────────────────────────────────────────────────────

    def put(self, pixels: Pixels, name: str, group: str, skipped: gathering.Skipped) -> None:
        """Keeps a picture or a sketch under its name; another one of that name is replaced."""
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "PNG", compress_level=3)
        with self._lock, self.writing():
            laid = self._laid()
            if len(laid["images"]) >= self._most and name not in laid["images"]:
                values = {"most": self._pairs}
                skipped[name] = Words(template="{most} pairs are the most that are learned from.", values=values)
                return
            (self.folder / GROUP).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._forget(name, laid)
            part = self.folder / GROUP / f".{key_of(name)}.part"
            part.write_bytes(data.getvalue())
            part.replace(self._picture(name))
            laid["images"].append(name)
            self._write(laid)

    def say(self, name: str, words: object) -> None:
        """Words that the artist wrote for a pair, in place of those of its file or table; there may be none. Raises `StudioError` where
        there is no such pair, or they are too long."""
        said = " ".join(check_text("words", words, pairing.MOST_WORDS, StudioError).split())
        with self._lock, self.writing():
            laid = self._laid()
            match = next((each for each in self._matches(laid, {}) if key_of(each.name) == name), None)
            if match is None:
                raise StudioError("There is no file {value}.", value=name[:80])
            laid["words"][match.name] = said
            self._write(laid)

    def rename(self, group: str, to: str) -> None:
        """There is one group, and it has no name."""

    def drop(self, group: str, name: str = "") -> None:
        """Takes a pair out, its sketch too, or without a name all of them."""
        if not name:
            self.clear()
            return
        with self._lock, self.writing():
            laid = self._laid()
            for match in self._matches(laid, {}):
                if key_of(match.name) == name:
                    laid["words"].pop(match.name, None)
                    for each in filter(None, (match.name, match.sketch)):
                        self._forget(each, laid)
                        self._picture(each).unlink(missing_ok=True)
            self._write(laid)

    def clear(self) -> None:
        self.halt()
        with self._finds:  # lines that are being found would come back
            super().clear()

    def lay(self, name: str, read: gathering.Read, group: str, skipped: gathering.Skipped) -> None:
        """A picture, a sketch or a table, whichever it is."""
        try:
            if pairing.is_table(name):
                said = pairing.rows_of(name, read())
                with self._lock, self.writing():
                    self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    laid = self._laid()
                    laid["tables"][name] = said
                    self._write(laid)
            else:
                self.put(pairing.squared(read(), name), name, group, skipped)
        except StudioError as error:
            skipped[name] = Words.of(error).model_copy(update={"template": error.message})
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
            skipped[name] = Words(template="It cannot be read: {why}.", values={"why": str(error)})
        if name not in skipped:
            self._forgive(name)

    def called(self, file: str, entry: str) -> str:
        """Below its zip, as if that were a folder."""
        return str(PurePosixPath(PurePosixPath(file).with_suffix("").name, entry.replace("\\", "/")))

    def settle(self) -> None:
        """Begins to find the lines of all that came, unless that is halted; those that are left are found when somebody needs them."""
        with self._lock:
            if self._finder is None and not self.halted and self._unknown():
                self._found = (0, 0)
                self._finder = threading.Thread(target=self._find_all, name="lines")
                self._finder.start()

    def _find_all(self) -> None:
        while True:
            with self._lock:  # so that what comes now is seen here, or by `settle`
                closing = not threading.main_thread().is_alive()  # which waits for the pair at hand
                left = [] if self.halted or closing else self._unknown()
                if not left:
                    self._finder = None
                    return
                done = self._found[0]
                self._found = (done, done + len(left))
            try:
                self._find(left[0])
            except Exception as error:  # the session is gone, or a file: it is told of where the pair is needed
                log.info("lines were not found: %s", error)
                self.halt()
            self._found = (done + 1, done + len(left))

    def _unknown(self) -> list[Match]:
        """The pairs whose lines nobody has looked for yet."""
        laid = self._laid()
        return [
            each
            for each in self._matches(laid, {})
            if _lines(each) not in laid["bad"] and not self._ink(each).is_file()
        ]

    # ── On disk ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _laid(self) -> dict[str, Any]:
        """What was laid down: names of images, in the order of their coming, rows of tables by name, why lines were not found, and words
        that were written by hand, by image."""
        try:
            found: dict[str, Any] = json.loads((self.folder / LAID).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = {}
        return {"images": [], "tables": {}, "bad": {}, "words": {}} | found

    def _write(self, laid: dict[str, Any]) -> None:
        part = self.folder / f".{LAID}.part"
        part.write_text(json.dumps(laid, ensure_ascii=False), encoding="utf-8")
        part.replace(self.folder / LAID)

    def _matches(self, laid: dict[str, Any], skipped: gathering.Skipped) -> list[Match]:
        rows = {name: (said[0], said[1]) for table in laid["tables"].values() for name, said in table.items()}
        found, said = pairing.matched(sorted(laid["images"]), rows, self._pairs, skipped), laid["words"]
        return [replace(each, words=said[each.name]) if each.name in said else each for each in found]

    def _picture(self, name: str) -> Path:
        return self.folder / GROUP / f"{key_of(name)}.png"

    def _ink(self, match: Match) -> Path:
        return self.folder / LINES / f"{_lines(match)}.png"

    def _find(self, match: Match) -> bool:
        """Whether it has lines, which are found where nobody looked yet."""
        with self._finds:
            return self._look(match, self._ink(match))

    def _look(self, match: Match, place: Path) -> bool:
        if place.is_file():
            return True
        if _lines(match) in self._laid()["bad"]:
            return False
        try:
            ink = pairing.inked(_read(self._picture(match.sketch or match.name)), bool(match.sketch))
        except UserError as error:
            with self._lock, self.writing():
                laid = self._laid()
                laid["bad"][_lines(match)] = Words.of(error).model_copy(update={"template": error.message}).model_dump()
                self._write(laid)
            return False
        with self.writing():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = place.with_name(f".{place.name}.part")
            Image.fromarray(np.round(255 * (1 - ink)).astype(np.uint8)).save(part, "PNG")
            part.replace(place)
        return True

    def _forget(self, name: str, laid: dict[str, Any]) -> None:
        """Takes an image out of what is laid down, with the lines that were found of it."""
        key = key_of(name)
        laid["images"] = [each for each in laid["images"] if each != name]
        laid["bad"] = {lines: why for lines, why in laid["bad"].items() if key not in lines}
        for place in (self.folder / LINES).glob(f"*{key}*"):
            place.unlink(missing_ok=True)

    def _forgive(self, name: str) -> None:
        """A file of that name could be read after all."""
        known = dict(super().skipped())
        if known.pop(name, None) is not None:
            self.write_skipped(known)


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _lines(match: Match) -> str:
    """The key of a pair's lines: another sketch, other lines."""
    return f"{key_of(match.name)}-{key_of(match.sketch)}" if match.sketch else key_of(match.name)


def _read(place: Path) -> NDArray[np.uint8]:
    with Image.open(place) as opened:
        return np.asarray(opened.convert("RGBA" if opened.mode == "RGBA" else "RGB"))
