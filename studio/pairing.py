"""Pairs out of an artist's files: pictures, what is said of them, and the sketches they were painted under.

Words come out of names (`a-red-fox-2.png`) or of tables (`file,caption,sketch`), sketches out of `NAME.sketch.png`; where there is none,
HED finds the lines.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.api import UserError

from . import pictures
from .events import StudioError, Words
from .gathering import MOST, Read, Skipped, listed, square

if TYPE_CHECKING:
    from engines.image.pairs import Pair

LOOKED = 512  # pixels of the square that lines are read from
MOST_WORDS = 200  # letters
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
TABLE = ".csv"
CAMERA = re.compile(r"(img|dsc[nf]?|pxl|image|photo|screenshot|scan|untitled)?[\W\d_]*", re.IGNORECASE)

Rows = dict[str, tuple[str, str]]  # file -> (caption, sketch), each "" where there is none


@dataclass(frozen=True)
class Match:
    """A picture with its words and the name of its sketch, "" where there is none."""

    name: str
    words: str
    sketch: str


@dataclass
class Gathered:
    pairs: list[Pair] = field(default_factory=list)
    skipped: Skipped = field(default_factory=dict)
    wordless: list[str] = field(default_factory=list)  # names


def gather(place: Path, cancelled: Callable[[], bool], told: Callable[[float], None] = lambda done: None) -> Gathered:
    """The pairs of a folder or a zip. Raises `StudioError` where there is no picture; what cannot be read is told with its reason."""
    found = Gathered()
    files = dict(listed(place, found.skipped))
    images = [name for name in files if PurePosixPath(name).suffix.lower() in PICTURES]
    others = [name for name in files if name not in images and not is_table(name)]
    found.skipped |= dict.fromkeys(others, Words(template="It is no picture."))
    matches = matched(images, _tables(files, found.skipped), MOST, found.skipped)
    for at, match in enumerate(matches):
        if cancelled():
            break
        try:
            found.pairs.append(_pair(match, files))
            if not match.words:
                found.wordless.append(match.name)
        except UserError as error:
            found.skipped[match.name] = Words.of(error).model_copy(update={"template": error.message})
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
            found.skipped[match.name] = Words(template="It cannot be read: {why}.", values={"why": str(error)})
        told((at + 1) / len(matches))
    if not found.pairs and not cancelled():
        raise StudioError(
            "{name} holds no picture that can be read ({count} other files).",
            "Name a folder or a zip with pictures.",
            name=str(place),
            count=len(found.skipped),
        )
    return found


# ── What belongs together, by names ──────────────────────────────────────────────────────────────────────────────────


def matched(images: Iterable[str], rows: Rows, most: int, skipped: Skipped) -> list[Match]:
    """The pictures among so many images, `most` of them, with what is theirs. What is left over is skipped with its reason."""
    images = dict.fromkeys(images)
    beside = {_stem(name).removesuffix(".sketch"): name for name in images if _is_sketch(name)}
    drawn = {*beside.values(), *(sketch for _, sketch in rows.values() if sketch)}
    names = [name for name in images if name not in drawn]
    found: list[Match] = []
    for name in names:
        words, sketch = rows.get(name, ("", ""))
        sketch = sketch or beside.get(_stem(name), "")
        if sketch and sketch not in images:
            skipped[name] = Words(template="Its sketch {name} is not there.", values={"name": sketch})
        elif len(found) == most:
            values = {"most": most}
            skipped[name] = Words(template="{most} pairs are the most that are learned from.", values=values)
        else:
            found.append(Match(name, words or captioned(name), sketch))
    whose = {_stem(name) for name in names}
    alone = [sketch for stem, sketch in beside.items() if stem not in whose]
    listed = {sketch for _, sketch in rows.values()}
    skipped |= {name: Words(template="No picture belongs to this sketch.") for name in alone if name not in listed}
    skipped |= {name: Words(template="It is not there.") for name in rows if name not in images}
    return found


def captioned(name: str) -> str:
    """The words of a file's name, without a number at its end: `a-red-fox-2.png` is "a red fox"; "" where a camera named it."""
    stem = PurePosixPath(name).stem
    if CAMERA.fullmatch(stem):
        return ""
    return re.sub(r"[\s_-]+\d+$", "", re.sub(r"[_\s-]+", " ", stem)).strip()[:MOST_WORDS]


def is_table(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() == TABLE


def rows_of(name: str, data: bytes) -> Rows:
    """What the lines of a table say; paths in it are from its own folder. Raises `StudioError` where it cannot be read as one."""
    folder, found = PurePosixPath(name).parent, Rows()
    try:
        lines = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
        if not {"file", "caption"} <= set(lines.fieldnames or ()):
            raise StudioError(
                "It is no table of pairs.", "Its first line must be: file,caption or file,caption,sketch."
            )
        for line in lines:
            sketch = str(folder / line["sketch"]) if line.get("sketch") else ""
            found[str(folder / (line["file"] or ""))] = ((line["caption"] or "").strip()[:MOST_WORDS], sketch)
    except (ValueError, csv.Error) as error:
        raise StudioError("It cannot be read as a table: {why}.", why=str(error)) from error
    return found


def _tables(files: Mapping[str, Read], skipped: Skipped) -> Rows:
    found = Rows()
    for name, read in files.items():
        if is_table(name):
            try:
                found |= rows_of(name, read())
            except StudioError as error:
                skipped[name] = Words.of(error)
            except OSError as error:
                skipped[name] = Words(template="It cannot be read: {why}.", values={"why": str(error)})
    return found


def _is_sketch(name: str) -> bool:
    return PurePosixPath(name).stem.lower().endswith(".sketch")


def _stem(name: str) -> str:
    """What a picture's name and that of its sketch have in common."""
    path = PurePosixPath(name)
    return str(path.with_name(path.stem.lower() or path.name))


# ── Pixels ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def squared(data: bytes, name: str) -> NDArray[np.uint8]:
    """The middle of a picture, with its transparency, (S, S, 3 or 4), no larger than lines are read from it. Raises `StudioError`."""
    from engines.image import sketches

    pixels = sketches.opened(data, pictures.to_pixels(data, name))
    return square(pixels, min(LOOKED, *pixels.shape[:2]))


def coloured(square_of: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The square of a picture as it is learned from, (128, 128, 4)."""
    from engines.image import icons

    pixels = square(square_of, icons.SIDE)
    return pixels if pixels.shape[2] == 4 else np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def inked(square_of: NDArray[np.uint8], sketch: bool) -> Any:
    """Its lines, (128, 128) in 0-1: those of a sketch, or those that HED finds. Raises `EngineError` where there are none."""
    from engines.image import pairs

    return pairs.ink_of(square(square_of, LOOKED), sketch)


def _pair(match: Match, files: Mapping[str, Read]) -> Pair:
    from engines.image import pairs

    picture = squared(files[match.name](), match.name)
    lines = squared(files[match.sketch](), match.sketch) if match.sketch else picture
    return pairs.Pair(match.name, match.words, coloured(picture), inked(lines, bool(match.sketch)))
