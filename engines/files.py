"""Files of tensors that trainings write: whole or not there, and never a format that may hold code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from .errors import EngineError

KEY = "duet"  # the one key of a file's metadata: several would come in any order
PICKLED = (b"\x80", b"PK\x03\x04")  # how a pickle begins, and torch's archive of one


def holds_tensors(data: bytes) -> bool:
    """Whether it begins like a file of safetensors: eight bytes of a length, of which the last are 0, then JSON."""
    return data[5:9] == b"\0\0\0{"


def is_pickle(data: bytes) -> bool:
    """A safetensors file may begin with the same byte: it is the length of its header."""
    return data.startswith(PICKLED) and not holds_tensors(data)


def folder_of(pictures: object, what: Literal["unfinished", "found"]) -> Path | None:
    """Where an engine may keep, from one run to the next, results that are `unfinished` or what it `found` on its way, if the files that
    it is given come with such a folder. Whoever gives it throws it away, too: what is no longer there is made again."""
    folder: Path | None = getattr(pictures, what, None)
    return folder


def write_whole(file: Path, data: bytes) -> None:
    """Puts a file into its place whole or not at all. Raises `EngineError` where it cannot be written."""
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EngineError(
            "{path} could not be written: {why}.",
            "Make room or choose another folder; what was there before is as it was.",
            path=str(file),
            why=error.strerror or str(error),
        ) from error
