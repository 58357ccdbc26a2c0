"""Pictures bred from a GAN: the ways in which they differ, truncation, and a round without a browser."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from engines import store
from engines.api import Brief, BriefError, Done, EngineError, Result, Setting
from engines.image import GAN, WAYS, GanOptions, breeding, children
from engines.image.gan import ganfile, networks
from engines.image.gan.plan import Plan

REF = "sha256:" + "a" * 64


@pytest.fixture(scope="module")
def file(tmp_path_factory, eyes):
    """A GAN that chance drew, with enough to see."""
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("gan") / f"toy{ganfile.SUFFIX}"
    generator, discriminator = networks.generator(Plan()), networks.discriminator(Plan(), eyes)
    for block in generator.blocks.values():
        torch.nn.init.normal_(block.rgb.conv.weight)
    grid = np.zeros((8, 8, 3), np.uint8)
    ganfile.write(place, "toy", Plan(), generator, discriminator, grid, {"plan": asdict(Plan())})
    return place


@pytest.fixture(scope="module")
def files(file):
    """The stored files of a brief."""
    return SimpleNamespace(data=lambda ref: file.read_bytes())


@pytest.fixture(scope="module")
def maker(files):
    return breeding.Breeder().world(brief(), files)


@pytest.fixture
def bred(files):
    breeder = breeding.Breeder()

    def run(options, seed=1, size=64):
        (made,) = breeder.preview(brief(options, size), [Setting({}, seed)], files, size)
        return made.astype(int)

    return run


def brief(options=(), size=64, styles=(REF,)):
    asked = Brief(mode="image", engine="gan", styles=dict.fromkeys(styles, 1.0), options=dict(options), size=size)
    return GAN.check(asked)


def test_the_ways_are_those_in_which_w_differs_most(maker):
    lengths = maker.ways.norm(dim=1)
    unit = maker.ways / lengths[:, None]
    assert torch.allclose(unit @ unit.T, torch.eye(len(WAYS)), atol=1e-4)
    assert (lengths.diff() <= 1e-4).all()
    latents = torch.randn(500, maker.network.latent, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        along = (maker.network.styles(latents) - maker.mean) @ unit.T
    assert torch.allclose(along.std(0), lengths, rtol=0.2)


def test_a_knob_moves_along_its_way_alone(maker):
    unit = torch.nn.functional.normalize(maker.ways, dim=1)
    with torch.inference_mode():
        plain, moved = (maker.stranger(GanOptions(way_2=value), 3)[0] for value in (0.0, 1.5))
        assert torch.allclose(moved - plain, 1.5 * maker.ways[1], atol=1e-4)
        assert float(((plain - maker.mean) @ unit.T).abs().max()) < 1e-3
        assert torch.allclose(maker.stranger(GanOptions(truncation=0.0), 3)[0], maker.mean, atol=1e-4)


def test_pictures_differ_by_seed_by_way_and_less_the_more_they_are_truncated(bred):
    def apart(options):
        return float(np.abs(bred(options, 1) - bred(options, 2)).mean())

    assert apart({"truncation": 1.0}) > apart({"truncation": 0.3}) > 0
    steps = [bred({"way_1": value}) for value in (0.0, 1.0, 2.0)]
    assert np.abs(steps[2] - steps[0]).mean() > np.abs(steps[1] - steps[0]).mean() > 0
    assert np.array_equal(bred({}), bred({}))
    assert bred({}, size=96).shape == (96, 96, 3)


def test_a_round_is_told_and_can_be_stopped(files, monkeypatch):
    monkeypatch.setattr(children, "looks", lambda pixels: np.zeros(64, np.float32))
    breeder, settings = breeding.Breeder(), [Setting({}, seed) for seed in range(4)]
    events = list(breeder.run(brief(), settings, files, lambda: False))
    assert [each.index for each in events if isinstance(each, Result)] == [0, 1, 2, 3]
    assert isinstance(events[-1], Done)
    assert not any(isinstance(each, Result) for each in breeder.run(brief(), settings, files, lambda: True))


def test_one_gan_at_a_time_and_one_at_least(files):
    with pytest.raises(BriefError, match="no styles"):
        brief(styles=())
    with pytest.raises(EngineError, match="one at a time"):
        breeding.Breeder().world(brief(styles=(REF, REF[:-1] + "0")), files)


def test_a_few_gans_stay_loaded(files, monkeypatch):
    made = []
    monkeypatch.setattr(breeding.Maker, "of", lambda found: made.append(found) or len(made))
    breeder, refs = breeding.Breeder(), [f"sha256:{at:064d}" for at in range(breeding.REMEMBERED + 1)]
    for ref in (*refs[:2], *refs, refs[1]):
        breeder.world(brief(styles=(ref,)), files)
    assert len(made) == len(refs)


@pytest.mark.models
def test_a_brief_names_the_file(file, tmp_path, studio_command):
    store.ensure(GAN.models)
    shutil.copy(file, tmp_path / file.name)
    asked = {"mode": "image", "styles": {file.name: 1}, "size": 64}
    (tmp_path / "brief.json").write_text(json.dumps(asked))
    status, _, err = studio_command("round", tmp_path / "brief.json", "--out", tmp_path / "out")
    assert status == 0, err
    assert json.loads((tmp_path / "out" / "round.json").read_text())["engine"]["name"] == "gan"
    made = [np.asarray(Image.open(each)) for each in sorted((tmp_path / "out").glob("*.png"))]
    assert len({each.tobytes() for each in made}) == 4


@pytest.mark.models
def test_a_file_that_is_no_gan_is_said_before_anything_is_made(file, tmp_path, studio_command):
    store.ensure(GAN.models)
    (tmp_path / "torn.safetensors").write_bytes(file.read_bytes()[:-100])
    (tmp_path / "brief.json").write_text(json.dumps({"mode": "image", "styles": {"torn.safetensors": 1}}))
    status, _, err = studio_command("round", tmp_path / "brief.json", "--out", tmp_path / "out")
    assert status == 2
    assert "damaged" in err
    assert not (tmp_path / "out").exists()
