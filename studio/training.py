"""Training without a browser: what `studio train` does."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from engines import language, registry, store
from engines.api import check_options

from . import pictures, terminal, textmodel
from .events import StudioError
from .newstyle import MODELS, photographs, smaller
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
                    raise Stop(stopped_at(event))
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


def painter(out: Path, before: Path | None, given: dict[str, Any]) -> dict[str, Any]:
    """Trains a painter in a folder, or goes on there, and returns what its file says. Raises `Stop` where it was stopped with Ctrl-C."""
    registry.infos()
    from engines import embed, vision
    from engines.api import Progress
    from engines.image import lessons
    from engines.image.plan import Plan
    from engines.image.training import Training, begin, export

    with asking():
        plan = Plan(**check_options(Plan, given))
    if missing := [name for name in (embed.MODEL, vision.MODEL) if not store.present(name)]:
        terminal.pull(missing)
    with interrupted() as stopped, terminal.telling() as tell:
        course = lessons.prepared(out / "course", embed.shared, lambda done, what: tell(Progress(done, what)))
        making = Training(course, plan, out)
        if before:
            with asking():
                begin(making, before)
        for told in making.run(stopped):
            words = ", ".join(f"{key} {value:.3g}" for key, value in told.items())
            tell(Progress(min(1.0, told["minutes"] / plan.minutes), words))
        facts = export(making, out / "painter.safetensors")
        if stopped():
            raise Stop(f"Stopped after {facts['minutes']:.0f} minutes; the same command goes on from there.")
    return facts


# ── A style for the bank ─────────────────────────────────────────────────────────────────────────────────────────────


def style(
    picture: Path, out: Path, folder: Path | None, name: str, network: bool, given: dict[str, Any]
) -> dict[str, Any]:
    """Trains a style from a picture into a folder, tells how it goes on stderr, and returns what the style's file says and where it is."""
    registry.infos()
    from engines import files
    from engines.style import kinds, training
    from engines.style.plan import NetworkPlan, Plan

    with asking():
        if given.get("from_scratch") and not network:
            raise StudioError(
                "--from-scratch goes with --network.", "A row of the bank begins with the nearest of its styles."
            )
        kind, what = (NetworkPlan, kinds.NETWORK) if network else (Plan, kinds.ROW)
        plan = kind(**check_options(kind, given))
        name = style_name(name or picture.stem)
        seen = pictures.to_pixels(read_bytes(picture), picture.name)
        training.check_picture(seen)
        own, skipped = read_pictures(folder) if folder else ([], [])
        make_folder(out)
    if skipped:
        aside.print(f"Skipped, for they cannot be read: {', '.join(skipped)}.", highlight=False, soft_wrap=True)
    if missing := [each for each in MODELS if not store.present(each)]:
        terminal.pull(missing)
    file, look = out / f"{name}{kinds.SUFFIXES[what]}", out / f"{name}.preview.jpg"
    facts: dict[str, Any] = {}
    with interrupted() as stopped, terminal.telling() as tell:
        for event in training.train(seen, own, photographs(), file, plan, stopped, name):
            match event:
                case training.Step():
                    tell(_practice(event))
                case training.Shown():
                    files.write_whole(look, pictures.encode_jpeg(event.pixels))
                case training.Paused():
                    raise Stop(stopped_at(event, usable=network))
                case training.Trained():
                    facts = event.facts
    pair = {"file": str(file), "preview": str(look)}
    return {**pair, **facts, "contents": {"own": len(own), "skipped": skipped}}


TOLD_EVERY = 20  # steps after which a line says how far it is, where stderr is no terminal
MOST_PICTURES = 500  # of an artist's folder that are practised on


def style_name(name: str) -> str:
    """Raises `StudioError` where the name cannot be one of a file."""
    if not name.strip(". ") or len(name) > 80 or any(each in name for each in '/\\:*?"<>|') or not name.isprintable():
        raise StudioError("{name!r} cannot be a file's name.", "Choose another --name.", name=name)
    return name


def read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StudioError(
            "{name} cannot be read: {why}.", "Check the path.", name=str(file), why=error.strerror or str(error)
        ) from error


def read_pictures(folder: Path, most: int = MOST_PICTURES, side: int = 1024) -> tuple[list[Any], list[str]]:
    """The pictures of a folder, `side` pixels large at most, and the names of files there that are none. Raises `StudioError` where there
    is no picture."""
    try:
        files = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    except OSError as error:
        raise StudioError(
            "{name} cannot be read: {why}.", "Check the path.", name=str(folder), why=error.strerror or str(error)
        ) from error
    found, skipped = [], []
    for file in files[:most]:
        try:
            found.append(smaller(pictures.to_pixels(read_bytes(file), file.name), side))
        except StudioError:
            skipped.append(file.name)
    if not found:
        raise StudioError(
            "{name} holds no picture that can be read ({count} other files).",
            "Name a folder with pictures.",
            name=str(folder),
            count=len(skipped),
        )
    return found, skipped


def make_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise StudioError("{name} is not a folder.", "Choose another --out.", name=str(out))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudioError(
            "{path} cannot be written: {why}.", "Choose another --out.", path=str(out), why=error.strerror or str(error)
        ) from error


def _practice(step: Any) -> object:
    from engines.api import Progress

    words = f"Step {step.step} of {step.total}"
    words += f", style {step.style:.3f} and content {step.content:.2f} from the target" if step.style else ""
    words += f", {terminal.duration(step.left)} left" if step.left is not None else ""
    if step.step % TOLD_EVERY == 0 and not aside.is_terminal:
        aside.print(words, highlight=False)
    return Progress(step.step / max(step.total, 1), words)


def stopped_at(event: Any, usable: bool = False) -> str:
    if not event.step:
        return "Stopped before the first step; nothing was kept. Begin again with the same command."
    kept = f"Step {event.step} of {event.total} is kept" + (", and the file can be used" if usable else "")
    return f"Stopped. {kept}; the same command goes on from there."


def show_style(facts: dict[str, Any]) -> None:
    loss = facts["style_loss"]
    if facts["stopped"]:
        aside.print(f"{facts['stopped']} The last good one was kept.", highlight=False)
    again = f", {facts['sittings']} sittings" if facts["sittings"] > 1 else ""
    console.print(
        f"Style loss {loss['first']:.3f} at first, {loss['last']:.3f} at last; {facts['steps']} steps from "
        f"{facts['nearest'] or 'chance'} in {facts['seconds']:.0f} s{again}. The style is in {facts['file']}.",
        highlight=False,
        soft_wrap=True,
    )


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def setting(name: str, kind: str = "text") -> Any:
    """The command line's option for a setting of a training: its range and help are those of the engine."""
    facts = _settings(kind)[name].metadata
    if facts["choices"]:
        return typer.Option(help=f"{facts['help']} One of: {', '.join(facts['choices'])}.")
    return typer.Option(min=facts["low"], max=facts["high"], help=facts["help"])


def planned(name: str) -> Any:
    """The same for a setting of a style's training whose default depends on what is learned: a row of the bank or a network."""
    from engines.style.plan import NetworkPlan, Plan

    facts = _settings("style")[name].metadata
    row, network = (getattr(plan, name) for plan in (Plan, NetworkPlan))
    about = f"{facts['help']}  [default: {row:g}, with --network {network:g}]"
    return typer.Option(min=facts["low"], max=facts["high"], help=about, show_default=False)


def default(name: str, kind: str = "text") -> Any:
    return _settings(kind)[name].default


def _settings(kind: str) -> dict[str, dataclasses.Field[Any]]:
    registry.infos()  # the engines in their order, before a module of theirs is asked for
    if kind in ("style", "translator"):
        from engines.style import plan

        found = plan.NetworkPlan if kind == "style" else plan.TranslatorPlan
        return {each.name: each for each in dataclasses.fields(found)}
    if kind == "gan":
        from engines.image.gan.plan import Plan as GanPlan

        return {each.name: each for each in dataclasses.fields(GanPlan)}
    if kind == "image":
        from engines.image.plan import Plan

        return {each.name: each for each in dataclasses.fields(Plan)}
    from engines.text import Training

    return {each.name: each for each in dataclasses.fields(Training)}
