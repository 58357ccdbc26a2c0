"""A style's training that is not finished, beside the file that it will write: safetensors, whole or not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as bytes_of
from torch import Tensor, nn
from torch.optim import Optimizer

from ..api import EngineError, Pixels
from ..device import Choice
from .kinds import KEY
from .plan import NetworkPlan, Plan
from .stylefile import write as write_file

MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # of Adam
STYLE = ("weights", "good", *MOMENTS)  # what there is of a style
ROW = ("row", "good", *MOMENTS)  # what there is of a style for the bank
Log = TypeVar("Log")


def marked(network: str, picture: Pixels, contents: Sequence[Pixels], plan: Plan, choice: Choice) -> str:
    """Tells one training from another: only the same may be gone on with. `network` is the SHA-256 of the bank's."""
    digest = hashlib.sha256()
    for pixels in (picture, *contents):
        digest.update(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())
    asked = asdict(plan)
    if isinstance(plan, NetworkPlan):  # sittings may be of any length
        del asked["minutes"], asked["steps"]
    facts = [network, asked, digest.hexdigest(), choice.device, choice.dtype]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def place(out: Path) -> Path:
    """Where a training for `out` is kept that was stopped."""
    return out.with_name(f"{out.name.removesuffix('.safetensors')}.unfinished")


def write(out: Path, mark: str, log: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raises `EngineError` where it cannot be written."""
    packed = {key: value.cpu().contiguous() for key, value in tensors.items()}
    write_file(place(out), bytes_of(packed, {KEY: json.dumps({"mark": mark, "log": log})}))


def log_of(out: Path) -> dict[str, Any] | None:
    """What is known of the style's training that was kept for `out`, whatever it was begun with; None where there is none. Raises as
    `read`."""
    return _opened(place(out), STYLE)[1]["log"] if place(out).is_file() else None


def read(
    out: Path, mark: str, log: Callable[..., Log], names: Collection[str] = STYLE
) -> tuple[dict[str, Tensor], Log] | None:
    """The tensors of these names and the log that were kept of this training, None where there are none. Raises `EngineError` where they
    are of another, or damaged."""
    file = place(out)
    if not file.is_file():
        return None
    tensors, about = _opened(file, names)
    if about["mark"] != mark:
        raise EngineError(
            "An unfinished training of other pictures or settings is in {path}.",
            "Go on with the same, or delete that file to begin again.",
            path=str(file),
        )
    try:
        return tensors, log(**about["log"])
    except TypeError as error:
        raise _damaged(file) from error


def _opened(file: Path, names: Collection[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of these names, and the mark and the log as JSON values."""
    try:
        with safe_open(file, "pt") as opened:
            about = json.loads(opened.metadata()[KEY])
        tensors = load_file(file)
        if {*tensors} != {*names} or not {"mark", "log"} <= {*about} or not isinstance(about["log"], dict):
            raise KeyError("weights")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _damaged(file) from error
    return tensors, about


def _damaged(file: Path) -> EngineError:
    return EngineError("The unfinished training {path} is damaged.", "Delete it, then begin again.", path=str(file))


def parts(optimizer: Optimizer) -> list[nn.Parameter]:
    """What it moves, in the order of its groups."""
    return [part for group in optimizer.param_groups for part in group["params"]]


def part_of(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Those of a name's own, by what comes after it."""
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
