"""A session's own voice in the making: an adapter of the language model learns from the artist's texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines import language, store
from engines.api import check_options, check_text
from engines.errors import EngineError

from . import own
from .events import MAX_COORDINATE, StudioError, Words
from .session import Session
from .trainings import Now, Task, Trainings

POINTS = 400  # of the loss that are told: as many as a curve has pixels
MOST_LETTERS = 4_000_000  # of all the texts


@dataclass
class Voice(Task):
    words: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)  # held-out perplexity
    samples: list[dict[str, str]] = field(default_factory=list)

    @property
    def out(self) -> Path:
        return self.folder / "adapter"

    def hear(self, event: Any) -> None:
        """Takes in what the training told."""
        from engines.text.finetune import Sample, Step

        match event:
            case Step():
                self.status = "running"
                self.step, self.total, self.seconds = event.step, event.total, event.seconds
                if event.loss is not None and event.step:
                    self.losses.append((event.step, event.loss))
                if event.perplexity is not None:
                    self.scores.append((event.step, event.perplexity))
            case Sample():
                told = {"when": event.when, "prompt": event.prompt, "text": event.text}
                self.samples = [*(each for each in self.samples if each["when"] != event.when), told]

    def told(self) -> Now:
        every = max(1, -(-len(self.losses) // POINTS))
        left = self.seconds / self.step * (self.total - self.step) if self.step else None
        learned = {"losses": self.losses[::every], "scores": self.scores, "samples": self.samples}
        return super().told() | {"words": self.words, "left": left, **learned}


class Voices(Trainings[Voice]):
    """The voices that are trained in one studio."""

    kind = "voice"

    def busy(self) -> StudioError:
        return StudioError("A voice is being trained already.", "Finish or discard it first.")

    def begin(self, session: Session, said: Mapping[str, Any]) -> Voice:
        """Trains on `texts`, and on the artist's `own` words in the notebook, under a `name`. Raises `UserError` where that cannot be."""
        from engines.text import Training, corpus

        texts, name, settings = said.get("texts", []), said.get("name"), said.get("settings", {})
        if not isinstance(texts, list) or not isinstance(settings, dict):
            raise StudioError("{key} is no list of texts.", "Mend it and try again.", key="texts")
        given = [check_text("texts", each, MOST_LETTERS, StudioError) for each in texts]
        name = check_text("name", name or "", MAX_COORDINATE, StudioError).strip()
        if not name:
            raise StudioError("The voice has no name.", "Name it.")
        given += [words] if said.get("own") and (words := own_words(session)) else []
        training = check_options(Training, settings)
        count = corpus.check(given)
        asked = {"name": name, "texts": given, "settings": training, "words": count}
        return self.start(session, Voice(self.folder(session), name, words=count), asked)

    def found(self, folder: Path) -> Voice | None:
        from engines import unfinished

        voice = Voice(folder, "", "stopped")
        try:
            asked = voice.asked()
            voice.name, voice.words = asked["name"], asked["words"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        try:
            log = unfinished.log_of(voice.out) or {}
        except EngineError as error:
            voice.status, voice.error = "failed", Words.of(error)
            return voice
        history = log.get("history", [])
        voice.step, voice.total, voice.seconds = log.get("step", 0), log.get("total", 0), log.get("seconds", 0.0)
        voice.losses = [(int(each["step"]), each["loss"]) for each in history]
        voice.scores = [(int(each["step"]), each["perplexity"]) for each in history]
        voice.samples = log.get("samples", [])
        return voice

    def events(self, session: Session, task: Voice, cancelled: Callable[[], bool]) -> Iterator[Any]:
        from engines.text import Training
        from engines.text.finetune import train

        asked = task.asked()
        store.ensure(language.stored(language.chosen()))
        training, base = Training(**asked["settings"]), language.path(language.chosen())
        return train(base, asked["texts"], task.out, training, cancelled, asked["name"])

    def keep(self, session: Session, task: Voice) -> str:
        from engines.text import adapter

        data = adapter.pack(task.out)
        return own.keep(self._studio, session, "adapter", task.name, data, own.learned(adapter.load(data).facts))


def choices() -> list[dict[str, Any]]:
    """What may be set of a training: name, default, range and help."""
    from engines.text import Training

    return [
        {
            "name": spec.name,
            "value": spec.default,
            **{key: spec.metadata[key] for key in ("low", "high", "step", "help")},
        }
        for spec in dataclasses.fields(Training)
    ]


def own_words(session: Session) -> str:
    """What the artist wrote themselves in the notebook, without the machine's words."""
    return "\n\n".join(span.text.strip() for span in session.document().spans if span.by is None and span.text.strip())
