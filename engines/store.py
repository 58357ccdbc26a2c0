"""The model store: fetches, verifies, converts and hands out weights. One entry of `models.toml` a model.

A model is a folder of converted files with a `manifest.json` that holds the SHA-256 of each. It is built beside its place and
renamed into it, so it is there whole or not at all. No torch here until tensors are asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock
from platformdirs import user_data_path

from . import hub
from .errors import EngineError
from .fetching import Report as Report
from .fetching import fetch, file_sha256

if TYPE_CHECKING:
    import torch

State = Literal["missing", "ok", "damaged"]

MANIFEST = "manifest.json"
PREPARING = "Preparing the model, once"  # what is told while it is converted


def home() -> Path:
    """The studio's data: `STUDIO_HOME`, `/data` on a Space that has one, or the platform's folder for user data."""
    if "STUDIO_HOME" in os.environ:
        return Path(os.environ["STUDIO_HOME"]).expanduser().absolute()
    if os.environ.get("SPACE_ID") and os.access("/data", os.W_OK):
        return Path("/data")
    return user_data_path("duet", appauthor=False)


def models_folder() -> Path:
    """Where models live: `STUDIO_MODELS`, or `models` in the studio's home."""
    moved = os.environ.get("STUDIO_MODELS")
    return Path(moved).expanduser().absolute() if moved else home() / "models"


@dataclass(frozen=True)
class Entry:
    """One model as `models.toml` describes it. Exactly one of `wheel`, `hub` and `file` says where it comes from.

    `wheel`: package, version, size (bytes) and sha256, and `tags` (platform, Python, its ABI) where it is one of several.
    `hub`: repo, revision and files (name -> sha256). `file`: path and sha256.
    A language model of a hub that was asked for by name has a `hub` of its `repo` alone: it is fetched as it is by then.
    """

    name: str
    title: str
    use: dict[str, str]  # language -> what it is for
    license: str
    credit: str
    convert: str
    members: tuple[str, ...] = ()  # files of the wheel, folders with a slash at the end
    keep: tuple[str, ...] = ()
    writes: bool = False  # whether it is a language model that goes on with a text
    wheel: dict[str, Any] | None = None
    hub: dict[str, Any] | None = None
    file: dict[str, Any] | None = None

    @property
    def size(self) -> int:
        """Bytes to fetch, 0 where nobody knows."""
        return int((self.wheel or self.hub or self.file or {}).get("size", 0))

    @property
    def folder(self) -> str:
        """Its folder's name in the folder of models."""
        return self.name.replace("/", "--")


@cache
def _read_entries(path: Path) -> dict[str, Entry]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    found = {}
    for name, table in tables.items():
        facts: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
        }
        found[name] = Entry(name=name, **facts)
    return found


def entries() -> dict[str, Entry]:
    """Every model by name."""
    return _read_entries(Path(__file__).with_name("models.toml"))


def entry(name: str) -> Entry:
    """The model of this name; `owner/name` is one of a hub. Raises `EngineError` where it can be neither."""
    known = entries()
    if name not in known and hub.is_name(name):
        return _of_a_hub(name)
    if name not in known:
        raise EngineError("Unknown model {value!r}.", "Known: {allowed}.", value=name, allowed=", ".join(known))
    return known[name]


def fetched() -> list[Entry]:
    """The models of a hub that are here."""
    return [_of_a_hub(name) for place in sorted(models_folder().glob("[!.]*--*")) if present(name := named(place))]


def named(place: Path) -> str:
    """The name of the model in a folder of the store."""
    return place.name.replace("--", "/", 1)


def _of_a_hub(name: str) -> Entry:
    """A model that was asked for by its name on a hub, as its manifest says where it is here."""
    owner, _, title = name.partition("/")
    place = models_folder() / name.replace("/", "--") / MANIFEST
    about: dict[str, Any] = _manifest(place.parent, name) if place.is_file() else {"files": {}, "license": "?"}
    size = sum(facts["size"] for facts in about["files"].values())
    use = {"en": f"A language model of a hub, by {owner}.", "zh": f"模型库中的语言模型，作者 {owner}。"}
    source = {"repo": name, "size": size}
    return Entry(name, title, use, str(about["license"]), owner, convert="", writes=True, hub=source)


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def present(name: str) -> bool:
    """Whether the model is there, without reading it whole."""
    return (models_folder() / entry(name).folder / MANIFEST).is_file()


def path(name: str) -> Path:
    """The folder of the converted model. Raises `EngineError` where it is missing, with the command that fetches it."""
    folder = models_folder() / entry(name).folder
    if not (folder / MANIFEST).is_file():
        raise EngineError(
            "The model {name} is not here yet.", "Fetch it while online: studio models pull {name}", name=name
        )
    return folder


def problems(name: str) -> list[str]:
    """What is wrong with a model that is there: files that are missing, torn or altered, by name."""
    folder = path(name)
    try:
        files = _manifest(folder, name)["files"]
    except EngineError:
        return [f"{MANIFEST} was altered"]
    found = []
    for file, facts in files.items():
        place = folder / file
        if not place.is_file():
            found.append(f"{file} is missing")
        elif place.stat().st_size != facts["size"]:
            found.append(f"{file} is torn: {place.stat().st_size} of {facts['size']} bytes")
        elif file_sha256(place) != facts["sha256"]:
            found.append(f"{file} was altered")
    return found


def state(name: str) -> State:
    if not present(name):
        return "missing"
    return "damaged" if problems(name) else "ok"


def sha256(name: str) -> str:
    """One digest for the whole model: that of its manifest's list of files."""
    files = _manifest(path(name), name)["files"]
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def tensors(name: str, file: str = "model.safetensors") -> dict[str, torch.Tensor]:
    """The tensors of one converted file, on the CPU. Raises `EngineError` where the file is missing, torn or altered."""
    from safetensors.torch import load_file

    folder = path(name)
    facts = _manifest(folder, name)["files"].get(file)
    place = folder / file
    if facts is None or not place.is_file() or file_sha256(place) != facts["sha256"]:
        raise EngineError(
            "{file} of the model {name} is missing or damaged.",
            "Fetch it again: studio models pull {name}",
            file=file,
            name=name,
        )
    return load_file(place)


def original(name: str, file: str) -> Path:
    """A member as it came (the entry's `keep`), for tests and benchmarks that compare with it."""
    return path(name) / "original" / file


@contextmanager
def source(name: str) -> Iterator[Path]:
    """The members as they came, fetched anew into a folder that is gone afterwards: for peers that read what we convert."""
    with tempfile.TemporaryDirectory(prefix="duet-") as scratch:
        fetch(entry(name), Path(scratch), lambda done, total, message: None)
        yield Path(scratch) / "members"


def _manifest(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        found["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise EngineError(
            "{file} of the model {name} is missing or damaged.",
            "Fetch it again: studio models pull {name}",
            file=MANIFEST,
            name=name,
        ) from None
    return dict(found)


# ── Fetching ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def ensure(names: Iterable[str], report: Report | None = None) -> None:
    """Fetches those of the models that are not there yet."""
    for name in names:
        if not present(name):
            pull(name, report)


def pull(name: str, report: Report | None = None) -> Path:
    """Fetches, verifies and converts a model; one that is there and whole is left alone.

    Raises `EngineError` where it cannot be fetched or kept; then nothing of it stays behind.
    """
    wanted, tell = entry(name), report or (lambda done, total, message: None)
    target = models_folder() / wanted.folder
    if state(name) == "ok":  # asked before anything is written: a shared folder may be read-only
        return target
    with _writing(name), _locked(wanted.folder):
        if state(name) == "ok":
            return target
        _sweep(wanted.folder)
        if wanted.hub and "files" not in wanted.hub:
            _pull_as_it_is(wanted, target, tell)
            return target
        with tempfile.TemporaryDirectory(prefix=f".{name}-", suffix=".part", dir=models_folder()) as scratch:
            source, made = Path(scratch) / "source", Path(scratch) / "made"
            source.mkdir()
            made.mkdir()
            fetch(wanted, source, tell)
            tell(wanted.size, wanted.size, PREPARING)
            _convert(wanted, source, made)
            _swap(made, target)
    tell(wanted.size, wanted.size, wanted.title)
    return target


def _pull_as_it_is(wanted: Entry, target: Path, tell: Report) -> None:
    """A repository of a hub. What was fetched of it stays where that is stopped, for the next time."""
    part = models_folder() / f".{target.name}.hub"
    made, about = hub.fetch(wanted.name, part, tell)
    _seal(made, {"name": wanted.name, "license": about["license"], "credit": wanted.credit, "hub": about})
    _swap(made, target)
    shutil.rmtree(part)


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Two processes that pull the same model: the second waits, and then finds it done."""
    models_folder().mkdir(parents=True, exist_ok=True)
    with FileLock(models_folder() / f".{name}.lock"):
        yield


def _sweep(name: str) -> None:
    """Deletes what pulls left behind that were killed. The lock is held, so nobody is at work there."""
    for part in models_folder().glob(f".{name}-????????.part"):
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _writing(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EngineError(
            "The model {name} could not be kept: {why}.",
            "Make room or choose another folder with STUDIO_MODELS, then: studio models pull {name}",
            name=name,
            why=error.strerror or str(error),
        ) from error


def _convert(wanted: Entry, source: Path, made: Path) -> None:
    from .convert import CONVERTERS

    CONVERTERS[wanted.convert](source, made)
    for member in wanted.keep:
        (made / "original").mkdir(exist_ok=True)
        shutil.copyfile(source / "members" / member, made / "original" / Path(member).name)
    _seal(made, {"name": wanted.name, "license": wanted.license, "credit": wanted.credit})


def _seal(made: Path, about: dict[str, Any]) -> None:
    """Writes the manifest of a finished folder."""
    files = {
        place.relative_to(made).as_posix(): {"sha256": file_sha256(place), "size": place.stat().st_size}
        for place in sorted(made.rglob("*"))
        if place.is_file()
    }
    (made / MANIFEST).write_text(json.dumps({**about, "files": files}, indent=1, ensure_ascii=False), encoding="utf-8")


def _swap(made: Path, target: Path) -> None:
    """Puts the finished folder in its place; what was there goes only after."""
    for place in made.rglob("*"):
        if place.is_file():
            with place.open("rb+") as file:
                os.fsync(file.fileno())
    old = made.with_name("old")
    if target.exists():
        os.replace(target, old)
    os.replace(made, target)
