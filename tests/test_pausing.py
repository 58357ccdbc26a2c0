"""A picture by optimisation that is stopped goes on from there: the same steps, nearly the same picture, whatever became of the file."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from test_gatys import CONTENT, OWN
from test_style import picture

from engines import registry
from engines.api import Brief, Cancelled, Done, Losses, Progress, Result, Setting
from engines.style import GATYS, pausing
from engines.style.canvas import Stage
from engines.style.gatys import Gatys
from studio import pictures, rounds
from studio.large import Larger
from studio.session import Studio

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE, STEPS = 160, 12  # 96, 124 and 160 pixels


class Files(SimpleNamespace):
    """Stored files, with a folder for what is unfinished."""

    def __call__(self, ref):
        return {CONTENT: picture(1, 90, 120), OWN: picture(2, 64, 64)}[ref]


@pytest.fixture
def files(tmp_path):
    place = tmp_path / "unfinished"
    place.mkdir()
    return Files(unfinished=place)


def painted(eyes, files, stop_after=None, **options):
    """The events of a new engine, stopped after so many steps of this sitting."""
    options = {"start": "content", "steps": STEPS, **options}
    brief = registry.check(Brief(engine="gatys", content=CONTENT, styles={OWN: 1}, size=SIZE, options=options))
    heard = []

    def cancelled():
        return stop_after is not None and len(steps(heard)) >= stop_after

    for event in Gatys(eyes).run(brief, [Setting(GATYS.space(brief).yours, 5)], files, cancelled):
        heard.append(event)
    return heard


def steps(events):
    return [each.step for each in events if isinstance(each, Losses)]


def loss(events):
    return sum([each for each in events if isinstance(each, Losses)][-1].values.values())


def result(events):
    (found,) = (each for each in events if isinstance(each, Result))
    return found


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_it_goes_on_where_it_was_stopped(eyes, files, optimizer, share):
    whole = painted(eyes, Files(unfinished=None), optimizer=optimizer)
    total = len(steps(whole))
    first = painted(eyes, files, stop_after=round(share * total), optimizer=optimizer)
    assert isinstance(first[-1], Cancelled)
    assert result(first).unfinished
    second = painted(eyes, files, optimizer=optimizer)
    assert isinstance(second[-1], Done)
    assert steps(first) + steps(second) == list(range(1, total + 1))
    assert loss(second) < 1.1 * loss(whole)
    assert np.abs(result(second).pixels.astype(float) - result(whole).pixels).mean() < 6
    told = [each.done for each in second if isinstance(each, Progress) and each.message != "Looking at the picture"]
    assert told == sorted(told)
    assert steps(first)[-1] == 1 or told[-1] == pytest.approx(1)


def test_in_many_sittings_too(eyes, files):
    total, heard = len(steps(painted(eyes, Files(unfinished=None)))), []
    while not heard or not isinstance(heard[-1], Done):
        heard += painted(eyes, files, stop_after=7)
    assert steps(heard) == list(range(1, total + 1))


def test_a_killed_studio_loses_little(eyes, files, monkeypatch):
    """What is on disk on the way suffices: nobody says stop."""
    monkeypatch.setattr(pausing, "EVERY", 0.0)
    monkeypatch.setattr(pausing, "SHARE", 0)
    options = {"start": "content", "steps": STEPS}
    brief = registry.check(Brief(engine="gatys", content=CONTENT, styles={OWN: 1}, size=SIZE, options=options))
    way = Gatys(eyes).run(brief, [Setting(GATYS.space(brief).yours, 5)], files, lambda: False)
    killed = [event for event in way if not (isinstance(event, Losses) and event.step == 20 and way.close())]
    again = painted(eyes, files)
    assert steps(killed)[-1] == 20
    assert steps(again)[0] == 21


def test_another_wish_begins_anew_and_damage_is_no_obstacle(eyes, files):
    painted(eyes, files, stop_after=20)
    (kept,) = files.unfinished.glob("*.unfinished")
    assert steps(painted(eyes, files, stop_after=3, balance=0.5))[0] == 1
    for damaged in (kept.read_bytes()[: kept.stat().st_size // 2], b"nothing"):
        kept.write_bytes(damaged)
        assert steps(painted(eyes, files, stop_after=3))[0] == 1
    files.unfinished.rename(files.unfinished.with_name("gone"))
    assert isinstance(painted(eyes, files)[-1], Done)  # without its folder, too


# ── In the studio ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def gatys(eyes, monkeypatch):
    """The engine with small eyes, known to the studio; the list counts the steps of all sittings."""
    info, counted, step = replace(GATYS, models=()), [], Stage.step
    monkeypatch.setitem(registry.infos() and registry._factories, "gatys", (info, Gatys))
    monkeypatch.setitem(registry._loaded, "gatys", Gatys(eyes))
    monkeypatch.setattr(rounds, "fetched", lambda models, cancelled: iter(()))

    def counting(stage, check):
        values = step(stage, check)
        counted.append(stage.taken)
        return values

    monkeypatch.setattr(Stage, "step", counting)
    return counted


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def asked(session):
    content, style = (
        session.upload(pictures.encode_png(each), "picture.png") for each in (picture(1, 90, 120), picture(2, 64, 64))
    )
    options = {"start": "content", "steps": 40}
    return Brief(engine="gatys", content=content, styles={style: 1}, size=64, variants=1, options=options, seed=3)


def finished(larger, session, counted):
    """Paints the first variant large, and returns its pixels and steps."""
    before = len(counted)
    larger.begin(session, 0, 0, 200)
    until(lambda: larger.told(session)[0]["status"] == "done")
    return pictures.to_pixels(session.blob(larger.told(session)[0]["sha256"]).read_bytes()), len(counted) - before


def test_finishing_one_large_goes_on_after_a_restart(home, gatys):
    studio = Studio(home)
    session = studio.new_session()
    list(session.propose(asked(session)))
    larger = Larger(studio)
    before = len(gatys)
    larger.begin(session, 0, 0, 200)
    until(lambda: larger.told(session)[0]["done"] > 0.5)
    studio.close()
    assert larger.told(session)[0]["status"] == "stopped"
    behind = len(gatys) - before

    later = Studio(home)
    try:
        there, again = later.session(session.id), Larger(later)
        (told,) = again.told(there)
        assert told["status"] == "stopped"
        assert told["done"] > 0.5
        folders = list(later.unfinished(session.id).iterdir())
        assert [each.name for each in folders] == ["large-0-0-200"]
        pixels, ahead = finished(again, there, gatys)
        assert not folders[0].exists()

        other = later.new_session()
        list(other.propose(asked(other)))
        whole, total = finished(Larger(later), other, gatys)
        assert behind + ahead == total
        assert ahead < 0.7 * total
        assert np.abs(pixels.astype(float) - whole).mean() < 6
    finally:
        later.close()


def test_nothing_is_left_of_a_wish_that_is_forgotten(studio, gatys):
    session, larger = studio.new_session(), Larger(studio)
    list(session.propose(asked(session)))
    larger.begin(session, 0, 0, 200)
    until(lambda: larger.told(session)[0]["done"] > 0.3)
    assert studio.unfinished(session.id).is_dir()
    studio.forget(session.id)
    assert not studio.unfinished(session.id).exists()
