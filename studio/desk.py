"""The only job queue: one job at a time on the engine, sessions in turn, each cancels only its own, no browser needed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engines.api import Draft, Preview

from .events import StudioError

log = logging.getLogger(__name__)

WAITING_LIMIT = 4  # jobs of one session that may wait; a fifth is more likely a runaway script than an artist

Work = Callable[[Callable[[], bool]], Iterator[object]]  # given `cancelled`, yields what happens


BESIDE = ("voice", "large", "why")  # what a session may have in line beside its rounds


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
        self._done = False

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
            for item in self._work(self._cancelled.is_set):
                self._push(item)
        except Exception:  # the work answers for its errors; whatever gets here must not stop the desk
            log.exception("a job of session %s broke", self.session[:6])
        finally:
            self._push(None, done=True)


class Desk:
    """Runs the sessions' jobs on one thread, since the engine is one and the cores are few."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Ticket]] = OrderedDict()  # sessions in the order of their turns
        self._current: Ticket | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def admit(self, session: str) -> None:
        """Raises `StudioError` where the session has too many jobs waiting already, or the desk is closed."""
        with self._changed:
            if self._closed:
                raise StudioError("The studio is closing.", "Start it again: what was made is kept.")
            if len(self._waiting.get(session, ())) >= WAITING_LIMIT:
                raise StudioError(
                    "{count} rounds of this session are waiting already.",
                    "Wait for one to finish, or stop them.",
                    count=WAITING_LIMIT,
                )

    def submit(self, session: str, round: int, work: Work) -> Ticket:
        """Queues a job, which its session has been admitted with. A desk that was closed since then cancels it."""
        ticket = Ticket(session, round, work)
        with self._changed:
            closed = self._closed
            if not closed:
                self._waiting.setdefault(session, deque()).append(ticket)
                if self._current is not None and self._current.session in self._waiting:
                    self._waiting.move_to_end(self._current.session)  # it has its turn now: the others come first
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="desk", daemon=True)
                    self._thread.start()
                self._tell_positions()
                self._changed.notify_all()
        if closed:
            ticket._cancelled.set()
            ticket._run()
        return ticket

    def running(self, session: str) -> Ticket | None:
        """The session's job on the engine, or else its first in the queue."""
        return next(iter(self.jobs(session)), None)

    def waited_for(self) -> bool:
        """Whether anyone waits for the job on the engine to end."""
        with self._changed:
            return bool(self._waiting)

    def jobs(self, session: str) -> list[Ticket]:
        """The session's jobs, the one on the engine first, then those in the queue."""
        with self._changed:
            current = self._current
            mine = [current] if current is not None and current.session == session else []
            return [*mine, *self._waiting.get(session, ())]

    def cancel(self, session: str, round: int | None = None) -> list[Ticket]:
        """Cancels the session's own jobs, running and waiting, or the one of a single round. Returns them."""
        with self._changed:
            mine = self._waiting.pop(session, deque())
            waiting = [ticket for ticket in mine if round in (None, ticket.round)]
            if rest := deque(ticket for ticket in mine if ticket not in waiting):
                self._waiting[session] = rest
            current = self._current
            running = [current] if current and current.session == session and round in (None, current.round) else []
            self._tell_positions()
        for ticket in [*running, *waiting]:
            ticket._cancelled.set()
        for ticket in waiting:  # its work sees that it was cancelled before it began, and says so
            ticket._run()
        return [*running, *waiting]

    def close(self, timeout: float = 5.0) -> None:
        """Cancels everything and waits for the running job to stop."""
        with self._changed:
            self._closed = True
            sessions = {*self._waiting, *([self._current.session] if self._current else [])}
            self._changed.notify_all()
        for session in sessions:
            self.cancel(session)
        if self._thread is not None:
            self._thread.join(timeout)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                session, tickets = self._waiting.popitem(last=False)
                self._current = tickets.popleft()
                if tickets:
                    self._waiting[session] = tickets  # to the end: the others come first
                self._tell_positions()
            self._current._run()
            with self._changed:
                self._current = None

    def _tell_positions(self) -> None:
        ahead, turn = int(self._current is not None), 0
        while tickets := [queue[turn] for queue in self._waiting.values() if len(queue) > turn]:
            for ticket in tickets:
                ticket._push(Queued(ahead))
                ahead += 1
            turn += 1
