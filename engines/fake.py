"""A scriptable engine without weights, for tests and demos: it paints plain colours from its knobs and seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .api import (
    Brief,
    Cancelled,
    Done,
    EngineError,
    EngineInfo,
    Event,
    Part,
    Pictures,
    Pixels,
    Preview,
    Progress,
    Result,
    Setting,
    Started,
    option,
)
from .registry import register

COLOURS = {"ember": (220, 70, 40), "moss": (90, 130, 60), "tide": (40, 100, 180), "chalk": (235, 230, 220)}


@dataclass(frozen=True)
class FakeOptions:
    strength: float = option(0.8, low=0, high=1, step=0.01, knob=True, help="How much of the colour shows.")
    grain: float = option(0.1, low=0, high=1, step=0.01, knob=True, help="How noisy it is; the noise follows the seed.")
    pause: float = option(0.0, low=0, high=60, step=0.1, advanced=True, help="Seconds that each variant takes.")
    fail_at: int = option(-1, low=-1, high=3, step=1, advanced=True, help="The variant at which it fails; -1 for none.")


INFO = EngineInfo(
    name="fake",
    mode="style",
    version="1",
    summary="Plain colours, for tests and demos.",
    options=FakeOptions,
    needs=("styles",),
    styles=tuple(COLOURS),
    picture_styles=True,
    masks=("style",),
    random=True,
    continues=True,
    explains=True,
)


class Fake:
    """Paints colours. Options make it slow or make it fail."""

    info = INFO

    def models(self) -> dict[str, str]:
        return {}

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        began = time.perf_counter()
        yield Started(len(settings), "cpu", "uint8")
        for index, setting in enumerate(settings):
            start = time.perf_counter()
            applied = brief.apply(setting.knobs)
            if applied.options.get("fail_at", -1) == index:
                raise EngineError(
                    "The fake engine was told to fail at variant {value}.", "Set fail_at to -1.", value=index
                )
            while time.perf_counter() - start < float(applied.options.get("pause", 0.0)):
                if cancelled():
                    break
                yield Progress((index + 0.5) / len(settings), "Painting", index)
                time.sleep(0.02)
            if cancelled():
                yield Cancelled(index)
                return
            pixels = self._paint(applied, setting.seed, pictures)
            yield Preview(index, pixels[::4, ::4])
            features = pixels.reshape(-1, 3).mean(0).astype(np.float32) / 255
            yield Result(
                index, setting.knobs, setting.seed, time.perf_counter() - start, pixels=pixels, features=features
            )
        yield Done(time.perf_counter() - began, 0.0)

    def explain(
        self, brief: Brief, setting: Setting, pictures: Pictures, pixels: Pixels, cancelled: Callable[[], bool]
    ) -> Iterator[list[Part] | tuple[str, Pixels]]:
        """See `engines.api.Explainer`: the distance to each colour, and that colour."""
        styles = {f"style:{name}": np.asarray(COLOURS[name]) for name in brief.styles if name in COLOURS}
        losses = {name: float(np.abs(pixels - colour).mean()) / 255 for name, colour in styles.items()}
        yield [Part(name, loss, loss / (sum(losses.values()) or 1.0)) for name, loss in losses.items()]
        for name, colour in styles.items():
            if cancelled():
                return
            yield name, np.full((24, 32, 3), colour, np.uint8)

    def _paint(self, brief: Brief, seed: int, pictures: Pictures) -> Pixels:
        options = FakeOptions(**brief.options)
        shape = pictures(brief.content).shape if brief.content else (3, 4, 3)
        scale = brief.size / max(shape[:2])
        height, width = (max(16, round(side * scale)) for side in shape[:2])
        colour = np.zeros(3)
        for name, weight in brief.styles.items():
            own = COLOURS[name] if name in COLOURS else pictures(name).reshape(-1, 3).mean(0)
            colour += weight * np.asarray(own, dtype=np.float64)
        if brief.sketch:  # it goes on from there
            colour = (colour + pictures(brief.sketch)[..., :3].reshape(-1, 3).mean(0)) / 2
        noise = np.random.default_rng(seed).normal(0, 60 * options.grain, (height, width, 1))
        painted = 128 + options.strength * (colour - 128) + noise
        return np.asarray(np.clip(painted, 0, 255), dtype=np.uint8)


def use() -> None:
    """Makes the engine known. Only tests and demos do."""
    register(INFO, Fake)
