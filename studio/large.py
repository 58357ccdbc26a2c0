"""A variant painted large while the artist goes on: it takes turns at the desk with whoever waits, and what comes of it is on disk first.

An engine that continues goes on from the variant itself; any other paints it again with the same knobs and seed. The wish is an event
of the session: undo takes it back, and after a restart of the studio it can be taken up again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from engines import registry
from engines.api import Brief, Failed, Progress, Result, Setting, UserError

from .desk import Ticket, beside
from .events import Enlarged, Enlarging, Place, StudioError, Words
from .rounds import as_variant, ready_engines, run_chain
from .session import Session, Studio
from .state import Round
from .view import brief_at

log = logging.getLogger(__name__)

LINE = "large"
SLICE = 0.5  # seconds that it has the engine for itself, once it is its turn: rounds come first
LARGE, LARGEST = 1024, 2048  # pixels: the long side where nobody asks for another, and the longest

Status = Literal["waiting", "running", "stopped", "failed", "done"]
Key = tuple[str, int, int]  # session, round, variant


@dataclass
class Job:
    """One of them, as far as it is. Its `events` wait in between, while others have the engine."""

    session: Session
    place: Place
    size: int
    events: Iterator[object] = field(default_factory=lambda: iter(()))
    status: Status = "waiting"
    done: float = 0.0
    seconds: float = 0.0  # on the engine, in the turns before
    since: float | None = None  # when its turn began
    error: Words | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    cancelled: Callable[[], bool] = lambda: False

    @property
    def left(self) -> float | None:
        """Seconds that it will still take on the engine, as soon as that can be told."""
        spent = self.seconds + (time.monotonic() - self.since if self.since else 0.0)
        return spent * (1 - self.done) / self.done if self.done > 0.1 else None

    def halted(self) -> bool:
        return self.stop.is_set() or self.cancelled()


class Larger:
    """What is painted large in one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._jobs: dict[Key, Job] = {}  # the last of each variant, in the life of this studio

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
            self._studio.desk.admit(beside(session.id, LINE))
            if current.enlarging.get(variant) != size:
                session.record(lambda _: Enlarging(place=place, size=size))
            job = Job(session, place, size)
            job.events = self._painted(job, current)
            self._jobs[key] = job
            self._submit(job)

    def stop(self, session: Session, round: int, variant: int) -> None:
        """Stops it; the wish stays."""
        if (job := self._jobs.get((session.id, round, variant))) is not None:
            job.stop.set()
            job.status = "stopped"

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

    def _submit(self, job: Job) -> None:
        self._studio.desk.submit(beside(job.session.id, LINE), -1, lambda cancelled: self._turn(job, cancelled))

    def _turn(self, job: Job, cancelled: Callable[[], bool]) -> Iterator[object]:
        """One turn."""
        job.cancelled, job.since, job.status = cancelled, time.monotonic(), "running"
        try:
            for event in job.events:
                yield event
                if job.halted() or not self._wanted(job):
                    job.status = "stopped"
                    break
                if time.monotonic() - job.since > SLICE and self._studio.desk.waited_for():
                    job.status = "waiting"
                    break
            else:
                job.status = "stopped" if job.halted() else "done"
        except UserError as error:
            job.status, job.error = "failed", Words.of(error)
        except Exception:
            log.exception("a picture of session %s could not be painted large", job.session.id[:6])
            job.status = "failed"
            job.error = Words(template="Something went wrong inside the studio. The log file has the details.")
        job.seconds, job.since = job.seconds + time.monotonic() - job.since, None
        if job.status == "waiting":  # somebody else has the next turn
            self._submit(job)

    def _painted(self, job: Job, current: Round) -> Iterator[object]:
        """The engine's events; what it makes is kept before it is told."""
        brief, setting = larger(current, job.place, job.size)
        yield from ready_engines(brief, job.halted)
        if job.halted():
            return
        for event in run_chain(brief, [setting], job.session.files, job.halted):
            match event:
                case Progress():
                    job.done = event.done
                case Failed():
                    raise event.error
                case Result() if not job.halted():
                    proposal = current.proposals[job.place.variant]
                    made, data = as_variant(brief, proposal, event)
                    kept = Enlarged(place=job.place, sha256=made.sha256, size=job.size, seconds=event.seconds)
                    self._studio.keep(job.session.id, kept, data)
            yield event

    def _wanted(self, job: Job) -> bool:
        """Whether it was not undone meanwhile."""
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
