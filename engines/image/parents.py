"""The parents of a picture as latents: pictures of ours tell how they were made, any other is found by optimisation, once.

A picture counts as ours where its file says so, in a PNG's `duet` chunk, and what is painted by that looks the same: a picture that was
painted over, or that another GAN made, is one like any other.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from .. import vision
from ..api import Brief, EngineInfo, Pictures, UserError, parents
from ..errors import EngineError
from ..files import folder_of, write_whole
from .projection import VERSION, fitted, project
from .worlds import World

CHUNK, MOST_CHUNK = "duet", 2**16  # of a PNG, and the most characters of it that are read
REMEMBERED = 256
SAME = 4 / 255  # mean difference up to which a picture is the one that its file speaks of
BROKEN = (
    UserError,
    OSError,
    SyntaxError,  # what Pillow makes of a PNG that is cut off
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    struct.error,
    Image.DecompressionBombError,
)


class Parents:
    """What was found, by world and reference. Threads share it; what had to be searched for lies in the files' folder, too, if they have
    one for that, and outlives the studio there."""

    def __init__(self, info: EngineInfo, eyes: vision.Eyes = vision.shared) -> None:
        self._info, self._eyes = info, eyes
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, str], Tensor] = OrderedDict()

    def known(self, world: World, name: str, ref: str, brief: Brief, pictures: Pictures) -> Tensor | None:
        """A parent's latents, (layers, F), where nothing has to be optimised for them."""
        with self._lock:
            if (name, ref) in self._found:
                self._found.move_to_end((name, ref))
                return self._found[name, ref]
        found = told(self._info, world, brief, pictures.data(ref))
        if found is None:
            found = read(self._place(name, ref, pictures), world)
        return found if found is None else self._remember(name, ref, found)

    def find(
        self, world: World, name: str, brief: Brief, pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[float]:
        """Finds all of the brief's; yields how far it is, 0-1. Raises `Stopped` where it was cancelled, `UserError` where a file is no
        picture."""
        refs = parents(brief.weights)
        missing = [ref for ref in refs if self.known(world, name, ref, brief, pictures) is None]
        for at, ref in enumerate(missing):
            target = fitted(pictures(ref), world.side).to(world.mean.device)
            for done, latents in project(world, target, self._eyes, cancelled):
                if done == 1:
                    write(self._place(name, ref, pictures), self._remember(name, ref, latents))
                yield (at + done) / len(missing)

    def _place(self, name: str, ref: str, pictures: Pictures) -> Path | None:
        """The file of what a search found: by engine, GAN, picture and way to search."""
        folder = folder_of(pictures, "found")
        asked = json.dumps([self._info.name, self._info.version, name, ref, VERSION])
        return folder and folder / f"{hashlib.sha256(asked.encode()).hexdigest()[:32]}.safetensors"

    def _remember(self, name: str, ref: str, found: Tensor) -> Tensor:
        with self._lock:
            self._found[name, ref] = found
            while len(self._found) > REMEMBERED:
                self._found.popitem(last=False)
        return found


def read(file: Path | None, world: World) -> Tensor | None:
    """The latents in a file, (layers, F); None where there are none of this world, for they can be searched for again."""
    with suppress(OSError, SafetensorError, KeyError, ValueError):
        found = load(file.read_bytes())["latents"] if file else None
        if found is not None and found.shape == (world.layers, len(world.mean)) and bool(found.isfinite().all()):
            return found.to(world.mean.device)
    return None


def write(file: Path | None, latents: Tensor) -> None:
    """A disk that is full costs another search, no more."""
    if file is not None:
        with suppress(EngineError, OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(file, save({"latents": latents.float().cpu().contiguous()}))


def told(info: EngineInfo, world: World, brief: Brief, data: bytes) -> Tensor | None:
    """The latents, (layers, F), of a picture that the same generator made, as its file tells; None where it does not, or is not true."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            text = str(picture.info.get(CHUNK, ""))
            if not 0 < len(text) <= MOST_CHUNK:
                return None
            meta = json.loads(text)
            made, seed = Brief.from_dict(meta["brief"]).apply(meta["knobs"]), int(meta["seed"])
            if made.engine != info.name or made.then is not None or made.styles != brief.styles:
                return None
            latents = _latents(info, world, info.check(made), seed, meta.get("latent"))
            pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
    except BROKEN:
        return None
    again = world.pixels(latents, seed, made.size)
    same = again.shape == pixels.shape and float(np.abs(again / np.float32(255) - pixels).mean()) <= SAME
    return latents if same else None


def _latents(info: EngineInfo, world: World, brief: Brief, seed: int, kept: Any) -> Tensor:
    """As the file keeps them, or as the brief says where it has no parents. Raises `ValueError` where they are damaged."""
    if kept is None:
        if parents(brief.weights):
            raise ValueError("a child that does not tell where it lies")
        with torch.no_grad():
            return world.stranger(info.options(**brief.options), seed)
    values = np.frombuffer(base64.b64decode(kept, validate=True), "<f4").reshape(world.layers, len(world.mean))
    if not np.isfinite(values).all():
        raise ValueError("not finite")
    return torch.from_numpy(values.copy()).to(world.mean.device)
