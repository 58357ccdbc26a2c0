"""Which colours a thing may have, where nobody named any: those that artists gave to what is like it, drawn by chance.

A painter that is told no colour takes the mean of all that would do, and a large thing turns to smears. So the colours are chosen
first, p(colours | words), and the picture after them: the factors of p(picture | words). The table holds the main colours of every
picture that painters may learn from, and what its concept means.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from .lessons import Course

TABLE = Path(__file__).with_name("palettes.safetensors")
SHARPNESS = 20.0  # of the softmax over likeness in meaning: how much oftener the most alike is drawn
LEAST = 0.1  # of a picture that a colour covers, to count


@dataclass(frozen=True)
class Palettes:
    meanings: Tensor  # (C, 384) of unit length
    concept: Tensor  # (P,) which of them each palette belongs to
    colours: Tensor  # (P, 3, 3) OKLab, most used first
    shares: Tensor  # (P, 3) of the picture

    def drawn(self, meaning: Tensor, chance: torch.Generator) -> Tensor:
        """Colours for what has a meaning, (384,), or for anything at all where it is 0: OKLab, (1 to 3, 3), most used first."""
        likely = (self.meanings @ meaning * SHARPNESS).softmax(0)
        concept = torch.multinomial(likely, 1, generator=chance)
        found = torch.nonzero(self.concept == concept)[:, 0]
        at = found[torch.randint(len(found), (1,), generator=chance)[0]]
        kept = self.shares[at] >= LEAST
        kept[0] = True
        return self.colours[at][kept]


@cache
def palettes() -> Palettes:
    found = load_file(TABLE)
    meanings = torch.nn.functional.normalize(found["meanings"].float(), dim=1)
    return Palettes(meanings, found["concept"].long(), found["colours"].float() / 250, found["shares"].float() / 250)


def table(course: Course) -> dict[str, Tensor]:
    """The table's tensors, in bytes. Concepts that are held out stay out."""
    allowed = torch.tensor([not each.held_out for each in course.drawn.concepts])
    concept = torch.from_numpy(course.drawn.concept)
    kept = allowed[concept]
    return {
        "meanings": (course.words[allowed, 0] * 127).round().to(torch.int8),
        "concept": (allowed.cumsum(0) - 1)[concept[kept]].short(),
        "colours": (course.clusters[kept] * 250).round().clamp(-128, 255).short(),
        "shares": (course.shares[kept] * 250).round().to(torch.uint8),
    }
