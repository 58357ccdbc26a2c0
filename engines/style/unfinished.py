"""A style's training that is not finished, beside the file that it will write: safetensors, whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as bytes_of
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import EngineError
from .stylefile import KEY, SUFFIX
from .stylefile import write as write_file

MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # of Adam
ROW = ("row", "good", *MOMENTS)  # what there is of a style for the bank
Log = TypeVar("Log")


def place(out: Path) -> Path:
    """Where a training for `out` is kept that was stopped."""
    return out.with_name(f"{out.name.removesuffix(SUFFIX)}.unfinished")


def write(out: Path, mark: str, log: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raises `EngineError` where it cannot be written."""
    packed = {key: value.cpu().contiguous() for key, value in tensors.items()}
    write_file(place(out), bytes_of(packed, {KEY: json.dumps({"mark": mark, "log": log})}))


def read(
    out: Path, mark: str, log: Callable[..., Log], names: Collection[str] = ROW
) -> tuple[dict[str, Tensor], Log] | None:
    """The tensors of these names and the log that were kept of this training, None where there are none. Raises `EngineError` where they
    are of another, or damaged."""
    file = place(out)
    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as opened:
            about = json.loads(opened.metadata()[KEY])
        tensors, of, kept = load_file(file), about["mark"], log(**about["log"])
        if {*tensors} != {*names}:
            raise KeyError("tensors")
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


def parts(optimizer: Optimizer) -> list[nn.Parameter]:
    """What it moves, in the order of its groups."""
    return [part for group in optimizer.param_groups for part in group["params"]]


def part_of(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Those of a name's own, by what comes after it."""
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
