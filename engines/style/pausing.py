"""A picture by optimisation between two steps, on disk: after Stop or a restart it goes on from there, in as many sittings as it takes."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from .. import unfinished
from ..api import Brief, Pictures, Setting
from ..errors import EngineError
from ..files import folder_of

EVERY = 8.0  # seconds of painting that a killed studio may lose, a step more where one takes longer
SHARE = 10  # times as long as it took to write at least, on disks that are slow


@dataclass(frozen=True)
class Reached:
    """How far it is."""

    level: int  # the size in its plan, from 0
    taken: int  # steps there
    steps: int  # in all
    seconds: float


class Pause:
    """Where one variant is kept that is not done. A disk that is full is not worth stopping for: it is begun anew then."""

    def __init__(self, folder: Path, mark: str) -> None:
        self._out, self._mark = folder / mark[:16], mark
        self._due = time.perf_counter() + EVERY
        self._found: tuple[dict[str, Tensor], Reached] | None = None
        with suppress(EngineError):
            self._found = unfinished.read(self._out, mark, Reached)

    @classmethod
    def of(cls, brief: Brief, setting: Setting, pictures: Pictures, version: str) -> Pause | None:
        """For a variant of a brief, where its files come with a folder for that."""
        folder = folder_of(pictures, "unfinished")
        if folder is None:
            return None
        told = json.dumps([version, brief.to_dict(), dict(setting.knobs), setting.seed], sort_keys=True)
        return cls(folder, hashlib.sha256(told.encode()).hexdigest())

    @property
    def reached(self) -> Reached | None:
        """How far what was found here is; None where there is nothing."""
        return self._found[1] if self._found else None

    def take(self) -> dict[str, Tensor]:
        """What was found here, once."""
        tensors = self._found[0] if self._found else {}
        self._found = None
        return tensors

    @property
    def due(self) -> bool:
        return time.perf_counter() >= self._due

    def write(self, reached: Reached, tensors: Mapping[str, Tensor]) -> None:
        began = time.perf_counter()
        with suppress(EngineError):
            unfinished.write(self._out, self._mark, asdict(reached), tensors)
        ended = time.perf_counter()
        self._due = ended + max(EVERY, SHARE * (ended - began))
