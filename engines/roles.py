"""What an engine may be able to do besides making variants. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .api import Brief, Part, Pictures, Pixels, Remark, Setting


class Previewer(Protocol):
    """An engine that is fast enough for a sheet of small pictures."""

    def preview(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, size: int) -> list[Pixels]: ...


class Drawer(Protocol):
    """An engine that draws before it paints. A drawing is JSON, `{"aspect": width / height, "things": [{"words", "lines"}…]}`: a line
    is `[x, y, x, y…]` in shares of the width, y downwards."""

    def drawings(self, prompt: str, count: int) -> tuple[list[str], tuple[Remark, ...]]:
        """Several drawings of what the words ask for, and what of it is missing in them. Raises `EngineError` where that is all."""
        ...

    def drawing_file(self, drawing: str) -> bytes:
        """A drawing as a PNG that holds its lines. Raises `EngineError` where it is none."""
        ...

    def read_drawing(self, file: bytes) -> str | None:
        """The drawing in a PNG, or none."""
        ...

    def live(self, brief: Brief, drawing: str, size: int, pictures: Pictures | None = None) -> Pixels:
        """The brief's `yours` under a drawing, at once and small: `size` on the long side. `pictures` has the files of its mix."""
        ...

    def in_words(self, brief: Brief, file: bytes, pictures: Pictures) -> str:
        """What a variant of the brief, a PNG, shows: the words it was asked for in, and its main colours in English."""
        ...


class Explainer(Protocol):
    """An engine that can tell why a picture that it made looks as it does."""

    def explain(
        self, brief: Brief, setting: Setting, pictures: Pictures, pixels: Pixels, cancelled: Callable[[], bool]
    ) -> Iterator[list[Part] | tuple[str, Pixels]]:
        """Its losses by part; then, one after the other, a part's name and what that alone would paint, small."""
        ...


@dataclass(frozen=True)
class Token:
    """A piece of a text as the model reads it, in whole characters, and what else it had in mind there, the likeliest first."""

    text: str
    probability: float
    alternatives: tuple[tuple[str, float], ...]  # text and probability, 10 at most


@dataclass(frozen=True)
class Room:
    """How many tokens a brief takes, all of it and in parts, and how many there are."""

    context: int  # what the model has room for
    answer: int  # what a text may take of it
    prompt: int  # everything that is put before the text, cut to what is left or not
    parts: Mapping[str, int] = field(default_factory=dict)  # of the prompt: "prompt", and options that go into it


class Reader(Protocol):
    """An engine that can tell how it reads a text."""

    def tokens(self, brief: Brief, setting: Setting, text: str, pictures: Pictures) -> list[Token]:
        """The tokens of a text that was written so, which add up to it, with their probabilities before anything is sifted."""
        ...

    def room(self, brief: Brief) -> Room: ...
