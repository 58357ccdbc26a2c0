"""What a painter is shown while it learns: pictures moved, bent and recoloured, the lines a hand would draw of them, and their words.

Colours are changed in OKLab as a whole, so that shades stay shades: to a named colour, which the words then tell, or a little at
random. Lines are edges at many levels of detail, with the wobble, the thickness and the gaps of drawings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from ..embed import Reader
from . import colour, icons, lines
from .network import CODE, PALETTE, STYLES, WORDS, Condition

NAMED, TINTED = 0.35, 0.35  # shares of pictures that are recoloured to a name, or a little
READ = 64  # texts that are embedded before it is told how far that is
MIXES = 3  # choices of keywords that each concept is told with
DETAIL = (0.06, 0.45)  # the weakest edge that is drawn, from the most detailed sketch to the plainest


@dataclass(frozen=True)
class Lesson:
    """Pictures and what they are to be painted from."""

    pictures: Tensor  # (N, 4, S, S) RGBA in 0-1, colours not multiplied by alpha
    seen: Tensor  # (N, 3, S, S)
    given: Condition  # its code is 0: the encoder's to read
    ink: Tensor  # (N, S, S) the lines alone
    which: Tensor  # (N,) their places in the course

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, at: slice) -> Lesson:
        return Lesson(self.pictures[at], self.seen[at], self.given[at], self.ink[at], self.which[at])


@dataclass(frozen=True)
class Course:
    """Everything that lessons are made of, read once."""

    drawn: icons.Drawn
    words: Tensor  # (C, 1 + MIXES + colours, 384): the name, keywords, and the name in each of the basic colours
    clusters: Tensor  # (N, 3, 3) OKLab colours of each picture, most used first
    shares: Tensor  # (N, 3) and how much of it they cover
    inks: Tensor | None = None  # (N, 128, 128) darkness in 0-1: sketches that came with the pictures

    def pick(self, count: int, held_out: bool, chance: torch.Generator) -> Tensor:
        """Pictures by chance, each concept as often as any other."""
        known = torch.from_numpy(self.drawn.concept)
        allowed = torch.tensor([at for at, each in enumerate(self.drawn.concepts) if each.held_out == held_out])
        wanted = allowed[torch.randint(len(allowed), (count,), generator=chance)]
        found = [torch.nonzero(known == each)[:, 0] for each in wanted.tolist()]
        return torch.stack([each[torch.randint(len(each), (1,), generator=chance)[0]] for each in found])


def read(drawn: icons.Drawn, reader: Reader, told: Callable[[float], None] = lambda done: None) -> Course:
    """Reads all words, and finds the colours of all pictures. `told` may stop it by an exception."""
    chance = np.random.default_rng(0)
    texts = []
    for concept in drawn.concepts:
        mixes = [", ".join(chance.permutation(list(concept.words) or [concept.name])[:3]) for _ in range(MIXES)]
        texts += [concept.name, *mixes, *(f"{name} {concept.name}" for name in colour.BASIC)]
    parts = []
    for at in range(0, len(texts), READ):
        parts.append(torch.from_numpy(reader.embed(texts[at : at + READ])))
        told((at + READ) / len(texts))
    words = torch.cat(parts).reshape(len(drawn.concepts), -1, WORDS)
    found = []
    for picture in drawn.pictures:
        told(1.0)
        found.append(clusters(torch.from_numpy(picture)))
    return Course(drawn, words, torch.stack([each for each, _ in found]), torch.stack([each for _, each in found]))


def prepared(folder: Path, reader: Reader, told: Callable[[float, str], None]) -> Course:
    """The course, its pictures and words kept in `folder`, from which it is read the next time. Raises `EngineError` without npm."""
    icons.fetch(folder)
    drawn = icons.draw(folder, lambda done: told(done, "Drawing the pictures"))
    file = folder / "course.safetensors"
    if not file.is_file():
        made = read(drawn, reader, lambda done: told(min(1.0, done), "Reading the words"))
        save_file({"words": made.words, "clusters": made.clusters, "shares": made.shares}, file)
        return made
    found = load_file(file)
    return Course(drawn, found["words"], found["clusters"], found["shares"])


def clusters(picture: Tensor, count: int = PALETTE) -> tuple[Tensor, Tensor]:
    """The main colours of a picture in OKLab, (3, 3), and their shares, (3,), by k-means. (H, W, 4) bytes."""
    small = picture[::2, ::2].float() / 255
    lab = colour.oklab(small[..., :3][small[..., 3] > 0.5])
    if len(lab) < count:
        lab = torch.zeros(count, 3)
    seeds = [int(lab.sub(lab.mean(0)).square().sum(1).argmin())]
    for _ in range(count - 1):
        seeds.append(int(torch.cdist(lab, lab[seeds]).amin(1).argmax()))
    centres = lab[seeds]
    for _ in range(8):
        own = torch.cdist(lab, centres).argmin(1)
        centres = torch.stack(
            [lab[own == at].mean(0) if bool((own == at).any()) else centres[at] for at in range(count)]
        )
    shares = torch.bincount(own, minlength=count) / len(lab)
    order = shares.argsort(descending=True)
    return centres[order], shares[order]


def lesson(course: Course, which: Tensor, side: int, chance: torch.Generator, plain: bool = False) -> Lesson:
    """One batch. `plain`: for judging, as drawn, with clean lines and the natural colour told."""
    count = len(which)
    pictures = torch.from_numpy(course.drawn.pictures[which.numpy()]).float().div_(255).movedim(-1, 1)
    pictures = shrunk(pictures, side)
    own = None if course.inks is None else functional.adaptive_avg_pool2d(course.inks[which], side)
    if not plain:
        pictures, own = bent(pictures, chance, own)
    ink = drawn_by_hand(pictures, chance, plain) if own is None or not plain else own
    if own is not None and not plain:  # half of them keep the sketch that they came with
        ink = torch.where((torch.rand(count, generator=chance) < 0.5)[:, None, None], own, ink)
    palette = course.clusters[which]
    main = colour.nearest(palette[:, 0])
    if not plain:
        pictures, palette, main = recoloured(pictures, palette, main, chance)
    words, told = _words(course, which, main, chance, plain)
    given = Condition(
        words, _styles(course, which), _palette(palette, main, told, chance, plain), torch.zeros(count, CODE)
    )
    return Lesson(pictures, lines.seen(ink), given, ink, which)


def shrunk(pictures: Tensor, side: int) -> Tensor:
    """RGBA at another side, colours weighted by alpha. (N, 4, H, H) -> (N, 4, side, side)."""
    if pictures.shape[2] == side:
        return pictures
    alpha = pictures[:, 3:]
    both = functional.avg_pool2d(torch.cat((pictures[:, :3] * alpha, alpha), 1), pictures.shape[2] // side)
    return torch.cat((both[:, :3] / both[:, 3:].clamp(min=1e-4), both[:, 3:]), 1).clamp_(0, 1)


# ── Shapes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def bent(pictures: Tensor, chance: torch.Generator, inks: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Mirrored, turned, scaled, moved and bent, and sketches with them."""
    count = len(pictures)
    angle, scale = _between(count, -0.2, 0.2, chance), _between(count, 0.95, 1.35, chance)
    stretch = _between(count, 0.9, 1.1, chance)
    mirror = 1 - 2 * (torch.rand(count, generator=chance) < 0.5).float()
    move = _between((count, 2), -0.06, 0.06, chance)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack(
        (
            torch.stack((mirror * cos * stretch, -sin, move[:, 0]), 1),
            torch.stack((mirror * sin, cos / stretch, move[:, 1]), 1),
        ),
        1,
    )
    alpha = pictures[:, 3:]
    grid = functional.affine_grid(rows, list(pictures.shape), align_corners=False)
    grid = grid + _waves(count, pictures.shape[2], 0.04, chance)
    both = functional.grid_sample(torch.cat((pictures[:, :3] * alpha, alpha), 1), grid, align_corners=False)
    made = torch.cat((both[:, :3] / both[:, 3:].clamp(min=1e-4), both[:, 3:]), 1).clamp_(0, 1)
    if inks is None:
        return made, None
    return made, functional.grid_sample(inks[:, None], grid, align_corners=False)[:, 0].clamp_(0, 1)


def _waves(count: int, side: int, most: float, chance: torch.Generator, cells: int = 4) -> Tensor:
    """Smooth offsets for `grid_sample`, each sample's own strength: (N, S, S, 2)."""
    coarse = (
        torch.randn(count, 2, cells, cells, generator=chance) * _between(count, 0, most, chance)[:, None, None, None]
    )
    return functional.interpolate(coarse, (side, side), mode="bicubic", align_corners=False).movedim(1, -1)


def drawn_by_hand(pictures: Tensor, chance: torch.Generator, plain: bool) -> Tensor:
    """The lines of pictures as darkness in 0-1. (N, 4, H, W) -> (N, H, W)."""
    count, side = len(pictures), pictures.shape[2]
    outer, inner = lines.edges(pictures)
    low, high = math.log(DETAIL[0]), math.log(DETAIL[1])
    least = torch.full((count,), 0.12) if plain else _between(count, low, high, chance).exp()
    if not plain:
        least[torch.rand(count, generator=chance) < 0.08] = 9.0  # the outline alone
    ink = torch.maximum((outer > 0.1).float(), (inner > least[:, None, None]).float())
    if plain:
        return functional.avg_pool2d(functional.max_pool2d(ink[:, None], 3, 1, 1), 3, 1, 1)[:, 0].mul(1.3).clamp(0, 1)
    thick = torch.randint(1, 4 if side >= 128 else 3, (count,), generator=chance)
    planes = [
        functional.max_pool2d(each[None, None], int(k), 1, int(k) // 2)[0, 0, :side, :side]
        for each, k in zip(ink, thick, strict=True)
    ]
    ink = functional.avg_pool2d(torch.stack(planes)[:, None], 3, 1, 1)
    identity = functional.affine_grid(torch.eye(2, 3).expand(count, 2, 3), [count, 1, side, side], align_corners=False)
    wobble = _waves(count, side, 0.014, chance, 6) + _waves(count, side, 0.008, chance, 16)
    ink = functional.grid_sample(ink, identity + wobble, align_corners=False)
    ink = (ink * (1 + 0.9 / thick[:, None, None, None])).clamp(0, 1)
    for at in torch.nonzero(torch.rand(count, generator=chance) < 0.3)[:, 0].tolist():
        for _ in range(int(torch.randint(1, 5, (1,), generator=chance))):
            size = int(torch.randint(side // 20, side // 5, (1,), generator=chance))
            top, left = torch.randint(0, side - size, (2,), generator=chance).tolist()
            ink[at, 0, top : top + size, left : left + size] = 0
    return ink[:, 0] * _between(count, 0.75, 1, chance)[:, None, None]


# ── Colours ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def recoloured(
    pictures: Tensor, palette: Tensor, main: Tensor, chance: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Some pictures in a named colour, some a little changed; their palettes, and the names of their main colours, with them."""
    count = len(pictures)
    draw = torch.rand(count, generator=chance)
    to = torch.stack([colour.named()[name].lab for name in colour.BASIC])[
        torch.randint(len(colour.BASIC), (count,), generator=chance)
    ]
    to = to + 0.025 * torch.randn(count, 3, generator=chance)
    little = palette[:, 0] + torch.stack(
        (_between(count, -0.08, 0.08, chance), torch.zeros(count), torch.zeros(count)), 1
    )
    little = colour.turned(little, 0.35 * torch.randn(count, generator=chance), _between(count, 0.7, 1.3, chance))
    named = (draw < NAMED)[:, None]
    wanted = torch.where(named, to, torch.where((draw < NAMED + TINTED)[:, None], little, palette[:, 0]))
    source = palette[:, 0].clone()

    def moved(lab: Tensor, one: Tensor, other: Tensor) -> Tensor:
        return _moved(lab, one, other)

    lab = moved(colour.oklab(pictures[:, :3].movedim(1, -1)).flatten(1, 2), source, wanted)
    made = colour.srgb(lab).reshape(count, *pictures.shape[2:], 3).movedim(-1, 1)
    palette = moved(palette, source, wanted)
    return torch.cat((made, pictures[:, 3:]), 1), palette, colour.nearest(palette[:, 0])


def _moved(lab: Tensor, source: Tensor, wanted: Tensor) -> Tensor:
    """Colours (N, P, 3) so that `source` (N, 3) becomes `wanted`: hues turned, chroma scaled, lightness bent between black and white."""
    have, want = colour.chroma(source), colour.chroma(wanted)
    coloured = (have > 0.04)[:, None]
    turn = torch.where(coloured[:, 0] & (want > 0.02), colour.hue(wanted) - colour.hue(source), torch.zeros_like(have))
    scale = torch.where(coloured[:, 0], (want / have.clamp(min=0.04)).clamp(0, 2.5), torch.ones_like(have))
    made = colour.turned(lab, turn[:, None], scale[:, None])
    near = torch.exp(
        -((lab - source[:, None]) / 0.12).square().sum(-1, keepdim=True)
    )  # grey things are tinted where they are that grey
    tint = torch.where(coloured, torch.zeros_like(wanted[:, 1:]), wanted[:, 1:] - source[:, 1:])
    made = torch.cat((made[..., :1], made[..., 1:] + near * tint[:, None]), -1)
    return torch.cat((_bent_light(made[..., 0], source[:, :1], wanted[:, :1])[..., None], made[..., 1:]), -1)


def _bent_light(light: Tensor, source: Tensor, wanted: Tensor) -> Tensor:
    """Lightness with 0 and 1 kept and `source` moved to `wanted`: two straight pieces."""
    source, wanted = source.clamp(0.08, 0.95), wanted.clamp(0.08, 0.97)
    return torch.where(light < source, light * wanted / source, 1 - (1 - light) * (1 - wanted) / (1 - source))


# ── What is told ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _words(course: Course, which: Tensor, main: Tensor, chance: torch.Generator, plain: bool) -> tuple[Tensor, Tensor]:
    """The embedding told of each picture, (N, 384), and whether it names the colour, (N,)."""
    count = len(which)
    coloured = torch.ones(count, dtype=torch.bool) if plain else torch.rand(count, generator=chance) < 0.5
    other = torch.where(
        torch.rand(count, generator=chance) < 0.5, 0, torch.randint(1 + MIXES, (count,), generator=chance)
    )
    words = course.words[torch.from_numpy(course.drawn.concept)[which], torch.where(coloured, 1 + MIXES + main, other)]
    dropped = torch.rand(count, generator=chance) < (0.0 if plain else 0.1)
    return words * ~dropped[:, None], coloured & ~dropped


def renamed(course: Course, which: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """These pictures' names with a colour drawn by chance, (N, 384), and that colour as the palette, (N, 3, 4)."""
    told = torch.randint(len(colour.BASIC), (len(which),), generator=chance)
    words = course.words[torch.from_numpy(course.drawn.concept)[which], 1 + MIXES + told]
    palette = torch.zeros(len(which), PALETTE, 4)
    palette[:, 0, :3] = torch.stack([colour.named()[name].lab for name in colour.BASIC])[told]
    palette[:, 0, 3] = 1.0
    return words, palette


def _styles(course: Course, which: Tensor) -> Tensor:
    return functional.one_hot(torch.from_numpy(course.drawn.style)[which], STYLES).float()


def _palette(palette: Tensor, main: Tensor, told: Tensor, chance: torch.Generator, plain: bool) -> Tensor:
    """The colours that are given, (N, 3, 4): that which the words name, or up to three as an artist would pick them, or none."""
    count = len(palette)
    table = torch.stack([colour.named()[name].lab for name in colour.BASIC])
    lab = palette + (0 if plain else 0.02) * torch.randn(palette.shape, generator=chance)
    given = torch.randint(0, PALETTE + 1, (count,), generator=chance) * (torch.rand(count, generator=chance) < 0.5)
    by_name = told & (torch.ones(count, dtype=torch.bool) if plain else torch.rand(count, generator=chance) < 0.7)
    lab[:, 0] = torch.where(by_name[:, None], table[main], lab[:, 0])
    given = torch.where(by_name, given.clamp(min=1) if not plain else torch.ones_like(given), given)
    flags = (torch.arange(PALETTE)[None] < given[:, None]).float()
    return torch.cat((lab, torch.ones_like(flags)[..., None]), -1) * flags[..., None]


def _between(shape: int | Sequence[int], low: float, high: float, chance: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=chance)
