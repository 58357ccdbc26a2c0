"""Files of tensors that trainings write: whole or not there, and never a format that may hold code."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import EngineError

KEY = "duet"  # the one key of a file's metadata: several would come in any order
PICKLED = (b"\x80", b"PK\x03\x04")  # how a pickle begins, and torch's archive of one


def holds_tensors(data: bytes) -> bool:
    """Whether it may be a file of safetensors: its header's length in eight bytes, which may be any, and then JSON."""
    return data[8:9] == b"{"


def is_pickle(data: bytes) -> bool:
    return data.startswith(PICKLED) and not holds_tensors(data)


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
