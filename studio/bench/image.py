"""What the painter makes of sketches and words, on concepts that it never saw; whether words find the right outlines; the GAN."""

from __future__ import annotations

import fnmatch
import itertools
import shutil
import statistics
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engines import registry
from engines.api import Brief, EngineError, Progress, Setting

from . import gan
from .report import Row, row
from .visit import live_milliseconds

Tell = Callable[[object], None]
Plane = NDArray[np.float32]

ASKED = Path(__file__).with_name("drawings.toml")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "golden", "silver")
CONCEPTS = 40  # held out, that are painted in each of the colours
JUDGED = 96  # pictures of held-out concepts for the other rows
NEAR = 2  # pixels that an edge may be off
SURE, LARGER = 0.35, 3  # how sure HED must be of an edge, and how many times larger it looks at the picture
CLASSIFIER_STEPS, BATCH = 1500, 64
EACH = "a red fox"  # what the times are measured on


def rows(tell: Tell, folder: Path, quick: bool = False, grids: Path | None = None) -> Iterator[Row]:
    """All rows. `folder` keeps the pictures that are judged with; without npm to fetch them those rows have no value. What is painted,
    and what is missed, is drawn into the folder `grids`."""
    engine = registry.load("painter")
    yield from words_rows(tell)
    yield from time_rows(engine, 3 if quick else 9)
    yield live_row(3 if quick else 9)
    yield from gan.rows(3 if quick else 9)
    try:
        from engines import embed
        from engines.image import lessons

        tell(Progress(0.2, "Fetching pictures to judge with"))
        course = lessons.prepared(folder, embed.shared, lambda done, what: tell(Progress(0.2 + 0.2 * done, what)))
    except EngineError as error:
        for name in ("colour", "edges_f1", "interior_f1", "heldout_l1", "style", "seed_diversity"):
            yield row(f"painter.{name}", None, str(error))
        for name in ("recall", "transfer.gain"):
            yield row(f"gan.{name}", None, str(error))
        return
    yield from painter_rows(engine, course, tell, quick)
    unseen = gan.icons_of(course.drawn, held_out=True)
    yield gan.recall_row(unseen)
    tell(Progress(0.9, "Training GANs"))
    yield gan.transfer_row(unseen[:: max(1, len(unseen) // gan.FEW)][: gan.FEW], 0.2 if quick else gan.MINUTES)
    if grids is not None:
        from . import grids as drawing

        drawing.draw(engine, course, grids, 8 if quick else CONCEPTS)
        drawing.draw_icons(gan.icons_of(course.drawn, held_out=False), grids)
        drawing.draw_hands(registry.load("translator"), course, grids)


# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def words_rows(tell: Tell) -> Iterator[Row]:
    """Whether the first drawing shows what the words ask for, by outlines that were listed by hand."""
    from engines.image import search, words

    with ASKED.open("rb") as file:
        asked = tomllib.load(file)
    tell(Progress(0.05, "Looking for outlines"))
    single = {said: shown([search.find(each) for each in words.asked(said).things]) for said in asked["single"]}
    wrong = [said for said, names in single.items() if not right(names, asked["single"][said])]
    yield row(
        "words.single", 1 - len(wrong) / len(single), f"{len(single)} things; wrong: {', '.join(wrong) or 'none'}"
    )
    missed = []
    for each in asked["composed"]:
        names = shown([search.find(thing) for thing in words.asked(each["words"]).things])
        if not all(right(names, allowed) for allowed in each["things"]):
            missed.append(each["words"])
    count = len(asked["composed"])
    yield row("words.composed", 1 - len(missed) / count, f"{count} compositions; wrong: {'; '.join(missed) or 'none'}")


def shown(found: Sequence[Sequence[Any]]) -> list[str]:
    return [options[0].name.rpartition("/")[2] for options in found if options]


def right(names: Sequence[str], allowed: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in allowed)


# ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def time_rows(engine: Any, turns: int) -> Iterator[Row]:
    """Four variants: small, upsampled, and painted in a style."""
    brief = registry.check(Brief(mode="image", engine="painter", prompt=EACH))
    settings = [Setting({}, seed) for seed in range(4)]
    for size, name in ((128, "painter.128.four_ms"), (512, "painter.512.four_ms")):
        engine.preview(brief, settings, None, size)
        taken = [_milliseconds(partial(engine.preview, brief, settings, None, size)) for _ in range(turns)]
        told = f"median of {turns}, {EACH!r}, one by one as in a round, without the features that the taste is told by"
        yield row(name, statistics.median(taken), f"{told}; {min(taken):.0f} to {max(taken):.0f} ms")
    codes = registry.load("style-codes")
    styled = registry.check(
        Brief(mode="style", engine="style-codes", content=registry.STAND_IN, styles={"woodblock-waves": 1.0})
    )

    def painted() -> None:
        for pixels in engine.preview(brief, settings, None, 512):
            codes.preview(styled, [Setting({}, 0)], _Seen(pixels), 512)  # type: ignore[attr-defined]

    painted()
    taken = [_milliseconds(painted) for _ in range(turns)]
    yield row(
        "painter.styled.512.four_ms",
        statistics.median(taken),
        f"median of {turns}, then woodblock-waves, {min(taken):.0f} to {max(taken):.0f} ms",
    )


def live_row(turns: int) -> Row:
    """From the end of a stroke to its picture, on a page in Chromium."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return row("painter.live_ms", None, "no chromium on this machine")
    taken = live_milliseconds(browser, turns)
    return row(
        "painter.live_ms",
        statistics.median(taken),
        f"median of {turns} strokes, {min(taken):.0f} to {max(taken):.0f} ms",
    )


class _Seen:
    """The files of a brief whose content was just painted; drawn styles come from the studio."""

    def __init__(self, pixels: Any) -> None:
        from .. import config, pictures

        self._pixels = pictures.flatten(pixels)
        self._drawn, self._decoded = config.assets() / "styles", pictures.to_pixels

    def __call__(self, ref: str, /) -> Any:
        if ref == registry.STAND_IN:
            return self._pixels
        return self._decoded((self._drawn / f"{ref}.jpg").read_bytes())


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


# ── The painter ──────────────────────────────────────────────────────────────────────────────────────────────────────


def painter_rows(engine: Any, course: Any, tell: Tell, quick: bool) -> Iterator[Row]:
    from engines.image import lessons

    chance = torch.Generator().manual_seed(2)
    which = course.pick(24 if quick else JUDGED, True, chance)
    lesson = lessons.lesson(course, which, 128, chance, plain=True)
    tell(Progress(0.45, "Painting held-out concepts"))
    told = f"{len(which)} pictures of concepts that were held out, sketches from the pictures"
    four = [painted(engine, lesson, seeded(lesson.given, seed)) for seed in range(4)]
    yield _l1(lesson, four, told)
    yield from _edges(lesson, four[0], told)
    tell(Progress(0.6, "Painting in colours"))
    yield _colour(engine, course, 8 if quick else CONCEPTS)
    tell(Progress(0.7, "Comparing seeds"))
    yield _diversity(engine, course, which, lesson, told)
    tell(Progress(0.8, "Teaching a classifier the styles"))
    yield _style(engine, course, lesson, 60 if quick else CLASSIFIER_STEPS, told)


def painted(engine: Any, lesson: Any, given: Any) -> Tensor:
    """The raw output, (N, 4, 128, 128)."""
    with torch.inference_mode():
        parts = [
            engine.raw(lesson.seen[at : at + 16].float(), given[slice(at, at + 16)]) for at in range(0, len(lesson), 16)
        ]
    return torch.cat(parts)


def seeded(given: Any, seed: int) -> Any:
    from engines.image import painter

    return replace(given, code=painter.codes(len(given.code), torch.Generator().manual_seed(seed)))


def on_white(pictures: Tensor) -> Tensor:
    return pictures[:, :3] * pictures[:, 3:] + 1 - pictures[:, 3:]


def _l1(lesson: Any, four: Sequence[Tensor], told: str) -> Row:
    mean, real = torch.stack([on_white(each) for each in four]).mean(0), on_white(lesson.pictures)
    white = float((1 - real).abs().mean())
    return row(
        "painter.heldout_l1",
        float((mean - real).abs().mean()),
        f"{told}, words name the natural colour; a white picture {white:.3f}",
    )


def _edges(lesson: Any, made: Tensor, told: str) -> Iterator[Row]:
    """F1 of HED's edges against the sketch, and against its lines inside alone."""
    from scipy import ndimage

    scores: dict[str, list[float]] = {"edges_f1": [], "interior_f1": []}
    for picture, ink, seen in zip(on_white(made), lesson.ink.numpy(), lesson.seen.numpy(), strict=True):
        found, drawn = edges_of(picture), ink > 0.5
        deep = ndimage.binary_erosion(seen[1] > 0.5, iterations=5)
        scores["edges_f1"].append(f1(found, drawn))
        if (drawn & deep).sum() >= 20:
            scores["interior_f1"].append(f1(found & deep, drawn & deep))
    for name, values in scores.items():
        yield row(
            f"painter.{name}",
            statistics.mean(values),
            f"{told}; mean of {len(values)}, {NEAR} px tolerance, HED at {LARGER} times the size",
        )


def edges_of(picture: Tensor) -> NDArray[np.bool_]:
    """HED's edges, one pixel wide or two. (3, H, W) -> (H, W)."""
    large = functional.interpolate(picture[None], scale_factor=LARGER, mode="bicubic", align_corners=False)[0].clamp(
        0, 1
    )
    sure = registry.eyes().edges((large.movedim(0, -1).numpy() * 255).round().astype(np.uint8))
    height, width = picture.shape[1:]
    small = sure.reshape(height, LARGER, width, LARGER).max((1, 3))
    ridge = np.zeros_like(small, dtype=bool)
    for axis in (0, 1):
        before, after = np.roll(small, 1, axis), np.roll(small, -1, axis)
        ridge |= (small >= before) & (small >= after) & (small > np.minimum(before, after))
    return np.asarray(ridge & (small > SURE))


def f1(found: NDArray[np.bool_], drawn: NDArray[np.bool_]) -> float:
    from scipy import ndimage

    if not found.any() or not drawn.any():
        return 0.0
    near_drawn = ndimage.distance_transform_edt(~drawn) <= NEAR
    near_found = ndimage.distance_transform_edt(~found) <= NEAR
    precision, recall = float(near_drawn[found].mean()), float(near_found[drawn].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def coloured(engine: Any, course: Any, count: int) -> Iterator[tuple[str, list[str], Tensor, list[bool]]]:
    """Held-out concepts in each colour: its name, what was said, the pictures, and whether the colour is the main one inside."""
    from engines import embed
    from engines.image import colour, lessons, words

    chance = torch.Generator().manual_seed(3)
    names = [at for at, each in enumerate(course.drawn.concepts) if each.held_out]
    picked = torch.tensor(names)[torch.randperm(len(names), generator=chance)[:count]]
    which = torch.stack([torch.nonzero(torch.from_numpy(course.drawn.concept) == at)[0, 0] for at in picked])
    lesson = lessons.lesson(course, which, 128, chance, plain=True)
    for name in COLOURS:
        said = [f"{name} {course.drawn.concepts[at].name}" for at in picked.tolist()]
        palette = torch.zeros(count, 3, 4)
        for at, text in enumerate(said):
            things = words.asked(text).things
            for slot, each in enumerate(things[0].colours[:3] if things else ()):
                palette[at, slot, :3], palette[at, slot, 3] = colour.named()[each].lab, 1.0
        given = replace(seeded(lesson.given, 1), words=torch.from_numpy(embed.shared.embed(said)), palette=palette)
        made = painted(engine, lesson, given)
        inside = (lesson.seen[:, 1] > 0.5) & (made[:, 3] > 0.5)
        nearest = colour.nearest(colour.oklab(made[:, :3].movedim(1, -1)), COLOURS)
        counts = [
            torch.bincount(each[where], minlength=len(COLOURS)) for each, where in zip(nearest, inside, strict=True)
        ]
        hits = [bool(each.any()) and int(each.argmax()) == COLOURS.index(name) for each in counts]
        yield name, said, made, hits


def _colour(engine: Any, course: Any, count: int) -> Row:
    """How often the colour in the words is the main one inside the outline."""
    hits = {name: sum(right) for name, _, _, right in coloured(engine, course, count)}
    return row(
        "painter.colour",
        sum(hits.values()) / (len(COLOURS) * count),
        f"{len(COLOURS)} colours x {count} held-out concepts; of {count}: "
        + ", ".join(f"{name} {value}" for name, value in hits.items()),
    )


def _diversity(engine: Any, course: Any, which: Tensor, lesson: Any, told: str) -> Row:
    """How different four seeds look, over how different concepts do. No colour is told, in words or as palette."""
    count, names = min(12, len(lesson)), course.words[torch.from_numpy(course.drawn.concept)[which], 0]
    plain = replace(lesson.given, words=names, palette=torch.zeros_like(lesson.given.palette))
    seeds = [_bytes(on_white(painted(engine, lesson, seeded(plain, seed)))[:count]) for seed in range(4)]
    eyes = registry.eyes()
    within = [
        eyes.distance(seeds[a][at], seeds[b][at]) for at in range(count) for a, b in itertools.combinations(range(4), 2)
    ]
    between = [eyes.distance(seeds[0][a], seeds[0][b]) for a, b in itertools.combinations(range(count), 2)]
    value = statistics.mean(within) / statistics.mean(between)
    return row(
        "painter.seed_diversity",
        value,
        f"{told}, {count} of them; {statistics.mean(within):.3f} within, {statistics.mean(between):.3f} between",
    )


def _style(engine: Any, course: Any, lesson: Any, steps: int, told: str) -> Row:
    """How often a classifier that learned from real pictures sees the style that was asked for."""
    classifier = taught(course, steps)
    real = float((classifier(looked_at(lesson.pictures)).argmax(1) == lesson.given.style.argmax(1)).float().mean())
    right_ones = []
    for style in range(3):
        given = replace(seeded(lesson.given, style), style=torch.eye(3)[style].expand(len(lesson), 3))
        with torch.inference_mode():
            right_ones.append((classifier(looked_at(painted(engine, lesson, given))).argmax(1) == style).float().mean())
    return row(
        "painter.style",
        float(torch.stack(right_ones).mean()),
        f"{told}, each in three styles; on real pictures the classifier is right in {real:.2f}",
    )


class _Pooled(nn.Module):
    """The mean and the most of each channel: (N, C, H, W) -> (N, 2 C)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x.mean((2, 3)), x.amax((2, 3))), 1)


def taught(course: Any, steps: int) -> nn.Module:
    """A small classifier of styles, taught on real pictures of concepts that may be learned from, bent and recoloured each time as the
    painter's are: a colour that was asked for is no style."""
    from engines.image import colour, lessons

    with torch.random.fork_rng():
        torch.manual_seed(0)
        chance, widths = torch.Generator().manual_seed(0), (4, 24, 48, 96)
        layers = [
            part
            for into, out in itertools.pairwise(widths)
            for part in (nn.Conv2d(into, out, 3, 2, 1), nn.BatchNorm2d(out), nn.ReLU())
        ]
        network = nn.Sequential(*layers, _Pooled(), nn.Dropout(0.3), nn.Linear(2 * widths[-1], 3))
        optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
        rates = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
        for _ in range(steps):
            which = course.pick(BATCH, False, chance)
            pictures = torch.from_numpy(course.drawn.pictures[which.numpy()]).float().div(255).movedim(-1, 1)
            bent, palette = lessons.bent(lessons.shrunk(pictures, 64), chance)[0], course.clusters[which]
            recoloured, *_ = lessons.recoloured(bent, palette, colour.nearest(palette[:, 0]), chance)
            seen = network(looked_at(recoloured))
            loss = functional.cross_entropy(seen, torch.from_numpy(course.drawn.style)[which], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rates.step()
    return network.eval()


def looked_at(pictures: Tensor) -> Tensor:
    """As the classifier looks at them: 64 pixels, colours on white, and what covers."""
    both = torch.cat((on_white(pictures), pictures[:, 3:]), 1)
    return functional.avg_pool2d(both, pictures.shape[2] // 64)


def _bytes(pictures: Tensor) -> list[NDArray[np.uint8]]:
    return [(each.movedim(0, -1).numpy() * 255).round().astype(np.uint8) for each in pictures]
