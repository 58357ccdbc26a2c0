"""A GAN as one file of safetensors: the averaged generator and the discriminator in half precision, its facts, a grid of samples."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor, nn

from ...api import EngineError, Pixels, check_options
from ...files import KEY, is_pickle, write_whole
from .plan import Plan

SUFFIX = ".gan.safetensors"
BASE = Path(__file__).parents[1] / f"icons{SUFFIX}"  # ours, that others begin with (`GAN.md`)
VERSION = 2  # of the file
THUMBNAIL = "thumbnail"
MOST_BYTES = 2**26
GENERATOR, DISCRIMINATOR = "generator.", "discriminator."  # how the names of their tensors begin


@dataclass(frozen=True)
class Gan:
    """What a file holds. `thumbnail` is a JPEG; `sha256` that of the whole file."""

    name: str
    plan: Plan
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]
    thumbnail: bytes
    sha256: str

    def into(self, generator: nn.Module, discriminator: nn.Module | None = None) -> None:
        """Puts the weights into networks; a larger size keeps its own outermost layers. Raises `EngineError` where they do not fit."""
        for part, prefix in ((generator, GENERATOR), (discriminator, DISCRIMINATOR)):
            if part is None:
                continue
            own = {name.removeprefix(prefix): each for name, each in self.tensors.items() if name.startswith(prefix)}
            try:
                found = part.load_state_dict(own, strict=False)
            except RuntimeError as error:  # of other shapes
                raise self._other() from error
            if found.unexpected_keys or len(found.missing_keys) > len(own):
                raise self._other()

    def _other(self) -> EngineError:
        return EngineError(
            "{name} was trained with the network {network} and the judge {judge}, at {size} pixels.",
            "Choose the same, and no smaller size.",
            name=self.name,
            network=self.plan.network,
            judge=self.plan.judge,
            size=self.plan.size,
        )


def samples_of(out: Path) -> Path:
    """Where the sample grids of a training for `out` are kept, by step."""
    return out.with_name(f"{out.name.removesuffix(SUFFIX)}.samples")


def write(
    file: Path,
    name: str,
    plan: Plan,
    generator: nn.Module,
    discriminator: nn.Module,
    samples: Pixels,
    facts: Mapping[str, Any],
) -> None:
    """Raises `EngineError` where it cannot be written."""
    parts = ((GENERATOR, generator), (DISCRIMINATOR, discriminator))
    tensors = {
        prefix + key: value.half().cpu().contiguous()
        for prefix, part in parts
        for key, value in part.state_dict().items()
    }
    look = io.BytesIO()
    Image.fromarray(samples).save(look, "JPEG", quality=85)
    tensors[THUMBNAIL] = torch.frombuffer(bytearray(look.getvalue()), dtype=torch.uint8)
    about = {"kind": "gan", "version": VERSION, "name": name, "facts": facts}
    write_whole(file, bytes_of(tensors, {KEY: json.dumps(about, sort_keys=True, ensure_ascii=False)}))


def load(data: bytes, name: str) -> Gan:
    """The GAN of a file's bytes. Raises `EngineError` where it is none, damaged, a format that may hold code, or of another version."""
    if is_pickle(data):
        raise EngineError(
            "{name} is a pickle, a format that may hold code. It is not opened.",
            "GANs are safetensors files, as studio train gan writes them.",
            name=name,
        )
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(len(data))
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header["__metadata__"][KEY])
        if about["kind"] != "gan":
            raise ValueError(about["kind"])
        version = about["version"]
        if version != VERSION:
            raise EngineError(
                "{name} is a GAN's file of version {version}; this studio reads version {known}.",
                "Train it again, or use the studio that made it.",
                name=name,
                version=str(version),
                known=VERSION,
            )
        plan = Plan(**check_options(Plan, about["facts"]["plan"]))
        tensors = tensors_of(data)
        thumbnail = tensors.pop(THUMBNAIL).numpy().tobytes()
        weights = {key: each.float() for key, each in tensors.items()}
        if not all(bool(each.isfinite().all()) for each in weights.values()):
            raise ValueError("not finite")
        called = str(about["name"])
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError, RecursionError) as error:
        raise EngineError(
            "{name} is damaged, or no GAN's file at all.", "Give a file that studio train gan wrote.", name=name
        ) from error
    return Gan(called, plan, weights, about["facts"], thumbnail, hashlib.sha256(data).hexdigest())


def base() -> Gan:
    """Our base."""
    return load(BASE.read_bytes(), BASE.name)
