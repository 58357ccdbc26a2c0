"""A session's own translator in the making: from groups of an artist's pictures, each drawn by another hand, it learns to redraw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines import unfinished
from engines.api import Pixels

from . import own, pictures
from .events import StudioError
from .frompictures import FromPictures, Watched
from .session import Session
from .trainings import Now

MOST, HANDS = 1000, 8  # pictures of a hand, and hands that the page has room for
FIRST = ("minutes", "size", "learning_rate")  # settings that are not under More


@dataclass
class NewHand(Watched):
    hands: list[str] = field(default_factory=list)  # their names, as the groups are called

    @property
    def out(self) -> Path:
        return self.folder / "learned"

    def files(self) -> list[Path]:
        """One file a hand."""
        from engines.style import kinds

        return [self.out.with_name(f"{self.out.name}-{hand}{kinds.SUFFIXES[kinds.HAND]}") for hand in self.hands]

    @property
    def learned(self) -> bool:
        return all(file.is_file() for file in self.files()) and not unfinished.place(self.out).is_file()

    @property
    def share(self) -> float:
        return self.step / self.total if self.total else 0.0

    def recall(self, asked: Mapping[str, Any]) -> None:
        super().recall(asked)
        self.hands = [str(each) for each in asked["hands"]]

    def told(self) -> Now:
        return super().told() | {"hands": self.hands}

    def hear(self, event: Any) -> None:
        from engines.style.training import Shown, Trained
        from engines.style.translating import Step

        super().hear(event)
        match event:
            case Step():
                self.step, self.total, self.seconds, self.left = event.step, event.total, event.seconds, event.left
                if event.losses:
                    self.points.append({"step": event.step, **event.losses})
            case Shown():
                self.show(event.step, pictures.encode_png(event.pixels))
            case Trained():
                self.end(event.facts)


class NewHands(FromPictures[NewHand]):
    """The translators that are learned in one studio, one at a time."""

    kind, task, first, most, groups = "hands", NewHand, FIRST, MOST, HANDS

    def busy(self) -> StudioError:
        return StudioError("A translator is being trained already.", "Let it finish, or discard it first.")

    def plan(self) -> Any:
        from engines.style.plan import TranslatorPlan

        return TranslatorPlan

    def shape(self, pixels: Pixels) -> Pixels:
        from engines.style import domains

        return domains.shrunk(pixels, round(self._largest() / domains.LEAST))

    def check(self, session: Session, said: Mapping[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
        from engines.style import domains

        found = self.basket(session).names()
        domains.check([(hand, names) for hand, names in found.items()])  # type: ignore[misc]
        return {"hands": list(found)}

    def recall(self, task: NewHand) -> None:
        from engines.style import translatorfile

        if task.learned:  # only not kept yet
            task.end(translatorfile.load(task.files()[0].read_bytes()).facts)
            return
        log = unfinished.log_of(task.out) or {}
        task.step, task.total, task.seconds = log.get("step", 0), log.get("total", 0), log.get("seconds", 0.0)
        task.points = [
            {name: each for name, each in point.items() if name != "seconds"} for point in log.get("curve", [])
        ]

    def events(self, session: Session, task: NewHand, cancelled: Callable[[], bool]) -> Iterator[Any]:
        from engines.style import translating
        from engines.style.domains import Domains

        read: dict[str, list[Pixels]] = {}
        yield from self.read_pictures(session, cancelled, read)
        if cancelled():
            return
        plan = self.plan()(**task.settings)
        yield from translating.train(Domains(list(read.items()), plan.size), task.out, plan, cancelled)

    def keep(self, session: Session, task: NewHand) -> str:
        record = task.record({"status": "done", "left": 0.0}, [])
        about: dict[str, float | str] = {
            "look": float(max(task.steps(), default=-1)),
            "rows": 1.0 + len(task.hands),  # of the samples: the artist's pictures, then each hand
            "of": task.name,
        }
        kept = [
            own.keep_hand(
                self._studio, session, file.read_bytes(), hand, about={**about, "row": float(row)}, record=record
            )
            for row, (hand, file) in enumerate(zip(task.hands, task.files(), strict=True), 1)
        ]
        return kept[0]

    def _largest(self) -> int:
        return int(self.plan().__dataclass_fields__["size"].metadata["high"])
