"""A new style from one picture: a row of the bank, or a network of its own; `learned.py` says what of it changes.

Dumoulin, Shlens, Kudlur 2017, "A learned representation for artistic style", and Johnson, Alahi, Fei-Fei 2016, "Perceptual losses for
real-time style transfer and super-resolution": both by perceptual losses, which here are those of the engine `gatys`: its layers, its
weights, its shares of the target. Departures: it begins with that of the bank's styles whose paintings are nearest by that loss. A
network learns in sittings, each with a learning rate that goes up and comes down (Loshchilov and Hutter 2017, "SGDR: stochastic
gradient descent with warm restarts"), so that each ends with a style that can be used.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import files, unfinished, vision
from ..api import EngineError, Pixels, check_options
from ..unfinished import Stopped
from . import bank, kinds, mark, stylefile
from .arithmetic import Norm
from .canvas import CONTENT_LAYER, STYLE_LAYERS, emphasised
from .contents import Parts
from .learned import Bank, Learned, Network, Row
from .losses import Objective, Region, Weights, gram
from .mark import Log, recent
from .painting import fitted, to_pixels
from .plan import NetworkPlan, Plan
from .statistics import resized, rounded

SMOOTH = 0.32  # weight of the variation beside a style of 1, as at the smoothness that `gatys` has by default
TIMED = 3  # steps after which it is known how many fit into the minutes
KEPT_EVERY, SHOWN_EVERY = 30.0, 10.0  # seconds
LOOKED = 160  # pixels, at which the bank's styles are compared
SHOWN, THUMBNAIL = 256, 128  # pixels of previews and of the thumbnail
WARM, LAST = 10, 0.05  # steps in which the learning rate goes up, and what is left of it at the end
PLAIN = 2.0  # levels of 255 that a picture deviates from one colour at least


@dataclass(frozen=True)
class Step:
    """After a step, or before the first (`step` 0)."""

    step: int
    total: int  # steps; fewer as soon as it is clear that they do not fit into the minutes
    loss: float | None  # all of it
    style: float | None  # its part of style, as a share of the target
    content: float | None
    seconds: float  # since the beginning, pauses left out
    left: float | None  # seconds that it will still take, as soon as that is known


@dataclass(frozen=True)
class Shown:
    """What the style makes of a picture by now."""

    step: int
    pixels: Pixels


@dataclass(frozen=True)
class Paused:
    """It was stopped. The same pictures, settings and folder take it up at this step; at 0 nothing was kept."""

    step: int
    total: int


@dataclass(frozen=True)
class Trained:
    file: Path
    facts: dict[str, Any]


Event = Step | Shown | Paused | Trained


def train(
    picture: Pixels,
    own: Sequence[Pixels],
    others: Sequence[Pixels],
    out: Path,
    plan: Plan | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    name: str = "",
    eyes: vision.Eyes = vision.shared,
    found: Bank | None = None,
    before: stylefile.Style | None = None,
) -> Iterator[Event]:
    """Learns the style of a picture, practising on the artist's `own` pictures and on `others`, and writes it to the file `out`: a row of
    the bank, or with a `NetworkPlan` a network, which the same call goes on with in another sitting. It begins with the style `before`, of
    which it is one more sitting, or without one with the nearest of the bank.

    Yields a `Step` for each step and a `Shown` now and then, then `Trained`; or `Paused`, within half a second after `cancelled` says
    so. Where the loss is no number it ends, and what is written is the last that was good. Raises `EngineError` where there is nothing
    to learn from or the file cannot be written; whatever was in `out` is then as it was.
    """
    plan = plan or Plan()
    check_options(type(plan), asdict(plan))
    check_picture(picture)
    if not own and not others:
        raise EngineError("There is no picture to practise on.", "Give a folder of pictures with --contents.")
    parts, shown = Parts(own, others, plan.size, plan.seed, plan.different), (own or others)[0]
    course = Course(picture, parts, out, plan, shown, cancelled, name, eyes, found)
    course.before = before
    course.mark = mark.marked(course.found.sha256, picture, [*own, *others], plan, eyes.vgg.choice, before)
    try:
        yield from course.run()
    except Stopped:
        yield Paused(course.pause(), course.log.total)


def check_picture(picture: Pixels) -> None:
    """Raises `EngineError` where a picture has no style to learn."""
    if float(np.asarray(picture[..., :3], dtype=np.float32).std((0, 1)).max()) < PLAIN:
        raise EngineError(
            "The style picture has one colour only: there is no style to learn.",
            "Choose a picture with strokes or a pattern.",
        )


class Course:
    """One training, from the pictures to the file. `shown` is what is painted to be seen; `mark` tells it from others;
    `before` is a style that it learns on from."""

    mark = ""
    before: stylefile.Style | None = None

    def __init__(
        self,
        picture: Pixels,
        parts: Parts,
        out: Path,
        plan: Plan,
        shown: Pixels,
        cancelled: Callable[[], bool] = lambda: False,
        name: str = "",
        eyes: vision.Eyes = vision.shared,
        found: Bank | None = None,
    ) -> None:
        self.found = found = found or Bank.of_store()
        self.picture, self.parts, self.out, self.plan, self.shown = picture, parts, out, plan, shown
        self.learned: Learned = (
            Network(found, plan.from_scratch, plan.seed) if isinstance(plan, NetworkPlan) else Row(found)
        )
        self.cancelled, self.log = cancelled, Log()
        self.name = name or out.name.removesuffix(kinds.SUFFIXES[self.learned.kind])
        self.vgg = replace(eyes.vgg, pool="average")
        self._contents: dict[int, Mapping[str, Tensor]] = {}  # what is seen of each part
        self._vector: torch.nn.Parameter | None = None
        self._good = torch.empty(0)  # the last weights of which the loss is known to be a number
        self._pace = 0.0  # seconds a step
        self._started = self._kept = self._showed = time.perf_counter()

    def run(self) -> Iterator[Event]:
        self._check()
        self._style = self._grams(self.plan.size)
        self._begin()
        yield self._told()
        yield self._show()
        first, began = self.log.step, self._seconds()
        while self.log.step < self.log.total and not self.log.stopped and (values := self._step()):
            self._plan((self._seconds() - began) / (self.log.step - first))
            yield self._told(values)
            if time.perf_counter() - self._showed > SHOWN_EVERY:
                yield self._show()
            if time.perf_counter() - self._kept > KEPT_EVERY:
                self._keep()
        yield from self._end()

    def pause(self) -> int:
        """Keeps what there is, and says of which step that is. Of a network, that is a file to paint with, too."""
        if self._vector is None or not self.log.step:
            return 0
        self._keep()
        if self.learned.kind == kinds.NETWORK:
            self._write()
        return self.log.step

    @torch.no_grad()
    def painted(self, pixels: Pixels, size: int) -> Pixels:
        """A picture in the style by now, `size` on its long side, its sides cut to multiples of 4."""
        assert self._vector is not None
        picture = vision.planes([fitted(pixels, size)])
        height, width = (side // 4 * 4 for side in picture.shape[2:])
        painted = self.learned.paint(self._vector, picture[..., :height, :width], self._check)
        return to_pixels(painted[0].permute(1, 2, 0).cpu())

    def rest(self, seconds: float) -> None:
        """So long somebody else was at work, which does not count."""
        self._started += seconds

    # ── Its stations ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        """Goes on where an earlier run was stopped, or begins."""
        kept = unfinished.read(self.out, self.mark, Log, mark.STYLE)
        if kept is None:
            self.log.total, start = self.plan.steps, self.learned.start(self._first())
        else:
            start, self.log = kept[0]["weights"], kept[1]
            if self.log.step >= self.log.total or self.log.stopped:
                self._sit_again()
        self._vector = torch.nn.Parameter(start.clone().to(self.found.network.choice.device))
        self._good = start if kept is None else kept[0]["good"]
        self._adam = torch.optim.Adam([self._vector], self.plan.learning_rate, betas=(0.9, 0.99))
        if kept is not None:
            moments: dict[str, Any] = {key: kept[0][key] for key in unfinished.MOMENTS}
            state = self._adam.state_dict()
            self._adam.load_state_dict({**state, "state": {0: moments}})
            self._started = time.perf_counter() - self.log.seconds

    def _first(self) -> Sequence[Norm] | None:
        """The row that it begins with: of the style that it learns on from, or of the bank's nearest; None where that is chance."""
        if self.before is not None:
            self.log.nearest = str(self.before.facts.get("nearest", ""))
            return self.before.row
        self.log.nearest = "" if self.learned.chance else self._nearest()
        return self.found.rows.get(self.log.nearest)

    def _sit_again(self) -> None:
        """The last sitting came to its end: here is the next."""
        log = self.log
        log.sittings, log.begun, log.before, log.stopped = log.sittings + 1, log.step, log.seconds, ""
        log.total = log.step + self.plan.steps

    @torch.no_grad()
    def _nearest(self) -> str:
        """The bank's style whose painting of a part is nearest to the picture."""
        side = min(LOOKED, self.plan.size)
        grams, part = self._grams(side), self.parts(0)
        small = torch.nn.functional.interpolate(part, (side, side), mode="area")
        objective = Objective({}, [Region(grams)], Weights(0.0, emphasised(STYLE_LAYERS, 0), 0.0))
        losses = {}
        for name, row in self.found.rows.items():
            painted = self.found.network.paint(small, row, self._check)
            seen = self.vgg(painted, STYLE_LAYERS, self._check)
            losses[name] = float(objective.total(objective(painted, seen)))
        return min(losses, key=losses.__getitem__)

    def _step(self) -> dict[str, float] | None:
        """One step. None where the loss was no number: the weights that are good are then those from before."""
        assert self._vector is not None
        batch, values = self.plan.batch, dict.fromkeys(("loss", "style", "content"), 0.0)
        self._adam.zero_grad(set_to_none=True)
        for at in range(self.log.step * batch, (self.log.step + 1) * batch):
            part = self.parts(at)
            objective = Objective(self._seen(at, part), [Region(self._style)], self._weights())
            painted = self.learned.paint(self._vector, part, self._check)
            told = objective(painted, self.vgg(painted, objective.layers, self._check))
            total = objective.total(told)
            (total / batch).backward()  # type: ignore[no-untyped-call]
            for key, value in (("loss", total), *((name.partition(":")[0], each) for name, each in told.items())):
                if key in values:
                    weight = 1 / len(STYLE_LAYERS) if key == "style" else 1.0
                    values[key] += weight * float(value.detach()) / batch
        gradient = self._vector.grad
        if not math.isfinite(values["loss"]) or gradient is None or not bool(gradient.isfinite().all()):
            self.log.stopped = f"At step {self.log.step + 1} the loss was no number."
            return None
        self._good = self._vector.detach().clone()
        self._adam.param_groups[0]["lr"] = self._rate()
        self._adam.step()
        self.log.step += 1
        self.log.curve.append([self.log.step, self._seconds(), *values.values()])
        return values

    def _end(self) -> Iterator[Event]:
        assert self._vector is not None
        if self.log.stopped:
            if not self.log.step:
                raise EngineError(
                    "The loss was no number from the first step on, so nothing was learned.",
                    "Choose a smaller learning rate, or another picture.",
                )
            with torch.no_grad():
                self._vector.copy_(self._good)
        yield self._show()
        facts = self._write()
        if self.learned.kind == kinds.NETWORK:  # for the next sitting
            self._keep()
        else:
            unfinished.place(self.out).unlink(missing_ok=True)
        yield Trained(self.out, facts)

    def _write(self) -> dict[str, Any]:
        assert self._vector is not None
        facts = self._facts()
        files.write_whole(self.out, self.learned.pack(self._vector.detach(), self.name, self._thumbnail(), facts))
        return facts

    def _plan(self, pace: float) -> None:
        """As many steps as fit into the minutes at this pace (seconds a step), so that the learning rate comes down in time. The pace is
        asked again at each step: the first ones, which see each part for the first time, are the slowest."""
        self._pace, log = pace, self.log
        if log.step - log.begun >= TIMED:
            log.total = min(log.begun + self.plan.steps, log.step + max(0, int(self._still() / pace)))

    # ── Its parts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        asked, stopped = time.perf_counter(), self.cancelled()
        self.rest(time.perf_counter() - asked)  # whoever answers may let it wait while others are at work
        if stopped:
            raise Stopped

    def _weights(self) -> Weights:
        return Weights(1 / self.plan.style_weight, emphasised(STYLE_LAYERS, 0), SMOOTH)

    @torch.no_grad()
    def _grams(self, size: int) -> dict[str, Tensor]:
        picture = vision.planes([resized(self.picture, rounded(size * self.plan.scale))])
        return {name: gram(layer) for name, layer in self.vgg(picture, STYLE_LAYERS, self._check).items()}

    @torch.no_grad()
    def _seen(self, at: int, part: Tensor) -> Mapping[str, Tensor]:
        at %= self.parts.different
        seen = self._contents.get(at) or self.vgg(part, [CONTENT_LAYER], self._check)
        if self.learned.kind == kinds.ROW:  # a network hardly sees a part twice
            self._contents[at] = seen
        return seen

    def _rate(self) -> float:
        """Up in a few steps, then down along a cosine, in each sitting."""
        step, total = self.log.step - self.log.begun, max(1, self.log.total - self.log.begun)
        warm = min(1.0, (step + 1) / WARM)
        return self.plan.learning_rate * warm * (LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * step / total)))

    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _still(self) -> float:
        """Seconds that are left of the minutes; of a network, of this sitting's."""
        return 60 * self.plan.minutes - (self._seconds() - self.log.before)

    def _told(self, values: Mapping[str, float] | None = None) -> Step:
        log, seconds = self.log, self._seconds()
        loss, style, content = list(values.values()) if values else log.curve[-1][2:] if log.curve else [None] * 3
        left = min(self._pace * (log.total - log.step), max(0.0, self._still())) if self._pace else None
        return Step(log.step, log.total, loss, style, content, seconds, left)

    def _show(self) -> Shown:
        self._showed = time.perf_counter()
        return Shown(self.log.step, self.painted(self.shown, SHOWN))

    def _thumbnail(self) -> bytes:
        out = io.BytesIO()
        Image.fromarray(resized(self.picture, THUMBNAIL)).save(out, "JPEG", quality=85)
        return out.getvalue()

    def _facts(self) -> dict[str, Any]:
        log, few = self.log, max(1, len(self.log.curve) // 100)
        return {
            "name": self.name,
            "kind": self.learned.kind,
            "network": {"name": bank.MODEL, "sha256": self.found.sha256},
            "plan": asdict(self.plan),
            "nearest": log.nearest,
            "steps": log.step + int(mark.earlier(self.before, "steps")),
            "sittings": log.sittings + int(mark.earlier(self.before, "sittings")),
            "seconds": round(self._seconds() + mark.earlier(self.before, "seconds"), 1),
            "stopped": log.stopped,
            "style_loss": {"first": round(log.curve[0][3], 5), "last": round(recent(log.curve, 3), 5)},
            "curve": [[round(value, 5) for value in point] for point in log.curve[::few]],
            "device": self.vgg.choice.device,
            "dtype": self.vgg.choice.dtype,
        }

    # ── Its state ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _keep(self) -> None:
        assert self._vector is not None
        self.log.seconds, self._kept = self._seconds(), time.perf_counter()
        moments = {key: self._adam.state[self._vector][key] for key in unfinished.MOMENTS}
        tensors = {"weights": self._vector.detach(), "good": self._good, **moments}
        unfinished.write(self.out, self.mark, asdict(self.log), tensors)
