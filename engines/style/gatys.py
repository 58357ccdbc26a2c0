"""Engine `gatys`: any picture as a style, by optimisation (Gatys, Ecker, Bethge 2016, "Image style transfer using convolutional
neural networks"). Pixels are changed until VGG sees the content of one picture and the style of others.

Departures from the paper: VGG-16 as HED left it, with average pooling as there; layers relu1_1 to relu4_1, content at the last of them;
losses that are shares of their targets (`losses.py`); from coarse to fine (Gatys et al. 2017, section 6), where what is finer than
the last size comes from what it began with; L-BFGS without a line search (`descent.py`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .. import device, registry, store, vision
from ..api import (
    Brief,
    Cancelled,
    Done,
    EngineError,
    Event,
    Losses,
    Part,
    Pictures,
    Pixels,
    Preview,
    Progress,
    Remark,
    Result,
    Setting,
    Started,
)
from ..unfinished import Stopped
from . import GATYS, GatysOptions, why
from .canvas import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    Canvas,
    Level,
    Stage,
    begun,
    chance,
    emphasised,
    lay_by,
    levels,
    regions,
    remaining,
    resize,
    seen_layers,
    take_up,
)
from .descent import OPTIMIZERS
from .losses import Objective, Weights
from .painters import alone, paint_each
from .painting import brush, fitted, keep_color, memory_told, to_pixels
from .pausing import Pause
from .statistics import Colours, Statistics

CONTENT = 0.08  # weight of the content beside a style of 1, at balance 0
SMOOTH = 8.0  # weight of the variation at smoothness 1; it goes with its square
SKETCH = 192  # pixels of what the fast network paints for the smallest size
LOOK = 3  # steps at the smallest size after which a variant is shown for the first time
SHOWN = 512  # pixels of the preview of what it goes on from
EVERY = 1.0  # seconds between two previews of a variant
BYTES = 3200  # a pixel that is painted takes, in float32, as measured
SPARE = 300 * 2**20  # bytes beside them

Check = Callable[[], None]


@dataclass(frozen=True)
class Round:
    """What the variants of a round share."""

    pictures: Pictures
    content: Tensor  # (1, 3, H, W)
    masks: Mapping[str, Tensor]  # by style, (H, W)
    layers: Sequence[str]
    colours: Colours | None
    check: Check


class Gatys:
    info = GATYS

    def __init__(self, eyes: vision.Eyes = vision.shared) -> None:
        self._eyes, self._statistics = eyes, Statistics()

    def models(self) -> dict[str, str]:
        return {name: store.sha256(name) for name in self.info.models}

    @property
    def vgg(self) -> vision.Vgg:
        """What pictures are compared by. Raises `EngineError` where its weights are missing or damaged."""
        return replace(self._eyes.vgg, pool="average")

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """See `engines.api.Engine`. Raises `EngineError` where weights are missing or the memory does not suffice.

        Where it is cancelled, every variant that was seen becomes a result as far as it came, marked as unfinished. Where the
        brief has a `sketch`, it goes on from that: only what is larger is gone through, or the last size once more. Where `pictures` have
        a folder for what is unfinished, a variant is kept there on its way, and the same brief goes on with it in the midst (`pausing.py`).
        """
        began, finished = time.perf_counter(), 0

        def check() -> None:
            if cancelled():
                raise Stopped

        choice = self.vgg.choice
        yield Started(len(settings), choice.device, choice.dtype)
        try:
            with memory_told(brief.size):
                for event in self._paint(brief, settings, pictures, check):
                    finished += isinstance(event, Result)
                    yield event
        except Stopped:
            yield Cancelled(finished)
            return
        yield Done(time.perf_counter() - began, device.peak_memory_mb())

    def explain(
        self, brief: Brief, setting: Setting, pictures: Pictures, pixels: Pixels, cancelled: Callable[[], bool]
    ) -> Iterator[list[Part] | tuple[str, Pixels]]:
        """Why a variant, (H, W, 3), looks as it does: its losses by part, then what each layer alone asks for, by the part's name."""

        def check() -> None:
            if cancelled():
                raise Stopped

        with suppress(Stopped):
            yield why.parts(self, brief, setting, pictures, pixels)
            yield from why.alone(self, brief, setting, pictures, check)

    # ── A round ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _paint(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, check: Check) -> Iterator[Event]:
        """All variants at each size, the coarsest in turns so that every one is soon seen; the last size one by one."""
        yield Progress(0.0, "Looking at the picture")
        content = self._planes(fitted(pictures(str(brief.content)), brief.size))
        check_memory(content, brief.size)
        shared = self._shared(brief, content, pictures, check)
        canvases = self._canvases(brief, settings, shared)
        plan = levels((content.shape[2], content.shape[3]), canvases[0].options.steps)
        if brief.sketch:
            plan = remaining(plan, max(shared.pictures(brief.sketch).shape[:2]))
            for canvas in canvases:
                yield Preview(canvas.index, fitted(shared.pictures(brief.sketch)[..., :3], min(brief.size, SHOWN)))
        try:
            yield from self._through(plan, canvases, brief, shared)
        except Stopped:
            for canvas in canvases:
                if canvas.seen is not None and not canvas.told:
                    canvas.picture = canvas.seen
                    canvas.remarks.append(
                        Remark("Stopped after {steps} steps: this is how far it came.", {"steps": canvas.steps})
                    )
                    yield replace(self._result(canvas, shared), unfinished=True)
            raise

    def _through(
        self, plan: Sequence[Level], canvases: Sequence[Canvas], brief: Brief, shared: Round
    ) -> Iterator[Event]:
        """All sizes of a plan."""
        whole, done = sum(level.work for level in plan) * len(canvases), 0.0
        for number, level in enumerate(plan):
            if (
                number == 1 and not brief.sketch
            ):  # what is finer comes from there, which is not needed for what is seen first
                starts = self._starts(brief, [canvas.setting for canvas in canvases], shared, brief.size)
                for canvas, start in zip(canvases, starts, strict=True):
                    canvas.start = start
            ways = [self._refined(canvas, level, number, shared) for canvas in canvases]
            if number == 0:
                yield Progress(0.0, "Sketching it small")
                for events in seen_first(ways):
                    yield from events
            small = number == 0 and len(plan) > 1
            for canvas, way in zip(canvases, ways, strict=True):
                for event in way:
                    yield event
                    if isinstance(event, Losses):
                        share = canvas.taken / level.steps
                        yield painting((done + share * level.work) / whole, small)
                done += level.work
                yield painting(done / whole, small)
                if number == len(plan) - 1:
                    yield self._result(canvas, shared)

    def _shared(self, brief: Brief, content: Tensor, pictures: Pictures, check: Check) -> Round:
        size = (content.shape[2], content.shape[3])
        masks = {
            key.removeprefix("style:"): brush(pictures(ref), size).to(content.device)
            for key, ref in brief.masks.items()
        }
        options = GatysOptions(**brief.options)
        colours = None
        if options.color == "matched":
            colours = Colours(content.cpu(), hashlib.sha256(content.cpu().numpy().tobytes()).hexdigest())
        return Round(pictures, content, masks, seen_layers(size), colours, check)

    def _canvases(self, brief: Brief, settings: Sequence[Setting], shared: Round) -> list[Canvas]:
        applied = [brief.apply(setting.knobs) for setting in settings]
        missing = [name for name in STYLE_LAYERS if name not in shared.layers]
        remarks = [
            Remark(
                "Layers left out, for they see more than a picture of {width} x {height} pixels has: {layers}.",
                {"width": shared.content.shape[3], "height": shared.content.shape[2], "layers": ", ".join(missing)},
            )
        ] * bool(missing)
        picture = self._planes(shared.pictures(brief.sketch)) if brief.sketch else None
        starts = self._starts(brief, settings, shared, brief.size if brief.sketch else min(brief.size, SKETCH))
        canvases = [
            Canvas(index, setting, own.styles, GatysOptions(**own.options), start, picture, remarks=list(remarks))
            for index, (setting, own, start) in enumerate(zip(settings, applied, starts, strict=True))
        ]
        for canvas in canvases:
            canvas.pause = Pause.of(brief, canvas.setting, shared.pictures, self.info.version)
        return canvases

    def _starts(self, brief: Brief, settings: Sequence[Setting], shared: Round, side: int) -> list[Tensor]:
        """What each variant begins with, at this size."""
        start = GatysOptions(**brief.options).start
        if start == "content":
            return [shared.content] * len(settings)
        if start == "noise":
            size = tuple(shared.content.shape)
            return [torch.rand(size, generator=chance(each)).to(shared.content.device) for each in settings]
        fast: Any = registry.load("style-codes")
        plain = replace(brief, engine=fast.info.name, options={}, locks=())
        mixes = [
            Setting({name: value for name, value in each.knobs.items() if name.startswith("style:")}, each.seed)
            for each in settings
        ]
        painted = fast.preview(plain, mixes, shared.pictures, side)
        return [self._planes(pixels) for pixels in painted]

    # ── A variant at one size ────────────────────────────────────────────────────────────────────────────────────────

    def _refined(self, canvas: Canvas, level: Level, number: int, shared: Round) -> Iterator[Event]:
        """Its steps at this size, its losses at each, and a picture now and then; nothing where a stop came after this size."""
        if canvas.broken or canvas.behind(number):
            return
        began = time.perf_counter()
        stage, last, shown = self._stage(canvas, level, shared), 0.0, 0.0
        canvas.seconds += time.perf_counter() - began
        take_up(canvas, stage)
        first = canvas.picture is None
        for at in range(stage.taken, level.steps):
            began = time.perf_counter()
            try:
                values = stage.step(shared.check)
            except Stopped:
                lay_by(canvas, stage, number)
                raise
            canvas.seconds += time.perf_counter() - began
            canvas.steps, canvas.taken = canvas.steps + 1, stage.taken
            if stage.broken:
                canvas.broken = True
                canvas.remarks.append(stage.broken)
                break
            last = sum(values.values())
            if canvas.pause and canvas.pause.due:
                lay_by(canvas, stage, number)
            yield Losses(canvas.index, canvas.steps, level.side, values)
            shown = shown or began
            if (first and at + 1 == LOOK) or time.perf_counter() - shown >= EVERY:
                canvas.seen = stage.picture
                yield Preview(canvas.index, self._finished(canvas.seen, canvas, shared))
                shown = time.perf_counter()
        canvas.picture = canvas.seen = stage.picture = stage.end(last)
        lay_by(canvas, stage, number)  # what comes next looks at the styles again, which takes a while
        yield Preview(canvas.index, self._finished(canvas.picture, canvas, shared))

    def _stage(self, canvas: Canvas, level: Level, shared: Round) -> Stage:
        content = resize(shared.content, level.size).clamp(0, 1)
        objective, cover = self._objective(canvas, content, shared)
        return Stage(begun(canvas, level), content, cover, objective, OPTIMIZERS[canvas.options.optimizer](), self.vgg)

    def _objective(self, canvas: Canvas, content: Tensor, shared: Round) -> tuple[Objective, Tensor | None]:
        """What a variant is judged by at the size of `content`, and where its brushes were."""
        options, vgg, size = canvas.options, self.vgg, (content.shape[2], content.shape[3])
        masks = {name: resize(mask[None, None], size)[0, 0].clamp(0, 1) for name, mask in shared.masks.items()}
        side = round(max(size) * options.scale)
        grams = {
            name: self._statistics.grams(vgg, name, side, shared.layers, shared.pictures, shared.check, shared.colours)
            for name, weight in canvas.styles.items()
            if weight > 0
        }
        parts, cover = regions(canvas.styles, grams, masks)
        weights = Weights(
            CONTENT * 10.0**-options.balance,
            emphasised(shared.layers, options.emphasis),
            SMOOTH * options.smoothness**2,
        )
        layer = CONTENT_LAYER if CONTENT_LAYER in shared.layers else shared.layers[-1]
        with torch.no_grad():
            seen = vgg(content, [layer], shared.check)
        return Objective(seen, parts, weights), cover

    def judged(
        self, brief: Brief, setting: Setting, pictures: Pictures, size: int, check: Check = lambda: None
    ) -> tuple[Objective, Tensor]:
        """What a variant of this brief is judged by at a size, wherever it was brushed, and its content, (1, 3, H, W)."""
        content = self._planes(fitted(pictures(str(brief.content)), size))
        shared = self._shared(brief, content, pictures, check)
        own = brief.apply(setting.knobs)
        canvas = Canvas(0, setting, own.styles, GatysOptions(**own.options), content)
        return self._objective(canvas, content, shared)[0], content

    def _finished(self, picture: Tensor, canvas: Canvas, shared: Round) -> Pixels:
        """A picture of any size as it is shown: under a brush only where that was, and with the colours that are kept."""
        size = (picture.shape[2], picture.shape[3])
        content = resize(shared.content, size).clamp(0, 1)
        brushes = [shared.masks.get(name) for name, weight in canvas.styles.items() if weight > 0]
        if all(mask is not None for mask in brushes):
            cover = torch.stack([mask for mask in brushes if mask is not None]).amax(0)
            picture = torch.lerp(content, picture, resize(cover[None, None], size)[0].clamp(0, 1))
        planes = (picture[0].permute(1, 2, 0).cpu(), content[0].permute(1, 2, 0).cpu())
        return to_pixels(keep_color(*planes, canvas.options.preserve_color))

    def _result(self, canvas: Canvas, shared: Round) -> Result:
        size = (shared.content.shape[2], shared.content.shape[3])
        picture = resize(canvas.start if canvas.picture is None else canvas.picture, size).clamp(0, 1)
        pixels = self._finished(picture, canvas, shared)
        made, canvas.told = canvas.setting, True
        return Result(canvas.index, made.knobs, made.seed, canvas.seconds, pixels=pixels, remarks=tuple(canvas.remarks))

    def _planes(self, pixels: Pixels) -> Tensor:
        return vision.planes([pixels]).contiguous().to(self.vgg.choice.device)


def painting(done: float, small: bool) -> Progress:
    return Progress(done, "Sketching it small" if small else "Painting it larger")


def seen_first(ways: Sequence[Iterator[Event]]) -> Iterator[list[Event]]:
    """What happens in each up to its first preview, several at a time, always on painters' threads: bytes do not depend on company."""
    if len(ways) == 1:
        yield alone(lambda: until_seen(ways[0]))
    else:
        yield from paint_each(until_seen, ways, together=True)


def until_seen(way: Iterator[Event]) -> list[Event]:
    """What happens up to the first preview. The rest stays in `way`."""
    events: list[Event] = []
    for event in way:
        events.append(event)
        if isinstance(event, Preview):
            break
    return events


def check_memory(content: Tensor, size: int) -> None:
    """Raises `EngineError` where a picture of this size would not fit, with the size that does."""
    free, pixels = device.available_memory() - SPARE, content.shape[2] * content.shape[3]
    if pixels * BYTES <= free:
        return
    fits = int(size * (max(0, free) / (pixels * BYTES)) ** 0.5) // 16 * 16
    raise EngineError(
        "Painting at {size} pixels takes about {need:.1f} GB of memory, and {free:.1f} GB are free.",
        "Choose size {fits} or less.",
        size=size,
        need=(pixels * BYTES + SPARE) / 2**30,
        free=(free + SPARE) / 2**30,
        fits=max(16, fits),
    )
