"""A translator as one file: its networks in half precision, the names of its domains, and what is known of its training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of

from ..errors import EngineError
from . import stylefile
from .stylefile import KEY
from .translator import Networks, Shape

SUFFIX = ".translator.safetensors"
VERSION = 1  # of the file
MOST_BYTES = 2**26


@dataclass(frozen=True)
class Translator:
    name: str
    domains: Sequence[str]
    shape: Shape
    networks: Networks
    facts: Mapping[str, Any] = field(default_factory=dict)


def pack(translator: Translator) -> bytes:
    """The file's bytes. The same translator gives the same bytes."""
    tensors = {name: value.detach().half().cpu().contiguous() for name, value in translator.networks.state_dict().items()}
    about = {
        "version": VERSION,
        "name": translator.name,
        "domains": [*translator.domains],
        "shape": asdict(translator.shape),
        "facts": translator.facts,
    }
    return bytes_of(tensors, {KEY: json.dumps(about, sort_keys=True, ensure_ascii=False)})


def write(out: Path, translator: Translator) -> None:
    """Raises `EngineError` where it cannot be written."""
    stylefile.write(out, pack(translator))
