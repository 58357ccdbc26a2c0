"""Engine `painter`: words and a sketch become a picture, each thing in its own colours, in one pass of a conditional GAN."""

from __future__ import annotations

import io
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .. import device, embed, store
from ..api import (
    Brief,
    Cancelled,
    Done,
    Event,
    Pictures,
    Pixels,
    Progress,
    Remark,
    Result,
    Setting,
    Started,
    normalised,
)
from ..errors import EngineError
from ..fetching import file_sha256
from . import (
    PAINTED_STYLES,
    PAINTER,
    PainterOptions,
    colour,
    colouring,
    drawing,
    layout,
    lines,
    painterfile,
    painting,
    search,
    sketches,
    words,
)
from .drawing import Box, Drawing
from .looks import looks
from .network import CODE, PALETTE, STYLES, WORDS, Condition, Generator
from .painterfile import WEIGHTS, Painters, facts, load

__all__ = ["WEIGHTS", "Painter", "facts", "load"]

NONE: Mapping[str, float] = {}
SIDE = 128  # pixels of the square that a thing is painted in
SPREAD = 1.5  # standard deviation of the codes that are drawn; it learned with 1, and its seeds then differ less than an artist's would
OWN = 0.45  # how far each thing's code strays from the picture's
KEPT = 32  # scenes that are remembered
UNKNOWN = "No outline of {names} is known here, so that is left out. Draw it yourself, or try one of these: {allowed}."
TOO_MANY = "Of {count} things the first {allowed} are drawn."
PLAIN_LINE = 3 / 512  # width of a line in the finished picture

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Work:
    """A thing to be painted."""

    words: str
    colours: tuple[str, ...]
    square: Box  # of the picture, in shares of its width
    ink: Plane  # (128, 128)
    ink_at: Callable[[int, int], Plane]  # the same lines at another size: (height, width)
    kept: dict[float, Tensor] = field(default_factory=dict, compare=False)

    def seen(self, weight: float) -> Tensor:
        """What the painter sees of the lines, (3, 128, 128), at this weight of them; looked at once."""
        if weight not in self.kept:
            self.kept[weight] = lines.seen(torch.from_numpy(lines.thickened(self.ink, weight))[None])[0]
        return self.kept[weight]


@dataclass(frozen=True)
class Scene:
    """Everything that is painted, from the farthest to the nearest."""

    works: tuple[Work, ...]
    aspect: float  # width over height


class Painter:
    info = PAINTER

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._painters = Painters()
        self._scenes: OrderedDict[tuple[object, ...], Scene] = OrderedDict()

    def models(self) -> dict[str, str]:
        return {"painter": file_sha256(WEIGHTS)} | {name: store.sha256(name) for name in self.info.models}

    def generator(self) -> Generator:
        """Our network, loaded on first use, batch normalisation folded into its convolutions."""
        return self._painters.of({})

    def style(self, data: bytes, name: str = "") -> painterfile.Own:
        """The painter of a file's bytes, which may be one of a mix of styles. Raises `EngineError` where it is none."""
        return painterfile.read(data, name)

    # ── The contract ─────────────────────────────────────────────────────────────────────────────────────────────────

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """See `engines.api.Engine`. Raises `EngineError` where nothing can be drawn from the words and the sketch."""
        began, chosen = time.perf_counter(), device.choose()
        yield Started(len(settings), chosen.device, chosen.dtype)
        yield Progress(0.0, "Reading the words")
        for index, setting in enumerate(settings):
            started = time.perf_counter()
            if cancelled():
                yield Cancelled(index)
                return
            pixels = self.paint(brief.apply(setting.knobs), setting.seed, pictures, brief.size)
            features, remarks = looks(pixels), () if brief.sketch else known(brief.prompt).remarks
            yield Result(
                index,
                setting.knobs,
                setting.seed,
                time.perf_counter() - started,
                pixels=pixels,
                features=features,
                remarks=remarks,
            )
            yield Progress((index + 1) / len(settings), "Painting")
        yield Done(time.perf_counter() - began, device.peak_memory_mb())

    def preview(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, size: int) -> list[Pixels]:
        """One small picture a setting, `size` on the long side."""
        return [self.paint(brief.apply(each.knobs), each.seed, pictures, size) for each in settings]

    def drawings(self, prompt: str, count: int) -> tuple[list[str], tuple[Remark, ...]]:
        """See `engines.api.Drawer`."""
        found = known(prompt)
        return [layout.drawing(found.asked, found.found, at).to_json() for at in range(count)], found.remarks

    def drawing_file(self, drawing_json: str) -> bytes:
        return drawing.to_png(Drawing.from_json(drawing_json))

    def read_drawing(self, file: bytes) -> str | None:
        found = drawing.read_png(file)
        return None if found is None else found.to_json()

    def live(self, brief: Brief, drawing_json: str, size: int, pictures: Pictures | None = None) -> Pixels:
        if pictures is not None:
            self._painters.of(brief.styles, pictures.data)  # painters of the mix that nothing was painted with yet
        options = PainterOptions(**brief.options)
        found = Drawing.from_json(drawing_json)
        if not found.pieces:
            raise EngineError("There is nothing to paint yet.", "Draw something.")
        return self._finished(drawn(found, brief.prompt), brief, options, brief.seed, size)

    def in_words(self, brief: Brief, file: bytes, pictures: Pictures) -> str:
        said = brief.prompt.strip()
        found = drawing.read_png(pictures.data(str(brief.sketch))) if brief.sketch and not said else None
        if found is not None:
            said = ", ".join(dict.fromkeys(piece.words for piece in found.pieces if piece.words))
        colours = colour.main(np.asarray(Image.open(io.BytesIO(file)).convert("RGBA")))
        listed = " and ".join(filter(None, (", ".join(colours[:-1]), *colours[-1:])))
        return " ".join(f"{part[0].upper()}{part[1:].rstrip('.。')}." for part in (said, listed) if part)

    # ── Its steps ────────────────────────────────────────────────────────────────────────────────────────────────────

    def paint(self, brief: Brief, seed: int, pictures: Pictures, size: int) -> Pixels:
        """(H, W, 4) RGBA, `size` on the long side. The brief has all knobs set."""
        options = PainterOptions(**brief.options)
        self._painters.of(brief.styles, pictures.data)  # read while there is somebody who has it
        return self._finished(self.scene(brief, options, seed, pictures), brief, options, seed, size)

    def _finished(self, scene: Scene, brief: Brief, options: PainterOptions, seed: int, size: int) -> Pixels:
        with torch.inference_mode():
            painted = self._painted(scene, brief, options, seed)
            picture = composed(scene, painted, options, size)
        return np.asarray(picture.movedim(0, -1).mul(255).round_().clamp_(0, 255).to(torch.uint8).numpy())

    def scene(self, brief: Brief, options: PainterOptions, seed: int, pictures: Pictures) -> Scene:
        """What is to be painted: the sketch where there is one, else a drawing that the words lead to."""
        place = seed if options.jitter > 0 else 0
        key = (
            brief.sketch,
            brief.prompt,
            options.drawing,
            options.jitter,
            place,
            options.read_as,
            options.detail,
            options.clean,
        )
        with self._lock:
            if key in self._scenes:
                self._scenes.move_to_end(key)
                return self._scenes[key]
        if brief.sketch:
            made = self._sketched(brief, options, pictures)
        else:
            found = known(brief.prompt)
            made = drawn(layout.drawing(found.asked, found.found, int(options.drawing) - 1, options.jitter, place))
        with self._lock:
            self._scenes[key] = made
            while len(self._scenes) > KEPT:
                self._scenes.popitem(last=False)
        return made

    def _sketched(self, brief: Brief, options: PainterOptions, pictures: Pictures) -> Scene:
        data = pictures.data(str(brief.sketch))
        found = drawing.read_png(data)
        if found is not None and found.pieces:
            return drawn(found, brief.prompt)
        plane = sketches.read(
            sketches.opened(data, pictures(str(brief.sketch))), options.read_as, options.detail, options.clean
        )
        square = drawing.square_of(sketches.box(plane))
        asked = words.asked(brief.prompt).things
        said, colours = brief.prompt[:200], asked[0].colours if asked else ()
        if asked:
            said = ", ".join(thing.words for thing in asked)[:200]
        ink = sketches.firm(sketches.cut(plane, square, (SIDE, SIDE)))
        work = Work(said, colours, square, ink, lambda height, width: sketches.cut(plane, square, (height, width)))
        return Scene((work,), plane.shape[1] / plane.shape[0])

    def _painted(self, scene: Scene, brief: Brief, options: PainterOptions, seed: int) -> Tensor:
        """Every thing of the scene, (N, 4, 128, 128)."""
        seen = torch.stack([work.seen(options.line_weight) for work in scene.works])
        given = condition(scene, brief, options, seed)
        wordless = replace(given, words=given.words * 0)
        if options.guidance == 0:
            return self.raw(seen, wordless, brief.styles)
        made = self.raw(seen, given, brief.styles)
        if options.guidance == 1:
            return made
        without = self.raw(seen, wordless, brief.styles)
        return (without + options.guidance * (made - without)).clamp(0, 1)

    def raw(self, seen: Tensor, given: Condition, styles: Mapping[str, float] = NONE) -> Tensor:
        """What the network itself makes, on the chosen device: (N, 3, S, S) and N conditions -> (N, 4, S, S), float32 in 0-1."""
        chosen = device.choose()
        parts = (given.words, given.style, given.palette, given.code)
        moved = Condition(*(part.to(chosen.device, chosen.torch_dtype) for part in parts))
        planes = seen.to(chosen.device, chosen.torch_dtype, memory_format=torch.channels_last)
        made: Tensor = self._painters.of(styles)(planes, moved)
        return made.float().cpu()


def composed(scene: Scene, painted: Tensor, options: PainterOptions, size: int) -> Tensor:
    """The finished picture, (4, H, W), `size` on the long side."""
    width = size if scene.aspect >= 1 else max(1, round(size * scene.aspect))
    height = max(1, round(size / scene.aspect)) if scene.aspect >= 1 else size
    canvas = torch.zeros(4, height, width)
    for work, piece in zip(scene.works, painted, strict=True):
        top, left, side = painting.place(work.square, width)
        ink = work.ink_at(side, side)
        piece = painting.toned(
            painting.enlarged(piece, ink), options.hue, options.saturation, options.lightness, options.contrast
        )
        painting.laid(canvas, painting.lined(piece, ink, options.lines), top, left)
    return canvas


def style_shares(styles: Mapping[str, float]) -> list[float]:
    """How much of each of the painted styles is asked for, 1 together; of none, all of the first. The rest of a mix are painters."""
    if not any(styles.get(name) for name in PAINTED_STYLES):
        return [1.0] + [0.0] * (STYLES - 1)
    shares = normalised({name: styles.get(name, 0.0) for name in PAINTED_STYLES})
    return [shares[name] for name in PAINTED_STYLES]


def condition(scene: Scene, brief: Brief, options: PainterOptions, seed: int) -> Condition:
    """What each thing is painted from, besides its lines."""
    count = len(scene.works)
    said = torch.stack([meaning(work.words) for work in scene.works])
    style = torch.tensor(style_shares(brief.styles)).expand(count, STYLES)
    chance = torch.Generator().manual_seed(seed)
    code = codes(1, chance)[0]
    code[0] += options.mood
    code[1] += options.accent
    each = torch.cat(
        [codes(1, chance) for _ in scene.works]
    )  # one by one: another thing leaves the others' as they are
    code = code if count == 1 else np.sqrt(1 - OWN**2) * code + OWN * each
    table = palettes(scene.works, options.palette)
    if options.natural:
        table = coloured(table, [work.words if options.guidance else "" for work in scene.works], seed)
    return Condition(said, style, table, code.expand(count, CODE))


def codes(count: int, chance: torch.Generator) -> Tensor:
    """What is left to the seed, (N, 8), drawn by chance."""
    return SPREAD * torch.randn(count, CODE, generator=chance)


def coloured(table: Tensor, called: Sequence[str], seed: int) -> Tensor:
    """Colours for the things that have none, (N, 3, 4): what is called alike is coloured alike."""
    table = table.clone()
    for at, said in enumerate(called):
        if not table[at, :, 3].any():
            chance = torch.Generator().manual_seed(zlib.crc32(said.encode(), seed))
            drawn = colouring.palettes().drawn(meaning(said) if said else torch.zeros(WORDS), chance)
            table[at, : len(drawn), :3], table[at, : len(drawn), 3] = drawn, 1.0
    return table


@lru_cache(maxsize=1024)
def meaning(said: str) -> Tensor:
    """What words mean, (384,)."""
    return torch.from_numpy(embed.shared.embed([said]))[0]


def palettes(works: Sequence[Work], chosen: str) -> Tensor:
    """The colours given to each thing, (N, 3, 4): those that its words name, then the artist's. Several things share these out."""
    own = [int(each[1:], 16) for each in chosen.replace(",", " ").split()]
    picked = [colour.oklab(torch.tensor([value >> 16, value >> 8 & 255, value & 255]) / 255) for value in own]
    table = torch.zeros(len(works), PALETTE, 4)
    for at, work in enumerate(works):
        given = [colour.named()[name].lab for name in work.colours]
        rest = picked if len(works) == 1 else picked[at % len(picked) : at % len(picked) + 1] if picked else []
        for slot, lab in enumerate([*given, *rest][:PALETTE] if given or rest else ()):
            table[at, slot, :3], table[at, slot, 3] = lab, 1.0
    return table


# ── Scenes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Known:
    """What words ask for, as far as the library has it: each thing with its outlines. `remarks` say what it has not."""

    asked: words.Asked
    found: tuple[list[search.Found], ...]
    remarks: tuple[Remark, ...]


@lru_cache(maxsize=64)
def known(prompt: str) -> Known:
    """Looks everything up. Raises `EngineError` where nothing can be drawn; it names what is missing, and what comes near."""
    asked = layout.limited(words.asked(prompt))
    if not asked.things:
        raise EngineError("The words name nothing that can be drawn.", "Name a thing: a red house, two trees.")
    found = [search.find(thing) for thing in asked.things]
    missing = [thing for thing, options in zip(asked.things, found, strict=True) if not options]
    values = {"names": ", ".join(" ".join(thing.noun) for thing in missing)}
    if missing:
        values["allowed"] = ", ".join(search.near(missing[0]))
    if len(missing) == len(found):
        raise EngineError(
            "No outline of {names} is known here.", "Draw it yourself, or try one of these: {allowed}.", **values
        )
    remarks = [Remark(UNKNOWN, values)] if missing else []
    if asked.left_out:
        most = words.MOST_THINGS
        remarks.append(Remark(TOO_MANY, {"count": most + asked.left_out, "allowed": most}))
    there = [at for at, options in enumerate(found) if options]
    return Known(layout.part(asked, there), tuple(found[at] for at in there), tuple(remarks))


def drawn(made: Drawing, prompt: str = "") -> Scene:
    """A drawing as a scene. What has no words of its own has those of the prompt."""
    works = []
    for piece in made.pieces:
        square = drawing.square_of(piece.box)
        said = piece.words or prompt
        things = words.asked(said).things
        colours = things[0].colours if things else ()
        ink_at = _inker(piece.lines, square)
        works.append(
            Work(
                ", ".join(thing.words for thing in things)[:200] or said[:200],
                colours,
                square,
                drawing.inked(piece.lines, (SIDE, SIDE), square),
                ink_at,
            )
        )
    return Scene(tuple(works), made.aspect)


def _inker(lines_of: Sequence[drawing.Points], square: Box) -> Callable[[int, int], Plane]:
    return lambda height, width: drawing.inked(lines_of, (height, width), square, PLAIN_LINE / square[2])
