"""GANs of one's own in a session: learned from pictures beside the rounds, brought along as files, bred from, exported."""

from __future__ import annotations

import pickle

import pytest
from banks import picture
from test_breeding import file as gan_file  # noqa: F401 - a fixture

from engines import store
from engines.api import Brief, UserError
from studio import own, pictures
from studio.events import StudioError
from studio.session import Studio

pytestmark = pytest.mark.models


@pytest.fixture(autouse=True)
def _ready(one_thread):
    store.ensure(["hed-vgg16"])


@pytest.fixture
def session(studio):
    return studio.new_session()


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
