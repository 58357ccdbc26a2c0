"""A repository of a hub as it is: what lies in it, looked at before it is fetched, then fetched. Weights are safetensors or nothing.

`HF_ENDPOINT` names a mirror, `HF_TOKEN` opens what needs a permission; no code of a repository ever runs.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .errors import EngineError
from .fetching import Report, file_sha256
from .modelfiles import WANTED, Files, gigabytes

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before its client is imported, which else asks who uses it

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")  # owner/name
PATIENCE = 10.0  # seconds that a hub may take to answer
SMALL = 50 * 2**20  # bytes of a file that is read whole before anything is fetched


class UnreachableError(EngineError):
    """The hub does not answer, which is nobody's mistake."""


def is_name(name: str) -> bool:
    """Whether this can be the name of a repository, `owner/name`."""
    return NAME.fullmatch(name) is not None and ".." not in name and not name.endswith(".git")


@dataclass(frozen=True)
class Repository(Files):
    """What a hub says of a repository now."""

    revision: str  # its commit
    license: str
    sizes: dict[str, int]  # file -> bytes
    digests: dict[str, str]  # SHA-256 of those files for which the hub knows it

    def names(self) -> list[str]:
        return list(self.sizes)

    def size(self, file: str) -> int:
        return self.sizes[file]

    def read(self, file: str, count: int = SMALL) -> bytes:
        """The first `count` bytes of a file."""
        found = b""
        with _asking(self.name):
            for piece in self.stream(file, 0, count):
                found += piece
                if len(found) >= count:  # a server that does not know of ranges sends all of it
                    break
        return found[:count]

    def stream(self, file: str, start: int, count: int | None = None) -> Iterator[bytes]:
        """A file's bytes from a place on, `count` of them or all. Raises what the hub's client raises."""
        from huggingface_hub import get_session, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

        if start >= self.sizes[file]:
            return
        url = hf_hub_url(self.name, file, revision=self.revision, endpoint=_endpoint())
        last = "" if count is None else start + count - 1
        headers = {**build_hf_headers(), "Range": f"bytes={start}-{last}", "Accept-Encoding": "identity"}
        given: dict[str, Any] = {"headers": headers, "follow_redirects": True, "timeout": PATIENCE}
        with get_session().stream("GET", url, **given) as answer:
            hf_raise_for_status(answer)
            skip = 0 if answer.status_code == 206 else start
            for piece in answer.iter_bytes():
                yield piece[skip:]
                skip = max(0, skip - len(piece))

    @cached_property
    def total(self) -> int:
        """Bytes to fetch."""
        return sum(self.sizes[file] for file in self.wanted())

    def wanted(self) -> list[str]:
        """The files of a language model, without weights in other formats, and without a second copy of the same."""
        weights = self.weights()
        return [file for file in self.sizes if file in weights or WANTED.fullmatch(file)]


def repository(name: str) -> Repository:
    """What a hub knows of `owner/name`. Raises `EngineError` where it has none, and `UnreachableError` where it does not answer."""
    from huggingface_hub import HfApi

    with _asking(name):
        found = HfApi(endpoint=_endpoint()).model_info(name, files_metadata=True, timeout=PATIENCE)
    files = {each.rfilename: each for each in found.siblings or []}
    digests = {file: each.lfs.sha256 for file, each in files.items() if each.lfs}
    card: Any = found.card_data
    return Repository(
        name=name,
        revision=str(found.sha),
        license=str((card.get("license") if card else None) or "?"),
        sizes={file: each.size or 0 for file, each in files.items()},
        digests=digests,
    )


def fetch(name: str, folder: Path, tell: Report) -> tuple[Path, dict[str, Any]]:
    """The repository's files into a folder of `folder`; that, and what its manifest says of where they are from. Raises `EngineError`.

    What lies there already, from a fetch that was stopped, is not fetched again. An exception out of `tell` stops it.
    """
    found = repository(name)
    found.check()
    place = folder / found.revision
    for other in folder.iterdir() if folder.is_dir() else ():  # of an older revision
        if other != place:
            shutil.rmtree(other)
    _check_room(found, place)
    done = 0
    for file in found.wanted():

        def grown(size: int, before: int = done) -> None:
            tell(before + size, found.total, name)

        with _asking(name):
            _download(found, file, place / file, grown)
        if file in found.digests and file_sha256(place / file) != found.digests[file]:
            (place / file).unlink()
            raise EngineError(
                "{file} of the model {name} is not the file that was recorded (SHA-256 differs). It was not kept.",
                "Fetch it again, or report it.",
                file=file,
                name=name,
            )
        done += found.sizes[file]
    return place, {"repo": name, "revision": found.revision, "license": found.license}


def _download(found: Repository, file: str, target: Path, grown: Callable[[int], None]) -> None:
    """One file, from where it was stopped before. A line that breaks is taken up again for as long as it brings something."""
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    part = target.with_name(f"{target.name}.part")
    size = 0
    while not target.is_file():
        before = size
        try:
            with part.open("ab") as out:
                for piece in found.stream(file, out.tell()):
                    out.write(piece)
                    size = out.tell()
                    grown(size)
            os.replace(part, target)
        except HTTPError:
            if size == before:
                raise
    grown(found.sizes[file])


def _check_room(found: Repository, place: Path) -> None:
    """Raises `EngineError` where the disk has no room for what is not here yet."""
    place.mkdir(parents=True, exist_ok=True)
    here = sum(each.stat().st_size for each in place.rglob("*") if each.is_file())
    free = shutil.disk_usage(place).free
    if found.total - here > free:
        raise EngineError(
            "The model {name} takes {need} on the disk, and {have} are free.",
            "Make room, or choose another folder with STUDIO_MODELS.",
            name=found.name,
            need=gigabytes(found.total - here),
            have=gigabytes(free),
        )


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


@contextmanager
def _asking(name: str) -> Iterator[None]:
    """What a hub's client raises, in words."""
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        RepositoryNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise EngineError(
            "The model {name} is only given to those whom its owners let have it.",
            "Ask for it on its page, then set HF_TOKEN to a token of your account.",
            name=name,
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise EngineError(
            "The hub has no model {name}.",
            "Check its name; one that is private needs HF_TOKEN.",
            name=name,
        ) from error
    except EntryNotFoundError as error:
        raise EngineError(
            "The hub has the model {name} no longer as it was a moment ago.", "Fetch it again, or report it.", name=name
        ) from error
    except (HfHubHTTPError, HTTPError, OSError) as error:
        if not isinstance(error, HTTPError) and error.errno:  # of the disk, not of the hub
            raise
        raise _unreachable(name, error) from error


def _unreachable(name: str, error: Exception) -> UnreachableError:
    why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
    return UnreachableError(
        "The hub cannot be reached for the model {name}: {why}.",
        "Connect to the internet, or set HF_ENDPOINT to a mirror. Without either, name a folder in which the model lies: "
        "--text-model FOLDER",
        name=name,
        why=why,
    )
