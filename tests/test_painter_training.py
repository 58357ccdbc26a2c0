"""How painters are trained, at toy size: pictures drawn for the test, a few steps of each phase, and going on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from engines import device, embed, vision
from engines.errors import EngineError
from engines.image import colour, icons, lessons, losses, painter, training
from engines.image.icons import Concept, Drawn
from engines.image.lessons import Course, lesson
from engines.image.network import Condition
from engines.image.plan import Plan
from engines.image.training import Training
from studio.bench import grids
from studio.bench import image as bench

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def course() -> Course:
    """Eight concepts in three styles: discs and bars of eight colours."""
    names = [f"thing {at}" for at in range(8)]
    concepts = tuple(Concept(name, ("word",), ("词",), 7) for name in names)
    chance = np.random.default_rng(0)
    pictures, concept, style = [], [], []
    y, x = np.mgrid[0:128, 0:128]
    for at in range(8):
        colours = chance.integers(40, 220, 3)
        for which in range(3):
            rgba = np.zeros((128, 128, 4), np.uint8)
            disc = (x - 64) ** 2 + (y - 64) ** 2 < (50 - 4 * which) ** 2
            rgba[disc] = (*colours, 255)
            rgba[disc & (np.abs(x - 64) < 10)] = (*(255 - colours), 255)
            pictures.append(rgba)
            concept.append(at)
            style.append(which)
    drawn = Drawn(concepts, np.array(concept), np.array(style), np.stack(pictures))
    found = [lessons.clusters(torch.from_numpy(each)) for each in drawn.pictures]
    words = torch.nn.functional.normalize(torch.randn(8, 1 + lessons.MIXES + len(colour.BASIC), 384), dim=2)
    return Course(drawn, words, torch.stack([each for each, _ in found]), torch.stack([each for _, each in found]))


@pytest.fixture(scope="module")
def eyes() -> vision.Eyes:
    """VGG-16 in shape, with weights drawn by chance."""

    def weights() -> dict[str, torch.Tensor]:
        chance, made, file = torch.Generator().manual_seed(0), {}, ("conv2d", "conv2d_1", "conv2d_2")
        into, widths = 3, (64, 128, 256, 512, 512)
        for block, at in vision.CONVOLUTIONS:
            out, name = widths[block - 1], f"block{block}/layers/{file[at - 1]}/vars"
            made[f"{name}/0"] = torch.randn(out, into, 3, 3, generator=chance) * (2 / (9 * into)) ** 0.5
            made[f"{name}/1"] = torch.zeros(out)
            into = out
        for name in (*(f"dsn{block}" for block in range(1, 6)), "fuse"):
            made |= {f"{name}/vars/0": torch.zeros(1, 1, 1, 1), f"{name}/vars/1": torch.zeros(1)}
        return made

    return vision.Eyes(weights, lambda: device.Choice("cpu", "float32", "for a test"))


def test_main_colours_are_found_by_share(course):
    picture = torch.zeros(32, 32, 4, dtype=torch.uint8)
    picture[:, :20] = torch.tensor([255, 0, 0, 255])
    picture[:, 20:28] = torch.tensor([0, 0, 255, 255])
    picture[:, 28:] = torch.tensor([0, 255, 0, 0])  # transparent: not seen
    centres, shares = lessons.clusters(picture)
    assert torch.allclose(centres[0], colour.oklab(torch.tensor([1.0, 0, 0])), atol=0.01)
    assert shares[0] == pytest.approx(20 / 28, abs=0.02)
    assert shares.sum() == pytest.approx(1)


def test_another_colour_is_told_in_words_and_as_the_palette(course):
    which = torch.arange(12)
    words, palette = lessons.renamed(course, which, torch.Generator().manual_seed(1))
    assert bool((palette[:, :, 3] == torch.tensor([1.0, 0, 0])).all())
    told = colour.nearest(palette[:, 0, :3])
    assert len(told.unique()) > 3
    of = torch.from_numpy(course.drawn.concept)[which]
    assert torch.equal(words, course.words[of, 1 + lessons.MIXES + told])


@pytest.mark.parametrize("side", [64, 128])
def test_lessons_hold_what_the_painter_is_given(course, side):
    chance = torch.Generator().manual_seed(1)
    made = lesson(course, torch.arange(12), side, chance)
    assert made.pictures.shape == (12, 4, side, side)
    assert made.seen.shape == (12, 3, side, side)
    assert made.ink.shape == (12, side, side)
    assert 0 <= float(made.pictures.min()) <= float(made.pictures.max()) <= 1
    assert torch.equal(made.seen[:, 0], made.ink)
    assert (made.ink.amax((1, 2)) > 0.5).float().mean() > 0.8
    assert torch.equal(made.given.style.argmax(1), torch.from_numpy(course.drawn.style[:12]))
    again = lesson(course, torch.arange(12), side, torch.Generator().manual_seed(1))
    assert torch.equal(again.pictures, made.pictures)
    plain = lesson(course, torch.arange(12), side, chance, plain=True)
    assert bool((plain.given.palette[:, 0, 3] == 1).all())  # for judging, the natural colour is told
    assert bool((plain.given.palette[:, 1:, 3] == 0).all())


def test_recolouring_moves_the_main_colour_to_the_wanted_one(course):
    source = course.clusters[:6, 0]
    wanted = torch.stack([colour.named()[name].lab for name in ("red", "green", "blue", "golden", "pink", "black")])
    moved = lessons._moved(source[:, None], source, wanted)[:, 0]
    chromatic = colour.chroma(source) > 0.04
    assert (moved - wanted)[chromatic].abs().max() < 0.12  # chroma is scaled 2.5 times at most
    white = torch.tensor([[[1.0, 0, 0], [0.0, 0, 0]]]).expand(6, 2, 3)
    assert (
        lessons._moved(white, source, wanted)[..., 0] - white[..., 0]
    ).abs().max() < 0.05  # white stays white, black black


def test_each_phase_learns_and_a_stop_loses_nothing(course, eyes, tmp_path):
    plan = Plan(minutes=60, small=0.3, large=0.3, batch_small=6, batch=4, seed=3)
    making = Training(course, plan, tmp_path / "run", eyes)
    told = [making.step(share) for share in (0.0, 0.0, 0.4, 0.7, 0.7)]
    assert set(told[0]) == {"copying", "nats"}
    assert {"real", "fake", "words", "wrong", "alike", "off_colour", "looks", "read_back"} <= set(told[-1])
    assert all(np.isfinite(list(each.values())).all() for each in told)
    making.log.step = 5
    making.keep()
    other = Training(course, plan, tmp_path / "run", eyes)
    assert other.log.step == 5
    for mine, theirs in zip(making.averaged.state_dict().values(), other.averaged.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
    assert torch.equal(making.chance.get_state(), other.chance.get_state())
    assert making.step(0.7) == other.step(0.7)
    assert json.loads((tmp_path / "run" / "log.json").read_text())["plan"]["seed"] == 3


def test_copying_gets_better(course, tmp_path):
    making = Training(course, Plan(minutes=60, small=1, large=0, batch_small=8), tmp_path / "run")
    losses = []
    for _ in range(12):
        losses.append(making.step(0.0)["copying"])
        making.log.step += 20  # past the warm-up
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_the_discriminator_tells_real_from_painted(course, eyes, tmp_path):
    making = Training(course, Plan(minutes=60, small=0, large=0, batch=6), tmp_path / "run", eyes)
    gaps = []
    for _ in range(12):
        told = making.step(0.1)
        making.log.step += 1
        gaps.append(told["real"] - told["fake"])
    assert np.mean(gaps[4:]) > max(0.0, gaps[0]) + 0.3


def test_the_gaze_is_used_to_what_it_sees_and_knows_the_styles_it_was_fitted_to(course, eyes):
    gaze = losses.Gaze(eyes).eval()
    assert not gaze.fitted
    styles = torch.from_numpy(course.drawn.style).long()
    pictures = torch.from_numpy(course.drawn.pictures).float().div(255).movedim(-1, 1)
    gaze.fit(lambda at: pictures[at], styles)
    assert gaze.fitted
    layers = gaze(pictures, 0.5)
    assert [layer.shape[1:] for layer in layers] == [(64, 64, 64), (128, 32, 32), (256, 16, 16)]
    assert all(float(layer.mean().abs()) < 0.1 for layer in layers)
    assert all(0.3 < float(layer.std()) * layer.shape[1] ** 0.5 < 1.5 for layer in layers)
    right = (gaze.style(gaze(pictures, 0.0)).argmax(1) == styles).float().mean()
    assert right > 0.8  # discs of three sizes, on the paper that so few were shown on
    assert losses.apart(layers, layers).max() == 0
    assert losses.apart(layers, [layer.roll(3, 0) for layer in layers]).min() > 0


def test_pictures_that_look_alike_cost_and_those_that_differ_enough_do_not():
    layer = torch.zeros(4, 8, 4, 4)
    layer[1] = 1.0  # the first of each pair stands in the first half: 0 and 2 look alike, 1 and 3 do not
    usual = float(losses.apart([layer[1:2]], [layer[3:4]])) / 2
    assert float(losses.alike([layer], usual)) == pytest.approx(0.5)


def test_a_colour_that_is_told_and_missing_costs_and_one_that_fills_most_does_not():
    lab = torch.stack([colour.named()[name].lab for name in ("red", "blue")])
    told = torch.zeros(2, 3, 4)
    told[:, 0, :3], told[:, 0, 3] = lab[0], 1.0
    given = Condition(torch.zeros(2, 384), torch.eye(3)[:2], told, torch.zeros(2, 8))
    made, seen = torch.ones(2, 4, 8, 8), torch.ones(2, 3, 8, 8)
    made[:, :3] = colour.srgb(lab)[:, :, None, None]
    made[0, :, :, 6:] = made[1, :, :, 6:]
    assert float(losses.off_colour(made[:1], seen[:1], given[:1])) == 0
    missing = made[1:].clone().requires_grad_()
    cost = losses.off_colour(missing, seen[1:], given[1:])
    assert float(cost.detach()) > 1
    cost.backward()
    assert bool(missing.grad.isfinite().all())
    assert float(losses.off_colour(made, seen, Condition(given.words, given.style, 0 * told, given.code))) == 0


def test_what_is_trained_can_be_loaded(course, tmp_path):
    making = Training(course, Plan(minutes=60, batch_small=4), tmp_path / "run")
    making.step(0.0)
    file = tmp_path / "painter.safetensors"
    assert training.export(making, file)["steps"] == 0
    assert file.stat().st_size < 25e6
    assert painter.facts(file)["pictures"] == 4
    loaded = painter.load(file).float()  # it is loaded in the number type that is fast here
    chance = torch.Generator().manual_seed(0)
    made = lesson(course, torch.arange(2), 64, chance)
    with torch.inference_mode():
        ours, theirs = making.averaged(made.seen, made.given), loaded(made.seen, made.given)
    assert torch.allclose(ours, theirs, atol=0.02)  # kept in half precision
    other = Training(course, Plan(minutes=60, seed=9), tmp_path / "other")
    training.begin(other, file)
    for mine, taken in ((making.averaged, other.generator), (making.encoder, other.encoder)):
        pairs = zip(mine.state_dict().values(), taken.state_dict().values(), strict=True)
        assert all(torch.allclose(one, two, rtol=2e-3, atol=1e-3) for one, two in pairs if one.is_floating_point())
    other.plan = replace(other.plan, learned=0.25)
    with torch.no_grad():
        other.averaged.last.weight += 1
    training.export(other, tmp_path / "mixed.safetensors")
    mixed = painter.load(tmp_path / "mixed.safetensors").last.weight.float()
    assert torch.allclose(mixed, making.averaged.last.weight + 0.25, atol=2e-3)
    (tmp_path / "no.safetensors").write_bytes(b"nonsense")
    with pytest.raises(EngineError, match="no painter"):
        training.begin(other, tmp_path / "no.safetensors")


def test_running_ends_with_the_time_and_tells(course, tmp_path):
    making = Training(course, Plan(minutes=0.05, small=1, large=0, batch_small=2), tmp_path / "run")
    list(making.run())
    assert making.log.step > 0
    assert (tmp_path / "run" / "state.pt").is_file()
    assert list(Training(course, making.plan, tmp_path / "run").run()) == []  # the time is over


def test_svg_is_drawn_centred_and_names_are_slugs(monkeypatch, tmp_path):
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#ff0000" d="M0 0h8v4h-8z"/></svg>'
    made = icons.rendered(svg)
    assert made.shape == (128, 128, 4)
    rows, columns = np.flatnonzero(made[..., 3].max(1) > 128), np.flatnonzero(made[..., 3].max(0) > 128)
    assert (columns[0], columns[-1]) == (icons.MARGIN, 127 - icons.MARGIN)
    assert rows[0] == pytest.approx(127 - rows[-1], abs=1)
    assert icons.slug("woman’s hat") == "womans-hat"
    assert icons.slug("piñata") == "pinata"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="npm"):
        icons.fetch(tmp_path)


@pytest.mark.parametrize(("asks", "looked"), [(3, False), (20, False), (2000, True)])
def test_a_stop_is_heard_in_the_middle_of_a_step_and_it_goes_on(course, tmp_path, asks, looked):
    plan, asked = Plan(minutes=60, batch=6, small=0.0, large=0.0), iter(range(10**9))
    making = Training(course, plan, tmp_path / "run")
    list(making.run(lambda: next(asked) > asks))
    assert next(asked) == asks + 2  # nothing was asked, and nothing done, after that
    again = Training(course, plan, tmp_path / "run")
    assert again.log.step == making.log.step
    assert again.gaze.fitted is looked  # half of what is usual is not kept as the whole
    assert np.isfinite(again.step(0.5)["copying"])
    assert again.gaze.fitted


def test_who_is_held_out_stays_held_out():
    held = [Concept(name, (), (), 0).held_out for name in ("cat face", "house", "guitar", "rocket")]
    assert held == [Concept(name, ("other",), (), 3).held_out for name in ("cat face", "house", "guitar", "rocket")]
    share = np.mean([Concept(f"thing {at}", (), (), 0).held_out for at in range(2000)])
    assert 0.07 < share < 0.13


class _Red:
    """A painter that paints everything red, whatever it is told."""

    def raw(self, seen, given):
        return torch.tensor([0.87, 0.1, 0.15, 1.0])[None, :, None, None].expand(len(seen), 4, 128, 128)


def test_what_is_painted_and_what_is_missed_is_drawn(course, monkeypatch, tmp_path):
    monkeypatch.setattr(Concept, "held_out", True)
    monkeypatch.setattr(embed.shared, "embed", lambda said: np.zeros((len(said), 384), np.float32))
    found = {name: right for name, _, _, right in bench.coloured(_Red(), course, 6)}
    assert found == {name: [name == "red"] * 6 for name in bench.COLOURS}
    assert bench._colour(_Red(), course, 6).value == pytest.approx(1 / len(bench.COLOURS), abs=1e-3)
    grids.draw(_Red(), course, tmp_path / "new", 6)
    with Image.open(tmp_path / "new" / "painter.jpg") as shown:
        assert shown.size == (10 * 128, 13 * 128)
    with Image.open(tmp_path / "new" / "misses.jpg") as shown:
        assert shown.size == (8 * 128, 5 * (128 + grids.LINE))


def test_the_bench_s_judge_learns_styles_from_bent_and_recoloured_pictures(course):
    pictures = course.drawn.pictures.copy()
    pictures[course.drawn.style == 1, ::16, :, 3] = pictures[course.drawn.style == 1, 1::16, :, 3] = 0
    pictures[course.drawn.style == 2, ..., 3] //= 2
    judge = bench.taught(replace(course, drawn=replace(course.drawn, pictures=pictures)), 60)
    seen = torch.from_numpy(pictures).float().div(255).movedim(-1, 1)
    right = judge(bench.looked_at(seen)).argmax(1) == torch.from_numpy(course.drawn.style)
    assert float(right.float().mean()) > 0.6
