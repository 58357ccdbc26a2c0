"""Files stored under the SHA-256 of what is in them: the same content is kept once, and an altered file cannot go unseen."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from .events import StudioError

DIGEST = re.compile(r"[0-9a-f]{64}")
STALE = 24 * 3600  # seconds after which a half-written file has surely lost its writer


class Blobs:
    """A folder of blobs, two letters of the digest a subfolder. Files appear in it whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._swept = False

    def put(self, data: bytes) -> str:
        """Stores the bytes and returns their digest. They are on disk, synced, when this returns."""
        sha = hashlib.sha256(data).hexdigest()
        target = self._place(sha)
        with _told(self.root):
            if target.is_file() and target.read_bytes() == data:  # an altered file is mended instead
                return sha
            _make_folder(target.parent)
            _make_folder(self._parts)
            self._sweep()
            self._write(target, data)
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
        place = self.path(sha)
        try:
            data = place.read_bytes()
        except OSError as error:
            raise StudioError(
                "The stored file {value} cannot be read: {why}.",
                "Check the permissions of {folder} and its disk.",
                value=sha[:12],
                why=error.strerror or str(error),
                folder=str(self.root),
            ) from error
        if hashlib.sha256(data).hexdigest() != sha:
            raise StudioError(
                "The stored file {value} was altered.", "Upload it again, or run the round again.", value=sha[:12]
            )
        return data

    def remove(self, sha: str) -> None:
        """Deletes the blob, if it is there."""
        with _told(self.root):
            self._place(sha).unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held from storing a blob until the log says who uses it, and while unused ones are removed, in any process.

        Without it a session could store what is there already just before another one, being forgotten, takes it away.
        """
        held = FileLock(self.root.with_name(f"{self.root.name}.lock"))
        with _told(self.root):
            _make_folder(self.root.parent)
            held.acquire()
        try:
            yield
        finally:
            held.release()

    def __contains__(self, sha: str) -> bool:
        return bool(DIGEST.fullmatch(sha)) and self._place(sha).is_file()

    @property
    def _parts(self) -> Path:
        return self.root / "parts"

    def _place(self, sha: str) -> Path:
        return self.root / sha[:2] / sha

    def _write(self, target: Path, data: bytes) -> None:
        handle, part = tempfile.mkstemp(dir=self._parts)
        try:
            with open(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise
        _sync_folder(target.parent)

    def _sweep(self) -> None:
        """Deletes what processes left half-written that were killed, once."""
        if self._swept:
            return
        self._swept = True
        for part in self._parts.iterdir():
            with suppress(OSError):
                if part.stat().st_mtime < time.time() - STALE:
                    part.unlink()


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turns what the system says of a full or closed disk into one line."""
    try:
        yield
    except OSError as error:
        raise StudioError(
            "The file could not be kept: {why}.",
            "Free some space or check that {folder} can be written, then try again. What was there is unharmed.",
            why=error.strerror or str(error),
            folder=str(folder),
        ) from error


def _make_folder(folder: Path) -> None:
    """Makes the folder, and makes that durable."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Makes a new or renamed file in it durable, where the platform lets a folder be synced."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
