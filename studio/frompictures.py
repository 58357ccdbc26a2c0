"""Trainings from many pictures of an artist's: the pictures are laid down, the training is watched, and its course is kept with what
came of it."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from engines import registry
from engines.api import Pixels, check_options, check_text
from engines.errors import EngineError

from . import gathering, pictures
from .basket import Basket, Guard, group_name
from .events import MAX_COORDINATE, StudioError, Words
from .rounds import Fetching
from .session import Session, Studio
from .trainings import Now, Task, Trainings

MOST_MINUTES = 240.0  # on the page, where others wait for their turn
POINTS = 240  # of a curve that are told: about as many as it has pixels
RECORD = "record.json"  # in a record: all but the pictures


@dataclass(frozen=True)
class Working:
    """Something is done that takes a while before or after what is learned: reading pictures, measuring."""

    what: str  # `reading` or `measuring`
    done: float


@dataclass
class Watched(Task):
    """A training that can be watched: its curve, and its samples through time."""

    id: str = ""  # tells this training's samples from those of another
    minutes: float = 0.0
    left: float | None = None  # seconds
    count: int = 0  # pictures
    settings: dict[str, Any] = field(default_factory=dict)
    points: list[dict[str, float]] = field(default_factory=list)
    warned: list[dict[str, Any]] = field(default_factory=list)
    cut: bool = False  # whether a loss was no number, so that it ended early
    working: Working | None = None
    fetching: Fetching | None = None

    @property
    def frames(self) -> Path:
        """The folder of the samples, by step."""
        return self.folder / "learned.samples"

    @property
    def share(self) -> float:
        """How much of it is over, 0-1."""
        return min(1.0, self.seconds / 60 / self.minutes) if self.minutes else 0.0

    def show(self, step: int, png: bytes) -> None:
        """Keeps samples, where the engine does not do so itself; no disk that is full is worth stopping for."""
        with suppress(OSError):
            self.frames.mkdir(parents=True, exist_ok=True)
            part = self.frames / ".part"
            part.write_bytes(png)
            part.replace(self.frames / f"{step:07d}.png")

    def steps(self) -> list[int]:
        """The steps of which there are samples."""
        with suppress(OSError):
            return sorted(int(place.stem) for place in self.frames.glob("*.png") if place.stem.isdigit())
        return []

    def frame(self, step: int) -> Path:
        """The samples at a step, a PNG. Raises `StudioError` where there are none."""
        if step not in self.steps():
            raise StudioError("There is no file {value}.", value=step)
        return next(place for place in self.frames.glob("*.png") if int(place.stem) == step)

    def hear(self, event: Any) -> None:
        self.fetching = event if isinstance(event, Fetching) else None
        self.working = event if isinstance(event, Working) else None

    def end(self, facts: Mapping[str, Any]) -> None:
        """Takes in what a file says of its training, once that is over."""
        self.step, self.seconds, self.left = facts.get("steps", self.step), facts.get("seconds", self.seconds), 0.0
        self.points, self.cut = self.points or facts.get("curve", []), bool(facts.get("stopped"))

    def recall(self, asked: Mapping[str, Any]) -> None:
        """Takes in what it was begun with."""
        self.name, self.id, self.count = str(asked["name"]), str(asked["id"]), int(asked["count"])
        self.settings, self.minutes = dict(asked["settings"]), float(asked["settings"]["minutes"])

    def told(self) -> Now:
        fetching, working = self.fetching, self.working
        return super().told() | {
            "id": self.id,
            "left": self.left,
            "share": self.share,
            "cut": self.cut,
            "minutes": self.minutes,
            "count": self.count,
            "set": self.settings,
            "curve": columns(self.points),
            "frames": self.steps(),
            "warned": self.warned,
            "working": {"what": working.what, "done": working.done} if working else None,
            "fetching": {"title": fetching.title, "done": fetching.done} if fetching else None,
        }

    def record(self, told: Mapping[str, Any], pairs: list[Pixels]) -> bytes:
        """The course of a training as one file, a zip: what is `told` of it, its samples, and pairs of pictures, if any."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for step in self.steps():
                shown = io.BytesIO()
                Image.open(self.frame(step)).convert("RGB").save(shown, "JPEG", quality=88)
                archive.writestr(f"{step}.jpg", shown.getvalue())
            for at, pair in enumerate(pairs):
                archive.writestr(f"pair-{at}.png", pictures.encode_png(pair))
            archive.writestr(RECORD, json.dumps({**self.told(), **told, "pairs": len(pairs)}, ensure_ascii=False))
        return out.getvalue()


Each = TypeVar("Each", bound=Watched)


class FromPictures(Trainings[Each]):
    """The trainings of one kind in one studio, each from its session's basket."""

    groups, most, least = 1, gathering.MOST, 1  # of pictures: how many groups there may be, and how many are in one
    group = "pictures"  # where a picture goes that says nothing of it
    hidden: tuple[str, ...] = ("steps",)  # settings that the page does not show
    first: tuple[str, ...] = ()  # and those that it does not hide under More
    task: type[Each]

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._baskets: dict[str, Basket] = {}

    # ── What a kind says of itself ───────────────────────────────────────────────────────────────────────────────────

    def plan(self) -> Any:
        """The dataclass of its settings. No torch."""
        raise NotImplementedError

    def shape(self, pixels: Pixels) -> Pixels:
        """What is kept of a picture that is laid down."""
        raise NotImplementedError

    def check(self, session: Session, said: Mapping[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        """What is asked for besides name and settings, which it may still change. Raises `UserError` where nothing can be learned."""
        raise NotImplementedError

    def recall(self, task: Each) -> None:
        """Takes in what is on disk of a training that was left behind. Raises `EngineError` where that is damaged."""
        raise NotImplementedError

    def new_basket(self, folder: Path, guard: Guard) -> Basket:
        return Basket(folder, self.shape, self.most, self.groups, guard)

    def laid(self, session: Session, seen: int) -> dict[str, Any]:
        """What else the page is told of what lies in the basket, of which it shows `seen` at least."""
        return {}

    def bases(self, session: Session) -> list[dict[str, str]]:
        """What one may begin from: `ref` and `name`, which is empty for what comes with the studio."""
        return []

    def grouped(self, said: str) -> str:
        """The group that is meant."""
        return group_name(said, self.group) if self.groups > 1 else self.group

    # ── Pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def basket(self, session: Session) -> Basket:
        with self._lock:
            if session.id not in self._baskets:
                folder = self._studio.unfinished(session.id) / f"{self.kind}.pictures"
                self._baskets[session.id] = self.new_basket(folder, lambda: self._here(session.id))
            return self._baskets[session.id]

    @contextmanager
    def _here(self, id: str) -> Iterator[None]:
        """Held while something is written for a session that is not forgotten, and will not be meanwhile."""
        with self._studio.blobs.lock():
            self._studio.log.check(id)
            yield

    def open_basket(self, session: Session) -> Basket:
        """The basket, to change what is in it. Raises `StudioError` while something is learned from it."""
        known = self.of(session)
        if known is not None and known.unfinished:
            raise self.busy()
        return self.basket(session)

    def own(self, session: Session) -> list[str]:
        """The session's own pictures that could be learned from: what was brought, then what was painted, as digests."""
        state = session.state()
        made = [each for number in sorted(state.rounds) for each in state.rounds[number].variants]
        painted = [each.sha256 for each in made if each.media_type == "image/png"]
        return list(dict.fromkeys([*state.pictures, *painted]))

    def take_own(self, session: Session, group: str) -> None:
        """Lays down the session's own pictures."""
        basket, skipped = self.open_basket(session), dict[str, Words]()
        for sha in self.own(session):
            read = gathering.read_one(sha[:12], session.blob(sha).read_bytes, skipped)
            if read is not None:
                basket.put(read, sha[:12], group, skipped)

    # ── A training ───────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, session: Session, said: Mapping[str, Any]) -> Each:
        """Learns from what is in the basket, under a `name`, with `settings`. Raises `UserError` where that cannot be."""
        registry.infos()
        settings, plan = said.get("settings") or {}, self.plan()
        if not isinstance(settings, dict):
            raise StudioError("What was sent is not a JSON object.", "Mend it and try again.")
        settings = dataclasses.asdict(plan(**check_options(plan, settings)))
        if settings["minutes"] > MOST_MINUTES:
            raise StudioError(
                "{value:g} minutes are too many here: others wait for their turn.",
                "Choose {limit:g} at most. The command line takes as long as you like.",
                value=settings["minutes"],
                limit=MOST_MINUTES,
            )
        name = check_text("name", said.get("name") or "", MAX_COORDINATE, StudioError).strip()
        if not name:
            raise StudioError("What is learned has no name.", "Name it.")
        more = self.check(session, said, settings)
        asked = {
            "name": name,
            "id": os.urandom(6).hex(),
            "count": self.basket(session).count(),
            "settings": settings,
            **more,
        }
        task = self.task(self.folder(session), name)
        task.recall(asked)
        return self.start(session, task, asked)

    def found(self, folder: Path) -> Each | None:
        task = self.task(folder, "", "stopped")
        try:
            task.recall(task.asked())
        except (OSError, ValueError, KeyError, TypeError):
            return None
        try:
            self.recall(task)
        except EngineError as error:
            task.status, task.error = "failed", Words.of(error)
        return task

    def finished(self, session: Session) -> None:
        self.basket(session).clear()

    def read_pictures(
        self, session: Session, cancelled: Callable[[], bool], found: dict[str, list[Pixels]]
    ) -> Iterator[Working]:
        """Reads the basket into `found`, telling how far it is."""
        basket, names = self.basket(session), self.basket(session).names()
        total, done = max(1, sum(map(len, names.values()))), 0
        for group in names:
            found[group] = []
            for pixels in basket.pictures(group):
                if cancelled():
                    return
                found[group].append(pixels)
                done += 1
                if done % 50 == 0:
                    yield Working("reading", done / total)


def columns(points: list[dict[str, float]]) -> dict[str, list[float | None]]:
    """A curve by what it shows, of so many points as can be seen; None where something was not known yet."""
    every = max(1, -(-len(points) // POINTS))
    some = [*points[:-1:every], *points[-1:]]
    names = dict.fromkeys(name for point in some for name in point)
    return {name: [round(point[name], 4) if name in point else None for point in some] for name in names}
