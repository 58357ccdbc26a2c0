"""A scriptable text engine without weights, for tests and demos: it strings words together by its seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .api import (
    Brief,
    Cancelled,
    Done,
    Draft,
    EngineInfo,
    Event,
    Pictures,
    Progress,
    Remark,
    Result,
    Room,
    Setting,
    Started,
    Token,
    option,
)
from .registry import register

WORDS = (
    "and",
    "the",
    "sea",
    "was",
    "grey,",
    "then",
    "a",
    "boat",
    "came",
    "home",
    "with",
    "salt",
    "on",
    "its",
    "ropes.",
)
TOO_LONG = "The prompt is too long for this model: its beginning was left out."
CONTEXT = 512  # words that it has room for


@dataclass(frozen=True)
class FakeTextOptions:
    length: int = option(12, low=1, high=1024, step=1, help="How many words it writes.")
    temperature: float = option(0.8, low=0, high=2, step=0.05, knob=True, help="How daring the choice of words is.")
    template: str = option(
        "", help="What is asked of your text, which stands for {text} in it; without one, the text goes on."
    )
    pause: float = option(0.0, low=0, high=60, step=0.1, advanced=True, help="Seconds that each variant takes.")


INFO = EngineInfo(
    name="fake-text",
    mode="text",
    version="1",
    summary="Strings words together, for tests and demos.",
    options=FakeTextOptions,
    needs=("prompt",),
    weights={"axis": (-1.0, 1.0), "word": (0.0, 1.0), "adapter": (0.0, 1.5)},
    axes=("joyful", "formal"),
    random=True,
)


class FakeText:
    """Writes words in an order that its seed decides. A keyword is its first word."""

    info = INFO

    def models(self) -> dict[str, str]:
        return {}

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        began = time.perf_counter()
        yield Started(len(settings), "cpu", "float64")
        cut = len(brief.prompt.split()) > CONTEXT
        options = FakeTextOptions(**brief.options)
        wanted = [self._words(brief.apply(setting.knobs), setting.seed) for setting in settings]
        for step in range(1, options.length + 1):
            until = time.perf_counter() + options.pause / options.length
            while True:
                if cancelled():
                    yield Cancelled(0)
                    return
                if time.perf_counter() >= until:
                    break
                time.sleep(0.01)
            for index, words in enumerate(wanted):
                yield Draft(index, " " + " ".join(words[:step]))
            yield Progress(step / options.length, "Writing")
        for index, (setting, words) in enumerate(zip(settings, wanted, strict=True)):
            text = " " + " ".join(words)
            yield Result(
                index,
                setting.knobs,
                setting.seed,
                time.perf_counter() - began,
                text=text,
                raw=f"{text} etc." if cut else None,
                remarks=(Remark(TOO_LONG),) if cut else (),
                features=np.array([words.count(word) for word in sorted(set(WORDS))], dtype=np.float32),
            )
        yield Done(time.perf_counter() - began, 0.0)

    def tokens(self, brief: Brief, setting: Setting, text: str, pictures: Pictures) -> list[Token]:
        """Every word with the space before it; the same ten words come to its mind everywhere."""
        others = tuple((f" {word}", 1 / (at + 2)) for at, word in enumerate(WORDS[:10]))
        return [Token(f" {word}", 0.5, others) for word in text.split()]

    def room(self, brief: Brief) -> Room:
        count = len(brief.prompt.split())
        return Room(CONTEXT, FakeTextOptions(**brief.options).length, count, {"prompt": count})

    def _words(self, brief: Brief, seed: int) -> list[str]:
        options = FakeTextOptions(**brief.options)
        keys = [name.partition(":")[2] for name, value in brief.weights.items() if name.startswith("word:") and value]
        drawn = np.random.default_rng(seed).integers(len(WORDS), size=options.length)
        return [*keys, *(WORDS[at] for at in drawn)][: options.length]


def use() -> None:
    """Makes the engine known. Only tests and demos do."""
    register(INFO, FakeText)
