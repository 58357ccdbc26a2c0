"""A variant painted large while the artist goes on: it stands still for every round, and what comes of it is on disk first.

An engine that continues goes on from the variant itself; any other paints it again with the same knobs and seed. The wish is an event
of the session: undo takes it back, and after a restart of the studio it can be taken up again.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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

Status = Literal["waiting", "running", "stopped", "failed", "done"]
Key = tuple[str, int, int]  # session, round, variant


@dataclass
class Job:
    """One of them, as far as it is."""

    session: Session
    place: Place
    size: int
    number: int  # at the desk
    status: Status = "waiting"
    done: float = 0.0
    began: float = 0.0
    rested: float = 0.0  # seconds in which it stood still
    error: Words | None = None

    @property
    def left(self) -> float | None:
        """Seconds that it will still take on the engine, as soon as that can be told."""
        spent = time.monotonic() - self.began - self.rested
        return spent * (1 - self.done) / self.done if self.done > 0.1 else None


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
            job = self._jobs[key] = Job(session, place, size, next(self._numbers))
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
                status, done = (job.status, job.done) if job else ("stopped", 0.0)
                told = {"left": job.left, "error": job.error} if job else {}
                found.append({**about, "status": status, "done": done, **told})
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
                    job.done = event.done
                yield None  # nobody reads what happens at the desk
            job.status = "stopped" if cancelled() or not self._wanted(job) else "done"
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
        for event in run_chain(brief, [setting], job.session.files, halted):
            if isinstance(event, Failed):
                raise event.error
            if not self._wanted(job):
                return
            if isinstance(event, Result) and not event.unfinished:
                made, data = as_variant(brief, current.proposals[job.place.variant], event)
                kept = Enlarged(place=job.place, sha256=made.sha256, size=job.size, seconds=event.seconds)
                self._studio.keep(job.session.id, kept, data)
            yield event

    def _wanted(self, job: Job) -> bool:
        found = job.session.state().rounds.get(job.place.round)
        return found is not None and found.enlarging.get(job.place.variant) == job.size


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
