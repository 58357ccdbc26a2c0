"""What a writer does: the notebook is kept, taken over, mended, undone and redone, and it stays known whose words are whose."""

from __future__ import annotations

import dataclasses
import json
import random
import zipfile

import pytest

from engines import fake_text, registry
from engines.api import Brief
from studio import authorship, locales, render, writing
from studio.events import Branched, Judged, Judgement, Place, Spliced, StudioError
from studio.session import Studio
from studio.state import fold
from studio.steering import evidence
from studio.view import next_brief

BRIEF = Brief(mode="text", engine="fake-text", prompt="Once upon a time", options={"length": 6}, seed=5)
PICTURE = Brief(mode="style", engine="fake", styles={"ember": 0.7, "tide": 0.3}, size=64, seed=5)


@pytest.fixture
def session(studio):
    """The notebook begins, and a round goes on from it."""
    found = studio.new_session()
    writing.write(found, BRIEF.prompt)
    list(found.propose(BRIEF))
    return found


def words(session, variant, round=0):
    return str(session.state().rounds[round].variants[variant].text)


def whose(session):
    return [
        (span.text, span.by.variant if isinstance(span.by, Place) else span.by) for span in session.document().spans
    ]


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_text_is_taken_over_where_its_round_goes_on(session):
    writing.accept(session, 0, 2)
    assert whose(session) == [(BRIEF.prompt, None), (words(session, 2), 2)]
    assert session.state().rounds[0].verdict.pick == 2
    assert session.state().head == Place(round=0, variant=2)


def test_a_part_is_taken_over_and_another_word_that_was_in_mind(session):
    first = words(session, 1).split()[0]
    writing.accept(session, 0, 1, upto=len(first) + 1, then=" lanterns")
    assert session.document().text == f"{BRIEF.prompt} {first} lanterns"
    assert whose(session)[1] == (f" {first} lanterns", 1)


@pytest.mark.parametrize("upto", [-1, 10_000])
def test_a_part_that_is_not_there_is_refused(session, upto):
    before = session.events()
    with pytest.raises(StudioError, match="lies between"):
        writing.accept(session, 0, 1, upto=upto)
    assert session.events() == before


def test_nothing_is_nothing_to_take_over(session):
    with pytest.raises(StudioError, match="nothing to take over"):
        writing.accept(session, 0, 1, upto=0)


def test_a_round_in_the_middle_is_taken_over_there_and_what_follows_stays(session):
    writing.write(session, "Once upon a time there was an end.")
    list(session.propose(BRIEF, at=len("Once upon a time")))
    writing.write(session, "Well, once upon a time there was an end.")
    writing.accept(session, 1, 0)
    assert session.document().text == f"Well, once upon a time{words(session, 0, 1)} there was an end."


def test_two_texts_of_one_round_stand_one_after_the_other(session):
    writing.accept(session, 0, 0)
    writing.accept(session, 0, 1)
    assert session.document().text == BRIEF.prompt + words(session, 0) + words(session, 1)


def test_a_mended_text_is_the_artists_where_they_changed_it(session):
    made = words(session, 1)
    changed = made.replace(made.split()[1], "lighthouse", 1)
    writing.mend(session, 0, 1, changed)
    assert session.document().text == BRIEF.prompt + changed
    assert [span for span, by in whose(session) if by is None] == [BRIEF.prompt, "lighthouse"]
    assert session.state().rounds[0].verdict.texts == {1: changed}


def test_a_text_that_was_used_already_is_mended_in_its_place(session):
    writing.accept(session, 0, 1)
    writing.write(session, session.document().text + " The end.")
    made = words(session, 1)
    changed = made.replace(made.split()[-1], "harbour")
    writing.mend(session, 0, 1, changed)
    assert session.document().text == f"{BRIEF.prompt}{changed} The end."
    again = changed.replace("harbour", "home")
    writing.mend(session, 0, 1, again)
    assert session.document().text == f"{BRIEF.prompt}{again} The end."


def test_to_go_on_from_a_text_brings_the_notebook_back_to_its_round(session):
    writing.accept(session, 0, 0)
    writing.write(session, session.document().text + " And so on.")
    session.branch(0, 3)
    assert whose(session) == [(BRIEF.prompt, None), (words(session, 3), 3)]
    session.undo()
    assert session.document().text.endswith(" And so on.")


def test_what_came_between_stays_where_somebody_writes_on_an_older_text(session):
    base = writing.newest(session.state())
    writing.accept(session, 0, 1)
    document = writing.write(session, "Then, once upon a time", base=base)
    assert document.text == "Then, once upon a time" + words(session, 1)
    assert writing.write(session, "x" + document.text, base=writing.newest(session.state())).text == "x" + document.text


@pytest.mark.parametrize("text", ["\ud800", "x" * 2_000_001, None, 7])
def test_what_cannot_be_kept_is_refused_in_words(session, text):
    with pytest.raises(StudioError):
        writing.write(session, text)
    assert session.document().text == BRIEF.prompt


def test_any_text_is_kept_as_it_is(session):
    strange = "tab\tnull\x00 bell\x07 \u202eright to left\u202c 👩‍👩‍👧 e\u0301 שלום 你好\n\n"
    writing.write(session, strange)
    assert session.document().text == strange
    assert fold(session.events()).writing


# ── Undo and redo ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_undo_takes_back_the_text_and_the_pick_that_came_with_it(session):
    before = session.state()
    writing.accept(session, 0, 2)
    session.undo()
    assert session.document().text == BRIEF.prompt
    assert session.state().rounds == before.rounds
    writing.redo(session)
    assert whose(session)[-1] == (words(session, 2), 2)
    assert session.state().rounds[0].verdict.pick == 2


def test_one_undo_takes_back_a_mended_text_whole(session):
    writing.mend(session, 0, 1, "something else altogether")
    session.undo()
    assert session.document().text == BRIEF.prompt
    assert not session.state().rounds[0].verdict.texts


@pytest.mark.parametrize("seed", range(4))
def test_undo_and_redo_are_each_others_inverse(session, seed):
    rng = random.Random(seed)
    for step in range(12):
        match rng.randrange(5):
            case 0:
                writing.write(session, session.document().text + f" word{step}")
            case 1:
                writing.accept(session, 0, rng.randrange(4), upto=rng.randint(1, 5))
            case 2:
                session.judge(0, Judgement(like=[rng.randrange(4)]))
            case 3:
                writing.mend(session, 0, rng.randrange(4), f"mended {step}")
            case 4:
                session.branch(0, rng.randrange(4))
    states = [session.state()]
    count = rng.randint(1, 12)
    for _ in range(count):
        session.undo()
        states.append(session.state())
    aside = {"undone": [], "next_round": 0}
    for state in reversed(states[:-1]):
        writing.redo(session)
        assert session.state().model_copy(update=aside) == state.model_copy(update=aside)


def test_whoever_does_something_new_has_nothing_to_redo(session):
    writing.write(session, "One.")
    session.undo()
    assert session.view("text")["redo"] is not None
    writing.write(session, "Two.")
    assert session.view("text")["redo"] is None
    with pytest.raises(StudioError, match="nothing to redo"):
        writing.redo(session)


def test_what_the_browser_undid_itself_counts_as_undone(session):
    for text in ("Once upon a time a", "Once upon a time a boat", "Once upon a time a boat came"):
        writing.write(session, text)
    writing.write(session, "Once upon a time a")
    assert not session.state().writing.keys() & {5, 6}
    writing.accept(session, 0, 1)
    session.undo()
    assert session.document().text == "Once upon a time a"
    session.undo()
    assert session.document().text == BRIEF.prompt


# ── Two modes in one session ─────────────────────────────────────────────────────────────────────────────────────────


def test_each_mode_has_its_own_place_in_the_tree(session):
    writing.accept(session, 0, 2)
    list(session.propose(PICTURE))
    session.judge(1, Judgement(pick=3))
    state = session.state()
    assert state.standing("text").head == Place(round=0, variant=2)
    assert state.standing("style").head == Place(round=1, variant=3)
    assert next_brief(state, "text").seed == BRIEF.seed + 2
    assert next_brief(state, "style").mode == "style"
    list(session.propose(BRIEF))
    assert session.state().rounds[2].parent == Place(round=0, variant=2)
    assert session.view("style")["head"] == {"round": 1, "variant": 3}
    assert session.view("text")["next"]["prompt"] == session.document().text


def test_a_round_goes_on_from_the_notebook_before_a_place(session):
    brief, at = writing.asked(session, {"mode": "text", "engine": "fake-text"}, at=4)
    assert (brief.prompt, at) == ("Once", 4)
    brief, at = writing.asked(session, {"mode": "text"}, at=None)
    assert (brief.prompt, at) == (BRIEF.prompt, len(BRIEF.prompt))
    writing.write(session, "x" * (writing.RECENT + 5))
    assert len(writing.asked(session, {"mode": "text"})[0].prompt) == writing.RECENT


def test_a_text_becomes_the_prompt_of_the_next_picture(session):
    writing.send(session, 0, 1)
    assert session.view("image")["next"] == {"mode": "image", "prompt": words(session, 1)}
    assert session.state().standing("text").open == 0
    session.undo()
    assert session.view("image")["next"] is None


# ── What it teaches ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mended_text_was_better_than_the_others_the_less_was_changed(session):
    def weight():
        found = evidence(session.state(), registry.infos())
        return {said.weight for said in found.statements}

    made = words(session, 1)
    writing.mend(session, 0, 1, made + "!")
    (little,) = weight()
    assert 0.9 < little < 1
    writing.mend(session, 0, 1, made[: len(made) // 2])
    (much,) = weight()
    assert 0 < much < little
    assert much == pytest.approx(1 - authorship.figures(session.state())["rewritten"][0]["distance"], abs=1e-3)


def test_a_text_that_nothing_was_left_of_says_nothing(session):
    session.judge(0, Judgement(text={1: "\x00"}))
    assert not evidence(session.state(), registry.infos())


# ── Who wrote what ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_figures_of_who_wrote_what(session):
    writing.accept(session, 0, 1)
    writing.write(session, session.document().text + ". I said so.")
    made = len(words(session, 1))
    found = authorship.figures(session.state())
    own = len(BRIEF.prompt) + len(". I said so.")
    assert found["characters"] == {"artist": own, "machine": made, "given": 0}
    assert found["human_share"] == pytest.approx(own / (own + made), abs=1e-3)
    assert (found["queries"], found["suggestions"], found["accepted_suggestions"]) == (1, 4, 1)
    assert found["acceptance_rate"] == found["kept_of_accepted"] == 1
    assert found["edits"] == 0
    assert found["sentences"]["artist"] >= 1
    writing.write(session, session.document().text.replace(words(session, 1)[:4], ""))
    found = authorship.figures(session.state())
    assert found["edits"] == 1
    assert found["kept_of_accepted"] < 1


def test_what_was_given_is_nobodys(studio):
    session = studio.new_session()
    writing.write(session, "An example.", by="given")
    found = authorship.figures(session.state())
    assert found["human_share"] is None
    assert found["sentences"] == {"artist": 0, "machine": 0, "both": 0}
    writing.write(session, "An example. Mine.")
    assert authorship.figures(session.state())["human_share"] == 1


def test_nothing_was_written_yet(studio):
    found = authorship.figures(studio.new_session().state())
    assert (found["words"], found["human_share"], found["acceptance_rate"]) == (0, None, None)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("It’s a well-known word.", 4),
        ("你好，世界！", 4),
        ("我爱 Python 3", 4),
        ("😀 — …", 0),
        ("שלום עולם", 2),
    ],
)
def test_words_are_counted_as_a_word_processor_does(text, count):
    assert authorship.words(text) == count


def test_the_text_with_marks_is_safe_and_says_whose_words_are_whose(session):
    writing.write(session, "<b>*Bold*</b> & ")
    writing.accept(session, 0, 1)
    page = authorship.page(session.document(), "Who", "Legend", "en")
    assert "&lt;b&gt;*Bold*&lt;/b&gt; &amp; " in page
    assert f'<ins title="1.2">{words(session, 1)}</ins>' in page
    marked = authorship.markdown(session.document(), "Who", "Legend")
    assert r"\<b\>\*Bold\*\</b\> \& " in marked
    assert f"<u>{words(session, 1)}</u>" in marked


def test_an_export_says_who_wrote_what_and_nothing_of_it_where_nothing_was_written(session, studio, tmp_path):
    writing.accept(session, 0, 1)
    with zipfile.ZipFile(session.export(tmp_path / "a.zip")) as archive:
        assert json.loads(archive.read("authorship.json")) == authorship.figures(session.state())
    with zipfile.ZipFile(studio.new_session().export(tmp_path / "b.zip")) as archive:
        assert "authorship.json" not in archive.namelist()


def test_figures_hold_for_any_order_of_acts():
    rng = random.Random(3)
    events = {}
    for number in range(30):
        by = rng.choice([None, "given", Place(round=0, variant=rng.randrange(4))])
        events[number] = Spliced.model_validate(
            {"pieces": [{"at": rng.randrange(20), "cut": rng.randrange(5), "put": "abc. "}], "by": by}
        )
    found = authorship.figures(fold(events))
    assert 0 <= found["human_share"] <= 1
    assert 0 <= found["kept_of_accepted"] <= 1


# ── What the page shows ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["en", "zh"])
def scene(request, session, studio):
    return render.Scene(session.id, locales.table(request.param), studio.engines, 1, "text")


def panel(scene, session, waiting=None):
    view = session.view("text")
    return render.round_panel(scene, view, view["rounds"][0], waiting)


def test_the_panels_of_text_mode_are_json(scene, session):
    view, state = session.view("text"), session.state()
    values = [
        panel(scene, session),
        render.notebook(scene, session.document(), writing.newest(state), None, view),
        render.form(scene, view, {}, writing.model()),
        render.history(scene, view),
        render.who(scene.text, authorship.figures(state)),
    ]
    for value in values:
        assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert "prompt" not in values[2]["next"]  # the notebook has it
    assert values[3]["rounds"][0]["words"]
    assert values[3]["rounds"][0]["src"] is None


def test_a_tile_of_a_text_has_its_words_and_no_picture(scene, session):
    value = panel(scene, session)
    assert value["kind"] == "text"
    for at, tile in enumerate(value["tiles"]):
        assert tile["words"] == words(session, at)
        assert (tile["src"], tile["made"]) == (None, True)
        assert tile["file"].endswith(".txt")


def test_who_knows_the_notebook_is_not_sent_it_again(scene, session):
    view, at = session.view("text"), writing.newest(session.state())
    assert render.notebook(scene, session.document(), at, at, view)["spans"] is None
    assert render.notebook(scene, session.document(), at, at - 1, view)["spans"]


def test_what_is_left_out_stays_with_the_round(scene, studio):
    session = studio.new_session()
    writing.write(session, "word " * 600)
    list(session.propose(dataclasses.replace(BRIEF, prompt="word " * 600)))
    value = panel(scene, session)
    assert len(value["warned"]) == 1
    assert all(tile["remarks"] == [] and tile["raw"].endswith("etc.") for tile in value["tiles"])


def test_only_prompts_for_pictures_can_be_sent_on(scene, session, monkeypatch):
    assert not panel(scene, session)["sends"]
    asked = dataclasses.make_dataclass("Asked", [("template", str, dataclasses.field(default="", metadata={}))])
    info = dataclasses.replace(fake_text.INFO, options=asked, templates={"image": "A picture of {text}"})
    view = session.view("text")
    view["rounds"][0]["brief"]["options"] = {"template": "A picture of {text}"}
    known = dataclasses.replace(scene, engines={"fake-text": info})
    assert render.round_panel(known, view, view["rounds"][0])["sends"]


def test_events_of_two_hands_survive_the_log(session, studio):
    writing.accept(session, 0, 1)
    session.branch(0, 2)
    kinds = [type(event) for event in studio.log.read(session.id).values()]
    assert {Spliced, Judged, Branched} <= set(kinds)
    fresh = Studio(studio.home)
    try:
        assert fresh.session(session.id).document().spans == session.document().spans
    finally:
        fresh.close()


# ── Rewriting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def rewritten(session, since=None, at=None):
    """A round about a passage, by a template that names a style."""
    brief = {"mode": "text", "engine": "fake-text", "options": {"length": 6, "template": "{style}: {text}"}}
    asked, place = writing.asked(session, brief, at, since)
    list(session.propose(asked, at=place))
    return asked


def test_a_rewriting_takes_the_place_of_its_passage(studio):
    session = studio.new_session()
    writing.write(session, "Before. A dull passage. After.")
    asked = rewritten(session, since=8, at=23)
    assert asked.prompt == "A dull passage."
    writing.accept(session, 0, 1)
    assert session.document().text == f"Before. {words(session, 1).strip()} After."
    session.undo()
    assert session.document().text == "Before. A dull passage. After."


def test_a_passage_that_was_changed_meanwhile_stays(studio):
    session = studio.new_session()
    writing.write(session, "A dull passage.")
    rewritten(session)
    writing.write(session, "A brilliant passage.")
    writing.accept(session, 0, 1)
    assert session.document().text.startswith("A brilliant passage.")
    assert words(session, 1).strip() in session.document().text


def test_a_part_of_a_rewriting_is_put_after_the_passage(studio):
    session = studio.new_session()
    writing.write(session, "A dull passage.")
    rewritten(session)
    writing.accept(session, 0, 1, upto=3)
    assert session.document().text == "A dull passage." + words(session, 1)[:3]
