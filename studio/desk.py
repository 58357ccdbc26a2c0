"""The only job queue: one round at a time on the engine, sessions in turn, each cancels only its own, no browser needed.

Beside the rounds there are lines for what takes long, one job of each at a time. Whatever stands in a later line stands still while
an earlier one has work: a question about a picture for every round, a picture that is painted large for both, a training for all.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from engines.api import Draft, Preview

from .events import StudioError

log = logging.getLogger(__name__)

WAITING_LIMIT = 4  # jobs of one session that may wait; a fifth is more likely a runaway script than an artist

Work = Callable[[Callable[[], bool]], Iterator[object]]  # given `cancelled`, yields what happens


# What a session may have in line beside its rounds.
BESIDE = ("voice", "style", "gan", "hands", "painter", "large", "why")


ROUNDS, QUESTIONS, ASIDES, TRAININGS = range(4)  # the lines, in the order of precedence


def beside(session: str, what: str) -> str:
    """The name under which one of `BESIDE` stands in line."""
    return f"{session}/{what}"


@dataclass(frozen=True)
class Queued:
    """How many jobs run before this one."""

    position: int


class Ticket:
    """A job at the desk. Iterating, in a thread or in a coroutine, tells everything from the beginning, as often as wanted."""

    def __init__(self, session: str, round: int, work: Work) -> None:
        self.session, self.round = session, round
        self.began = time.monotonic()
        self._work = work
        self._items: list[object] = []
        self._previews: dict[int, int] = {}  # variant -> where its last preview or draft stands in the items
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], None]] = []
        self._cancelled = threading.Event()
        self._asked: Callable[[], bool] = self._cancelled.is_set  # by the work, whether it was cancelled
        self._done = False
        self.ahead = 0  # jobs that run before it

    @property
    def done(self) -> bool:
        return self._done

    def __iter__(self) -> Iterator[object]:
        at = 0
        while True:
            with self._changed:
                while len(self._items) == at and not self._done:
                    self._changed.wait()
                items, done = self._items[at:], self._done
            at += len(items)
            yield from (item for item in items if item is not None)
            if done and at == len(self._items):
                return

    async def __aiter__(self) -> AsyncIterator[object]:
        at, wake, loop = 0, asyncio.Event(), asyncio.get_running_loop()
        with self._listening(lambda: loop.call_soon_threadsafe(wake.set)):
            while True:
                wake.clear()
                with self._changed:
                    items, done = self._items[at:], self._done
                at += len(items)
                for item in items:
                    if item is not None:
                        yield item
                if done and at == len(self._items):
                    return
                await wake.wait()

    @contextmanager
    def _listening(self, listener: Callable[[], object]) -> Iterator[None]:
        def tell() -> None:
            try:
                listener()
            except RuntimeError:  # its event loop is gone; the job does not care
                self._listeners.remove(tell)

        with self._changed:
            self._listeners.append(tell)
            if self._items or self._done:
                tell()
        try:
            yield
        finally:
            with self._changed:
                if tell in self._listeners:
                    self._listeners.remove(tell)

    def wait(self, timeout: float) -> bool:
        """Until it is done, or so many seconds. Returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._done, timeout)

    def _push(self, item: object | None, *, done: bool = False) -> None:
        with self._changed:
            if isinstance(item, Preview | Draft):  # only the newest preview of a variant is worth keeping
                if item.index in self._previews:
                    self._items[self._previews[item.index]] = None
                self._previews[item.index] = len(self._items)
            if item is not None:
                self._items.append(item)
            self._done = self._done or done
            self._changed.notify_all()
            for listener in list(self._listeners):
                listener()

    def _run(self) -> None:
        try:
            for item in self._work(self._asked):
                self._push(item)
        except Exception:  # the work answers for its errors; whatever gets here must not stop the desk
            log.exception("a job of session %s broke", self.session[:6])
        finally:
            self._push(None, done=True)


@dataclass
class Line:
    """Jobs that run one after the other on a thread of their own."""

    name: str
    waiting: OrderedDict[str, deque[Ticket]] = field(
        default_factory=OrderedDict
    )  # sessions in the order of their turns
    current: Ticket | None = None
    thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        return self.current is not None or bool(self.waiting)

    def jobs(self, session: str) -> list[Ticket]:
        """The session's jobs, the one that runs first, then those that wait."""
        mine = [self.current] if self.current is not None and self.current.session == session else []
        return [*mine, *self.waiting.get(session, ())]

    def put(self, ticket: Ticket) -> None:
        self.waiting.setdefault(ticket.session, deque()).append(ticket)
        if self.current is not None and self.current.session in self.waiting:
            self.waiting.move_to_end(self.current.session)  # it has its turn now: the others come first

    def take(self) -> Ticket:
        session, tickets = self.waiting.popitem(last=False)
        self.current = tickets.popleft()
        self.current.ahead = 0
        if tickets:
            self.waiting[session] = tickets  # to the end: the others come first
        return self.current

    def drop(self, session: str, round: int | None) -> list[Ticket]:
        """Takes the session's waiting jobs out, or that of a single round, and returns them."""
        mine = self.waiting.pop(session, deque())
        out = [ticket for ticket in mine if round in (None, ticket.round)]
        if rest := deque(ticket for ticket in mine if ticket not in out):
            self.waiting[session] = rest
        return out

    def tell_positions(self) -> None:
        ahead, turn = int(self.current is not None), 0
        while tickets := [queue[turn] for queue in self.waiting.values() if len(queue) > turn]:
            for ticket in tickets:
                ticket.ahead = ahead
                ticket._push(Queued(ahead))
                ahead += 1
            turn += 1


class Desk:
    """Runs the sessions' rounds on one thread, since the engine is one and the cores are few, and long work on others, which stand
    still while a round is made or waits: whoever trains something holds up nobody, and pays with their own time."""

    def __init__(self) -> None:
        self._lines = [Line(name) for name in ("desk", "questions", "beside the desk", "trainings")]
        self._changed = threading.Condition()
        self._closed = False

    def held(self, line: int) -> bool:
        """Whether a line stands still, for one before it has work."""
        with self._changed:
            return any(each.busy for each in self._lines[:line])

    def admit(self, session: str) -> None:
        """Raises `StudioError` where the session has too many jobs waiting already, or the desk is closed."""
        with self._changed:
            if self._closed:
                raise StudioError("The studio is closing.", "Start it again: what was made is kept.")
            if any(len(line.waiting.get(session, ())) >= WAITING_LIMIT for line in self._lines):
                raise StudioError(
                    "{count} rounds of this session are waiting already.",
                    "Wait for one to finish, or stop them.",
                    count=WAITING_LIMIT,
                )

    def submit(self, session: str, round: int, work: Work, line: int = ROUNDS) -> Ticket:
        """Queues a job, which its session has been admitted with. A desk that was closed since then cancels it.

        In a line behind the rounds, whenever it asks whether it was cancelled, the answer waits until no line before it has work. It
        should ask often.
        """
        ticket, chosen = Ticket(session, round, work), self._lines[line]
        if line > ROUNDS:
            ticket._asked = partial(self._stand_still, ticket, line)
        with self._changed:
            closed = self._closed
            if not closed:
                chosen.put(ticket)
                if chosen.thread is None:
                    chosen.thread = threading.Thread(target=self._serve, args=(chosen,), name=chosen.name, daemon=True)
                    chosen.thread.start()
                chosen.tell_positions()
                self._changed.notify_all()
        if closed:
            ticket._cancelled.set()
            ticket._run()
        return ticket

    def running(self, session: str) -> Ticket | None:
        """The session's job on the engine, or else its first in the queue."""
        return next(iter(self.jobs(session)), None)

    def jobs(self, session: str) -> list[Ticket]:
        """The session's jobs, the one on the engine first, then those in the queue."""
        with self._changed:
            return [ticket for line in self._lines for ticket in line.jobs(session)]

    def cancel(self, session: str, round: int | None = None) -> list[Ticket]:
        """Cancels the session's own jobs, running and waiting, or the one of a single round. Returns them."""
        with self._changed:
            waiting = [ticket for line in self._lines for ticket in line.drop(session, round)]
            running = [each for line in self._lines for each in line.jobs(session) if round in (None, each.round)]
            for ticket in [*running, *waiting]:
                ticket._cancelled.set()
            for line in self._lines:
                line.tell_positions()
            self._changed.notify_all()  # one that stands still hears of it
        for ticket in waiting:  # its work sees that it was cancelled before it began, and says so
            ticket._run()
        return [*running, *waiting]

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self, timeout: float = 5.0) -> None:
        """Cancels everything and waits for the running jobs to stop."""
        with self._changed:
            self._closed = True
            sessions = {session for line in self._lines for session in line.waiting}
            sessions |= {line.current.session for line in self._lines if line.current}
            self._changed.notify_all()
        for session in sessions:
            self.cancel(session)
        for line in self._lines:
            if line.thread is not None:
                line.thread.join(timeout)

    def _serve(self, line: Line) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: line.waiting or self._closed)
                if not line.waiting:
                    return
                ticket = line.take()
                line.tell_positions()
            ticket._run()
            with self._changed:
                line.current = None
                self._changed.notify_all()

    def _stand_still(self, ticket: Ticket, line: int) -> bool:
        """Waits while a line before it has work, then tells whether the job was cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: ticket._cancelled.is_set() or not self.held(line))
        return ticket._cancelled.is_set()
