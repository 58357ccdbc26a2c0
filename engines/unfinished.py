"""A training that is not finished, beside the file that it will write: safetensors, whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as bytes_of
from torch import Tensor

from .errors import EngineError
from .files import KEY, write_whole

MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # of Adam
Log = TypeVar("Log")


class Stopped(Exception):
    """Leaves a training in the midst of a step, when somebody pressed Stop."""


def place(out: Path) -> Path:
    """Where a training for `out` is kept that was stopped: `dunes.unfinished` for `dunes.style.safetensors`."""
    return out.with_suffix("").with_suffix(".unfinished")


def write(out: Path, mark: str, log: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raises `EngineError` where it cannot be written."""
    packed = {key: value.cpu().contiguous() for key, value in tensors.items()}
    write_whole(place(out), bytes_of(packed, {KEY: json.dumps({"mark": mark, "log": log})}))


def read(
    out: Path, mark: str, log: Callable[..., Log], names: set[str] | None = None
) -> tuple[dict[str, Tensor], Log] | None:
    """The tensors and the log that were kept of this training, None where there are none. Raises `EngineError` where they are of another,
    or damaged: `names` are those that the tensors must have, where it is known."""
    file = place(out)
    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as opened:
            about = json.loads(opened.metadata()[KEY])
        tensors, of, kept = load_file(file), about["mark"], log(**about["log"])
        if of == mark and names is not None and {*tensors} != names:
            raise KeyError(file.name)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise EngineError(
            "The unfinished training {path} is damaged.", "Delete it, then begin again.", path=str(file)
        ) from error
    if of != mark:
        raise EngineError(
            "An unfinished training of other pictures or settings is in {path}.",
            "Go on with the same, or delete that file to begin again.",
            path=str(file),
        )
    return tensors, kept
