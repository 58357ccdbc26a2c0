"""Files that programs fetch through Gradio. They lie in its cache, for it serves nothing else: a folder each session, gone with it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from .events import StudioError


class Downloads:
    """The downloads of the studio that lives in `home`. Studios of other homes may share the cache."""

    def __init__(self, home: Path) -> None:
        cache = os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()).resolve() / "gradio"
        self.root = Path(cache) / "duet" / _digest(str(home.resolve()))

    def folder(self, session: str) -> Path:
        """The session's folder, made if need be. Nobody else on this machine may look into it."""
        place = self._place(session)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    def put(self, session: str, name: str, data: bytes) -> Path:
        """Writes a file whole, even while somebody fetches the one that was there before."""
        place = self.folder(session) / name
        handle, part = tempfile.mkstemp(suffix=".part", dir=place.parent)
        try:
            with open(handle, "wb") as file:
                file.write(data)
            os.replace(part, place)
        except OSError as error:
            Path(part).unlink(missing_ok=True)
            raise StudioError(
                "{path} cannot be written: {why}.",
                "Free some space or choose another place, then try again.",
                path=place,
                why=error.strerror or str(error),
            ) from error
        return place

    def forget(self, session: str) -> None:
        shutil.rmtree(self._place(session), ignore_errors=True)

    def clear(self) -> None:
        """Deletes what is left of every session; for the process that serves them, when it begins and ends."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _place(self, session: str) -> Path:
        return self.root / _digest(session)  # the id itself is the key to the session, and paths are passed on


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
