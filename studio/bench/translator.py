"""What the translator makes of drawings of things that it never saw: whether the hand has changed, and whether the thing is still there."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engines import registry
from engines.api import Brief, EngineError, Progress, Setting

from . import image
from .report import Row, row

Tell = Callable[[object], None]

JUDGED = 72  # pictures of held-out concepts
NAMES = ("stylegan.keeps", "stylegan.moves")


def rows(tell: Tell, folder: Path, quick: bool = False) -> Iterator[Row]:
    """Both rows. `folder` keeps the pictures that are judged with; without npm to fetch them the rows have no value."""
    try:
        from engines import embed
        from engines.image import lessons

        tell(Progress(0.0, "Fetching pictures to judge with"))
        course = lessons.prepared(folder, embed.shared, lambda done, what: tell(Progress(0.2 * done, what)))
    except EngineError as error:
        for name in NAMES:
            yield row(name, None, str(error))
        return
    engine = registry.load("translator")
    yield from measured(engine, course, tell, 12 if quick else JUDGED, 60 if quick else image.CLASSIFIER_STEPS)


def measured(engine: Any, course: Any, tell: Tell, count: int, steps: int) -> Iterator[Row]:
    """The rows, on so many held-out pictures, each drawn by the hands that did not draw it; the classifier learns for so many steps."""
    which = course.pick(count, True, torch.Generator().manual_seed(4))
    real = torch.from_numpy(course.drawn.pictures[which.numpy()]).float().div(255).movedim(-1, 1)
    style = torch.from_numpy(course.drawn.style)[which]
    white = image.on_white(real)
    edges = [image.edges_of(picture) for picture in white]
    tell(Progress(0.3, "Teaching a classifier the styles"))
    classifier = image.taught(course, steps)
    with torch.inference_mode():
        sure = float((classifier(seen(white, real[:, 3:])).argmax(1) == style).float().mean())
    kept, moved = list[float](), dict[tuple[int, int], list[bool]]()
    for to, hand in enumerate(engine.info.styles):
        tell(Progress(0.6 + 0.4 * to / len(engine.info.styles), f"Drawing as {hand}"))
        for at in torch.nonzero(style != to)[:, 0].tolist():
            drawn = drawn_as(engine, white[at], hand, at)
            kept.append(image.f1(image.edges_of(drawn), edges[at]))
            with torch.inference_mode():
                taken = int(classifier(seen(drawn[None], real[at : at + 1, 3:])).argmax())
            moved.setdefault((int(style[at]), to), []).append(taken == to)
    told = f"{len(kept)} drawings of {count} held-out pictures, each by the two hands that did not draw it"
    yield row(
        "stylegan.keeps",
        statistics.mean(kept),
        f"F1 of HED's edges before and after, {image.NEAR} px tolerance; {told}",
    )
    names = engine.info.styles
    ways = ", ".join(f"{names[a]} to {names[b]} {statistics.mean(hits):.2f}" for (a, b), hits in sorted(moved.items()))
    share = statistics.mean(hit for hits in moved.values() for hit in hits)
    yield row(
        "stylegan.moves",
        share,
        f"taken for the hand asked for by a classifier of real drawings, which is right in {sure:.2f} of those; {told}: {ways}",
    )


def drawn_as(engine: Any, picture: Tensor, hand: str, seed: int) -> Tensor:
    """What the engine makes of a picture, (3, H, W) in 0-1, by one hand."""
    pixels = (picture.movedim(0, -1).numpy() * 255).round().astype("uint8")
    brief = registry.check(Brief(engine=engine.info.name, content=registry.STAND_IN, styles={hand: 1.0}))
    (made,) = engine.preview(brief, [Setting({}, seed)], registry.StandIn(pixels), picture.shape[2])
    return torch.from_numpy(made).float().div(255).movedim(-1, 0)


def seen(white: Tensor, alpha: Tensor) -> Tensor:
    """As `image.looked_at`, of pictures that lie on white already; what covers is the original's."""
    return functional.avg_pool2d(torch.cat((white, alpha), 1), white.shape[2] // 64)
