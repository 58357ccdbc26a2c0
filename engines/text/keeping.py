"""An adapter's files, written whole or not at all: peft's two and our facts; and, beside them, a training that is not finished."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from ..errors import EngineError
from .adapter import CONFIG, FACTS, WEIGHTS

KEY = "duet"


@dataclass(frozen=True)
class Unfinished:
    """A training between two steps."""

    mark: str  # of the base model, texts and settings: only the same may go on
    log: dict[str, Any]
    now: dict[str, Tensor]
    best: dict[str, Tensor]
    moments: dict[str, dict[str, Tensor]]  # "exp_avg", "exp_avg_sq" -> parameter -> tensor


def unfinished_file(out: Path) -> Path:
    """Where a training for `out` is kept that was stopped."""
    return out.with_name(f"{out.name}.unfinished")


def check(out: Path) -> None:
    """Raises `EngineError` where an adapter cannot be written to `out` without touching anything but an older adapter."""
    if not out.absolute().parent.is_dir():
        raise EngineError("There is no folder {name}.", "Make it first.", name=str(out.absolute().parent))
    if out.exists() and not out.is_dir():
        raise EngineError("{name} is not a folder.", "Choose another --out.", name=str(out))
    if out.is_dir() and any(out.iterdir()) and not (out / CONFIG).is_file():
        raise EngineError("{name} holds other things than an adapter.", "Choose another --out.", name=str(out))


def write(out: Path, tensors: Mapping[str, Tensor], config: Any, facts: Mapping[str, Any]) -> None:
    """Puts an adapter into its place in one move, and takes away what was kept of its training. `config` is peft's."""
    settings = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    settings |= {"base_model_name_or_path": facts["base"]["name"], "inference_mode": True}
    with (
        _writing(out),
        tempfile.TemporaryDirectory(prefix=f".{out.name}-", suffix=".part", dir=out.absolute().parent) as scratch,
    ):
        made, old = Path(scratch) / "made", Path(scratch) / "old"
        made.mkdir()
        (made / WEIGHTS).write_bytes(save(dict(tensors), {"format": "pt"}))
        for name, value in ((CONFIG, settings), (FACTS, facts)):
            (made / name).write_text(
                json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8"
            )
        for place in made.iterdir():
            with place.open("rb+") as file:
                os.fsync(file.fileno())
        if out.exists():
            os.replace(out, old)
        os.replace(made, out)
    unfinished_file(out).unlink(missing_ok=True)


def write_unfinished(out: Path, unfinished: Unfinished) -> None:
    parts = {"now": unfinished.now, "best": unfinished.best, **unfinished.moments}
    tensors = {f"{part} {name}": value for part, values in parts.items() for name, value in values.items()}
    place = unfinished_file(out)
    part = place.with_name(f".{place.name}.part")
    with _writing(out):
        try:
            save_file(tensors, part, {KEY: json.dumps({"mark": unfinished.mark, "log": unfinished.log})})
            os.replace(part, place)
        finally:
            part.unlink(missing_ok=True)


def read_unfinished(out: Path, mark: str) -> Unfinished | None:
    """What was kept of this training, None where there is nothing. Raises `EngineError` where it is of another, or damaged."""
    place = unfinished_file(out)
    if not place.is_file():
        return None
    try:
        with safe_open(place, "pt") as file:
            about = json.loads(file.metadata()[KEY])
        parts: dict[str, dict[str, Tensor]] = {}
        for key, value in load_file(place).items():
            part, _, name = key.partition(" ")
            parts.setdefault(part, {})[name] = value
        found = Unfinished(about["mark"], about["log"], parts.pop("now"), parts.pop("best"), parts)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _damaged(place) from error
    if found.mark != mark:
        raise EngineError(
            "An unfinished training of other texts, settings or another model is in {path}.",
            "Go on with the same, or delete that file to begin again.",
            path=str(place),
        )
    return found


def _damaged(place: Path) -> EngineError:
    return EngineError("The unfinished training {path} is damaged.", "Delete it, then begin again.", path=str(place))


def log_of(out: Path) -> dict[str, Any] | None:
    """How far an unfinished training for `out` is, as its log says; None where there is none. Raises `EngineError` where it is damaged."""
    place = unfinished_file(out)
    if not place.is_file():
        return None
    try:
        with safe_open(place, "pt") as file:
            found: dict[str, Any] = json.loads(file.metadata()[KEY])["log"]
            return found
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _damaged(place) from error


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise EngineError(
            "The adapter could not be written to {folder}: {why}.",
            "Make room or choose another folder; what was there before is as it was.",
            folder=str(out),
            why=getattr(error, "strerror", None) or str(error),
        ) from error
