"""The painter as an engine: the contract, the controls, and what it says where it cannot. With its own weights."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from engines import registry, store
from engines.api import Brief, BriefError, Cancelled, Done, EngineError, Pixels, Result, Setting, Started
from engines.image import FACES, PAINTER, WAYS, FacesOptions, colouring, drawing, faces, painter
from engines.image.drawing import Drawing, Piece
from engines.image.network import CODE, Condition
from studio.rounds import run_chain

pytestmark = pytest.mark.models

SKETCH, PHOTO = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def ring(x: float, y: float, radius: float) -> drawing.Points:
    turn = np.linspace(0, 2 * math.pi, 50)
    return np.stack((x + radius * np.cos(turn), y + radius * np.sin(turn)), 1).astype(np.float32)


TWO = Drawing(
    (Piece("red ball", (ring(0.3, 0.5, 0.18),)), Piece("blue ball", (ring(0.72, 0.5, 0.2), ring(0.72, 0.5, 0.08))))
)


class Files:
    """A drawing with lines, and a picture without."""

    def data(self, ref: str) -> bytes:
        if ref == SKETCH:
            return drawing.to_png(TWO, 256)
        image = Image.new("RGB", (300, 200), "white")
        image.paste((30, 30, 30), (80, 50, 220, 54))
        for box in ((80, 50, 84, 150), (216, 50, 220, 150), (80, 146, 220, 150)):
            image.paste((30, 30, 30), box)
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()

    def __call__(self, ref: str, /) -> Pixels:
        return np.array(Image.open(io.BytesIO(self.data(ref))).convert("RGB"))


@pytest.fixture(scope="module", autouse=True)
def _models(models_folder):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_MODELS", str(models_folder))
        store.ensure(["outlines", "minilm-l6-v2", "hed-vgg16", "dcgan-faces", "style-bank-26"])
        yield
    torch.set_num_threads(threads)


def brief(**more) -> Brief:
    return registry.check(
        Brief(**({"mode": "image", "engine": "painter", "prompt": "a red house", "size": 128} | more))
    )


def paint(asked: Brief, *settings: Setting, cancelled: Callable[[], bool] = lambda: False) -> list[object]:
    return list(registry.load(asked.engine).run(asked, settings or [Setting({}, 1)], Files(), cancelled))


def picture(asked: Brief, knobs: dict | None = None, seed: int = 1) -> np.ndarray:
    (made,) = (event for event in paint(asked, Setting(knobs or {}, seed)) if isinstance(event, Result))
    assert made.pixels is not None
    return made.pixels


def colours(pixels: np.ndarray, where: slice = slice(None)) -> np.ndarray:
    """The mean colour of what covers."""
    part = pixels[:, where].reshape(-1, 4).astype(float)
    return (part[:, :3] * part[:, 3:]).sum(0) / part[:, 3].sum()


# ── The contract ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_events_in_order_and_features_for_the_taste():
    events = paint(brief(), Setting({}, 1), Setting({"drawing": "2"}, 2))
    assert [type(event).__name__ for event in events if type(event).__name__ != "Progress"] == [
        "Started",
        "Result",
        "Result",
        "Done",
    ]
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Done)
    first, second = (event for event in events if isinstance(event, Result))
    assert first.features is not None
    assert first.features.shape == (64,)
    assert np.isfinite(first.features).all()
    assert not np.allclose(first.features, second.features)
    assert first.pixels is not None
    assert first.pixels.shape == (128, 128, 4)
    assert 0.05 < (first.pixels[..., 3] > 128).mean() < 0.95


def test_same_seed_same_bytes_whatever_stands_beside_it():
    alone = picture(brief(), {"hue": 0.1}, 5)
    beside = [
        event.pixels
        for event in paint(brief(), Setting({}, 1), Setting({"hue": 0.1}, 5), Setting({}, 9))
        if isinstance(event, Result)
    ]
    assert np.array_equal(alone, beside[1])
    registry.load("painter")._scenes.clear()
    assert np.array_equal(alone, picture(brief(), {"hue": 0.1}, 5))


def test_seeds_matter_and_drawings_matter():
    one, other = picture(brief(prompt="a house"), {}, 1), picture(brief(prompt="a house"), {}, 2)
    assert np.abs(one[..., :3].astype(int) - other[..., :3]).mean() > 2
    assert not np.array_equal(one[..., 3], picture(brief(prompt="a house"), {"drawing": "2"})[..., 3])


def test_stop_is_heeded():
    events = paint(brief(), Setting({}, 1), Setting({}, 2), cancelled=lambda: True)
    assert isinstance(events[-1], Cancelled)
    assert events[-1].finished == 0


@pytest.mark.parametrize("size", [64, 100, 512])
def test_any_size(size):
    assert picture(brief(size=size)).shape == (size, size, 4)


# ── The controls ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_thing_is_painted_in_its_own_colour():
    made = picture(brief(prompt="", sketch=SKETCH))
    left, right = colours(made, slice(0, 62)), colours(made, slice(66, 128))
    assert left[0] > left[2] + 40
    assert right[2] > right[0] + 20


def test_the_drawing_is_where_the_paint_is():
    made = picture(brief(prompt="", sketch=SKETCH, size=256, options={"lines": 0.0}))
    y, x = np.mgrid[0:256, 0:256] / 256
    inside = (np.hypot(x - 0.3, y - 0.5) < 0.15) | (
        (np.hypot(x - 0.72, y - 0.5) < 0.17) & (np.hypot(x - 0.72, y - 0.5) > 0.1)
    )
    outside = (np.hypot(x - 0.3, y - 0.5) > 0.21) & (np.hypot(x - 0.72, y - 0.5) > 0.23)
    assert made[inside, 3].mean() > 230
    assert made[outside, 3].mean() < 25


def test_a_picture_without_lines_is_read():
    made = picture(brief(prompt="a green box", sketch=PHOTO))
    assert made.shape == (85, 128, 4)
    assert made[42, 64, 3] > 200
    assert made[5, 5, 3] < 40
    assert colours(made)[1] > colours(made)[0]


def test_the_palette_is_heeded():
    plain = brief(prompt="a ball", sketch=None)
    blue = colours(picture(brief(prompt="a ball", options={"palette": "#2f78d2"})))
    red = colours(picture(brief(prompt="a ball", options={"palette": "#d92b2b"})))
    assert blue[2] - blue[0] > 30
    assert red[0] - red[2] > 30
    assert not np.array_equal(picture(plain), picture(brief(prompt="a ball", options={"palette": "#2f78d2"})))


def test_words_weigh_nothing_without_guidance():
    one = picture(brief(sketch=PHOTO, prompt="a fish", options={"guidance": 0.0}))
    other = picture(brief(sketch=PHOTO, prompt="a castle", options={"guidance": 0.0}))
    assert np.array_equal(one, other)
    more = picture(brief(sketch=PHOTO, prompt="a fish", options={"guidance": 2.0}))
    assert not np.array_equal(more, picture(brief(sketch=PHOTO, prompt="a fish")))


def test_things_have_colours_of_their_kind_where_none_is_named():
    def hues(prompt: str, **options) -> list[np.ndarray]:
        asked = brief(prompt=prompt, options=options)
        pictures = [picture(asked, seed=seed) for seed in range(4)]
        return [each[..., :3][each[..., 3] > 250].mean(0) for each in pictures]

    for red, green, blue in hues("a frog"):
        assert green > max(red, blue)
    for red, green, blue in hues("a fox"):
        assert red > green > blue
    with_kind, without = hues("a car"), hues("a car", natural=False)
    assert not any(np.array_equal(one, other) for one, other in zip(with_kind, without, strict=True))
    given = [hues("a car", natural=natural, palette="#2f78d2") for natural in (True, False)]
    assert np.array_equal(*given)  # a colour that the artist gave is the one
    named = [hues("a red car", natural=natural) for natural in (True, False)]
    assert np.array_equal(*named)


def test_palettes_that_are_drawn_follow_what_is_meant():
    known = colouring.palettes()
    assert known.concept.max() + 1 == len(known.meanings)
    assert torch.allclose(known.shares.sum(1), torch.ones(len(known.shares)), atol=0.02)

    def drawn(said: str) -> list[torch.Tensor]:
        meaning = painter.meaning(said) if said else torch.zeros(384)
        return [known.drawn(meaning, torch.Generator().manual_seed(seed))[0] for seed in range(40)]

    greens = [float((torch.stack(drawn(said))[:, 1] < -0.03).float().mean()) for said in ("frog", "")]
    assert greens[0] > 0.6 > greens[1]
    assert all(torch.equal(one, other) for one, other in zip(drawn("frog"), drawn("frog"), strict=True))


@pytest.mark.parametrize(
    ("styles", "shares"),
    [
        ({}, [1.0, 0.0, 0.0]),
        ({"vivid": 0.7, "plain": 0.3}, [0.0, 0.7, 0.3]),  # to the bit, or older sessions would not replay
        ({"sha256:" + "a" * 64: 0.5, "vivid": 0.25, "plain": 0.25}, [0.0, 0.5, 0.5]),
        ({"sha256:" + "a" * 64: 1.0}, [1.0, 0.0, 0.0]),
    ],
)
def test_painters_of_ones_own_leave_the_painted_styles_their_shares(styles, shares):
    assert painter.style_shares(styles) == shares


def test_styles_differ_and_mix():
    def mixed(**weights: float) -> np.ndarray:
        return picture(brief(styles=weights))[..., :3].astype(float)

    shaded, vivid, half = mixed(shaded=1), mixed(vivid=1), mixed(shaded=1, vivid=1)
    assert np.abs(shaded - vivid).mean() > 0.5
    assert np.abs(half - shaded).mean() < np.abs(vivid - shaded).mean()


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("hue", 0.25),
        ("saturation", 0.2),
        ("lightness", 0.2),
        ("contrast", 0.6),
        ("mood", 1.5),
        ("accent", 1.5),
        ("lines", 1.0),
        ("jitter", 1.0),
    ],
)
def test_every_knob_does_something(knob, value):
    assert not np.array_equal(picture(brief()), picture(brief(), {knob: value}))


def test_live_is_the_yours_of_a_round():
    engine = registry.load("painter")
    asked = brief(prompt="two balls", sketch=SKETCH, seed=7)
    assert np.array_equal(engine.live(asked, TWO.to_json(), 128), picture(asked, {}, 7))
    with pytest.raises(EngineError, match="nothing to paint"):
        engine.live(asked, '{"things": []}', 128)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"prompt": "a red ball"}, "A red ball. Red."),
        ({"prompt": "一个红球。"}, "一个红球. Red."),
        ({"prompt": "", "sketch": SKETCH}, "Red ball, blue ball. Blue and red."),
        ({"prompt": "", "sketch": PHOTO}, "White."),
    ],
)
def test_a_painting_in_words(more, said):
    asked = brief(**more)
    colours = {"Red.": ["red"], "White.": ["white"]}.get(said.split(". ")[-1], ["blue", "blue", "red"])
    image = Image.new("RGBA", (60, 20))  # what is not covered has no colour
    for at, name in enumerate(colours):
        image.paste(
            {"red": (217, 43, 43), "blue": (47, 120, 210), "white": (244, 244, 244)}[name], (8 * at, 0, 8 * at + 8, 20)
        )
    file = io.BytesIO()
    image.save(file, "PNG")
    assert registry.load("painter").in_words(asked, file.getvalue(), Files()) == said


def test_drawings_are_proposed_kept_and_read_again():
    engine = registry.load("painter")
    four, remarks = engine.drawings("a fox and a deer in a forest", 4)
    assert len(set(four)) == 4
    assert remarks == ()
    assert engine.drawings("a fox beside a xyzzy", 1)[1][0].values["names"] == "xyzzy"
    assert engine.read_drawing(engine.drawing_file(four[0])) == four[0]


def test_a_painting_in_a_style_as_one_brief():
    then = Brief(mode="style", engine="style-bank", styles={"woodcut": 1.0}, size=128)
    asked = registry.check(Brief(mode="image", engine="painter", prompt="a red house", size=128, then=then))
    made = [event for event in run_chain(asked, [Setting({}, 1)], Files(), lambda: False) if isinstance(event, Result)]
    assert [each.pixels.shape for each in made] == [(128, 128, 3)]


# ── Bad input ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_words_or_a_sketch_must_be_there():
    with pytest.raises(BriefError, match="neither prompt nor sketch"):
        brief(prompt="")


def test_unknown_things_are_named_with_what_comes_near():
    with pytest.raises(EngineError, match="xyzzy") as raised:
        paint(brief(prompt="a red xyzzy"))
    assert len(str(raised.value.values["allowed"]).split(", ")) == 4
    (made,) = (event for event in paint(brief(prompt="a red xyzzy on a house")) if isinstance(event, Result))
    assert [(each.template, each.values["names"]) for each in made.remarks] == [(painter.UNKNOWN, "xyzzy")]
    assert np.array_equal(made.pixels, picture(brief(prompt="a house")))  # what is known is painted without it


@pytest.mark.parametrize("prompt", ["the of and", "🙂🙂", "。。"])
def test_words_without_a_thing_are_said(prompt):
    with pytest.raises(EngineError, match="nothing that can be drawn"):
        paint(brief(prompt=prompt))


def test_forty_things_are_cut_to_what_a_drawing_holds_and_it_is_said():
    animals = ["cat", "dog", "fish", "bird", "horse", "cow", "pig", "rabbit", "owl", "fox"]
    things = [*animals, "house", "tree", "car", "boat", "star", "moon", "cake", "chair", "bed", "key"]
    events = paint(brief(prompt=", ".join(f"a {each}" for each in things * 2)))
    (made,) = (event for event in events if isinstance(event, Result))
    assert [each.template for each in made.remarks] == [painter.TOO_MANY]


@pytest.mark.parametrize("palette", ["red", "#12", "#d92b2b #d92b2b #d92b2b #d92b2b"])
def test_palettes_are_checked(palette):
    with pytest.raises(BriefError, match=r"options\.palette"):
        brief(options={"palette": palette})


# ── The network and faces ────────────────────────────────────────────────────────────────────────────────────────────


def test_folding_changes_nothing():
    from safetensors.torch import load_file

    from engines.image.network import Generator

    plain = Generator()
    plain.load_state_dict({name: value.float() for name, value in load_file(painter.WEIGHTS).items()}, strict=False)
    plain.eval()
    chance = torch.Generator().manual_seed(0)
    seen = torch.rand(2, 3, 64, 64, generator=chance)
    given = Condition(
        torch.randn(2, 384, generator=chance) / 20,
        torch.eye(3)[:2],
        torch.zeros(2, 3, 4),
        torch.randn(2, CODE, generator=chance),
    )
    with torch.inference_mode():
        before = plain(seen, given)
        plain.fold()
        assert torch.allclose(plain(seen, given), before, atol=1e-4)
    assert painter.facts()["steps"] > 0


def test_faces_vary_along_their_ways():
    asked = registry.check(Brief(mode="image", engine="faces", size=64))
    engine = registry.load("faces")
    world = engine.world(asked, None)
    ways = world.ways
    assert ways.shape == (len(WAYS), faces.LATENT)
    assert torch.allclose(ways @ ways.T, torch.eye(len(WAYS)), atol=1e-4)
    plain, other = picture(asked, {}, 3), picture(asked, {}, 4)
    assert plain.shape == (64, 64, 3)
    assert np.abs(plain.astype(int) - other).mean() > 5
    first = [picture(asked, {"way_1": value}, 3).astype(int) for value in (0.0, 1.0, 2.0)]
    assert np.abs(first[2] - first[0]).mean() > np.abs(first[1] - first[0]).mean() > 1
    (along,) = world.stranger(FacesOptions(way_2=1.5), 3)
    assert (along @ ways.T).tolist() == pytest.approx([0, 1.5, 0, 0, 0, 0, 0, 0], abs=1e-4)
    assert FACES.options is FacesOptions
    assert PAINTER.needs_one == ("prompt", "sketch")


def test_damaged_faces_are_said():
    with pytest.raises(EngineError, match="damaged"):
        faces.built({"main.0.weight": torch.zeros(3)})
