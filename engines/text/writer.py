"""The engine `writer`: four variants of what comes next, written side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from .. import store
from ..api import Brief, Cancelled, Done, Event, Pictures, Progress, Result, Setting, Started
from ..device import choose, peak_memory_mb
from . import WRITER, TextOptions
from .lm import LanguageModel, Row, Stopped, Text
from .sampling import Sampling

MODEL = "smollm2-135m-instruct"


class Writer:
    """Goes on with the prompt, or answers it. The seed decides what chance does; beams and greedy texts have none."""

    info = WRITER

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: LanguageModel | None = None

    def models(self) -> dict[str, str]:
        return {MODEL: store.sha256(MODEL)}

    def model(self) -> LanguageModel:
        """The language model, loaded on first use."""
        with self._lock:
            if self._model is None:
                self._model = LanguageModel(store.path(MODEL))
            return self._model

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        began, chosen = time.perf_counter(), choose()
        yield Started(len(settings), chosen.device, chosen.dtype)
        model = self.model()
        options = [TextOptions(**brief.apply(setting.knobs).options) for setting in settings]
        first = options[0]
        prompt, cut = model.fitted(prompt_of(model, brief.prompt, first.reply), first.length)
        if cut:
            yield Progress(0.0, "The prompt is too long for this model: its beginning was left out.")
        rows = [row(each, setting.seed) for each, setting in zip(options, settings, strict=True)]
        told: list[int] = []
        texts: list[Text] = []
        try:
            for texts in self._written(model, prompt, rows, first, cancelled):
                for at, text in enumerate(texts):
                    if text.done and at not in told and at == len(told):  # in the order of the settings
                        told.append(at)
                        yield self._result(at, settings[at], text, began)
                grown = sum(len(text.tokens) for text in texts)
                yield Progress(min(1.0, grown / (first.length * len(rows))), "Writing")
        except Stopped:
            yield Cancelled(len(told))
            return
        for at in range(len(told), len(settings)):
            yield self._result(at, settings[at], texts[at], began)
        yield Done(time.perf_counter() - began, peak_memory_mb())

    def _written(
        self,
        model: LanguageModel,
        prompt: Sequence[int],
        rows: Sequence[Row],
        options: TextOptions,
        cancelled: Callable[[], bool],
    ) -> Iterator[list[Text]]:
        if options.decoding == "beam":
            return model.beams(prompt, rows, options.beams, options.diversity, options.length_penalty, cancelled)
        return model.write(prompt, rows, cancelled)

    def _result(self, index: int, setting: Setting, text: Text, began: float) -> Result:
        return Result(index, setting.knobs, setting.seed, time.perf_counter() - began, text=text.text)


def prompt_of(model: LanguageModel, words: str, reply: bool) -> list[int]:
    """The prompt's tokens: as it stands, or as a question in the form that the model was taught to answer."""
    if not reply:
        return model.encode(words)
    return model.encode(model.vocabulary.asked(words))


def row(options: TextOptions, seed: int) -> Row:
    """What a variant's options mean for the loop."""
    sampling = Sampling(
        temperature=0.0 if options.decoding == "greedy" else options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        typical_p=options.typical_p,
        repetition_penalty=options.repetition_penalty,
        no_repeat_ngram=options.no_repeat_ngram,
    )
    stops = tuple(line for line in options.stop.split("\n") if line)
    return Row(sampling, seed, options.length, min(options.least, options.length), stops)
