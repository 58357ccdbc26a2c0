"""The engine `writer`: four variants of what comes next, written side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from .. import language, store
from ..api import (
    Brief,
    Cancelled,
    Done,
    Event,
    Pictures,
    Progress,
    Room,
    Setting,
    Started,
    Token,
)
from ..device import choose, peak_memory_mb
from ..embed import Reader, shared
from . import WRITER, TextOptions, adapter, axes, finish, prompting, reading, templates
from .adapter import Adapter
from .axes import Axis, Directions
from .composing import TOO_LONG, Composition
from .keywords import Wishes, check, keyword
from .lm import LanguageModel, Row, Stopped
from .sampling import Sampling

ADAPTERS = 8  # that are kept in memory


class Writer:
    """Goes on with the prompt, or answers it. The seed decides what chance does; beams and greedy texts have none."""

    info = WRITER

    def __init__(self, reader: Reader = shared) -> None:
        self._reader = reader  # what tells how near in meaning two texts are
        self._lock = threading.Lock()
        self._model: LanguageModel | None = None
        self._name = ""  # of the model: what was chosen when it was loaded
        self._adapters: dict[str, Adapter] = {}  # by reference
        self._directions: Directions | None = None

    def models(self) -> dict[str, str]:
        name = language.chosen()
        with self._lock:
            digest = self._model.digest if self._model and self._name == name else language.sha256(name)
        return {language.label(name): digest, **self._reader.models()}

    def model(self) -> LanguageModel:
        """The language model that was chosen, loaded on first use."""
        name = language.chosen()
        with self._lock:
            if self._model is None or self._name != name:
                self._model = self._directions = None  # room first for what comes
                self._adapters = {}
                self._model, self._name = LanguageModel(language.path(name)), name
            return self._model

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        began, chosen = time.perf_counter(), choose()
        yield Started(len(settings), chosen.device, chosen.dtype)
        model = self.model()
        options = [_options(model, brief.apply(setting.knobs)) for setting in settings]
        asked = prompting.prompt(model, brief.prompt, options[0])
        if asked.cut:
            yield Progress(0.0, TOO_LONG)
        composition = None
        try:
            yield from self._prepared(model, brief, pictures, cancelled)
            rows = [self._row(model, brief.apply(setting.knobs), setting.seed, pictures) for setting in settings]
            composition = Composition(model, self._reader, brief, asked, settings, rows, options, cancelled, began)
            yield from composition.run()
        except Stopped:
            yield Cancelled(composition.finished if composition else 0)
            return
        yield Done(time.perf_counter() - began, peak_memory_mb())

    def tokens(self, brief: Brief, setting: Setting, text: str, pictures: Pictures) -> list[Token]:
        """How the model reads a text that was written with these settings."""
        model = self.model()
        options = _options(model, brief.apply(setting.knobs))
        return reading.tokens(
            model,
            prompting.prompt(model, brief.prompt, options).tokens,
            text,
            self._row(model, brief.apply(setting.knobs), setting.seed, pictures),
        )

    def room(self, brief: Brief) -> Room:
        """What the brief takes of the model's context."""
        model = self.model()
        options = _options(model, brief)
        asked = prompting.prompt(model, brief.prompt, options)
        return Room(model.context, options.length, len(asked.tokens), asked.parts)

    def _row(self, model: LanguageModel, brief: Brief, seed: int, pictures: Pictures) -> Row:
        """What one variant is written with. Raises `EngineError` where its wishes contradict each other."""
        options, words = _options(model, brief), model.vocabulary
        soft = [
            (name.removeprefix("word:"), weight) for name, weight in brief.weights.items() if name.startswith("word:")
        ]
        wishes = Wishes(
            tuple(keyword(words, word, weight) for word, weight in soft),
            tuple(keyword(words, word) for word in finish.lines(options.must)),
        )
        check(wishes, options.length, finish.blocked(options))
        adapters = tuple(
            (self._adapter(model, name.removeprefix("adapter:"), pictures).layers, weight)
            for name, weight in brief.weights.items()
            if name.startswith("adapter:") and weight
        )
        along = {
            self._axis(name, pictures): weight for name, weight in brief.weights.items() if name.startswith("axis:")
        }
        for axis in along:  # where a text is only read, nothing was prepared
            for _ in self._found(model).prepare(axis):
                pass
        push = self._found(model).push(along) if along else None
        return replace(row(options, seed), push=push, wishes=wishes, adapters=adapters)

    def _prepared(
        self, model: LanguageModel, brief: Brief, pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Progress]:
        """Finds the brief's axes in this model, which takes seconds the first time."""
        for name in brief.weights:
            if name.startswith("axis:"):
                for done in self._found(model).prepare(self._axis(name, pictures), cancelled):
                    yield Progress(done, "Finding the axis in the model, once")

    def _found(self, model: LanguageModel) -> Directions:
        with self._lock:
            if self._directions is None:
                self._directions = Directions(model, model.digest, store.models_folder() / "axes")
            return self._directions

    @staticmethod
    def _axis(name: str, pictures: Pictures) -> Axis:
        own = name.removeprefix("axis:")
        return axes.built_in()[own] if own in axes.built_in() else axes.read_axis(pictures.data(own))

    def _adapter(self, model: LanguageModel, ref: str, pictures: Pictures) -> Adapter:
        """The stored adapter, read once. Raises `EngineError` where it is none, or one of another model."""
        with self._lock:
            if ref not in self._adapters:
                if len(self._adapters) >= ADAPTERS:
                    self._adapters.pop(next(iter(self._adapters)))
                self._adapters[ref] = adapter.check(adapter.load(pictures.data(ref)), model.network.shapes())
            return self._adapters[ref]


def _options(model: LanguageModel, brief: Brief) -> TextOptions:
    """The brief's options; a text takes half of a small model's room at most, for the other half is what it goes on from."""
    options = TextOptions(**brief.options)
    return replace(options, length=min(options.length, max(1, model.context // 2)))


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
    least, rewrites = min(options.least, options.length), templates.rewrites(options.template)
    return Row(sampling, seed, options.length, least, stops, own_repeats=rewrites)
