"""A style of one's own as one small file, with a name, a thumbnail and facts: the scales and shifts of the bank's layers with what network
they fit, or a whole network."""

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
from ..files import KEY, is_pickle
from .arithmetic import Norm
from .kinds import ENGINES, NETWORK, ROW, SUFFIXES, about, is_trained, kind
from .network import Kernels

SUFFIX = SUFFIXES[ROW]
VERSION = 1  # of the file
THUMBNAIL = "thumbnail"
MOST_BYTES = 2**23
MOST_CHANNELS, MOST_BLOCKS = 512, 16


@dataclass(frozen=True)
class Style:
    """`row` in the order of the layers; `network` is the SHA-256 of the bank that it was trained with; `thumbnail` is a JPEG."""

    name: str
    row: Sequence[Norm]
    network: str
    thumbnail: bytes = b""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Own:
    """A style that has a whole network: `kernels` and the row that goes with them."""

    name: str
    kernels: Kernels
    row: Sequence[Norm]
    thumbnail: bytes = b""
    facts: Mapping[str, Any] = field(default_factory=dict)


# ── A row of the bank ────────────────────────────────────────────────────────────────────────────────────────────────


def pack(style: Style, layers: Sequence[str]) -> bytes:
    """The file's bytes. The same style gives the same bytes."""
    said = {"name": style.name, "network": style.network, "facts": style.facts}
    return packed(named(style.row, layers), style.thumbnail, said)


def named(row: Sequence[Norm], layers: Sequence[str]) -> dict[str, Tensor]:
    """The row's tensors under the names that the bank's file gives them."""
    found = {}
    for layer, (gamma, beta) in zip(layers, row, strict=True):
        found[f"{layer}.norm.gamma"] = gamma.detach().float().cpu().contiguous()
        found[f"{layer}.norm.beta"] = beta.detach().float().cpu().contiguous()
    return found


def load(data: bytes, layers: Sequence[str], widths: Sequence[int], network: str, name: str = "") -> Style:
    """The style of a file's bytes, held against the bank: its layers, their channels, and the SHA-256 of its weights.

    Raises `EngineError` where it is none, damaged, a format that may hold code, of another version, of another kind, or of another network.
    """
    tensors, said = opened(data, ROW, name)
    if said.get("network") != network:
        raise EngineError(
            "The style {name} was trained for other weights of the bank.", "Train it again.", name=name or said["name"]
        )
    row = row_of(tensors, layers, widths, name)
    if tensors:
        raise damaged(name)
    return Style(said["name"], row, network, said["thumbnail"], said["facts"])


def row_of(tensors: dict[str, Tensor], layers: Sequence[str], widths: Sequence[int], name: str) -> list[Norm]:
    """Takes the scales and shifts of all layers out of the tensors."""
    return [
        (
            taken(tensors, f"{layer}.norm.gamma", (width,), torch.float32, name),
            taken(tensors, f"{layer}.norm.beta", (width,), torch.float32, name),
        )
        for layer, width in zip(layers, widths, strict=True)
    ]


# ── A whole network ──────────────────────────────────────────────────────────────────────────────────────────────────


def pack_network(own: Own) -> bytes:
    """The file's bytes: convolutions in float16, half of what they would take, scales and shifts in float32."""
    layers = layers_of(len(own.kernels.residual))
    tensors = {
        f"{layer}.w": kernel.detach().half().cpu().contiguous()
        for layer, kernel in zip(layers, own.kernels.each(), strict=True)
    }
    said = {"kind": NETWORK, "name": own.name, "facts": own.facts}
    return packed(tensors | named(own.row, layers), own.thumbnail, said)


def load_network(data: bytes, name: str = "") -> Own:
    """The network of a file's bytes. Raises `EngineError` where it is none, damaged, a format that may hold code, of another version,
    or of another kind."""
    tensors, said = opened(data, NETWORK, name)
    blocks = sum(key.startswith("res.") and key.endswith(".0.w") for key in tensors)
    ends = [tensors.get(f"{part}.{at}.w", torch.empty(0)) for part in ("contract", "expand") for at in range(3)]
    widths = [kernel.shape[0] if kernel.ndim == 4 else 0 for kernel in ends]
    if not (1 <= blocks <= MOST_BLOCKS and all(1 <= width <= MOST_CHANNELS for width in widths) and widths[-1] == 3):
        raise damaged(name)
    outs = [*widths[:3], *[widths[2]] * (2 * blocks), *widths[3:]]
    layers = layers_of(blocks)
    kernels = []
    for at, (layer, out, into) in enumerate(zip(layers, outs, [3, *outs], strict=False)):
        side = 9 if at in (0, len(layers) - 1) else 3
        kernels.append(taken(tensors, f"{layer}.w", (out, into, side, side), torch.float16, name).float())
    row = row_of(tensors, layers, outs, name)
    if tensors:
        raise damaged(name)
    return Own(said["name"], Kernels.of(kernels), row, said["thumbnail"], said["facts"])


def layers_of(blocks: int) -> list[str]:
    """The layers of a network with so many residual blocks, as the bank's file names them."""
    residual = [f"res.{block}.{at}" for block in range(blocks) for at in range(2)]
    return [*(f"contract.{at}" for at in range(3)), *residual, *(f"expand.{at}" for at in range(3))]


# ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def packed(tensors: Mapping[str, Tensor], thumbnail: bytes, said: Mapping[str, Any]) -> bytes:
    look = {THUMBNAIL: torch.frombuffer(bytearray(thumbnail), dtype=torch.uint8)} if thumbnail else {}
    return bytes_of(
        {**tensors, **look}, {KEY: json.dumps({"version": VERSION, **said}, sort_keys=True, ensure_ascii=False)}
    )


def opened(data: bytes, wanted: str, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A file's tensors without the thumbnail, and what it says of itself, with that. Raises `EngineError` as `load` does."""
    refuse_foreign(data, name)
    try:
        said = about(data)
        tensors = tensors_of(data)
        version, called, facts = said["version"], said["name"], said["facts"]
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
    if (found := kind(data)) not in ENGINES:
        raise damaged(name)
    if found != wanted:
        raise EngineError(
            "The style {name} belongs to the engine {engine}.",
            "Leave the engine out, or choose that.",
            name=name or str(called),
            engine=ENGINES[found],
        )
    thumbnail = tensors.pop(THUMBNAIL, torch.zeros(0, dtype=torch.uint8))
    if not isinstance(called, str) or not isinstance(facts, dict) or thumbnail.dtype != torch.uint8:
        raise damaged(name)
    return tensors, {**said, "thumbnail": thumbnail.numpy().tobytes()}


def refuse_foreign(data: bytes, name: str) -> None:
    """Raises `EngineError` for pickles, pictures and whatever else is no file of tensors."""
    if is_pickle(data):
        raise EngineError(
            "{name} is a pickle, a format that may hold code. It is not opened.",
            "Styles are safetensors files, as studio train style writes them.",
            name=name or "The style file",
        )
    if len(data) > MOST_BYTES or not is_trained(data):
        raise EngineError(
            "{name} is no style file.",
            "The bank paints in its own styles and in those that studio train style makes. With a picture as a style, choose "
            "style-codes, or train a style from it: studio train style PICTURE --out DIR",
            name=name or "What was given as a style",
        )


def taken(tensors: dict[str, Tensor], key: str, shape: tuple[int, ...], dtype: torch.dtype, name: str) -> Tensor:
    """A tensor, which is none of the others then. Raises `EngineError` where it is missing, of another shape or type, or no number."""
    found = tensors.pop(key, None)
    if found is None or found.shape != shape or found.dtype != dtype or not found.isfinite().all():
        raise damaged(name)
    return found


def thumbnail(data: bytes) -> bytes:
    """The picture in a style's file, a JPEG that nobody has checked; nothing where there is none."""
    try:
        return tensors_of(data)[THUMBNAIL].numpy().tobytes()
    except (KeyError, SafetensorError):
        return b""


def damaged(name: str) -> EngineError:
    return EngineError(
        "The style {name} is damaged, or none at all.", "Train it again, or name another.", name=name or "file"
    )
