"""A session's own GAN in the making: a generator and a discriminator learn from the artist's pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engines import registry, unfinished
from engines.api import Pixels
from engines.unfinished import Stopped

from . import gathering, own
from .events import StudioError
from .frompictures import FromPictures, Watched, Working
from .rounds import fetched
from .session import Session
from .trainings import Now

EYES = "hed-vgg16"
LARGEST = 128  # pixels: what is kept of a picture
PAIRS = 12  # samples that are shown beside the picture that they are most like: those that are closest
SHIPPED = "shipped"  # as a base: the GAN that comes with the studio
FIRST = ("minutes", "size", "network", "learning_rate", "mirror", "loss")  # settings that are not under More


@dataclass
class NewGan(Watched):
    now: Mapping[str, float] = field(default_factory=dict)  # what the last step told
    quality: dict[str, float] = field(default_factory=dict)
    pairs: list[Pixels] = field(default_factory=list)
    near: list[float] = field(default_factory=list)  # how far the pair's pictures are from each other

    @property
    def out(self) -> Path:
        from engines.image.gan import ganfile

        return self.folder / f"learned{ganfile.SUFFIX}"

    @property
    def whole(self) -> bool:
        """Whether all is learned, and only has to be measured."""
        return self.out.is_file() and not unfinished.place(self.out).is_file()

    def hear(self, event: Any) -> None:
        from engines.image.gan.events import Point, Step, Trained, Warned

        super().hear(event)
        match event:
            case Step():
                self.step, self.seconds, self.left = event.step, event.seconds, event.left
                self.now = {name: getattr(event, name) for name in ("rate", "real", "fake", "value", "right")}
            case Point():
                self.points.append(dict(event.values))
            case Warned():
                self.warned.append(asdict(event))
            case Trained():
                self.end(event.facts)

    def told(self) -> Now:
        return super().told() | {"now": dict(self.now), "quality": self.quality, "near": self.near}


class NewGans(FromPictures[NewGan]):
    """The GANs that are learned in one studio, one at a time."""

    kind, task, first = "gan", NewGan, FIRST

    def busy(self) -> StudioError:
        return StudioError("A GAN is being trained already.", "Let it finish, or discard it first.")

    def plan(self) -> Any:
        from engines.image.gan.plan import Plan

        return Plan

    def shape(self, pixels: Pixels) -> Pixels:
        return gathering.square(pixels, min(LARGEST, *pixels.shape[:2]))

    def check(self, session: Session, said: Mapping[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        from engines.image.gan.plan import check_count

        check_count(self.basket(session).count())
        base = str(said.get("base") or "")
        if base:
            found = self._base(session, base)  # it says itself which networks it needs
            settings |= {"network": found.plan.network, "judge": found.plan.judge}
            if int(settings["size"]) < int(found.plan.size):
                settings["size"] = found.plan.size
        return {"base": base}

    def bases(self, session: Session) -> list[dict[str, str]]:
        kept = session.state().kept
        mine = [{"ref": f"sha256:{sha}", "name": each.name} for sha, each in kept.items() if each.what == "gan"]
        return [{"ref": SHIPPED, "name": ""}, *mine]

    def recall(self, task: NewGan) -> None:
        from engines.image.gan import ganfile

        if task.whole:  # only not measured yet
            task.end(ganfile.load(task.out.read_bytes(), task.name).facts)
            return
        log = unfinished.log_of(task.out) or {}
        task.step, task.seconds = log.get("step", 0), log.get("seconds", 0.0)
        task.points, task.warned = log.get("curve", []), log.get("warned", [])
        task.left = max(0.0, 60 * task.minutes - task.seconds)

    def events(self, session: Session, task: NewGan, cancelled: Callable[[], bool]) -> Iterator[Any]:
        from engines.image.gan import events, training
        from engines.image.gan.plan import Plan

        yield from fetched((EYES,), cancelled)
        read: dict[str, list[Pixels]] = {}
        yield from self.read_pictures(session, cancelled, read)
        if cancelled():
            return
        asked, plan = task.asked(), Plan(**task.settings)
        found = np.stack([gathering.square(each, int(plan.size)) for each in read[self.group]])
        trained: Any = None if not task.whole else events.Trained(task.out, {})
        if trained is None:
            base = self._base(session, asked["base"]) if asked["base"] else None
            for event in training.train(found, task.out, plan, base, cancelled, task.name):
                if isinstance(event, events.Trained):
                    trained = event
                else:
                    yield event
        if trained is not None:
            yield from self._measured(task, list(found), cancelled)
            if not cancelled():
                yield trained

    def keep(self, session: Session, task: NewGan) -> str:
        record = task.record({"status": "done", "left": 0.0}, task.pairs)
        return own.keep_gan(self._studio, session, task.out.read_bytes(), task.name, told=task.quality, record=record)

    def _measured(self, task: NewGan, found: list[Pixels], cancelled: Callable[[], bool]) -> Iterator[Working]:
        """Its quality, and the pictures that its samples are closest to; nothing of both where somebody pressed Stop."""
        from engines.image.gan import ganfile, measures

        def check() -> None:
            if cancelled():
                raise Stopped

        yield Working("measuring", 0.0)
        try:
            judged = measures.judged(ganfile.load(task.out.read_bytes(), task.name), found, check)
        except Stopped:
            return
        task.quality = {name: round(float(value), 4) for name, value in asdict(judged.quality).items()}
        closest = sorted(range(len(judged.made)), key=lambda at: judged.nearest[at][1])[:PAIRS]
        task.near = [round(judged.nearest[at][1], 3) for at in closest]
        task.pairs = [np.concatenate([judged.made[at], found[judged.nearest[at][0]]]) for at in closest]

    def _base(self, session: Session, ref: str) -> Any:
        """The GAN to begin from. Raises `UserError` where there is none."""
        from engines.image.gan import ganfile

        if ref == SHIPPED:
            return ganfile.base()
        kept = session.state().kept.get(ref.removeprefix("sha256:"))
        return ganfile.load(session.files.data(f"sha256:{session.blob(ref).name}"), kept.name if kept else "The GAN")


def games() -> dict[str, dict[str, str]]:
    """What the two can play for, by name: the formula and its source."""
    registry.infos()
    from engines.image.gan.losses import GAMES

    return {name: {"formula": game.formula, "source": game.source} for name, game in GAMES.items()}
