"""What texts mean: the same bytes in any company, unit length, long texts and empty ones. A toy of the real class, and the real one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from engines import embed, registry, store
from engines.api import EngineError
from engines.device import Choice
from engines.embed import MODEL, MOST, WIDTH, Reader

TEXTS = [
    "the green apple is on the table .",
    "boats",
    "the sea and the boat",
    "",
    "far far far",
    "the sea " * 300,
    "zebra",
]


@pytest.fixture(scope="module")
def toy(encoder_folder):
    return Reader(lambda: encoder_folder, lambda: Choice("cpu", "bfloat16", "for a test"))


def test_a_text_is_the_same_bytes_whatever_stands_beside_it(toy):
    together = toy.embed(TEXTS)
    assert together.dtype == np.float32
    assert together.shape == (len(TEXTS), 32)
    for at, text in enumerate(TEXTS):
        assert toy.embed([text])[0].tobytes() == together[at].tobytes(), text
    assert toy.embed(TEXTS[::-1]).tobytes() == together[::-1].tobytes()
    assert toy.embed([TEXTS[0]] * 3).tobytes() == together[[0, 0, 0]].tobytes()


def test_threads_may_ask_at_once_and_the_weights_load_once(encoder_folder):
    asked = []

    def folder():
        asked.append(1)
        return encoder_folder

    reader = Reader(folder, lambda: Choice("cpu", "float32", "for a test"))
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: reader.embed(TEXTS), range(12)))
    assert len(asked) == 1
    assert {each.tobytes() for each in found} == {reader.embed(TEXTS).tobytes()}


def test_vectors_have_unit_length_but_for_texts_without_words(toy):
    lengths = np.linalg.norm(toy.embed([*TEXTS, " \n\t", "\u200b"]), axis=1)
    empty = [not text for text in TEXTS] + [True, True]
    assert lengths == pytest.approx(np.where(empty, 0.0, 1.0), abs=1e-6)
    assert toy.embed([]).shape == (0, WIDTH)
    assert toy.similarity("", "") == 0.0
    assert toy.similarity("the sea", "the sea") == pytest.approx(1.0)
    assert toy.similarity("the sea", "boat") == toy.similarity("boat", "the sea")


def test_it_is_the_mean_over_the_tokens_of_the_network(toy, encoder_folder):
    from transformers import AutoModel, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(encoder_folder), AutoModel.from_pretrained(encoder_folder).eval()
    with torch.inference_mode():
        mean = network(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state[0].mean(0)
    assert toy.embed(TEXTS[:1])[0] == pytest.approx((mean / mean.norm()).numpy(), abs=1e-6)


def test_a_long_text_is_the_mean_of_its_pieces(toy):
    half = " ".join(["the sea"] * (MOST // 2))
    assert toy.embed([half])[0] == pytest.approx(toy.embed([f"{half} {half}"])[0], abs=1e-6)
    longer = toy.embed([f"{half} and far", half])  # cut in the middle, so that no piece is a word or two
    assert 0.9 < float(longer[0] @ longer[1]) < 1.0
    end = toy.embed([f"{half} {'apple ' * MOST}"])[0]  # what stands far behind counts
    assert not np.allclose(end, toy.embed([half])[0], atol=1e-3)


def test_missing_weights_are_told_when_it_reads(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    assert registry.reader() is embed.shared
    for call in (lambda: Reader().embed(["sea"]), Reader().models):
        with pytest.raises(EngineError, match=f"studio models pull {MODEL}"):
            call()


@pytest.mark.models
def test_meaning_with_the_real_weights():
    store.ensure([MODEL])
    reader = registry.reader()
    assert reader.models() == {MODEL: store.sha256(MODEL)}
    apple = "The green apple is on the table."
    assert reader.similarity(apple, "A fruit lies upon the desk.") > 0.5
    assert abs(reader.similarity(apple, "Stock prices fell sharply today.")) < 0.2
    assert reader.similarity(apple, apple.upper()) == pytest.approx(1.0)  # the model has no capitals
    found = reader.embed([apple, "A boat far out at sea.", "", apple])
    assert found.shape == (4, WIDTH)
    assert found[0].tobytes() == found[3].tobytes() == reader.embed([apple])[0].tobytes()


@pytest.mark.models
def test_the_real_tokenizer_marks_texts_as_we_do():
    """[CLS] and [SEP] around a text, put there piece by piece, are what the tokenizer puts around the whole."""
    store.ensure([MODEL])
    reader = registry.reader()
    reader.embed(["warm"])
    tokenizer, _ = reader._loaded
    whole = tokenizer("Boats at sea").input_ids
    bare = tokenizer("Boats at sea", add_special_tokens=False).input_ids
    assert whole == [tokenizer.cls_token_id, *bare, tokenizer.sep_token_id]
