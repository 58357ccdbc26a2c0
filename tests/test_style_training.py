"""A new style: only what should be learned is, and what is stopped goes on as if it had not been."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from banks import CPU, kernels, picture, toy_bank
from safetensors.torch import load_file

from engines.api import EngineError
from engines.style import contents, kinds, stylefile, training
from engines.style.learned import WIDER, Bank, widened
from engines.style.network import Kernels, StyleNetwork
from engines.style.plan import NetworkPlan, Plan
from engines.style.trainable import Trainable
from engines.style.training import Paused, Shown, Step, Trained, train
from studio.bench import style as bench

pytestmark = pytest.mark.usefixtures("one_thread")

PLAN = Plan(steps=12, size=64, learning_rate=0.05, minutes=100)
WHOLE = NetworkPlan(steps=12, size=64, learning_rate=0.02)


@pytest.fixture(scope="module")
def toy() -> Bank:
    return toy_bank()


@pytest.fixture
def learn(toy, eyes, tmp_path):
    def run(out="one", plan=PLAN, cancelled=lambda: False, own=(), found=toy, style=None, before=None):
        kind = kinds.NETWORK if isinstance(plan, NetworkPlan) else kinds.ROW
        file = tmp_path / f"{out}{kinds.SUFFIXES[kind]}"
        style = picture(7) if style is None else style
        others = [picture(1), picture(2)]
        return train(style, own, others, file, plan, cancelled, eyes=eyes, found=found, before=before)

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
    assert torch.equal(parts(5), parts(5 + parts.different))
    assert not torch.equal(parts(5), others(5))
    for at in range(8):
        part = parts(at)
        side = (16, 32, 48)[at % 3]
        assert part.shape == (1, 3, side, side)
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


@pytest.mark.parametrize("plan", [PLAN, WHOLE], ids=["row", "network"])
def test_a_stop_changes_nothing(learn, tmp_path, plan):
    whole = trained(learn("whole", plan, own=[picture(5)]))
    runs, paused = 0, []
    while True:
        asked = iter(range(10**9))
        events = list(learn("parts", plan, own=[picture(5)], cancelled=lambda asked=asked: next(asked) > 400))
        runs += 1
        if isinstance(events[-1], Trained):
            break
        assert isinstance(events[-1], Paused)
        paused.append(events[-1].step)
        written = list(tmp_path.glob("parts.*.safetensors"))
        assert [stylefile.load_network(each.read_bytes()).facts["steps"] for each in written] == paused[-1:] * (
            plan is WHOLE
        )
    assert runs > 1
    assert paused == sorted(set(paused))
    one, other = (load_file(done.file) for done in (whole, events[-1]))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert whole.facts["steps"] == events[-1].facts["steps"] == PLAN.steps
    assert len(list(tmp_path.glob("*.unfinished"))) == (0 if plan is PLAN else 2)  # a network has another sitting
    assert not list(tmp_path.glob(".*"))


def test_an_unfinished_training_of_another_picture_is_not_gone_on_with(learn, tmp_path):
    asked = iter(range(10**9))
    assert isinstance(list(learn(cancelled=lambda: next(asked) > 400))[-1], Paused)
    with pytest.raises(EngineError, match="other pictures or settings"):
        list(learn(style=picture(8)))
    (tmp_path / "one.style.unfinished").write_bytes(b"torn")
    with pytest.raises(EngineError, match="is damaged"):
        list(learn())


@pytest.mark.parametrize("plan", [PLAN, WHOLE], ids=["row", "network"])
def test_the_minutes_end_it(learn, plan):
    done = trained(learn(plan=replace(plan, steps=100_000, minutes=0.02)))
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
    broken_from(4)
    done = trained(learn("whole", WHOLE))
    assert (done.facts["steps"], "no number" in done.facts["stopped"]) == (4, True)
    monkeypatch.setattr(training.Objective, "total", step)
    assert trained(learn("whole", WHOLE)).facts["steps"] == 4 + WHOLE.steps
    assert not (tmp_path / f"none{stylefile.SUFFIX}").exists()


def test_a_wider_network_paints_the_same(toy):
    pixels = torch.rand(1, 3, 48, 64)
    wide = Trainable(Kernels.of(widened(toy.network.kernels.each())), CPU)
    copies = [width // narrow for width, narrow in zip(wide.widths(), toy.network.widths(), strict=True)]
    assert copies == [1] * (len(copies) - 3) + [WIDER, WIDER, 1]
    row = [
        tuple(part.repeat_interleave(count) for part in norm)
        for norm, count in zip(toy.rows["two"], copies, strict=True)
    ]
    expected = toy.network.paint(pixels, toy.rows["two"], lambda: None)
    assert torch.allclose(wide.paint(pixels, row, lambda: None), expected, atol=1e-4)


def test_a_network_learns_its_convolutions_and_leaves_the_bank_alone(learn, toy):
    before = [kernel.clone() for kernel in toy.network.kernels.each()]
    events = list(learn(plan=replace(WHOLE, steps=30)))
    losses = [each.loss for each in events if isinstance(each, Step) and each.loss is not None]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])
    assert all(torch.equal(one, other) for one, other in zip(before, toy.network.kernels.each(), strict=True))
    done = trained(events)
    own = stylefile.load_network(done.file.read_bytes())
    assert (own.name, own.facts["kind"], own.facts["nearest"] in toy.rows) == ("one", "network", True)
    first = [kernel.float() for kernel in widened(before)]
    changes = [float((now - then).norm() / then.norm()) for now, then in zip(own.kernels.each(), first, strict=True)]
    assert min(changes) > 0.01
    shown = [each for each in events if isinstance(each, Shown)][-1].pixels.astype(int)
    network = StyleNetwork(own.kernels, CPU)  # what the file paints is what was shown at last
    pixels = torch.from_numpy(contents_of(shown.shape)).float() / 255
    painted = network.paint(network.prepare(pixels, lambda: None), [own.row], lambda: None)[0].mul(255)
    assert float((painted - torch.from_numpy(shown)).abs().mean()) < 2


def contents_of(shape) -> np.ndarray:
    """What is shown while it learns, in the size in which it is painted."""
    return training.fitted(picture(1), training.SHOWN)[: shape[0], : shape[1]]


def test_sittings_add_up(learn, tmp_path):
    first = trained(learn(plan=replace(WHOLE, steps=4)))
    again = list(learn(plan=replace(WHOLE, steps=6, minutes=50)))
    steps = [each for each in again if isinstance(each, Step)]
    assert (steps[0].step, steps[0].total, steps[-1].step, steps[-1].left) == (4, 10, 10, 0)
    facts = trained(again).facts
    assert (facts["steps"], facts["sittings"], len(facts["curve"])) == (10, 2, 10)
    assert facts["seconds"] >= first.facts["seconds"]
    with pytest.raises(EngineError, match="other pictures or settings"):
        list(learn(plan=replace(WHOLE, seed=1)))


def test_a_style_learns_on_from_where_it_was(learn, toy, tmp_path):
    def read(file):
        return stylefile.load(file.read_bytes(), toy.layers, toy.network.widths(), toy.sha256)

    first = read(trained(learn("first", replace(PLAN, steps=4))).file)
    still = replace(PLAN, steps=1, learning_rate=1e-5)
    on, anew = (
        read(trained(learn(name, still, before=before)).file) for name, before in (("on", first), ("anew", None))
    )
    rows = [torch.cat([part for norm in each.row for part in norm]) for each in (first, on, anew)]
    assert torch.dist(rows[0], rows[1]) < torch.dist(rows[0], rows[2]) / 5
    assert (on.facts["steps"], on.facts["sittings"], on.facts["nearest"]) == (5, 2, first.facts["nearest"])
    assert on.facts["seconds"] > first.facts["seconds"]
    calls = iter(range(10**9))
    assert list(learn("half", replace(PLAN, steps=99), cancelled=lambda: next(calls) > 400, before=first))[-1].step > 0
    with pytest.raises(EngineError, match="other pictures or settings"):  # a sitting of another style
        list(learn("half", replace(PLAN, steps=99)))


def test_a_network_may_begin_with_chance(learn):
    runs = [trained(learn(f"at-{seed}", replace(WHOLE, steps=1, from_scratch=True, seed=seed))) for seed in (0, 0, 1)]
    assert [run.facts["nearest"] for run in runs] == ["", "", ""]
    one, two = (stylefile.load_network(run.file.read_bytes()).kernels.each()[0] for run in runs[1:])
    assert not torch.equal(one, two)


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
