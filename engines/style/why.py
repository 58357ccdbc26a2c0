"""Why a picture by optimisation looks as it does: each part's loss, and what there would be if one layer alone were followed.

As in Gatys, Ecker, Bethge 2016, figures 1 and 2: a picture that began as noise, and in which one layer sees what it is to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch

from ..api import Brief, Part, Pictures, Pixels, Setting
from ..vision import planes
from .canvas import Stage
from .descent import Lbfgs
from .losses import Objective, Weights
from .painting import to_pixels

if TYPE_CHECKING:
    from .gatys import Gatys

SIDE = 128  # the long side of what a layer alone gives
STEPS = 40


def parts(engine: Gatys, brief: Brief, setting: Setting, pictures: Pictures, pixels: Pixels) -> list[Part]:
    """Where a variant, (H, W, 3), stands: each part's loss and what it has of the whole. Raises `EngineError` as `run` does."""
    objective, content = engine.judged(brief, setting, pictures, max(pixels.shape[:2]))
    picture = planes([pixels]).contiguous().to(content.device)
    with torch.no_grad():
        found = objective(picture, engine.vgg(picture, objective.layers))
    weighed = {name: objective.weight(name) * float(value) for name, value in found.items()}
    whole = sum(weighed.values()) or 1.0
    return [Part(name, float(found[name]), value / whole) for name, value in weighed.items()]


def alone(
    engine: Gatys, brief: Brief, setting: Setting, pictures: Pictures, check: Callable[[], None] = lambda: None
) -> Iterator[tuple[str, Pixels]]:
    """From noise, the picture that each layer alone asks for, small, by the part's name: first the content, then styles by depth.

    What `check` raises ends it.
    """
    objective, content = engine.judged(brief, setting, pictures, SIDE, check)
    noise = torch.rand(content.shape, generator=torch.Generator().manual_seed(setting.seed)).to(content.device)
    with torch.no_grad():
        seen = engine.vgg(content, list(objective.content), check)
    calm = objective.weights.smoothness
    for name in ("content", *objective.style):
        weights = Weights(1.0, {}, calm) if name == "content" else Weights(0.0, {name: 1.0}, calm)
        single = Objective(seen if name == "content" else {}, [region for region, _ in objective.regions], weights)
        stage = Stage(noise, content, None, single, Lbfgs(), engine.vgg)
        last = 0.0
        for _ in range(STEPS):
            last = sum(stage.step(check).values())
        label = f"content:{next(iter(objective.content))}" if name == "content" else f"style:{name}"
        yield label, to_pixels(stage.end(last)[0].permute(1, 2, 0).cpu())
