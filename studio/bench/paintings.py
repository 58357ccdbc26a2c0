"""Artists who have a picture in mind: some content, painted in a mix of six styles that only they know.

They judge by looks, as VGG features tell them, and their wish has no formula in the weights. Steering sees the weights alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

import engines
from engines import registry
from engines.api import STEERABLE_STYLES, Brief, EngineError, EngineInfo, Pictures, Pixels, Setting

from .. import config, pictures
from ..steering.artists import Wish
from .policies import Ground

Array = NDArray[np.float64]

ENGINE = "style-bank"
SIDE = 96  # pixels of the long side: styles are told apart, and a picture is painted and looked at in 25 ms
GAUGE = 64  # random pictures that tell a wish's gap to 5 % and its spread to 9 %; all policies are measured by the same


class Painter(Protocol):
    """An engine with previews."""

    info: EngineInfo

    def preview(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, size: int) -> list[Pixels]: ...


class Eyes(Protocol):
    """See `engines.vision.Eyes`."""

    def distances_to(self, target: Pixels) -> Callable[[Sequence[Pixels]], NDArray[np.float32]]: ...


@dataclass(frozen=True)
class Atelier:
    """Who paints, who looks, and what is painted."""

    painter: Painter
    eyes: Eyes
    contents: Sequence[Pixels]

    def wish(self, wishing: np.random.Generator, starting: np.random.Generator) -> tuple[Ground, Wish]:
        """Six styles of one content, where to begin, and a hidden mix that is to be found by its looks."""
        content = self.contents[int(wishing.integers(len(self.contents)))]
        styles = sorted(wishing.choice(self.painter.info.styles, STEERABLE_STYLES, replace=False).tolist())
        info = replace(self.painter.info, styles=tuple(styles))  # no other style can come in
        shares = starting.dirichlet(np.ones(len(styles)))
        brief = Brief(engine=info.name, content=registry.STAND_IN, styles=dict(zip(styles, shares, strict=True)))
        locks = tuple(knob.name for knob in info.knobs(brief) if knob.kind != "simplex")
        ground = Ground(info, info.check(replace(brief, locks=locks)))
        target, *gauge = ground.space.sample(wishing, 1 + GAUGE)
        likeness = Likeness(lambda points: self._painted(ground, content, points), self.eyes, target)
        return ground, Wish.over(likeness, target, np.array(gauge))

    def _painted(self, ground: Ground, content: Pixels, points: Array) -> list[Pixels]:
        settings = [Setting(ground.space.decode(point), 0) for point in points]
        return self.painter.preview(ground.brief, settings, registry.StandIn(content), SIDE)


class Likeness:
    """Minus how different the picture of a mix looks from that of the target, (n, dim) -> (n,). Each mix is painted once."""

    def __init__(self, paint: Callable[[Array], list[Pixels]], eyes: Eyes, target: Array) -> None:
        self._paint = paint
        self._distances = eyes.distances_to(paint(target[None])[0])
        self._known = {target.tobytes(): 0.0}

    def __call__(self, points: Array) -> Array:
        fresh = {point.tobytes(): point for point in points if point.tobytes() not in self._known}
        if fresh:
            seen = self._distances(self._paint(np.array(list(fresh.values()))))
            self._known |= zip(fresh, (-seen).tolist(), strict=True)
        return np.array([self._known[point.tobytes()] for point in points])


@cache
def atelier() -> Atelier:
    """That of this studio, once a process. Raises `EngineError` where a model is missing."""
    contents = [pictures.to_pixels(file.read_bytes()) for file in _contents()]
    return Atelier(cast(Painter, registry.load(ENGINE)), registry.eyes(), contents)


def absent() -> str:
    """Why nothing can be painted or looked at here; nothing where it can."""
    try:
        _models()
    except EngineError as error:
        return str(error)
    return "" if _contents() else f"there are no pictures in {config.assets() / 'contents'}"


def origin() -> bytes:
    """What a picture and how it is seen depend on: code, weights, contents, and the device as far as somebody chose it."""
    package = Path(engines.__file__).parent
    code = [Path(__file__), Path(pictures.__file__), package / "vision.py", package / "device.py"]
    code += sorted((package / "style").glob("*.py"))
    chosen = [os.environ.get(name, "") for name in ("STUDIO_DEVICE", "STUDIO_DTYPE")]
    facts = [*_models().values(), *chosen, metadata.version("torch"), metadata.version("pillow")]
    return b"".join(file.read_bytes() for file in (*code, *_contents())) + "".join(facts).encode()


def _models() -> dict[str, str]:
    return registry.load(ENGINE).models() | registry.eyes().models()


def _contents() -> list[Path]:
    return sorted((config.assets() / "contents").glob("*.jpg"))
