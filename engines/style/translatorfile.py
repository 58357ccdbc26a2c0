"""A translator as one file: its networks in half precision, the names of its hands, a picture of what it draws, and what is known of its
training.

A file may stand for one hand of several: such are what a training writes for briefs to name.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

from .. import device
from ..api import Pixels
from ..errors import EngineError
from ..files import KEY, holds_tensors, is_pickle, write_whole
from . import kinds
from .kinds import HAND
from .stylefile import THUMBNAIL
from .translator import MOST_DOMAINS, MOST_WIDTH, Networks, Shape

SUFFIX = kinds.SUFFIXES[HAND]
VERSION = 1  # of the file
MOST_BYTES = 2**26
QUALITY = 88  # of the picture, a JPEG


@dataclass(frozen=True)
class Translator:
    """`domains` are the names of its hands. `digest` tells its weights from others; `hand` is the one that a file stands for. `thumbnail`
    is a JPEG, empty in older files."""

    domains: Sequence[str]
    shape: Shape
    networks: Networks
    facts: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    hand: str = ""
    thumbnail: bytes = b""


def pack(translator: Translator) -> bytes:
    """The file's bytes. The same translator gives the same bytes."""
    tensors = {name: each.detach().half().cpu().contiguous() for name, each in translator.networks.state_dict().items()}
    if translator.thumbnail:
        tensors[THUMBNAIL] = torch.frombuffer(bytearray(translator.thumbnail), dtype=torch.uint8)
    about = {
        "version": VERSION,
        "kind": HAND,
        "domains": [*translator.domains],
        "hand": translator.hand,
        "shape": asdict(translator.shape),
        "facts": translator.facts,
    }
    return bytes_of(tensors, {KEY: json.dumps(about, sort_keys=True, ensure_ascii=False)})


def write(out: Path, translator: Translator, samples: Pixels) -> Path:
    """Writes the file of its hand, `out-HAND.translator.safetensors`, with a picture out of its `samples`: pictures in the first row, below
    them the same by each hand. Raises `EngineError` where it cannot be written."""
    translator = replace(
        translator, thumbnail=cut(samples, translator.domains.index(translator.hand), translator.shape)
    )
    place = out.with_name(f"{out.name}-{translator.hand}{SUFFIX}" if translator.hand else f"{out.name}{SUFFIX}")
    write_whole(place, pack(translator))
    return place


def cut(samples: Pixels, at: int, shape: Shape) -> bytes:
    """The first of the samples, (H, W, 3), in which the hand `at` draws what another hand drew, as a JPEG."""
    side, column = samples.shape[0] // (shape.domains + 1), (at + 1) % shape.domains
    top, left = side * (at + 1), side * column
    data = io.BytesIO()
    Image.fromarray(samples[top : top + side, left : left + side]).save(data, "JPEG", quality=QUALITY)
    return data.getvalue()


def load(data: bytes, name: str = "") -> Translator:
    """The translator of a file's bytes, ready to draw on the chosen device, in float32.

    Raises `EngineError` where it is none, damaged, a format that may hold code, or of another version.
    """
    name = name or "The translator"
    if is_pickle(data):
        raise EngineError(
            "{name} is a pickle, a format that may hold code. It is not opened.",
            "Translators are safetensors files, as studio train translator writes them.",
            name=name,
        )
    if len(data) > MOST_BYTES or not holds_tensors(data):
        raise EngineError(
            "{name} is no translator.", "Name a file that studio train translator wrote, or a picture.", name=name
        )
    try:
        about = kinds.about(data)
        version, hand, facts = (about[key] for key in ("version", "hand", "facts"))
        if version == VERSION:
            tensors, shape = tensors_of(data), checked(Shape(**about["shape"]))
            thumbnail = tensors.pop(THUMBNAIL).numpy().tobytes() if THUMBNAIL in tensors else b""
            domains = [str(each) for each in about["domains"]]
            if len(domains) != shape.domains or hand not in ("", *domains) or not isinstance(facts, dict):
                raise ValueError(hand)
            networks = built(shape, tensors)
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError, RecursionError) as error:
        raise EngineError(
            "{name} is damaged, or no translator.", "Train it again, or name another.", name=name
        ) from error
    if version != VERSION:
        raise EngineError(
            "{name} is a file of version {version}; this studio reads version {known}.",
            "Train it again, or use the studio that made it.",
            name=name,
            version=str(version),
            known=VERSION,
        )
    return Translator(domains, shape, networks, facts, digest(tensors), hand, thumbnail)


def checked(shape: Shape) -> Shape:
    """Raises `ValueError` where networks of a shape are not built."""
    if not 2 <= shape.domains <= MOST_DOMAINS or not 2 <= shape.width <= MOST_WIDTH:
        raise ValueError(shape)
    return shape


def built(shape: Shape, tensors: Mapping[str, Tensor]) -> Networks:
    """Networks with these weights. Raises `RuntimeError` or `ValueError` where they do not fit."""
    if not all(bool(each.isfinite().all()) for each in tensors.values()):
        raise ValueError("not finite")
    networks = Networks(shape)
    networks.load_state_dict({name: each.float() for name, each in tensors.items()})
    placed: Any = {"device": device.choose().device, "memory_format": torch.channels_last}
    return networks.to(**placed).eval().requires_grad_(False)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Of the weights alone: the files of one training have the same."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode() + tensors[name].contiguous().numpy().tobytes())
    return found.hexdigest()
