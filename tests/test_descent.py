"""What style by optimisation stands on: losses as the papers define them, a way down, and sizes from coarse to fine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from test_style import picture

from engines.api import EngineError
from engines.style import canvas
from engines.style.canvas import Stage, emphasised, levels, regions, seen_layers
from engines.style.descent import OPTIMIZERS, Adam, Lbfgs
from engines.style.losses import ContentLoss, Objective, Region, StyleLoss, Variation, Weights, gram
from engines.style.statistics import Colours, matched, spread
from engines.vision import planes

pytestmark = pytest.mark.usefixtures("one_thread")


def nothing() -> None:
    pass


def seen(eyes, pixels, names=canvas.STYLE_LAYERS):
    with torch.no_grad():
        return eyes.vgg(planes([pixels]), names)


# ── Losses ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_gram_is_how_channels_go_together(eyes):
    layer = seen(eyes, picture(3, 24, 32))["relu2_1"]
    _, channels, height, width = layer.shape
    direct = torch.zeros(channels, channels)
    for y in range(height):
        for x in range(width):
            direct += torch.outer(layer[0, :, y, x], layer[0, :, y, x])
    torch.testing.assert_close(gram(layer), direct / (height * width))
    torch.testing.assert_close(gram(layer, torch.ones(height, width)), gram(layer))


def test_a_guided_gram_is_that_of_its_place(eyes):
    layer = seen(eyes, picture(3, 40, 56))["relu1_1"]
    guide = torch.zeros(40, 56)
    guide[:, :20] = 0.5
    torch.testing.assert_close(gram(layer, guide), gram(layer[..., :20]))


def test_losses_are_0_at_their_target_and_1_in_the_dark(eyes):
    layer = seen(eyes, picture(3, 40, 56))["relu3_1"]
    for loss in (ContentLoss(layer), StyleLoss(gram(layer))):
        assert float(loss(layer)) == 0
        assert float(loss(torch.zeros_like(layer))) == pytest.approx(1, abs=1e-3)
    assert float(Variation()(torch.full((1, 3, 8, 8), 0.3))) == 0


def test_style_does_not_ask_where_and_content_does(eyes):
    """A picture that is wrapped around has the same style and another content."""
    pixels = picture(4, 64, 64)
    here, there = seen(eyes, pixels), seen(eyes, np.roll(pixels, 32, axis=1))
    for name in ("relu1_1", "relu2_1"):
        assert float(StyleLoss(gram(here[name]))(there[name])) < 0.1 * float(ContentLoss(here[name])(there[name]))


def test_something_must_be_followed():
    with pytest.raises(EngineError, match="weight 0"):
        Weights(0.0, {"relu1_1": 0.0}, 1.0)
    Weights(0.0, {"relu1_1": 1.0}, 0.0)


def test_emphasis_moves_weight_from_fine_to_broad():
    layers = canvas.STYLE_LAYERS
    assert emphasised(layers, 0.0) == dict.fromkeys(layers, 0.25)
    for emphasis in (-1.0, 0.5):
        weights = list(emphasised(layers, emphasis).values())
        assert sum(weights) == pytest.approx(1)
        assert weights == sorted(weights, reverse=emphasis < 0)


def test_matched_colours_have_the_mean_and_covariance_of_the_content():
    one, other = (planes([picture(seed, 48, 48)]) * 0.4 + 0.3 for seed in (1, 2))
    made = matched(one, Colours(other, "other"))
    for here, there in zip(spread(made), spread(other), strict=True):
        torch.testing.assert_close(here, there, atol=1e-3, rtol=0.02)
    assert matched(torch.full((1, 3, 8, 8), 0.5), Colours(other, "other")).isfinite().all()


# ── The way down ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_crooked_valley_is_walked_down(name):
    """A quadratic whose directions differ in steepness a hundredfold, its lowest point partly outside of 0-1."""
    steep, goal = torch.logspace(0, -2, 30), torch.linspace(-0.2, 1.2, 30)
    x, way = torch.full((30,), 0.5), OPTIMIZERS[name]()
    for _ in range(60):
        x = way.step(x, 2 * steep * (x - goal), float((steep * (x - goal) ** 2).sum()))
    assert (x - goal.clamp(0, 1)).abs().max() < (0.05 if name == "lbfgs" else 0.1)
    assert x.min() >= 0
    assert x.max() <= 1


def stage(
    eyes, content, style, content_weight=0.05, start=None, descent=Lbfgs, layers=canvas.STYLE_LAYERS, style_weight=1.0
):
    target = {name: gram(layer) for name, layer in seen(eyes, style).items()}
    weights = Weights(content_weight, {name: style_weight / len(layers) for name in layers}, 0.0)
    objective = Objective({"relu4_1": seen(eyes, content)["relu4_1"]}, [Region(target)], weights)
    x = planes([content if start is None else start]).contiguous()
    return Stage(x, planes([content]), None, objective, descent(), eyes.vgg)


@pytest.mark.parametrize("descent", [Lbfgs, Adam])
def test_the_loss_falls(eyes, descent):
    way = stage(eyes, picture(1, 48, 64), picture(2, 48, 48), descent=descent)
    found = [sum(way.step(nothing).values()) for _ in range(25)]
    assert found[-1] < 0.7 * found[0]


def test_content_alone_brings_the_content_back(eyes):
    """From noise, with no weight on the style, at a layer that still knows where everything is."""
    content = picture(1, 32, 40)
    start = np.random.default_rng(0).integers(0, 256, content.shape, dtype=np.uint8)
    weights = Weights(1.0, {"relu1_1": 0.0}, 0.0)
    objective = Objective({"conv1_1": seen(eyes, content, ["conv1_1"])["conv1_1"]}, [], weights)
    way = Stage(planes([start]).contiguous(), planes([content]), None, objective, Lbfgs(), eyes.vgg)
    far = (way.picture - planes([content])).abs().mean()
    for _ in range(30):
        values = way.step(nothing)
    assert list(values) == ["content:conv1_1", "smoothness"]
    assert values["content:conv1_1"] < 0.02
    assert (way.picture - planes([content])).abs().mean() < 0.05 * far


def test_a_loss_that_is_no_number_stops_with_the_last_good_picture(eyes, monkeypatch):
    way = stage(eyes, picture(1, 32, 40), picture(2, 32, 32))
    values = [way.step(nothing) for _ in range(3)]
    good = way._best[1].clone()
    broken = StyleLoss.forward
    monkeypatch.setattr(StyleLoss, "forward", lambda self, layer: broken(self, layer) * float("nan"))
    way.step(nothing)
    assert way.broken is not None
    assert way.broken.values["layer"] == "style:relu1_1"
    assert torch.equal(way.end(sum(values[-1].values())), good)


def test_a_step_that_makes_everything_worse_is_taken_back(eyes):
    class Wild:
        def back(self):
            pass

        def step(self, x, gradient, loss):
            return torch.rand(x.shape, generator=torch.Generator().manual_seed(0))

    way = stage(eyes, picture(1, 32, 40), picture(1, 32, 40), descent=Wild)
    before = way.picture.clone()
    last = [sum(way.step(nothing).values()) for _ in range(3)][-1]
    assert torch.equal(way.end(last), before)


# ── From coarse to fine ──────────────────────────────────────────────────────────────────────────────────────────────


def test_sizes_grow_and_small_ones_get_more_steps():
    plan = levels((384, 512), 12)
    assert [plan[0].side, plan[-1].side] == [96, 512]
    assert all(1.3 < after.side / before.side < 1.8 for before, after in itertools.pairwise(plan))
    assert plan[-1].size == (384, 512)
    steps = [level.steps for level in plan]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] == 12
    assert [level.side for level in levels((64, 64), 5)] == [64]
    assert min(levels((64, 640), 5)[0].size) >= canvas.NARROW
    assert len(levels((768, 1024), 12)) == 7


def test_layers_that_see_more_than_there_is_are_left_out():
    assert seen_layers((64, 80)) == list(canvas.STYLE_LAYERS)
    assert seen_layers((40, 400)) == ["relu1_1", "relu2_1", "relu3_1"]
    assert seen_layers((16, 16)) == ["relu1_1", "relu2_1"]


def test_masks_share_the_picture_among_the_styles():
    grams = {name: {"relu1_1": torch.full((2, 2), float(at))} for at, name in enumerate("abc")}
    left = torch.zeros(4, 8)
    left[:, :4] = 1
    (both,), cover = regions({"a": 0.25, "b": 0.75}, grams, {})
    assert cover is None
    torch.testing.assert_close(both.grams["relu1_1"], torch.full((2, 2), 0.75))
    (own,), cover = regions({"a": 1.0}, grams, {"a": left})
    assert torch.equal(cover, left)
    assert own.area == pytest.approx(0.5)
    brushed, rest = regions({"a": 0.5, "b": 0.25, "c": 0.25}, grams, {"a": left})[0]
    torch.testing.assert_close(rest.grams["relu1_1"], torch.full((2, 2), 1.5))
    torch.testing.assert_close(brushed.share + rest.share, torch.ones(4, 8))
    assert regions({"a": 1.0}, grams, {"a": torch.zeros(4, 8)})[0] == []
