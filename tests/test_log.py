"""The log: nothing that was told is lost, whatever happens to the process; numbers are dense; sessions keep apart."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engines import fake
from engines.api import Brief
from studio import log as module
from studio.events import (
    Branched,
    Ended,
    Judged,
    Judgement,
    Made,
    Place,
    Proposal,
    Proposed,
    Starred,
    StudioError,
    Undone,
    Uploaded,
    Variant,
    Words,
    blobs_of,
    from_json,
    to_json,
)
from studio.log import Log
from studio.session import Studio
from studio.state import fold

ROOT = Path(__file__).parents[1]
SHA = "ab" * 32
REASON = [Words(template="More {more}.", values={"more": ["style:ember"]})]
KNOBS = {"strength": 0.1 + 0.2, "style:ember": 1.0, "tone": "warm"}
VARIANT = Variant(index=0, sha256=SHA, role="yours", reason=REASON, knobs=KNOBS, seed=7, seconds=0.5, features=[0.25])
EVENTS = [
    Uploaded(sha256="cd" * 32, name="山.png", width=40, height=30),
    Proposed(
        round=0,
        parent=None,
        brief=Brief(engine="fake", styles={"ember": 1.0}, content="sha256:" + "cd" * 32, prompt="“ink” 山水"),
        proposals=[Proposal(role="yours", knobs=KNOBS, seed=7, reason=REASON)],
    ),
    Made(round=0, variant=VARIANT),
    Ended(round=0, status="failed", error=Words(template="No {what}.", values={"what": "luck"})),
    Judged(round=0, judgement=Judgement(ranking=[2, [0, 3], 1], text={0: "mine"}, note="so")),
    Starred(place=Place(round=0, variant=0)),
    Branched(place=Place(round=0, variant=0)),
    Undone(event=4),
]


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'deep' / 'studio.db'}"


@pytest.fixture
def log(url):
    opened = Log(url)
    yield opened
    opened.close()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_every_event_reads_back_equal(event):
    assert from_json(to_json(event)) == event


def test_events_are_numbered_from_0_and_read_back(log, url):
    session = log.create()
    assert [log.append(session, event) for event in EVENTS] == list(range(len(EVENTS)))
    assert log.read(session) == dict(enumerate(EVENTS))
    assert log.read(session, after=4) == dict(list(enumerate(EVENTS))[5:])
    again = Log(url)
    assert again.read(session) == dict(enumerate(EVENTS))
    again.close()


def test_sessions_have_names_that_cannot_be_guessed_and_keep_apart(log):
    one, two = log.create(), log.create()
    assert len(one) == 32
    assert one != two
    log.append(one, EVENTS[0])
    assert log.read(two) == {}
    assert log.uses(one, "cd" * 32)
    assert not log.uses(two, "cd" * 32)
    assert {each["id"]: each["events"] for each in log.sessions()} == {one: 1, two: 0}


@pytest.mark.parametrize("call", ["append", "read", "forget"])
def test_an_unknown_session_is_one_line(log, call):
    arguments = {"append": (EVENTS[0],)}.get(call, ())
    with pytest.raises(StudioError, match="no session"):
        getattr(log, call)("nobody'; drop table events;--", *arguments)


def test_forgetting_gives_back_only_what_nobody_else_uses(log):
    one, two = log.create(), log.create()
    for event in EVENTS:
        log.append(one, event)
    log.append(two, EVENTS[0])
    assert log.unused({SHA, "cd" * 32, "ef" * 32}) == {"ef" * 32}
    assert log.forget(one) == {SHA}
    assert [each["id"] for each in log.sessions()] == [two]
    assert log.forget(two) == {"cd" * 32}
    assert log.sessions() == []


def test_threads_and_processes_that_append_at_once_lose_nothing(log, url):
    session = log.create()
    code = (
        "import sys; from studio.events import Judged, Judgement; from studio.log import Log\n"
        "log = Log(sys.argv[1])\n"
        "for at in range(15): log.append(sys.argv[2], Judged(round=0, judgement=Judgement(note=f'{sys.argv[3]} {at}')))\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, url, session, name], cwd=ROOT) for name in "ab"]

    def write(name: str) -> None:
        for at in range(15):
            log.append(session, Judged(round=0, judgement=Judgement(note=f"{name} {at}")))

    threads = [threading.Thread(target=write, args=(name,)) for name in "cd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [other.wait(60) for other in others] == [0, 0]
    events = log.read(session)
    assert list(events) == list(range(60))
    notes = [event.judgement.note for event in events.values()]
    assert sorted(notes) == sorted(f"{name} {at}" for name in "abcd" for at in range(15))
    for name in "abcd":  # and each writer's own order holds
        assert [note for note in notes if note.startswith(name)] == [f"{name} {at}" for at in range(15)]


# ── When things are wrong ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("url", ["nonsense", "nosuch://x", "sqlite:////proc/none/studio.db", "postgresql://a:b/c"])
def test_a_database_that_cannot_be_opened_is_one_line(url):
    with pytest.raises(StudioError) as error:
        Log(url)
    assert "\n" not in str(error.value).strip()


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "studio.db").write_bytes(b"not a database" * 500)
    with pytest.raises(StudioError, match="cannot be used"):
        Log(f"sqlite:///{tmp_path / 'studio.db'}")


def test_a_log_of_a_newer_duet_is_left_alone(log, url):
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("update schema_version set version = 99")
    with pytest.raises(StudioError, match="newer Duet"):
        Log(url)


def fill(log: Log, session: str) -> None:
    for _ in range(200):
        log.append(session, Judged(round=0, judgement=Judgement(note="x" * 5000)))


def test_a_full_disk_is_one_line_and_what_was_there_stays(log, tmp_path):
    session = log.create()
    log.append(session, EVENTS[0])
    with log._engine.connect() as connection:  # SQLite's own limit stands for the full disk
        pages = connection.exec_driver_sql("pragma page_count").scalar()
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")
    with pytest.raises(StudioError, match=r"full.*disk has room"):
        fill(log, session)
    events = log.read(session)
    assert list(events) == list(range(len(events)))
    assert events[0] == EVENTS[0]


def test_opening_twice_is_nothing_new(log, url):
    session = log.create()
    Log(url).close()
    assert [each["id"] for each in log.sessions()] == [session]


# ── Killed ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_interrupted_ends_open_rounds_and_only_those(log):
    one, two, three = (log.create() for _ in range(3))
    proposed = EVENTS[1]
    for number in (0, 1):
        log.append(one, proposed.model_copy(update={"round": number}))
    log.append(one, Ended(round=0, status="done"))
    log.append(two, proposed)
    log.append(two, Ended(round=0, status="cancelled"))
    log.append(three, EVENTS[0])
    assert log.interrupted() == 1
    rounds = fold(log.read(one)).rounds
    assert (rounds[0].status, rounds[1].status) == ("done", "interrupted")
    assert fold(log.read(two)).rounds[0].status == "cancelled"
    assert log.interrupted() == 0


def test_a_session_that_cannot_be_read_is_one_clear_error_and_does_not_stop_the_others(log, url, caplog):
    broken, whole = log.create(), log.create()
    for session in (broken, whole):
        log.append(session, EVENTS[1])
    database = sqlite3.connect(url.removeprefix("sqlite:///"))
    for body in ('{"kind": "nothing"}', '{"kind": "proposed", "round": 0', '{"then": ' * 300 + "{}" + "}" * 300):
        with database:
            database.execute("UPDATE events SET body = ? WHERE session = ?", (body, broken))
        with pytest.raises(StudioError, match=f"Session {broken[:6]} cannot be read") as error:
            log.read(broken)
        assert "\n" not in str(error.value)
        assert broken not in str(error.value)
    database.close()
    assert log.interrupted() == 1
    assert fold(log.read(whole)).rounds[0].status == "interrupted"
    assert "cannot be read" in caplog.text


ARTIST = """
import sys
from pathlib import Path
from engines import fake
from engines.api import Brief
from studio.events import Judgement, Made
from studio.session import Studio
fake.use()
studio = Studio(Path(sys.argv[1]))
session = studio.new_session()
print("session", session.id, flush=True)
brief = Brief(engine="fake", styles={"ember": 0.6, "tide": 0.4}, size=48, steering=0.0)
for at in range(10000):
    for event in session.propose(brief):
        if isinstance(event, Made):
            print("made", event.round, event.variant.sha256, flush=True)
            session.judge(event.round, Judgement(note=f"{at} {event.variant.index}"))
            print("judged", at, event.variant.index, flush=True)
"""


@pytest.mark.parametrize("turn", range(3))
def test_a_killed_process_loses_nothing_that_it_told(tmp_path, turn):
    """SIGKILL at a random moment of an artist's work; what had been told before must be there after."""
    fake.use()
    lines = random.Random(turn).randint(4, 40)
    artist = subprocess.Popen(
        [sys.executable, "-c", ARTIST, str(tmp_path / "home")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert artist.stdout is not None
    told = [artist.stdout.readline().split() for _ in range(lines)]
    artist.kill()
    told += [line.split() for line in artist.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    assert artist.wait() == -9

    studio = Studio(tmp_path / "home")
    session = studio.session(told[0][1])
    events = session.events()
    assert list(events) == list(range(len(events)))
    notes = {event.judgement.note for event in events.values() if isinstance(event, Judged)}
    made = {(str(event.round), event.variant.sha256) for event in events.values() if isinstance(event, Made)}
    assert {f"{at} {index}" for kind, at, index in told[1:] if kind == "judged"} <= notes
    assert {(number, sha) for kind, number, sha in told[1:] if kind == "made"} <= made
    for sha in blobs_of(events.values()):
        assert studio.blobs.read(sha)

    studio.log.interrupted()
    state = session.state()
    assert all(current.status in ("done", "interrupted") for current in state.rounds.values())
    brief = Brief(engine="fake", styles={"ember": 1.0}, size=48)
    assert list(session.propose(brief))[-1].status == "done"  # and the artist goes on
    session.view()
    session.forget()
    kept = list((tmp_path / "home" / "blobs").glob("??/*"))
    assert len(kept) <= 1  # at most the one that was on disk and not yet in the log
    studio.close()


def test_the_log_syncs_what_it_commits(log):
    with log._engine.connect() as connection:
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1
    assert module.SCHEMA == 1
