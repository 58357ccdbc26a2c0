"""The translator: its networks and losses are those of the paper, training can be stopped anywhere, and its hands draw like any style."""

from __future__ import annotations

import io
import json
import math
import pickle
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load as tensors_of

from engines import unfinished
from engines.api import EngineError
from engines.style import adversarial, guided, translating, translatorfile
from engines.style.domains import Domains, square
from engines.style.plan import TranslatorPlan
from engines.style.training import Paused, Shown, Trained
from engines.style.translating import Step, train
from engines.style.translator import CODE, LATENT, Discriminator, Networks, Shape, of_domain
from engines.style.translatorfile import Translator

pytestmark = pytest.mark.usefixtures("one_thread")

PLAN = TranslatorPlan(steps=6, batch=2, width=8, minutes=100, alone=0.3, learning_rate=1e-3)


def picture(seed=0, height=70, width=90) -> np.ndarray:
    """A disc and stripes in a few colours."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    colours = chance.integers(0, 256, (3, 3))
    disc = (x - 40) ** 2 + (y - 35) ** 2 < 500
    return colours[(np.sin(x / 9 + chance.normal()) > 0).astype(int) + disc].astype("uint8")


def folders(size=64) -> Domains:
    """Two hands: one draws dark, the other light."""
    dark = [picture(seed) // 3 for seed in range(3)]
    return Domains([("dark", dark), ("light", [255 - each for each in dark])], size)


def drawing(domains: int, seed: int) -> Networks:
    """Networks with weights drawn by chance, the last layer's too, which are 0 before training."""
    torch.manual_seed(seed)
    made = Networks(Shape(domains, 8)).eval().requires_grad_(False)
    torch.nn.init.normal_(made.generator.out.weight, 0, 0.1)
    return made


@pytest.fixture(scope="module")
def networks() -> Networks:
    return drawing(3, 0)


# ── Networks and losses ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 128), (16, 72)])
def test_every_size_comes_back_at_its_size(networks, height, width):
    pictures, code = torch.rand(2, 3, height, width), torch.randn(2, CODE)
    drawn = networks.generator(pictures, code)
    assert drawn.shape == pictures.shape
    assert -1 <= float(drawn.min()) <= float(drawn.max()) <= 2
    assert not torch.allclose(drawn, networks.generator(pictures, code.flip(0)))
    codes, logits = networks.encoder(pictures)
    assert (codes.shape, logits.shape) == ((2, 3, CODE), (2, 3))
    assert Discriminator(3, 8)(pictures).shape == (2, 3)
    assert networks.mapping(torch.randn(2, LATENT)).shape == (2, 3, CODE)


def test_norms_are_linear_in_the_code_and_may_vary_over_the_picture(networks):
    generator, (one, other) = networks.generator, torch.randn(2, CODE)
    mean = generator.norms((one + other) / 2)
    for (scale, _), (first, _), (second, _) in zip(mean, generator.norms(one), generator.norms(other), strict=True):
        assert torch.allclose(scale, (first + second) / 2, atol=1e-5)
    seen = generator.see(torch.rand(1, 3, 64, 48))
    norms = generator.norms(one)
    sizes = generator.resolutions(64, 48)
    spread = [
        (scale.expand(*size, -1), shift.expand(*size, -1)) for (scale, shift), size in zip(norms, sizes, strict=True)
    ]
    assert torch.allclose(generator.draw(seen, spread), generator.draw(seen, norms), atol=1e-5)


def test_skips_carry_edges_and_no_shading(networks):
    generator = networks.generator
    even = torch.linspace(0, 1, 32).expand(1, 8, 32, 32)
    assert float(generator.edges(even)[..., 1:-1, 1:-1].abs().max()) < 1e-5
    step = (even > 0.5).float()
    assert float(generator.edges(step).abs().max()) > 0.3


def test_the_adversarial_loss_is_that_of_the_paper():
    real, domain, fake = torch.tensor([[2.0, -1.0], [0.5, 1.0]]), torch.tensor([0, 1]), torch.tensor([0.3, -0.7])
    own = of_domain(real, domain)
    value = -(torch.sigmoid(own).log().mean() + (1 - torch.sigmoid(fake)).log().mean())
    assert float(adversarial.judging(real, domain, fake, 0.0)) == pytest.approx(float(value), abs=1e-5)
    assert float(adversarial.believed(fake)) == pytest.approx(float(-torch.sigmoid(fake).log().mean()), abs=1e-5)
    refused = float(adversarial.judging(real, domain, fake, 1.0)) - float(value)
    others = torch.tensor([real[0, 1], real[1, 0]])
    assert refused == pytest.approx(float(-(1 - torch.sigmoid(others)).log().mean()), abs=1e-5)


def test_r1_is_half_the_squared_slope_and_has_a_gradient_itself():
    weights = torch.randn(2, 3, 8, 8, requires_grad=True)

    def judge(pictures):
        return torch.einsum("nchw,dchw->nd", pictures, weights)

    steep = adversarial.steepness(judge, torch.rand(4, 3, 8, 8), torch.tensor([1, 1, 1, 1]))
    assert float(steep.detach()) == pytest.approx(float(weights[1].detach().square().sum()) / 2, rel=1e-5)
    steep.backward()
    assert torch.allclose(weights.grad[1], weights.detach()[1], rtol=1e-4)


def test_an_enlarged_drawing_follows_the_pictures_edges():
    large = (torch.arange(64) >= 30).float().expand(1, 3, 64, 64)
    small = torch.nn.functional.avg_pool2d(large, 4)
    made = guided.enlarged(1 - small, small, large)
    assert made.shape == large.shape
    plain = torch.nn.functional.interpolate(1 - small, (64, 64), mode="bilinear")
    assert float((made - (1 - large)).abs().mean()) < 0.3 * float((plain - (1 - large)).abs().mean())
    assert torch.equal(guided.enlarged(small, small, small), small)


# ── Pictures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_squares_are_cut_and_never_stretched():
    pixels = np.zeros((64, 200, 3), np.uint8)
    pixels[:, ::8] = 255  # columns every 8 pixels
    chance = torch.Generator().manual_seed(0)
    for _ in range(12):
        made = square([pixels], 64, chance)
        assert made.shape == (64, 64, 3)
        columns = (made[32, :, 0] > 60).sum()
        assert columns >= 4  # in a stretched picture all 25 would be narrower than a pixel


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        ([("a", [picture(), picture()])], "1 folders"),
        ([("a", [picture(), picture()]), ("b", [picture()])], "1 picture only"),
        ([("a", [picture(), picture()])] * 2, "same name"),
        ([(str(at), [picture(), picture()]) for at in range(17)], "17 folders"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(pictures, said):
    with pytest.raises(EngineError, match=said):
        Domains(pictures, 64)


# ── Training ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_learns_and_writes_a_file_for_each_hand(tmp_path):
    events = list(train(folders(), tmp_path / "own", PLAN))
    (done,) = (each for each in events if isinstance(each, Trained))
    assert done.facts["steps"] == 6
    assert sorted(place.name for place in tmp_path.iterdir()) == [
        f"own-{hand}.translator.safetensors" for hand in ("dark", "light")
    ]
    grid = next(each.pixels for each in events if isinstance(each, Shown))
    assert grid.shape == (3 * 64, translating.SAMPLES * 64, 3)
    files = [translatorfile.load(place.read_bytes()) for place in sorted(tmp_path.iterdir())]
    assert [file.hand for file in files] == ["dark", "light"]
    assert files[0].digest == files[1].digest
    samples = [each.pixels for each in events if isinstance(each, Shown)][-1].reshape(3, 64, translating.SAMPLES, 64, 3)
    for at, file in enumerate(files):  # its picture is what it drew of a picture that another hand drew first
        shown = np.asarray(Image.open(io.BytesIO(file.thumbnail)), np.float32)
        far = np.abs(shown - samples[at + 1].transpose(1, 0, 2, 3)).mean((1, 2, 3))
        assert far.argmin() == 1 - at
        assert far.min() < 8


def test_the_judge_learns_alone_first_and_then_all_do(tmp_path):
    course = translating.Course(folders(), tmp_path / "x", replace(PLAN, alone=0.5))
    course.log.total = 6
    pictures = torch.rand(1, 3, 64, 64)
    assert torch.equal(course.networks.generator(pictures, torch.randn(1, CODE)), pictures)  # nothing is changed yet
    before = {name: value.clone() for name, value in course.networks.state_dict().items()}
    judge = [part.detach().clone() for part in course.judge.parameters()]
    for step in range(3):
        losses = course._step()
        assert "cycle" not in losses, step
    assert all(torch.equal(value, before[name]) for name, value in course.networks.state_dict().items())
    assert any(not torch.equal(one, two) for one, two in zip(judge, course.judge.parameters(), strict=True))
    for _ in range(3):  # codes come from chance, then from pictures, then from chance again
        losses = course._step()
    assert {"adversarial", "style", "diversity", "cycle", "which", "judge", "real", "drawn"} == set(losses)
    for network in (course.networks.generator, course.networks.mapping, course.networks.encoder):
        name = next(name for name, each in course.networks.named_children() if each is network)
        moved = [not torch.equal(part, before[f"{name}.{key}"]) for key, part in network.named_parameters()]
        assert any(moved), name


def test_a_stop_changes_nothing(tmp_path):
    whole = list(train(folders(), tmp_path / "whole", PLAN))
    assert isinstance(whole[-1], Trained)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == 9  # in the midst of a step

    first = list(train(folders(), tmp_path / "parts", PLAN, stop))
    assert isinstance(first[-1], Paused)
    assert 0 < first[-1].step < 6
    assert unfinished.place(tmp_path / "parts").is_file()
    second = list(train(folders(), tmp_path / "parts", PLAN))
    assert next(each.step for each in second if isinstance(each, Step)) == first[-1].step
    for hand in ("dark", "light"):
        one, two = (
            tensors_of((tmp_path / f"{name}-{hand}.translator.safetensors").read_bytes()) for name in ("whole", "parts")
        )
        assert all(torch.equal(one[key], two[key]) for key in one)
    assert not unfinished.place(tmp_path / "parts").exists()


def test_an_unfinished_training_of_other_pictures_is_not_gone_on_with(tmp_path):
    course = translating.Course(folders(), tmp_path / "x", PLAN)
    course.log.total = 6
    course._step()
    course.pause()
    with pytest.raises(EngineError, match="other pictures or settings"):
        list(train(folders(), tmp_path / "x", replace(PLAN, cycle=3.0)))


def test_a_loss_that_is_no_number_ends_it_with_the_last_good(tmp_path, monkeypatch):
    plain, calls = adversarial.back_again, 0

    def broken(content, returned):
        nonlocal calls
        calls += 1
        return plain(content, returned) * (math.nan if calls == 3 else 1)

    monkeypatch.setattr(adversarial, "back_again", broken)
    (done,) = (each for each in train(folders(), tmp_path / "x", PLAN) if isinstance(each, Trained))
    assert done.facts["steps"] == 4
    assert "no number" in done.facts["stopped"]
    for value in tensors_of((tmp_path / "x-dark.translator.safetensors").read_bytes()).values():
        assert bool(value.isfinite().all())
    calls = 2
    with pytest.raises(EngineError, match="from the first step on"):
        list(train(folders(), tmp_path / "y", replace(PLAN, alone=0.0)))


def test_the_minutes_end_it(tmp_path, monkeypatch):
    monkeypatch.setattr(translating, "TIMED", 2)
    events = list(train(folders(), tmp_path / "x", replace(PLAN, steps=5000, minutes=0.02)))
    assert 2 <= events[-1].facts["steps"] < 5000


def test_a_stop_is_heard_within_half_a_second(tmp_path):
    stop = time.perf_counter() + 1.5
    plan = TranslatorPlan(alone=0.0)
    events = list(train(folders(), tmp_path / "x", plan, lambda: time.perf_counter() > stop))
    assert time.perf_counter() - stop < 0.5
    assert isinstance(events[-1], Paused)


# ── Its file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_translator_comes_back_from_its_file(networks):
    packed = translatorfile.pack(Translator(("a", "b", "c"), Shape(3, 8), networks, {"steps": 1}, hand="b"))
    found = translatorfile.load(packed)
    assert (found.domains, found.hand, found.facts) == (["a", "b", "c"], "b", {"steps": 1})
    pictures, code = torch.rand(1, 3, 64, 64), torch.randn(1, CODE)
    assert torch.allclose(found.networks.generator(pictures, code), networks.generator(pictures, code), atol=0.01)
    assert packed == translatorfile.pack(replace(found, networks=found.networks))
    assert found.thumbnail == b""  # as of files that were written before
    shown = translatorfile.load(translatorfile.pack(replace(found, thumbnail=b"jpeg")))
    assert (shown.thumbnail, shown.digest, shown.hand) == (b"jpeg", found.digest, "b")


def test_what_is_no_translator_is_refused(networks):
    packed = translatorfile.pack(Translator(("a", "b", "c"), Shape(3, 8), networks))
    about = {"version": 1, "domains": ["a"], "hand": "", "shape": {"domains": 3, "width": 8}, "facts": {}}
    for data, said in [
        (pickle.dumps({"a": 1}), "is a pickle"),
        (b"PK\x03\x04archive", "is a pickle"),
        (b"\x89PNG picture", "is no translator"),
        (packed[:-8], "is damaged"),
        (packed.replace(b'\\"width\\": 8', b'\\"width\\": 9'), "is damaged"),
        (packed.replace(b'\\"version\\": 1', b'\\"version\\": 7'), "version 7"),
        (len(json.dumps(about)).to_bytes(8, "little") + json.dumps(about).encode(), "is damaged"),
    ]:
        with pytest.raises(EngineError, match=said):
            translatorfile.load(data, "that.safetensors")
