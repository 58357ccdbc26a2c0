"""Style by optimisation beside how it is usually done: L-BFGS from noise as in the paper, and Adam from the content, from coarse to fine.

Ours paints first; its result's total loss, all in float32, is what the peers have to reach, with the same VGG, layers and weights. A
peer is given up once it has taken twice as long as the goal asks for. They take minutes, one after the other, so what is counted on a
CPU are its own seconds there: what else runs meanwhile would be on the side of whoever had the cores for himself.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engines import registry
from engines.api import Brief, Engine, Pixels, Preview, Result, Setting

from .. import config, pictures
from ..blobs import Blobs
from ..rounds import Stored
from .report import GOALS, Row, row

STYLE = {"thick-oil": 1.0}
BALANCES = (0.0, -0.5, 0.5, 1.0)  # of the four variants
PATIENCE = 2.0  # times the goal, after which a peer is given up
LIMIT = 900.0  # seconds of one peer
ADAM_RATES = (0.03, 0.08)  # the better of them counts
ADAM_STEPS = 60  # at each smaller size
Tell = Callable[[object], None]


@dataclass(frozen=True)
class Task:
    """What is to be painted, and how well it was."""

    objective: Callable[[int], tuple[Any, Any]]  # by size: the losses, and the content, (1, 3, H, W)
    vgg: Any  # in float32
    goal: float
    seconds: float
    size: int


def rows(quick: bool, tell: Tell) -> Iterator[Row]:
    size = 192 if quick else 512
    engine = registry.load("gatys")
    files = registry.StandIn(example(), Stored(Blobs(config.home() / "blobs")))
    yield preview_row(engine, files, size, 1 if quick else 3)
    tell("Style by optimisation: ours")
    task = painted(engine, files, size)
    tell("Style by optimisation: L-BFGS from noise")
    yield duel(
        "gatys.512.vs_plain", task, lambda most: plain(task, most), "L-BFGS from noise in full size, as in the paper"
    )
    tell("Style by optimisation: Adam from the content")

    def adam(most: float) -> tuple[float, float]:
        found: list[tuple[float, float]] = []
        for rate in ADAM_RATES:  # a second one need not go on for longer than the first
            found.append(
                coarse_to_fine(task, rate, min([most, *(seconds for seconds, loss in found if loss <= task.goal)]))
            )
        return min(found, key=lambda each: (each[1] > task.goal, each[0]))

    yield duel(
        "gatys.512.vs_adam", task, adam, f"Adam from the content, from coarse to fine, the better rate of {ADAM_RATES}"
    )


def clock() -> float:
    """Seconds of this process on the processor, or of the day where something else computes."""
    from engines import device

    return time.process_time() if device.choose().device == "cpu" else time.perf_counter()


def preview_row(engine: Engine, files: Any, size: int, turns: int) -> Row:
    """From the start of a round to the moment at which all four variants were seen."""
    brief = asked(size)
    own = registry.info("gatys").space(brief).yours
    settings = [Setting(own | {"balance": balance}, 0) for balance in BALANCES]
    taken = []
    for _ in range(turns + 1):
        began, seen = time.perf_counter(), set()
        for event in engine.run(brief, settings, files, lambda: False):
            if isinstance(event, Preview):
                seen.add(event.index)
                if len(seen) == len(settings):
                    break
        taken.append(time.perf_counter() - began)
    told = (
        f"{size} px, median of {turns}; the first time, with weights to load and the style to look at, {taken[0]:.1f} s"
    )
    return row("gatys.first_preview_s", statistics.median(taken[1:]), told)


def example() -> Pixels:
    """The still life as it is."""
    return pictures.to_pixels((config.assets() / "contents" / "still-life.jpg").read_bytes())


def asked(size: int) -> Brief:
    return registry.check(Brief(engine="gatys", content=registry.STAND_IN, styles=STYLE, size=size))


def painted(engine: Any, files: Any, size: int) -> Task:
    """Ours, from the start of a round with one variant to its result, and the loss of that in float32."""
    import torch

    from engines import device, store
    from engines.vision import MODEL, Eyes, planes

    brief = asked(size)
    setting = Setting(registry.info("gatys").space(brief).yours, 0)
    began = clock()
    (result,) = (event for event in engine.run(brief, [setting], files, lambda: False) if isinstance(event, Result))
    seconds = clock() - began
    found = store.tensors(MODEL)
    exact = type(engine)(Eyes(lambda: found, lambda: replace(device.choose(), dtype="float32")))
    task = Task(lambda side: exact.judged(brief, setting, files, side), exact.vgg, 0.0, seconds, size)
    objective, content = task.objective(size)
    with torch.no_grad():
        picture = planes([np.asarray(result.pixels)]).contiguous().to(content.device)
        goal = float(objective.total(objective(picture, task.vgg(picture, objective.layers))))
    return replace(task, goal=goal)


def duel(name: str, task: Task, peer: Callable[[float], tuple[float, float]], what: str) -> Row:
    most = min(LIMIT, PATIENCE * GOALS[name].value * task.seconds)
    seconds, loss = peer(most)
    reached = "" if loss <= task.goal else f", where it was given up at a loss of {loss:.4f}"
    told = f"{task.size} px, processor seconds to a loss of {task.goal:.4f}: {what} {seconds:.1f} s{reached}, ours {task.seconds:.1f} s"
    return row(name, seconds / task.seconds, told)


def plain(task: Task, most: float) -> tuple[float, float]:
    """Seconds and loss of L-BFGS from noise, at full size (Gatys et al. 2016, section 2), as PyTorch has it."""
    import torch

    objective, content = task.objective(task.size)
    x = torch.rand(content.shape, generator=torch.Generator().manual_seed(0)).to(content.device).requires_grad_()
    way = torch.optim.LBFGS([x], max_iter=1, history_size=100, tolerance_grad=0, tolerance_change=0)
    return descended(task, objective, x, way, most, scale=1e4)


def coarse_to_fine(task: Task, rate: float, most: float) -> tuple[float, float]:
    """Seconds and loss of Adam from the content, at the sizes that ours goes through."""
    import torch

    from engines.style.canvas import levels, resize

    _, full = task.objective(task.size)
    plan = levels((full.shape[2], full.shape[3]), 1)
    spent, x = 0.0, full
    for at, level in enumerate(plan):
        objective, content = task.objective(level.side)
        x = (
            resize(content if at == 0 else x, (content.shape[2], content.shape[3]))
            .detach()
            .clamp(0, 1)
            .requires_grad_()
        )
        way = torch.optim.Adam([x], lr=rate)
        last = at == len(plan) - 1
        seconds, loss = descended(task, objective, x, way, most - spent, steps=None if last else ADAM_STEPS)
        spent += seconds
    return spent, loss


def descended(
    task: Task, objective: Any, x: Any, way: Any, most: float, scale: float = 1.0, steps: int | None = None
) -> tuple[float, float]:
    """Until the loss is the task's, or so many steps are done, or the seconds are over: how many there were, and the loss."""
    import torch

    began, count, best = clock(), 0, float("inf")
    while clock() - began < most and count != steps and (steps is not None or best > task.goal):
        found: list[float] = []

        def closure(found: list[float] = found) -> Any:
            way.zero_grad()
            total = objective.total(objective(x, task.vgg(x, objective.layers)))
            (total * scale).backward()
            found.append(float(total.detach()))
            return total * scale

        way.step(closure)
        count += 1
        best = min(best, found[0])
        if isinstance(way, torch.optim.Adam):
            with torch.no_grad():
                x.clamp_(0, 1)
    return clock() - began, best
