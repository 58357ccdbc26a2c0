"""A GAN learns, can be stopped and taken up again as if it had not been, and leaves a file that another one begins with."""

from __future__ import annotations

import errno
import json
import math
import os
import pickle
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from engines import store, unfinished, vision
from engines.api import EngineError
from engines.device import Choice
from engines.image.gan import ganfile, networks, training
from engines.image.gan.events import Paused, Samples, Step, Trained, Warned
from engines.image.gan.plan import Plan
from engines.image.gan.training import train

CPU = Choice("cpu", "float32", "for a test")
PLAN = Plan(steps=3, minutes=1000, batch=4, small=0.9)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """One thread, and sample grids of four."""
    monkeypatch.setattr(training, "GRID", 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def drawn(count: int = 32, side: int = 64) -> np.ndarray:
    """Discs of one colour each on white."""
    chance, (y, x) = np.random.default_rng(0), np.mgrid[0:side, 0:side]
    found = np.full((count, side, side, 3), 255, np.uint8)
    for each in found:
        left, top, radius = *chance.uniform(0.3 * side, 0.7 * side, 2), chance.uniform(0.1 * side, 0.3 * side)
        each[(x - left) ** 2 + (y - top) ** 2 < radius**2] = chance.integers(0, 256, 3)
    return found


@pytest.fixture
def learn(eyes, tmp_path):
    def run(out="one", plan=PLAN, cancelled=lambda: False, base=None, pictures=None):
        file = tmp_path / f"{out}{ganfile.SUFFIX}"
        return train(drawn() if pictures is None else pictures, file, plan, base, cancelled, eyes=eyes, choice=CPU)

    return run


def of(events, kind):
    return [each for each in events if isinstance(each, kind)]


class Stop:
    """Says so in the midst of the step after the second."""

    def __init__(self) -> None:
        self.steps = self.asked = 0

    def __call__(self) -> bool:
        self.asked += self.steps == 2
        return self.asked > 9

    def watched(self, events):
        for each in events:
            self.steps += isinstance(each, Step)
            yield each


def gan(file: Path) -> ganfile.Gan:
    return ganfile.load(file.read_bytes(), file.name)


# ── Training ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("network", "judge"), [("stylegan2", "vgg"), ("stylegan2", "own"), ("fastgan", "own")])
def test_it_tells_what_happens_and_writes_both_networks(learn, network, judge):
    events = list(learn(plan=replace(PLAN, network=network, judge=judge)))
    steps, (done,) = of(events, Step), of(events, Trained)
    assert [each.step for each in steps] == [1, 2, 3]
    for each in steps:
        assert each.value <= 0
        assert all(0 <= share <= 1 for share in (each.real, each.fake, each.right))
        assert math.isfinite(each.discriminator + each.generator)
        assert each.rate > 0
    assert [each.pictures for each in steps] == [4, 8, 12]
    samples = of(events, Samples)
    assert [each.step for each in samples] == [0, 3]
    for each in samples:
        assert np.array_equal(np.asarray(Image.open(each.file)), each.pixels)
    found = gan(done.file)
    assert found.plan == replace(PLAN, network=network, judge=judge)
    assert {name.partition(".")[0] for name in found.tensors} == {"generator", "discriminator"}
    assert found.thumbnail.startswith(b"\xff\xd8")
    assert not unfinished.place(done.file).exists()


@pytest.mark.parametrize("network", ["stylegan2", "fastgan"])
def test_it_learns_in_bfloat16_as_well(network, eyes):
    half = Choice("cpu", "bfloat16", "for a test")
    plan = replace(PLAN, network=network, judge="own")
    made = training.Training(drawn(), Path("x"), plan, None, lambda: False, "", eyes, half)
    step = made._step()
    assert math.isfinite(step.discriminator + step.generator)
    assert {each.dtype for each in made.generator.parameters()} == {torch.float32}


def test_both_networks_learn_and_the_average_follows(learn, eyes):
    made = training.Training(drawn(), Path("x"), PLAN, None, lambda: False, "", eyes, CPU)
    made.discriminator.get_used(made._real(32, 8))
    before = [part.state_dict() for part in (made.generator, made.discriminator, made.averaged)]
    before = [{name: each.clone() for name, each in part.items()} for part in before]
    for _ in range(2):
        made._step()
    for part, old in zip((made.generator, made.discriminator, made.averaged), before, strict=True):
        assert any(not torch.equal(each, old[name]) for name, each in part.state_dict().items())


def test_what_was_stopped_goes_on_as_if_it_had_not_been(learn, tmp_path):
    plan, stop = replace(PLAN, steps=4), Stop()
    whole = of(learn("whole", plan), Trained)[0]
    events = list(stop.watched(learn("parts", plan, stop)))
    assert events[-1] == Paused(2)
    rest = list(learn("parts", replace(plan, minutes=2000)))  # more time is the same training
    assert [each.step for each in of(rest, Step)] == [3, 4]
    one, other = load_file(whole.file), load_file(of(rest, Trained)[0].file)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_unfinished_training_of_other_pictures_is_not_gone_on_with(learn):
    stop = Stop()
    assert list(stop.watched(learn(cancelled=stop)))[-1] == Paused(2)
    with pytest.raises(EngineError, match="other pictures or settings"):
        list(learn(pictures=drawn(40)))
    with pytest.raises(EngineError, match="other pictures or settings"):
        list(learn(plan=replace(PLAN, seed=1)))


def test_a_loss_that_is_no_number_ends_it_with_what_was_kept_last(learn, monkeypatch):
    monkeypatch.setattr(training, "KEPT_EVERY", 0.0)
    game, asked = training.GAMES["hinge"], iter(range(100))
    monkeypatch.setattr(
        type(game), "generator", lambda self, fake: -fake.mean() * (math.nan if next(asked) == 2 else 1.0)
    )
    events = list(learn(plan=replace(PLAN, steps=6)))
    (done,) = of(events, Trained)
    assert [each.step for each in of(events, Step)] == [1, 2]
    assert done.facts["stopped"] == "At step 3 the loss of the generator was no number."
    assert done.facts["steps"] == 2
    assert all(each.isfinite().all() for each in gan(done.file).tensors.values())


def test_a_loss_that_never_was_a_number_is_an_error_and_nothing_is_written(learn, monkeypatch, tmp_path):
    monkeypatch.setattr(type(training.GAMES["hinge"]), "generator", lambda self, fake: fake.mean() * math.nan)
    with pytest.raises(EngineError, match="Nothing was learned"):
        list(learn())
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_full_disk_is_said_and_what_was_there_stays(learn, monkeypatch, tmp_path):
    file = of(learn(), Trained)[0].file
    before = file.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError, match="No space left"):
        list(learn(plan=replace(PLAN, seed=3)))
    assert file.read_bytes() == before
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("pictures", [drawn(1), drawn(1).repeat(40, 0), drawn(29)])
def test_too_few_different_pictures_are_refused(learn, pictures):
    with pytest.raises(EngineError, match="different pictures"):
        list(learn(pictures=pictures))


def test_it_warns_where_all_samples_are_alike(learn, monkeypatch):
    monkeypatch.setattr(training, "EARLY", 0)
    warned = of(learn(), Warned)
    assert "collapse" in str(warned[0])


# ── Files, and beginning with one ────────────────────────────────────────────────────────────────────────────────────


def test_it_begins_with_a_base_whose_lower_layers_can_stay(learn):
    base = gan(of(learn("base"), Trained)[0].file)
    more = gan(of(learn("more", replace(PLAN, freeze=1), base=base), Trained)[0].file)
    assert more.facts["base"] == {"name": "base", "sha256": base.sha256}
    first = [name for name in base.tensors if name.startswith("discriminator.heads.") and ".first." in name]
    assert len(first) == 2 * 3  # a weight and a bias of each judge
    for name in (*first, "discriminator.usual"):
        assert torch.equal(base.tensors[name], more.tensors[name])
    assert not torch.equal(*(each.tensors["discriminator.heads.0.verdict.weight"] for each in (base, more)))
    assert not torch.equal(*(each.tensors["generator.start"] for each in (base, more)))


def test_a_base_of_64_pixels_is_the_inside_of_one_of_128(learn, eyes):
    base = gan(of(learn("base"), Trained)[0].file)
    plan = replace(PLAN, size="128")
    large = networks.generator(plan)
    base.into(large, networks.discriminator(plan, eyes))
    small = networks.generator(PLAN)
    base.into(small)
    w = small.styles(torch.randn(2, small.latent))[:, None].expand(-1, large.layers, -1)
    assert torch.equal(large(w, side=64), small(w[:, : small.layers]))


def test_a_base_of_another_kind_is_refused(learn, eyes):
    base = gan(of(learn("base"), Trained)[0].file)
    for plan in (replace(PLAN, network="fastgan"), replace(PLAN, judge="own")):
        with pytest.raises(EngineError, match="network stylegan2 and the judge vgg"):
            list(learn("other", plan, base=base))


def test_a_header_may_have_any_length(learn):
    """Also one whose first byte is that of a pickle."""
    data = of(learn(), Trained)[0].file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    more = (0x80 - length) % 256
    padded = (length + more).to_bytes(8, "little") + data[8 : 8 + length] + b" " * more + data[8 + length :]
    assert padded[:1] == b"\x80"
    assert ganfile.load(padded, "x").name == "one"


def test_what_is_no_gan_is_refused(learn, tmp_path):
    data = of(learn(), Trained)[0].file.read_bytes()
    for wrong, said in (
        (pickle.dumps([1]), "is a pickle"),
        (b"PK\x03\x04torch", "is a pickle"),
        (data[:-10], "damaged"),
        (b"text", "damaged"),
        (b"", "damaged"),
        (data.replace(b'\\"version\\": 2', b'\\"version\\": 7'), "version 7"),
    ):
        with pytest.raises(EngineError, match=said):
            ganfile.load(wrong, "x.gan.safetensors")


# ── The command ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "discs"
    place.mkdir()
    for at, each in enumerate(drawn(31)):
        Image.fromarray(each).save(place / f"{at:02d}.png")
    (place / "torn.png").write_bytes(b"\x89PNG torn")
    return place


def test_the_command_trains_says_what_it_skipped_and_goes_on_from_its_file(folder, tmp_path, studio_command):
    out = tmp_path / "out"
    plain = ["--judge", "own", "--steps", "1", "--batch", "4", "--small", "0.9", "--json"]
    status, said, err = studio_command("train", "gan", folder, "--out", out, *plain)
    assert status == 0, err
    facts = json.loads(said)
    assert facts["learned_from"] == 31
    assert list(facts["skipped"]) == ["torn.png"]
    assert "Skipped torn.png" in err
    assert sorted(each.name for each in out.iterdir()) == ["discs.gan.safetensors", "discs.samples"]
    more = ["--from", out / "discs.gan.safetensors", "--freeze", "1", "--name", "more"]
    status, said, err = studio_command("train", "gan", folder, "--out", out, *more, *plain)
    assert status == 0, err
    assert json.loads(said)["base"]["name"] == "discs"


def test_wrong_input_is_said_and_nothing_is_written(folder, tmp_path, studio_command):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.png").write_bytes((folder / "00.png").read_bytes())
    (tmp_path / "bad.safetensors").write_bytes(pickle.dumps([1]))
    for arguments, said in [
        (["gone"], "cannot be read"),
        (["one"], "1 different pictures"),
        (["discs", "--size", "65"], "64, 128"),
        (["discs", "--loss", "l2"], "hinge, non-saturating, minimax"),
        (["discs", "--from", tmp_path / "bad.safetensors"], "is a pickle"),
        (["discs", "--minutes", "-1"], "--minutes"),
        (["discs", "--name", "a/b"], "cannot be a file's name"),
    ]:
        first, *rest = arguments
        status, _, err = studio_command("train", "gan", tmp_path / first, "--out", tmp_path / "out", *rest)
        assert (status, said in err) == (2, True), (arguments, err)
        assert not (tmp_path / "out").exists()


@pytest.mark.models
def test_a_stop_is_heard_within_half_a_second(tmp_path):
    store.ensure([vision.MODEL])
    vision.shared.vgg  # noqa: B018 - loads
    stop = time.perf_counter() + 3
    plan = replace(Plan(), small=0.0)
    events = list(train(drawn(), tmp_path / "x.gan.safetensors", plan, None, lambda: time.perf_counter() > stop))
    assert time.perf_counter() - stop < 0.5
    assert isinstance(events[-1], Paused)
