"""A variant painted large while the artist goes on: it stands still for every round, and what comes of it is on disk first.

An engine that continues goes on from the variant itself; any other paints it again with the same knobs and seed. The wish is an event
of the session: undo takes it back, and after a restart of the studio it can be taken up again. What an engine keeps of a picture that
takes minutes lies in a folder of the wish until it is done, so that a stop costs a step and a restart seconds.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from engines import registry
from engines.api import Brief, Failed, Progress, Result, Setting, UserError

from .desk import ASIDES, Ticket, beside
from .events import Enlarged, Enlarging, Place, StudioError, Words
from .rounds import as_variant, ready_engines, run_chain
from .session import Session, Studio
from .state import Round
from .view import brief_at

log = logging.getLogger(__name__)

LARGE, LARGEST = 1024, 2048  # pixels: the long side where nobody asks for another, and the longest
DONE = "done"  # file of how far it is, beside what the engine keeps

Status = Literal["waiting", "running", "stopped", "failed", "done"]
Key = tuple[str, int, int]  # session, round, variant


@dataclass
class Job:
    """One of them, as far as it is."""

    session: Session
    place: Place
    size: int
    number: int  # at the desk
    folder: Path  # where the engine keeps it on its way
    first: float = 0.0  # how far it was when it was taken up
    done: float = 0.0
    status: Status = "waiting"
    began: float = 0.0
    rested: float = 0.0  # seconds in which it stood still
    error: Words | None = None

    @property
    def left(self) -> float | None:
        """Seconds that it will still take on the engine, as soon as that can be told."""
        spent, since = time.monotonic() - self.began - self.rested, self.done - self.first
        return spent * (1 - self.done) / since if since > 0.1 * (1 - self.first) else None

    def hear(self, done: float) -> None:
        """Takes in how far it is, for whoever asks after a restart, too."""
        before, self.done = self.done, max(self.done, done)
        if round(100 * before) != round(100 * self.done):
            with suppress(OSError):
                (self.folder / DONE).write_text(f"{self.done:.3f}", encoding="utf-8")


class Larger:
    """What is painted large in one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._jobs: dict[Key, Job] = {}  # the last of each variant, in the life of this studio
        self._numbers = itertools.count()

    def begin(self, session: Session, round: int, variant: int, size: int | None = None) -> None:
        """Asks for a variant in this size, or takes up what was stopped. Raises `StudioError` where that cannot be."""
        with session.acting():
            state, place = session.state(), Place(round=round, variant=variant)
            state.made(place)
            current = state.rounds[round]
            if current.brief.mode == "text":
                raise StudioError("A text cannot be painted larger.", "Choose a picture.")
            size = size or current.enlarging.get(variant) or min(LARGEST, max(LARGE, 2 * current.brief.size))
            if not current.brief.size < size <= LARGEST:
                raise StudioError(
                    "{key} is {value}.", "It lies between {low} and {high}.",
                    key="size", value=size, low=current.brief.size + 1, high=LARGEST,
                )  # fmt: skip
            key = (session.id, round, variant)
            if (found := self._jobs.get(key)) and found.status in ("waiting", "running"):
                raise StudioError("It is being painted large already.", "Wait for it, or stop it.")
            registry.check(replace(current.brief, size=size))
            line, desk = beside(session.id, "large"), self._studio.desk
            desk.admit(line)
            if current.enlarging.get(variant) != size:
                session.record(lambda _: Enlarging(place=place, size=size))
            folder = self._folder(session, place, size)
            job = Job(session, place, size, next(self._numbers), folder, done := reached(folder), done)
            self._jobs[key] = job
            desk.submit(line, job.number, lambda cancelled: self._work(job, current, cancelled), ASIDES)

    def stop(self, session: Session, round: int, variant: int) -> None:
        """Stops it; the wish stays."""
        if (job := self._jobs.get((session.id, round, variant))) is not None:
            self._studio.desk.cancel(beside(session.id, "large"), job.number)

    def told(self, session: Session) -> list[dict[str, Any]]:
        """Everything of this session that is wanted large, or is there: plain values."""
        found = []
        for current in session.state().rounds.values():
            for variant, size in current.enlarging.items():
                made, job = current.large.get(variant), self._jobs.get((session.id, current.number, variant))
                about: dict[str, Any] = {"round": current.number, "variant": variant, "size": size}
                if made is not None and made.size == size:
                    found.append({**about, "status": "done", "sha256": made.sha256, "seconds": made.seconds})
                    continue
                if job is not None:
                    told = {"status": job.status, "done": job.done, "left": job.left, "error": job.error}
                else:
                    place = Place(round=current.number, variant=variant)
                    told = {"status": "stopped", "done": reached(self._folder(session, place, size))}
                found.append(about | told)
        return found

    # ── At the desk ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self, job: Job, current: Round, cancelled: Callable[[], bool]) -> Iterator[object]:
        def halted() -> bool:
            began = time.monotonic()
            try:
                return cancelled()
            finally:
                job.rested += time.monotonic() - began

        job.status, job.began = "running", time.monotonic()
        try:
            for event in self._painted(job, current, halted):
                if isinstance(event, Progress):
                    job.hear(event.done)
                yield None  # nobody reads what happens at the desk
            wanted = self._wanted(job)
            job.status = "stopped" if cancelled() or not wanted else "done"
            if not wanted:
                shutil.rmtree(job.folder, ignore_errors=True)
        except UserError as error:
            job.status, job.error = "failed", Words.of(error)
        except Exception:
            log.exception("a picture of session %s could not be painted large", job.session.id[:6])
            job.status = "failed"
            job.error = Words(template="Something went wrong inside the studio. The log file has the details.")

    def _painted(self, job: Job, current: Round, halted: Callable[[], bool]) -> Iterator[object]:
        """The engine's events; what it makes is kept before it is told, unless the wish was taken back meanwhile."""
        brief, setting = larger(current, job.place, job.size)
        yield from ready_engines(brief, halted)
        if halted():
            return
        with suppress(OSError):  # without a folder it is begun anew after a stop
            job.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = replace(job.session.files, unfinished=job.folder)
        for event in run_chain(brief, [setting], files, halted):
            if isinstance(event, Failed):
                raise event.error
            if not self._wanted(job):
                return
            if isinstance(event, Result) and not event.unfinished:
                made, data = as_variant(brief, current.proposals[job.place.variant], event)
                kept = Enlarged(place=job.place, sha256=made.sha256, size=job.size, seconds=event.seconds)
                self._studio.keep(job.session.id, kept, data)
                shutil.rmtree(job.folder, ignore_errors=True)
            yield event

    def _folder(self, session: Session, place: Place, size: int) -> Path:
        return self._studio.unfinished(session.id) / f"large-{place.round}-{place.variant}-{size}"

    def _wanted(self, job: Job) -> bool:
        found = job.session.state().rounds.get(job.place.round)
        return found is not None and found.enlarging.get(job.place.variant) == job.size


def reached(folder: Path) -> float:
    """How far what an engine keeps there is, 0-1."""
    with suppress(OSError, ValueError):
        if any(folder.glob("*.unfinished")):
            return min(1.0, max(0.0, float((folder / DONE).read_text(encoding="utf-8"))))
    return 0.0


def larger(current: Round, place: Place, size: int) -> tuple[Brief, Setting]:
    """What paints a variant of a round at another size."""
    made = next(each for each in current.variants if each.index == place.variant)
    brief = replace(sized(current.brief, size), variants=1)
    if registry.info(brief.engine).continues:
        brief = replace(brief, sketch=f"sha256:{made.sha256}")
    return registry.check(brief), Setting(dict(made.knobs), made.seed)


def sized(brief: Brief, size: int) -> Brief:
    return replace(brief, size=size, then=sized(brief.then, size) if brief.then else None)


def go_on(session: Session, round: int, variant: int) -> Ticket:
    """The next round goes on from a variant's own picture. Raises `StudioError` where its engine does not."""
    with session.acting():
        state, place = session.state(), Place(round=round, variant=variant)
        made, brief = state.made(place), brief_at(state, place)
        if not registry.info(brief.engine).continues:
            raise StudioError("The engine {engine} does not go on from a picture.", engine=brief.engine)
        session.branch(round, variant)
        return session.propose(replace(brief, sketch=f"sha256:{made.sha256}"))
