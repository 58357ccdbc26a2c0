"""GANs of one's own in a session: learned from pictures beside the rounds, brought along as files, bred from, exported."""

from __future__ import annotations

import json
import pickle
import re
import time
import zipfile
from dataclasses import asdict

import pytest
from banks import picture
from test_breeding import file as gan_file  # noqa: F401 - a fixture
from test_gan_training import drawn
from test_gathering import zipped
from test_newstyle import until

from engines import store
from engines.api import Brief, EngineError, UserError
from engines.image.gan import training
from engines.image.gan.events import Finding
from studio import gathering, locales, own, pictures, trainings, watched
from studio.basket import Basket
from studio.events import StudioError
from studio.frompictures import RECORD
from studio.newgan import NewGans
from studio.session import Studio

pytestmark = pytest.mark.models
ASKED = {"name": "discs", "settings": {"steps": 11, "batch": 4, "small": 0.9, "judge": "own"}}
LONG = {**ASKED, "settings": {**ASKED["settings"], "steps": 100_000}}
COLLAPSE = {
    "remedy": "If it lasts, begin again with more {spread}, more {augment}, or another {seed}.",
    "settings": ("spread", "augment", "seed"),
    "values": {"share": 0.12},
}


@pytest.fixture(autouse=True)
def _ready(one_thread, monkeypatch):
    """Sample grids of four, on one thread."""
    store.ensure(["hed-vgg16"])
    monkeypatch.setattr(training, "GRID", 2)


@pytest.fixture
def session(studio):
    return studio.new_session()


@pytest.fixture
def gans(studio):
    return NewGans(studio)


def take(basket, folder, name, data, group=NewGans.group):
    """Lays down a file, as it arrives."""
    place = folder / name
    place.write_bytes(data)
    basket.take(place, len(data), name, group)


def lay(gans, session, folder, count=32):
    """Lays down discs."""
    for at, each in enumerate(drawn(count)):
        name = f"disc-{at}.png"
        take(gans.basket(session), folder, name, pictures.encode_png(each))


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["image", None])
def test_a_gan_file_becomes_one_of_the_session(studio, session, gan_file, mode):  # noqa: F811
    data = gan_file.read_bytes()
    sha = own.arrived(studio, session, data, "anything.gan.safetensors", mode)
    kept = session.state().kept[sha]
    assert (kept.what, kept.name) == ("gan", "toy")
    assert (kept.about["size"], kept.about["network"]) == (64.0, "stylegan2")
    assert kept.about["bare"] == 1.0  # its samples are too small to be shown
    assert own.look_of(data).startswith(b"\xff\xd8")
    assert Studio(studio.home).session(session.id).state().kept[sha] == kept


def test_what_is_no_gan_is_told_and_nothing_is_kept(studio, session, gan_file):  # noqa: F811
    data = gan_file.read_bytes()
    wrong = {
        "pickle.safetensors": (pickle.dumps({"a": 1}), "is a pickle"),
        "garbage.safetensors": (bytes(100), "no GAN's file"),
        "torn.safetensors": (data[:-10], "damaged"),
        "photo.png": (pictures.encode_png(picture(1)), "no GAN's file"),
    }
    for name, (each, said) in wrong.items():
        with pytest.raises(UserError, match=said):
            own.arrived(studio, session, each, name, "image")
    for mode in ("style", "text"):
        with pytest.raises(StudioError, match="in image mode"):
            own.arrived(studio, session, data, "toy.safetensors", mode)
    assert not session.events()


def test_it_is_bred_from_exported_and_replayed(studio, session, gan_file, tmp_path, studio_command):  # noqa: F811
    sha = own.arrived(studio, session, gan_file.read_bytes(), "toy.gan.safetensors", "image")
    list(session.propose(Brief(mode="image", engine="gan", styles={f"sha256:{sha}": 1}, size=64)))
    made = session.state().rounds[0]
    assert made.status == "done", made.error
    own.shelve(session, sha, "others")
    assert session.state().kept[sha].name == "others"
    status, _, err = studio_command("replay", session.export(tmp_path / "session.zip"), "--json")
    assert status == 0, err


# ── Pictures to learn from ───────────────────────────────────────────────────────────────────────────────────────────


def test_pictures_are_laid_down_once_each_and_what_cannot_be_read_is_told(studio, session, gans, tmp_path):
    lay(gans, session, tmp_path)
    basket = gans.basket(session)
    assert basket.count() == 32
    lay(gans, session, tmp_path, 4)  # the same again
    for name, data in (("notes.txt", b"no picture"), ("torn.png", pictures.encode_png(picture(1))[:60])):
        take(basket, tmp_path, name, data)
    assert basket.count() == 32
    assert {name: "not a picture" in str(why) or "damaged" in str(why) for name, why in basket.skipped()} == {
        "notes.txt": True,
        "torn.png": True,
    }
    again = NewGans(Studio(studio.home))  # it outlives the studio
    assert again.basket(session).names() == basket.names()
    name = basket.names()[gans.group][0]
    basket.drop(gans.group, name)
    assert basket.count() == 31
    with pytest.raises(StudioError):
        basket.drop(gans.group, "../../asked")
    basket.clear()
    assert (basket.count(), basket.skipped()) == (0, [])


def test_a_zip_is_read_and_a_bomb_in_it_is_not_unpacked(session, gans, tmp_path, monkeypatch):
    entries = {f"in/{at}.png": pictures.encode_png(each) for at, each in enumerate(drawn(5))}
    bomb = {"big.png": b"\0" * (pictures.MAX_BYTES + 1), "../up.png": entries["in/0.png"], "text.md": b"x"}
    basket = gans.basket(session)
    take(basket, tmp_path, "some.zip", zipped(tmp_path / "a.zip", entries | bomb).read_bytes())
    assert basket.count() == 5
    told = {name: str(why) for name, why in basket.skipped()}
    assert "unpacks to" in told["big.png"]
    assert "climbs" in told["../up.png"]
    assert "text.md" in told
    monkeypatch.setattr(gathering, "MOST_UNPACKED", 2000)
    with pytest.raises(StudioError, match=r"many\.zip would unpack"):
        take(
            basket,
            tmp_path,
            "many.zip",
            zipped(tmp_path / "b.zip", {f"{at}.png": b"\0" * 900 for at in range(3)}).read_bytes(),
        )
    with pytest.raises(StudioError, match=r"torn\.zip is neither"):
        take(basket, tmp_path, "torn.zip", b"PK\x03\x04 torn")
    assert (basket.count(), basket.adding) == (5, None)
    assert not list((basket.folder / ".parts").iterdir()) if (basket.folder / ".parts").exists() else True


def test_no_more_than_may_be_are_laid_down(session, tmp_path):
    basket = Basket(tmp_path / "basket", lambda pixels: pixels, most=3)
    for at, each in enumerate(drawn(5)):
        take(basket, tmp_path, f"{at}.png", pictures.encode_png(each), "all")
    assert basket.count() == 3
    assert [name for name, why in basket.skipped() if "3 pictures already" in str(why)] == ["3.png", "4.png"]


def test_of_a_session_that_is_forgotten_meanwhile_nothing_is_laid_down(studio, session, gans, tmp_path):
    """Whether a zip is being read, or a file arrives, or somebody still has the session in hand."""
    basket, file = gans.basket(session), tmp_path / "many.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for at, each in enumerate(drawn(12)):
            archive.writestr(f"{at}.png", pictures.encode_png(each))
    shape, seen = basket._shape, []

    def forgetting(pixels):
        seen.append(basket.count())
        if len(seen) == 5:
            studio.forget(session.id)
        return shape(pixels)

    basket._shape = forgetting
    with basket.part() as part:
        part.write_bytes(file.read_bytes())
        with pytest.raises(StudioError, match="no session"):
            basket.take(part, part.stat().st_size, "many.zip", gans.group)
    assert seen == [0, 1, 2, 3, 4]
    assert basket.adding is None
    with pytest.raises(StudioError, match="no session"), gans.basket(session).part():
        pass
    assert not studio.unfinished(session.id).exists()


def test_the_sessions_own_pictures_are_laid_down(session, gans):
    for at, each in enumerate(drawn(3)):
        session.upload(pictures.encode_png(each), f"{at}.png")
    gans.take_own(session, gans.group)
    assert gans.basket(session).count() == 3


# ── Learning ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_gan_is_learned_and_becomes_a_file_of_the_session(studio, session, gans, tmp_path):
    lay(gans, session, tmp_path)
    task = gans.begin(session, ASKED)
    until(lambda: not task.active)
    assert task.status == "done", task.error
    kept = session.state().kept[task.sha256]
    assert (kept.what, kept.name, kept.about["steps"]) == ("gan", "discs", 11.0)
    assert kept.about["made"] == 32
    assert not (studio.unfinished(session.id) / "gan").exists()
    assert gans.basket(session).count() == 0
    told = json.loads(json.dumps(task.told()))
    assert told["curve"]["step"] == [5.5]  # ten steps to a point
    record = json.loads(watched.recorded(session, task.sha256, RECORD))
    assert record["frames"][0] == 0
    assert record["quality"]["real"] == 32
    assert record["near"] == sorted(record["near"])
    for step in record["frames"]:
        assert pictures.size_of(watched.recorded(session, task.sha256, f"{step}.jpg")) == (128, 128)
    assert pictures.size_of(watched.recorded(session, task.sha256, "pair-0.png")) == (64, 128)
    with pytest.raises(StudioError):
        watched.recorded(session, task.sha256, "../x")
    brief = Brief(mode="image", engine="gan", styles={f"sha256:{task.sha256}": 1}, size=64)
    list(session.propose(brief))
    assert session.state().rounds[0].status == "done"
    with zipfile.ZipFile(session.export(tmp_path / "session.zip")) as archive:
        assert {name.rpartition("/")[2] for name in archive.namelist()} >= {task.sha256, kept.record}


def test_what_was_stopped_is_taken_up_by_another_studio(studio, session, gans, tmp_path, monkeypatch):
    monkeypatch.setattr(trainings, "HEARD", 60.0)  # however slow the machine is
    lay(gans, session, tmp_path)
    task = gans.begin(session, LONG)
    until(lambda: len(task.points) > 0)
    gans.stop(session)
    assert task.status == "stopped"  # who stops it is answered when it stands still
    for wrong in (lambda: gans.begin(session, ASKED), lambda: gans.open_basket(session)):
        with pytest.raises(StudioError, match="trained already"):
            wrong()
    again = Studio(studio.home)
    later, found = NewGans(again), again.session(session.id)
    left = later.of(found)
    assert (left.status, left.step, left.name, left.count) == ("stopped", task.step, "discs", 32)
    assert (left.points, left.steps(), left.id) == (task.points, task.steps(), task.id)
    later.go(found)
    until(lambda: left.step > task.step)
    later.discard(found)
    assert later.of(found) is None
    assert not left.folder.exists()
    assert later.basket(found).count() == 32  # to begin again with other settings
    assert not found.state().kept
    again.close()


def test_one_begins_from_another_and_takes_its_networks(session, gans, tmp_path):
    lay(gans, session, tmp_path)
    first = gans.begin(session, ASKED)
    until(lambda: not first.active)
    lay(gans, session, tmp_path)
    said = {"name": "more", "settings": {"network": "fastgan", "judge": "vgg", "steps": 2, "batch": 4}}
    task = gans.begin(session, {**said, "base": f"sha256:{first.sha256}"})
    assert (task.settings["network"], task.settings["judge"]) == ("stylegan2", "own")
    until(lambda: not task.active)
    assert task.status == "done", task.error
    assert [each["name"] for each in gans.bases(session)] == ["", "discs", "more"]


def test_stop_is_heard_while_it_is_measured_and_nothing_is_learned_twice(studio, session, gans, tmp_path, monkeypatch):
    lay(gans, session, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("engines.image.gan.measures.quality", lambda *_: gans.stop(session) or time.sleep(0.1))
        task = gans.begin(session, ASKED)
        until(lambda: not task.active)
    assert task.status == "stopped"
    assert task.whole
    again = Studio(studio.home)
    later, found = NewGans(again), again.session(session.id)
    left = later.of(found)
    assert (left.step, len(left.points)) == (task.step, len(task.points)) == (11, 1)
    later.go(found)
    until(lambda: not left.active)
    assert (left.status, left.step) == ("done", 11)
    again.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "  "}, "no name"),
        ({"settings": {"minutes": 600}}, "too many"),
        ({"settings": {"size": "100"}}, "size"),
        ({"settings": {"speed": 3}}, "speed"),
        ({"settings": [1]}, "JSON object"),
        ({"base": "sha256:" + "0" * 64}, "has no file"),
    ],
)
def test_what_cannot_be_learned_is_told_at_once(studio, session, gans, tmp_path, change, told):
    lay(gans, session, tmp_path)
    with pytest.raises(UserError, match=told):
        gans.begin(session, ASKED | change)
    assert gans.of(session) is None
    assert not (studio.unfinished(session.id) / "gan").exists()
    assert gans.basket(session).count() == 32


def test_too_few_pictures_are_told(session, gans, tmp_path):
    lay(gans, session, tmp_path, 29)
    with pytest.raises(EngineError, match="29 different pictures"):
        gans.begin(session, ASKED)


def test_a_warning_names_the_pages_own_controls():
    found = Finding("The samples collapse: they differ {share:.0%} as much as your pictures do.", **COLLAPSE)
    told = {
        language: watched.warned({**asdict(found), "step": 5}, locales.table(language)) for language in ("en", "zh")
    }
    assert "--" not in told["en"]["said"]
    assert "12%" in told["en"]["said"]
    assert not re.search(r"[A-Za-z]{3,} [A-Za-z]{3,}", told["zh"]["said"]), told["zh"]["said"]
    assert "--augment" in str(found)


def test_a_session_that_is_forgotten_leaves_nothing_behind(studio, session, gans, tmp_path):
    lay(gans, session, tmp_path)
    task = gans.begin(session, LONG)
    until(lambda: task.step > 0)
    studio.forget(session.id)
    assert not task.active
    assert not studio.unfinished(session.id).exists()
