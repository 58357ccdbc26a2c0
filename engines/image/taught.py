"""A painter is taught an artist's own pairs from beginning to end: the training with previews of held-out pairs, what became of them in
figures, and its file. Told as events.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..api import Pixels
from ..errors import EngineError
from ..files import write_whole
from ..unfinished import Stopped
from . import painterfile, pairs
from .lessons import Course
from .network import Generator
from .plan import Plan

SEEN = 4  # held-out pairs of a preview
FIRST, LOOKS = 6.0, 40  # seconds until the first new preview at least, and about how many there are in all


@dataclass(frozen=True)
class Step:
    step: int
    seconds: float  # of training so far
    left: float
    losses: Mapping[str, float]


@dataclass(frozen=True)
class Shown:
    """Held-out pairs as they are painted by now."""

    step: int
    pixels: Pixels  # (rows of 136, 544, 3): sketch, before, now, real


@dataclass(frozen=True)
class Judging:
    """All that was held out is painted and measured."""

    done: float


@dataclass(frozen=True)
class Trained:
    file: Path
    facts: Mapping[str, Any]
    grid: Path  # a PNG of rows of held-out pairs: sketch, before, after, real
    words: tuple[str, ...]  # what was said of each row


def learn(
    course: Course,
    plan: Plan,
    folder: Path,
    base: Path,
    file: Path,
    name: str,
    cancelled: Callable[[], bool],
) -> Iterator[Step | Shown | Judging | Trained]:
    """Goes on from the painter `base` and writes `file`, a painter called `name`. What a stopped training needs lies in `folder`; the same
    call goes on with it.

    Raises `EngineError`, at once where `base` is no painter, later where the losses are no numbers any more or the disk gives up.
    """
    return _run(pairs.Going(course, plan, folder, base), file, name, cancelled)


def _run(
    making: pairs.Going, file: Path, name: str, cancelled: Callable[[], bool]
) -> Iterator[Step | Shown | Judging | Trained]:
    def check() -> None:
        if cancelled():
            raise Stopped

    plan, first, seen = making.plan, pairs.original(making), pairs.held_out(making.course)[:SEEN]
    try:
        before = pairs.painted(first, seen, check=check)
        held = {"held_out": pairs.l1(before, seen)}

        def shown() -> Shown:
            now = pairs.painted(making.averaged, seen, check=check)
            held["held_out"] = pairs.l1(now, seen)
            return Shown(making.log.step, np.concatenate(pairs.rows(seen, before, now)))

        yield shown()
        looked, pause = time.monotonic(), max(FIRST, 60 * plan.minutes / LOOKS)
        for told in making.run(cancelled):
            if not all(map(math.isfinite, told.values())):
                raise EngineError(
                    "The losses are no numbers any more.", "Discard this training and begin again with another seed."
                )
            told.update(held)  # in the log, too
            yield _step(making)
            if time.monotonic() - looked > pause:
                yield shown()
                looked = time.monotonic()
        check()
        yield shown()
        if making.log.curve:
            making.log.curve[-1].update(held)
            yield _step(making)
        yield from _ended(making, first, file, name, check)
    except Stopped:  # what was learned so far is kept
        return


def _step(making: pairs.Going) -> Step:
    """The last one that was told."""
    losses = {key: value for key, value in making.log.curve[-1].items() if key not in ("step", "minutes")}
    return Step(making.log.step, making.log.seconds, max(0.0, 60 * making.plan.minutes - making.log.seconds), losses)


def _ended(
    making: pairs.Going,
    first: Generator,
    file: Path,
    name: str,
    check: Callable[[], None],
) -> Iterator[Judging | Trained]:
    lesson, judged = pairs.held_out(making.course), {}
    yield Judging(0.0)
    made: list[Tensor] = []
    for at, (when, each) in enumerate((("before", first), ("after", making.averaged))):
        made.append(pairs.painted(each, lesson, check=check))
        yield Judging(at / 2 + 0.2)
        judged[when] = pairs.figures(made[-1], lesson, check=check)
        yield Judging(at / 2 + 0.5)
    grid = file.with_name(f"{file.name.removesuffix(painterfile.SUFFIX)}.pairs.png")
    write_whole(grid, pairs.grid(lesson, *made))
    facts = {
        "pairs": len(making.course.drawn.concepts),
        "held_out": {"count": len(lesson), **judged},
        **making.facts(),
    }
    painterfile.write(file, name, making.averaged, making.encoder, facts, pairs.thumbnail(made[1]))
    concepts = making.course.drawn.concepts
    said = (concepts[at].name for at in lesson.which[: pairs.SHOWN].tolist())
    yield Trained(file, facts, grid, tuple("" if each == pairs.NOTHING_SAID else each for each in said))
