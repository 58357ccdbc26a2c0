"""A training that is not finished, beside the file that it will write: safetensors, whole or not there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as bytes_of
from torch import Tensor, nn
from torch.optim import Optimizer

from .errors import EngineError
from .files import KEY, write_whole

MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # of Adam
Log = TypeVar("Log")
Event = TypeVar("Event")


class Stopped(Exception):
    """Leaves a network in the midst of a picture or a step, when somebody pressed Stop."""


def place(out: Path) -> Path:
    """Where a training for `out` is kept that was stopped: `dunes.style.unfinished` for `dunes.style.safetensors`."""
    return out.with_name(f"{out.name.removesuffix('.safetensors')}.unfinished")


def write(out: Path, mark: str, log: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raises `EngineError` where it cannot be written."""
    packed = {key: value.cpu().contiguous() for key, value in tensors.items()}
    write_whole(place(out), bytes_of(packed, {KEY: json.dumps({"mark": mark, "log": log})}))


def log_of(out: Path, names: Collection[str] | None = None) -> dict[str, Any] | None:
    """What is known of the training that was kept for `out`, whatever it was begun with; None where there is none. Raises as `read`."""
    file = place(out)
    return _opened(file, names)[1]["log"] if file.is_file() else None


def read(
    out: Path, mark: str, log: Callable[..., Log], names: Collection[str] | None = None
) -> tuple[dict[str, Tensor], Log] | None:
    """The tensors and the log that were kept of this training, None where there are none. Raises `EngineError` where they are of another,
    or damaged: `names` are those that the tensors must have, where it is known."""
    file = place(out)
    if not file.is_file():
        return None
    tensors, about = _opened(file, names)
    if about["mark"] != mark:
        raise EngineError(
            "An unfinished training of other texts, other pictures or settings is in {path}.",
            "Go on with the same, or delete that file to begin again.",
            path=str(file),
        )
    try:
        return tensors, log(**about["log"])
    except TypeError as error:
        raise damaged(file) from error


def rested(events: Iterator[Event], rest: Callable[[float], None]) -> Iterator[Event]:
    """The events of a training, which is told for how many seconds whoever hears them let it rest."""
    for event in events:
        began = time.perf_counter()
        yield event
        rest(time.perf_counter() - began)


def _opened(file: Path, names: Collection[str] | None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, and the mark and the log as JSON values."""
    try:
        with safe_open(file, "pt") as opened:
            about = json.loads(opened.metadata()[KEY])
        tensors = load_file(file)
        if not {"mark", "log"} <= {*about} or not isinstance(about["log"], dict):
            raise KeyError("log")
        if names is not None and {*tensors} != {*names}:
            raise KeyError("tensors")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise damaged(file) from error
    return tensors, about


def damaged(file: Path) -> EngineError:
    """What is told of a file that is not whole."""
    return EngineError("The unfinished training {path} is damaged.", "Delete it, then begin again.", path=str(file))


def parts(optimizer: Optimizer) -> list[nn.Parameter]:
    """What it moves, in the order of its groups."""
    return [part for group in optimizer.param_groups for part in group["params"]]


def part_of(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Those of a name's own, by what comes after it."""
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
