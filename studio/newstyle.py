"""A session's own style in the making: the bank learns one more row from a picture, and practises on what the artist paints on."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines import registry
from engines.api import Pixels, check_options, check_text
from engines.errors import EngineError

from . import config, own, pictures
from .blobs import Blobs
from .events import MAX_COORDINATE, StudioError, Words
from .rounds import Fetching, fetched
from .session import Session
from .state import State
from .trainings import Now, Task, Trainings

MODELS = ("style-bank-26", "hed-vgg16", "photographs")
MOST_PRACTISED = 12  # pictures of the artist's own that it practises on: those that were painted on last
LOOK = "look.jpg"  # in the training's folder: what the style makes of the artist's picture by now
SET = ("minutes", "style_weight", "scale")  # what the page sets of a plan
MOST_MINUTES = 60.0  # on the page, where others wait for their turn
SURE = 3  # steps after which it is known how long the rest takes


@dataclass
class NewStyle(Task):
    picture: str = ""  # the style's picture, `sha256:…`
    content: str = ""  # what the previews show, `sha256:…`, or nothing: then it is a photograph of ours
    minutes: float = 0.0
    left: float | None = None  # seconds that it will still take
    look: int = -1  # the step of the last preview
    shown: bytes = b""  # that preview, a JPEG, as soon as there is one in this studio
    fetching: Fetching | None = None

    @property
    def out(self) -> Path:
        from engines.style import stylefile

        return self.folder / f"learned{stylefile.SUFFIX}"

    @property
    def learned(self) -> bool:
        return self.out.is_file()

    def hear(self, event: Any) -> None:
        from engines.style.training import Shown, Step

        self.fetching = event if isinstance(event, Fetching) else None
        match event:
            case Step():
                self.step, self.total, self.seconds = event.step, event.total, event.seconds
                self.left = event.left if event.step >= SURE else None
            case Shown():
                self.shown, self.look = pictures.encode_jpeg(event.pixels), event.step
                with suppress(OSError):  # a preview is not worth stopping for
                    (self.folder / LOOK).write_bytes(self.shown)

    def preview(self) -> bytes:
        """The last preview, a JPEG. Raises `StudioError` where there is none yet."""
        if not self.shown:
            with suppress(OSError):
                self.shown = (self.folder / LOOK).read_bytes()
        if not self.shown:
            raise StudioError("There is no file {value}.", value=LOOK)
        return self.shown

    def told(self) -> Now:
        fetching = self.fetching
        return super().told() | {
            "left": self.left,
            "minutes": self.minutes,
            "picture": self.picture,
            "content": self.content,
            "look": self.look,
            "fetching": {"title": fetching.title, "done": fetching.done} if fetching else None,
        }


class NewStyles(Trainings[NewStyle]):
    """The styles that are learned in one studio, one at a time."""

    kind = "style"

    def busy(self) -> StudioError:
        return StudioError("A style is being learned already.", "Let it finish, or discard it first.")

    def begin(self, session: Session, said: Mapping[str, Any]) -> NewStyle:
        """Learns the style of a `picture` of the session under a `name`, shown on the `content` that the artist is at; or lets one that
        was learned here learn on (`from`, its reference), which becomes a style beside it.

        Raises `UserError` where that cannot be.
        """
        registry.infos()
        from engines.style import training
        from engines.style.plan import Plan

        settings, state = said.get("settings") or {}, session.state()
        if not isinstance(settings, dict):
            raise StudioError("What was sent is not a JSON object.", "Mend it and try again.")
        plan = Plan(**check_options(Plan, settings))
        if plan.minutes > MOST_MINUTES:
            raise StudioError(
                "{value:g} minutes are too many here: others wait for their turn.",
                "Choose {limit:g} at most. studio train style takes as long as you like.",
                value=plan.minutes,
                limit=MOST_MINUTES,
            )
        before, content = str(said.get("from") or ""), str(said.get("content") or "")
        picture = str(said.get("picture") or "")
        if before:
            picture = learned_from(state, before)
        if not picture:
            raise StudioError("There is no picture to learn from.", "Choose one.")
        training.check_picture(pictures.to_pixels(session.blob(picture).read_bytes()))
        if content:
            session.blob(content)
        given = check_text("name", said.get("name") or "", MAX_COORDINATE, StudioError).strip()
        known = state.pictures.get(picture.removeprefix("sha256:"))
        name = given or (Path(known.name).stem if known else "")
        if before and not given:
            name = another(state, state.kept[before.removeprefix("sha256:")].name)
        if not name:
            raise StudioError("The style has no name.", "Name it.")
        practised = practised_on(state, content, picture)
        asked = {"name": name, "picture": picture, "content": content, "own": practised, "settings": asdict(plan)}
        if before:
            asked["from"] = before
        task = NewStyle(self.folder(session), name, picture=picture, content=content, minutes=plan.minutes)
        return self.start(session, task, asked)

    def found(self, folder: Path) -> NewStyle | None:
        task = NewStyle(folder, "", "stopped")
        try:
            asked = task.asked()
            task.name, task.picture, task.content = asked["name"], asked["picture"], asked["content"]
            task.minutes = float(asked["settings"]["minutes"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        from engines import unfinished
        from engines.style.mark import STYLE

        try:
            log = unfinished.log_of(task.out, STYLE) or {}
        except EngineError as error:
            task.status, task.error = "failed", Words.of(error)
            return task
        task.step, task.total, task.seconds = log.get("step", 0), log.get("total", 0), log.get("seconds", 0.0)
        task.look = task.step if (folder / LOOK).is_file() else -1
        return task

    def events(self, session: Session, task: NewStyle, cancelled: Callable[[], bool]) -> Iterator[Any]:
        from engines.style.plan import Plan
        from engines.style.training import train

        yield from fetched(MODELS, cancelled)
        if cancelled():
            return
        asked, read = task.asked(), partial(_read, self._studio.blobs)
        mine = [smaller(read(ref)) for ref in asked["own"]]
        plan, before = Plan(**asked["settings"]), None
        if ref := asked.get("from"):
            before = own.bank_style(self._studio.blobs.read(ref.removeprefix("sha256:")), task.name)
        others = photographs()
        yield from train(read(asked["picture"]), mine, others, task.out, plan, cancelled, asked["name"], before=before)

    def keep(self, session: Session, task: NewStyle) -> str:
        return own.keep_style(self._studio, session, task.out.read_bytes(), task.name, picture=task.picture)


def practised_on(state: State, content: str, picture: str) -> list[str]:
    """The artist's own pictures that a style is practised on: the one they are at, then those they painted on, the latest first."""
    rounds = (state.rounds[number].brief for number in sorted(state.rounds, reverse=True))
    used = [brief.content for brief in rounds if brief.mode == "style" and brief.content]
    return [ref for ref in dict.fromkeys([content, *used]) if ref not in ("", picture)][:MOST_PRACTISED]


def learned_from(state: State, ref: str) -> str:
    """The picture that a style of the session was learned from. Raises `StudioError` where it was not learned here."""
    kept = state.kept.get(ref.removeprefix("sha256:"))
    picture = str(kept.about.get("picture", "")) if kept is not None and kept.what == "style" else ""
    if not picture:
        raise StudioError("This style was not learned here.", "Learn one from its picture.")
    return picture


def another(state: State, name: str) -> str:
    """A name for what comes after a style of this name: with the next number that no style has yet."""
    taken = {each.name for each in state.kept.values()}
    stem = re.sub(r" \d+$", "", name)[: MAX_COORDINATE - 6]
    return next(found for found in (f"{stem} {at}" for at in itertools.count(2)) if found not in taken)


def photographs() -> list[Pixels]:
    """What every style is practised on besides: the sample photographs of the store, and our own pictures."""
    from engines.style import contents

    drawn = [contents.read(place) for place in sorted((config.assets() / "contents").glob("*.jpg"))]
    return [*contents.photographs(), *drawn]


def smaller(pixels: Pixels, most: int = 1024) -> Pixels:
    """A picture no larger than it takes to practise on its parts: many of them lie in memory together."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((most, most), Image.Resampling.LANCZOS)
    return np.array(picture)


def choices() -> list[dict[str, Any]]:
    """What may be set on the page: name, default, range and help."""
    registry.infos()
    from engines.style.plan import Plan

    specs = (spec for spec in dataclasses.fields(Plan) if spec.name in SET)
    keys = ("low", "high", "step", "help")
    return [{"name": spec.name, "value": spec.default, **{key: spec.metadata[key] for key in keys}} for spec in specs]


def _read(blobs: Blobs, ref: str) -> Pixels:
    return pictures.to_pixels(blobs.read(ref.removeprefix("sha256:")))
