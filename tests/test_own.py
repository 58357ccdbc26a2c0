"""What is an artist's own: axes from examples and judgements, voices that are trained at the desk, and files that come and go."""

from __future__ import annotations

import json
import threading
import time

import pytest
from test_finetune import tale
from toys import language_model

from engines import language
from engines.api import Brief, UserError
from engines.text import adapter
from engines.text.axes import read_axis
from studio import own, voice, writing
from studio.desk import beside
from studio.events import Judgement, StudioError
from studio.session import Studio
from studio.voice import Voices

BRIEF = Brief(mode="text", engine="fake-text", prompt="Once upon a time", options={"length": 6}, seed=5)
RAIN = ["Rain on the roof.", "A wet grey day."]
SUN = ["Sun on the roof.", "A dry bright day."]
AXIS = {"name": "weather", "poles": ["sunny", "rainy"], "positive": SUN, "negative": RAIN}
SETTINGS = {"epochs": 2, "rank": 2, "block": 32, "learning_rate": 5e-3}
ASKED = {"name": "mine", "texts": [tale()], "settings": SETTINGS}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return language_model(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def session(studio):
    return studio.new_session()


@pytest.fixture
def voices(studio, toy):
    with language.using(str(toy)):
        yield Voices(studio)


def until(asked, seconds=60.0):
    end = time.monotonic() + seconds
    while not asked():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


# ── Axes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_axis_is_a_file_of_the_session_under_its_name(studio, session):
    sha = own.axis(studio, session, AXIS)
    kept = session.state().kept[sha]
    assert (kept.what, kept.name, kept.about) == ("axis", "weather", {"high": "sunny", "low": "rainy"})
    assert read_axis(session.files.data(f"sha256:{sha}")).positive == tuple(SUN)
    assert Studio(studio.home).session(session.id).state().kept[sha] == kept


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"positive": SUN[:1]}, "examples of each pole"),
        ({"negative": "rain"}, "no list of texts"),
        ({"negative": [1, 2]}, "no list of texts"),
        ({"poles": ["sunny"]}, "two poles"),
        ({"name": " ", "poles": ["", ""]}, "no name"),
        ({"name": "\ud800"}, "name"),
        ({"positive": [*SUN, RAIN[0]]}, "both poles"),
    ],
)
def test_what_makes_no_axis_is_told_and_nothing_is_kept(studio, session, change, told):
    with pytest.raises(UserError, match=told):
        own.axis(studio, session, AXIS | change)
    assert not session.events()


def test_what_was_judged_makes_examples(session):
    writing.write(session, BRIEF.prompt)
    list(session.propose(BRIEF))
    list(session.propose(BRIEF))
    session.judge(0, Judgement(like=[0], dislike=[1]))
    session.judge(1, Judgement(ranking=[2, 0, 1, 3]))
    session.judge(1, Judgement(text={2: "My own words."}))
    texts = [[variant.text.strip() for variant in each.variants] for each in session.state().rounds.values()]
    found = own.judged(session.state())
    assert found["liked"] == ["My own words.", texts[0][0]]
    assert found["disliked"] == [texts[1][3], texts[0][1]]


def test_a_name_is_changed_and_what_is_put_away_comes_back(studio, session):
    sha = own.axis(studio, session, AXIS)
    own.shelve(session, sha, " better ")
    assert session.state().kept[sha].name == "better"
    own.shelve(session, sha, None)
    assert not session.state().kept
    session.undo()
    session.undo()
    assert session.state().kept[sha].name == "weather"
    for wrong in (lambda: own.shelve(session, sha, " "), lambda: own.shelve(session, "0" * 64, "x")):
        with pytest.raises(StudioError):
            wrong()


def test_an_axis_travels_as_a_file(studio, session):
    sha = own.axis(studio, session, AXIS)
    other = studio.new_session()
    assert own.arrived(studio, other, session.files.data(f"sha256:{sha}"), "weather.json") == sha
    assert other.state().kept[sha].about == {"high": "sunny", "low": "rainy"}


@pytest.mark.parametrize("data", [b"", b"{}", b'{"name": 3}', b"\x80\x04\x95pickle", b"\x10" + bytes(40)])
def test_a_file_that_is_neither_is_refused(studio, session, data):
    with pytest.raises(UserError):
        own.arrived(studio, session, data, "thing.bin")
    assert not session.events()


# ── Voices ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_voice_is_trained_and_becomes_a_file_of_the_session(studio, session, voices):
    found = voices.begin(session, ASKED)
    until(lambda: not found.active)
    assert found.status == "done", found.error
    kept = session.state().kept[found.sha256]
    assert (kept.what, kept.name) == ("adapter", "mine")
    assert kept.about["after"] < kept.about["before"]
    assert adapter.load(session.files.data(f"sha256:{found.sha256}")).facts["name"] == "mine"
    assert not (studio.unfinished(session.id) / "voice").exists()
    told = json.loads(json.dumps(found.told()))
    assert told["step"] == told["total"] == told["losses"][-1][0]
    assert len(told["scores"]) > 1
    assert [each["when"] for each in told["samples"]] == ["before", "after"]
    other = studio.new_session()
    assert own.arrived(studio, other, session.files.data(f"sha256:{found.sha256}"), "x") == found.sha256
    assert other.state().kept[found.sha256].name == "mine"


def test_what_was_stopped_is_taken_up_by_another_studio(studio, session, voices):
    found = voices.begin(session, ASKED | {"settings": SETTINGS | {"epochs": 200}})
    until(lambda: found.step > 2)
    voices.stop(session)
    until(lambda: not found.active)
    assert found.status == "stopped"
    with pytest.raises(StudioError, match="trained already"):
        voices.begin(session, ASKED)
    again = Studio(studio.home)
    later = Voices(again)
    left = later.of(again.session(session.id))
    assert left is not None
    assert (left.status, left.step) == ("stopped", found.step)
    later.go(again.session(session.id))
    until(lambda: left.step > found.step)
    later.discard(again.session(session.id))
    assert later.of(again.session(session.id)) is None
    assert not (again.unfinished(session.id) / "voice").exists()
    assert not again.session(session.id).state().kept
    again.close()


def test_a_training_gives_way_to_whoever_waits(studio, session, voices):
    found = voices.begin(session, ASKED | {"settings": SETTINGS | {"epochs": 200}})
    until(lambda: found.step > 2)
    done = threading.Event()

    def work(cancelled):
        done.set()
        yield from ()

    studio.desk.submit("another", 0, work)
    assert done.wait(30)
    assert found.active
    until(lambda: found.status == "running")
    voices.discard(session)


def test_rounds_of_the_session_are_not_stopped_with_its_training(studio, session, voices):
    found = voices.begin(session, ASKED | {"settings": SETTINGS | {"epochs": 200}})
    assert session.running() is None
    session.cancel()
    until(lambda: found.step > 0)
    studio.forget(session.id)
    until(lambda: not found.active)
    assert not (studio.unfinished(session.id) / "voice").exists()
    assert not studio.desk.jobs(beside(session.id, "voice"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"texts": ["Three words only."]}, "too few"),
        ({"texts": "the sea"}, "no list"),
        ({"name": "  "}, "no name"),
        ({"settings": {"epochs": 0}}, "epochs"),
        ({"settings": {"speed": 3}}, "speed"),
        ({"texts": [], "own": True}, "too few"),
    ],
)
def test_what_no_voice_can_be_trained_from_is_told_at_once(studio, session, voices, change, told):
    with pytest.raises(UserError, match=told):
        voices.begin(session, ASKED | change)
    assert voices.of(session) is None
    assert not (studio.unfinished(session.id) / "voice").exists()


def test_only_the_artists_own_words_are_learned_from_the_notebook(session):
    writing.write(session, BRIEF.prompt)
    list(session.propose(BRIEF))
    writing.accept(session, 0, 1)
    assert voice.own_words(session) == BRIEF.prompt
