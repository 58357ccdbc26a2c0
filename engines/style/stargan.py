"""Engine `translator`: the picture drawn again by another hand (StarGAN v2, Choi et al. 2020; `translator.py` says what is different).

A hand is a domain that the networks learned. Within it chance draws a code from the mapping network, or a picture that is given as
style tells one to the encoder. The mix of styles is one of the norms that their codes stand for, which are linear in them.

It draws small, at `detail` pixels, for that is what it learned; `guided.py` makes the drawing large along the picture's own edges.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from .. import device
from ..api import Brief, EngineError, Pictures, Pixels
from ..vision import planes
from . import HANDS, TRANSLATOR, TranslatorOptions, kinds, translatorfile
from .arithmetic import Check, Norm
from .guided import enlarged
from .painting import StyleEngine, remembered
from .statistics import resized
from .translator import LATENT, STRIDE, Seen
from .translatorfile import Translator

WEIGHTS = Path(__file__).with_name("icons.translator.safetensors")
LEAST = 32  # pixels that the short side of what is drawn has at least, where the picture has them
READ = 64  # pixels of the short side at which a style picture is read
LONGEST = 4  # times as long as its short side that a style picture is read at most
DRAWS, WAYS = 1024, 3  # codes by which it is found how they differ most, and in how many ways


@dataclass(frozen=True)
class Prepared:
    content: Tensor  # (1, 3, H, W)
    small: Tensor  # (1, 3, h, w)
    seen: Seen  # of the small one, its sides reflected to multiples of 8


class Redrawing:
    """A translator as `StyleEngine` asks for it, drawing at `detail` pixels of the long side."""

    def __init__(self, translator: Translator, detail: int) -> None:
        self.translator, self.detail, self.choice = translator, detail, device.choose()
        self.generator = translator.networks.generator

    def small(self, height: int, width: int) -> tuple[int, int]:
        """The size at which a picture of this size is drawn."""
        long, short = max(height, width), min(height, width)
        scale = min(1.0, max(self.detail / long, LEAST / short))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def resolutions(self, height: int, width: int) -> list[tuple[int, int]]:
        return self.generator.resolutions(*(up(side) for side in self.small(height, width)))

    @torch.inference_mode()
    def prepare(self, picture: Tensor, check: Check) -> Prepared:
        """picture: (H, W, 3) in 0-1."""
        check()
        content = picture.to(self.choice.device).movedim(-1, 0)[None]
        size = self.small(*picture.shape[:2])
        small = functional.interpolate(content, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
        beyond = (0, up(size[1]) - size[1], 0, up(size[0]) - size[0])
        whole = functional.pad(small, beyond, mode="reflect").contiguous(memory_format=torch.channels_last)
        return Prepared(content, small, self.generator.see(whole))

    @torch.inference_mode()
    def paint(self, prepared: Prepared, styles: Sequence[Sequence[Norm]], check: Check) -> Tensor:
        """The picture in N styles: (N, H, W, 3) in 0-1, on the CPU."""
        height, width = prepared.small.shape[2:]
        made = []
        for norms in styles:
            check()
            drawn = self.generator.draw(prepared.seen, norms)[..., :height, :width].clamp(0, 1)
            made.append(enlarged(drawn, prepared.small, prepared.content)[0].movedim(0, -1).cpu())
        return torch.stack(made)

    def forget(self) -> None:
        """It keeps no memory between pictures."""


class StarGan(StyleEngine):
    """`strength` blends the drawing with the picture."""

    info = TRANSLATOR

    def __init__(self) -> None:
        super().__init__()
        self._files: OrderedDict[str, Translator | None] = OrderedDict()
        self._ways: OrderedDict[str, Tensor] = OrderedDict()
        self._read: OrderedDict[tuple[str, str], tuple[Tensor, Tensor]] = OrderedDict()

    def models(self) -> dict[str, str]:
        return {"translator": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}

    def load(self) -> Redrawing:
        return Redrawing(translatorfile.load(WEIGHTS.read_bytes()), TranslatorOptions().detail)

    def network_of(self, brief: Brief, pictures: Pictures) -> Redrawing:
        return Redrawing(self.translator(brief, pictures), TranslatorOptions(**brief.options).detail)

    def norms(self, brief: Brief, own: Callable[[], Tensor], pictures: Pictures) -> Mapping[str, Sequence[Norm]]:
        """Each style's code as scale and shift of every layer. The seed draws the codes of hands, `variety` how far from their mean."""
        translator, options = self.translator(brief, pictures), TranslatorOptions(**brief.options)
        named = {name: translator.domains.index(hand) for name in brief.styles if (hand := self._hand(name, pictures))}
        made = {}
        with torch.inference_mode():
            drawn = drawn_codes(translator, brief.seed, options.variety)
            far = torch.tensor([options.way_1, options.way_2, options.way_3])
            turned = far.to(drawn.device) @ remembered(self._ways, translator.digest, lambda: ways(translator))
            for name in brief.styles:
                code = drawn[named[name]] if name in named else self.read(translator, name, pictures, [*named.values()])
                made[name] = translator.networks.generator.norms(code + turned)
        return made

    def style(self, data: bytes, name: str = "") -> Translator | None:
        """The translator of a file's bytes, None where that is a picture. Raises `EngineError` where it stands for no hand."""
        if not kinds.is_trained(data):
            return None
        found = translatorfile.load(data, name)
        if not found.hand:
            raise EngineError("{name} stands for no hand.", "Name a file of one.", name=name or "The translator")
        return found

    def translator(self, brief: Brief, pictures: Pictures) -> Translator:
        """The one that the brief's files are of, or ours. Raises `EngineError` where the files are of several."""
        found = {name: file for name in brief.styles if (file := self._file(name, pictures))}
        if not found:
            return cast(Redrawing, self.network()).translator
        ours = any(name in HANDS for name in brief.styles)
        if ours or len({file.digest for file in found.values()}) > 1:
            raise EngineError(
                "Styles of several translators cannot be mixed.",
                "Take those of one training together: its networks know no others.",
            )
        return next(iter(found.values()))

    def read(self, translator: Translator, ref: str, pictures: Pictures, among: Sequence[int]) -> Tensor:
        """The code of a picture, (64,): as the hands `among` read it, or all where there are none, by how much it is of each."""
        codes, logits = remembered(self._read, (translator.digest, ref), lambda: reading(translator, pictures(ref)))
        of = sorted({*among}) or [*range(len(codes))]
        return torch.softmax(logits[of], 0) @ codes[of]

    def _hand(self, name: str, pictures: Pictures) -> str:
        """The hand that a style of the brief is, by name or by its file; empty where it is a picture."""
        file = self._file(name, pictures)
        return name if name in HANDS else file.hand if file else ""

    def _file(self, name: str, pictures: Pictures) -> Translator | None:
        """The translator of a stored style, remembered by its reference; None where it is a picture, or ours."""
        if name in HANDS:
            return None
        return remembered(self._files, name, lambda: self.style(pictures.data(name)))


def drawn_codes(translator: Translator, seed: int, variety: float) -> Tensor:
    """A code of each hand, drawn by chance, (D, 64): at `variety` 0 the same for every seed, at 1 as it was trained."""
    latent = variety * torch.randn(1, LATENT, generator=torch.Generator().manual_seed(seed))
    codes: Tensor = translator.networks.mapping(latent.to(device.choose().device))[0]
    return codes


def ways(translator: Translator) -> Tensor:
    """The directions in which the codes of a hand differ most, (3, 64), each as long as they usually stray along it."""
    latent = torch.randn(DRAWS, LATENT, generator=torch.Generator().manual_seed(0))
    codes = translator.networks.mapping(latent.to(device.choose().device))
    codes = (codes - codes.mean(0)).flatten(0, 1)
    _, spread, directions = torch.linalg.svd(codes, full_matrices=False)
    first = directions[:WAYS] * torch.sign(
        directions[:WAYS].sum(1, keepdim=True)
    )  # else its sign is up to the processor
    found: Tensor = first * spread[:WAYS, None] / math.sqrt(len(codes))
    return found


def reading(translator: Translator, pixels: Pixels) -> tuple[Tensor, Tensor]:
    """A picture's code in each hand, (D, 64), and how far it is of each, as logits (D,)."""
    height, width = pixels.shape[:2]
    small = resized(pixels, round(READ * min(LONGEST, max(height, width) / min(height, width))))
    picture = planes([small[: small.shape[0] // 2 * 2, : small.shape[1] // 2 * 2]])
    with torch.inference_mode():
        codes, logits = translator.networks.encoder(picture.to(device.choose().device))
    return codes[0], logits[0]


def up(side: int) -> int:
    return -(-side // STRIDE) * STRIDE
