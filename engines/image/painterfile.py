"""A painter as one file of safetensors: the averaged generator and its encoder in half precision, the facts of its training, and a picture
of what it paints.

One that was taught by an artist's own pairs says so (`KIND`), and goes into a mix of styles beside ours: the painter that paints then has
each weight of ours moved towards its own by its share of the mix (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor, nn

from .. import device
from ..brief import PICTURE
from ..errors import EngineError
from ..files import KEY, is_pickle, write_whole
from .network import Generator

WEIGHTS = Path(__file__).with_name("painter.safetensors")
KIND, SUFFIX = "painter", ".painter.safetensors"
VERSION = 1  # of the file
ENCODER = "encoder."  # how its tensors' names begin in the file
THUMBNAIL = "thumbnail"
MOST_BYTES = 2**26
MIXES, OWN = 6, 4  # painters that are remembered as they paint, and files


@dataclass(frozen=True)
class Own:
    """What a file holds. `thumbnail` is a JPEG, empty in older files; `sha256` that of the whole file."""

    name: str
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]
    thumbnail: bytes
    sha256: str


def write(
    file: Path, name: str, generator: nn.Module, encoder: nn.Module, facts: Mapping[str, Any], thumbnail: bytes = b""
) -> None:
    """`thumbnail` is a JPEG of what it paints. Raises `EngineError` where it cannot be written."""
    tensors = {
        prefix + key: value.half().cpu().contiguous()
        for prefix, part in (("", generator), (ENCODER, encoder))
        for key, value in part.state_dict().items()
        if value.is_floating_point()
    }
    if thumbnail:
        tensors[THUMBNAIL] = torch.frombuffer(bytearray(thumbnail), dtype=torch.uint8)
    about = {"kind": KIND, "version": VERSION, "name": name, "facts": facts}
    write_whole(file, bytes_of(tensors, {KEY: json.dumps(about, sort_keys=True, ensure_ascii=False)}))


def read(data: bytes, name: str) -> Own:
    """The painter of a file's bytes. Raises `EngineError` where it is none, damaged, or a format that may hold code."""
    try:
        if is_pickle(data) or len(data) > MOST_BYTES:
            raise ValueError(len(data))
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header["__metadata__"][KEY])
        if (about["kind"], about["version"]) != (KIND, VERSION):
            raise ValueError(about["kind"])
        found = tensors_of(data)
        thumbnail = found.pop(THUMBNAIL).numpy().tobytes() if THUMBNAIL in found else b""
        tensors = {key: each.float() for key, each in found.items()}
        shapes = {key: each.shape for key, each in tensors.items() if not key.startswith(ENCODER)}
        if shapes != _shapes() or not all(bool(each.isfinite().all()) for each in tensors.values()):
            raise ValueError(name)
        return Own(str(about["name"]), tensors, dict(about["facts"]), thumbnail, hashlib.sha256(data).hexdigest())
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError, RecursionError) as error:
        raise EngineError("{name} is no painter.", "Give a file that studio train painter wrote.", name=name) from error


@lru_cache(maxsize=1)
def _shapes() -> dict[str, torch.Size]:
    return {key: each.shape for key, each in Generator().state_dict().items() if each.is_floating_point()}


def load(file: Path) -> Generator:
    """The generator from its file, ready to paint on the chosen device."""
    return ready(tensors(file))


def tensors(file: Path) -> dict[str, Tensor]:
    with safe_open(file, "pt") as found:
        return {name: found.get_tensor(name).float() for name in found.keys()}  # noqa: SIM118 - no mapping


def ready(weights: Mapping[str, Tensor]) -> Generator:
    """Batch normalisation folded into the convolutions, on the chosen device."""
    chosen, generator = device.choose(), Generator()
    generator.load_state_dict(weights, strict=False)
    generator.eval().fold()
    return generator.to(chosen.device, chosen.torch_dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def facts(file: Path = WEIGHTS) -> dict[str, object]:
    """What the file says of its training."""
    with safe_open(file, "pt") as found:
        about = found.metadata()
    return dict(json.loads(about[KEY])["facts"] if KEY in about else json.loads(about["training"]))


class Painters:
    """The generators of briefs: ours, or ours moved towards files of the mix. The last ones stay in memory; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mixes: OrderedDict[tuple[tuple[str, float], ...], Generator] = OrderedDict()
        self._own: OrderedDict[str, Own] = OrderedDict()  # by reference

    def of(self, styles: Mapping[str, float], data: Callable[[str], bytes] | None = None) -> Generator:
        """`styles` as in a brief, of which the named ones do not matter here. Raises `EngineError` where a file is none, or not at hand."""
        mix = tuple(sorted((ref, share) for ref, share in styles.items() if PICTURE.fullmatch(ref) and share > 0))
        with self._lock:
            if mix not in self._mixes:
                self._mixes[mix] = self._made(mix, data) if mix else load(WEIGHTS)
                while len(self._mixes) > MIXES:
                    del self._mixes[next(key for key in self._mixes if key)]  # never ours
            self._mixes.move_to_end(mix)
            return self._mixes[mix]

    def _made(self, mix: tuple[tuple[str, float], ...], data: Callable[[str], bytes] | None) -> Generator:
        ours = tensors(WEIGHTS)
        made = {key: each for key, each in ours.items() if not key.startswith(ENCODER)}
        for ref, share in mix:
            if ref not in self._own:
                if data is None:
                    raise EngineError("This painter has not been read yet.", "Ask for a round first.")
                self._own[ref] = read(data(ref), "The painter")
            self._own.move_to_end(ref)
            theirs = self._own[ref].tensors
            made = {key: each + share * (theirs[key] - ours[key]) for key, each in made.items()}
        while len(self._own) > OWN:
            self._own.popitem(last=False)
        return ready(made)
