"""A session's own voice in the making: an adapter is trained at the desk, gives way to whoever waits, and outlives tab and studio.

What a training needs lies in a folder of the session until it is finished: the texts, and what is learned so far. The adapter
that comes out is a file of the session.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engines import language, store
from engines.api import UserError, check_options, check_text
from engines.errors import EngineError

from . import own
from .desk import beside
from .events import MAX_COORDINATE, StudioError, Words
from .session import Session, Studio

log = logging.getLogger(__name__)

SLICE = 20.0  # seconds that a training has the engine for itself, once it is its turn
POINTS = 400  # of the loss that are told: as many as a curve has pixels
MOST_LETTERS = 4_000_000  # of all the texts

Status = Literal["waiting", "running", "stopped", "done", "failed"]
Now = dict[str, Any]


@dataclass
class Voice:
    """One training, as far as it is."""

    folder: Path
    name: str
    words: int
    status: Status = "waiting"
    step: int = 0
    total: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)  # held-out perplexity
    samples: list[dict[str, str]] = field(default_factory=list)
    error: Words | None = None
    sha256: str = ""
    gone: bool = False  # discarded: nothing that comes of it is kept
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def active(self) -> bool:
        return self.status in ("waiting", "running")

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
        """For the page: plain values."""
        every = max(1, -(-len(self.losses) // POINTS))
        pace = self.seconds / self.step if self.step else None
        return {
            "name": self.name,
            "words": self.words,
            "status": self.status,
            "step": self.step,
            "total": self.total,
            "seconds": self.seconds,
            "left": None if pace is None else pace * (self.total - self.step),
            "losses": self.losses[::every],
            "scores": self.scores,
            "samples": self.samples,
            "sha256": self.sha256,
        }


class Voices:
    """The trainings of one studio, at most one a session at a time."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._known: dict[str, Voice] = {}
        self._lock = threading.Lock()

    def of(self, session: Session) -> Voice | None:
        """The session's training: under way, or left unfinished, even by a studio that was closed since; else the last one here."""
        with self._lock:
            if session.id not in self._known and (found := _found(self._studio.voices(session.id))):
                self._known[session.id] = found
            return self._known.get(session.id)

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
        with session.acting():
            known = self.of(session)
            if known is not None and (
                known.active or known.status == "stopped" or (known.status == "failed" and known.step)
            ):
                raise StudioError("A voice is being trained already.", "Finish or discard it first.")
            self._studio.desk.admit(beside(session.id, "voice"))
            folder = self._studio.voices(session.id)
            shutil.rmtree(folder, ignore_errors=True)
            _write(folder, {"name": name, "texts": given, "settings": training, "words": count})
            return self._submit(session, Voice(folder, name, count))

    def go(self, session: Session) -> Voice:
        """Goes on with what was stopped."""
        with session.acting():
            found = self.of(session)
            if found is None or found.active or not (found.folder / "asked.json").is_file():
                raise StudioError("There is no training to go on with.", "Begin one.")
            self._studio.desk.admit(beside(session.id, "voice"))
            found.status, found.error = "waiting", None
            found.stop.clear()
            return self._submit(session, found)

    def stop(self, session: Session) -> None:
        """Stops it; what was learned so far is kept."""
        found = self.of(session)
        if found is not None and found.active:
            found.stop.set()
            self._studio.desk.cancel(beside(session.id, "voice"))

    def discard(self, session: Session) -> None:
        """Throws an unfinished training away, with all that it learned. A finished one is only no longer shown."""
        found = self.of(session)
        self.stop(session)
        if found is not None:
            found.gone = True
            for ticket in self._studio.desk.cancel(beside(session.id, "voice")):
                ticket.wait(5.0)
            shutil.rmtree(found.folder, ignore_errors=True)
        with self._lock:
            self._known.pop(session.id, None)

    def _submit(self, session: Session, voice: Voice) -> Voice:
        with self._lock:
            self._known[session.id] = voice
        self._studio.desk.submit(
            beside(session.id, "voice"), -1, lambda cancelled: self._work(session, voice, cancelled)
        )
        return voice

    def _work(self, session: Session, voice: Voice, cancelled: Callable[[], bool]) -> Iterator[object]:
        """One turn at the desk."""
        began = time.monotonic()

        def pause() -> bool:
            late = time.monotonic() - began > SLICE
            return voice.stop.is_set() or cancelled() or (late and self._studio.desk.waited_for())

        try:
            if pause() or not (voice.folder / "asked.json").is_file():  # discarded before its turn
                voice.status = "stopped"
                return
            store.ensure(language.stored(language.chosen()))
            trained = False
            for event in self._events(voice, pause):
                voice.hear(event)
                trained = trained or type(event).__name__ == "Trained"
                yield event
            if trained and not voice.gone:
                self._finish(session, voice)
            elif voice.stop.is_set() or cancelled():
                voice.status = "stopped"
            else:  # somebody else has the next turn
                voice.status = "waiting"
                self._submit(session, voice)
        except UserError as error:
            voice.status, voice.error = "failed", Words.of(error)
        except Exception:
            log.exception("the training of session %s failed", session.id[:6])
            voice.status = "failed"
            voice.error = Words(template="Something went wrong inside the studio. The log file has the details.")

    @staticmethod
    def _events(voice: Voice, pause: Callable[[], bool]) -> Iterator[Any]:
        from engines.text import Training
        from engines.text.finetune import train

        asked = json.loads((voice.folder / "asked.json").read_text(encoding="utf-8"))
        training = Training(**asked["settings"])
        return train(language.path(language.chosen()), asked["texts"], voice.out, training, pause, asked["name"])

    def _finish(self, session: Session, voice: Voice) -> None:
        from engines.text import adapter

        data = adapter.pack(voice.out)
        about = own.learned(adapter.load(data).facts)
        voice.sha256 = own.keep(self._studio, session, "adapter", voice.name, data, about)
        voice.status = "done"
        shutil.rmtree(voice.folder, ignore_errors=True)


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


def _write(folder: Path, asked: Mapping[str, Any]) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / ".asked.json.part"
        part.write_text(json.dumps(asked, ensure_ascii=False), encoding="utf-8")
        part.replace(folder / "asked.json")
    except OSError as error:
        raise StudioError(
            "{path} cannot be written: {why}.",
            "Free some space or choose another place, then try again.",
            path=folder,
            why=error.strerror or str(error),
        ) from error


def _found(folder: Path) -> Voice | None:
    """A training that was left behind here."""
    from engines.text import keeping

    try:
        asked = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
        voice = Voice(folder, asked["name"], asked["words"], "stopped")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        log = keeping.log_of(voice.out) or {}
    except EngineError as error:
        voice.status, voice.error = "failed", Words.of(error)
        return voice
    history = log.get("history", [])
    voice.step, voice.total, voice.seconds = log.get("step", 0), log.get("total", 0), log.get("seconds", 0.0)
    voice.losses = [(int(each["step"]), each["loss"]) for each in history]
    voice.scores = [(int(each["step"]), each["perplexity"]) for each in history]
    voice.samples = log.get("samples", [])
    return voice
