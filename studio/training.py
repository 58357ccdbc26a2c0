"""Trains an adapter from texts that lie in files, without a browser: what `studio train lora` does."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from engines import language, registry
from engines.api import check_options

from . import terminal, textmodel
from .events import StudioError
from .terminal import Stop, aside, asking, console

MOST_BYTES = 8_000_000  # of one file; how many characters may be learned from, the engine says


def lora(files: list[Path], out: Path, name: str, model: str, quiet: bool, given: dict[str, Any]) -> dict[str, Any]:
    """Trains, tells how it goes on stderr, and returns what `training.json` says. Raises `Stop` where it was stopped with Ctrl-C."""
    from engines.text import Training, corpus, keeping
    from engines.text.finetune import Paused, Sample, Step, Trained, train

    with asking():
        training = Training(**check_options(Training, given))
        texts = [read(file) for file in files]
        corpus.check(texts)
        keeping.check(out)
    folder = base(model)
    facts: dict[str, Any] = {}
    with interrupted() as stopped, terminal.telling() as tell:
        for event in train(folder, texts, out, training, stopped, name):
            match event:
                case Step():
                    tell(_progress(event))
                case Sample() if not quiet:
                    _show(event)
                case Paused():
                    if not event.step:
                        raise Stop(
                            "Stopped before the first step; nothing was kept. Begin again with the same command."
                        )
                    raise Stop(
                        f"Stopped. Step {event.step} of {event.total} is kept; the same command goes on from there."
                    )
                case Trained():
                    facts = event.facts
    return facts


def read(file: Path) -> str:
    """The text of a file in UTF-8. Raises `StudioError` where it is none."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise StudioError("{name} is too large to learn from.", "Give a part of it.", name=file.name)
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StudioError(
            "{name} cannot be read: {why}.", "Check the path.", name=str(file), why=error.strerror or str(error)
        ) from error
    except UnicodeDecodeError as error:
        raise StudioError(
            "{name} is no plain text in UTF-8.", "Save it as plain text, then try again.", name=file.name
        ) from error


def base(model: str) -> Path:
    """The folder of a text model, which is fetched where it is not here yet."""
    textmodel.ready(model)
    return language.path(model)


class interrupted:
    """While this is open, Ctrl-C is a question that work asks rather than an end in its midst."""

    def __enter__(self) -> Callable[[], bool]:
        import signal

        self._event, self._before = threading.Event(), None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, lambda *_: self._event.set())
        return self._event.is_set

    def __exit__(self, *_: object) -> None:
        import signal

        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)


def _progress(step: Any) -> object:
    from engines.api import Progress

    words = f"Step {step.step} of {step.total}"
    words += f", loss {step.loss:.2f}" if step.loss is not None else ""
    if step.perplexity is not None:
        words += f", held-out perplexity {step.perplexity:.1f}"
        if not aside.is_terminal:
            aside.print(words, highlight=False)
    return Progress(step.step / max(step.total, 1), words)


def _show(sample: Any) -> None:
    console.print(f"\n{sample.when.capitalize()}:", highlight=False)
    console.print(f"{sample.prompt}[…]{sample.text}", markup=False, highlight=False, soft_wrap=True)


def show(facts: dict[str, Any], out: Path) -> None:
    perplexity = facts["perplexity"]
    console.print(
        f"\nHeld-out perplexity {perplexity['before']:.1f} before, {perplexity['after']:.1f} after ({facts['ratio']:.2f} times), "
        f"from {facts['words']} words in {facts['seconds']:.0f} s. The adapter is in {out}.",
        highlight=False,
        soft_wrap=True,
    )


def setting(name: str) -> Any:
    """The command line's option for a setting of the training: its range and help are those of the engine."""
    facts = _settings()[name].metadata
    return typer.Option(min=facts["low"], max=facts["high"], help=facts["help"])


def default(name: str) -> Any:
    return _settings()[name].default


def _settings() -> dict[str, dataclasses.Field[Any]]:
    registry.infos()  # the engines in their order, before a module of theirs is asked for
    from engines.text import Training

    return {each.name: each for each in dataclasses.fields(Training)}
