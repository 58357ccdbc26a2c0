"""A session: propose, judge, steer, and again. Everything that happens is in the log before anyone is told of it."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from engines import registry
from engines.api import Brief, Cancelled, Done, EngineInfo, Failed, Result, Setting, Started, UserError

from . import archive, config, pictures
from .blobs import Blobs
from .desk import BESIDE, Desk, Ticket, beside
from .downloads import Downloads
from .events import (
    AnyEvent,
    Branched,
    Ended,
    EngineUsed,
    Filed,
    Judged,
    Judgement,
    Made,
    Place,
    Proposal,
    Proposed,
    Starred,
    Status,
    StudioError,
    Undone,
    Uploaded,
    Words,
)
from .log import Log
from .notebook import Document, Memory
from .rounds import Stored, as_variant, check_pictures, ready_engines, run_chain
from .sheets import refusal
from .state import State, fold, whole
from .steering import evidence, learned, propose
from .view import continued, next_brief, view

log = logging.getLogger(__name__)

OPEN = 64  # sessions that stay in memory, besides those in use
STOPPING = 5.0  # seconds that forgetting waits for a running round; what comes later finds no session and is not kept


class Studio:
    """What all sessions share: the log, the blobs and the desk."""

    def __init__(self, home: Path | None = None, db: str | None = None, desk: Desk | None = None) -> None:
        self.home = home or config.home()
        self.log = Log(db or config.db_url(self.home))
        self.blobs = Blobs(self.home / "blobs")
        self.downloads = Downloads(self.home)
        self.desk = desk or Desk()
        self._sessions: WeakValueDictionary[str, Session] = (
            WeakValueDictionary()
        )  # one object each, while anyone has it
        self._recent: OrderedDict[str, Session] = OrderedDict()  # kept open, so that their logs need not be read again
        self._lock = threading.Lock()

    @property
    def engines(self) -> dict[str, EngineInfo]:
        """What is known of every engine, by name."""
        return registry.infos()

    def new_session(self) -> Session:
        return self.session(self.log.create())

    def session(self, id: str) -> Session:
        """The session with this id. Raises `StudioError` where there is none."""
        with self._lock:
            found = self._sessions.get(id)
        if found is None:
            opened = Session(self, id)
            opened.events()  # outside the lock: a long log must not hold up everybody else
            with self._lock:
                found = self._sessions.setdefault(id, opened)
        self.hold(found)
        return found

    def hold(self, session: Session) -> None:
        """Keeps a session in memory: until others were used more lately, and while it owes the log something."""
        with self._lock:
            self._recent[session.id] = session
            self._recent.move_to_end(session.id)
            idle = [other for other, each in self._recent.items() if not each.owes]
            for other in idle[: max(0, len(self._recent) - OPEN)]:
                del self._recent[other]

    def forget(self, id: str) -> None:
        """Deletes a session: its log, and the blobs that nobody else uses."""
        self.session(id)
        lines = (id, *(beside(id, what) for what in BESIDE))
        for ticket in [each for line in lines for each in self.desk.cancel(line)]:
            ticket.wait(STOPPING)
        with self._lock:
            self._sessions.pop(id, None)
            self._recent.pop(id, None)
        with self.blobs.lock():
            for sha in self.log.forget(id):
                self.blobs.remove(sha)
            shutil.rmtree(self.unfinished(id), ignore_errors=True)
        self.downloads.forget(id)

    def unfinished(self, id: str) -> Path:
        """Where a session's trainings and large pictures are kept until they are finished, and what its engines searched for."""
        return self.home / "unfinished" / id

    def keep(self, session: str, event: Filed, *data: bytes) -> None:
        """Stores the blobs that the event speaks of, then logs the event: all, or none."""
        with self.blobs.lock():
            stored = {self.blobs.put(each) for each in data}
            try:
                self.log.append(session, event)
            except UserError:
                for sha in self.log.unused(stored):
                    self.blobs.remove(sha)
                raise

    def close(self) -> None:
        self.desk.close()
        self.log.close()


class Session:
    """One artist's tree of rounds."""

    def __init__(self, studio: Studio, id: str) -> None:
        self.id, self._studio = id, studio
        self._events: dict[int, AnyEvent] = {}
        self._owed: list[Ended] = []  # what the log had no room for; it goes first when there is
        self._lock = threading.RLock()
        self._notebook = Memory()

    # ── What there is ────────────────────────────────────────────────────────────────────────────────────────────────

    def events(self) -> dict[int, AnyEvent]:
        """Every event by number, read from the log."""
        with self._lock:
            with suppress(StudioError):  # still no room: what is in the log can be read all the same
                self._settle()
            self._events |= self._studio.log.read(self.id, after=max(self._events, default=-1))
            return dict(self._events)

    def state(self) -> State:
        return fold(self.events())

    def view(self, mode: str | None = None) -> dict[str, Any]:
        """The session as JSON values, for the endpoints and for the page: as it stands in a mode, that of the latest act without."""
        events = self.events()
        state = fold(events)
        ready = self.running() is None and any(each.status == "done" for each in state.rounds.values())
        following, learned = next_brief(state, mode), self.learned(state, mode)
        why = refusal(following, self.files, ready)
        text = self.document(state).text
        if following is not None and following.mode == "text" and text:
            following = replace(following, prompt=text)
        return view(self.id, events, state, self.running(), learned, Words.of(why) if why else None, following, text)

    def document(self, state: State | None = None) -> Document:
        """The notebook as it stands."""
        with self._lock:
            return self._notebook.document((state or self.state()).writing)

    def learned(self, state: State | None = None, mode: str | None = None) -> dict[str, Any]:
        """What the judgements taught so far, at what would be proposed next."""
        state = state or self.state()
        brief, infos = next_brief(state, mode), registry.infos()
        if brief is None or brief.engine not in infos:
            return {"judgements": 0, "knobs": []}
        return learned(infos[brief.engine], brief, evidence(state, infos))

    @property
    def owes(self) -> bool:
        """Whether it holds what the log had no room for."""
        return bool(self._owed)

    def running(self) -> Ticket | None:
        """The round that is being made or waits for its turn."""
        return self._studio.desk.running(self.id)

    def blob(self, sha: str) -> Path:
        """The file of a blob that this session uses."""
        sha = sha.removeprefix("sha256:")
        if not self._studio.log.uses(self.id, sha):
            raise StudioError(
                "This session has no file {value}.", "Its pictures are listed in its history.", value=sha[:12]
            )
        return self._studio.blobs.path(sha)

    # ── What the artist does ─────────────────────────────────────────────────────────────────────────────────────────

    def upload(self, data: bytes, name: str) -> str:
        """Keeps a picture and returns its reference, `sha256:<hex>`. Raises `StudioError` where it cannot be read."""
        width, height = pictures.check(data, name)
        sha = hashlib.sha256(data).hexdigest()
        with self._lock:
            if sha not in self.state().pictures or sha not in self._studio.blobs:
                uploaded = Uploaded(sha256=sha, name=Path(name).name[:200], width=width, height=height)
                self._studio.keep(self.id, uploaded, data)
        return f"sha256:{sha}"

    def propose(self, brief: Brief, exact: bool = True, at: int | None = None) -> Ticket:
        """Begins a round: checks the brief, decides what to try, logs it and queues it at the desk.

        With `exact` the brief is taken at its word. Without, a brief that is sent again continues from what was picked, as a
        program expects that sends one brief again and again. Texts go on `at` a place of the notebook, its end without one.
        """
        brief = registry.check(brief)
        with self._lock:
            state = self.state()
            if not exact:
                brief = registry.check(continued(state, brief))
            self.check_pictures(brief, state)
            self._studio.desk.admit(self.id)
            proposals = propose(registry.info(brief.engine), brief, evidence(state, registry.infos()))
            number = state.next_round
            parent = state.standing(brief.mode).head
            if brief.mode == "text":
                end = len(self.document(state))
                at = end if at is None else min(at, end)
            self._append(Proposed(round=number, parent=parent, brief=brief, proposals=proposals, at=at))
            return self._studio.desk.submit(
                self.id, number, lambda cancelled: self._work(number, brief, proposals, cancelled)
            )

    def judge(self, round: int, judgement: Judgement) -> dict[str, Any]:
        """Logs what the artist says of a round and returns what was learned."""
        with self._lock:
            state = self.state()
            current = state.round(round)
            if judgement.retract is not None and judgement.retract not in current.judgements:
                known = ", ".join(map(str, current.judgements)) or "none"
                raise StudioError(
                    "Round {round} has no judgement {value} to take back.",
                    "Its judgements: {allowed}.",
                    round=round,
                    value=judgement.retract,
                    allowed=known,
                )
            knobs = {name: value for variant in current.variants for name, value in variant.knobs.items()}
            judgement.check(len(current.variants), sorted(knobs))
            if judgement.edit:
                registry.check(current.brief.apply(knobs | judgement.edit))
            self._append(Judged(round=round, judgement=judgement))
        return self.learned(mode=current.brief.mode)

    def branch(self, round: int, variant: int) -> None:
        """The next round continues from this variant."""
        with self._lock:
            self._append(Branched(place=self._place(round, variant)))

    def star(self, round: int, variant: int, on: bool = True) -> None:
        with self._lock:
            self._append(Starred(place=self._place(round, variant), on=on))

    def undo(self) -> None:
        """Takes back the artist's last act, with what it completed: a judgement, a word, a branch or a whole round."""
        with self._lock:
            state, events = self.state(), self.events()
            if state.last_act is None:
                raise StudioError("There is nothing to undo.")
            for number in whole(events, state.acts):
                event = events[number]
                if isinstance(event, Proposed) and state.rounds[event.round].status == "running":
                    self.cancel(event.round)
                self._append(Undone(event=number))

    def cancel(self, round: int | None = None) -> int:
        """Stops this session's rounds, running and waiting, or a single one. Returns how many there were."""
        return len(self._studio.desk.cancel(self.id, round))

    def forget(self) -> None:
        self._studio.forget(self.id)

    def export(self, file: Path) -> Path:
        """Writes the session to a portable file, whole or not at all."""
        return archive.write(file, self.events(), self._studio.blobs)

    # ── How a round is made ──────────────────────────────────────────────────────────────────────────────────────────

    def _work(
        self, number: int, brief: Brief, proposals: list[Proposal], cancelled: Callable[[], bool]
    ) -> Iterator[object]:
        """The job at the desk. Every way out of it logs an `Ended`."""
        used: EngineUsed | None = None
        status: Status = "failed"
        error: Words | None = None
        seconds, peak, began = 0.0, 0.0, time.perf_counter()
        try:
            for event in self._make(number, brief, proposals, cancelled):
                match event:
                    case EngineUsed():
                        used = event
                    case Done():
                        status, seconds, peak = "done", event.seconds, event.peak_memory_mb
                    case Cancelled():
                        status = "cancelled"
                    case _:
                        yield event
        except UserError as problem:
            error = Words.of(problem)
        except Exception:
            log.exception("round %s of session %s failed", number, self.id[:6])
            error = Words(
                template="Something went wrong inside the studio. Your brief is unchanged; the log file has the details."
            )
        seconds = seconds or time.perf_counter() - began
        ended = Ended(round=number, status=status, engine=used, seconds=seconds, peak_memory_mb=peak, error=error)
        try:
            self._append(ended)
        except StudioError:  # the disk is full, or the session is gone; the artist is told all the same how it ended
            log.exception("the end of round %s of session %s could not be logged", number, self.id[:6])
            with self._lock:
                self._owed.append(ended)
            self._studio.hold(self)
        yield ended

    def _make(
        self, number: int, brief: Brief, proposals: list[Proposal], cancelled: Callable[[], bool]
    ) -> Iterator[object]:
        """The engine's events, with each result on disk and in the log before it is passed on."""
        if cancelled():
            yield Cancelled(0)
            return
        yield from ready_engines(brief, cancelled)
        if cancelled():
            yield Cancelled(0)
            return
        engine = registry.load(brief.engine)
        settings = [Setting(proposal.knobs, proposal.seed) for proposal in proposals]
        device = dtype = ""
        for event in run_chain(brief, settings, self.files, cancelled):
            match event:
                case Started():
                    device, dtype = event.device, event.dtype
                    yield event
                case Result():
                    yield self._keep(number, brief, proposals[event.index], event)
                case Done():
                    about = engine.info
                    yield EngineUsed(
                        name=about.name, version=about.version, models=engine.models(), device=device, dtype=dtype
                    )
                    yield event
                case Failed():
                    raise event.error
                case _:
                    yield event

    def _keep(self, number: int, brief: Brief, proposal: Proposal, result: Result) -> Made:
        variant, data = as_variant(brief, proposal, result)
        self._studio.keep(self.id, made := Made(round=number, variant=variant), data)
        return made

    @property
    def files(self) -> Stored:
        """The files that engines read."""
        return Stored(self._studio.blobs, found=self._studio.unfinished(self.id) / "found")

    def acting(self) -> threading.RLock:
        """Held while several things are done that belong together."""
        return self._lock

    def record(self, make: Callable[[State], AnyEvent]) -> int:
        """Logs the event that is made of the state as it is, with nothing in between, and returns its number."""
        with self._lock:
            return self._append(make(self.state()))

    def _append(self, event: AnyEvent) -> int:
        self._settle()
        return self._studio.log.append(self.id, event)

    def _settle(self) -> None:
        """Logs the ends of rounds for which there was no room."""
        with self._lock:
            while self._owed:
                self._studio.log.append(self.id, self._owed[0])
                self._owed.pop(0)

    def _place(self, number: int, variant: int) -> Place:
        place = Place(round=number, variant=variant)
        self.state().made(place)
        return place

    def check_pictures(self, brief: Brief, state: State) -> None:
        """Every file of the brief is here, and the result's sides are not too short."""
        check_pictures(brief, state, lambda sha: self._studio.log.uses(self.id, sha), self._studio.blobs)
