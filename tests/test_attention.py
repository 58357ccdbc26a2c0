"""Attention: what a model looks at in a text, and the route that the page asks. Toys of both kinds, and the real ones."""

from __future__ import annotations

import base64
import json
import shutil
import threading
import time

import numpy as np
import pytest
import torch

from engines import store
from engines.api import EngineError
from engines.text.attention import LIMIT, Attention, attention, readable
from studio import lab, web
from studio.session import Studio

APPLE = "The green apple is on the table. It is sweet."
WORDS = ["The", "green", "apple", "is", "on", "the", "table", ".", "It", "is", "sweet", "."]
WRITER, READER = "smollm2-135m-instruct", "minilm-l6-v2"


@pytest.fixture(scope="module")
def causal_folder(tmp_path_factory):
    """A Llama of three layers with random weights; every byte of a text is a token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("causal")
    names = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({name: at for at, name in enumerate(names)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>").save_pretrained(folder)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=len(names), num_key_value_heads=2, initializer_range=0.5, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def check(found: Attention, layers: int, heads: int) -> None:
    """What holds for every model and text."""
    count = len(found.tokens)
    assert found.weights.shape == (layers, heads, count, count)
    assert found.weights.dtype == np.float32
    assert len(found.offsets) == count
    assert found.weights.min() >= 0
    assert found.weights.sum(-1) == pytest.approx(1.0, abs=1e-5)
    ahead = np.triu(found.weights, 1)
    assert (ahead == 0).all() if found.causal else ahead.max() > 0.01
    rest = found.without_sinks()
    assert rest.shape[-1] == count - len(found.sinks)
    assert rest.sum(-1) == pytest.approx(1.0, abs=1e-5)
    assert 0 < found.share < 1


# ── Weights ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_causal_model_never_looks_ahead(causal_folder):
    found = attention(causal_folder, "a boat")
    check(found, layers=3, heads=4)
    assert (found.causal, found.sinks, found.width, found.cut) == (True, (0,), 8, 0)
    assert found.tokens == ["a", "␣", "b", "o", "a", "t"]
    assert (found.weights[:, :, 0, 0] == 1).all()


def test_what_stands_later_changes_nothing_before(causal_folder):
    short, long = (attention(causal_folder, text).weights for text in ("a boat", "a boat far out"))
    assert long[:, :, :6, :6] == pytest.approx(short, abs=1e-5)


def test_an_encoder_looks_both_ways_between_its_marks(encoder_folder):
    found = attention(encoder_folder, "the green apples")
    check(found, layers=2, heads=4)
    assert found.tokens == ["[CLS]", "the", "green", "apple", "s", "[SEP]"]
    assert found.offsets == [(0, 0), (0, 3), (4, 9), (10, 15), (15, 16), (0, 0)]
    assert (found.causal, found.sinks, found.width, found.unknown) == (False, (0, 5), 8, ())
    assert attention(encoder_folder, "the zebra").unknown == (2,)


def test_weights_are_softmax_of_scaled_products(encoder_folder):
    """Equation 1, by hand, in the first layer of the toy."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(encoder_folder), AutoModel.from_pretrained(encoder_folder).eval()
    with torch.inference_mode():
        x = network.embeddings(tokenizer("the sea", return_tensors="pt").input_ids)[0]
        first = network.encoder.layer[0].attention.self
        q, k = (project(x).view(-1, 4, 8).transpose(0, 1) for project in (first.query, first.key))  # (heads, T, d_k)
        expected = (q @ k.transpose(1, 2) / 8**0.5).softmax(-1)
    assert attention(encoder_folder, "the sea").weights[0] == pytest.approx(expected.numpy(), abs=1e-5)


def test_the_sinks_share_is_what_all_others_give_them():
    weights = np.zeros((1, 1, 3, 3), np.float32)
    weights[0, 0] = [[1, 0, 0], [0.5, 0.5, 0], [0.9, 0.025, 0.075]]
    found = Attention(["a", "b", "c"], [(0, 1), (2, 3), (4, 5)], weights, True, (0,), (), 1, 0)
    assert found.share == pytest.approx(0.7)  # the first row has nowhere else to look, and does not count
    assert found.without_sinks()[0, 0] == pytest.approx(np.array([[1, 0], [0.25, 0.75]]))
    weights[0, 0, 2] = [1, 0, 0]
    assert found.without_sinks()[0, 0, 1].tolist() == [0, 0]  # nothing is left of it, and nothing is made up
    alone = Attention(["a"], [(0, 1)], np.ones((1, 1, 1, 1), np.float32), True, (0,), (), 1, 0)
    assert (alone.share, alone.without_sinks().shape) == (1.0, (1, 1, 0, 0))


def test_a_long_text_is_cut_and_says_so(causal_folder, encoder_folder):
    assert attention(causal_folder, "x" * LIMIT).cut == 0
    found = attention(causal_folder, "x" * (LIMIT + 9))
    assert (len(found.tokens), found.cut) == (LIMIT, 9)
    found = attention(encoder_folder, "sea " * (LIMIT + 9))
    assert (len(found.tokens), found.cut, found.tokens[-1]) == (LIMIT + 2, 9, "[SEP]")


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b"])
def test_a_text_without_words_is_refused(encoder_folder, text):
    with pytest.raises(EngineError, match="Write a few words"):
        attention(encoder_folder, text)


# ── Tokens as a person reads them ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "spans", "names", "places"),
    [
        ("The apple", [(0, 3), (3, 9)], ["The", "apple"], [(0, 3), (4, 9)]),
        ("a\n\n b", [(0, 1), (1, 4), (4, 5)], ["a", "⏎⏎␣", "b"], [(0, 1), (1, 4), (4, 5)]),
        ("你好", [(0, 1), (0, 1), (1, 2)], ["你 1/2", "你 2/2", "好"], [(0, 1), (0, 1), (1, 2)]),
        ("a 🙂", [(0, 1), (1, 3), (2, 3)], ["a", "🙂 1/2", "🙂 2/2"], [(0, 1), (2, 3), (2, 3)]),
        ("👩\u200d👧", [(0, 1), (1, 2), (2, 3)], ["👩", "U+200D", "👧"], [(0, 1), (1, 2), (2, 3)]),
        ("tt", [(0, 1), (1, 2)], ["t", "t"], [(0, 1), (1, 2)]),
    ],
)
def test_pieces_are_readable(text, spans, names, places):
    assert readable(text, spans) == (names, places)


def test_a_character_in_several_tokens_is_numbered_even_where_the_text_is_cut(causal_folder):
    found = attention(causal_folder, "x" * (LIMIT - 2) + "你")
    assert found.tokens[-2:] == ["你 1/3", "你 2/3"]
    assert found.cut == 1


# ── The real ones ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.models
def test_the_writer_looks_back_and_its_first_token_is_a_sink():
    store.ensure([WRITER])
    found = attention(store.path(WRITER), APPLE)
    check(found, layers=30, heads=9)
    assert found.tokens == WORDS
    assert found.causal
    assert found.width == 64
    average = found.weights[:, :, 1:].mean((0, 1, 2))
    assert found.share == pytest.approx(average[0], abs=1e-5)
    assert average.argmax() == 0
    assert found.share > 0.4  # of twelve tokens
    assert found.weights[:, :, 8, 2].max() > 0.5  # somewhere "It" looks at "apple"


@pytest.mark.models
def test_minilm_looks_both_ways_and_its_marks_are_sinks():
    store.ensure([READER])
    found = attention(store.path(READER), APPLE)
    check(found, layers=6, heads=12)
    assert found.tokens == ["[CLS]", *WORDS, "[SEP]"]
    assert (found.causal, found.sinks, found.width) == (False, (0, 13), 32)
    assert found.weights[:, :, 2, 3].max() > 0.5  # somewhere "green" looks ahead at "apple"
    assert attention(store.path(READER), "苹果").unknown == (1, 2)


# ── What the page asks ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ask(home, tmp_path, monkeypatch, causal_folder, encoder_folder):
    """Asks the route of a studio whose language models are the toys."""
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    for name, folder in ((WRITER, causal_folder), (READER, encoder_folder)):
        shutil.copytree(folder, tmp_path / "models" / name)
        (tmp_path / "models" / name / store.MANIFEST).write_text("{}")
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    studio = Studio()
    client, session = TestClient(Starlette(routes=web.routes(studio))), studio.new_session().id

    def post(said, session=session, lang="en"):
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        return client.post(f"/duet/{session}/attention?lang={lang}", content=content)

    yield post
    studio.close()


def decoded(answer):
    count = len(answer["tokens"])
    weights = np.frombuffer(base64.b64decode(answer["weights"]), "<u2") / lab.FULL
    return weights.reshape(answer["layers"], answer["heads"], count, count)


@pytest.mark.parametrize(("model", "causal", "sinks"), [("writer", True, [0]), ("reader", False, [0, 3])])
def test_the_route_sends_every_head(ask, model, causal, sinks, causal_folder, encoder_folder):
    answer = ask({"model": model, "text": "the sea"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    assert (found["model"], found["causal"], found["sinks"], found["cut"]) == (model, causal, sinks, 0)
    wanted = attention(causal_folder if causal else encoder_folder, "the sea")
    assert found["tokens"] == wanted.tokens
    assert found["share"] == pytest.approx(wanted.share)
    assert decoded(found) == pytest.approx(wanted.weights, abs=1e-5)
    if causal:
        assert (np.triu(decoded(found), 1) == 0).all()


def test_words_know_whether_white_space_stands_before_them(ask):
    found = ask({"model": "reader", "text": "the  apples, far"}).json()
    assert found["tokens"] == ["[CLS]", "the", "apple", "s", ",", "far", "[SEP]"]
    assert found["spaced"] == [False, False, True, False, False, True, False]
    assert found["unknown"] == [4]


def test_the_writer_is_meant_where_no_model_is_named(ask):
    assert ask({"text": "a"}).json()["model"] == "writer"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"text": ""}, "Write a few words"),
        ({"text": " \n"}, "Write a few words"),
        ({"text": "x" * 20_001}, "20001 characters"),
        ({"text": "\ud83d"}, "half of a character"),
        ({"text": 5}, "text is 5"),
        ({}, "text is None"),
        ({"text": "a", "model": "gpt"}, "Known: writer, reader"),
        ({"text": "a", "model": ["writer"]}, "Known: writer, reader"),
        ([], "not a JSON object"),
        (b"{", "not valid JSON"),
        (b" " * (web.MAX_ASKED + 1), "At most"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_words(ask, said, told):
    answer = ask(said)
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    chinese = ask(said, lang="zh").json()["error"]
    assert chinese != answer.json()["error"]


def test_only_a_session_may_ask(ask):
    assert ask({"text": "a"}, session="nobody").status_code == 400


def test_a_model_that_is_not_here_is_fetched_meanwhile(ask, tmp_path, monkeypatch, causal_folder):
    target, going, pulls = tmp_path / "models" / WRITER, threading.Event(), []
    shutil.rmtree(target)

    def pull(name, report):
        pulls.append(name)
        report(30, 120, "…")
        assert going.wait(20)
        if len(pulls) == 1:
            raise EngineError("The model {name} could not be kept: {why}.", name=name, why="no room")
        shutil.copytree(causal_folder, target)
        (target / store.MANIFEST).write_text("{}")

    def until(done):
        deadline = time.monotonic() + 20
        while not done(answer := ask({"text": "a"})):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return answer

    monkeypatch.setattr(store, "pull", pull)
    answer = until(lambda answer: answer.json()["waiting"]["done"] > 0)
    assert answer.json() == {"waiting": {"done": 0.25, "title": store.entry(WRITER).title}}
    ask({"text": "b"})
    assert pulls == [WRITER]  # whoever asks meanwhile waits for the same
    going.set()
    assert "no room" in until(lambda answer: answer.status_code == 400).json()["error"]
    assert until(lambda answer: "tokens" in answer.json()).json()["tokens"] == ["a"]
    assert pulls == [WRITER, WRITER]
