"""Files stored under the SHA-256 of what is in them: the same content is kept once, and an altered file cannot go unseen."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from .events import StudioError

DIGEST = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A folder of blobs, two letters of the digest a subfolder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> str:
        """Stores the bytes and returns their digest. They are on disk, synced, when this returns."""
        sha = hashlib.sha256(data).hexdigest()
        target = self._place(sha)
        if target.is_file() and target.stat().st_size == len(data):
            return sha
        part: str | None = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(suffix=".part", dir=target.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
            _sync_folder(target.parent)
        except OSError as error:
            if part:
                Path(part).unlink(missing_ok=True)
            raise StudioError(
                "The file could not be kept: {why}.",
                "Free some space or check that {folder} can be written, then try again. What was there is unharmed.",
                why=error.strerror or str(error),
                folder=str(self.root),
            ) from error
        return sha

    def path(self, sha: str) -> Path:
        """The blob's file. Raises `StudioError` where there is none."""
        if not DIGEST.fullmatch(sha):
            raise StudioError("{value!r} is not the name of a stored file.", "Names are 64 hex digits.", value=sha[:80])
        place = self._place(sha)
        if not place.is_file():
            raise StudioError(
                "The stored file {value} is missing.", "It may have been deleted with its session.", value=sha[:12]
            )
        return place

    def read(self, sha: str) -> bytes:
        """The blob's bytes, checked against its name."""
        data = self.path(sha).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha:
            raise StudioError(
                "The stored file {value} was altered.", "Upload it again, or run the round again.", value=sha[:12]
            )
        return data

    def remove(self, sha: str) -> None:
        self._place(sha).unlink(missing_ok=True)

    def __contains__(self, sha: str) -> bool:
        return bool(DIGEST.fullmatch(sha)) and self._place(sha).is_file()

    def _place(self, sha: str) -> Path:
        return self.root / sha[:2] / sha


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself durable, where the platform lets a folder be synced."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
