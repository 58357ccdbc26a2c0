"""Rounds of children in a session, and without a browser: judging them moves what is proposed, and briefs name parents by path."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from test_parents import OTHER, breeder, folder  # noqa: F401 - fixtures

from engines import registry, store
from engines.api import Brief
from engines.image import GAN
from engines.image.gan import ganfile
from studio import own
from studio.events import Judgement
from studio.session import Studio


@pytest.fixture
def session(breeder, folder, monkeypatch, tmp_path):  # noqa: F811
    """A session with a GAN of its own."""
    registry.infos()
    monkeypatch.setitem(registry._loaded, "gan", breeder)
    monkeypatch.setattr(store, "present", lambda name: True)
    monkeypatch.setattr(breeder, "models", dict)
    studio = Studio(tmp_path / "studio")
    made = studio.new_session()
    made.gan = f"sha256:{own.arrived(studio, made, (folder / f'own{ganfile.SUFFIX}').read_bytes(), 'own', 'image')}"
    yield made
    studio.close()


def bred(session, seed=1, **more):
    asked = Brief(mode="image", engine="gan", styles={session.gan: 1.0}, size=64, variants=16, seed=seed, **more)
    for _ in session.propose(asked):
        pass
    made = session.state().latest()
    assert made.status == "done", made.error
    return made


def test_judging_children_moves_what_is_proposed(session):
    first = bred(session)
    parents_of = {
        f"{kind}:sha256:{variant.sha256}": 0.5 for variant in first.variants[:2] for kind in ("coarse", "fine")
    }
    second = bred(session, seed=40, weights=parents_of)
    assert len(second.variants) == 16
    assert [each.role for each in second.variants[:6]] == ["yours", "best", "twist", "surprise", "twist", "surprise"]
    low = sorted(range(1, 16), key=lambda at: second.variants[at].knobs["way_1"])
    session.judge(second.number, Judgement(ranking=[*reversed(low)]))
    more = bred(session, seed=60, weights=parents_of).proposals[1].knobs["way_1"]
    session.undo()
    session.undo()
    session.judge(second.number, Judgement(ranking=low))
    less = bred(session, seed=60, weights=parents_of).proposals[1].knobs["way_1"]
    assert more > less


def test_a_file_that_is_no_picture_does_not_begin_a_round(session):
    with pytest.raises(Exception, match="not a picture"):
        bred(session, weights={f"coarse:{session.gan}": 1.0})
    with pytest.raises(Exception, match="not in this session"):
        bred(session, weights={f"coarse:{OTHER}": 1.0})


@pytest.mark.models
def test_a_brief_names_parents_by_path(folder, tmp_path, studio_command):  # noqa: F811
    store.ensure(GAN.models)
    gan = f"own{ganfile.SUFFIX}"
    shutil.copy(folder / gan, tmp_path)
    asked = {"mode": "image", "styles": {gan: 1}, "size": 64, "seed": 3}
    (tmp_path / "first.json").write_text(json.dumps(asked))
    assert studio_command("round", tmp_path / "first.json", "--out", tmp_path / "out")[0] == 0
    for name, role in (("mother", "yours"), ("father", "surprise")):
        shutil.copy(tmp_path / "out" / f"{role}.png", tmp_path / f"{name}.png")
    weights = {"coarse:mother.png": 1, "fine:father.png": 1}
    locks = ["coarse:mother.png", "mutation"]
    (tmp_path / "second.json").write_text(json.dumps({**asked, "weights": weights, "locks": locks, "variants": 16}))
    status, _, err = studio_command("round", tmp_path / "second.json", "--out", tmp_path / "children")
    assert status == 0, err
    report = json.loads((tmp_path / "children" / "round.json").read_text())
    assert len(list((tmp_path / "children").glob("*.png"))) == len(report["variants"]) == 16
    assert all(name.startswith(("coarse:sha256:", "fine:sha256:")) for name in report["brief"]["weights"])
    assert len({np.asarray(Image.open(each)).tobytes() for each in (tmp_path / "children").glob("*.png")}) == 16
    status, _, err = studio_command("round", tmp_path / "second.json", "--out", tmp_path / "again")
    assert status == 0, err
    again = json.loads((tmp_path / "again" / "round.json").read_text())
    assert [each["sha256"] for each in again["variants"]] == [each["sha256"] for each in report["variants"]]
