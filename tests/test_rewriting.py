"""Text style transfer: of several versions the one is taken that fits the style best and still says the same."""

from __future__ import annotations

import pytest
from toys import language_model

from engines import language, registry, store
from engines.api import Brief, Cancelled, Done, Draft, Result, Setting
from engines.device import Choice
from engines.embed import FEATURES, Reader
from engines.text import templates
from engines.text.axes import built_in
from engines.text.rewriting import NEUTRAL, VERSIONS, Version, best, poles, turned
from engines.text.writer import Writer
from studio.bench import text as bench
from studio.bench.report import row

TEMPLATE = next(each.text for each in templates.TEMPLATES if each.name == "rewrite")
PASSAGE = "the sea and a boat far home ."


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return language_model(tmp_path_factory.mktemp("toy"), max_position_embeddings=512)


@pytest.fixture
def writer(toy, encoder_folder):
    with language.using(str(toy)):
        yield Writer(Reader(lambda: encoder_folder, lambda: Choice("cpu", "float32", "for a test")))


def nothing(ref):
    raise AssertionError(ref)


def run(writer, cancelled=lambda: False, count=2, **options):
    settings = {"template": TEMPLATE, "style": "a gothic", "length": 12, "keep": 0.0, **options}
    brief = registry.check(Brief(mode="text", engine="writer", prompt=PASSAGE, options=settings))
    yours = writer.info.space(brief).yours
    return list(writer.run(brief, [Setting(yours, seed) for seed in range(count)], nothing, cancelled))


def test_the_best_fit_is_taken_of_those_that_say_the_same():
    versions = [Version("a", 0.9, 0.1), Version("b", 0.8, 0.5), Version("c", 0.3, 2.0)]
    assert best(versions, 0.75) == 1
    assert best(versions, 0.0) == 2
    assert best(versions, 0.95) == 0  # none keeps so much: the one that keeps the most
    named = [
        Version("a", 0.9, 0.1, 0.0),
        Version("b", 0.9, 0.2, -2.0),
        Version("", 0.0, -1.0),
        Version("c", 0.9, 0.15, 1.0),
    ]
    assert best(named, 0.75) == 3  # both are heard, each by its own spread; an empty one is never taken
    assert best([Version("", 0.0, 0.0)], 0.0) == 0


def test_a_copy_of_the_passage_never_wins():
    versions = [
        Version("The sea was grey.", 1.0, 9.0),
        Version("Grey lay the sea.", 0.9, 1.0),
        Version("A cat.", 0.1, 3.0),
    ]
    assert best(versions, 0.75) == 0
    assert best(versions, 0.75, "the sea was grey") == 1
    assert best(versions, 0.95, "The sea was grey.") == 1  # of the others none keeps so much
    assert best(versions[:1], 0.75, "The sea was grey.") == 0  # there is no other


def test_a_style_that_an_axis_names_has_an_opposite():
    assert poles("a Plain letter") == ("plain", "ornate")
    assert turned("a plain letter") == "an ornate letter"
    assert turned("an archaic") == "a modern"
    assert turned("casual") == "formal"
    assert poles("a gothic") is None
    assert turned("a gothic") == NEUTRAL


def test_the_model_is_asked_which_of_two_styles_a_text_is_in(writer, monkeypatch):
    from engines.text.vocabulary import Vocabulary

    monkeypatch.setattr(Vocabulary, "answers", property(lambda self: True))
    named = []
    monkeypatch.setattr("engines.text.rewriting.poles", lambda style: (".", "ornate") if "plain" in style else None)
    monkeypatch.setattr(
        "engines.text.composing.rewriting.best", lambda versions, keep, passage: named.extend(versions) or 0
    )
    run(writer, count=1, style="a plain")
    assert any(each.named for each in named if each.text.strip())
    named.clear()
    run(writer, count=1, style="a gothic")
    assert not any(each.named for each in named)


def test_a_rewriting_is_chosen_from_versions_and_says_how_far_it_went(writer):
    events = run(writer)
    results = [event for event in events if isinstance(event, Result)]
    assert [result.index for result in results] == [0, 1]
    for result in results:
        told = next(remark for remark in result.remarks if "count" in remark.values)
        assert told.values["count"] == VERSIONS
        assert -100 <= told.values["kept"] <= 100
        assert float(told.values["times"]) > 0
    assert {event.index for event in events if isinstance(event, Draft)} <= {0, 1}
    assert isinstance(events[-1], Done)
    again = [event.text for event in run(writer) if isinstance(event, Result)]
    assert again == [result.text for result in results]


def test_without_chance_there_is_one_version(writer):
    (result,) = (event for event in run(writer, count=1, decoding="greedy") if isinstance(event, Result))
    assert next(remark for remark in result.remarks if "count" in remark.values).values["count"] == 1


def test_a_passage_longer_than_the_model_has_room_for_loses_its_beginning(writer):
    brief = registry.check(
        Brief(mode="text", engine="writer", prompt=f"{PASSAGE} " * 400, options={"template": TEMPLATE, "length": 12})
    )
    events = list(writer.run(brief, [Setting(writer.info.space(brief).yours, 0)], nothing, lambda: False))
    (result,) = (event for event in events if isinstance(event, Result))
    assert any("beginning was left out" in remark.template for remark in result.remarks)


def test_other_templates_do_not_compare(writer):
    (result,) = (event for event in run(writer, count=1, template="Go on: {text}") if isinstance(event, Result))
    assert not any("count" in remark.values for remark in result.remarks)


def test_a_stop_while_versions_are_compared_is_heard(writer, monkeypatch):
    asked = []

    def version(self, text):
        asked.append(text)
        return original(self, text)

    from engines.text.rewriting import Rewriting

    original = Rewriting.version
    monkeypatch.setattr(Rewriting, "version", version)
    events = run(writer, cancelled=lambda: len(asked) > VERSIONS + 1)
    assert events[-1] == Cancelled(1)


def test_texts_have_features_of_a_fixed_length_that_tell_them_apart(writer):
    results = [event for event in run(writer, template="") if isinstance(event, Result)]
    assert all(result.features is not None and result.features.shape == (FEATURES,) for result in results)
    assert results[0].text != results[1].text
    assert (results[0].features != results[1].features).any()


# ── Its bench ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_goal_is_not_reached_where_what_belongs_to_it_is_not_held():
    assert row("keyword.soft", 0.9, "").ok
    assert not row("keyword.soft", 0.9, "", held=False).ok
    assert not row("keyword.soft", 0.5, "").ok


def test_the_passages_are_fifty_and_hold_no_keyword():
    passages = bench.passages(50)
    assert len({each.text for each in passages}) == 50
    assert not any(each.word in each.text.lower() for each in passages)
    known = {text for axis in built_in().values() for text in (*axis.positive, *axis.negative)}
    assert not known & {each.text for each in passages}


def test_distinct_2_counts_pairs_of_words():
    assert bench.distinct_2("a b a b") == pytest.approx(2 / 3)
    assert bench.distinct_2("one") == 1


@pytest.mark.models
def test_the_measure_of_an_axis_knows_its_poles():
    """The descriptions that the bench compares with tell the hand-written examples apart, which they were not made from."""
    store.ensure(["minilm-l6-v2"])
    for name, axis in built_in().items():
        pairs = list(zip(axis.positive, axis.negative, strict=True))
        right = sum(bench.lean(name, one) > bench.lean(name, other) for one, other in pairs)
        assert right >= 0.9 * len(pairs), name
