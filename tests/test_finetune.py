"""Fine-tuning: what is held out, what is learned, and that a stop loses nothing. Toy models of the real classes, and the real one."""

import json
import time
from pathlib import Path

import pytest
import torch
from toys import WORDS, language_model

from engines import store, unfinished
from engines.api import EngineError
from engines.text import Training, corpus, keeping
from engines.text.adapter import applied, check, load, pack, shapes
from engines.text.finetune import Paused, Sample, Step, Trained, train
from engines.text.learner import read, score
from studio.bench.lora import perplexity_ratio

TRAINING = Training(epochs=3, rank=4, block=32, learning_rate=5e-3)


def tale(count=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lines = torch.randint(14, (count, 6), generator=generator).tolist()
    return "\n\n".join(" ".join(f"{WORDS[at]} the sea ." for at in line) for line in lines)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def toy(request, tmp_path_factory):
    return language_model(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return language_model(tmp_path_factory.mktemp("toy"), "llama")


def finished(events):
    return list(events)


# ── What is held out ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", [tale(), tale().replace("\n\n", " "), "海上有船。风很大。" * 40, "a\nb\nc"])
def test_the_end_is_held_out_and_nothing_is_lost(text):
    learned, held = corpus.split(text)
    assert learned
    assert held
    assert "".join(learned + held) == text.strip()
    assert sum(map(corpus.words, held)) >= corpus.HELD_OUT * corpus.words(text)
    assert sum(map(corpus.words, held)) < 0.5 * corpus.words(text)


def test_words_and_characters_of_scripts_without_spaces_count():
    assert corpus.words("It's a well-worn boat, 7 m long.") == 7
    assert corpus.words("海上有船, a boat") == 6


def test_what_is_held_out_is_in_no_training_part():
    again = tale(40).split("\n\n")
    texts = ["\n\n".join(again), "\n\n".join([again[-1], *tale(30, seed=1).split("\n\n")])]
    words: list[str] = []

    def encode(text):
        words.extend(w for w in text.split() if w not in words)
        return [words.index(w) for w in text.split()]

    found = corpus.read(texts, encode, lambda: False)
    needle = encode(again[-1])
    for stream in found.training:
        tokens = stream.tolist()
        assert not any(tokens[at : at + len(needle)] == needle for at in range(len(tokens)))


def test_every_epoch_reads_everything_once_cut_elsewhere():
    found = corpus.Corpus((torch.arange(100), torch.arange(100, 137)), (), 0, 0, "")
    epochs = [found.blocks(16, 0, epoch) for epoch in range(4)]
    for blocks in epochs:
        assert set(torch.cat(blocks).tolist()) >= set(range(136)) - {
            99
        }  # a last token that stands alone foretells nothing
        assert max(map(len, blocks)) <= 16
    assert len({tuple(len(block) for block in blocks) for blocks in epochs}) > 1
    assert [b.tolist() for b in found.blocks(16, 0, 1)] == [b.tolist() for b in epochs[1]]


@pytest.mark.parametrize(("length", "overlap"), [(8, 0), (8, 4), (64, 32)])
def test_an_even_chance_for_all_is_a_perplexity_of_that_many(length, overlap):
    streams = [torch.arange(30) % 7, torch.arange(5)]
    seen = []

    def logits(tokens):
        seen.append(tokens.shape[1])
        return torch.zeros(1, tokens.shape[1], 7)

    assert corpus.perplexity(logits, streams, length, overlap) == pytest.approx(7.0)
    assert max(seen) <= length


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "0 words"),
        (["three words only"], "At least 200"),
        (["a\0b" * 300], "no text"),
        (["x" * 2_000_001], "At most"),
    ],
)
def test_what_cannot_be_learned_from_is_said_before_anything_loads(texts, said, tmp_path):
    with pytest.raises(EngineError, match=said):
        next(train(tmp_path / "no model", texts, tmp_path / "out"))
    assert not list(tmp_path.iterdir())


# ── Training ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_learns_and_peft_reads_what_is_written(toy, tmp_path):
    from peft import PeftModel

    out = tmp_path / "voice"
    events = finished(train(toy, [tale()], out, TRAINING))
    samples, trained = [each for each in events if isinstance(each, Sample)], events[-1]
    assert isinstance(trained, Trained)
    assert [sample.when for sample in samples] == ["before", "after"]
    assert samples[0].prompt == samples[1].prompt
    facts = json.loads((out / "training.json").read_text())
    assert facts == json.loads(json.dumps(trained.facts))
    assert facts["ratio"] < 0.85
    assert sorted(place.name for place in out.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
    ]
    assert str(toy) not in (out / "adapter_config.json").read_text()
    tokens = torch.tensor([[2, 3, 4, 5, 6]])
    _, model = read(toy)
    model.float()
    with torch.inference_mode():
        with applied(model, [load(out)], torch.ones(1, 1)):
            ours = model(tokens.to(model.device)).logits
        theirs = PeftModel.from_pretrained(model, out)(input_ids=tokens.to(model.device)).logits
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_the_same_seed_is_the_same_adapter_and_a_stop_changes_nothing(llama, tmp_path):
    whole = finished(train(llama, [tale()], tmp_path / "whole", TRAINING))
    assert isinstance(whole[-1], Trained)
    out, runs = tmp_path / "parts", 0
    while not (out / "training.json").exists():
        runs += 1
        assert runs < 30
        calls = iter(range(700))  # some steps, and then in the midst of one
        events = finished(train(llama, [tale()], out, TRAINING, lambda calls=calls: next(calls, None) is None))
        assert isinstance(events[-1], Trained | Paused)
    assert runs > 2
    assert not unfinished.place(out).exists()
    files = [place / "adapter_model.safetensors" for place in (tmp_path / "whole", out)]
    assert files[0].read_bytes() == files[1].read_bytes()
    facts = [json.loads((place.parent / "training.json").read_text()) for place in files]
    for each in facts:
        del each["seconds"], each["name"]
    assert facts[0] == facts[1]


def test_other_texts_do_not_go_on_with_what_was_stopped(llama, tmp_path):
    calls = iter(range(700))
    finished(train(llama, [tale()], tmp_path / "out", TRAINING, lambda: next(calls, None) is None))
    assert unfinished.place(tmp_path / "out").is_file()
    with pytest.raises(EngineError, match="other texts"):
        finished(train(llama, [tale(seed=5)], tmp_path / "out", TRAINING))


def test_a_full_disk_leaves_the_old_adapter(llama, tmp_path, monkeypatch):
    out = tmp_path / "out"
    finished(train(llama, [tale()], out, TRAINING))
    before = {place: place.read_bytes() for place in out.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeping.os, "fsync", full)
    with pytest.raises(EngineError, match="No space left"):
        finished(train(llama, [tale(seed=2)], out, TRAINING))
    assert {place: place.read_bytes() for place in out.iterdir()} == before
    assert [place.name for place in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_things_is_not_touched(llama, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(EngineError, match="other things"):
        next(train(llama, [tale()], tmp_path))


# ── Adapters ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def voices(llama, tmp_path_factory):
    places = [tmp_path_factory.mktemp("voices") / name for name in "ab"]
    for seed, out in enumerate(places):
        finished(train(llama, [tale(seed=seed)], out, TRAINING))
    return places


def test_a_blob_holds_all_and_is_the_same_every_time(voices):
    blob = pack(voices[0])
    assert blob == pack(voices[0])
    whole, packed = load(voices[0]), load(blob)
    assert list(whole.layers) == list(packed.layers)
    assert whole.facts == packed.facts
    for name, layer in whole.layers.items():
        assert torch.equal(layer.a, packed.layers[name].a)
        assert torch.equal(layer.b, packed.layers[name].b)
        assert layer.scale == packed.layers[name].scale == 2.0


def test_each_row_has_weights_of_its_own(llama, voices):
    _, model = read(llama)
    model.float()
    both = [load(voice) for voice in voices]
    tokens = torch.tensor([[2, 3, 4, 5]]).repeat(4, 1).to(model.device)
    weights = torch.tensor([[0.0, 1.0, 0.0, 0.5], [0.0, 0.0, 1.0, 2.0]])
    with torch.inference_mode():
        plain = model(tokens).logits
        with applied(model, both, weights) as at_work:
            mixed = model(tokens).logits
            at_work.keep([3, 0])
            assert torch.allclose(model(tokens[:2]).logits, mixed[[3, 0]], atol=1e-5)
        alone = []
        for row in range(4):
            with applied(model, both, weights[:, row : row + 1]):
                alone.append(model(tokens[:1]).logits[0])
        assert torch.equal(model(tokens).logits, plain)
    assert torch.allclose(mixed[0], plain[0], atol=1e-6)
    assert torch.allclose(mixed, torch.stack(alone), atol=1e-5)
    assert not torch.allclose(mixed[1], mixed[2], atol=1e-3)


def test_an_adapter_of_another_model_says_where_it_does_not_fit(voices, tmp_path):
    _, other = read(language_model(tmp_path, "gpt2"))
    with pytest.raises(EngineError, match="another model"):
        check(load(voices[0]), shapes(other))


@pytest.mark.parametrize("data", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0{}", b"\x04\0\0\0\0\0\0\0null"])
def test_what_is_no_adapter_is_said(data, tmp_path):
    (tmp_path / "file").write_bytes(data)
    for source in (data, tmp_path / "file", tmp_path / "nowhere", tmp_path):
        with pytest.raises(EngineError):
            load(source)


def test_the_benchmark_scores_what_was_not_learned_from(llama):
    texts = {"tale": tale(160)}

    def trained(text, out):
        began = time.perf_counter()
        finished(train(llama, [text], out, TRAINING))
        return time.perf_counter() - began

    rows = perplexity_ratio(
        texts, trained, lambda text, out: score(llama, text, load(out) if out else None), corpus.words
    )
    assert rows[0].name == "lora.perplexity"
    assert rows[0].ok
    assert rows[0].value == rows[1].value


# ── The command and the real model ───────────────────────────────────────────────────────────────────────────────────


def command(*arguments, capsys):
    from studio.cli import run

    status = run(["train", "lora", *map(str, arguments)])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_command_trains_and_prints_one_document(llama, tmp_path, capsys):
    (tmp_path / "tale.txt").write_text(tale())
    given = (tmp_path / "tale.txt", "--out", tmp_path / "out", "--model", llama, "--epochs", 1, "--rank", 2)
    status, out, err = command(*given, "--json", capsys=capsys)
    assert status == 0, err
    assert json.loads(out)["words"] > 100
    assert load(tmp_path / "out").layers
    status, out, err = command(*given, capsys=capsys)
    assert status == 0
    assert "Before:" in out
    assert "After:" in out
    assert "perplexity" in err


@pytest.mark.parametrize("content", [b"three short words", b"", b"\xff\xfe\x00binary"])
def test_the_command_refuses_what_it_cannot_learn_from(content, llama, tmp_path, capsys):
    (tmp_path / "tale.txt").write_bytes(content)
    status, out, err = command(tmp_path / "tale.txt", "--out", tmp_path / "out", "--model", llama, capsys=capsys)
    assert status == 2
    assert not out
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.models
def test_the_real_model_learns_and_hears_a_stop_at_once(home, tmp_path):
    store.ensure(["smollm2-135m-instruct"])
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")[:9000]
    folder, out = store.path("smollm2-135m-instruct"), tmp_path / "out"
    asked = []
    stopped = False

    def cancelled():
        if stopped:
            asked.append(time.perf_counter())
        return stopped

    for event in train(folder, [readme], out, Training(epochs=1, minutes=5), cancelled):
        if isinstance(event, Step) and event.step == 2:
            stopped, began = True, time.perf_counter()
    assert event == Paused(2, event.total)
    assert asked[0] - began < 0.5
    assert unfinished.place(out).is_file()
