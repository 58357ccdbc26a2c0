"""Styles of one's own in a session: learned from a picture beside the rounds, brought along as files, named, put away, exported."""

from __future__ import annotations

import json
import pickle
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from banks import altered, picture
from safetensors.torch import save as bytes_of
from test_own import AXIS

from engines import store, unfinished
from engines.api import Brief, EngineError, UserError
from engines.style import stylefile
from engines.style.learned import Bank
from studio import newstyle, own, pictures, render
from studio.desk import beside
from studio.events import StudioError
from studio.newstyle import NewStyles
from studio.rounds import remade
from studio.session import Studio

pytestmark = pytest.mark.models
SETTINGS = {"size": 64, "steps": 3}


@pytest.fixture(autouse=True)
def _ready(monkeypatch):
    """Every model is here; it practises on two small pictures, beginning with one of three styles, on one thread."""
    store.ensure(list(newstyle.MODELS))
    found = Bank.of_store()
    few = replace(found, rows=dict(list(found.rows.items())[:3]))
    monkeypatch.setattr(Bank, "of_store", lambda: few)
    monkeypatch.setattr(newstyle, "photographs", lambda: [picture(1), picture(2)])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def session(studio):
    return studio.new_session()


@pytest.fixture
def styles(studio):
    return NewStyles(studio)


@pytest.fixture
def asked(session):
    return {
        "picture": session.upload(pictures.encode_png(picture(7)), "stripes.png"),
        "content": session.upload(pictures.encode_png(picture(3)), "photo.png"),
        "settings": SETTINGS,
    }


@pytest.fixture(scope="module")
def style_file() -> bytes:
    """A style of the real bank that is nobody's: that of `woodcut`, a little altered."""
    store.ensure(list(newstyle.MODELS))
    found = Bank.of_store()
    row = [(gamma * 1.1, beta + 0.05) for gamma, beta in found.rows["honey-pastel"]]
    look = pictures.encode_jpeg(picture(7))
    facts = {"steps": 40, "seconds": 80.5, "nearest": "woodcut"}
    return stylefile.pack(stylefile.Style("dunes", row, found.sha256, look, facts), found.layers)


def until(asked, seconds=60.0):
    end = time.monotonic() + seconds
    while not asked():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_style_file_becomes_a_style_of_the_session(studio, session, style_file):
    sha = own.arrived(studio, session, style_file, "anything.style.safetensors", "style")
    kept = session.state().kept[sha]
    assert (kept.what, kept.name) == ("style", "dunes")
    assert kept.about == {"steps": 40.0, "seconds": 80.5, "nearest": "woodcut"}
    assert own.look_of(style_file) == pictures.encode_jpeg(picture(7))
    assert Studio(studio.home).session(session.id).state().kept[sha] == kept


def test_a_style_without_a_picture_says_so(studio, session):
    found = Bank.of_store()
    bare = stylefile.pack(stylefile.Style("", found.rows["lemon-ink"], found.sha256, b"torn", {}), found.layers)
    own.arrived(studio, session, bare, "my weave.safetensors")
    (each,) = session.state().kept.values()
    assert (each.name, each.about["bare"]) == ("my weave", 1.0)


def test_what_is_no_style_is_told_and_nothing_is_kept(studio, session, style_file, tmp_path):
    voice = {f"base_model.model.model.layers.0.self_attn.q_proj.lora_{side}.weight": torch.ones(2, 2) for side in "AB"}
    wrong = {
        "pickle.safetensors": (pickle.dumps({"a": 1}), "is a pickle"),
        "garbage.safetensors": (bytes(100), "is no style file"),
        "torn.safetensors": (style_file[:-10], "damaged"),
        "later.safetensors": (altered(style_file, tmp_path, {"version": 2}), "version 2"),
        "other.safetensors": (altered(style_file, tmp_path), "other weights"),
        "voice.safetensors": (bytes_of(voice), "belongs to text mode"),
        "axis.json": (json.dumps({"name": "x", "poles": ["a", "b"]}).encode(), "belongs to text mode"),
    }
    for name, (data, said) in wrong.items():
        with pytest.raises(UserError, match=said):
            own.arrived(studio, session, data, name, "style")
    with pytest.raises(StudioError, match="is a painting style"):
        own.arrived(studio, session, style_file, "dunes.safetensors", "text")
    assert not session.events()


def test_it_is_painted_with_steered_exported_and_replayed(studio, session, style_file, asked, tmp_path, studio_command):
    ref = f"sha256:{own.arrived(studio, session, style_file, 'dunes.style.safetensors')}"
    brief = Brief(
        engine="style-bank", content=asked["content"], styles={ref: 0.6, "starry-oil": 0.4}, size=64, variants=3
    )
    list(session.propose(brief))
    made = session.state().rounds[0]
    assert made.status == "done", made.error
    weights = [each.knobs[f"style:{ref}"] for each in made.variants]
    assert weights[0] == pytest.approx(0.6)
    assert len(set(weights)) > 1  # steering moves it like any other
    own.shelve(session, ref.removeprefix("sha256:"), None)
    state = session.state()
    assert not state.kept
    painting = session.files.data(
        f"sha256:{made.variants[1].sha256}"
    )  # a picture that is dropped brings its brief back
    assert set(remade(painting, {*state.pictures, *state.called}).styles) == {ref, "starry-oil"}
    list(session.propose(brief))
    assert session.state().rounds[1].status == "done"  # what is out of sight still paints
    session.branch(0, 2)
    file = session.export(tmp_path / "session.zip")
    status, _, err = studio_command("replay", file, "--json")
    assert status == 0, err
    assert ref.removeprefix("sha256:") in own_blobs(file)


def own_blobs(file: Path) -> set[str]:
    return {name.rpartition("/")[2] for name in zipfile.ZipFile(file).namelist()}


# ── Learning ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_style_is_learned_and_becomes_a_file_of_the_session(studio, session, styles, asked):
    task = styles.begin(session, asked)
    until(lambda: not task.active)
    assert task.status == "done", task.error
    kept = session.state().kept[task.sha256]
    assert (kept.what, kept.name, kept.about["steps"]) == ("style", "stripes", 3.0)
    assert not (studio.unfinished(session.id) / "style").exists()
    told = json.loads(json.dumps(task.told()))
    assert (told["step"], told["total"], told["look"], told["sha256"]) == (3, 3, 3, task.sha256)
    assert pictures.size_of(task.preview()) == (196, 256)  # the page may just be fetching it
    list(
        session.propose(
            Brief(engine="style-bank", content=asked["content"], styles={f"sha256:{task.sha256}": 1}, size=64)
        )
    )
    assert session.state().rounds[0].status == "done"


def test_a_style_learns_on_and_what_comes_of_it_stands_beside_it(studio, session, styles, asked, style_file):
    task = styles.begin(session, asked)
    until(lambda: not task.active)
    first = f"sha256:{task.sha256}"
    for name, steps in (("stripes 2", 6.0), ("stripes 3", 9.0)):
        task = styles.begin(
            session, {"from": f"sha256:{task.sha256}", "content": asked["content"], "settings": SETTINGS}
        )
        until(lambda: not task.active)  # noqa: B023 - it is called here
        assert task.status == "done", task.error
        kept = session.state().kept[task.sha256]
        assert (kept.name, kept.about["steps"], kept.about["picture"]) == (name, steps, asked["picture"])
    assert first.removeprefix("sha256:") in session.state().kept
    brought = own.arrived(studio, session, style_file, "dunes.style.safetensors", "style")
    for other in (f"sha256:{brought}", "sha256:" + "0" * 64):
        with pytest.raises(StudioError, match="not learned here"):
            styles.begin(session, {"from": other, "settings": SETTINGS})


def test_a_style_that_learns_on_is_gone_on_with_after_a_restart(studio, session, styles, asked):
    task = styles.begin(session, asked)
    until(lambda: not task.active)
    longer = {"from": f"sha256:{task.sha256}", "settings": {"size": 64, "steps": 10_000}}
    task = styles.begin(session, longer)
    until(lambda: task.step > 1)
    styles.stop(session)
    until(lambda: not task.active)
    again = Studio(studio.home)
    later, found = NewStyles(again), again.session(session.id)
    left = later.go(found)
    until(lambda: left.step > task.step or not left.active)
    assert (left.status, left.name) == ("running", "stripes 2")
    later.discard(found)
    again.close()


def test_it_practises_on_what_the_artist_paints_on(session, asked):
    other = session.upload(pictures.encode_png(picture(4)), "other.png")
    for content in (other, asked["picture"], other):
        list(session.propose(Brief(engine="fake", content=content, styles={"moss": 1}, size=32)))
    assert newstyle.practised_on(session.state(), asked["content"], asked["picture"]) == [asked["content"], other]


def test_a_preview_shows_the_artists_own_picture_and_outlives_the_studio(studio, session, styles, asked):
    task = styles.begin(session, asked | {"settings": {"size": 64, "steps": 10_000}})
    until(lambda: task.step > 1)
    assert pictures.size_of((task.folder / newstyle.LOOK).read_bytes()) == (196, 256)  # as the content, long side 256
    styles.stop(session)
    until(lambda: not task.active)
    assert (task.status, unfinished.place(task.out).is_file()) == ("stopped", True)
    with pytest.raises(StudioError, match="learned already"):
        styles.begin(session, asked)
    again = Studio(studio.home)
    later, found = NewStyles(again), again.session(session.id)
    left = later.of(found)
    assert (left.status, left.step, left.name, left.picture) == ("stopped", task.step, "stripes", asked["picture"])
    assert left.look >= 0
    assert left.preview() == task.preview()
    later.go(found)
    until(lambda: left.step > task.step)
    later.discard(found)
    assert later.of(found) is None
    assert not left.folder.exists()
    assert not found.state().kept
    again.close()


def test_rounds_come_first_and_it_stands_still_for_them(studio, session, styles, asked):
    task = styles.begin(session, asked | {"settings": {"size": 64, "steps": 10_000}})
    until(lambda: task.step > 1)
    ticket = session.propose(Brief(engine="fake", styles={"moss": 1}, options={"pause": 0.4}, size=32))
    until(lambda: styles.resting(task))
    time.sleep(0.2)  # what was under way when the round came is done
    before, seconds = task.step, task.seconds
    assert ticket.wait(30)
    assert task.step <= before + 1
    until(lambda: task.step > before + 2)
    assert task.seconds < seconds + 5
    assert session.state().rounds[0].status == "done"
    styles.discard(session)


def test_one_at_a_time_on_the_machine_and_the_next_is_told(studio, session, styles, asked):
    other = studio.new_session()
    theirs = {
        "picture": other.upload(pictures.encode_png(picture(8)), "discs.png"),
        "settings": SETTINGS,
    }
    first = styles.begin(session, asked | {"settings": {"size": 64, "steps": 10_000}})
    until(lambda: first.step > 0)
    second = styles.begin(other, theirs)
    assert (second.told()["status"], second.told()["ahead"]) == ("waiting", 1)
    styles.stop(session)
    until(lambda: not second.active)
    assert second.status == "done", second.error
    styles.discard(session)


def test_a_stop_is_heard_within_half_a_second_also_while_it_stands_still(studio, session, styles, asked):
    task = styles.begin(session, asked | {"settings": {"size": 64, "steps": 10_000}})
    until(lambda: task.step > 0)
    gate = threading.Event()

    def work(cancelled):
        yield gate.wait(20)

    studio.desk.submit("another", 0, work)
    until(lambda: styles.resting(task))
    began = time.monotonic()
    styles.stop(session)
    until(lambda: not task.active)
    assert time.monotonic() - began < 0.5
    gate.set()


def test_a_session_that_is_forgotten_leaves_nothing_behind(studio, session, styles, asked):
    task = styles.begin(session, asked | {"settings": {"size": 64, "steps": 10_000}})
    until(lambda: task.step > 0)
    studio.forget(session.id)
    assert not task.active
    assert not studio.unfinished(session.id).exists()
    assert not studio.desk.jobs(beside(session.id, "style"))


def test_a_full_disk_is_told_and_what_was_learned_is_kept_as_soon_as_there_is_room(
    studio, session, styles, asked, monkeypatch
):
    def full(*_):
        raise StudioError("The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(own, "keep", full)
        task = styles.begin(session, asked)
        until(lambda: not task.active)
    assert (task.status, task.error.template) == ("failed", "The disk is full. Free some space.")
    steps = task.step
    styles.go(session)
    until(lambda: not task.active)
    assert (task.status, task.step) == ("done", steps)  # nothing was learned twice
    assert task.sha256 in session.state().kept


def test_a_checkpoint_for_which_there_is_no_room_is_told_and_it_goes_on_later(session, styles, asked, monkeypatch):
    def full(*_):
        raise EngineError("{path} could not be written: {why}.", "Make room.", path="x", why="no space")

    task = styles.begin(session, asked | {"settings": {"size": 64, "steps": 10_000}})
    until(lambda: task.step > 1)
    with monkeypatch.context() as patch:
        patch.setattr(unfinished, "write", full)
        styles.stop(session)
        until(lambda: not task.active)
    assert task.status == "failed"
    assert "no space" in str(task.error)
    styles.go(session)
    until(lambda: task.status == "running" and task.step > 1)
    styles.discard(session)
    assert not task.folder.exists()


def test_a_damaged_checkpoint_is_told(studio, session, styles, asked):
    task = styles.begin(session, asked | {"settings": {"size": 64, "steps": 10_000}})
    until(lambda: task.step > 1)
    styles.stop(session)
    until(lambda: not task.active)
    unfinished.place(task.out).write_bytes(b"torn")
    with pytest.raises(EngineError, match="damaged"):
        unfinished.log_of(task.out)
    left = NewStyles(studio).of(session)
    assert left.status == "failed"
    assert "damaged" in str(left.error)
    styles.discard(session)
    assert not task.folder.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"picture": ""}, "no picture to learn from"),
        ({"picture": "sha256:" + "0" * 64}, "has no file"),
        ({"content": "sha256:" + "0" * 64}, "has no file"),
        ({"settings": {"minutes": 600}}, "too many"),
        ({"settings": {"size": 7}}, "size"),
        ({"settings": {"speed": 3}}, "speed"),
        ({"name": "\ud800"}, "name"),
    ],
)
def test_what_nothing_can_be_learned_from_is_told_at_once(studio, session, styles, asked, change, told):
    with pytest.raises(UserError, match=told):
        styles.begin(session, asked | change)
    assert styles.of(session) is None
    assert not studio.unfinished(session.id).exists()


def test_a_picture_of_one_colour_teaches_nothing(session, styles, asked):
    plain = session.upload(pictures.encode_png(np.full((40, 40, 3), 90, np.uint8)), "grey.png")
    with pytest.raises(EngineError, match="one colour only"):
        styles.begin(session, asked | {"picture": plain})


def test_names_are_told_also_of_what_was_put_away(studio, session, style_file):
    sha = own.arrived(studio, session, style_file, "dunes.style.safetensors")
    axis = own.axis(studio, session, AXIS)
    own.shelve(session, sha, "sand")
    own.shelve(session, sha, None)
    assert {f"sha256:{sha}": "sand", f"sha256:{axis}": "weather"}.items() <= render.names(session.state()).items()
