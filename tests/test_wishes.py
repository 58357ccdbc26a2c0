"""What is asked of a text and what is done to it afterwards: keywords, templates, filters."""

import pytest
import torch
from toys import language_model

from engines import registry, store
from engines.api import Brief, BriefError, EngineError, Result, Setting
from engines.text import TextOptions, finish, templates
from engines.text.banks import Banks, Candidate
from engines.text.keywords import Bend, Keyword, Search, Wishes, check, inflections, keyword
from engines.text.lm import LanguageModel, Row
from engines.text.sampling import NEVER, Sampling

NONE = TextOptions(trim=False, once=False, clean=False)


def lantern(strength=1.0):
    return Keyword("lantern", ("lantern", "lanterns"), ((5, 6), (7,)), strength)


# ── Keywords ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("lantern", {"lanterns"}),
        ("stop", {"stops", "stopped", "stopping"}),
        ("dance", {"dances", "danced", "dancing"}),
        ("carry", {"carries", "carried", "carrying"}),
        ("wish", {"wishes", "wished"}),
        ("went", {"go", "gone", "goes"}),
        ("mouse", {"mice"}),
        ("Sing", {"sang", "sung"}),
        ("zorbel", {"zorbels"}),
    ],
)
def test_a_word_has_all_its_forms(word, forms):
    assert forms <= set(inflections(word))


def test_a_word_that_is_a_lemma_is_not_taken_for_a_form_of_another():
    assert "see" not in inflections("saw")


@pytest.mark.parametrize("word", ["灯塔", "sea salt", "маяк"])
def test_a_word_of_another_kind_is_its_only_form(word):
    assert inflections(word) == [word]


def test_a_word_is_said_where_it_stands_whole():
    assert lantern().said("Two Lanterns burned.")
    assert not lantern().said("A lanternfish swam by.")
    assert Keyword("灯塔", ("灯塔",), ((1,),)).said("那座灯塔还在")


def test_the_push_is_on_a_first_token_and_then_on_what_finishes_the_word():
    assert set(lantern().push([1, 2])) == {5, 7}
    going_on = lantern(0.2).push([1, 5])
    assert going_on[6] > going_on[5] > 0


def test_the_rule_of_relative_ranks_takes_one_of_the_best_places():
    """Chow et al. 1964: the expected rank tends to 3.87; drawn by chance it would be 32.5."""
    places, ranks = 64, []
    for seed in range(400):
        likely = torch.rand(places, generator=torch.Generator().manual_seed(seed)).tolist()
        search = Search(lantern())
        taken = next(at for at, each in enumerate(likely) if search.fits(each, places - at - 1))
        ranks.append(sum(each >= likely[taken] for each in likely))
    assert sum(ranks) / len(ranks) < 6


def test_a_wanted_word_gains_only_where_it_fits():
    bend = Bend(Wishes(soft=(lantern(),)), 64, [0])
    pushed = []
    for at in range(60):
        logits = torch.zeros(10)
        logits[1] = 1.0  # the text goes on by itself
        logits[7] = 3.0 if at == 40 else -3.0 - at / 1000
        before = logits.clone()
        bend(logits, [1] * at, "")
        pushed.append(not torch.equal(logits, before))
    assert pushed[40]
    assert sum(pushed[:40]) < 20


def test_a_wanted_word_is_pushed_once_more_where_the_text_would_end():
    bend = Bend(Wishes(soft=(lantern(),)), 64, [0])
    going_on = torch.tensor([0.0, 9, 0, 0, 0, -8, 0, -8])
    before = going_on.clone()
    bend(going_on, [], "")
    assert torch.equal(going_on, before)
    ending = torch.tensor([9.0, 0, 0, 0, 0, -9, 0, -9])  # it fits less than before, and yet there is no other place
    bend(ending, [1], "a")
    assert ending[[5, 7]].min() > 0
    assert ending[0] == 9  # the text may end all the same: the word is wanted, no more


def test_of_a_word_that_must_occur_nothing_else_is_left_in_its_place_or_at_the_end():
    bend = Bend(Wishes(must=(lantern(),)), 8, [0])
    written: list[int] = []
    while 5 not in written and 7 not in written:
        logits = torch.linspace(1, 0, 10)
        logits[[5, 7]] = -9.0 - len(written)  # fits worse and worse
        bend(logits, written, "")
        assert logits[0] == NEVER or logits[[5, 7]].max() > NEVER
        written.append(int(logits.argmax()))
    assert len(written) <= 8 - 1
    if written[-1] == 5:
        logits = torch.zeros(10)
        bend(logits, written, "")
        assert torch.isfinite(logits).nonzero().tolist() == [[6]]


def test_banks_give_every_degree_of_fulfilment_its_beams():
    banks = Banks([lantern()], lambda tokens: " lantern" if 7 in tokens else "")
    assert (banks.met([1]), banks.met([1, 5]), banks.met([7])) == (0, 0, 1)
    free = [Candidate(-1.0 - at, 0, 1, 0) for at in range(6)]
    dear = [Candidate(-50.0 - at, 0, 7, 1) for at in range(3)]
    assert [each.met for each in banks.chosen([*free, *dear], 4)] == [1, 1, 0, 0]
    assert [each.met for each in banks.chosen([*free, dear[0]], 4)] == [1, 0, 0, 0]


def test_a_word_that_the_vocabulary_lacks_is_told_and_its_unknown_forms_are_left_out(tmp_path_factory):
    vocabulary = LanguageModel(language_model(tmp_path_factory.mktemp("toy"))).vocabulary
    unknown = vocabulary.encode("zorbel")
    assert all(
        list(spelling) != unknown for spelling in keyword(vocabulary, "gull").spellings
    )  # "gulls" is unknown to it
    with pytest.raises(EngineError, match="cannot spell"):
        keyword(vocabulary, "zorbel")


@pytest.mark.parametrize("seed", range(4))
def test_beams_hold_every_word_that_must_occur(tmp_path_factory, seed):
    model = LanguageModel(language_model(tmp_path_factory.mktemp("toy")))
    must = tuple(keyword(model.vocabulary, word) for word in ("gull", "home"))
    rows = [Row(Sampling(0.0), seed, 6 + seed, wishes=Wishes(must=must)) for _ in range(2)]
    *_, texts = model.beams(model.encode("the sea"), rows, 4)
    for text in texts:
        assert {"gull", "home"} <= set(text.text.split())


def test_what_cannot_be_said_together_is_told_before_anything_is_written():
    with pytest.raises(EngineError, match="take 2 tokens"):
        check(Wishes(must=(lantern(),)), 1, [])
    with pytest.raises(EngineError, match="to be covered"):
        check(Wishes(must=(lantern(),)), 99, ["LANTERN"])
    check(Wishes(must=(lantern(),)), 99, ["boat"])


# ── Templates ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("template", [each.text for each in templates.TEMPLATES])
def test_the_templates_that_come_along_pass_their_own_check(template):
    templates.check(template)
    if template:
        assert "{curly}" in templates.filled(template, "a {curly} text", "haiku", "a dry")


@pytest.mark.parametrize(
    ("template", "told"),
    [("{text} as {mood}", "{mood}"), ("{text", "cannot be read"), ("No field at all", "{text}"), ("{}{text}", "{}")],
)
def test_a_template_that_cannot_be_filled_is_an_error_of_the_brief(template, told):
    with pytest.raises(BriefError) as error:
        registry.check(Brief(mode="text", prompt="Hm.", options={"template": template}))
    assert told in str(error.value)


# ── Filters ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("She left. He stayed and", "She left."),
        ("她走了。他留下来，", "她走了。"),
        ("Not one sentence", "Not one sentence"),
        ('"Go!" she said. "', '"Go!" she said.'),
        ("All is said.", "All is said."),
    ],
)
def test_an_unfinished_sentence_is_left_out_unless_it_is_all(text, left):
    said, remarks = finish.finished(text, TextOptions(), whole=False)
    assert said == left
    assert bool(remarks) == (text != left)


def test_a_word_that_must_occur_is_not_trimmed_away():
    said, _ = finish.finished("She left. Then the violin", TextOptions(must="violin"), whole=False)
    assert "violin" in said


def test_a_sentence_comes_once():
    said, remarks = finish.finished("The sea was grey. A gull. The sea was grey. It rained.", TextOptions(), whole=True)
    assert said == "The sea was grey. A gull. It rained."
    assert remarks[0].values == {"count": 1}


def test_blocked_words_are_covered_in_both_languages_and_nothing_else():
    said, remarks = finish.finished("Shit, the shitake! 他妈的雨。 A Boat.", TextOptions(block="boat"), whole=True)
    assert said == "▒▒▒▒, the shitake! ▒▒▒雨。 A ▒▒▒▒."
    assert remarks[0].values == {"count": 3}


def test_a_text_is_shortened_at_the_end_of_a_sentence():
    said, _ = finish.finished("One two three. Four five six. Seven.", TextOptions(most_words=6), whole=True)
    assert said == "One two three. Four five six."


@pytest.mark.parametrize("text", ["", "…", "One.Two", "Mr. X said 3.5! 好。好", "a\n\nb?! c"])
def test_filters_that_are_off_change_nothing_and_sentences_add_up(text):
    assert finish.finished(text, NONE, whole=False) == (text, ())
    assert "".join(finish.sentences(text)) == text


@pytest.mark.parametrize(("text", "words"), [("It's a well-known sea.", 4), ("灯塔很高", 4), ("Hi 你好", 3), ("", 0)])
def test_words_are_counted_as_writers_count_them(text, words):
    assert finish.count(text) == words


# ── The engine ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.models
def test_the_real_model_says_what_it_must_and_long_prompts_are_cut_with_a_remark(home):
    store.ensure(["smollm2-135m-instruct", "minilm-l6-v2"])
    prompt = "The keeper waited. " * 3000
    options = {"length": 20, "must": "violin", "memory": "Mara is a keeper.", "note": "calm"}
    brief = registry.check(Brief(mode="text", prompt=prompt, options=options, variants=2))
    info = registry.info("writer")
    settings = [Setting(info.space(brief).yours, seed) for seed in range(2)]
    found = [
        each for each in registry.load("writer").run(brief, settings, None, lambda: False) if isinstance(each, Result)
    ]
    assert ["violin" in each.text.casefold() for each in found] == [True, True]
    assert all("too long" in each.remarks[0].template for each in found)
    room = registry.load("writer").room(brief)
    assert 0 < room.parts["memory"] < room.prompt <= room.context - 20
