"""A painter of one's own in a session: pairs are laid down in any order, taught beside the rounds, and what comes of it paints."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image
from test_gathering import zipped
from test_newgan import take
from test_newstyle import until
from test_pairs import course, drawn_edges, picture, quick, trained, wide_eyes  # noqa: F401 - fixtures

from engines import store
from engines.api import Brief, EngineError, UserError
from engines.image import painterfile, pairs, training
from studio import easel, own, pairing, pictures, watched
from studio.events import StudioError
from studio.frompictures import RECORD
from studio.newpainter import NewPainters
from studio.session import Studio

pytestmark = [pytest.mark.models, pytest.mark.usefixtures("one_thread")]
ASKED = {"name": "mine", "settings": {"minutes": 0.02, "batch": 2}}
PATIENCE = 180.0  # seconds
LONG = {**ASKED, "settings": {"minutes": 60, "batch": 2}}
DRAWING = {"aspect": 1.0, "things": [{"words": "ball", "lines": [[0.2, 0.2, 0.8, 0.2, 0.8, 0.8, 0.2, 0.8, 0.2, 0.2]]}]}


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    """The discriminator's eyes get used to few pictures."""
    monkeypatch.setattr(training, "FITTED", 6)


@pytest.fixture
def session(studio):
    return studio.new_session()


@pytest.fixture
def painters(studio):
    return NewPainters(studio)


def png(pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def ring() -> bytes:
    """A sketch: a dark circle on paper."""
    y, x = np.mgrid[0:200, 0:200]
    return png(np.where(abs(np.hypot(x - 100, y - 100) - 70) < 4, 0, 255).astype(np.uint8))


def lay(basket, folder, count=13):
    for at in range(count):
        take(basket, folder, f"a-green-ball-{at}.png", png(picture(at)), "pictures")


def settled(basket):
    """Once the lines of all that came are found, or none can be."""
    basket.settle()
    until(lambda: basket.settling() is None, PATIENCE)
    return basket


def by_name(basket):
    return {each["name"]: each for each in basket.told()["some"]}


# ── Pairs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("drawn_edges")
def test_words_and_sketches_find_their_pictures_in_any_order(studio, session, painters, tmp_path):
    basket = painters.basket(session)
    take(basket, tmp_path, "a-green-ball-1.sketch.png", ring(), "pictures")
    assert {name: str(why) for name, why in basket.skipped()} == {
        "a-green-ball-1.sketch.png": "No picture belongs to this sketch."
    }
    lay(basket, tmp_path, 3)
    take(basket, tmp_path, "IMG_0004.png", png(picture(4)), "pictures")
    take(basket, tmp_path, "drawn.png", ring(), "pictures")
    assert (basket.count(), basket.told()["worded"], basket.told()["sketched"]) == (5, 4, 1)
    rows = "file,caption,sketch\nIMG_0004.png,my ball,drawn.png\nlost.png,gone,\na-green-ball-0.png,,away.png\n"
    take(basket, tmp_path, "words.csv", rows.encode(), "pictures")
    told = by_name(basket)
    assert set(told) == {"a-green-ball-1.png", "a-green-ball-2.png", "IMG_0004.png"}
    assert (told["IMG_0004.png"]["words"], told["IMG_0004.png"]["sketch"]) == ("my ball", True)
    assert {name for name, _ in basket.skipped()} == {"lost.png", "a-green-ball-0.png"}
    again = NewPainters(Studio(studio.home)).basket(session)  # it outlives the studio
    assert (again.told(), again.skipped()) == (basket.told(), basket.skipped())
    basket.drop("pictures", told["a-green-ball-1.png"]["key"])  # with its sketch
    assert set(by_name(basket)) == {"a-green-ball-2.png", "IMG_0004.png"}
    basket.clear()
    assert (basket.count(), basket.skipped()) == (0, [])


@pytest.mark.usefixtures("drawn_edges")
def test_lines_are_those_of_the_sketch_or_found_and_a_mistake_can_be_mended(session, painters, tmp_path):
    basket = painters.basket(session)
    lay(basket, tmp_path, 2)
    take(basket, tmp_path, "white.png", png(np.full((90, 90, 3), 255, np.uint8)), "pictures")
    take(basket, tmp_path, "torn.png", b"\x89PNG", "pictures")
    assert not any(each["found"] for each in basket.told()["some"])  # nobody waited for them
    assert settled(basket).count() == 2
    assert all(each["found"] for each in basket.told()["some"])
    assert {name for name, _ in basket.skipped()} == {"white.png", "torn.png"}
    take(basket, tmp_path, "torn.png", png(picture(3)), "pictures")
    take(basket, tmp_path, "white.sketch.png", ring(), "pictures")
    assert (settled(basket).count(), basket.skipped()) == (4, [])
    found = {each.name: each for each in basket.pairs()}
    assert all(each.picture.shape == (128, 128, 4) and each.ink.max() > 0.5 for each in found.values())
    known = by_name(basket)["white.png"]
    lines = basket.place("lines", known["key"])
    assert np.abs(1 - np.asarray(Image.open(lines)) / 255 - found["white.png"].ink).max() < 1e-6
    take(basket, tmp_path, "white.sketch.png", png(255 - picture(9)[..., 3]), "pictures")  # drawn anew
    other = {each.name: each for each in basket.pairs()}
    assert np.abs(other["white.png"].ink - found["white.png"].ink).max() > 0.5
    for group, name in (("pictures", "../../laid"), ("lines", "x"), ("other", known["key"])):
        with pytest.raises(StudioError):
            basket.place(group, name)


@pytest.mark.usefixtures("drawn_edges")
def test_words_are_mended_by_hand_and_stay(studio, session, painters, tmp_path):
    basket = painters.basket(session)
    lay(basket, tmp_path, 2)
    key = by_name(basket)["a-green-ball-1.png"]["key"]
    basket.say(key, "  a ball,\nin the grass ")
    other = by_name(basket)["a-green-ball-0.png"]["key"]
    basket.say(other, "")
    take(basket, tmp_path, "words.csv", b"file,caption\na-green-ball-1.png,of the table\n", "pictures")
    take(basket, tmp_path, "a-green-ball-1.png", png(picture(5)), "pictures")  # the same picture, drawn anew
    again = NewPainters(Studio(studio.home)).basket(session)  # it outlives the studio
    assert {name: each["words"] for name, each in by_name(again).items()} == {
        "a-green-ball-0.png": "",
        "a-green-ball-1.png": "a ball, in the grass",
    }
    assert again.told()["worded"] == 1
    assert [each.words for each in again.pairs()] == ["", "a ball, in the grass"]
    for name, words, told in ((key, "w" * 201, "201 characters"), (key, None, "must be text"), ("x", "red", "no file")):
        with pytest.raises(StudioError, match=told):
            again.say(name, words)
    again.drop("pictures", key)
    take(again, tmp_path, "a-green-ball-1.png", png(picture(1)), "pictures")  # it came anew, and with its words
    assert by_name(again)["a-green-ball-1.png"]["words"] == "of the table"


@pytest.mark.usefixtures("drawn_edges")
def test_a_stop_ends_the_finding_of_lines_at_once_and_loses_nothing(session, painters, tmp_path, monkeypatch):
    basket, seen, goes = painters.basket(session), [], threading.Event()
    lay(basket, tmp_path, 6)
    inked = pairing.inked

    def slowly(*said):
        seen.append(said)
        assert goes.wait(30)
        return inked(*said)

    monkeypatch.setattr(pairing, "inked", slowly)
    basket.settle()
    until(lambda: basket.settling() == (0, 6), PATIENCE)
    basket.halt()
    goes.set()
    until(lambda: basket.settling() is None, PATIENCE)
    assert len(seen) == 1  # that which was being looked for, and no more
    assert basket.count() == 6
    basket.resume()
    settled(basket)
    assert len(seen) == 6  # and none is looked for twice
    assert all(each["found"] for each in basket.told()["some"])


def test_more_than_a_few_pairs_are_told_where_more_are_asked_for(session, painters, tmp_path):
    basket = painters.basket(session)
    lay(basket, tmp_path, 27)
    assert [len(basket.told(seen)["some"]) for seen in (0, 26, 99)] == [24, 26, 27]


@pytest.mark.usefixtures("drawn_edges")
def test_a_zip_is_a_folder_of_its_own(session, painters, tmp_path):
    entries = {f"in/ball-{at}.png": png(picture(at)) for at in range(3)}
    rows = b"file,caption\nball-0.png,the first\n"
    data = zipped(tmp_path / "a.zip", entries | {"in/words.csv": rows, "in/ball-1.sketch.png": ring(), "x.txt": b"x"})
    basket = painters.basket(session)
    for name in ("one.zip", "two.zip"):
        take(basket, tmp_path, name, data.read_bytes(), "pictures")
    told = by_name(basket)
    assert len(told) == 6
    assert told["two/in/ball-0.png"]["words"] == "the first"
    assert told["one/in/ball-1.png"]["sketch"]
    assert {name for name, _ in basket.skipped()} == {"one/x.txt", "two/x.txt"}


# ── Teaching ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("drawn_edges", "quick")
def test_a_painter_is_taught_and_paints(studio, session, painters, tmp_path):
    lay(painters.basket(session), tmp_path)
    task = painters.begin(session, ASKED)
    until(lambda: not task.active, PATIENCE)
    assert task.status == "done", task.error
    kept = session.state().kept[task.sha256]
    assert (kept.what, kept.name, kept.about["pairs"]) == ("painter", "mine", 13.0)
    assert not (studio.unfinished(session.id) / "painter").exists()
    assert painters.basket(session).count() == 0
    assert own.look_of(session.files.data(f"sha256:{task.sha256}")).startswith(b"\xff\xd8")
    record = json.loads(watched.recorded(session, task.sha256, RECORD))
    assert record["quality"]["before"].keys() == record["quality"]["after"].keys() == {"l1", "perceptual", "edges_f1"}
    assert record["quality"]["count"] == record["pairs"] == 4
    assert record["said"] == ["a green ball"] * 4
    assert record["frames"][0] == 0
    for member in (f"{record['frames'][-1]}.jpg", "pair-3.png"):
        assert pictures.size_of(watched.recorded(session, task.sha256, member))[0] == 4 * 136
    other = studio.new_session()
    data = session.files.data(f"sha256:{task.sha256}")
    assert own.arrived(studio, other, data, "any.painter.safetensors", "image") == task.sha256
    assert [(each.what, each.name) for each in other.state().kept.values()] == [("painter", "mine")]
    assert [each["name"] for each in painters.bases(session)] == ["", "mine"]


@pytest.mark.usefixtures("drawn_edges", "quick")
def test_what_was_stopped_is_taken_up_by_another_studio(studio, session, painters, tmp_path):
    lay(painters.basket(session), tmp_path)
    task = painters.begin(session, LONG)
    until(lambda: len(task.points) > 0, PATIENCE)
    painters.stop(session)
    until(lambda: not task.active, PATIENCE)
    assert task.status == "stopped"
    for wrong in (lambda: painters.begin(session, ASKED), lambda: painters.open_basket(session)):
        with pytest.raises(StudioError, match="taught already"):
            wrong()
    again = Studio(studio.home)
    later, found = NewPainters(again), again.session(session.id)
    left = later.of(found)
    assert (left.status, left.name, left.count, left.id) == ("stopped", "mine", 13, task.id)
    assert left.step >= task.step > 0  # a step may end without being told
    assert left.steps() == task.steps()
    later.go(found)
    until(lambda: left.step > task.step, PATIENCE)
    assert left.points[0]["step"] == task.points[0]["step"]
    later.discard(found)
    assert later.of(found) is None
    assert not left.folder.exists()
    assert later.basket(found).count() == 13  # to begin again with other settings
    again.close()


@pytest.mark.usefixtures("drawn_edges", "quick")
def test_all_that_was_learned_is_only_kept_after_a_crash(studio, session, painters, tmp_path, monkeypatch):
    lay(painters.basket(session), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(own, "keep_painter", lambda *_, **__: (_ for _ in ()).throw(OSError("gone")))
        task = painters.begin(session, ASKED)
        until(lambda: not task.active, PATIENCE)
    assert task.status == "failed"
    again = Studio(studio.home)
    later, found = NewPainters(again), again.session(session.id)
    left = later.of(found)
    assert left.learned
    assert left.quality == task.quality
    later.go(found)
    until(lambda: not left.active, PATIENCE)
    assert left.status == "done", left.error
    assert found.state().kept[left.sha256].name == "mine"
    again.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": " "}, "no name"),
        ({"settings": {"minutes": 600}}, "too many"),
        ({"settings": {"speed": 3}}, "speed"),
        ({"base": "sha256:" + "0" * 64}, "has no file"),
    ],
)
@pytest.mark.usefixtures("drawn_edges")
def test_what_cannot_be_taught_is_told_at_once(studio, session, painters, tmp_path, change, told):
    lay(painters.basket(session), tmp_path)
    with pytest.raises(UserError, match=told):
        painters.begin(session, ASKED | change)
    assert not (studio.unfinished(session.id) / "painter").exists()
    assert painters.basket(session).count() == 13


@pytest.mark.usefixtures("drawn_edges")
def test_too_few_pairs_are_told(session, painters, tmp_path):
    lay(painters.basket(session), tmp_path, 11)
    with pytest.raises(EngineError, match="11 pairs"):
        painters.begin(session, ASKED)


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_no_painter_is_told_and_nothing_is_kept(studio, session, trained):  # noqa: F811
    store.ensure(["hed-vgg16"])
    data = trained[2].read_bytes()
    wrong = {
        "pickle.painter.safetensors": pickle.dumps({"a": 1}),
        "garbage.painter.safetensors": bytes(100),
        "torn.painter.safetensors": data[:-10],
        "torn.safetensors": data[:-10],
    }
    for name, each in wrong.items():
        with pytest.raises(UserError, match="is no painter"):
            own.arrived(studio, session, each, name, "image")
    for mode in ("style", "text"):
        with pytest.raises(StudioError, match="in image mode"):
            own.arrived(studio, session, data, "mine.safetensors", mode)
    assert not session.events()


@pytest.mark.usefixtures("quick")
def test_one_without_a_picture_of_itself_paints_at_once_while_somebody_draws(studio, session, trained):  # noqa: F811
    sha = own.arrived(studio, session, trained[2].read_bytes(), "mine.painter.safetensors")
    assert session.state().kept[sha].about["bare"] == 1.0
    painted = {}
    for styles in ({"shaded": 1.0}, {f"sha256:{sha}": 1.0}):
        brief = Brief(mode="image", engine="painter", prompt="ball", styles=styles, options={"natural": False}, size=64)
        painted[len(painted)] = easel._live(session, {"brief": brief.to_dict(), "drawing": DRAWING})
    assert painted[0] != painted[1]
    stranger = Brief(mode="image", engine="painter", prompt="ball", styles={"sha256:" + "1" * 64: 1.0})
    with pytest.raises(StudioError, match="not in this session"):
        easel._live(session, {"brief": stranger.to_dict(), "drawing": DRAWING})


def test_a_thumbnail_travels_in_the_file(tmp_path, trained):  # noqa: F811
    making, file = trained[0], tmp_path / "x.painter.safetensors"
    look = pairs.thumbnail(pairs.held_out(making.course).pictures)
    painterfile.write(file, "x", making.averaged, making.encoder, {}, look)
    assert painterfile.read(file.read_bytes(), "x").thumbnail == look
    assert pictures.size_of(look) == (256, 256)


def test_the_studio_ends_well_while_lines_are_found(tmp_path):
    code = """
import pathlib, sys, time
import numpy as np
from studio.pairbasket import PairBasket
basket, chance = PairBasket(pathlib.Path(sys.argv[1]), 100), np.random.default_rng(0)
for at in range(60):
    basket.put(chance.integers(0, 256, (256, 256, 3), np.uint8), f"{at}.png", "pictures", {})
basket.settle()
while (basket.settling() or (1, 1))[0] < 1:
    time.sleep(0.01)
time.sleep(0.1)  # in the middle of a pair
print(basket.settling())
"""
    folder = tmp_path / "laid"
    folder.mkdir()
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "60)" in done.stdout  # it was at it, and did not wait for the rest
    assert len(list((folder / "lines").glob("*.png"))) < 60
