"""A picture by optimisation on its way: the sizes it goes through, and at each of them a stage with steps that can be watched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from ..api import Remark, Setting
from ..unfinished import part_of
from ..vision import Vgg
from . import GatysOptions
from .descent import Descent
from .losses import Objective, Region
from .pausing import Pause, Reached

COARSE = 96  # pixels of the long side that it begins with, where the picture is larger
NARROW = 48  # pixels that its short side has then at least
RATIO = 1.5  # of a size to the one before it, about
MORE = 1.4  # times as often it looks at each smaller size
COARSE_STEPS = 60  # and so often at most
NOISE = 0.08  # deviation of what chance adds to a content that is begun with, at the smallest size
GROWN = 1.3  # times the best loss so far, from where it goes back to that

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_1"
FIELD = {"relu1_1": 3, "relu2_1": 10, "relu3_1": 24, "relu4_1": 60}  # pixels that a place of the layer sees, each way


@dataclass(frozen=True)
class Level:
    """One of the sizes that a picture goes through."""

    size: tuple[int, int]  # height and width
    steps: int

    @property
    def side(self) -> int:
        return max(self.size)

    @property
    def work(self) -> float:
        """What it costs, in looks at so many pixels."""
        return float(self.steps * self.size[0] * self.size[1])


def levels(size: tuple[int, int], steps: int) -> list[Level]:
    """From coarse to fine, each about `RATIO` times as large as the one before. size: (height, width) of the last, which has `steps`."""
    side, short = max(size), min(size)
    first = min(side, max(COARSE, math.ceil(NARROW * side / short)))
    below = round(math.log(side / first, RATIO))
    made = []
    for at in range(below + 1):
        share = (first / side) ** (1 - at / below) if at < below else 1.0
        height, width = (max(1, round(length * share)) for length in size)
        looks = min(round(steps * MORE ** (below - at)), max(steps, COARSE_STEPS))
        made.append(Level((height, width), looks))
    return made


def remaining(plan: Sequence[Level], side: int) -> list[Level]:
    """What is still to be done of a plan where there is a picture of `side` pixels already: what is larger, the last size at least."""
    return [level for level in plan if level.side > side] or [plan[-1]]


def seen_layers(size: tuple[int, int]) -> list[str]:
    """Those of `STYLE_LAYERS` whose field the picture fills: a place of a deeper one would see beyond both its edges."""
    return [name for name in STYLE_LAYERS if FIELD[name] <= min(size)]


def emphasised(layers: Sequence[str], emphasis: float) -> dict[str, float]:
    """The weight of each layer, of sum 1: the same for all at emphasis 0, each 4 times the one before it at 1."""
    weights = [4.0 ** (emphasis * at) for at in range(len(layers))]
    return {name: weight / sum(weights) for name, weight in zip(layers, weights, strict=True)}


def resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) -> (1, 3, h, w), in memory by planes."""
    if picture.shape[2:] == size:
        return picture
    return functional.interpolate(picture, size, mode="bicubic", antialias=True, align_corners=False).contiguous()


def regions(
    weights: Mapping[str, float], grams: Mapping[str, Mapping[str, Tensor]], masks: Mapping[str, Tensor]
) -> tuple[list[Region], Tensor | None]:
    """Where which style belongs, and how much of the picture all of them cover, (H, W), or None where that is all of it.

    Styles without a mask are mixed everywhere: the squared distance to several Gram matrices is least at their mean. Each style
    with a mask has its own part, and where several want the same place they share it by their weights.
    """
    used = {name: weight for name, weight in weights.items() if weight > 0}
    free = {name: weight for name, weight in used.items() if name not in masks}
    layers = next(iter(grams.values()))
    total = sum(free.values())
    mixed = {
        layer: torch.stack([grams[name][layer] * (weight / total) for name, weight in free.items()]).sum(0)
        for layer in (layers if free else ())
    }
    brushed = [name for name in used if name in masks]
    if not brushed:
        return [Region(mixed)], None
    parts = [(grams[name], used[name] * masks[name]) for name in brushed]
    if free:
        parts.append((mixed, torch.full_like(masks[brushed[0]], total)))
    sums = torch.stack([share for _, share in parts]).sum(0)
    cover = torch.ones_like(sums) if free else torch.stack([masks[name] for name in brushed]).amax(0)
    found = [Region(gram, cover * share / sums.clamp(min=1e-3)) for gram, share in parts]
    return [region for region in found if region.area > 1e-4], None if free else cover


@dataclass
class Canvas:
    """One variant on its way."""

    index: int
    setting: Setting
    styles: Mapping[str, float]
    options: GatysOptions
    start: Tensor  # (1, 3, h, w) of any size: what it begins with, and where what is finer comes from
    picture: Tensor | None = None  # what the sizes so far made of it
    seen: Tensor | None = None  # as it was shown last
    seconds: float = 0.0
    steps: int = 0
    taken: int = 0  # of them at the size that it is at
    remarks: list[Remark] = field(default_factory=list)
    broken: bool = False
    told: bool = False  # whether its result was yielded
    pause: Pause | None = None  # where it can be stopped and gone on from

    def behind(self, level: int) -> bool:
        """Whether it had that size of its plan behind it when it was stopped."""
        reached = self.pause.reached if self.pause else None
        return reached is not None and reached.level > level


def begun(canvas: Canvas, level: Level) -> Tensor:
    """What a stage begins with: the picture of the one before, enlarged, with what is finer from the start; at first the start."""
    start, options = resize(canvas.start, level.size), canvas.options
    if canvas.picture is None:
        if options.start == "content":
            return start + NOISE * torch.randn(start.shape, generator=chance(canvas.setting)).to(start.device)
        return start
    enlarged = resize(canvas.picture, level.size)
    if options.start == "noise":
        return enlarged
    coarse = resize(resize(canvas.start, (canvas.picture.shape[2], canvas.picture.shape[3])), level.size)
    return enlarged + start - coarse


def chance(setting: Setting) -> torch.Generator:
    return torch.Generator().manual_seed(setting.seed)


def take_up(canvas: Canvas, stage: Stage) -> None:
    """Goes on where the variant was stopped at this size, if it was."""
    if canvas.pause is None or (reached := canvas.pause.reached) is None:
        return
    with suppress(KeyError, ValueError):  # else it begins this size anew
        stage.go_on(canvas.pause.take(), reached.taken)
        canvas.steps, canvas.seconds, canvas.seen = reached.steps, reached.seconds, stage.picture


def lay_by(canvas: Canvas, stage: Stage, level: int) -> None:
    """Keeps how far it is, if there is a place for that."""
    if canvas.pause is not None:
        canvas.pause.write(Reached(level, stage.taken, canvas.steps, canvas.seconds), stage.kept())


class Stage:
    """A picture at one size: what it is compared with, and its way down. `picture` is the newest, (1, 3, H, W) in 0-1."""

    def __init__(
        self,
        picture: Tensor,
        content: Tensor,
        cover: Tensor | None,
        objective: Objective,
        descent: Descent,
        vgg: Vgg,
    ) -> None:
        self.picture, self._content, self._cover = picture.clamp(0, 1), content, cover
        self._objective, self._descent, self._vgg = objective, descent, vgg
        self._best: tuple[float, Tensor, Tensor] | None = None  # loss, picture, gradient
        self.taken = 0
        self.broken: Remark | None = None

    def step(self, check: Callable[[], None]) -> dict[str, float]:
        """One look and one move. Returns each part's loss times its weight; where one is no number, the last good picture stays."""
        values, total, gradient = self._evaluate(check)
        self.taken += 1
        if wrong := [name for name, value in values.items() if not math.isfinite(value)]:
            return self._stop(values, wrong[0])
        if not bool(gradient.isfinite().all()):
            return self._stop(values, "gradient")
        if self._best is None or total < self._best[0]:
            self._best = total, self.picture, gradient
        elif total > GROWN * self._best[0]:
            self._descent.step(self.picture, gradient, total)  # what it learns of the curvature is worth keeping
            self._descent.back()
            total, self.picture, gradient = self._best
        self.picture = self._descent.step(self.picture, gradient, total)
        return values

    def kept(self) -> dict[str, Tensor]:
        """Where it is, so that another one can go on from there; which picture was the best it does not know then."""
        return {"picture": self.picture, **{f"descent.{name}": each for name, each in self._descent.kept().items()}}

    def go_on(self, kept: Mapping[str, Tensor], taken: int) -> None:
        """Takes up what was kept after so many steps. Raises `KeyError` or `ValueError` where that is of another picture."""
        if kept["picture"].shape != self.picture.shape:
            raise ValueError("of another size")
        moved = {name: each.to(self.picture.device) for name, each in kept.items()}
        self._descent.go_on(part_of(moved, "descent"))
        self.picture, self.taken = moved["picture"], taken

    def end(self, last: float) -> Tensor:
        """The picture to keep: the newest where the last look, whose loss was `last`, was the best so far, else the best."""
        if self._best is not None and (self.broken or last > self._best[0]):
            return self._best[1]
        return self.picture

    def _covered(self, picture: Tensor) -> Tensor:
        return picture if self._cover is None else torch.lerp(self._content, picture, self._cover)

    def _evaluate(self, check: Callable[[], None]) -> tuple[dict[str, float], float, Tensor]:
        with torch.enable_grad():
            picture = self.picture.detach().requires_grad_()
            seen = self._covered(picture)
            found = self._objective(seen, self._vgg(seen, self._objective.layers, check))
            total = self._objective.total(found)
            (gradient,) = torch.autograd.grad(total, picture)
        values = {name: self._objective.weight(name) * float(value.detach()) for name, value in found.items()}
        return values, float(total.detach()), gradient.contiguous()

    def _stop(self, values: dict[str, float], name: str) -> dict[str, float]:
        if self._best is not None:
            self.picture = self._best[1]
        self.broken = Remark(
            "At step {step} of {side} pixels the loss of {layer} was no number, so this one ended there: it is the last good picture.",
            {"step": self.taken, "side": max(self.picture.shape[2:]), "layer": name},
        )
        return values
