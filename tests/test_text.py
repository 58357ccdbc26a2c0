"""Text: what may come next, and the loop that writes all variants side by side. A toy model of the real class, and the real one."""

import time

import pytest
import torch
from toys import language_model

from engines import registry, store
from engines.api import Brief, BriefError, Cancelled, Done, Progress, Result, Setting, Started
from engines.text.lm import LanguageModel, Row, Stopped
from engines.text.sampling import (
    NEVER,
    Sampling,
    allowed,
    draw,
    min_p,
    penalised,
    top_k,
    top_p,
    typical,
    without_repeats,
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A Llama whose random weights are large, so that it has clear preferences."""
    return LanguageModel(language_model(tmp_path_factory.mktemp("toy"), num_key_value_heads=2, initializer_range=0.5))


def last(steps):
    texts = []
    for texts in steps:  # noqa: B007
        pass
    return texts


def rows(count=4, most=12, **sampling):
    return [Row(Sampling(**sampling), seed, most) for seed in range(count)]


# ── What may come next ───────────────────────────────────────────────────────────────────────────────────────────────


def chances(*values):
    return torch.tensor([values], dtype=torch.float32).log()


def kept(logits):
    return [at for at, value in enumerate(logits[0].tolist()) if value != NEVER]


def test_top_k_keeps_the_likeliest_of_each_row():
    logits = chances(0.1, 0.4, 0.3, 0.2).repeat(3, 1)
    found = top_k(logits, [2, 0, 9])
    assert [kept(found[at : at + 1]) for at in range(3)] == [[1, 2], [0, 1, 2, 3], [0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("share", "left"), [(0.05, [1]), (0.4, [1]), (0.41, [1, 2]), (0.95, [0, 1, 2, 3]), (1.0, [0, 1, 2, 3])]
)
def test_top_p_keeps_the_smallest_set_that_holds_the_share(share, left):
    assert kept(top_p(chances(0.1, 0.4, 0.3, 0.2), torch.tensor([[share]]))) == left


def test_min_p_is_a_share_of_the_likeliest():
    assert kept(min_p(chances(0.1, 0.4, 0.3, 0.2), torch.tensor([[0.6]]))) == [1, 2]


def test_typical_leaves_out_what_is_too_sure_as_well_as_what_is_too_rare():
    logits = chances(0.5, 0.2, 0.1, 0.1, 0.05, 0.05)
    left = kept(typical(logits, torch.tensor([[0.15]])))
    assert left == [1]
    assert kept(typical(logits, torch.tensor([[1.0]]))) == [0, 1, 2, 3, 4, 5]


def test_a_penalty_makes_what_was_written_less_likely_and_nothing_else():
    logits = torch.tensor([[2.0, -1.0, 1.0]])
    assert penalised(logits, [[0, 1]], [2.0]).tolist() == [[1.0, -2.0, 1.0]]
    assert penalised(logits, [[0, 1]], [1.0]).tolist() == logits.tolist()


def test_no_run_of_tokens_comes_twice():
    logits = torch.zeros(1, 5)
    assert kept(without_repeats(logits, [[1, 2, 3, 1, 2]], [3])) == [0, 1, 2, 4]
    assert kept(without_repeats(logits, [[1, 2, 1]], [1])) == [0, 3, 4]
    assert kept(without_repeats(logits, [[0, 1, 2, 3, 4]], [1])) == [0, 1, 2, 3, 4]  # something must come


@pytest.mark.parametrize("seed", range(5))
def test_no_filter_leaves_a_row_without_a_token(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 20 * torch.randn(4, 50, generator=generator)
    harsh = Sampling(0.01, 1, 0.05, 0.9, 0.05, 2.0, 1)
    found = allowed(logits, [harsh] * 4, [list(range(50))] * 4)
    assert (found > NEVER).any(-1).all()
    assert torch.isfinite(torch.softmax(found, -1)).all()


def test_a_colder_text_is_less_surprising():
    logits = torch.linspace(-3, 3, 20)[None]

    def surprise(temperature):
        setting = [Sampling(temperature)]
        generator = torch.Generator().manual_seed(1)
        filtered = allowed(logits, setting, [[]])
        drawn = [draw(filtered, setting, [generator])[0] for _ in range(400)]
        return -logits.log_softmax(-1)[0, drawn].mean()

    assert surprise(0.3) < surprise(0.8) < surprise(1.6)


# ── The loop ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_variant_has_chance_of_its_own_and_comes_again(toy):
    prompt = toy.encode("the sea")
    first, again = (last(toy.write(prompt, rows(temperature=1.0))) for _ in range(2))
    assert [text.tokens for text in first] == [text.tokens for text in again]
    assert len({tuple(text.tokens) for text in first}) == 4


@pytest.mark.parametrize("beams", [False, True])
def test_a_text_that_says_the_same_again_may_use_the_words_of_its_prompt(toy, beams):
    prompt = list(range(0, toy.network.words, 2))  # half of the words
    sampling = Sampling(temperature=0.0, no_repeat_ngram=1)

    def written(**settings):
        row = Row(sampling, 0, 6, 6, **settings)
        steps = toy.beams(prompt, [row], 2) if beams else toy.write(prompt, [row])
        return last(steps)[0].tokens

    assert not set(written()) & set(prompt)
    allowed = written(own_repeats=True)
    assert set(allowed) & set(prompt)
    assert len(set(allowed)) == 6  # its own words count all the same


def test_greedy_is_what_the_model_holds_for_likeliest(toy):
    prompt = toy.encode("the sea a boat")
    written = last(toy.write(prompt, rows(1, temperature=0.0)))[0].tokens
    assert written == toy.logits(prompt, written).argmax(-1).tolist()


def test_beams_find_a_likelier_text_than_greed(toy):
    def chance(prompt, tokens):
        return -float(toy.surprise(prompt, tokens).sum())

    better = 0
    for word in ("sea", "boat", "wind", "gull"):
        prompt = toy.encode(f"the {word}")
        row = rows(1, most=6, temperature=0.0)
        greedy = last(toy.write(prompt, [Row(row[0].sampling, 0, 6, 6)]))[0].tokens
        beam = last(toy.beams(prompt, [Row(row[0].sampling, 0, 6, 6)], width=6))[0].tokens
        assert chance(prompt, beam) >= chance(prompt, greedy) - 0.05  # bfloat16 sums in another order
        better += chance(prompt, beam) > chance(prompt, greedy) + 0.05
    assert better >= 1


def test_groups_of_beams_say_different_things(toy):
    prompt = toy.encode("the sea")
    same = last(toy.beams(prompt, rows(3, most=6), width=2, diversity=0.0))
    apart = last(toy.beams(prompt, rows(3, most=6), width=2, diversity=4.0))
    assert len({tuple(text.tokens) for text in same}) == 1
    assert len({tuple(text.tokens) for text in apart}) == 3


def test_texts_end_at_their_length_a_stop_or_where_the_model_ends(toy):
    prompt = toy.encode("the sea")
    for text in last(toy.write(prompt, rows(most=5, temperature=1.5))):
        assert len(text.tokens) <= 5
        assert text.why in ("length", "end")
    plain = last(toy.write(prompt, rows(1, temperature=0.0)))[0].text
    word = plain.split()[2]
    stopped = last(toy.write(prompt, [Row(Sampling(0.0), 0, 12, stops=(word,))]))[0]
    assert (stopped.why, stopped.text) == ("stop", plain[: plain.find(word)])


def test_no_text_ends_before_its_least_length(toy):
    hungry = [Row(Sampling(2.0), seed, 20, least=20) for seed in range(8)]
    assert {len(text.tokens) for text in last(toy.write(toy.encode("the"), hungry))} == {20}


def test_a_variant_that_ends_early_leaves_the_others_as_they_were(toy):
    prompt = toy.encode("the sea")
    alone = last(toy.write(prompt, [Row(Sampling(1.0), seed, 10) for seed in (5, 6)]))
    ended = last(toy.write(prompt, [Row(Sampling(1.0), 5, 10), Row(Sampling(1.0), 9, 1), Row(Sampling(1.0), 6, 10)]))
    assert [text.tokens for text in (ended[0], ended[2])] == [text.tokens for text in alone]


def test_a_long_prompt_is_cut_from_the_left_and_an_empty_one_is_taken(toy):
    kept, cut = toy.fitted(list(range(300)), 28)
    assert (len(kept), cut, kept[-1]) == (100, 200, 299)
    assert last(toy.write([], rows(2, most=3)))[0].tokens


def test_stop_ends_the_loop_between_two_tokens(toy):
    heard = iter([False] * 4 + [True] * 100)
    with pytest.raises(Stopped):
        last(toy.write(toy.encode("the sea"), [Row(Sampling(), 0, 100, 100)], lambda: next(heard)))


# ── The engine ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def fetched(home):
    store.ensure(["smollm2-135m-instruct", "minilm-l6-v2"])


BRIEF = Brief(mode="text", prompt="Once upon a time, in a village by the sea,", options={"length": 24}, seed=3)


def run(brief, cancelled=lambda: False):
    brief = registry.check(brief)
    info = registry.info(brief.engine)
    settings = [Setting(info.space(brief).yours, brief.seed + at) for at in range(brief.variants)]
    return list(registry.load(brief.engine).run(brief, settings, lambda ref: None, cancelled))


def test_the_text_engine_is_chosen_by_its_mode_and_asks_for_words():
    assert registry.check(BRIEF).engine == "writer"
    with pytest.raises(BriefError, match="no prompt"):
        registry.check(Brief(mode="text"))


@pytest.mark.models
@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize("decoding", ["sample", "greedy", "beam"])
def test_the_real_model_writes_four_variants_in_order_and_again(decoding):
    brief = Brief(mode="text", prompt=BRIEF.prompt, options={"length": 24, "decoding": decoding}, seed=3)
    events = run(brief)
    results = [event for event in events if isinstance(event, Result)]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Done)
    assert [result.index for result in results] == [0, 1, 2, 3]
    assert all(result.text for result in results)
    assert len({result.text for result in results}) == (1 if decoding == "greedy" else 4)
    assert [result.text for result in run(brief) if isinstance(result, Result)] == [result.text for result in results]


@pytest.mark.models
@pytest.mark.usefixtures("fetched")
def test_a_question_is_answered():
    options = {"reply": True, "decoding": "greedy", "length": 20}
    brief = Brief(mode="text", prompt="What is the capital of France?", variants=1, options=options)
    answer = [event for event in run(brief) if isinstance(event, Result)]
    assert "Paris" in answer[0].text


@pytest.mark.models
@pytest.mark.usefixtures("fetched")
def test_stop_is_heard_while_a_long_prompt_is_read():
    asked = []

    def cancelled():
        asked.append(time.perf_counter())
        return len(asked) > 2

    events = run(Brief(mode="text", prompt="The old sea captain said nothing. " * 290, variants=1), cancelled)
    assert events[-1] == Cancelled(0)
    assert not [event for event in events if isinstance(event, Progress)]  # it was still reading


@pytest.mark.models
@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize(
    "prompt",
    ["\u4f60\u597d\uff0c\u4e16\u754c", "\U0001f30a\U0001f41a", "\u0645\u0631\u062d\u0628\u0627", "a\tb\x00c", " "],
)
def test_any_words_are_taken(prompt):
    brief = Brief(mode="text", prompt=prompt, options={"length": 4, "least": 2}, variants=2)
    assert all(event.text is not None for event in run(brief) if isinstance(event, Result))
