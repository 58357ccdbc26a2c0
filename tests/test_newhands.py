"""Hands of one's own in a session: a translator learns from groups of pictures beside the rounds, and its hands draw."""

from __future__ import annotations

from dataclasses import replace

import pytest
from banks import picture
from test_gathering import zipped
from test_newgan import take
from test_newstyle import until

from engines import store
from engines.api import Brief, EngineError
from studio import own, pictures, watched
from studio.events import StudioError
from studio.newhands import NewHands
from studio.session import Studio

ASKED = {"name": "mine", "settings": {"steps": 2, "width": 8, "batch": 2, "alone": 0.0}}
LONG = {**ASKED, "settings": {**ASKED["settings"], "steps": 10_000}}

pytestmark = pytest.mark.models


@pytest.fixture(autouse=True)
def _ready(one_thread):
    store.ensure(["hed-vgg16"])


@pytest.fixture
def session(studio):
    return studio.new_session()


@pytest.fixture
def hands(studio):
    return NewHands(studio)


def lay(hands, session, folder, *groups):
    """Lays down three pictures a group."""
    for number, group in enumerate(groups):
        for at in range(3):
            data = pictures.encode_png(picture(3 * number + at))
            take(hands.basket(session), folder, f"{at}.png", data, hands.grouped(group))


def test_each_folder_of_a_zip_is_a_hand_and_may_be_called_otherwise(studio, session, hands, tmp_path):
    entries = {f"all/{hand}/{at}.png": pictures.encode_png(picture(at)) for hand in ("ink", "oil") for at in range(2)}
    data = zipped(tmp_path / "a.zip", {**entries, "alone.png": pictures.encode_png(picture(5))}).read_bytes()
    basket = hands.basket(session)
    take(basket, tmp_path, "a.zip", data, hands.grouped("rest"))
    assert {name: len(each) for name, each in basket.names().items()} == {"ink": 2, "oil": 2, "rest": 1}
    basket.rename("rest", "chalk")
    with pytest.raises(StudioError, match="already"):
        basket.rename("chalk", "ink")
    basket.drop("chalk")
    assert list(basket.names()) == ["ink", "oil"]
    basket.rename("ink", "zinc")
    assert list(NewHands(studio).basket(session).names()) == [
        "zinc",
        "oil",
    ]  # it stays where it was, also after a restart
    assert hands.grouped("../x/y") not in ("..", "../x/y")


def test_hands_are_learned_and_draw(studio, session, hands, tmp_path):
    lay(hands, session, tmp_path, "ink", "oil")
    task = hands.begin(session, ASKED)
    until(lambda: not task.active)
    assert task.status == "done", task.error
    kept = {each.name: each for each in session.state().kept.values()}
    assert {name: each.what for name, each in kept.items()} == {"ink": "hand", "oil": "hand"}
    assert {name: each.about["row"] for name, each in kept.items()} == {"ink": 1, "oil": 2}  # of the samples
    assert task.told()["hands"] == ["ink", "oil"]
    look = int(kept["ink"].about["look"])
    assert pictures.size_of(watched.recorded(session, task.sha256, f"{look}.jpg"))[0] > 64
    assert hands.basket(session).count() == 0
    content = session.upload(pictures.encode_png(picture(9)), "photo.png")
    refs = [f"sha256:{each.sha256}" for each in kept.values()]
    list(session.propose(Brief(engine="translator", content=content, styles=dict.fromkeys(refs, 0.5), size=64)))
    made = session.state().rounds[0]
    assert made.status == "done", made.error
    other = studio.new_session()
    data = session.files.data(refs[0])
    own.arrived(studio, other, data, "any.translator.safetensors", "style")
    assert [(each.name, "bare" in each.about) for each in other.state().kept.values()] == [("ink", False)]
    assert pictures.size_of(own.look_of(data)) == (64, 64)  # the picture of its tile came along


def test_a_file_that_was_written_before_has_no_picture_but_its_mark(studio, session):
    from engines.style import stargan, translatorfile

    whole = translatorfile.load(stargan.WEIGHTS.read_bytes())
    data = translatorfile.pack(replace(whole, hand=whole.domains[0]))
    own.arrived(studio, session, data, "any.translator.safetensors", "style")
    (kept,) = session.state().kept.values()
    assert (kept.name, kept.about) == (whole.domains[0], {"bare": 1.0})
    assert own.look_of(data) == b""


def test_what_was_stopped_is_taken_up_by_another_studio(studio, session, hands, tmp_path):
    lay(hands, session, tmp_path, "ink", "oil")
    task = hands.begin(session, LONG)
    until(lambda: task.step > 9)
    hands.stop(session)
    until(lambda: not task.active)
    again = Studio(studio.home)
    later, found = NewHands(again), again.session(session.id)
    left = later.of(found)
    assert left.status == "stopped"
    assert left.step >= task.step > 0
    assert (left.hands, left.steps()) == (["ink", "oil"], task.steps())
    assert left.points == task.points
    later.go(found)
    until(lambda: left.step > task.step + 9)
    later.discard(found)
    assert later.basket(found).count() == 6
    again.close()


def test_a_single_hand_cannot_be_told_apart(session, hands, tmp_path):
    lay(hands, session, tmp_path, "ink")
    with pytest.raises(EngineError, match="1 folders"):
        hands.begin(session, ASKED)
    assert hands.of(session) is None
