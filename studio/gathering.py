"""An artist's pictures to learn from, out of a folder or a zip: what can be read, all of one size, and what was skipped and why.

Nothing of a zip is ever unpacked to disk, so its paths cannot climb anywhere; entries that try are skipped as what they are.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.api import Pixels

from . import pictures
from .events import StudioError, Words

MOST = 5000  # pictures that are learned from
MOST_FILES = 100_000  # that are looked through
MOST_UNPACKED = 4 * 2**30  # bytes of a zip's pictures together

LINK = Words(template="It is a link to somewhere else.")
Each = TypeVar("Each")
Read = Callable[[], bytes]  # raises `StudioError` or OSError where it cannot


Skipped = dict[str, Words]  # name -> why


@dataclass(frozen=True)
class Gathered:
    pictures: NDArray[np.uint8]  # (N, side, side, 3)
    names: list[str]
    skipped: Skipped
    left_out: int  # files beyond the most that are learned from


def gather(
    place: Path,
    side: int,
    cancelled: Callable[[], bool] = lambda: False,
    told: Callable[[float], None] = lambda done: None,
) -> Gathered:
    """The pictures of a folder, with the folders in it, or of a zip, as squares. Raises `StudioError` where it holds none, or far too much.

    Of more than `MOST` files every second, third… is taken, so that all kinds of pictures stay among them.
    """
    skipped: Skipped = {}
    files = listed(place, skipped)
    kept = some_of(files, MOST)
    found: list[Pixels] = []
    names: list[str] = []
    for at, (name, read) in enumerate(kept):
        if cancelled():
            break
        if (pixels := read_one(name, read, skipped)) is not None:
            found.append(square(pixels, side))
            names.append(name)
        told((at + 1) / len(kept))
    if not found:
        raise StudioError(
            "{name} holds no picture that can be read ({count} other files).",
            "Name a folder or a zip with pictures.",
            name=str(place),
            count=len(skipped),
        )
    return Gathered(np.stack(found), names, skipped, len(files) - len(kept))


def listed(place: Path, skipped: Skipped, called: str = "") -> list[tuple[str, Read]]:
    """The files of a folder or a zip that may be pictures, by name. Raises `StudioError`, of what it is `called`, where it is neither, or
    far too large."""
    return list(_files(place, skipped, called or str(place)))


def some_of(files: list[Each], most: int) -> list[Each]:
    """All of them, or of too many every second, third…"""
    if len(files) <= most:
        return files
    return [files[at] for at in np.linspace(0, len(files) - 1, most).round().astype(int)]


def read_one(name: str, read: Read, skipped: Skipped) -> Pixels | None:
    """A picture, or None where it cannot be read: then it is among the skipped."""
    try:
        return pictures.to_pixels(read(), name)
    except StudioError as error:
        skipped[name] = Words.of(error).model_copy(update={"template": error.message})
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        skipped[name] = Words(template="It cannot be read: {why}.", values={"why": str(error)})
    return None


def square(pixels: Pixels, side: int) -> Pixels:
    """The middle of a picture, as large a square as it holds: (H, W, 3) -> (side, side, 3)."""
    height, width = pixels.shape[:2]
    least = min(height, width)
    left, top = (width - least) / 2, (height - least) / 2
    box = (left, top, left + least, top + least)
    return np.array(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0))


def _files(place: Path, skipped: Skipped, called: str) -> Iterator[tuple[str, Read]]:
    try:
        if place.is_dir():
            yield from _of_folder(place, skipped, called)
            return
        with place.open("rb"):
            pass
        yield from _of_zip(zipfile.ZipFile(place), skipped, called)
    except OSError as error:
        raise StudioError(
            "{name} cannot be read: {why}.", "Check the path.", name=called, why=error.strerror or str(error)
        ) from error
    except zipfile.BadZipFile as error:
        raise StudioError(
            "{name} is neither a folder nor a zip that can be read.", "Give one of both.", name=called
        ) from error


def _of_folder(place: Path, skipped: Skipped, called: str) -> Iterator[tuple[str, Read]]:
    seen = 0
    for folder, below, files in os.walk(place):
        below[:] = sorted(each for each in below if not each.startswith("."))
        for file in sorted(each for each in files if not each.startswith(".")):
            seen = _counted(seen, called)
            path = Path(folder, file)
            name = path.relative_to(place).as_posix()
            if path.is_symlink():
                skipped[name] = LINK
            elif not path.is_file():
                skipped[name] = Words(template="It is no plain file.")
            else:
                yield name, lambda path=path, name=name: _whole(path, name)  # type: ignore[misc]


def _whole(path: Path, name: str) -> bytes:
    if path.stat().st_size > pictures.MAX_BYTES:
        raise pictures.too_many_bytes(name, path.stat().st_size)
    return path.read_bytes()


def _of_zip(archive: zipfile.ZipFile, skipped: Skipped, called: str) -> Iterator[tuple[str, Read]]:
    seen = unpacked = 0
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if entry.is_dir() or any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts):
            continue
        seen = _counted(seen, called)
        if (why := _refused(entry, path)) is not None:
            skipped[entry.filename] = why
            continue
        unpacked += entry.file_size
        if unpacked > MOST_UNPACKED:
            raise StudioError(
                "{name} would unpack to more than {limit} GB.",
                "Give a zip of smaller pictures.",
                name=called,
                limit=MOST_UNPACKED // 2**30,
            )
        yield entry.filename, lambda entry=entry: _unpacked(archive, entry)  # type: ignore[misc]


def _refused(entry: zipfile.ZipInfo, path: PurePosixPath) -> Words | None:
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return Words(template="Its path climbs out of the zip.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        return LINK
    if entry.flag_bits & 1:
        return Words(template="It is encrypted.")
    if entry.file_size > pictures.MAX_BYTES:
        values = {"size": entry.file_size // 2**20, "most": pictures.MAX_BYTES // 2**20}
        return Words(template="It unpacks to {size} MB; {most} MB is the most we read.", values=values)
    return None


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """No more of it than may be, whatever the zip says of its size."""
    with archive.open(entry) as opened:
        data = opened.read(pictures.MAX_BYTES + 1)
    if len(data) > pictures.MAX_BYTES:
        raise pictures.too_many_bytes(entry.filename, len(data))
    return data


def _counted(seen: int, called: str) -> int:
    if seen >= MOST_FILES:
        raise StudioError("{name} holds more than {limit} files.", "Give a smaller one.", name=called, limit=MOST_FILES)
    return seen + 1
