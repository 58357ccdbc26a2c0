"""A variant painted large while the artist goes on: on disk first, out of everybody's way, stopped, taken up, undone; and going on."""

from __future__ import annotations

import json
import threading
import time
import zipfile

import numpy as np
import pytest

from engines.api import Brief
from studio import asides, headless, large, locales, pictures
from studio.archive import read
from studio.blobs import Blobs
from studio.desk import beside
from studio.events import Made, StudioError
from studio.large import Larger, go_on
from studio.session import Studio

BRIEF = Brief(engine="fake", styles={"ember": 1.0}, size=64, seed=3)
SLOW = Brief(engine="fake", styles={"ember": 1.0}, options={"pause": 0.5}, size=64, variants=1)


@pytest.fixture
def session(studio):
    return studio.new_session()


@pytest.fixture
def larger(studio):
    return Larger(studio)


def until(true, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def of(larger, session, **found) -> bool:
    return any(found.items() <= each.items() for each in larger.told(session))


def test_it_is_the_same_picture_at_another_size(studio, session, larger):
    list(session.propose(BRIEF))
    larger.begin(session, 0, 1, 256)
    until(lambda: of(larger, session, status="done", round=0, variant=1, size=256))
    (found,) = larger.told(session)
    file = session.blob(found["sha256"]).read_bytes()
    assert max(pictures.size_of(file)) == 256
    made = session.state().rounds[0].variants[1]
    kept = pictures.read_meta(file)
    assert kept["knobs"] == made.knobs
    assert kept["brief"]["sketch"] == f"sha256:{made.sha256}"  # this engine goes on from it
    before = pictures.to_pixels(session.blob(made.sha256).read_bytes())
    after = pictures.to_pixels(file)
    assert np.abs(before.mean((0, 1)) - after.mean((0, 1))).max() < 40


def test_without_a_size_it_is_large_and_twice_as_large_at_least(session, larger):
    list(session.propose(BRIEF))
    larger.begin(session, 0, 0)
    until(lambda: of(larger, session, status="done", size=large.LARGE))
    (found,) = larger.told(session)
    assert max(pictures.size_of(session.blob(found["sha256"]).read_bytes())) == large.LARGE


def test_it_stands_still_for_every_round(studio, session, larger):
    list(session.propose(SLOW))
    larger.begin(session, 0, 0, 256)
    until(lambda: of(larger, session, status="running"))
    goes, before = threading.Event(), []

    def work(cancelled):
        goes.wait(30)
        before.append(of(larger, session, status="running"))
        yield from ()

    ticket = studio.desk.submit("another", 0, work)
    time.sleep(0.7)  # longer than it takes by itself
    goes.set()
    assert ticket.wait(30)
    assert before == [True]
    until(lambda: of(larger, session, status="done"))


def test_it_is_stopped_and_taken_up_also_by_another_studio(studio, session, larger):
    list(session.propose(SLOW))
    larger.begin(session, 0, 0, 256)
    with pytest.raises(StudioError, match="already"):
        larger.begin(session, 0, 0, 256)
    larger.stop(session, 0, 0)
    until(lambda: of(larger, session, status="stopped"))
    assert of(larger, session, status="stopped", size=256)
    later = Studio(studio.home)
    try:
        there, again = later.session(session.id), Larger(later)
        assert of(again, there, status="stopped", size=256)
        again.begin(there, 0, 0)
        until(lambda: of(again, there, status="done", size=256))
    finally:
        later.close()


def test_undo_takes_the_wish_back(studio, session, larger):
    list(session.propose(BRIEF))
    larger.begin(session, 0, 2, 128)
    until(lambda: of(larger, session, status="done"))
    session.undo()
    assert larger.told(session) == []
    assert len(session.state().rounds[0].variants) == 4


def test_undo_ends_what_is_on_its_way(studio, session, larger):
    list(session.propose(Brief(engine="fake", styles={"ember": 1.0}, options={"pause": 1.0}, size=64, variants=1)))
    larger.begin(session, 0, 0, 128)
    until(lambda: of(larger, session, status="running"))
    (ticket,) = studio.desk.jobs(beside(session.id, "large"))
    began = time.monotonic()
    session.undo()
    assert ticket.wait(10)
    assert time.monotonic() - began < 0.9  # before it would have been painted
    assert session.state().rounds[0].large == {}


def test_what_cannot_be_is_told(session, larger):
    list(session.propose(BRIEF))
    for size in (64, 4096):
        with pytest.raises(StudioError, match="lies between 65 and 2048"):
            larger.begin(session, 0, 0, size)
    with pytest.raises(StudioError, match="no variant 7"):
        larger.begin(session, 0, 7)
    list(session.propose(Brief(mode="text", engine="fake-text", prompt="Once", options={"length": 4}, variants=1)))
    with pytest.raises(StudioError, match="text"):
        larger.begin(session, 1, 0)
    assert larger.told(session) == []


def test_forgetting_a_session_ends_it(studio, session, larger):
    list(session.propose(SLOW))
    larger.begin(session, 0, 0, 1024)
    studio.forget(session.id)
    assert not studio.desk.jobs(beside(session.id, "large"))
    assert not list((studio.home / "blobs").rglob("*.png"))


def test_it_is_in_the_export_and_a_stopped_variant_is_not_made_again(studio, session, larger, tmp_path):
    list(session.propose(BRIEF))
    larger.begin(session, 0, 0, 128)
    until(lambda: of(larger, session, status="done"))
    (found,) = larger.told(session)
    made = session.state().rounds[0].variants[3]
    unfinished = made.model_copy(update={"unfinished": True, "sha256": found["sha256"]})
    session.record(lambda _: Made(round=0, variant=unfinished))
    file = session.export(tmp_path / "session.zip")
    assert f"blobs/{found['sha256']}" in zipfile.ZipFile(file).namelist()
    blobs = Blobs(tmp_path / "again")
    report = headless.replay(read(file, blobs), blobs, lambda _: None)
    assert any("stopped" in note for note in report.notes)


def test_a_round_goes_on_from_a_variant(session):
    list(session.propose(BRIEF))
    made = session.state().rounds[0].variants[2]
    list(go_on(session, 0, 2))
    state = session.state()
    assert state.rounds[1].brief.sketch == f"sha256:{made.sha256}"
    assert state.rounds[1].parent is not None
    assert (state.rounds[1].parent.round, state.rounds[1].parent.variant) == (0, 2)
    assert state.rounds[1].proposals[0].knobs == made.knobs


def test_why_is_told_by_part_and_then_in_pictures(session):
    list(session.propose(BRIEF))
    told = list(asides._why(session, 0, 0, locales.table("zh"), lambda: False))
    parts = next(each["parts"] for each in told if "parts" in each)
    assert [each["name"] for each in parts] == ["style:ember"]
    assert parts[0]["label"].startswith("风格")
    assert sum(each["share"] for each in parts) == pytest.approx(1)
    assert [each["name"] for each in told if "src" in each] == ["style:ember"]
    assert told[-1] == {"done": True}
    json.dumps(told)
