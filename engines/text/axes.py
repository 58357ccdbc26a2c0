"""Axes: directions in a language model's residual stream along which its texts turn joyful or melancholic, plain or ornate, and so on.

A direction is the difference between the mean states of texts of two poles (Rimsky et al. 2024, "Steering Llama 2 via contrastive
activation addition"; Zou et al. 2023, "Representation engineering"), added in a band of layers while the model writes. Departure:
strength 1 is measured, not given. It is as far as the words that would be drawn may surprise the unsteered model, each way by itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tomllib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import EngineError
from .lm import LanguageModel, Row, Stopped
from .sampling import Sampling, allowed

BAND = (0.53, 0.93)  # of the layers: where what a text is like is settled, and which words say it is not yet
RISE = 1.15  # of the expected perplexity at strength 1; what is drawn compounds it, and 1.3 is the bound
STEPS = 4  # towards it, from the first guess
GUESS, FARTHEST = 0.15, 1.0  # shares of the distance between the poles, added in each layer
USUAL = Sampling(temperature=0.8, min_p=0.05)  # how words are drawn where strength is measured
LEAST, MOST, LONGEST = 2, 100, 4_000  # examples of a pole, and characters of one
METHOD = "4"  # part of a cached direction's name: higher whenever it would come out differently


@dataclass(frozen=True)
class Axis:
    """What an axis is made of: texts of its two poles. The positive one names it."""

    name: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]
    poles: tuple[str, str] = ("", "")
    rise: float = RISE

    @property
    def digest(self) -> str:
        made_of = [METHOD, self.positive, self.negative, self.rise]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("axes.toml").read_text(encoding="utf-8"))


@cache
def built_in() -> Mapping[str, Axis]:
    """The axes that every model has, by name."""
    found = {}
    for name, table in _tables().items():
        if "pairs" in table:
            positive, negative = zip(*table["pairs"], strict=True)
            poles = (table["poles"][0], table["poles"][1])
            found[name] = Axis(name, positive, negative, poles, table.get("rise", RISE))
    return found


# ── An axis of one's own ─────────────────────────────────────────────────────────────────────────────────────────────


def define_axis(
    positive: Sequence[str], negative: Sequence[str], name: str = "", poles: tuple[str, str] = ("", "")
) -> bytes:
    """An axis from examples of its two poles, as the file that `axis:sha256:…` names. Raises `EngineError` where they are too few.

    Liked against disliked texts will do: what they have in common cancels out.
    """
    axis = _checked(name, poles, positive, negative)
    about = {"name": axis.name, "poles": axis.poles, "positive": axis.positive, "negative": axis.negative}
    return json.dumps(about, ensure_ascii=False, sort_keys=True).encode()


def read_axis(data: bytes) -> Axis:
    """The axis of such a file. Raises `EngineError` where it is none."""
    try:
        about = json.loads(data)
        first, second = about["poles"]
        return _checked(about["name"], (first, second), about["positive"], about["negative"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError("This file is no axis, or it is damaged.", "Define the axis again.") from error


def _checked(name: Any, poles: tuple[Any, Any], positive: Any, negative: Any) -> Axis:
    sides = []
    for given in (positive, negative):
        if not isinstance(given, list | tuple) or not all(isinstance(text, str) for text in given):
            raise TypeError("examples are a list of texts")
        sides.append(tuple(dict.fromkeys(text.strip() for text in given if text.strip())))
    for side in sides:
        if not LEAST <= len(side) <= MOST:
            raise EngineError(
                "An axis needs {least} to {most} different examples of each pole; one has {count}.",
                "Give other texts, the more varied the better.",
                least=LEAST,
                most=MOST,
                count=len(side),
            )
    if shared := set(sides[0]) & set(sides[1]):
        raise EngineError(
            "The same text stands at both poles: {value!r}.", "Leave it out at one of them.", value=min(shared)
        )
    if longest := max((text for side in sides for text in side if len(text) > LONGEST), key=len, default=""):
        raise EngineError(
            "An example has {count} characters.", "Up to {limit} are read.", count=len(longest), limit=LONGEST
        )
    names = [str(each)[:100] for each in (name, *poles)]
    return Axis(names[0], sides[0], sides[1], (names[1], names[2]))


# ── Directions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Direction:
    """An axis in one model: `vector` (layers, hidden), and how much of it is strength 1 each way."""

    vector: Tensor
    forth: float
    back: float

    def push(self, strength: float) -> Tensor:
        """What to add to the residual stream after each layer, (layers, hidden), at a strength from -1 to 1."""
        return self.vector * (strength * (self.forth if strength > 0 else self.back))


class Directions:
    """The axes of one model, each found when it is first asked for and kept in a folder under the model's digest."""

    def __init__(self, model: LanguageModel, digest: str, folder: Path) -> None:
        self._model, self._digest, self._folder = model, digest, folder
        self._known: dict[str, Direction] = {}

    def prepare(self, axis: Axis, cancelled: Callable[[], bool] = lambda: False) -> Iterator[float]:
        """Finds the axis where it is not known yet, and tells how far it is, 0 to 1. Raises `Stopped`."""
        place = self._folder / f"{self._digest[:16]}-{axis.digest[:16]}.safetensors"
        if axis.digest not in self._known and (kept := _read(place)):
            self._known[axis.digest] = kept
        if axis.digest not in self._known:
            direction = yield from find(self._model, axis, cancelled)
            self._known[axis.digest] = direction
            _write(place, direction)

    def push(self, strengths: Mapping[Axis, float]) -> Tensor | None:
        """All of them together, (layers, hidden); each has been prepared. See `held`."""
        share = held(list(strengths.values()))
        found = [self._known[axis.digest].push(share * each) for axis, each in strengths.items() if each]
        return torch.stack(found).sum(0) if found else None


def held(strengths: Sequence[float]) -> float:
    """How much of every strength is used. Surprise grows with the square of a push, so that squares may sum to 1 and no more."""
    return 1 / max(1.0, math.sqrt(math.fsum(each**2 for each in strengths)))


def find(
    model: LanguageModel, axis: Axis, cancelled: Callable[[], bool] = lambda: False
) -> Generator[float, None, Direction]:
    """The mean difference of the poles' states in the band, and strength 1 each way, by measuring."""
    texts, states = [*axis.positive, *axis.negative], []
    passages: list[Passage] = []
    ordinary = _tables()["passages"]["texts"]
    measured, total = 0, len(texts) + (2 * STEPS + 1) * len(ordinary)
    for text in [*texts, *ordinary]:
        if cancelled():
            raise Stopped
        if measured < len(texts):
            states.append(mean_state(model, model.encode(text)[: model.context // 2]))
        else:
            passages.append(Passage(model, text))
        measured += 1
        yield measured / total
    count = len(axis.positive)
    difference = torch.stack(states[:count]).mean(0) - torch.stack(states[count:]).mean(0)
    layers = len(difference)
    vector = torch.zeros_like(difference)
    band = slice(round(BAND[0] * layers), max(round(BAND[1] * layers), round(BAND[0] * layers) + 1))
    vector[band] = difference[band]
    if not float(vector.norm()) > 1e-6:
        raise EngineError(
            "Both poles of this axis look the same to the model.", "Give examples that differ in more than their marks."
        )
    scales = []
    for way in (1.0, -1.0):
        scale = GUESS
        for _ in range(STEPS):
            rises = []
            for passage in passages:
                if cancelled():
                    raise Stopped
                rises.append(passage.rise(vector * (way * scale)))
                measured += 1
                yield measured / total
            mean = math.fsum(rises) / len(rises)
            wanted = math.sqrt(math.log(axis.rise) / mean) if mean > 0 else 2.0  # surprise grows with the square
            scale = min(FARTHEST, scale * min(max(wanted, 0.25), 2.0))
        scales.append(scale)
    return Direction(vector, *scales)


def mean_state(model: LanguageModel, tokens: Sequence[int]) -> Tensor:
    """The residual stream after each layer, its mean over the tokens of a text, (layers, hidden).

    What a text begins with, or an end token, stands before them and is not counted:
    attention rests on what comes first, whose numbers are tens of times as
    large as all others (Xiao et al. 2024, "attention sinks").
    """
    first, count = model.start, len(model.start)
    both = model.states([first, [*first, *tokens]])
    return (both[1] * (len(tokens) + count) - both[0] * count) / max(1, len(tokens))


class Passage:
    """A text at whose every place it is asked what would be drawn there, with a push and without."""

    def __init__(self, model: LanguageModel, text: str) -> None:
        self._model, tokens = model, model.encode(text)
        self._first, self._rest = tokens[:1], tokens[1:]
        plain = model.logits(self._first, self._rest)
        self._surprise = -plain.log_softmax(-1)  # (T, V)
        self._usual = float((self._chances(plain) * self._surprise).sum(-1).mean())

    def rise(self, push: Tensor) -> float:
        """By how many nats a word that is drawn under the push surprises the unsteered model more than one that is drawn without,
        on average over the places: the logarithm of a ratio of perplexities."""
        pushed = self._model.logits(self._first, self._rest, Row(USUAL, 0, 1, push=push))
        return float((self._chances(pushed) * self._surprise).sum(-1).mean()) - self._usual

    def _chances(self, logits: Tensor) -> Tensor:
        count = len(self._rest)
        return allowed(logits, [USUAL] * count, [[]] * count).softmax(-1)


def _read(place: Path) -> Direction | None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(place)
        forth, back = found["scales"].tolist()
        return Direction(found["vector"], forth, back)
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def _write(place: Path, direction: Direction) -> None:
    """Keeps it whole or not at all; a shared folder may be read-only, and then it is found again next time."""
    from safetensors.torch import save_file

    part = place.with_suffix(f".{os.getpid()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        save_file({"vector": direction.vector, "scales": torch.tensor([direction.forth, direction.back])}, part)
        os.replace(part, place)
    except OSError:
        part.unlink(missing_ok=True)
