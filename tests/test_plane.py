"""Sheets: a plane of settings around where the artist stands, what a pick from it teaches, and how the page comes by it."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_steering import BRIEF, INFO, Options, Play, play, value

from engines import registry
from engines.api import Brief, Done, Result, Started
from studio import locales, render, sheets, teaching, web
from studio.bench import gallery
from studio.events import Level, Sheeted, StudioError
from studio.session import Studio
from studio.state import fold
from studio.steering import Evidence, Plane, evidence, levels
from studio.steering.plane import LEVELS, SIDE
from studio.view import next_brief

MIDDLE = SIDE**2 // 2
QUICK = replace(INFO, name="quick", options=Options)


class Quick:
    """An engine whose previews are plain, each in a grey of its own."""

    info = QUICK

    def models(self):
        return {}

    def run(self, brief, settings, pictures, cancelled):
        yield Started(len(settings), "cpu", "uint8")
        for index, setting in enumerate(settings):
            yield Result(index, setting.knobs, setting.seed, 0.0, pixels=np.full((16, 16, 3), 9 * index, np.uint8))
        yield Done(0.0, 0.0)

    def preview(self, brief, settings, pictures, size):
        return [np.full((size, size, 3), int(200 * float(each.knobs["strength"])), np.uint8) for each in settings]


@pytest.fixture
def session(home, monkeypatch):
    """A session with one finished round of an engine that previews."""
    monkeypatch.setattr(sheets, "_speeds", {})
    registry.register(QUICK, Quick)
    studio = Studio()
    made = studio.new_session()
    made.propose(replace(BRIEF, engine="quick")).wait(20)
    yield made
    studio.close()
    registry._factories.pop("quick")
    registry._loaded.pop("quick", None)


def of(known=None, brief=BRIEF, info=INFO):
    return Plane.of(info, brief, known or Evidence())


def encoded(cells, brief=BRIEF):
    return np.array([INFO.space(brief).encode(cell) for cell in cells])


# ── The plane ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rounds", [0, 4])
def test_the_middle_is_where_one_stands_and_every_cell_is_allowed(rounds):
    known = play(lambda knobs: value(knobs, "strength"), rounds=rounds).evidence() if rounds else None
    space, picks = INFO.space(BRIEF), [3, 20]
    found = levels(space, of(known), picks)
    assert len(found) == LEVELS
    assert all(len(level) == SIDE**2 for level in found)
    assert np.allclose(encoded(found[0])[MIDDLE], space.encode(space.yours))
    for level, pick, following in zip(found, picks, found[1:], strict=False):
        assert np.allclose(encoded(following)[MIDDLE], encoded(level)[pick], atol=1e-9)
    for level in found:
        points = encoded(level)
        assert np.allclose(points, space.project(points))
        for cell in level:
            INFO.check(BRIEF.apply(cell))


def test_each_level_is_half_as_wide_and_in_the_same_plane():
    plane = of()
    for pick in (0, 7):
        closer = plane.closer(pick)
        assert np.allclose(closer.axes * 2, plane.axes)
        assert np.allclose(closer.middle, plane.cells()[pick])
        plane = closer


def test_what_is_locked_never_moves():
    brief = replace(BRIEF, locks=("strength", "style:ink"), styles={"ink": 0.2, "oil": 0.3, "clay": 0.5})
    for level in levels(INFO.space(brief), of(brief=brief), [0, 24]):
        assert {cell["strength"] for cell in level} == {0.5}
        assert {cell["style:ink"] for cell in level} == {0.2}


def test_the_same_events_give_the_same_sheet_and_more_lies_right_and_down():
    known = play(lambda knobs: value(knobs, "strength"), rounds=3).evidence()
    assert np.array_equal(of(known).cells(), of(known).cells())
    for axis in of(known).axes:
        assert axis[np.abs(axis).argmax()] > 0


def test_an_axis_leads_to_what_was_liked():
    known = play(lambda knobs: value(knobs, "strength"), rounds=5).evidence()
    brief = replace(BRIEF, options={"strength": 0.2})
    ends = encoded(levels(INFO.space(brief), of(known, brief), [])[0], brief)
    at = [knob.name for knob in INFO.space(brief).knobs].index("strength")
    assert ends[:, at].max() > 0.6


def test_at_steering_0_nothing_that_was_learned_turns_the_plane():
    known = play(lambda knobs: value(knobs, "strength"), rounds=3).evidence()
    brief = replace(BRIEF, steering=0.0)
    assert np.array_equal(of(known, brief).cells(), of(None, brief).cells())


def test_a_pick_from_a_sheet_teaches():
    game = Play()
    game.show()
    for _ in range(3):
        brief = next_brief(fold(game.events)) or BRIEF
        plane, picks = Plane.of(INFO, brief, game.evidence()), []
        while len(picks) < LEVELS:
            cells = levels(INFO.space(brief), plane, picks)[-1]
            picks.append(int(np.argmax([value(cell, "strength") for cell in cells])))
        cells = levels(INFO.space(brief), plane, picks)
        game.add(Sheeted(brief=brief, levels=[Level(cells=c, pick=p) for c, p in zip(cells, picks, strict=True)]))
    assert float(next_brief(fold(game.events)).options["strength"]) > 0.8
    known = evidence(fold(game.events), {INFO.name: INFO})
    assert known.statements
    assert all(said.better != said.worse for said in known.statements)


# ── A session's sheet ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pick_becomes_the_next_yours_and_undo_takes_it_back(session):
    before, after = session.view()["next"], max(session.events())
    brief, cells = teaching.sheet(session, after, [4, 8])
    teaching.explore(session, after, [4, 8, 15])
    view = session.view()
    assert view["sheet"]["picked"]
    assert Brief.from_dict(view["next"]) == brief.apply(cells[2][15])
    assert view["undo"]["kind"] == "sheeted"
    session.undo()
    assert session.view()["next"] == before
    assert not session.view()["sheet"]["picked"]


def test_picking_early_is_enough_and_picking_nothing_is_not(session):
    after = max(session.events())
    teaching.explore(session, after, [3])
    assert len(session.events()[max(session.events())].levels) == 1
    with pytest.raises(StudioError, match="Nothing was picked"):
        teaching.explore(session, after, [])


def test_an_old_sheet_stays_as_it_was_while_the_session_goes_on(session):
    after = max(session.events())
    before = teaching.sheet(session, after, [1])
    teaching.explore(session, after, [2, 3, 4])
    assert teaching.sheet(session, after, [1]) == before
    assert teaching.sheet(session, max(session.events()), [1]) != before


def test_a_sheet_is_of_what_the_form_says_with_its_locks(session):
    asked = replace(BRIEF, engine="quick", options={"strength": 0.3}, locks=("strength",))
    brief, (cells,) = teaching.sheet(session, max(session.events()), [], asked)
    assert brief.locks == ("strength",)
    assert {cell["strength"] for cell in cells} == {0.3}
    with pytest.raises(StudioError, match="not in this session"):
        teaching.sheet(session, 99, [], replace(asked, content="sha256:" + "a" * 64))


def test_a_sheet_is_offered_where_previews_were_measured_to_be_quick(session, monkeypatch):
    assert session.view()["sheet"]["offered"]
    assert sheets._speeds["quick"] < sheets.QUICK
    monkeypatch.setattr(sheets, "_speeds", {"quick": 200.0})
    found = session.view()["sheet"]
    assert not found["offered"]
    assert "200 ms" in found["why"]
    with pytest.raises(StudioError, match="200 ms"):
        teaching.small(session, max(session.events()), [])


def test_nothing_is_offered_before_a_round_or_without_two_knobs_or_without_previews(session, home, monkeypatch):
    assert "round first" in session._studio.new_session().view()["sheet"]["why"]
    locks = ("strength", "warmth", "style:ink", "style:oil")
    one = session._studio.new_session()
    one.propose(replace(BRIEF, engine="quick", locks=locks[1:])).wait(20)
    assert "two knobs" in one.view()["sheet"]["why"]
    monkeypatch.delattr(Quick, "preview")
    monkeypatch.setattr(sheets, "_speeds", {})
    assert "no quick previews" in session.view()["sheet"]["why"]


def test_an_engine_is_measured_once(session, monkeypatch):
    session.view()
    monkeypatch.setattr(sheets, "paint", lambda *_: pytest.fail("measured twice"))
    assert session.view()["sheet"]["offered"]


# ── In words and over the web ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_level_in_words(session, language):
    cells, painted = teaching.small(session, max(session.events()), [4])
    scene = render.Scene(session.id, locales.table(language), registry.infos())
    found = render.plane(scene, cells, painted, [4])
    assert found["level"] == 1
    assert found["middle"] == MIDDLE
    assert all(each["facts"] for each in found["cells"])
    image = Image.open(io.BytesIO(base64.b64decode(found["cells"][0]["src"].partition(",")[2])))
    assert image.size == (sheets.CELL, sheets.CELL)
    assert all(found["axes"].values())
    assert found["axes"]["left"] != found["axes"]["right"]


def test_an_axis_names_what_changes_most():
    scene = render.Scene("s", locales.table("en"), {})
    before = {"style:starry-oil": 0.2, "style:woodcut": 0.8, "strength": 0.5}
    after = {"style:starry-oil": 0.6, "style:woodcut": 0.4, "strength": 0.55}
    from studio.render.plane import change

    assert change(scene, before, after) == "more starry oil, less woodcut"
    assert change(scene, before, before | {"strength": 0.9}) == "more strength"
    assert change(scene, before | {"strength": 0.9}, before) == "less strength"
    assert change(scene, before, before) == ""


def test_the_route_answers_with_pictures_or_with_what_is_wrong(session):
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    client = TestClient(Starlette(routes=web.routes(session._studio)))
    after, path = max(session.events()), f"/duet/{session.id}/plane"
    found = client.post(path, json={"after": after, "picks": [7]}).json()
    assert len(found["cells"]) == SIDE**2
    assert found["level"] == 1
    assert max(session.events()) == after
    for said in ({"after": after, "picks": [25]}, {"after": after, "picks": ["x"]}, {"after": None}, [], {"brief": 5}):
        answer = client.post(path, content=json.dumps(said))
        assert (answer.status_code, bool(answer.json()["error"])) == (400, True), said
    assert client.post(path, content=b"{").status_code == 400
    assert client.post("/duet/nobody/plane", json={}).status_code == 400


# ── The bench ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_bench_counts_sheets_until_nine_tenths_are_gained():
    assert gallery.needed([1.0, 0.5, 0.05]) == 2
    assert gallery.needed([1.0, 0.5, 0.3]) == 3
    found = gallery.regrets(5, rounds=2)
    assert found == gallery.regrets(5, rounds=2)
    assert found[-1] < found[0]


def test_the_bench_plays_no_episode_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "ROUNDS", 1)
    file = tmp_path / "bench" / "sheets.jsonl"
    first = gallery.visits(file, 2)
    monkeypatch.setattr(gallery, "ProcessPoolExecutor", lambda *_: pytest.fail("played twice"))
    with file.open("a") as out:
        out.write('{"key": "cut')
    assert gallery.visits(file, 2) == first
