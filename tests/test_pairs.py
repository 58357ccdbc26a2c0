"""A painter that goes on with an artist's own pairs, at toy size: what is read, what is frozen, what is kept, and how its file is used."""

from __future__ import annotations

import io
import json
import time
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from engines import device, registry, vision
from engines.api import Brief, Setting
from engines.errors import EngineError
from engines.image import painter, painterfile, pairs, training
from engines.image.plan import Plan
from studio import pairing
from studio.events import StudioError

pytestmark = pytest.mark.usefixtures("one_thread")
PLAN = Plan(minutes=60, small=0.0, large=0.0, batch=6)


class Reader:
    """Embeds by a digest, without a model."""

    def embed(self, texts):
        rows = [np.random.default_rng(abs(hash(text)) % 2**32).normal(size=384) for text in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


def picture(at: int, side: int = 128) -> np.ndarray:
    """A green disc of some size on nothing, with a red core."""
    y, x = np.mgrid[0:side, 0:side]
    far = np.hypot(x - side / 2, y - side / 2) / side
    found = np.zeros((side, side, 4), np.uint8)
    found[far < 0.25 + 0.01 * at] = (30, 150, 60, 255)
    found[far < 0.1] = (200, 40, 30, 255)
    return found


def own(count: int = 14) -> list[pairs.Pair]:
    found = []
    for at in range(count):
        made = picture(at)
        edge = np.abs(np.gradient(made[..., 3].astype(np.float32))).max(0) > 20
        found.append(pairs.Pair(f"{at}.png", f"a thing {at}" if at else "", made, edge.astype(np.float32)))
    return found


@pytest.fixture(scope="module")
def course():
    return pairs.course(own(), Reader())


@pytest.fixture(scope="module")
def wide_eyes() -> vision.Eyes:
    """VGG-16 in shape, with weights drawn by chance."""

    def weights():
        chance, made, file, into = torch.Generator().manual_seed(0), {}, ("conv2d", "conv2d_1", "conv2d_2"), 3
        for block, at in vision.CONVOLUTIONS:
            out, name = (64, 128, 256, 512, 512)[block - 1], f"block{block}/layers/{file[at - 1]}/vars"
            made[f"{name}/0"] = torch.randn(out, into, 3, 3, generator=chance) * (2 / (9 * into)) ** 0.5
            made[f"{name}/1"] = torch.zeros(out)
            into = out
        for name in (*(f"dsn{block}" for block in range(1, 6)), "fuse"):
            made |= {f"{name}/vars/0": torch.zeros(1, 1, 1, 1), f"{name}/vars/1": torch.zeros(1)}
        return made

    return vision.Eyes(weights, lambda: device.Choice("cpu", "float32", "for a test"))


@pytest.fixture(scope="module")
def trained(course, wide_eyes, tmp_path_factory):
    """A few steps, and its file."""
    folder = tmp_path_factory.mktemp("painter")
    with torch.random.fork_rng():
        making = pairs.Going(course, PLAN, folder, painterfile.WEIGHTS, wide_eyes)
        told = [making.step(0.5) for _ in range(3)]
    making.log.step = 3
    file = folder / f"mine{painterfile.SUFFIX}"
    painterfile.write(file, "mine", making.averaged, making.encoder, making.facts())
    return making, told, file


# ── Learning ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_in_eight_and_four_at_least_are_held_out(course):
    assert sum(each.held_out for each in course.drawn.concepts) == 4
    many = [pairs.Pair(str(at), "x", each.picture, each.ink) for at, each in enumerate(own(12) * 4)]
    assert sum(each.held_out for each in pairs.course(many, Reader()).drawn.concepts) == 6
    kept = {at for at, each in enumerate(course.drawn.concepts) if each.held_out}
    picked = course.pick(200, False, torch.Generator().manual_seed(0))
    assert not kept & set(picked.tolist())
    with pytest.raises(EngineError, match="11 pairs"):
        pairs.course(own(11), Reader())


def test_what_has_no_words_is_learned_without(course):
    assert not course.words[0].any()
    assert course.words[1:].any(2).all()


def test_what_the_painter_knows_stays_frozen_and_the_rest_learns(trained):
    making, told, _ = trained
    assert all(np.isfinite(list(each.values())).all() for each in told)
    assert {"copying", "looks", "real", "fake"} <= set(told[-1])  # it copies, and plays against the discriminator
    before = making.before
    for name, value in making.generator.state_dict().items():
        if "tracked" not in name and (name.startswith(pairs.FROZEN) or "running" in name):
            assert torch.equal(value, before[name]), name
    learned = [name for name, value in making.generator.named_parameters() if not torch.equal(value, before[name])]
    assert {name.partition(".")[0] for name in learned} == {"up", "last", "out"}
    for name, value in making.encoder.state_dict().items():
        assert torch.equal(value, before[painterfile.ENCODER + name])


def test_a_stop_loses_nothing(trained, course, wide_eyes):
    making, _, _ = trained
    making.keep()
    other = pairs.Going(course, PLAN, making.folder, painterfile.WEIGHTS, wide_eyes)
    assert other.log.step == 3
    for one, two in zip(making.generator.state_dict().values(), other.generator.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    assert making.step(0.6) == other.step(0.6)


def test_time_in_which_it_stands_still_is_no_time_of_training(course, wide_eyes, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "FITTED", 6)
    making = pairs.Going(course, PLAN, tmp_path, painterfile.WEIGHTS, wide_eyes)
    rests = [2.0]  # seconds that the first who asks has to wait, as they do while a round is made

    def cancelled():
        time.sleep(rests.pop() if rests else 0)
        return making.log.step >= 1

    list(making.run(cancelled))
    assert making.log.step == 1
    assert making.log.seconds < 1


def test_a_sketch_moves_with_its_picture(course):
    made = pairs.held_out(course)
    kept = [at for at, each in enumerate(course.drawn.concepts) if each.held_out]
    assert torch.equal(made.ink, course.inks[kept])  # its own, as it is
    pictures = torch.from_numpy(course.drawn.pictures[:6]).float().div(255).movedim(-1, 1)
    moved, ink = pairs.lessons.bent(pictures, torch.Generator().manual_seed(1), course.inks[:6])
    edge = torch.nn.functional.max_pool2d(moved[:, 3:], 7, 1, 3) + torch.nn.functional.max_pool2d(
        -moved[:, 3:], 7, 1, 3
    )
    assert float((ink * (edge[:, 0] > 0.5)).sum() / ink.sum()) > 0.9  # lines lie where the picture ends


def test_figures_are_best_for_the_real_ones(course, wide_eyes):
    lesson = pairs.held_out(course)
    same = pairs.figures(lesson.pictures, lesson, wide_eyes)
    assert same == {"l1": 0, "perceptual": 0, "edges_f1": 1}
    other = pairs.figures(lesson.pictures.roll(20, 3).flip(1), lesson, wide_eyes)
    assert other["l1"] > 0
    assert other["perceptual"] > 0
    assert other["edges_f1"] < 1
    shown = Image.open(io.BytesIO(pairs.grid(lesson, lesson.pictures, lesson.pictures)))
    assert shown.size == (4 * 136, 4 * 136)


# ── Its file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_share_of_the_mix_is_how_far_the_painter_goes(trained):
    *_, file = trained
    ref, data, found = "sha256:" + "ab" * 32, file.read_bytes(), painterfile.Painters()
    ours, theirs = (found.of(mix, lambda _: data).last.weight.float() for mix in ({}, {ref: 1.0}))
    half = found.of({ref: 0.5, "vivid": 0.5}, lambda _: data).last.weight.float()
    assert not torch.equal(ours, theirs)
    assert torch.allclose(half, (ours + theirs) / 2, atol=2e-2)
    assert torch.allclose(theirs, load_file(file)["last.weight"].float(), atol=2e-2)
    assert painterfile.facts(file)["steps"] == 3
    with pytest.raises(EngineError, match="not been read"):
        painterfile.Painters().of({ref: 1.0})


@pytest.mark.parametrize("data", [b"", b"\x80pickle", b"PK\x03\x04", b"no file at all"])
def test_what_is_no_painter_is_told(data):
    with pytest.raises(EngineError, match=r"mine\.x is no painter"):
        painterfile.read(data, "mine.x")


def test_damaged_and_other_files_are_no_painters(trained):
    data = trained[2].read_bytes()
    painterfile.read(data, "good")
    for bad in (data[:-9], painterfile.WEIGHTS.read_bytes()):
        with pytest.raises(EngineError, match="no painter"):
            painterfile.read(bad, "bad")


def test_the_engine_paints_with_it(trained, monkeypatch):
    """Words are read without their model."""
    monkeypatch.setattr(painter, "meaning", lambda said: torch.from_numpy(Reader().embed([said]))[0])
    sketch = (255 - (own(1)[0].ink * 255)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(sketch).save(out, "PNG")
    ref, drawn = "sha256:" + "cd" * 32, "sha256:" + "ef" * 32
    files = {ref: trained[2].read_bytes(), drawn: out.getvalue()}

    class Files:
        def __call__(self, name):
            return np.dstack([sketch] * 3)

        def data(self, name):
            return files[name]

    info, engine = registry.info("painter"), painter.Painter()
    made = {}
    for share in (0.0, 1.0):
        styles = {ref: share, "shaded": 1 - share} if share else {"shaded": 1.0}
        brief = info.check(
            Brief(mode="image", engine="painter", sketch=drawn, styles=styles, options={"natural": False}, size=128)
        )
        made[share] = engine.paint(info.check(brief), 3, Files(), 128)
        assert (engine.paint(brief, 3, Files(), 128) == made[share]).all()
    assert (made[0.0] != made[1.0]).any()
    knobs = {knob.name for knob in info.knobs(brief)}
    assert f"style:{ref}" in knobs
    assert Setting({}, 3)


# ── What is read ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a-red-fox-2.png", "a red fox"),
        ("in/here/blue_house.jpg", "blue house"),
        ("Two trees 14.png", "Two trees"),
        ("IMG_2041.jpg", ""),
        ("DSC00012.JPG", ""),
        ("0042.png", ""),
        ("image-fox.png", "image fox"),
        ("红狐狸-2.png", "红狐狸"),
    ],
)
def test_words_out_of_names(name, words):
    assert pairing.captioned(name) == words


@pytest.fixture
def drawn_edges(monkeypatch):
    """In place of HED: the border of what is opaque."""
    monkeypatch.setattr(
        vision.shared,
        "edges",
        lambda pixels: (np.abs(np.gradient(pixels[..., 0].astype(np.float32))).max(0) > 20) * 1.0,
    )


@pytest.fixture
def folder(tmp_path, drawn_edges):
    place = tmp_path / "pairs"
    place.mkdir()
    for at in range(13):
        Image.fromarray(picture(at, 160)).save(place / f"a-green-ball-{at}.png")
    Image.fromarray(255 - picture(2, 160)[..., 3]).convert("L").save(place / "a-green-ball-2.sketch.png")
    Image.fromarray(picture(3)).save(place / "IMG_0003.png")
    (place / "broken.png").write_bytes(b"no picture")
    (place / "notes.txt").write_text("…")
    Image.new("RGB", (64, 64), "white").save(place / "nothing.png")
    return place


def test_pairs_are_gathered_and_the_bad_ones_listed(folder):
    (folder / "words.csv").write_text(
        "file,caption,sketch\na-green-ball-0.png,my best ball,\nlost.png,gone,\na-green-ball-1.png,,away.png\n"
    )
    found = pairing.gather(folder, lambda: False)
    by = {each.name: each for each in found.pairs}
    assert len(by) == 13  # thirteen balls, less the one without its sketch, and that of a camera
    assert by["a-green-ball-0.png"].words == "my best ball"
    assert by["a-green-ball-5.png"].words == "a green ball"
    assert found.wordless == ["IMG_0003.png"]
    assert set(found.skipped) == {"broken.png", "notes.txt", "nothing.png", "lost.png", "a-green-ball-1.png"}
    assert all(found.skipped.values())
    assert all(each.ink.max() > 0.5 and each.picture.shape == (128, 128, 4) for each in found.pairs)
    assert by["a-green-ball-2.png"].ink.mean() > 2 * by["a-green-ball-3.png"].ink.mean()  # its sketch is filled


def test_a_zip_is_read_alike(folder, tmp_path):
    file = tmp_path / "pairs.zip"
    with zipfile.ZipFile(file, "w") as packed:
        for each in sorted(folder.iterdir()):
            packed.write(each, each.name)
    zipped, plain = (pairing.gather(each, lambda: False) for each in (file, folder))
    assert pairs.digest(zipped.pairs) == pairs.digest(plain.pairs)


def test_a_folder_without_pictures_is_told(tmp_path):
    with pytest.raises(StudioError, match="no picture"):
        pairing.gather(tmp_path, lambda: False)


@pytest.fixture
def quick(monkeypatch, wide_eyes):
    """The command with words read by a digest, and small eyes that need no models."""
    from engines import embed, store

    monkeypatch.setattr(store, "present", lambda name: True)
    monkeypatch.setattr(embed, "shared", Reader())
    for place in (pairs.Going.__init__, pairs.figures):
        monkeypatch.setattr(place, "__defaults__", (wide_eyes,))


def test_the_command_trains_measures_and_goes_on(folder, tmp_path, studio_command, quick):
    out = tmp_path / "out"
    words = ("train", "painter", folder, "--from", "shipped", "--out", out, "--minutes", 0.02, "--batch", 3, "--json")
    status, said, told = studio_command(*words)
    assert status == 0, told
    facts = json.loads(said)
    assert facts["pairs"] == 14
    assert facts["held_out"]["count"] == 4
    assert facts["held_out"]["before"].keys() == facts["held_out"]["after"].keys() == {"l1", "perceptual", "edges_f1"}
    assert "broken.png" in facts["skipped"]
    assert "Skipped broken.png" in told
    assert "IMG_0003.png" in told
    with Image.open(facts["grid"]) as grid:
        assert grid.size == (4 * 136, 4 * 136)
    painterfile.read((out / "pairs.painter.safetensors").read_bytes(), "mine")
    status, _, told = studio_command("train", "painter", folder, "--out", out, "--seed", 5)
    assert (status, "other pairs" in told) == (2, True)
    again = json.loads(studio_command(*words)[1])
    assert again["steps"] == facts["steps"]  # there was nothing left to do
    further = tmp_path / "further"
    status, _, told = studio_command(
        *("train", "painter", folder, "--from", facts["file"], "--out", further, "--minutes", 0.01, "--batch", 3)
    )
    assert status == 0, told


def test_too_few_pairs_and_no_painter_are_told(folder, tmp_path, studio_command, quick):
    for each in sorted(folder.glob("a-green-ball-1*")):
        each.unlink()
    status, _, told = studio_command("train", "painter", folder, "--out", tmp_path / "out")
    assert (status, "Give at least 12" in told) == (2, True)
    assert not (tmp_path / "out").exists()
