"""A style of one's own as one small file: the scales and shifts of the bank's layers, a name, a thumbnail, and what network they fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

from ..errors import EngineError
from ..files import KEY, holds_tensors, is_pickle
from .arithmetic import Norm

SUFFIX = ".style.safetensors"
VERSION = 1  # of the file
THUMBNAIL = "thumbnail"
MOST_BYTES = 2**22


@dataclass(frozen=True)
class Style:
    """`row` in the order of the layers; `network` is the SHA-256 of the bank that it was trained with; `thumbnail` is a JPEG."""

    name: str
    row: Sequence[Norm]
    network: str
    thumbnail: bytes = b""
    facts: Mapping[str, Any] = field(default_factory=dict)


def pack(style: Style, layers: Sequence[str]) -> bytes:
    """The file's bytes. The same style gives the same bytes."""
    tensors = named(style.row, layers)
    if style.thumbnail:
        tensors[THUMBNAIL] = torch.frombuffer(bytearray(style.thumbnail), dtype=torch.uint8)
    about = {"version": VERSION, "name": style.name, "network": style.network, "facts": style.facts}
    return bytes_of(tensors, {KEY: json.dumps(about, sort_keys=True, ensure_ascii=False)})


def named(row: Sequence[Norm], layers: Sequence[str]) -> dict[str, Tensor]:
    """The row's tensors under the names that the bank's file gives them."""
    found = {}
    for layer, (gamma, beta) in zip(layers, row, strict=True):
        found[f"{layer}.norm.gamma"] = gamma.detach().float().cpu().contiguous()
        found[f"{layer}.norm.beta"] = beta.detach().float().cpu().contiguous()
    return found


def is_one(data: bytes) -> bool:
    """Whether it may be a file of tensors, rather than a picture: how it begins says so."""
    return holds_tensors(data) or is_pickle(data)


def load(data: bytes, layers: Sequence[str], widths: Sequence[int], network: str, name: str = "") -> Style:
    """The style of a file's bytes, held against the bank: its layers, their channels, and the SHA-256 of its weights.

    Raises `EngineError` where it is none, damaged, a format that may hold code, of another version, or of another network.
    """
    if is_pickle(data):
        raise EngineError(
            "{name} is a pickle, a format that may hold code. It is not opened.",
            "Styles are safetensors files, as studio train style writes them.",
            name=name or "The style file",
        )
    if len(data) > MOST_BYTES or not is_one(data):
        raise EngineError(
            "{name} is no style file.",
            "The bank paints in its own styles and in those that studio train style makes. With a picture as a style, choose "
            "style-codes, or train a style from it: studio train style PICTURE --out DIR",
            name=name or "What was given as a style",
        )
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header["__metadata__"][KEY])
        tensors = tensors_of(data)
        version, called, of, facts = (about[key] for key in ("version", "name", "network", "facts"))
    except (ValueError, KeyError, TypeError, SafetensorError, RecursionError) as error:
        raise damaged(name) from error
    if version != VERSION:
        raise EngineError(
            "The style {name} is a file of version {version}; this studio reads version {known}.",
            "Train it again, or use the studio that made it.",
            name=name or str(called),
            version=str(version),
            known=VERSION,
        )
    if of != network:
        raise EngineError(
            "The style {name} was trained for other weights of the bank.", "Train it again.", name=name or str(called)
        )
    row = _row(tensors, layers, widths, name)
    thumbnail = tensors.get(THUMBNAIL, torch.zeros(0, dtype=torch.uint8))
    if not isinstance(called, str) or not isinstance(facts, dict) or thumbnail.dtype != torch.uint8:
        raise damaged(name)
    return Style(called, row, network, thumbnail.numpy().tobytes(), facts)


def _row(tensors: Mapping[str, Tensor], layers: Sequence[str], widths: Sequence[int], name: str) -> list[Norm]:
    wanted = {f"{layer}.norm.{part}": width for layer, width in zip(layers, widths, strict=True) for part in PARTS}
    for key, width in wanted.items():
        found = tensors.get(key)
        if found is None or found.shape != (width,) or found.dtype != torch.float32 or not found.isfinite().all():
            raise damaged(name)
    if set(tensors) - set(wanted) - {THUMBNAIL}:
        raise damaged(name)
    return [(tensors[f"{layer}.norm.gamma"], tensors[f"{layer}.norm.beta"]) for layer in layers]


PARTS = ("gamma", "beta")


def damaged(name: str) -> EngineError:
    return EngineError(
        "The style {name} is damaged, or none at all.", "Train it again, or name another.", name=name or "file"
    )
