"""Which language model writes: named, looked at before it is fetched or loaded, fetched from a hub, and told of truthfully."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hubs import COMMIT, Hub, serving
from safetensors.numpy import load_file, save_file
from toys import NAMES, WORDS, language_model

from engines import device, hub, language, registry, store
from engines.errors import EngineError
from engines.fetching import file_sha256

NAME = "artist/tiny"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A GPT-2 of two layers with a context of 64 tokens, as transformers writes it."""
    return language_model(tmp_path_factory.mktemp("made"), "gpt2", max_position_embeddings=64)


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """The same in a folder of this test's own."""
    return Path(shutil.copytree(made, tmp_path / "tiny-gpt"))


@pytest.fixture
def models(tmp_path, monkeypatch, models_folder) -> Path:
    """A model folder of this test's own, with what reads texts already in it."""
    store.ensure(["minilm-l6-v2"])
    place = tmp_path / "models"
    place.mkdir()
    (place / "minilm-l6-v2").symlink_to(models_folder / "minilm-l6-v2")
    monkeypatch.setenv("STUDIO_MODELS", str(place))
    return place


@pytest.fixture
def served(made, monkeypatch) -> Iterator[Hub]:
    """A hub that has the toy as `artist/tiny`, with much beside it that nobody here wants."""
    with serving() as found:
        found.add(NAME, made)
        found.repositories[NAME] |= {
            "README.md": b"# Tiny",
            "pytorch_model.bin": b"\x80\x02.",
            "consolidated.safetensors": b"0" * 99,
        }
        found.repositories[NAME] |= {"modeling_tiny.py": b"raise SystemExit", "onnx.tar": b"0" * 99}
        monkeypatch.setenv("HF_ENDPOINT", found.address)
        yield found


def edited(file: Path, **changes) -> None:
    about = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in about.items() if value is not None}))


# ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_embedded_model_writes_unless_another_is_named():
    assert language.chosen() == language.EMBEDDED
    with language.using("artist/tiny"):
        assert language.chosen() == "artist/tiny"
        with language.using(None):
            assert language.chosen() == "artist/tiny"
        assert registry.models("writer") == ("artist/tiny", "minilm-l6-v2")
    assert language.chosen() == language.EMBEDDED
    assert registry.models("writer") == (language.EMBEDDED, "minilm-l6-v2")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smollm2-135", r"Unknown text model 'smollm2-135'\. Close to it: smollm2-135m-instruct\."),
        ("qqqq", r"Unknown text model 'qqqq'\. Known: smollm2-135m-instruct"),
        ("minilm-l6-v2", r"does not write.*Those that do: smollm2-135m-instruct"),
        ("./nowhere", r"There is no folder \./nowhere"),
        ("/no/such/place", r"There is no folder /no/such/place"),
    ],
)
def test_a_name_that_means_nothing_says_what_there_is(name, said, models):
    for ask in (language.check, language.path):
        with pytest.raises(EngineError, match=said):
            ask(name)


def test_a_folder_is_called_by_its_own_name_and_known_by_its_files(folder):
    assert language.label(str(folder)) == "tiny-gpt"
    found = language.check(str(folder))
    weights = load_file(folder / "model.safetensors")
    assert (found.origin, found.parameters) == ("folder", sum(each.size for each in weights.values()))
    before = language.sha256(str(folder))
    (folder / "notes.txt").write_text("no part of the model")
    assert language.sha256(str(folder)) == before
    weights["transformer.wte.weight"][0] += 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert language.sha256(str(folder)) != before


# ── What cannot write ────────────────────────────────────────────────────────────────────────────────────────────────


def encoder(folder: Path) -> None:
    edited(folder / "config.json", model_type="bert", architectures=["BertModel"])


def translator(folder: Path) -> None:
    edited(folder / "config.json", model_type="t5", architectures=["T5ForConditionalGeneration"])


def own_code(folder: Path) -> None:
    edited(
        folder / "config.json",
        model_type="tiny",
        architectures=["TinyForCausalLM"],
        auto_map={"AutoModelForCausalLM": "m.Tiny"},
    )
    (folder / "m.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_shard(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def shard_elsewhere(folder: Path) -> None:
    no_shard(folder)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))


def huge(folder: Path) -> None:
    """Weights of half a terabyte, of which the disk holds nothing but the header."""
    tensor = {"dtype": "BF16", "shape": [2**18, 2**20], "data_offsets": [0, 2**39]}
    head = json.dumps({"transformer.wte.weight": tensor}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + 2**39)


def torn(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / "config.json").unlink(), r"tiny-gpt is no language model: it has no config\.json"),
        (
            lambda folder: (folder / "config.json").write_text("[]"),
            r"config\.json of the model tiny-gpt is missing or damaged",
        ),
        (encoder, r"no causal language model.*BertModel"),
        (translator, r"no causal language model.*T5ForConditionalGeneration"),
        (own_code, r"of the kind 'tiny'.*Code that comes with a model is never run"),
        (lambda folder: edited(folder / "config.json", quantization_config={"bits": 4}), r"quantised"),
        (
            lambda folder: edited(folder / "config.json", model_type="mamba", architectures=["MambaForCausalLM"]),
            r"side by side",
        ),
        (lambda folder: edited(folder / "config.json", n_layer=None), r"does not say how large"),
        (pickled, r"only as pytorch_model\.bin, a format that may hold code"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"has no weights"),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense"),
            r"model\.safetensors .* damaged",
        ),
        (torn, r"model\.safetensors .* damaged"),
        (shard_elsewhere, r"no causal language model|damaged"),
        (no_shard, r"model-00002-of-00002\.safetensors of the model tiny-gpt is missing"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"has no tokenizer"),
        (huge, r"needs about \d+ GB of memory to write, and [\d.]+ GB are free.*smaller model: \d+ million parameters"),
    ],
)
def test_what_cannot_write_is_said_before_anything_is_loaded_and_in_one_line(
    harm, said, folder, tmp_path, studio_command
):
    harm(folder)
    with pytest.raises(EngineError, match=said):
        language.check(str(folder))
    (tmp_path / "brief.json").write_text(json.dumps({"mode": "text", "prompt": "the sea"}))
    status, out, err = studio_command(
        "round", tmp_path / "brief.json", "--out", tmp_path / "out", "--text-model", folder
    )
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert not (tmp_path / "out").exists()
    assert not (folder / "ran").exists()


def test_memory_is_that_of_the_weights_and_of_what_was_read(folder, monkeypatch):
    monkeypatch.setattr(device, "available_memory", lambda: 2**40)
    files = language._files(str(folder))
    assert (
        files.cache(2) == 2 * files.cache(1) == 2 * (2 * 2 * 2 * 32 * 64 * 4)
    )  # keys and values, layers, width, tokens, texts
    edited(folder / "config.json", num_key_value_heads=1)
    assert language._files(str(folder)).cache(1) == files.cache(1) // 4


@pytest.mark.parametrize(
    ("most", "used", "cached", "left"), [("1000", "600", "100", 500), ("500", "600", "0", 0), ("max", "1", "0", None)]
)
def test_a_container_has_no_more_memory_than_it_was_given(most, used, cached, left, tmp_path, monkeypatch):
    for file, text in (
        ("memory.max", most),
        ("memory.current", used),
        ("memory.stat", f"anon 1\ninactive_file {cached}\n"),
    ):
        (tmp_path / file).write_text(text)
    monkeypatch.setattr(device, "CONTAINER", tmp_path)
    found = device.available_memory()
    assert found == left if left is not None else found > 2**20


# ── A hub ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_model_of_a_hub_is_looked_at_before_it_is_fetched(served, models, folder):
    found = language.check(NAME)
    assert (found.origin, found.name) == ("hub", NAME)
    assert found.parameters == language.check(NAME).parameters > 10_000
    assert not store.present(NAME)
    assert {path.rpartition("/")[2] for path in served.asked if "resolve" in path} == {
        "config.json",
        "model.safetensors",
    }
    huge(folder)
    with (folder / "model.safetensors").open("rb") as file:
        served.repositories[NAME]["model.safetensors"] = file.read(4096)
    served.large["model.safetensors"] = (folder / "model.safetensors").stat().st_size
    with pytest.raises(EngineError, match=r"needs about \d+ GB of memory"):
        language.check(NAME)


def test_it_is_fetched_with_what_it_needs_and_nothing_else_and_stays(served, models, made, monkeypatch):
    told: list[tuple[int, int, str]] = []
    place = store.pull(NAME, lambda *what: told.append(what))
    wanted = {each.name for each in made.iterdir()}
    assert {each.name for each in place.iterdir()} == wanted | {store.MANIFEST}
    done = [each for each, _, _ in told]
    assert done == sorted(done)
    assert told[-2][:2] == (told[-2][1],) * 2
    assert json.loads((place / store.MANIFEST).read_text())["hub"]["revision"] == COMMIT
    assert [each for each in models.iterdir() if each.name.endswith((".hub", ".part"))] == []
    assert (store.state(NAME), store.entry(NAME).license) == ("ok", "mit")
    assert language.sha256(NAME) == language.folder_sha256(made)  # the same files are the same model
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # offline
    assert language.check(NAME).parameters > 10_000
    assert store.pull(NAME) == place
    assert NAME in language.known()
    (place / "config.json").write_text("{}")
    assert store.problems(NAME) == ["config.json is torn: 2 of " + f"{(made / 'config.json').stat().st_size} bytes"]


@pytest.fixture
def slow(served, made, tmp_path) -> int:
    """Makes the toy 30 MB, which come in small pieces. Its size."""
    file = tmp_path / "model.safetensors"
    import numpy as np

    save_file(
        load_file(made / "model.safetensors") | {"spare": np.zeros(30 * 2**18, np.float32)}, file, {"format": "pt"}
    )
    served.repositories[NAME]["model.safetensors"] = file.read_bytes()
    return file.stat().st_size


def test_a_fetch_that_is_stopped_goes_on_where_it_was(served, models, slow):
    class Enough(Exception):
        pass

    def tell(done: int, total: int, message: str) -> None:
        if done > total / 2:
            raise Enough

    with pytest.raises(Enough):
        store.pull(NAME, tell)
    assert not store.present(NAME)
    first = served.sent
    served.sent = 0
    store.pull(NAME)
    assert store.state(NAME) == "ok"
    assert first > slow / 2 > served.sent - 2**20  # what was there was not sent again


def test_what_is_not_what_the_hub_recorded_is_not_kept(served, models):
    served.told["model.safetensors"] = "0" * 64
    with pytest.raises(
        EngineError, match=r"model\.safetensors of the model artist/tiny is not the file that was recorded"
    ):
        store.pull(NAME)
    assert not store.present(NAME)
    served.told.clear()
    store.pull(NAME)
    assert store.state(NAME) == "ok"


def test_a_full_disk_is_said_before_anything_is_fetched(served, models, monkeypatch):
    usage = shutil.disk_usage(models)
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(EngineError, match=r"takes 0\.0 GB on the disk"):
        store.pull(NAME)
    assert served.sent < 200_000


def test_a_hub_that_has_it_only_as_a_pickle_is_not_asked_for_it(served, models):
    served.repositories[NAME].pop("model.safetensors")
    with pytest.raises(EngineError, match=r"only as pytorch_model\.bin"):
        language.check(NAME)
    with pytest.raises(EngineError, match=r"only as pytorch_model\.bin"):
        store.pull(NAME)
    assert not any("pytorch_model.bin" in path for path in served.asked)


def test_what_a_hub_says_is_told_in_words(served, models):
    with pytest.raises(EngineError, match="The hub has no model artist/other"):
        language.check("artist/other")
    served.gated.add(NAME)
    with pytest.raises(EngineError, match="HF_TOKEN"):
        language.check(NAME)
    served.broken = True
    with pytest.raises(hub.UnreachableError, match=r"503.*HF_ENDPOINT.*--text-model FOLDER"):
        language.check(NAME)


def test_without_a_hub_there_is_a_remedy_and_nothing_is_sent_elsewhere(monkeypatch, models, tmp_path, studio_command):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
    (tmp_path / "brief.json").write_text(json.dumps({"mode": "text", "prompt": "the sea"}))
    status, out, err = studio_command("round", tmp_path / "brief.json", "--out", tmp_path / "out", "--text-model", NAME)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "cannot be reached" in err
    assert "--text-model FOLDER" in err
    assert not (tmp_path / "out").exists()


# ── Commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def brief(tmp_path) -> Path:
    asked = {
        "mode": "text",
        "prompt": "the sea and a boat",
        "options": {"length": 12, "trim": False, "clean": False},
        "seed": 3,
    }
    file = tmp_path / "brief.json"
    file.write_text(json.dumps(asked))
    return file


def test_a_round_is_written_by_the_model_that_was_named_and_says_so(
    served, models, brief, made, tmp_path, studio_command
):
    status, out, err = studio_command("round", brief, "--out", tmp_path / "a", "--text-model", NAME, "--json")
    assert status == 0, err
    report = json.loads(out)
    assert report["engine"]["models"][NAME] == language.folder_sha256(made)
    assert language.EMBEDDED not in report["engine"]["models"]
    assert language.VARIABLE not in os.environ
    status, out, _ = studio_command("round", brief, "--out", tmp_path / "b", "--text-model", made, "--json")
    assert status == 0
    other = json.loads(out)
    assert other["engine"]["models"][made.name] == language.folder_sha256(made)
    assert [each["sha256"] for each in other["variants"]] == [each["sha256"] for each in report["variants"]]
    assert {word.strip(".,") for each in report["variants"] for word in each["text"].split()} <= {*NAMES, ""}


def test_a_model_that_was_not_taught_to_answer_says_so_and_a_small_one_leaves_room(models, made, brief):
    from engines.api import Brief, Result, Setting

    engine = registry.load("writer")
    with language.using(str(made)):
        asked = Brief.from_dict(
            {"mode": "text", "prompt": "the sea . " * 60, "options": {"reply": True, "length": 200}}
        )
        *_, last = [
            each for each in engine.run(registry.check(asked), [Setting({}, 1)], None, bool) if isinstance(each, Result)
        ]
        remarks = [each.template for each in last.remarks]
        assert "This model was never taught to answer: it goes on with the question." in remarks
        assert engine.room(registry.check(asked)).answer == 32
        assert len(engine.tokens(registry.check(asked), Setting({}, 1), "the sea and a boat . " * 20, None)) == 120
    edited(made / "tokenizer_config.json", chat_template="{{ messages[0].content }}")
    try:
        assert engine.models  # the folder is another model now
        with language.using(f"{made}/"):
            *_, last = [
                each
                for each in engine.run(registry.check(asked), [Setting({}, 1)], None, bool)
                if isinstance(each, Result)
            ]
        assert remarks[1] not in [each.template for each in last.remarks]
    finally:
        edited(made / "tokenizer_config.json", chat_template=None)


def test_models_of_a_hub_are_listed_pulled_and_verified(served, models, studio_command):
    status, _, err = studio_command("models", "pull", NAME)
    assert status == 0, err
    status, out, _ = studio_command("models", "list", "--json")
    (row,) = [each for each in json.loads(out)["models"] if each["name"] == NAME]
    assert (row["present"], row["license"], row["size"] > 100_000) == (True, "mit", True)
    status, out, _ = studio_command("models", "list")
    assert NAME in out
    status, out, _ = studio_command("models", "verify")
    assert (status, f"{NAME}: whole" in out) == (0, True)
    with (models / "artist--tiny" / "model.safetensors").open("r+b") as file:
        file.seek(5000)
        file.write(b"harm")
    status, _, err = studio_command("models", "verify")
    assert (status, NAME in err) == (1, True)
    status, _, err = studio_command("models", "pull", "artist/other")
    assert (status, "The hub has no model artist/other" in err) == (2, True)


def test_a_voice_is_taught_to_the_model_that_is_named(served, models, tmp_path, studio_command):
    chance = random.Random(4)
    (tmp_path / "mine.txt").write_text("\n\n".join(" ".join(chance.choices(WORDS, k=12)) for _ in range(60)))
    given = ["--minutes", 0.1, "--epochs", 1, "--block", 128, "--text-model", NAME, "--json"]
    status, out, err = studio_command("train", "lora", tmp_path / "mine.txt", "--out", tmp_path / "voice", *given)
    assert status == 0, err
    assert json.loads(out)["base"] == {"name": NAME, "sha256": language.sha256(NAME)}


def test_what_was_fetched_is_the_file_that_was_sent(served, models, made):
    place = store.pull(NAME)
    assert file_sha256(place / "model.safetensors") == file_sha256(made / "model.safetensors")


def test_a_replay_by_the_same_model_is_the_same_and_by_another_says_which_it_was(
    models, made, tmp_path, studio_command
):
    from engines.api import Brief
    from studio.session import Studio

    other = Path(shutil.copytree(made, tmp_path / "other-gpt"))
    weights = load_file(other / "model.safetensors")
    weights["transformer.wte.weight"] *= -1
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    studio = Studio(tmp_path / "artist")
    try:
        with language.using(str(made)):
            session = studio.new_session()
            list(
                session.propose(
                    Brief.from_dict({"mode": "text", "prompt": "the sea", "options": {"length": 10}, "seed": 3})
                )
            )
        (round,) = session.state().rounds.values()
        assert round.engine.models[made.name] == language.folder_sha256(made)
        session.export(tmp_path / "export.zip")
    finally:
        studio.close()
    status, _, err = studio_command("replay", tmp_path / "export.zip", "--text-model", made)
    assert status == 0, err
    status, _, err = studio_command("replay", tmp_path / "export.zip", "--text-model", other)
    assert status == 1
    assert made.name in err
    assert "other-gpt" in err
