"""A session's own painter in the making: the one that it has goes on with pairs of the artist's, pictures under their lines and words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from engines.api import Pixels
from engines.errors import EngineError
from engines.unfinished import Stopped

from . import own, pictures
from .basket import Basket, Guard
from .events import StudioError
from .frompictures import FromPictures, Watched, Working
from .pairbasket import PairBasket
from .rounds import fetched
from .session import Session
from .trainings import Now

MOST = 1000  # pairs that the page has room for
SHIPPED = "shipped"  # as a base: the painter that comes with the studio
FIRST = ("minutes",)  # settings that are not under More
HIDDEN = ("small", "large", "batch_small", "learned")  # those of a painter from nothing
SAID = "said.json"  # in its folder: the words of the pairs that are shown at the end


@dataclass
class NewPainter(Watched):
    quality: dict[str, Any] = field(default_factory=dict)  # of the pairs that were held out, before and after

    @property
    def out(self) -> Path:
        return self.folder / f"learned{own.PAINTER}"

    @property
    def state(self) -> Path:
        """The folder of what it needs to go on."""
        return self.folder / "state"

    @property
    def learned(self) -> bool:
        return self.out.is_file()

    def hear(self, event: Any) -> None:
        from engines.image import taught

        super().hear(event)
        match event:
            case taught.Step():
                self.step, self.seconds, self.left = event.step, event.seconds, event.left
                if self.points and self.points[-1]["step"] == event.step:  # told once more, at the end
                    self.points.pop()
                self.points.append({"step": event.step, **event.losses})
            case taught.Shown():
                self.show(event.step, pictures.encode_png(event.pixels))
            case taught.Judging():
                self.working = Working("measuring", event.done)
            case taught.Trained():
                self.ended(event.facts)
                with suppress(OSError):
                    (self.folder / SAID).write_text(json.dumps(event.words, ensure_ascii=False), encoding="utf-8")

    def ended(self, facts: Mapping[str, Any]) -> None:
        """Takes in what its file says."""
        self.end({"steps": facts["steps"], "seconds": 60 * float(facts["minutes"])})
        self.quality = dict(facts["held_out"])

    def rows(self) -> list[Pixels]:
        """Held-out pairs, (136, 544, 3) each: lines, before, after, the artist's."""
        with Image.open(self.out.with_name("learned.pairs.png")) as grid:
            whole = np.asarray(grid.convert("RGB"))
        return list(whole.reshape(-1, whole.shape[1] // 4, *whole.shape[1:]))

    def said(self) -> list[str]:
        with suppress(OSError, ValueError):
            return [str(each) for each in json.loads((self.folder / SAID).read_text(encoding="utf-8"))]
        return []

    def told(self) -> Now:
        return super().told() | {"quality": self.quality}


class NewPainters(FromPictures[NewPainter]):
    """The painters that are taught in one studio, one at a time."""

    kind, task, first, most, hidden = "painter", NewPainter, FIRST, MOST, HIDDEN

    def busy(self) -> StudioError:
        return StudioError("A painter is being taught already.", "Let it finish, or discard it first.")

    def plan(self) -> Any:
        from engines.image.plan import PairsPlan

        return PairsPlan

    def new_basket(self, folder: Path, guard: Guard) -> Basket:
        return PairBasket(folder, self.most, guard)

    def laid(self, session: Session, seen: int) -> dict[str, Any]:
        from engines.image.plan import FEWEST_PAIRS

        return {"pairs": self._pairs(session).told(seen) | {"fewest": FEWEST_PAIRS}}

    def bases(self, session: Session) -> list[dict[str, str]]:
        mine = [(sha, each.name) for sha, each in session.state().kept.items() if each.what == "painter"]
        return [{"ref": SHIPPED, "name": ""}, *({"ref": f"sha256:{sha}", "name": name} for sha, name in mine)]

    def check(self, session: Session, said: Mapping[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        from engines.image.plan import check_pairs

        check_pairs(self.basket(session).count())
        base = str(said.get("base") or SHIPPED)
        self._base(session, base)
        return {"base": base}

    def recall(self, task: NewPainter) -> None:
        from engines.image import painterfile

        if task.learned:  # only not kept yet
            task.ended(painterfile.facts(task.out))
            return
        try:
            log = json.loads((task.state / "log.json").read_text(encoding="utf-8"))
        except FileNotFoundError:  # it did not begin
            return
        except (OSError, ValueError) as error:
            raise _damaged(task) from error
        task.step, task.seconds = int(log["step"]), float(log["seconds"])
        task.points = [{key: each for key, each in point.items() if key != "minutes"} for point in log["curve"]]
        task.left = max(0.0, 60 * task.minutes - task.seconds)

    def events(self, session: Session, task: NewPainter, cancelled: Callable[[], bool]) -> Iterator[Any]:
        from engines import embed, vision
        from engines.image import pairs, taught

        yield from fetched((embed.MODEL, vision.MODEL), cancelled)

        total, read = max(1, self.basket(session).count()), []
        yield Working("reading", 0.0)
        for at, pair in enumerate(self._pairs(session).pairs()):
            if cancelled():
                return
            if pair is not None:
                read.append(pair)
            if at % 10 == 9:
                yield Working("reading", min(1.0, (at + 1) / total))
        yield None  # all are read; what follows is told by nothing

        def check(_: float) -> None:
            if cancelled():
                raise Stopped

        plan = self.plan()(**task.settings)
        try:
            course = pairs.course(read, embed.shared, plan.seed, check)
        except Stopped:
            return
        base = self._base(session, task.asked()["base"])
        yield from taught.learn(course, plan, task.state, base, task.out, task.name, cancelled)

    def keep(self, session: Session, task: NewPainter) -> str:
        rows, said = task.rows(), task.said()
        told = {"status": "done", "left": 0.0, "said": [said[at] if at < len(said) else "" for at in range(len(rows))]}
        data = task.out.read_bytes()
        return own.keep_painter(self._studio, session, data, task.name, record=task.record(told, rows))

    def _pairs(self, session: Session) -> PairBasket:
        return cast(PairBasket, self.basket(session))

    def _base(self, session: Session, ref: str) -> Path:
        """The file of the painter to go on from. Raises `UserError` where there is none."""
        from engines.image import painterfile

        return painterfile.WEIGHTS if ref == SHIPPED else session.blob(ref)


def _damaged(task: NewPainter) -> EngineError:
    return EngineError(
        "The unfinished training {path} is damaged.", "Delete it, then begin again.", path=str(task.state)
    )
