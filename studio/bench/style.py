"""What a style learned from one picture is worth: its paintings' style loss beside that of the slow way, on contents that it never saw."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from engines import registry, store
from engines.api import Brief, Pixels, Progress, Result, Setting

from .. import config, pictures
from .report import Row, row

Tell = Callable[[object], None]

MODELS = ("style-bank-26", "style-codes", "hed-vgg16", "photographs")
STYLES = ("carved-lino", "woodblock-waves")  # of ours, each trained by itself; the goal asks for one at least
HELD_OUT = ("landscape", "portrait", "street")  # of our contents
ENOUGH = 1.15  # times the loss of the slow way
MOST = 10.0  # minutes that a training has: what the goal allows
EVERY = 60.0  # seconds of training between two looks
# The weight is that of `gatys`, which it is held against; the default keeps more of the content.
STYLE_WEIGHT, LEARNING_RATE = 12.5, 0.1
SIZE = 256  # pixels of the long side, at which both paint and are judged
PRACTISED = (
    192  # pixels of the pictures that it practises on: twice as many steps, of strokes as large as they are judged
)
STEPS = 3000  # more than fit into the minutes


@dataclass(frozen=True)
class Files:
    """The pictures of a brief by their references."""

    held: Mapping[str, Pixels]

    def __call__(self, ref: str, /) -> Pixels:
        return self.held[ref]

    def data(self, ref: str) -> bytes:
        raise KeyError(ref)


def rows(tell: Tell, quick: bool = False) -> Iterator[Row]:
    """The row of the table; its value is the least of the styles'."""
    store.ensure(MODELS)
    found = [minutes(name, tell, MOST / 10 if quick else MOST) for name in STYLES[: 1 if quick else None]]
    yield summed([(name, *each) for name, each in zip(STYLES, found, strict=False)])


def summed(found: Sequence[tuple[str, float | None, list[tuple[float, float]]]]) -> Row:
    """The fewest minutes of all styles by name, or the longest training where none got there. Each tells its ratios by minute."""
    reached = [minute for _, minute, _ in found if minute is not None]
    longest = max(minute for *_, curve in found for minute, _ in curve)
    told = "; ".join(
        f"{name} {'not reached' if minute is None else f'{minute:.1f} min'}, "
        + ", ".join(f"{ratio:.2f} at {at:.1f}" for at, ratio in curve)
        for name, minute, curve in found
    )
    detail = f"until the style loss is {ENOUGH} times that of gatys, mean of {len(HELD_OUT)} contents at {SIZE} px, as it weighs: {told}"
    return row("style.train.minutes", min(reached, default=longest), detail, held=bool(reached))


def minutes(style: str, tell: Tell, most: float) -> tuple[float | None, list[tuple[float, float]]]:
    """When a new style was as near as the goal asks for, None where it never was; and how near it was minute by minute."""
    from engines.style.contents import Parts, photographs
    from engines.style.plan import Plan
    from engines.style.training import Course, Step

    shown = read("styles", style)
    names = [place.stem for place in sorted((config.assets() / "contents").glob("*.jpg"))]
    others = [*photographs(), *(read("contents", name) for name in names if name not in HELD_OUT)]
    held = {name: read("contents", name) for name in HELD_OUT}
    judge = Judge(shown)
    slow = {name: judge(painted_slowly(content, shown)) for name, content in held.items()}
    plan = Plan(
        minutes=most,
        steps=STEPS,
        size=PRACTISED,
        scale=round(SIZE / PRACTISED, 2),
        style_weight=STYLE_WEIGHT,
        learning_rate=LEARNING_RATE,
    )
    reached, curve = None, list[tuple[float, float]]()

    def look(course: Course, seconds: float) -> float:
        ratio = statistics.mean(judge(course.painted(content, SIZE)) / slow[name] for name, content in held.items())
        curve.append((seconds / 60, ratio))
        return ratio

    with tempfile.TemporaryDirectory(prefix="duet-") as folder:
        course = Course(shown, Parts([], others, plan.size, plan.seed), Path(folder) / "x", plan, others[0])
        for event in course.run():
            if not isinstance(event, Step) or event.step == 0:
                continue
            tell(Progress(event.step / event.total, f"Training {style}"))
            if event.step == event.total or event.seconds >= EVERY * (len(curve) + 1):
                began = time.perf_counter()
                if look(course, event.seconds) <= ENOUGH and reached is None:
                    reached = event.seconds / 60
                course.rest(time.perf_counter() - began)
    return reached, curve


def read(kind: str, name: str) -> Pixels:
    return pictures.to_pixels((config.assets() / kind / f"{name}.jpg").read_bytes())


def painted_slowly(content: Pixels, style: Pixels) -> Pixels:
    """What `gatys` makes of it when nothing else is said."""
    refs = [f"sha256:{hashlib.sha256(pixels.tobytes()).hexdigest()}" for pixels in (content, style)]
    asked = Brief(engine="gatys", content=refs[0], styles={refs[1]: 1.0}, size=SIZE, variants=1)
    events = registry.load("gatys").run(
        registry.check(asked), [Setting({}, 0)], Files({refs[0]: content, refs[1]: style}), lambda: False
    )
    (made,) = (event.pixels for event in events if isinstance(event, Result))
    assert made is not None
    return made


class Judge:
    """Says how far a painting is from a style: the mean over layers of the share that its Gram matrices are off, as `gatys` counts."""

    def __init__(self, style: Pixels, eyes: Any = None) -> None:
        from engines.style.canvas import STYLE_LAYERS
        from engines.style.losses import StyleLoss, gram
        from engines.style.statistics import resized

        self._vgg, self._layers = replace((eyes or registry.eyes()).vgg, pool="average"), STYLE_LAYERS
        seen = self._look(resized(style, SIZE))
        self._losses = {name: StyleLoss(gram(layer)) for name, layer in seen.items()}

    def __call__(self, pixels: Pixels) -> float:
        return statistics.mean(float(self._losses[name](layer)) for name, layer in self._look(pixels).items())

    def _look(self, pixels: Pixels) -> Any:
        from engines.vision import planes

        with torch.no_grad():
            return self._vgg(planes([pixels]), self._layers)
