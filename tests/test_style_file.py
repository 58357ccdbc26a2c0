"""Styles as files: what was trained is a style like any in a brief, what is none is refused, and the command writes it."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from banks import WIDTHS, altered, picture, toy_bank
from PIL import Image

from engines import registry, store
from engines.api import PICTURE, Brief, BriefError, Cancelled, EngineError, Result, Setting
from engines.style import kinds, stylefile
from engines.style.learned import Bank, Network
from engines.style.owned import StyleNetworks
from engines.style.painting import fitted
from engines.style.plan import Plan
from engines.style.training import Paused, train
from studio import config


@pytest.fixture(scope="module")
def toy() -> Bank:
    return toy_bank()


# ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def packed(toy) -> bytes:
    return stylefile.pack(stylefile.Style("mine", toy.rows["one"], toy.sha256, b"\xff\xd8", {"steps": 1}), toy.layers)


def test_a_style_comes_back_from_its_file(toy, packed):
    found = stylefile.load(packed, toy.layers, toy.network.widths(), toy.sha256)
    assert (found.name, found.network, found.thumbnail, found.facts) == ("mine", toy.sha256, b"\xff\xd8", {"steps": 1})
    assert packed == stylefile.pack(found, toy.layers)


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


@pytest.fixture
def whole(toy) -> bytes:
    """A network near the toy bank's."""
    learner = Network(toy, chance=False, seed=0)
    return learner.pack(learner.start(toy.rows["two"]), "whole", b"\xff\xd8", {"steps": 1})


def test_a_network_comes_back_from_its_file(whole):
    found = stylefile.load_network(whole)
    assert (found.name, found.thumbnail, found.facts) == ("whole", b"\xff\xd8", {"steps": 1})
    assert whole == stylefile.pack_network(found)


def test_what_is_no_network_is_refused(packed, whole, tmp_path, toy):
    kernel = stylefile.load_network(whole).kernels.contract[1].half()
    wrong = [
        (pickle.dumps({"a": 1}), "is a pickle"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no style file"),
        (packed, "belongs to the engine style-bank"),
        (whole[:-40], "is damaged"),
        (altered(whole, tmp_path, {"kind": "network", "version": 2}), "version 2; this studio reads version 1"),
        (altered(whole, tmp_path, {"kind": "other"}), "is damaged"),
        (altered(whole, tmp_path, {"kind": "network"}, **{"contract.1.w": kernel[:, :2].contiguous()}), "is damaged"),
        (altered(whole, tmp_path, {"kind": "network"}, **{"contract.1.w": kernel.float()}), "is damaged"),
        (altered(whole, tmp_path, {"kind": "network"}, **{"contract.1.w": kernel * float("inf")}), "is damaged"),
        (altered(whole, tmp_path, {"kind": "network"}, **{"contract.1.w": torch.tensor(1.0)}), "is damaged"),
        (altered(whole, tmp_path, {"kind": "network"}, **{"res.0.0.w": None}), "is damaged"),
        (altered(whole, tmp_path, {"kind": "network"}, **{"expand.2.norm.beta": None}), "is damaged"),
        (altered(whole, tmp_path, {"kind": "network"}, extra=torch.ones(1)), "is damaged"),
    ]
    for data, said in wrong:
        with pytest.raises(EngineError, match=said):
            stylefile.load_network(data, "whole")
    with pytest.raises(EngineError, match="belongs to the engine style-network"):
        stylefile.load(whole, toy.layers, toy.network.widths(), toy.sha256)


def test_which_kind_a_file_is(packed, whole):
    assert [kinds.kind(data) for data in (packed, whole, pickle.dumps([1]), b"", b"GIF89a{{{{", whole[:60])] == [
        "row",
        "network",
        *[None] * 4,
    ]
    meant = (packed, whole, pickle.dumps([1]), packed[:40])
    assert all(kinds.is_trained(data) for data in meant)
    assert not any(kinds.is_trained(data) for data in (b"", b"\xff\xd8\xff", b"GIF89a\x7b\x00{\x00"))


# ── The engine of networks ───────────────────────────────────────────────────────────────────────────────────────────


class Files:
    """A photograph, a brush that is white on the left, and styles by reference."""

    def __init__(self, **styles: bytes) -> None:
        self._styles = styles

    def __call__(self, ref):
        left = np.zeros((70, 90, 3), np.uint8)
        left[:, :45] = 255
        return left if ref.endswith("e" * 64) else picture(3, (70, 90))

    def data(self, ref):
        return self._styles[ref[-1]]


@pytest.fixture
def painted(whole, toy):
    """What the engine paints in a style `a`, its network, or `b`, another."""
    other = Network(toy, chance=True, seed=1)
    files = Files(a=whole, b=other.pack(other.start(None), "other", b"", {}))
    engine = StyleNetworks()

    def run(styles, **more):
        named = {f"sha256:{name * 64}": weight for name, weight in styles.items()}
        asked = Brief(engine="style-network", content="sha256:" + "d" * 64, styles=named, size=90, **more)
        events = engine.run(
            registry.check(asked), [Setting({}, 0), Setting({"strength": 1.0}, 1)], files, lambda: False
        )
        return [each.pixels.astype(int) for each in events if isinstance(each, Result)]

    return run


def test_networks_paint_and_are_mixed_by_what_they_paint(painted):
    content = fitted(picture(3, (70, 90)), 90).astype(int)
    assert abs(painted({"a": 1}, options={"strength": 0.0})[0] - content).max() == 0
    (some, one), (_, other), (_, both) = painted({"a": 1}), painted({"b": 1}), painted({"a": 0.25, "b": 0.75})
    assert 0 < abs(some - content).mean() < abs(one - content).mean()
    assert abs(both - (0.25 * one + 0.75 * other)).max() <= 1
    assert all((first == second).all() for first, second in zip(painted({"a": 1}), (some, one), strict=True))


def test_networks_take_the_brush(painted):
    content = fitted(picture(3, (70, 90)), 90).astype(int)
    (_, brushed), (_, plain) = (
        painted({"a": 1}, masks={f"style:sha256:{'a' * 64}": "sha256:" + "e" * 64}),
        painted({"a": 1}),
    )
    assert abs(brushed - plain)[:, :20].max() <= 1
    assert abs(brushed - content)[:, -20:].max() <= 1


def test_a_stop_is_heard_between_convolutions(whole):
    asked = iter(range(10**9))
    brief = registry.check(
        Brief(engine="style-network", content="sha256:" + "d" * 64, styles={f"sha256:{'a' * 64}": 1}, size=90)
    )
    events = list(StyleNetworks().run(brief, [Setting({}, 0)], Files(a=whole), lambda: next(asked) > 5))
    assert isinstance(events[-1], Cancelled)


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
    for sitting in (1, 2):
        status, said, err = studio_command("train", "style", work / "stripes.png", *arguments, "--network", "--json")
        assert status == 0, err
        assert [json.loads(said)[fact] for fact in ("kind", "sittings", "steps")] == ["network", sitting, 2 * sitting]
    status, said, err = studio_command(
        "round", brief(out, {"stripes.network.safetensors": 1}), "--out", work / "own", "--json"
    )
    assert status == 0, err
    assert json.loads(said)["engine"]["name"] == "style-network"
    mixed = brief(out, {"stripes.network.safetensors": 0.5, "stripes.style.safetensors": 0.5})
    status, _, err = studio_command("round", mixed, "--out", work / "mixed")
    assert (status, "belongs to the engine style-bank" in err) == (2, True)


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
        (["style.png", "--from-scratch"], "goes with --network"),
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
