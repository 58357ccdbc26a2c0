"""Style by optimisation: losses as the papers define them, a way down, and what an artist relies on. Mostly with few random weights."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from PIL import Image
from test_style import CONTENT, MASK, OWN, picture

from engines import registry, store
from engines.api import (
    Brief,
    BriefError,
    Cancelled,
    Done,
    EngineError,
    Losses,
    Preview,
    Progress,
    Result,
    Setting,
)
from engines.style import DRAWN_STYLES, GATYS, canvas, gatys, losses, why
from engines.style.canvas import levels
from engines.style.gatys import Gatys, check_memory
from engines.style.losses import Variation
from engines.style.statistics import Statistics, rounded
from engines.vision import planes
from studio import config
from studio.render import Waiting

pytestmark = pytest.mark.usefixtures("one_thread")

OTHER, FLAT = ("sha256:" + letter * 64 for letter in "ef")


@pytest.fixture
def see():
    mask = np.zeros((90, 120, 3), np.uint8)
    mask[:, :60] = 255
    known = {
        CONTENT: picture(1, 90, 120),
        MASK: mask,
        OWN: picture(2, 64, 64),
        OTHER: np.full((64, 64, 3), (200, 40, 30), np.uint8)
        + np.uint8(20) * (np.indices((64, 64)).sum(0) % 2)[..., None].astype(np.uint8),
        FLAT: np.full((64, 64, 3), (30, 90, 200), np.uint8),
    }

    def look(reference: str) -> np.ndarray:
        if reference in known:
            return known[reference]
        return np.asarray(Image.open(config.assets() / "styles" / f"{reference}.jpg").convert("RGB"))

    return look


@pytest.fixture
def engine(eyes) -> Gatys:
    return Gatys(eyes)


def never() -> bool:
    return False


def nothing() -> None:
    pass


def events_of(engine, see, changes=({},), cancelled=never, seeds=None, **keys):
    keys = {"styles": {OWN: 1}, "size": 64} | keys
    keys["options"] = {"start": "content"} | keys.get("options", {})  # without the fast network's weights
    brief = registry.check(Brief(engine="gatys", content=CONTENT, **keys))
    yours = GATYS.space(brief).yours
    settings = [
        Setting(yours | change, seed) for change, seed in zip(changes, seeds or [0] * len(changes), strict=True)
    ]
    return list(engine.run(brief, settings, see, cancelled))


def made(engine, see, **keys) -> list[np.ndarray]:
    events = events_of(engine, see, **keys)
    assert isinstance(events[-1], Done)
    return [event.pixels for event in events if isinstance(event, Result)]


# ── What an artist relies on ─────────────────────────────────────────────────────────────────────────────────────────


def test_grams_are_computed_once_for_all_variants(eyes, see):
    looked, known = [], Statistics()

    def look(reference):
        looked.append(reference)
        return see(reference)

    first = known.grams(eyes.vgg, OWN, 64, ("relu1_1", "relu2_1"), look, nothing)
    again = known.grams(eyes.vgg, OWN, 66, ("relu2_1",), look, nothing)
    assert looked == [OWN]
    assert again["relu2_1"] is first["relu2_1"]
    known.grams(eyes.vgg, OWN, 128, ("relu2_1",), look, nothing)
    assert len(looked) == 2
    assert [rounded(side) for side in (1, 63, 5000)] == [32, 64, 1024]


def test_a_round_tells_everything_on_its_way(engine, see):
    events = events_of(engine, see, changes=[{}, {"balance": 1.0}], size=200, options={"steps": 3})
    kinds = [type(event) for event in events]
    assert kinds[-1] is Done
    assert [event.index for event in events if isinstance(event, Result)] == [0, 1]
    previews = [(at, event) for at, event in enumerate(events) if isinstance(event, Preview)]
    assert [event.index for _, event in previews[:2]] == [0, 1]
    assert previews[1][0] < kinds.index(Result)
    assert max(previews[0][1].pixels.shape) == 96
    curve = [event for event in events if isinstance(event, Losses) and event.index == 0]
    assert [event.step for event in curve] == list(range(1, len(curve) + 1))
    assert sorted({event.side for event in curve}) == [96, 139, 200]
    assert set(curve[0].values) == {"content:relu4_1", *(f"style:{name}" for name in canvas.STYLE_LAYERS), "smoothness"}
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)
    waiting = Waiting(2)
    for event in events:
        waiting.hear(event)  # a page without curves passes over the losses


def test_same_brief_same_bytes_and_other_seeds_other_pictures(engine, eyes, see):
    keys = {"size": 100, "options": {"steps": 3}}
    first, again = made(engine, see, **keys)[0], made(Gatys(eyes), see, changes=[{"balance": 1}, {}], **keys)[1]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, made(engine, see, seeds=[1], **keys)[0])


def test_balance_runs_from_the_picture_to_the_style(engine, see):
    balances = (-1.5, 0.0, 1.5)
    events = events_of(engine, see, changes=[{"balance": value} for value in balances], size=96, options={"steps": 30})
    last = {event.index: event.values for event in events if isinstance(event, Losses)}
    content = [last[at]["content:relu4_1"] * 10**value for at, value in enumerate(balances)]
    style = [sum(value for name, value in last[at].items() if name.startswith("style:")) for at in range(3)]
    assert content == sorted(content)
    assert style == sorted(style, reverse=True)


def test_two_styles_mix(engine, see):
    """A mix is nearer to each of two styles than the other is."""
    changes = [{f"style:{OWN}": 1 - share, f"style:{OTHER}": share} for share in (0.0, 0.5, 1.0)]
    one, both, other = (
        each.astype(float).mean((0, 1))
        for each in made(
            engine, see, styles={OWN: 0.5, OTHER: 0.5}, changes=changes, options={"steps": 20, "balance": 1.5}
        )
    )
    apart = np.abs(one - other).mean()
    assert apart > 3
    assert max(np.abs(both - one).mean(), np.abs(both - other).mean()) < apart


def test_the_style_brush_keeps_a_style_to_its_place(engine, see):
    """Painted where it was brushed; elsewhere the picture stays. The mask has another size than the picture."""
    pixels = made(engine, see, masks={f"style:{OWN}": MASK}, options={"steps": 12})[0].astype(float)
    content = gatys.fitted(see(CONTENT), 64)
    assert np.abs(pixels - content)[:, 40:].mean() < 1
    assert np.abs(pixels - content)[:, :24].mean() > 8


def test_two_brushes_lead_two_styles(engine, see):
    inverse = "sha256:" + "d" * 64
    looks = lambda name: 255 - see(MASK) if name == inverse else see(name)  # noqa: E731
    keys = {"styles": {OWN: 0.5, OTHER: 0.5}, "options": {"steps": 20, "balance": 1.5}}
    there = made(engine, looks, masks={f"style:{OTHER}": MASK, f"style:{OWN}": inverse}, **keys)[0].astype(float)
    here = made(engine, looks, masks={f"style:{OWN}": MASK, f"style:{OTHER}": inverse}, **keys)[0].astype(float)
    red = [each[..., 0] - each[..., 2] for each in (there, here)]  # the other style is red
    assert (red[0] - red[1])[:, :28].mean() > 3
    assert (red[0] - red[1])[:, 36:].mean() < -3


@pytest.mark.parametrize("options", [{"start": "noise"}, {"optimizer": "adam"}, {"color": "matched"}, {"scale": 0.4}])
def test_every_choice_paints_something_else(engine, see, options):
    plain, other = made(engine, see)[0], made(engine, see, options=options)[0]
    assert plain.shape == other.shape == (48, 64, 3)
    assert not np.array_equal(plain, other)


def test_kept_colours_are_the_pictures_own(engine, see):
    plain, kept = made(
        engine, see, styles={OTHER: 1}, changes=[{"balance": 1.5}, {"balance": 1.5, "preserve_color": 1.0}]
    )

    def chroma(pixels):
        return pixels.astype(float) - pixels.astype(float).mean(-1, keepdims=True)

    content = chroma(gatys.fitted(see(CONTENT), 64))
    assert np.abs(chroma(kept) - content).mean() < 0.5 * np.abs(chroma(plain) - content).mean()


def test_stop_is_heard_between_two_layers(engine, see):
    """Within a step: a picture this large takes longer for one than the artist should wait."""
    asked = []

    def cancelled() -> bool:
        asked.append(time.perf_counter())
        return len(asked) > 200

    events = events_of(engine, see, size=256, options={"steps": 50}, cancelled=cancelled)
    assert isinstance(events[-1], Cancelled)
    assert max(np.diff(asked)) < 0.5
    steps = sum(isinstance(event, Losses) for event in events)
    assert len(asked) / max(1, steps) > 10


def test_a_stop_keeps_what_was_seen(engine, see):
    heard: list[object] = []
    brief = registry.check(
        Brief(engine="gatys", content=CONTENT, styles={OWN: 1}, options={"start": "content"}, size=64)
    )
    settings = [Setting(GATYS.space(brief).yours, seed) for seed in range(3)]

    def cancelled() -> bool:  # as soon as two were seen
        return len({event.index for event in heard if isinstance(event, Preview)}) == 2

    for event in engine.run(brief, settings, see, cancelled):
        heard.append(event)
    kept = [event for event in heard if isinstance(event, Result)]
    assert kept
    assert heard[-1] == Cancelled(len(kept))
    for result in kept:
        assert result.unfinished
        assert result.pixels.shape == (48, 64, 3)
        steps = sum(isinstance(event, Losses) and event.index == result.index for event in heard)
        assert [(each.template, each.values) for each in result.remarks[-1:]] == [
            ("Stopped after {steps} steps: this is how far it came.", {"steps": steps})
        ]


def test_it_goes_on_from_a_picture(engine, see):
    """At the same size where that ended, at a larger one only through what is larger."""
    first = events_of(engine, see, size=128, options={"steps": 4})
    before = next(event for event in first if isinstance(event, Result)).pixels

    def with_it(reference):
        return before if reference == OTHER else see(reference)

    again = [
        event
        for event in events_of(engine, with_it, size=128, sketch=OTHER, options={"steps": 4})
        if isinstance(event, Losses)
    ]
    ended = [sum(event.values.values()) for event in first if isinstance(event, Losses)]
    assert {event.side for event in again} == {128}
    assert len(again) == 4
    assert sum(again[0].values.values()) < 1.3 * ended[-1] < ended[0]
    larger = [
        event
        for event in events_of(engine, with_it, size=256, sketch=OTHER, options={"steps": 2})
        if isinstance(event, Losses)
    ]
    assert {event.side for event in larger} == {
        side for side in (level.side for level in levels((192, 256), 2)) if side > 128
    }


def test_a_gradient_can_be_stopped(eyes):
    asked = []

    def check():
        asked.append(1)
        if len(asked) > 12:
            raise gatys.Stopped

    x = planes([picture(1, 32, 32)]).requires_grad_()
    layers = eyes.vgg(x, ["relu4_1"], check)
    forward = len(asked)
    with pytest.raises(gatys.Stopped):
        layers["relu4_1"].sum().backward()
    assert forward == 8
    assert len(asked) == 13


def test_why_it_looks_so_is_told_by_layer(engine, see):
    """The losses are those of the last step, and each layer alone is better at its own than the whole picture is."""
    brief = registry.check(
        Brief(engine="gatys", content=CONTENT, styles={OWN: 1}, size=96, options={"start": "content"})
    )
    setting = Setting(GATYS.space(brief).yours | {"smoothness": 0.0}, 0)
    events = list(engine.run(brief, [setting], see, never))
    (result,) = (event for event in events if isinstance(event, Result))
    last = [event for event in events if isinstance(event, Losses)][-1].values
    found = why.parts(engine, brief, setting, see, result.pixels)
    assert [part.name for part in found] == list(last)
    assert sum(part.share for part in found) == pytest.approx(1)
    objective, _ = engine.judged(brief, setting, see, 96)
    told = {part.name: objective.weight(part.name) * part.loss for part in found}
    assert sum(told.values()) < 1.2 * sum(last.values())
    single = dict(why.alone(engine, brief, setting, see))
    assert list(single) == ["content:relu4_1", *(f"style:{name}" for name in canvas.STYLE_LAYERS)]
    whole = why.parts(engine, brief, setting, see, np.asarray(Image.fromarray(result.pixels).resize((128, 96))))
    own = why.parts(engine, brief, setting, see, single["style:relu2_1"])
    by_name = [{part.name: part.loss for part in each} for each in (own, whole)]
    assert by_name[0]["style:relu2_1"] < by_name[1]["style:relu2_1"]
    assert by_name[0]["content:relu4_1"] > by_name[1]["content:relu4_1"]


# ── Bad input ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_style_of_one_colour_works(engine, see):
    pixels = made(engine, see, styles={FLAT: 1}, options={"balance": 1.5, "steps": 20})[0].astype(float)
    assert pixels[..., 2].mean() > pixels[..., 0].mean()
    assert made(engine, see, styles={FLAT: 1}, options={"color": "matched"})[0].std() > 1


def test_a_small_picture_says_which_layers_it_has_no_room_for(engine, see):
    (result,) = (event for event in events_of(engine, see, size=40) if isinstance(event, Result))
    assert result.pixels.shape == (30, 40, 3)
    assert result.remarks[0].values["layers"] == "relu4_1"
    with pytest.raises(EngineError, match="short side"):
        events_of(engine, see, size=16)


def test_a_nan_ends_in_the_last_good_picture_and_a_remark(engine, see, monkeypatch):
    steps, broken = [], Variation.forward

    def forward(self, picture):
        steps.append(1)
        return broken(self, picture) * (float("nan") if len(steps) > 6 else 1.0)

    monkeypatch.setattr(Variation, "forward", forward)
    events = events_of(engine, see, size=200)
    (result,) = (event for event in events if isinstance(event, Result))
    assert isinstance(events[-1], Done)
    assert result.pixels.shape == (150, 200, 3)
    assert result.remarks[0].values == {"step": 7, "side": 96, "layer": "smoothness"}
    assert sum(isinstance(event, Losses) for event in events) == 6


def test_what_does_not_fit_is_refused_with_what_does(monkeypatch):
    monkeypatch.setattr("engines.device.available_memory", lambda: 2 * 2**30)
    check_memory(torch.zeros(1, 3, 384, 512), 512)
    with pytest.raises(EngineError, match=r"4000 pixels.* 2\.0 GB.*Choose size (\d+)") as error:
        check_memory(torch.zeros(1, 1, 3000, 4000).expand(1, 3, 3000, 4000), 4000)
    fits = error.value.values["fits"]
    assert fits % 16 == 0
    check_memory(torch.zeros(1, 3, fits * 3 // 4, fits), fits)


def test_options_have_bounds_and_styles_are_pictures_or_drawn():
    assert set(GATYS.styles) == set(DRAWN_STYLES)
    base = {"mode": "style", "engine": "gatys", "content": CONTENT, "styles": {OWN: 1}}
    for name, value in [("balance", 2), ("scale", 0), ("steps", 0), ("start", "nowhere"), ("optimizer", "sgd")]:
        with pytest.raises(BriefError, match=name):
            registry.check(Brief.from_dict(base | {"options": {name: value}}))
    knobs = [knob.name for knob in GATYS.knobs(registry.check(Brief.from_dict(base)))]
    assert knobs == ["balance", "scale", "emphasis", "smoothness", "preserve_color", f"style:{OWN}"]


# ── With the real weights ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def real(models_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_MODELS", str(models_folder))
        store.ensure(["hed-vgg16", "style-codes"])
        yield registry.load("gatys")


@pytest.mark.models
def test_a_real_style_is_clearly_there(real, see):
    """Half of what lies between the content and the style is gone, in the shallow layers nearly all, and the content is still seen."""
    events = events_of(real, see, styles={"thick-oil": 1}, size=96, options={"steps": 20})
    curve = [event.values for event in events if isinstance(event, Losses)]
    assert sum(curve[-1].values()) < 0.35 * sum(curve[0].values())
    assert curve[-1]["content:relu4_1"] < losses.TINY + 0.8 * gatys.CONTENT
    assert real.models().keys() == set(GATYS.models)


@pytest.mark.models
def test_what_the_fast_network_painted_is_a_head_start(real, see):
    """Its first loss is lower than that of the content."""
    first = []
    for start in ("content", "painted"):
        events = events_of(real, see, styles={"woodblock-waves": 1}, size=80, options={"steps": 2, "start": start})
        first.append(sum(next(event.values for event in events if isinstance(event, Losses)).values()))
    assert first[1] < first[0]
