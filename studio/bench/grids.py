"""What a painter makes of concepts that it never saw, and what it gets wrong, as pictures to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from .image import coloured, on_white, painted, seeded
from .translator import drawn_as

SIDE, SHOWN, MISSED = 128, 10, 40
LINE = 16  # pixels of a caption
SAMPLES, IN_ROW = 96, 12  # of the GAN


def draw(engine: Any, course: Any, folder: Path, concepts: int) -> None:
    """Writes `painter.jpg`, ten concepts a row for each thing asked, and `misses.jpg`, up to forty of the colours that are missed."""
    folder.mkdir(parents=True, exist_ok=True)
    _tiled(list(_asked(engine, course))).save(folder / "painter.jpg", quality=88)
    missed = [
        (text, picture)
        for _, said, made, right in coloured(engine, course, concepts)
        for text, picture, hit in zip(said, on_white(made), right, strict=True)
        if not hit
    ]
    shown = np.linspace(0, max(0, len(missed) - 1), min(MISSED, len(missed))).round().astype(int)
    _captioned([missed[each] for each in shown]).save(folder / "misses.jpg", quality=88)


def draw_icons(known: Sequence[NDArray[np.uint8]], folder: Path) -> None:
    """Writes `icons.jpg`: what our base GAN makes by chance, untruncated, and below it the samples that come nearest to a picture that
    it learned from, each above that picture."""
    from engines.image.gan import ganfile, measures, networks

    base = ganfile.base()
    generator = networks.generator(base.plan).eval()
    base.into(generator)
    made = networks.samples(generator, SAMPLES)
    near = measures.nearest(made, known)
    closest = sorted(range(len(made)), key=lambda at: near[at][1])[:IN_ROW]
    rows = [*made, *(made[at] for at in closest), *(known[near[at][0]] for at in closest)]
    _tiled(
        [torch.from_numpy(np.stack(rows[at : at + IN_ROW])).movedim(-1, 1) / 255 for at in range(0, len(rows), IN_ROW)]
    ).save(folder / "icons.jpg", quality=88)


def draw_hands(engine: Any, course: Any, folder: Path) -> None:
    """Writes `translator.jpg`: held-out drawings, and below them the same by each of the translator's hands."""
    which = course.pick(IN_ROW, True, torch.Generator().manual_seed(6)).numpy()
    real = on_white(torch.from_numpy(course.drawn.pictures[which]).float().div(255).movedim(-1, 1))
    drawn = [
        torch.stack([drawn_as(engine, picture, hand, at) for at, picture in enumerate(real)])
        for hand in engine.info.styles
    ]
    _tiled([real, *drawn]).save(folder / "translator.jpg", quality=88)


def _asked(engine: Any, course: Any) -> Iterator[Tensor]:
    """Rows of (N, 3, 128, 128): the sketch; two seeds in the natural colour; two with the name alone; three with it and
    the colours that the studio draws; blue; golden; the three styles."""
    from engines.image import colour, lessons
    from engines.image.painter import coloured as drawn

    chance = torch.Generator().manual_seed(5)
    lesson = lessons.lesson(course, course.pick(SHOWN, True, chance), SIDE, chance, plain=True)
    concept = torch.from_numpy(course.drawn.concept)[lesson.which]
    blank = torch.zeros_like(lesson.given.palette)

    def shown(given: Any, seed: int = 1) -> Tensor:
        return on_white(painted(engine, lesson, seeded(given, seed)))

    def told(name: str, **more: Any) -> Any:
        palette = blank.clone()
        palette[:, 0, :3], palette[:, 0, 3] = colour.named()[name].lab, 1.0
        words = course.words[concept, 1 + lessons.MIXES + colour.BASIC.index(name)]
        return replace(lesson.given, words=words, palette=palette, **more)

    yield 1 - lesson.ink[:, None].expand(-1, 3, -1, -1)
    alone = replace(lesson.given, words=course.words[concept, 0], palette=blank)
    for given in (lesson.given, alone):
        yield shown(given, 1)
        yield shown(given, 2)
    names = [course.drawn.concepts[at].name for at in concept.tolist()]
    for seed in (1, 2, 3):
        yield shown(replace(alone, palette=drawn(blank, names, seed)), seed)
    yield shown(told("blue"))
    yield shown(told("golden"))
    for style in torch.eye(3):
        yield shown(told("green", style=style.expand(SHOWN, 3)))


def _tiled(rows: Sequence[Tensor]) -> Image.Image:
    whole = torch.cat([torch.cat(list(each), 2) for each in rows], 1)
    return _picture(whole)


def _captioned(pictures: Sequence[tuple[str, Tensor]]) -> Image.Image:
    """Pictures with what was asked beneath, eight a row."""
    across = 8
    down = max(1, -(-len(pictures) // across))
    sheet = Image.new("RGB", (across * SIDE, down * (SIDE + LINE)), "white")
    pen = ImageDraw.Draw(sheet)
    for at, (text, picture) in enumerate(pictures):
        left, top = at % across * SIDE, at // across * (SIDE + LINE)
        sheet.paste(_picture(picture), (left, top))
        pen.text((left + 4, top + SIDE), text[:22], fill="black")
    return sheet


def _picture(pixels: Tensor) -> Image.Image:
    return Image.fromarray((pixels.clamp(0, 1).movedim(0, -1).numpy() * 255).round().astype(np.uint8))
