"""A session as a portable file: a zip of `events.jsonl`, `blobs/<sha256>` and `versions.json`, and `authorship.json` where
something was written: who wrote how much of it.

The session's id is not in it: the id is the key to the session, the file is meant to be passed on.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import tempfile
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engines.api import UserError

from . import __version__
from .authorship import figures
from .blobs import Blobs
from .events import AnyEvent, StudioError, blobs_of, from_json, to_json
from .state import fold

Recorded = tuple[dict[int, AnyEvent], dict[str, Any]]  # events by number, versions

FORMAT = 1
MAX_MEMBER = 256 * 2**20  # bytes of one blob, or of all events
MAX_TOTAL = 8 * 2**30
BLOB = re.compile(r"blobs/([0-9a-f]{64})")
NAMES = ("numpy", "pillow", "torch")  # the packages whose version may change a pixel


def versions() -> dict[str, Any]:
    """What a result may depend on besides its brief, its models and its device."""
    packages = {name: metadata.version(name).partition("+")[0] for name in NAMES}
    return {"format": FORMAT, "duet": __version__, "python": platform.python_version(), **packages}


def write(file: Path, events: Mapping[int, AnyEvent], blobs: Blobs) -> Path:
    """Writes the archive whole or not at all, and the same bytes for the same session and versions."""
    lines = "".join(f'{{"number": {number}, "event": {to_json(events[number])}}}\n' for number in sorted(events))
    part: str | None = None
    try:
        handle, part = tempfile.mkstemp(suffix=".part", dir=file.parent)
        with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w") as archive:
            _add(archive, "versions.json", json.dumps(versions(), indent=1).encode())
            _add(archive, "events.jsonl", lines.encode())
            if (state := fold(events)).writing:
                _add(archive, "authorship.json", json.dumps(figures(state), indent=1).encode())
            for sha in sorted(blobs_of(events.values())):
                _add(archive, f"blobs/{sha}", blobs.read(sha))
        os.replace(part, file)
    except OSError as error:
        raise StudioError(
            "The archive could not be written: {why}.",
            "Free some space or choose another place, then try again.",
            why=error.strerror or str(error),
        ) from error
    finally:
        if part:
            Path(part).unlink(missing_ok=True)
    return file


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name)  # dated 1980, so that the same session gives the same bytes
    packed = zipfile.ZIP_STORED if name.startswith("blobs/") else zipfile.ZIP_DEFLATED  # pictures are packed already
    archive.writestr(entry, data, packed)


def read(file: Path, blobs: Blobs) -> Recorded:
    """The archive's events and versions; its blobs go into `blobs`. Raises `StudioError` where anything in it is wrong."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = {entry.filename: entry for entry in archive.infolist()}
            _check_sizes(file, members)
            found = json.loads(archive.read("versions.json"))
            events = _events(archive.read("events.jsonl").decode())
            if found["format"] > FORMAT:
                raise StudioError("{name} was written by a newer Duet.", "Update Duet and try again.", name=file.name)
            for name in members:
                if match := BLOB.fullmatch(name):
                    _take(archive.read(name), match[1], blobs)
    except UserError:
        raise
    except FileNotFoundError:
        raise StudioError("There is no file {name}.", "Check the path.", name=str(file)) from None
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise _broken(file, str(error)) from error
    missing = sorted(sha for sha in blobs_of(events.values()) if sha not in blobs)
    if missing:
        raise _broken(file, f"blob {missing[0][:12]} is missing")
    return events, found


def _events(text: str) -> dict[int, AnyEvent]:
    try:
        rows = [json.loads(line) for line in text.splitlines()]
        return {int(row["number"]): from_json(json.dumps(row["event"])) for row in rows}
    except ValidationError as error:
        raise ValueError(f"an event is malformed ({error.errors()[0]['msg']})") from None


def _check_sizes(file: Path, members: Mapping[str, zipfile.ZipInfo]) -> None:
    """Declared sizes are honest enough: zipfile stops reading a member at its declared size."""
    sizes = [entry.file_size for entry in members.values()]
    if max(sizes, default=0) > MAX_MEMBER or sum(sizes) > MAX_TOTAL:
        raise _broken(file, "it unpacks to more than any session")


def _take(data: bytes, sha: str, blobs: Blobs) -> None:
    if hashlib.sha256(data).hexdigest() != sha:
        raise ValueError(f"blob {sha[:12]} was altered")
    blobs.put(data)


def _broken(file: Path, why: str) -> StudioError:
    return StudioError(
        "{name} is not a whole session archive: {why}.", "Export the session again.", name=file.name, why=why
    )
