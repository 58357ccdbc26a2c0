"""Trainings of the sessions, worked on beside their rounds: each outlives tab and studio, and ends as a file of its session.

What a training needs lies in a folder of the session until it is finished: what was asked for, and what is learned so far.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from engines.api import UserError

from .desk import TRAININGS, Ticket, beside
from .events import StudioError, Words
from .session import Session, Studio

log = logging.getLogger(__name__)

ASKED = "asked.json"  # in a training's folder: what it was begun with
STOPPING = 5.0  # seconds that throwing one away waits for it
HEARD = 1.0  # seconds at most until who stops one is answered: by then it mostly stands still

Status = Literal["waiting", "running", "stopped", "done", "failed"]
Now = dict[str, Any]


@dataclass
class Task:
    """One training, as far as it is."""

    folder: Path
    name: str
    status: Status = "waiting"
    step: int = 0
    total: int = 0
    seconds: float = 0.0
    error: Words | None = None
    sha256: str = ""  # of what came of it
    gone: bool = False  # discarded: nothing that comes of it is kept
    stop: threading.Event = field(default_factory=threading.Event)
    ticket: Ticket | None = None  # at the desk

    @property
    def active(self) -> bool:
        return self.status in ("waiting", "running")

    @property
    def unfinished(self) -> bool:
        """Whether it would be lost if another one began."""
        return self.active or self.status == "stopped" or (self.status == "failed" and self.step > 0)

    @property
    def learned(self) -> bool:
        """Whether all is learned, and only has to be kept."""
        return False

    def asked(self) -> dict[str, Any]:
        """What it was begun with."""
        found: dict[str, Any] = json.loads((self.folder / ASKED).read_text(encoding="utf-8"))
        return found

    def hear(self, event: Any) -> None:
        """Takes in what the training told."""
        raise NotImplementedError

    def told(self) -> Now:
        """For the page: plain values."""
        return {
            "name": self.name,
            "status": self.status,
            "step": self.step,
            "total": self.total,
            "seconds": self.seconds,
            "ahead": self.ticket.ahead if self.ticket else 0,
            "sha256": self.sha256,
        }


Each = TypeVar("Each", bound=Task)


class Trainings(Generic[Each]):
    """The trainings of one kind in one studio, at most one a session at a time."""

    kind: str  # one of `desk.BESIDE`; it names the folder, too

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._known: dict[str, Each] = {}
        self._lock = threading.Lock()

    # ── What a kind says of itself ───────────────────────────────────────────────────────────────────────────────────

    def found(self, folder: Path) -> Each | None:
        """A training that was left behind in a folder."""
        raise NotImplementedError

    def events(self, session: Session, task: Each, cancelled: Callable[[], bool]) -> Iterator[Any]:
        """Learns, and tells how it goes; `Trained` at the end."""
        raise NotImplementedError

    def keep(self, session: Session, task: Each) -> str:
        """Makes what was learned a file of the session, and returns its digest."""
        raise NotImplementedError

    def finished(self, session: Session) -> None:
        """What is left to do once it is kept."""

    def busy(self) -> StudioError:
        """What is told to who begins another before the last is done."""
        raise NotImplementedError

    def begin(self, session: Session, said: Mapping[str, Any]) -> Each:
        """Begins with what the artist `said`. Raises `UserError` where that cannot be."""
        raise NotImplementedError

    # ── What the artist does ─────────────────────────────────────────────────────────────────────────────────────────

    def of(self, session: Session) -> Each | None:
        """The session's training: under way, or left unfinished, even by a studio that was closed since; else the last one here."""
        with self._lock:
            if session.id not in self._known and (found := self.found(self.folder(session))):
                self._known[session.id] = found
            return self._known.get(session.id)

    def folder(self, session: Session) -> Path:
        return self._studio.unfinished(session.id) / self.kind

    def _line(self, session: Session) -> str:
        return beside(session.id, self.kind)

    def resting(self, task: Each) -> bool:
        """Whether it stands still, for a round is made or something painted large."""
        return task.active and task.ticket is not None and not task.ticket.ahead and self._studio.desk.held(TRAININGS)

    def start(self, session: Session, task: Each, asked: Mapping[str, Any]) -> Each:
        """Begins a training with what was `asked` for. Raises `UserError` where another one is not done, or it cannot be written."""
        with session.acting():
            known = self.of(session)
            if known is not None and known.unfinished:
                raise self.busy()
            self._studio.desk.admit(self._line(session))
            shutil.rmtree(task.folder, ignore_errors=True)
            write(task.folder, asked)
            return self._submit(session, task)

    def go(self, session: Session) -> Each:
        """Goes on with what was stopped."""
        with session.acting():
            found = self.of(session)
            if found is None or found.active or not (found.folder / ASKED).is_file():
                raise StudioError("There is no training to go on with.", "Begin one.")
            self._studio.desk.admit(self._line(session))
            found.status, found.error = "waiting", None
            found.stop.clear()
            return self._submit(session, found)

    def stop(self, session: Session) -> None:
        """Stops it, and waits a moment for that, so that the answer already tells; what was learned so far is kept."""
        found = self.of(session)
        if found is not None and found.active:
            found.stop.set()
            for ticket in self._studio.desk.cancel(self._line(session)):
                ticket.wait(HEARD)

    def discard(self, session: Session) -> None:
        """Throws an unfinished training away, with all that it learned. A finished one is only no longer shown."""
        found = self.of(session)
        self.stop(session)
        if found is not None:
            found.gone = True
            for ticket in self._studio.desk.cancel(self._line(session)):
                ticket.wait(STOPPING)
            shutil.rmtree(found.folder, ignore_errors=True)
        with self._lock:
            self._known.pop(session.id, None)

    # ── At the desk ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _submit(self, session: Session, task: Each) -> Each:
        with self._lock:
            self._known[session.id] = task

        def work(cancelled: Callable[[], bool]) -> Iterator[object]:
            return self._work(session, task, lambda: cancelled() or task.stop.is_set())

        task.ticket = self._studio.desk.submit(self._line(session), -1, work, TRAININGS)
        return task

    def _work(self, session: Session, task: Each, cancelled: Callable[[], bool]) -> Iterator[object]:
        try:
            if cancelled() or not (task.folder / ASKED).is_file():  # discarded before its turn
                task.status = "stopped"
                return
            task.status, trained = "running", task.learned
            for event in () if trained else self.events(session, task, cancelled):
                task.hear(event)
                trained = trained or type(event).__name__ == "Trained"
                yield None  # nobody reads what happens at the desk, and of pictures there may be many
            if trained and not task.gone:
                task.sha256 = self.keep(session, task)
                shutil.rmtree(task.folder, ignore_errors=True)
                self.finished(session)
                task.status = "done"
            else:
                task.status = "stopped"
        except UserError as error:
            task.status, task.error = "failed", Words.of(error)
        except Exception:
            log.exception("a training of session %s failed", session.id[:6])
            task.status = "failed"
            task.error = Words(template="Something went wrong inside the studio. The log file has the details.")


def write(folder: Path, asked: Mapping[str, Any]) -> None:
    """Puts what was asked for into a training's folder, whole or not at all."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / f".{ASKED}.part"
        part.write_text(json.dumps(asked, ensure_ascii=False), encoding="utf-8")
        part.replace(folder / ASKED)
    except OSError as error:
        raise StudioError(
            "{path} cannot be written: {why}.",
            "Free some space or choose another place, then try again.",
            path=folder,
            why=error.strerror or str(error),
        ) from error
