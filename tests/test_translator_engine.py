"""The engine `translator` and its command: hands draw like any style, and those of one's own are trained and named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_translator import drawing, picture

from engines import registry
from engines.api import Brief, Cancelled, EngineError, Preview, Result, Setting
from engines.style import HANDS, stargan, translatorfile
from engines.style.translator import Shape
from engines.style.translatorfile import Translator

pytestmark = pytest.mark.usefixtures("one_thread")

CONTENT, OTHER, MASK = (f"sha256:{letter * 64}" for letter in "abc")


class Files:
    """A brief's files; a mask that is white on the left."""

    def __init__(self, **more: bytes) -> None:
        self.files = more
        mask = np.zeros((70, 90, 3), np.uint8)
        mask[:, :45] = 255
        self.pictures = {CONTENT: picture(1), OTHER: picture(2, 40, 130), MASK: mask}

    def __call__(self, ref: str, /) -> np.ndarray:
        return self.pictures[ref]

    def data(self, ref: str) -> bytes:
        return self.files.get(ref[7], b"\x89PNG")


@pytest.fixture(scope="module")
def engine() -> stargan.StarGan:
    return stargan.StarGan()


def draw(engine, styles, files=None, seed=0, size=128, **more) -> np.ndarray:
    brief = registry.check(Brief(engine="translator", content=CONTENT, styles=styles, size=size, **more))
    events = list(engine.run(brief, [Setting({}, seed)], files or Files(), lambda: False))
    (made,) = (event.pixels for event in events if isinstance(event, Result))
    return made


def test_our_hands_are_those_of_the_file(engine):
    found = translatorfile.load(stargan.WEIGHTS.read_bytes())
    assert tuple(found.domains) == HANDS
    assert stargan.WEIGHTS.stat().st_size <= 8_000_000
    assert set(engine.models()) == {"translator"}


def test_same_brief_same_bytes_and_another_seed_another_way(engine):
    one = draw(engine, {"noto": 1.0}, seed=3)
    assert np.array_equal(one, draw(stargan.StarGan(), {"noto": 1.0}, seed=3))
    assert not np.array_equal(one, draw(engine, {"noto": 1.0}, seed=4))
    still = [draw(engine, {"noto": 1.0}, seed=seed, options={"variety": 0.0}) for seed in (3, 4)]
    assert np.array_equal(*still)


def test_hands_differ_and_no_strength_is_the_picture(engine):
    drawn = [draw(engine, {hand: 1.0}).astype(int) for hand in HANDS]
    for at in range(3):
        assert np.abs(drawn[at] - drawn[at - 1]).mean() > 1
    none = draw(engine, {"noto": 1.0}, options={"strength": 0.0})
    plain = np.asarray(Image.fromarray(picture(1)).resize((128, 100), Image.Resampling.LANCZOS))
    assert np.abs(none.astype(int) - plain).max() <= 1


@pytest.mark.parametrize(("size", "detail"), [(16, 64), (77, 64), (300, 128), (300, 256)])
def test_any_size_is_drawn_at_its_size(engine, size, detail):
    files = Files()
    files.pictures[CONTENT] = picture(1, 60, 60)
    made = draw(engine, {"twemoji": 1.0}, files, size=size, options={"detail": detail})
    assert made.shape == (size, size, 3)
    files.pictures[CONTENT] = picture(1, 20, 160)
    if size >= 128:
        assert draw(engine, {"twemoji": 1.0}, files, size=size).shape == (round(size / 8), size, 3)


def test_a_picture_as_style_is_read_by_the_hands_of_the_mix(engine):
    alone = draw(engine, {OTHER: 1.0})
    mixed = draw(engine, {OTHER: 0.5, "twemoji": 0.5}, options={"variety": 0.0})
    assert not np.array_equal(alone, mixed)
    translator = translatorfile.load(stargan.WEIGHTS.read_bytes())
    codes, logits = stargan.reading(translator, picture(2, 40, 130))
    assert torch.allclose(engine.read(translator, OTHER, Files(), [2]), codes[2])
    every = torch.softmax(logits, 0) @ codes
    assert torch.allclose(engine.read(translator, OTHER, Files(), []), every)


def test_ways_turn_the_drawing_and_back(engine):
    plain, far = (draw(engine, {"noto": 1.0}, options={"way_1": value}).astype(int) for value in (0.0, 2.5))
    near = draw(engine, {"noto": 1.0}, options={"way_1": 0.5}).astype(int)
    assert 0 < np.abs(near - plain).mean() < np.abs(far - plain).mean()


def test_a_brush_keeps_hands_to_their_places(engine):
    masks = {"style:noto": MASK}
    made = draw(engine, {"noto": 1.0}, masks=masks).astype(int)
    whole = draw(engine, {"noto": 1.0}).astype(int)
    plain = draw(engine, {"noto": 1.0}, options={"strength": 0.0}).astype(int)
    assert np.abs(made - plain)[:, 100:].max() <= 1
    assert np.abs(made - whole)[:, :20].mean() < np.abs(made - plain)[:, :20].mean()


def test_hands_of_ones_own_are_styles_of_one_network(engine):
    networks = drawing(3, 0)
    files = {
        "d": translatorfile.pack(Translator(("a", "b", "c"), Shape(3, 8), networks, hand="a")),
        "e": translatorfile.pack(Translator(("a", "b", "c"), Shape(3, 8), networks, hand="b")),
        "f": translatorfile.pack(Translator(("a", "b"), Shape(2, 8), drawing(2, 1), hand="b")),
    }
    refs = {letter: f"sha256:{letter * 64}" for letter in files}
    one, two = (draw(engine, {refs[letter]: 1.0}, Files(**files)) for letter in "de")
    assert not np.array_equal(one, two)
    draw(engine, {refs["d"]: 0.5, refs["e"]: 0.25, OTHER: 0.25}, Files(**files))
    for styles in ({refs["d"]: 0.5, refs["f"]: 0.5}, {refs["d"]: 0.5, "noto": 0.5}):
        with pytest.raises(EngineError, match="cannot be mixed"):
            draw(engine, styles, Files(**files))
    whole = translatorfile.pack(Translator(("a", "b", "c"), Shape(3, 8), networks))
    with pytest.raises(EngineError, match="stands for no hand"):
        engine.style(whole, "x")


def test_large_drawings_are_shown_small_first_and_stop_is_heard(engine):
    brief = registry.check(Brief(engine="translator", content=CONTENT, styles={"noto": 1.0}, size=640))
    settings = [Setting({}, seed) for seed in range(2)]
    events = list(engine.run(brief, settings, Files(), lambda: False))
    assert [max(each.pixels.shape) for each in events if isinstance(each, Preview)] == [192, 192]
    assert isinstance(list(engine.run(brief, settings, Files(), lambda: True))[-1], Cancelled)


# ── The command ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def pictures_of(tmp_path):
    def make(name: str, *modes: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for at, mode in enumerate(modes):
            image = Image.fromarray(picture(at, 60 + 9 * at, 90)).convert(mode)
            image.save(folder / f"{at}.png")
        return folder

    return make


def test_the_command_trains_what_a_round_can_name(tmp_path, pictures_of, studio_command):
    winter, summer = pictures_of("winter", "RGB", "L", "RGBA"), pictures_of("summer", "RGB", "P")
    (summer / "torn.jpg").write_bytes(b"\xff\xd8torn")
    out = tmp_path / "made"
    toy = ["--steps", "2", "--width", "8", "--batch", "2", "--alone", "0"]
    status, said, err = studio_command("train", "translator", winter, summer, "--out", out, *toy, "--json")
    assert status == 0, err
    facts = json.loads(said)
    assert facts["domains"] == {"winter": 3, "summer": 2}
    assert facts["skipped"] == {"summer": ["torn.jpg"]}
    assert "(1): torn.jpg" in err
    files = ["own-summer.translator.safetensors", "own-winter.translator.safetensors"]
    assert sorted(place.name for place in out.iterdir()) == [*files, "own.samples.png"]
    Image.fromarray(picture(1)).save(out / "photo.png")
    brief = {"content": "photo.png", "styles": dict.fromkeys(files, 0.5), "size": 64, "variants": 2}
    (out / "brief.json").write_text(json.dumps(brief))
    status, _, err = studio_command("round", out / "brief.json", "--out", tmp_path / "round")
    assert status == 0, err
    assert json.loads((tmp_path / "round" / "round.json").read_text())["engine"]["name"] == "translator"


def test_wrong_input_is_said_and_nothing_is_written(tmp_path, pictures_of, studio_command):
    good, single = pictures_of("good", "RGB", "RGB"), pictures_of("single", "RGB")
    (tmp_path / "empty").mkdir()
    for arguments, said in [
        ([good], "1 folders"),
        ([good, good], "1 folders"),
        ([good, single], "1 picture only"),
        ([good, tmp_path / "empty"], "holds no picture"),
        ([good, tmp_path / "gone"], "cannot be read"),
        ([good, single, "--name", "a/b"], "cannot be a file's name"),
        ([good, single, "--minutes", "-1"], "--minutes"),
    ]:
        status, _, err = studio_command("train", "translator", *arguments, "--out", tmp_path / "out")
        assert (status, said in err) == (2, True), (arguments, err)
        assert not (tmp_path / "out").exists()


def test_the_bench_measures_drawings_of_things_that_were_held_out(engine):
    from studio.bench import translator as bench

    drawn = bench.drawn_as(engine, torch.rand(3, 128, 128), "noto", 0)
    assert drawn.shape == (3, 128, 128)
    assert bench.seen(drawn[None], torch.ones(1, 1, 128, 128)).shape == (1, 4, 64, 64)
