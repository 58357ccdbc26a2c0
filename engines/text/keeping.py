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

from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from .. import unfinished
from ..errors import EngineError
from .adapter import CONFIG, FACTS, WEIGHTS


@dataclass(frozen=True)
class Unfinished:
    """A training between two steps."""

    mark: str  # of the base model, texts and settings: only the same may go on
    log: dict[str, Any]
    now: dict[str, Tensor]
    best: dict[str, Tensor]
    moments: dict[str, dict[str, Tensor]]  # "exp_avg", "exp_avg_sq" -> parameter -> tensor


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
    unfinished.place(out).unlink(missing_ok=True)


def write_unfinished(out: Path, kept: Unfinished) -> None:
    """Raises `EngineError` where it cannot be written."""
    parts = {"now": kept.now, "best": kept.best, **kept.moments}
    tensors = {f"{part} {name}": value for part, values in parts.items() for name, value in values.items()}
    unfinished.write(out, kept.mark, kept.log, tensors)


def read_unfinished(out: Path, mark: str) -> Unfinished | None:
    """What was kept of this training, None where there is nothing. Raises `EngineError` where it is of another, or damaged."""
    found = unfinished.read(out, mark, dict[str, Any])
    if found is None:
        return None
    parts: dict[str, dict[str, Tensor]] = {"now": {}, "best": {}}
    for key, value in found[0].items():
        part, _, name = key.partition(" ")
        parts.setdefault(part, {})[name] = value
    if not parts["now"] or not parts["best"]:
        raise unfinished.damaged(unfinished.place(out))
    return Unfinished(mark, found[1], parts.pop("now"), parts.pop("best"), parts)


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
