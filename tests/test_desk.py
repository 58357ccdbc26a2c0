"""The desk: one job at a time, sessions in turn, each cancels its own and soon, and nobody needs to listen."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from engines.api import Preview
from studio.desk import ASIDES, QUESTIONS, TRAININGS, WAITING_LIMIT, Desk, Queued, Ticket
from studio.events import StudioError


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.close()


class Jobs:
    """Jobs that wait at a gate, and a record of what ran when."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.ran: list[str] = []
        self.at_once = self.most_at_once = 0

    def work(self, name: str) -> Callable[[Callable[[], bool]], Iterator[object]]:
        def run(cancelled: Callable[[], bool]) -> Iterator[object]:
            if cancelled():
                yield f"{name} cancelled"
                return
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.ran.append(name)
            yield f"{name} began"
            while not self.gate.wait(0.01):
                if cancelled():
                    break
            self.at_once -= 1
            yield f"{name} cancelled" if cancelled() else f"{name} done"

        return run


@pytest.fixture
def jobs():
    made = Jobs()
    yield made
    made.gate.set()


def said(ticket: Ticket) -> list[object]:
    return [item for item in ticket if not isinstance(item, Queued)]


def until(test: Callable[[], bool], seconds: float = 5.0) -> None:
    stop = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < stop
        time.sleep(0.005)


def test_sessions_take_turns_however_many_jobs_one_has(desk, jobs):
    tickets = [desk.submit("first", 0, jobs.work("first 0"))]
    until(lambda: jobs.ran == ["first 0"])
    for name in ("a 0", "a 1", "a 2", "b 0", "b 1", "c 0"):
        tickets.append(desk.submit(name[0], int(name[2]), jobs.work(name)))
    jobs.gate.set()
    for ticket in tickets:
        assert said(ticket)[-1].endswith("done")
    assert jobs.ran == ["first 0", "a 0", "b 0", "c 0", "a 1", "b 1", "a 2"]
    assert jobs.most_at_once == 1


def test_a_session_that_comes_again_goes_to_the_end(desk, jobs):
    desk.submit("a", 0, jobs.work("a 0"))
    until(lambda: jobs.ran == ["a 0"])
    desk.submit("b", 0, jobs.work("b 0"))
    last = desk.submit("a", 1, jobs.work("a 1"))
    jobs.gate.set()
    said(last)
    assert jobs.ran == ["a 0", "b 0", "a 1"]


def test_the_places_in_the_queue_are_told_and_move_up(desk, jobs):
    desk.submit("x", 0, jobs.work("x"))
    until(lambda: jobs.ran == ["x"])
    greedy = [desk.submit("a", at, jobs.work(f"a {at}")) for at in range(2)]
    other = desk.submit("b", 0, jobs.work("b"))
    assert [ticket._items[-1] for ticket in (greedy[0], other, greedy[1])] == [Queued(1), Queued(2), Queued(3)]
    desk.cancel("a")
    assert other._items[-1] == Queued(1)


def test_cancelling_stops_ones_own_and_soon_and_nobody_else_s(desk, jobs):
    mine = [desk.submit("me", at, jobs.work(f"me {at}")) for at in range(3)]
    until(lambda: jobs.ran == ["me 0"])
    theirs = desk.submit("they", 0, jobs.work("they"))
    began = time.monotonic()
    assert desk.cancel("me") == mine
    for ticket in mine:
        assert said(ticket)[-1].endswith("cancelled")
    assert time.monotonic() - began < 0.5
    jobs.gate.set()
    assert said(theirs)[-1] == "they done"
    assert jobs.ran == ["me 0", "they"]
    assert desk.cancel("me") == []


def test_one_round_can_be_cancelled_alone(desk, jobs):
    first, second, third = (desk.submit("me", at, jobs.work(f"me {at}")) for at in range(3))
    until(lambda: jobs.ran == ["me 0"])
    assert desk.cancel("me", 1) == [second]
    assert second.done
    assert not first.done
    assert desk.cancel("me", 0) == [first]
    assert first.wait(0.5)
    jobs.gate.set()
    assert said(third)[-1] == "me 2 done"


def test_running_is_the_job_on_the_engine_or_the_next(desk, jobs):
    assert desk.running("a") is None
    first = desk.submit("a", 0, jobs.work("a 0"))
    second = desk.submit("a", 1, jobs.work("a 1"))
    until(lambda: jobs.ran == ["a 0"])
    assert desk.running("a") is first
    assert desk.running("b") is None
    jobs.gate.set()
    said(second)
    until(lambda: desk.running("a") is None)


def test_a_runaway_session_is_stopped_at_the_door(desk, jobs):
    desk.submit("a", 0, jobs.work("a"))
    until(lambda: bool(jobs.ran))
    for at in range(WAITING_LIMIT):
        desk.admit("a")
        desk.submit("a", at + 1, jobs.work(f"a {at}"))
    with pytest.raises(StudioError, match=f"{WAITING_LIMIT} rounds"):
        desk.admit("a")
    desk.admit("b")


def test_a_job_runs_to_its_end_with_nobody_listening_and_tells_late_comers_everything(desk, jobs):
    ticket = desk.submit("a", 0, jobs.work("a"))
    listener = iter(ticket)
    next(listener)
    del listener
    jobs.gate.set()
    assert ticket.wait(5)
    for _ in range(2):
        assert said(ticket) == ["a began", "a done"]
        assert said_async(ticket) == ["a began", "a done"]


def said_async(ticket: Ticket) -> list[object]:
    async def listen() -> list[object]:
        return [item async for item in ticket if not isinstance(item, Queued)]

    return asyncio.run(listen())


def test_coroutines_hear_it_as_it_happens_and_may_leave(desk, jobs):
    ticket = desk.submit("a", 0, jobs.work("a"))

    async def leave_early() -> object:
        async for item in ticket:
            if not isinstance(item, Queued):
                return item
        return None

    async def stay() -> list[object]:
        heard = []
        async for item in ticket:
            heard.append(item)
            if item == "a began":
                jobs.gate.set()
        return [item for item in heard if not isinstance(item, Queued)]

    async def both() -> tuple[object, list[object]]:
        return await asyncio.wait_for(leave_early(), 5), await asyncio.wait_for(stay(), 5)

    assert asyncio.run(both()) == ("a began", ["a began", "a done"])


def test_a_listener_whose_loop_is_gone_does_not_stop_the_job(desk, jobs):
    ticket = desk.submit("a", 0, jobs.work("a"))
    loop = asyncio.new_event_loop()
    listener = ticket.__aiter__()
    loop.run_until_complete(listener.__anext__())
    loop.close()  # as when the server's loop is torn down under it
    jobs.gate.set()
    assert ticket.wait(5)
    assert said(ticket)[-1] == "a done"


def test_of_previews_only_the_newest_of_each_variant_is_kept(desk):
    pixels = np.zeros((2, 2, 3), np.uint8)

    def work(cancelled):
        for at in range(50):
            yield Preview(at % 2, pixels)
        yield "end"

    ticket = desk.submit("a", 0, work)
    assert ticket.wait(5)
    assert [type(item).__name__ for item in said(ticket)] == ["Preview", "Preview", "str"]
    assert {item.index for item in said(ticket)[:2]} == {0, 1}


def test_a_job_that_breaks_is_logged_and_the_next_one_runs(desk, jobs, caplog):
    def broken(cancelled):
        yield "before"
        raise ZeroDivisionError

    first = desk.submit("a", 0, broken)
    assert said(first) == ["before"]
    jobs.gate.set()
    assert said(desk.submit("a", 1, jobs.work("a")))[-1] == "a done"
    assert "ZeroDivisionError" in caplog.text


def test_closing_cancels_everything_and_lets_nobody_in(jobs):
    desk = Desk()
    tickets = [desk.submit(name, 0, jobs.work(name)) for name in ("a", "b")]
    until(lambda: bool(jobs.ran))
    began = time.monotonic()
    desk.close()
    assert time.monotonic() - began < 2
    assert [said(ticket)[-1] for ticket in tickets] == ["a cancelled", "b cancelled"]
    with pytest.raises(StudioError, match="closing"):
        desk.admit("a")
    assert said(desk.submit("a", 1, jobs.work("late"))) == ["late cancelled"]  # nobody waits for it for ever


# ── Long work beside the rounds ──────────────────────────────────────────────────────────────────────────────────────


class Steps:
    """A patient job that counts for as long as it is not cancelled."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, cancelled: Callable[[], bool]) -> Iterator[object]:
        while not cancelled():
            self.count += 1
            time.sleep(0.002)
        yield "cancelled"


def test_a_patient_job_stands_still_while_a_round_is_made_or_waits(desk, jobs):
    steps = Steps()
    ticket = desk.submit("a/beside", -1, steps, TRAININGS)
    until(lambda: steps.count > 5)
    rounds = [desk.submit(name, 0, jobs.work(name)) for name in ("a", "b")]
    until(lambda: jobs.ran == ["a"])  # it holds up nobody
    time.sleep(0.02)
    before = steps.count
    time.sleep(0.1)
    assert desk.held(TRAININGS)
    assert steps.count == before
    jobs.gate.set()
    assert all(each.wait(5) for each in rounds)
    until(lambda: steps.count > before)
    assert not desk.held(TRAININGS)
    desk.cancel("a")  # its rounds, not what is beside them
    assert not ticket.done


@pytest.mark.parametrize("end", ["cancel", "close"])
def test_one_that_stands_still_hears_at_once_that_it_is_to_stop(desk, jobs, end):
    steps = Steps()
    ticket = desk.submit("a/beside", -1, steps, TRAININGS)
    until(lambda: steps.count > 0)
    desk.submit("b", 0, jobs.work("b"))
    until(lambda: jobs.ran == ["b"])
    began = time.monotonic()
    if end == "cancel":
        assert desk.cancel("a/beside", -1) == [ticket]
    else:
        desk.close()
    assert ticket.wait(5)
    assert time.monotonic() - began < 0.5
    assert said(ticket) == ["cancelled"]


def test_patient_jobs_come_one_after_the_other_and_know_how_many_are_before_them(desk):
    works = [Steps() for _ in range(3)]
    tickets = [desk.submit(f"{at}/beside", -1, work, TRAININGS) for at, work in enumerate(works)]
    until(lambda: works[0].count > 0)
    assert [each.ahead for each in tickets] == [0, 1, 2]
    desk.cancel("0/beside")
    until(lambda: works[1].count > 0)
    assert [each.ahead for each in tickets[1:]] == [0, 1]
    assert works[2].count == 0


@pytest.mark.parametrize(("later", "earlier"), [(TRAININGS, ASIDES), (ASIDES, QUESTIONS)])
def test_a_later_line_stands_still_for_an_earlier_one(desk, later, earlier):
    long, short = Steps(), Steps()
    desk.submit("a/long", -1, long, later)
    until(lambda: long.count > 0)
    desk.submit("b/short", -1, short, earlier)
    until(lambda: short.count > 0)
    time.sleep(0.02)
    before = long.count, short.count
    until(lambda: short.count > before[1] + 5)
    assert long.count == before[0]
    desk.cancel("b/short")
    until(lambda: long.count > before[0])
