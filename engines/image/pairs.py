"""A painter that goes on with an artist's own pairs: pictures with words and the sketches they were painted under.

What the painter knows of lines and of words stays frozen (its way down, its condition, and what is usual in each layer); its way up
learns how these pictures are coloured, as `training` has it: copying with a code that the frozen encoder reads, and against a
discriminator that looks through VGG-16. Held-out pairs are painted before and after.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .. import vision
from ..embed import Reader
from . import lessons, lines, painterfile, sketches, training
from .icons import SIDE, Concept, Drawn
from .lessons import Course, Lesson
from .network import STYLES, Condition, Generator
from .plan import Plan, check_pairs

KEPT_OUT, OF = 4, 8  # pairs that are held out: at least so many, and one in so many
SHOWN, BORDER = 12, 4  # rows of the grid at most, and pixels around each picture in it
TOGETHER = 4  # pictures that are painted at once
DETAIL, CLEAN = 0.5, 0.3  # how sketches are read, as the engine's options have it
SEEN = 2 * SIDE  # pixels at which HED finds lines: twice as fine as they are painted under
FROZEN = ("condition.", "down.")  # how the names of what does not learn begin
NOTHING_SAID = "picture"  # what is called so has no words
EDGE, NEAR = 0.12, 1  # the weakest edge that counts; pixels within which two edges are one


@dataclass(frozen=True)
class Pair:
    name: str  # of the file
    words: str  # "" where nothing is said of it
    picture: NDArray[np.uint8]  # (128, 128, 4) RGBA, colours not multiplied by alpha
    ink: NDArray[np.float32]  # (128, 128) darkness in 0-1


@dataclass(frozen=True)
class Known(Concept):
    """The words of one pair. Which are held out is chosen among the pairs, not by name."""

    aside: bool = False

    @property
    def held_out(self) -> bool:
        return self.aside


def ink_of(pixels: NDArray[np.uint8], sketch: bool) -> NDArray[np.float32]:
    """The lines of a square sketch, or those that HED finds in a square picture: (S, S, 3 or 4) -> (128, 128).

    Raises `EngineError` where there are none.
    """
    plane = (
        sketches.read(pixels, "auto", DETAIL, CLEAN) if sketch else sketches.read(pixels, "photo", DETAIL, CLEAN, SEEN)
    )
    return sketches.firm(sketches.cut(plane, (0.0, 0.0, 1.0, 1.0), (SIDE, SIDE)))


def course(
    pairs: Sequence[Pair], reader: Reader, seed: int = 0, told: Callable[[float], None] = lambda done: None
) -> Course:
    """What is learned from and what is held out. Raises `EngineError` where there are too few pairs. `told` may stop it by an exception."""
    check_pairs(len(pairs))
    aside = set(np.random.default_rng(seed).permutation(len(pairs))[: max(KEPT_OUT, len(pairs) // OF)].tolist())
    known = tuple(Known(each.words or NOTHING_SAID, (), (), 0, at in aside) for at, each in enumerate(pairs))
    one = np.zeros(len(pairs), np.int64)
    drawn = Drawn(known, np.arange(len(pairs)), one, np.stack([each.picture for each in pairs]))
    found = lessons.read(drawn, reader, told)
    said = torch.tensor([bool(each.words) for each in pairs])
    inks = torch.from_numpy(np.stack([each.ink for each in pairs]))
    return Course(drawn, found.words * said[:, None, None], found.clusters, found.shares, inks)


def digest(pairs: Sequence[Pair]) -> str:
    """What tells these pairs from others."""
    found = hashlib.sha256()
    for each in pairs:
        found.update(each.words.encode() + each.picture.tobytes() + each.ink.tobytes())
    return found.hexdigest()


class Going(training.Training):
    """A painter that goes on from `base`; see the module. Any style that is asked for becomes that of the pairs."""

    style_cost = 0.0
    told_every, kept_every = 2, 60.0

    def __init__(self, course: Course, plan: Plan, folder: Path, base: Path, eyes: vision.Eyes = vision.shared) -> None:
        super().__init__(course, plan, folder, eyes)
        training.begin(self, base)
        self.generator.eval()  # what is usual in each layer stays as it was
        self.encoder.eval().requires_grad_(False)

    def _learners(self) -> list[dict[str, Any]]:
        for name, part in self.generator.named_parameters():
            part.requires_grad_(not name.startswith(FROZEN))
        return [{"params": [part for part in self.generator.parameters() if part.requires_grad]}]

    def _lesson(self, which: Tensor, side: int) -> Lesson:
        made = super()._lesson(which, side)
        style = functional.one_hot(torch.randint(STYLES, (len(made),), generator=self.chance), STYLES).float()
        given = Condition(made.given.words, style, made.given.palette, made.given.code)
        return Lesson(made.pictures, made.seen, given, made.ink, made.which)


def original(making: Going) -> Generator:
    """The painter that it went on from."""
    found = Generator()
    found.load_state_dict(
        {name: each for name, each in making.before.items() if not name.startswith(painterfile.ENCODER)}, strict=False
    )
    return found.eval()


# ── What became of it ────────────────────────────────────────────────────────────────────────────────────────────────


def held_out(course: Course) -> Lesson:
    """All pairs that were held out: their own sketches, their words, and the colour that most of them is in."""
    which = torch.tensor([at for at, each in enumerate(course.drawn.concepts) if each.held_out])
    return lessons.lesson(course, which, SIDE, torch.Generator().manual_seed(0), plain=True)


@torch.no_grad()
def painted(generator: Generator, lesson: Lesson, *, check: Callable[[], None] = lambda: None) -> Tensor:
    """(N, 4, 128, 128). `check` may stop it by an exception, between a few pictures and the next."""
    parts = []
    for at in range(0, len(lesson), TOGETHER):
        check()
        some = slice(at, at + TOGETHER)
        parts.append(generator(lesson.seen[some], lesson.given[some]))
    return torch.cat(parts)


def l1(made: Tensor, lesson: Lesson) -> float:
    """How far they are from the real ones on white, of the range."""
    return float((lines.over(made, 1.0) - lines.over(lesson.pictures, 1.0)).abs().mean())


def figures(
    made: Tensor, lesson: Lesson, eyes: vision.Eyes = vision.shared, *, check: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """How near they came to the real ones: L1 on white, of the range; how different VGG-16 finds them; F1 of edges, within a pixel."""
    shown, real = bytes_of(lines.over(made, 1.0)), bytes_of(lines.over(lesson.pictures, 1.0))
    looks = []
    for one, other in zip(shown, real, strict=True):
        check()
        looks.append(float(eyes.distances_to(other)([one])[0]))
    edges = [f1(one, other) for one, other in zip(_edges(made), _edges(lesson.pictures), strict=True)]
    return {
        "l1": round(l1(made, lesson), 4),
        "perceptual": round(float(np.mean(looks)), 4),
        "edges_f1": round(float(np.mean(edges)), 4),
    }


def _edges(pictures: Tensor) -> Tensor:
    outer, inner = lines.edges(pictures)
    return (outer > EDGE) | (inner > EDGE)


def f1(one: Tensor, other: Tensor) -> float:
    """Of two sets of edges, (H, W) each; an edge is found where the other has one within `NEAR` pixels."""
    wide = [functional.max_pool2d(each[None, None].float(), 2 * NEAR + 1, 1, NEAR)[0, 0] > 0 for each in (one, other)]
    if not bool(one.any()) or not bool(other.any()):
        return float(not bool(one.any()) and not bool(other.any()))
    precision, recall = wide[1][one].float().mean().item(), wide[0][other].float().mean().item()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def bytes_of(pictures: Tensor) -> list[NDArray[np.uint8]]:
    """(N, 3, H, W) in 0-1 -> N pictures (H, W, 3)."""
    return list((pictures.clamp(0, 1) * 255).round().byte().movedim(1, -1).numpy())


def rows(lesson: Lesson, before: Tensor, after: Tensor) -> list[NDArray[np.uint8]]:
    """Up to `SHOWN` pairs, (136, 544, 3) each: sketch, before, after, real."""
    ink = (1 - lesson.ink)[:, None].expand(-1, 3, -1, -1)
    columns = [ink, *(lines.over(each, 1.0) for each in (before, after, lesson.pictures))]
    return bytes_of(torch.cat([functional.pad(each[:SHOWN], (BORDER,) * 4, value=0.92) for each in columns], 3))


def grid(lesson: Lesson, before: Tensor, after: Tensor) -> bytes:
    """A PNG of the `rows`."""
    out = io.BytesIO()
    Image.fromarray(np.concatenate(rows(lesson, before, after))).save(out, "PNG")
    return out.getvalue()


def thumbnail(made: Tensor) -> bytes:
    """A JPEG of what it paints: four pictures of (N, 4, 128, 128) on white."""
    some = bytes_of(lines.over(made[:4], 1.0))
    out = io.BytesIO()
    Image.fromarray(np.concatenate([np.concatenate(some[:2], 1), np.concatenate(some[2:], 1)])).save(
        out, "JPEG", quality=88
    )
    return out.getvalue()
