"""LoRA adapters as plain tensors: read from peft's files or from one blob, held against a model, applied with a weight for each row.

A layer's output gains `weight * scale * B(A x)` (Hu et al. 2021, "LoRA", equation 3), so that any number of adapters, each as strong as
one likes, can be at work in the same batch; nothing is merged into the model's own weights.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor, nn

from ..errors import EngineError

CONFIG, WEIGHTS, FACTS = "adapter_config.json", "adapter_model.safetensors", "training.json"
BLOB_KEY = "duet"  # the one key of a blob's metadata: several would come in any order
MOST_BYTES = 2**30
NAME = re.compile(r"base_model\.model\.(.+)\.lora_([AB])\.weight")


class LowRank(NamedTuple):
    """What one layer gains."""

    a: Tensor  # (r, in), float32
    b: Tensor  # (out, r), float32
    scale: float


@dataclass(frozen=True)
class Adapter:
    """`layers` by the module's name in the model, as `model.layers.3.self_attn.q_proj`; `facts` are those of `training.json`."""

    layers: Mapping[str, LowRank]
    config: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


# ── Reading and packing ──────────────────────────────────────────────────────────────────────────────────────────────


def load(source: Path | bytes) -> Adapter:
    """The adapter of a folder as peft writes it, of one packed file, or of that file's bytes.

    Raises `EngineError` where there is none, where it is damaged, and where it is of a kind that is more than plain LoRA.
    """
    if isinstance(source, bytes):
        return _unpacked(source, "")
    try:
        if not source.is_dir():
            return _unpacked(_read(source), source.name)
        config = json.loads(_read(source / CONFIG))
        facts = json.loads(_read(source / FACTS)) if (source / FACTS).is_file() else {}
        return _adapter(tensors_of(_read(source / WEIGHTS)), config, facts, source.name)
    except OSError as error:
        raise EngineError(
            "No adapter can be read at {path}: {why}.",
            "Name the folder that studio train lora wrote.",
            path=str(source),
            why=error.strerror or str(error),
        ) from error
    except (ValueError, SafetensorError, RecursionError) as error:
        raise _damaged(source.name) from error


def pack(folder: Path) -> bytes:
    """The adapter of a folder as one safetensors file, its config and facts in the metadata. The same folder gives the same bytes."""
    found = load(folder)
    about = json.dumps({"config": found.config, "facts": found.facts}, sort_keys=True, ensure_ascii=False)
    return bytes_of(named(found.layers), {BLOB_KEY: about})


def named(layers: Mapping[str, LowRank]) -> dict[str, Tensor]:
    """The tensors under the names that peft gives them in a file."""
    found = {}
    for name, layer in layers.items():
        found[f"base_model.model.{name}.lora_A.weight"] = layer.a.contiguous()
        found[f"base_model.model.{name}.lora_B.weight"] = layer.b.contiguous()
    return found


def _read(file: Path) -> bytes:
    if file.stat().st_size > MOST_BYTES:
        raise EngineError("{name} is too large for an adapter.", "Name another file.", name=file.name)
    return file.read_bytes()


def _unpacked(data: bytes, name: str) -> Adapter:
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header["__metadata__"][BLOB_KEY])
        return _adapter(tensors_of(data), about["config"], about["facts"], name)
    except (ValueError, KeyError, TypeError, SafetensorError, RecursionError) as error:
        raise _damaged(name) from error


def _adapter(tensors: Mapping[str, Tensor], config: Any, facts: Any, name: str) -> Adapter:
    if not isinstance(config, dict) or not isinstance(facts, dict):
        raise _damaged(name)
    if config.get("peft_type") != "LORA" or any(
        config.get(key) for key in ("use_dora", "lora_bias", "modules_to_save")
    ):
        raise EngineError("The adapter {name} is of a kind that is not known here.", "Plain LoRA is.", name=name)
    halves: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        found = NAME.fullmatch(key)
        if not found:
            raise EngineError("The adapter {name} is of a kind that is not known here.", "Plain LoRA is.", name=name)
        halves.setdefault(found[1], {})[found[2]] = tensor.float()
    layers = {}
    for module in sorted(halves, key=_in_order):
        a, b = halves[module].get("A"), halves[module].get("B")
        if a is None or b is None or a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
            raise _damaged(name)
        if not bool(torch.isfinite(a).all() and torch.isfinite(b).all()):
            raise _damaged(name)
        layers[module] = LowRank(a, b, _scale(config, module, a.shape[0], name))
    if not layers:
        raise _damaged(name)
    return Adapter(layers, config, facts)


def _in_order(module: str) -> list[tuple[int, str]]:
    """Layer 10 after layer 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in module.split(".")]


def _scale(config: Mapping[str, Any], module: str, rank: int, name: str) -> float:
    """alpha / r, or alpha / sqrt(r) (Kalajdzievski 2023, "rsLoRA"); peft lets both differ by module, as patterns say."""
    alpha = config.get("lora_alpha")
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            alpha = value
            break
    if not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise _damaged(name)
    return float(alpha / (math.sqrt(rank) if config.get("use_rslora") else rank))


def _damaged(name: str) -> EngineError:
    return EngineError("The adapter {name} is damaged, or none at all.", "Train it again, or name another.", name=name)


# ── Use ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def shapes(model: nn.Module) -> dict[str, tuple[int, int]]:
    """(out, in) of every linear layer by name; transformers keeps those of GPT-2 the other way round."""
    from transformers.pytorch_utils import Conv1D

    found = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | Conv1D):
            out, into = module.weight.shape if isinstance(module, nn.Linear) else module.weight.shape[::-1]
            found[name] = (int(out), int(into))
    return found


def check(adapter: Adapter, model: Mapping[str, tuple[int, int]]) -> Adapter:
    """The adapter, where it fits a model of these `shapes`. Else `EngineError` that names the first layer that does not."""
    for name, layer in adapter.layers.items():
        if model.get(name) != (layer.b.shape[0], layer.a.shape[1]):
            base = adapter.facts.get("base") or {}
            raise EngineError(
                "This adapter was trained for another model ({base}): it does not fit at {layer}.",
                "Choose that model, or train one for this.",
                base=str(base.get("name", "?")) if isinstance(base, dict) else "?",
                layer=name,
            )
    return adapter


@dataclass
class Applied:
    """Adapters at work in a model. `weights` (adapters, N) may be set anew at any time, as when rows of the batch have ended."""

    weights: Tensor

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows of the batch are left, in this order."""
        self.weights = self.weights[:, list(rows)]


@contextmanager
def applied(model: nn.Module, adapters: Sequence[Adapter], weights: Tensor) -> Iterator[Applied]:
    """While this is open, each adapter adds its part to the model's layers: row n as much as `weights` (adapters, N) says.

    Works on any model of linear layers that `check` lets pass; the part is computed in float32, as peft does.
    """
    fitting, modules = shapes(model), dict(model.named_modules())
    for adapter in adapters:
        check(adapter, fitting)
    at_work = Applied(weights.float())
    handles = []
    try:
        for name in {name: None for adapter in adapters for name in adapter.layers}:
            parts = [(at, each.layers[name]) for at, each in enumerate(adapters) if name in each.layers]
            handles.append(modules[name].register_forward_hook(_hook(at_work, parts)))
        yield at_work
    finally:
        for handle in handles:
            handle.remove()


def _hook(at_work: Applied, parts: Sequence[tuple[int, LowRank]]) -> Any:
    def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x = inputs[0].float()  # (N, T, in)
        total = output.float()
        for at, (a, b, scale) in parts:
            weight = at_work.weights[at].to(x.device)[:, None, None]  # (N, 1, 1)
            total = total + weight * (scale * (x @ a.to(x.device).T @ b.to(x.device).T))
        return total.to(output.dtype)

    return add
