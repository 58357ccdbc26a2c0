"""Values for the panels, from a real session with an engine that paints colours. No browser, no Gradio."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from engines import fake, registry
from engines.api import Brief, Losses, Preview, Progress, Started
from studio import locales, render
from studio.desk import Queued
from studio.events import Judgement, Made
from studio.render.brief import written_by
from studio.render.recall import said_in_words, sentence, standing
from studio.render.round import facts
from studio.render.taste import rows
from studio.rounds import Fetching
from studio.session import Studio

BRIEF = Brief(mode="style", engine="fake", styles={"ember": 0.7, "tide": 0.3}, size=64, seed=5)


@pytest.fixture
def studio(tmp_path):
    fake.use()
    made = Studio(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def session(studio):
    found = studio.new_session()
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "PNG")
    content = found.upload(out.getvalue(), "my photo.png")
    list(found.propose(Brief.from_dict({**BRIEF.to_dict(), "content": content})))
    return found


@pytest.fixture(params=["en", "zh"])
def scene(request, studio, session):
    names = {f"sha256:{sha}": kept.name for sha, kept in session.state().pictures.items()}
    return render.Scene(session.id, locales.table(request.param, names), studio.engines, len(session.events()))


def panels(scene, session, looking=0):
    view = session.view()
    past = next(each for each in view["rounds"] if each["round"] == looking)
    return {
        "header": render.header(scene, ("style",)),
        "brief": render.brief(scene, view, ["still-life"], ["ink-wash"], {}),
        "round": render.round_panel(scene, view, past),
        "learned": render.learned(scene, view),
        "history": render.history(scene, view),
        "notice": render.notice(scene),
    }


def test_every_panel_is_json_and_names_its_session(scene, session):
    for name, value in panels(scene, session).items():
        assert json.loads(json.dumps(value, allow_nan=False)) == value, name
        assert value["session"] == session.id
        assert value["language"] == scene.text.language


def test_a_round_has_four_tiles_with_role_reason_and_addresses(scene, session):
    value = panels(scene, session)["round"]
    assert [tile["role"] for tile in value["tiles"]] == ["yours", "best", "twist", "surprise"]
    assert len({tile["shape"] for tile in value["tiles"]}) == 4
    assert all(tile["reason"] and tile["src"].startswith(f"duet/{session.id}/") for tile in value["tiles"])
    assert value["aspect"] == pytest.approx(4 / 3, abs=1e-3)
    assert not value["busy"]
    assert value["progress"] is None


def test_the_mix_is_told_heaviest_first(scene, session):
    yours = panels(scene, session)["round"]["tiles"][0]
    assert yours["facts"][0] == f"{scene.text.style('ember')} 70 %"
    assert yours["facts"][1] == f"{scene.text.style('tide')} 30 %"


def test_a_style_that_is_brushed_is_told_so(scene):
    said = facts(scene, {"style:ember": 0.7, "style:tide": 0.3, "strength": 0.5}, {"style:ember": "sha256:" + "0" * 64})
    assert said[0] == scene.text("brushed", style=f"{scene.text.style('ember')} 70 %")
    assert said[1] == f"{scene.text.style('tide')} 30 %"


def test_judgements_are_on_the_tiles_at_once(scene, session):
    session.judge(0, Judgement(like=[1], dislike=[3]))
    session.judge(0, Judgement(pick=2))
    tiles = panels(scene, session)["round"]["tiles"]
    assert [tile["like"] for tile in tiles] == [False, True, False, False]
    assert [tile["dislike"] for tile in tiles] == [False, False, False, True]
    assert [tile["picked"] for tile in tiles] == [False, False, True, False]
    session.judge(0, Judgement(ranking=[3, 0]))
    assert [tile["rank"] for tile in panels(scene, session)["round"]["tiles"]] == [1, None, None, 0]


def test_the_hint_follows_what_was_said(scene, session):
    hints = [panels(scene, session)["round"]["hint"]]
    for said in (Judgement(like=[0]), Judgement(pick=1), Judgement(none=True)):
        session.judge(0, said)
        hints.append(panels(scene, session)["round"]["hint"])
    assert len(set(hints)) == 4


def test_learned_is_empty_until_something_was_said(scene, session):
    value = panels(scene, session)["learned"]
    assert value["rows"] == []
    assert value["sentence"] == ""
    session.judge(0, Judgement(ranking=[2, 0, 1, 3]))
    value = panels(scene, session)["learned"]
    assert value["sentence"]
    assert {row["name"] for row in value["rows"]} >= {"strength", "grain", "style:ember"}
    assert all(0 <= row["at"] <= 1 and 0 <= row["confidence"] <= 1 and 0 <= row["weight"] <= 1 for row in value["rows"])
    assert [row["weight"] for row in value["rows"]] == sorted((row["weight"] for row in value["rows"]), reverse=True)
    assert len(value["said"]) == 1


def test_a_later_ranking_replaces_an_earlier_one_in_the_list():
    said = {
        1: {"ranking": [0]},
        2: {"like": [1]},
        3: {"ranking": [0, 1]},
        4: {"like": [2]},
        5: {"pick": 0},
        6: {"pick": 1},
    }
    found = standing(said)
    assert [numbers for numbers, _ in found] == [[6, 5], [4], [3, 1], [2]]


def test_the_sentence_names_what_matters_most(scene):
    rows = [
        row("strength", value=0.1, weight=0.6),
        row("style:ember", value=0.9, weight=1.0),
        row("grain", value=0.1, weight=0.1),
    ]
    told = sentence(scene, rows)
    assert scene.text.style("ember") in told
    assert scene.text.spoken("strength") in told
    assert scene.text.spoken("grain") not in told
    assert told.index(scene.text.style("ember")) < told.index(
        scene.text.spoken("strength")
    )  # more of this, less of that


def row(name, value=0.5, weight=1.0, **more):
    """What steering says of one control; set to the middle and known well, where nothing else is said."""
    known = {"name": name, "value": value, "range": [value - 0.1, value + 0.1], "low": 0.0, "high": 1.0, "set": 0.5}
    curve = {"curve": [-0.5, 0.5], "band": [0.1, 0.1], "confidence": 0.8, "said": None, "judgements": [3]}
    return {**known, **curve, "weight": weight, **more}


def test_the_sentence_claims_nothing_that_is_only_guessed_or_set_already(scene):
    guessed = sentence(scene, [row("strength", value=0.9, confidence=0.2)])
    assert guessed == scene.text("believe_nothing") == sentence(scene, [row("grain", 0.9, range=[0.3, 1.0])])
    assert sentence(scene, [row("strength", value=0.53)]) == scene.text("believe_near")


def test_what_is_unsure_is_told_as_a_range_and_what_was_said_as_a_value(scene):
    def shown(**more):
        (found,) = rows(scene, {"knobs": [row("strength", value=0.6, **more)]})
        return found["shown"], found["vague"]

    assert shown() == ("0.60", False)
    assert shown(confidence=0.1, range=[0.2, 0.7]) == ("0.20 – 0.70", True)
    assert shown(confidence=0.1, range=[0.0, 0.95]) == (scene.text("anywhere"), True)
    assert shown(confidence=0.1, range=[0.0, 0.95], said=7) == ("0.60", False)


def test_charts_share_one_scale_and_the_rest_waits(scene):
    many = [row(f"knob {at}", weight=1 - at / 10, judgements=[at]) for at in range(6)]
    many[5]["said"] = 9
    many[0]["curve"], many[1]["band"] = [-1.0, 2.0], [0.1, 0.4]
    found = rows(scene, {"knobs": many[::-1]})
    assert [each["weight"] for each in found] == sorted((each["weight"] for each in found), reverse=True)
    ends = [m + way * s for each in found for m, s in zip(each["curve"], each["band"], strict=True) for way in (-1, 1)]
    assert (min(ends), max(ends)) == pytest.approx((0, 1), abs=0.002)
    assert [each["quiet"] for each in found] == [
        False,
        False,
        False,
        False,
        True,
        False,
    ]  # what was said is never hidden
    assert found[5]["events"] == [5, 9]


def test_judgements_are_told_as_the_artist_would(scene):
    words = said_in_words(scene, 2, {"ranking": [2, [0, 3], 1], "note": "{no} <b>template</b>"})
    assert "3 › 1, 4 › 2" in words
    assert "{no} <b>template</b>" in words


def test_history_shows_branches(scene, session):
    session.judge(0, Judgement(pick=1))
    list(session.propose(Brief.from_dict(session.view()["next"])))
    session.branch(0, 2)
    list(session.propose(Brief.from_dict(session.view()["next"])))
    rounds = panels(scene, session, 2)["history"]["rounds"]
    assert [each["parent"] for each in rounds] == [None, 0, 0]
    assert all(each["src"] for each in rounds)


def test_waiting_tells_what_how_far_and_how_long(scene):
    waiting = render.Waiting(4)
    waiting.hear(Queued(2))
    assert "2" in waiting.value(scene)["message"]
    waiting.hear(Started(4, "cpu", "float32"))
    waiting.hear(Progress(0.5, "Painting"))
    waiting.elapsed = 10.0
    told = waiting.value(scene)
    assert told["message"] == scene.text.template("Painting")
    assert told["done"] == 0.5
    assert "10" in told["left"]


def test_what_is_slow_tells_sooner_how_long_it_takes(scene):
    waiting = render.Waiting(4)
    waiting.hear(Started(4, "cpu", "float32"))
    waiting.hear(Progress(0.05, "Painting"))
    waiting.elapsed = 2.0
    assert waiting.value(scene)["left"] is None  # too little to tell
    waiting.elapsed = 10.0
    assert waiting.value(scene)["left"] == scene.text.left(190)


def test_previews_come_before_results_and_go_with_them(scene, session):
    waiting = render.Waiting(4)
    waiting.hear(Preview(1, np.zeros((8, 8, 3), np.uint8)))
    view = session.view()
    past = {**view["rounds"][0], "status": "running", "variants": view["rounds"][0]["variants"][:1]}
    value = render.round_panel(scene, view, past, waiting)
    assert [bool(tile["src"]) for tile in value["tiles"]] == [True, False, False, False]
    assert value["tiles"][1]["preview"].startswith("data:image/jpeg;base64,")
    assert value["progress"]["total"] == 4
    waiting.hear(Made(round=0, variant=session.state().rounds[0].variants[1]))
    assert waiting.previews == {}
    assert waiting.finished == 1


def test_losses_are_told_while_a_variant_is_made(scene, session):
    waiting = render.Waiting(4)
    for step in range(1, 301):
        waiting.hear(
            Losses(1, step, 128, {"content:relu4_1": 0.5 / step, "style:relu1_1": 2.0 / step, "smoothness": 0.1})
        )
    view = session.view()
    past = {**view["rounds"][0], "status": "running", "variants": view["rounds"][0]["variants"][:1]}
    value = render.round_panel(scene, view, past, waiting)
    assert [bool(tile["curves"]) for tile in value["tiles"]] == [False, True, False, False]
    told = value["tiles"][1]["curves"]
    assert told["steps"][0] == 1
    assert told["steps"][-1] == 300
    assert len(told["steps"]) <= 81
    assert [part["kind"] for part in told["parts"]] == ["content", "style", "smoothness"]
    assert all(len(part["values"]) == len(told["steps"]) for part in told["parts"])
    assert told["parts"][1]["values"][-1] == 2.0 / 300
    assert "300" in told["title"]
    assert render.advanced(scene, value, waiting)["tiles"][1]["curves"] == told
    waiting.hear(Made(round=0, variant=session.state().rounds[0].variants[1]))
    assert waiting.losses == {}


def test_rounds_that_did_not_end_well_say_so(scene, session):
    view = session.view()
    error = {"template": "{name} is empty. Choose another file. Your brief is unchanged.", "values": {"name": "x"}}
    told = [
        render.round_panel(scene, view, {**view["rounds"][0], **change})["problem"]
        for change in (
            {"status": "failed", "error_words": error},
            {"status": "cancelled"},
            {"status": "interrupted"},
            {"status": "done"},
        )
    ]
    assert all(told[:3])
    assert len(set(told)) == 4
    assert told[3] == ""


def test_sliders_derive_from_the_options(scene, session):
    value = panels(scene, session)["brief"]
    by_name = {each["name"]: each for each in value["engines"]}
    assert [option["name"] for option in by_name["style-bank"]["options"]] == ["strength", "preserve_color"]
    strength = by_name["style-bank"]["options"][0]
    assert (strength["low"], strength["high"], strength["step"], strength["value"]) == (0, 1, 0.01, 0.8)
    assert len(by_name["style-bank"]["styles"]) == 26
    assert len(by_name["style-codes"]["styles"]) == 15
    assert value["common"]["size"]["high"] == 2048


def test_an_engine_that_somebody_added_is_drawn_with_its_own_names(scene, session, add_engine):
    add_engine()
    fresh = render.Scene(scene.session, scene.text, registry.infos())
    value = render.brief(fresh, session.view(), ["still-life", "my-dog"], [], {})
    added = {each["name"]: each for each in value["engines"]}["screen-print"]
    assert added["label"] == "Screen print"
    assert [style["label"] for style in added["styles"]] == ["riso blue", "riso red"]
    assert value["examples"][1]["label"] == "My dog"
    kinds = {option["name"]: option["kind"] for option in added["options"]}
    assert kinds == {"contrast": "range", "inks": "range", "paper": "choice", "frame": "switch", "motto": "text"}
    assert json.loads(json.dumps(value, allow_nan=False)) == value


def test_without_rounds_the_page_says_how_to_begin(scene, studio):
    value = render.round_panel(scene, None, None)
    assert value["tiles"] == []
    assert value["hint"]


def test_a_model_on_its_way_is_told_with_how_far_and_why(scene):
    waiting = render.Waiting(4, elapsed=30.0)
    waiting.hear(Fetching(0.5, "SmolLM2", title="SmolLM2 135M Instruct", size=93_000_000))
    told = waiting.value(scene)
    assert scene.text.template("SmolLM2 135M Instruct") in told["fetching"]["title"]
    assert "46" in told["fetching"]["far"]
    assert told["fetching"]["why"]
    assert told["left"] is None  # how long a fetch takes says nothing of the round
    waiting.hear(Fetching(1.0, "Preparing the model, once", title="SmolLM2", size=93_000_000, preparing=True))
    assert waiting.value(scene)["fetching"]["far"] == scene.text.template("Preparing the model, once")
    waiting.hear(Fetching(0.25, "artist/tiny", title="tiny"))
    assert waiting.value(scene)["fetching"]["far"] == "25%"
    waiting.hear(Started(4, "cpu", "float32"))
    assert waiting.value(scene)["fetching"] is None
    waiting.elapsed = 34.0
    waiting.hear(Progress(0.5))
    assert "4" in waiting.value(scene)["left"]  # from when the engine began


@pytest.mark.parametrize(("count", "size"), [(0, ""), (134_515_008, "135"), (1_711_376_384, "1.71")])
def test_the_model_that_writes_is_told_in_a_line(scene, count, size):
    told = written_by(scene, {"title": "SmolLM2 135M Instruct", "parameters": count, "origin": "hub"})
    assert scene.text.template("SmolLM2 135M Instruct") in told
    assert told.count(" · ") == (2 if count else 1)
    assert size in told
    assert scene.text("model_hub") in told


def test_styles_of_ones_own_stand_among_those_of_the_engine_that_takes_them(scene, session):
    kept = {"a" * 64: {"what": "style", "name": "dunes", "about": {}}}
    value = render.brief(scene, session.view(), ["still-life"], ["ink-wash"], kept)
    assert value["kept"] == [{"ref": "sha256:" + "a" * 64, "what": "style", "name": "dunes", "about": {}}]
    assert [each["name"] for each in value["engines"] if each["files"]] == ["style-bank", "style-network"]
