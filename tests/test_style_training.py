"""A new style for the bank: only its row is learned, what is stopped goes on as if it had not been, and its file is a style like any."""

from __future__ import annotations

import json
import pickle
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from engines import registry, store
from engines.api import PICTURE, Brief, BriefError, EngineError, Result, Setting
from engines.device import Choice
from engines.style import contents, stylefile, training
from engines.style.network import Kernels, StyleNetwork
from engines.style.plan import Plan
from engines.style.trainable import Trainable
from engines.style.training import Bank, Paused, Shown, Step, Trained, train
from studio import config
from studio.bench import style as bench

CPU = Choice("cpu", "float32", "for a test")
PLAN = Plan(steps=12, size=64, learning_rate=0.05, minutes=100)
WIDTHS = (6, 8, 8)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def kernels() -> Kernels:
    """The bank's network at toy width, two residual blocks, with weights drawn by chance."""
    chance = torch.Generator().manual_seed(0)

    def drawn(out: int, into: int, side: int) -> torch.Tensor:
        return torch.randn(out, into, side, side, generator=chance) / (into * side * side) ** 0.5

    one, two, three = WIDTHS
    return Kernels(
        contract=(drawn(one, 3, 9), drawn(two, one, 3), drawn(three, two, 3)),
        residual=tuple((drawn(three, three, 3), drawn(three, three, 3)) for _ in range(2)),
        expand=(drawn(two, three, 3), drawn(one, two, 3), drawn(3, one, 9)),
    )


@pytest.fixture(scope="module")
def toy() -> Bank:
    network, chance = Trainable(kernels(), CPU), torch.Generator().manual_seed(1)
    rows = {
        name: [(torch.rand(width, generator=chance) + 0.5, torch.zeros(width)) for width in network.widths()]
        for name in ("one", "two", "three")
    }
    return Bank(network, rows, [f"layer.{at}" for at in range(len(network.widths()))], "a" * 64)


def picture(seed=0, size=(90, 70)) -> np.ndarray:
    """Stripes and discs in a few colours."""
    chance, (height, width) = np.random.default_rng(seed), size
    y, x = np.mgrid[0:height, 0:width]
    colours = chance.integers(0, 256, (3, 3))
    return colours[(np.sin(x / 5 + y / 9 * chance.normal()) > 0).astype(int) + ((x - 30) ** 2 + y**2 < 900)].astype(
        "uint8"
    )


@pytest.fixture
def learn(toy, eyes, tmp_path):
    def run(out="one", plan=PLAN, cancelled=lambda: False, own=(), found=toy, style=None):
        file = tmp_path / f"{out}{stylefile.SUFFIX}"
        style = picture(7) if style is None else style
        return train(style, own, [picture(1), picture(2)], file, plan, cancelled, eyes=eyes, found=found)

    return run


def trained(events) -> Trained:
    (found,) = (each for each in events if isinstance(each, Trained))
    return found


# ── The network ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_computes_what_the_bank_computes(toy):
    pixels = torch.rand(1, 3, 48, 64)
    network = StyleNetwork(kernels(), CPU)
    prepared = network.prepare(pixels[0].permute(1, 2, 0), lambda: None)
    expected = network.paint(prepared, [toy.rows["two"]], lambda: None).permute(0, 3, 1, 2)
    assert torch.allclose(toy.network.paint(pixels, toy.rows["two"], lambda: None), expected, atol=1e-4)


def test_parts_are_the_same_for_the_same_seed_and_come_again():
    parts, others = (contents.Parts([picture(3)], [picture(4)], 32, seed) for seed in (0, 1))
    assert torch.equal(parts(5), contents.Parts([picture(3)], [picture(4)], 32, 0)(5))
    assert torch.equal(parts(5), parts(5 + contents.DIFFERENT))
    assert not torch.equal(parts(5), others(5))
    for at in range(8):
        part = parts(at)
        assert part.shape == (1, 3, 32, 32)
        assert 0 <= float(part.min()) <= float(part.max()) <= 1


# ── Training ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_loss_falls_and_only_the_row_changes(learn, toy):
    before = [kernel.clone() for kernel in toy.network.kernels.contract]
    rows = {name: [(gamma.clone(), beta.clone()) for gamma, beta in row] for name, row in toy.rows.items()}
    events = list(learn(plan=replace(PLAN, steps=30)))
    steps = [each for each in events if isinstance(each, Step)]
    assert [each.step for each in steps] == list(range(31))
    assert steps[-1].left == 0
    losses = [each.loss for each in steps if each.loss is not None]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])
    assert all(torch.equal(one, other) for one, other in zip(before, toy.network.kernels.contract, strict=True))
    for name, row in rows.items():
        for one, other in zip(row, toy.rows[name], strict=True):
            assert torch.equal(one[0], other[0])
            assert torch.equal(one[1], other[1])
    shown = [each for each in events if isinstance(each, Shown)]
    assert shown[0].pixels.shape[2] == 3
    assert not np.array_equal(shown[0].pixels, shown[-1].pixels)
    done = trained(events)
    assert set(load_file(done.file)) == {
        *(f"{layer}.norm.{part}" for layer in toy.layers for part in ("gamma", "beta")),
        "thumbnail",
    }
    style = stylefile.load(done.file.read_bytes(), toy.layers, toy.network.widths(), toy.sha256)
    assert style.name == "one"
    assert style.facts["nearest"] in toy.rows
    assert style.thumbnail[:2] == b"\xff\xd8"


def test_it_begins_with_the_nearest_style(learn, toy, eyes):
    own = toy.network.paint(torch.rand(1, 3, 64, 64), toy.rows["two"], lambda: None)
    picture_of_two = (own[0].permute(1, 2, 0) * 255).byte().numpy()
    assert trained(learn(plan=replace(PLAN, steps=1), style=picture_of_two)).facts["nearest"] == "two"


def test_a_stop_changes_nothing(learn, tmp_path):
    whole = trained(learn("whole", own=[picture(5)]))
    runs, paused = 0, []
    while True:
        asked = iter(range(10**9))
        events = list(learn("parts", own=[picture(5)], cancelled=lambda asked=asked: next(asked) > 400))
        runs += 1
        if isinstance(events[-1], Trained):
            break
        assert isinstance(events[-1], Paused)
        paused.append(events[-1].step)
        assert not (tmp_path / f"parts{stylefile.SUFFIX}").exists()
    assert runs > 1
    assert paused == sorted(set(paused))
    one, other = (load_file(tmp_path / f"{name}{stylefile.SUFFIX}") for name in ("whole", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.facts["steps"] == events[-1].facts["steps"] == PLAN.steps
    assert not list(tmp_path.glob("*.unfinished"))
    assert not list(tmp_path.glob(".*"))


def test_an_unfinished_training_of_another_picture_is_not_gone_on_with(learn, tmp_path):
    asked = iter(range(10**9))
    assert isinstance(list(learn(cancelled=lambda: next(asked) > 400))[-1], Paused)
    with pytest.raises(EngineError, match="other pictures or settings"):
        list(learn(style=picture(8)))
    (tmp_path / "one.unfinished").write_bytes(b"torn")
    with pytest.raises(EngineError, match="is damaged"):
        list(learn())


def test_the_minutes_end_it(learn):
    done = trained(learn(plan=replace(PLAN, steps=100_000, minutes=0.02)))
    assert 1 <= done.facts["steps"] < 1000
    assert done.facts["seconds"] < 10


def test_a_loss_that_is_no_number_ends_it_with_the_last_good(learn, toy, monkeypatch, tmp_path):
    step = training.Objective.total

    def broken_from(count):
        seen = iter(range(10**9))
        first = len(toy.rows)  # the search for the nearest asks, too
        monkeypatch.setattr(
            training.Objective,
            "total",
            lambda self, found: step(self, found) * (float("nan") if next(seen) >= first + count else 1),
        )

    broken_from(4)
    done = trained(learn())
    assert done.facts["steps"] == 4
    assert "no number" in done.facts["stopped"]
    row = stylefile.load(done.file.read_bytes(), toy.layers, toy.network.widths(), toy.sha256).row
    assert all(bool(part.isfinite().all()) for norm in row for part in norm)
    broken_from(0)
    with pytest.raises(EngineError, match="no number from the first step"):
        list(learn("none"))
    assert not (tmp_path / f"none{stylefile.SUFFIX}").exists()


@pytest.mark.parametrize("value", [0, 130])
def test_one_colour_has_no_style(learn, value):
    with pytest.raises(EngineError, match="one colour only"):
        next(learn(style=np.full((40, 40, 3), value, np.uint8)))


def test_nothing_to_practise_on(toy, eyes, tmp_path):
    with pytest.raises(EngineError, match="no picture to practise on"):
        next(train(picture(), [], [], tmp_path / "x", PLAN, eyes=eyes, found=toy))


def test_a_folder_that_cannot_be_written_is_said(toy, eyes, tmp_path):
    with pytest.raises(EngineError, match="could not be written"):
        list(train(picture(), [picture(1)], [], tmp_path / "gone" / "x", replace(PLAN, steps=1), eyes=eyes, found=toy))


def test_the_bench_says_what_was_reached_and_what_was_not():
    reached = bench.summed([("a", None, [(1.0, 2.0), (9.5, 1.5)]), ("b", 7.0, [(1.0, 1.9), (7.0, 1.1)])])
    assert (reached.value, reached.ok) == (7.0, True)
    assert "a not reached, 2.00 at 1.0, 1.50 at 9.5" in reached.detail
    missed = bench.summed([("a", None, [(1.0, 2.0), (9.5, 1.5)])])
    assert (missed.value, missed.ok) == (9.5, False)


def test_the_bench_judges_a_style_by_its_own_picture(eyes):
    judge = bench.Judge(picture(7), eyes)
    assert judge(picture(7, (256, 199))) < judge(picture(1, (256, 199)))


# ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def packed(toy) -> bytes:
    return stylefile.pack(stylefile.Style("mine", toy.rows["one"], toy.sha256, b"\xff\xd8", {"steps": 1}), toy.layers)


def test_a_style_comes_back_from_its_file(toy, packed):
    found = stylefile.load(packed, toy.layers, toy.network.widths(), toy.sha256)
    assert (found.name, found.network, found.thumbnail, found.facts) == ("mine", toy.sha256, b"\xff\xd8", {"steps": 1})
    assert packed == stylefile.pack(found, toy.layers)


def altered(packed: bytes, folder: Path, about=None, **tensors) -> bytes:
    (folder / "x").write_bytes(packed)
    found = {**load_file(folder / "x"), **tensors}
    said = {"version": 1, "name": "mine", "network": "a" * 64, "facts": {}, **(about or {})}
    save_file(
        {key: value for key, value in found.items() if value is not None}, folder / "y", {"duet": json.dumps(said)}
    )
    return (folder / "y").read_bytes()


def test_what_is_no_style_of_this_bank_is_refused(toy, packed, tmp_path):
    nan = torch.full((WIDTHS[0],), float("nan"))
    wrong = [
        (pickle.dumps({"a": 1}), "is a pickle"),
        (b"PK\x03\x04" + bytes(100), "is a pickle"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "choose style-codes, or train a style"),
        (b"", "choose style-codes"),
        (packed[:-40], "is damaged"),
        (packed[:40], "is damaged"),
        (altered(packed, tmp_path, {"version": 2}), "version 2; this studio reads version 1"),
        (altered(packed, tmp_path, {"network": "b" * 64}), "other weights of the bank"),
        (altered(packed, tmp_path, {"name": 5}), "is damaged"),
        (altered(packed, tmp_path, **{"layer.0.norm.gamma": torch.ones(5)}), "is damaged"),
        (altered(packed, tmp_path, **{"layer.0.norm.gamma": nan}), "is damaged"),
        (altered(packed, tmp_path, **{"layer.0.norm.gamma": None}), "is damaged"),
        (altered(packed, tmp_path, extra=torch.ones(1)), "is damaged"),
    ]
    for data, said in wrong:
        with pytest.raises(EngineError, match=said):
            stylefile.load(data, toy.layers, toy.network.widths(), toy.sha256, "mine")


# ── In a brief ───────────────────────────────────────────────────────────────────────────────────────────────────────

REF = "sha256:" + "c" * 64


def test_which_engine_a_stored_style_means():
    plain = {"content": "sha256:" + "d" * 64}
    assert registry.check(Brief(styles={REF: 1}, **plain)).engine == "style-codes"
    for styles in ({REF: 1}, {REF: 1, "woodcut": 1}):
        assert registry.check(Brief(engine="style-bank", styles=styles, **plain)).engine == "style-bank"
    with pytest.raises(BriefError, match="Unknown style 'nobody'"):
        registry.check(Brief(engine="style-bank", styles={"nobody": 1}, **plain))


@pytest.fixture
def bank():
    store.ensure(["style-bank-26"])
    return registry.load("style-bank")


@pytest.fixture
def own_style(bank) -> bytes:
    """A style of the real bank that is nobody's: that of `woodcut`, a little altered."""
    found = Bank.of_store()
    row = [(gamma * 1.1, beta + 0.05) for gamma, beta in found.rows["woodcut"]]
    return stylefile.pack(stylefile.Style("mine", row, found.sha256, b"", {}), found.layers)


@pytest.fixture
def work(tmp_path, own_style) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    Image.open(config.assets() / "contents" / "street.jpg").resize((96, 64)).save(folder / "photo.png")
    (folder / "mine.style.safetensors").write_bytes(own_style)
    return folder


def brief(folder: Path, styles, **more) -> Path:
    data = {"content": "photo.png", "styles": styles, "size": 64, "variants": 2, **more}
    (folder / "brief.json").write_text(json.dumps(data))
    return folder / "brief.json"


@pytest.mark.models
def test_a_round_in_a_style_of_ones_own(work, studio_command):
    for at, (styles, more) in enumerate(
        [
            ({"mine.style.safetensors": 1}, {}),
            ({"mine.style.safetensors": 0.5, "woodcut": 0.5}, {"masks": {"style:mine.style.safetensors": "photo.png"}}),
        ]
    ):
        out = work / f"round-{at}"
        status, said, err = studio_command("round", brief(work, styles, **more), "--out", out, "--json")
        assert status == 0, err
        report = json.loads(said)
        assert report["engine"]["name"] == "style-bank"
        assert len(report["variants"]) == 2
        assert sum(bool(PICTURE.fullmatch(name)) for name in report["brief"]["styles"]) == 1


@pytest.mark.models
def test_a_mix_lies_between_its_styles(bank, own_style):
    class Files:
        def __call__(self, ref):
            return picture(3)

        def data(self, ref):
            return own_style

    def painted(styles):
        asked = Brief(engine="style-bank", content="sha256:" + "d" * 64, styles=styles, size=64)
        made = [each for each in bank.run(asked, [Setting({}, 0)], Files(), lambda: False) if isinstance(each, Result)]
        return made[0].pixels.astype(int)

    one, other, both = painted({REF: 1}), painted({"starry-oil": 1}), painted({REF: 0.5, "starry-oil": 0.5})
    assert (one != other).any()
    assert abs(both - one).mean() < abs(other - one).mean()


@pytest.mark.models
def test_what_the_bank_cannot_paint_in_is_said_before_anything_is_made(work, studio_command):
    (work / "bad.safetensors").write_bytes(pickle.dumps([1]))
    for styles, engine, said in [
        ({"photo.png": 1}, "style-bank", "choose style-codes, or train"),
        ({"bad.safetensors": 1}, "", "is a pickle"),
        ({"mine.style.safetensors": 1}, "style-codes", "takes pictures as styles"),
    ]:
        out = work / "out"
        status, _, err = studio_command("round", brief(work, styles, engine=engine), "--out", out)
        assert status == 2
        assert said in err
        assert not out.exists()


# ── The command ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.models
def test_the_command_trains_and_skips_what_is_no_picture(work, studio_command):
    store.ensure(["style-bank-26", "hed-vgg16", "photographs"])
    (work / "torn.jpg").write_bytes(b"\xff\xd8torn")
    Image.fromarray(picture(7)).save(work / "stripes.png")
    out = work / "made"
    arguments = ["--out", out, "--contents", work, "--size", "64", "--steps", "2", "--name", "stripes"]
    status, said, err = studio_command("train", "style", work / "stripes.png", *arguments, "--json")
    assert status == 0, err
    facts = json.loads(said)
    assert facts["contents"] == {"own": 2, "skipped": ["mine.style.safetensors", "torn.jpg"]}
    assert facts["steps"] == 2
    assert sorted(place.name for place in out.iterdir()) == ["stripes.preview.jpg", "stripes.style.safetensors"]
    (out / "photo.png").write_bytes((work / "photo.png").read_bytes())
    status, _, err = studio_command("round", brief(out, {"stripes.style.safetensors": 1}), "--out", work / "round")
    assert status == 0, err


def test_wrong_input_is_said_and_nothing_is_written(tmp_path, studio_command):
    Image.fromarray(picture(7)).save(tmp_path / "style.png")
    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "a.jpg").write_bytes(b"\xff\xd8")
    for arguments, said in [
        (["gone.png"], "cannot be read"),
        (["text.png"], "not a picture"),
        (["red.png"], "one colour only"),
        (["style.png", "--contents", tmp_path / "empty"], "holds no picture"),
        (["style.png", "--contents", tmp_path / "torn"], "1 other files"),
        (["style.png", "--contents", tmp_path / "none"], "cannot be read"),
        (["style.png", "--name", "a/b"], "cannot be a file's name"),
        (["style.png", "--minutes", "-1"], "--minutes"),
    ]:
        first, *rest = arguments
        status, _, err = studio_command("train", "style", tmp_path / first, "--out", tmp_path / "out", *rest)
        assert (status, said in err) == (2, True), (arguments, err)
        assert not (tmp_path / "out").exists()


@pytest.mark.models
def test_a_stop_is_heard_within_half_a_second(tmp_path):
    store.ensure(["style-bank-26", "hed-vgg16"])
    stop = time.perf_counter() + 3
    events = list(
        train(picture(7), [picture(3)], [], tmp_path / "x", Plan(size=256), lambda: time.perf_counter() > stop)
    )
    assert time.perf_counter() - stop < 0.5
    assert isinstance(events[-1], Paused)
