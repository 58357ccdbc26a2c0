"""Pictures bred from a GAN: the ways in which they differ, truncation, and a round without a browser."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch

from engines.api import Brief, Done, EngineError, Result, Setting
from engines.image import GAN, WAYS, GanOptions, breeding, ways
from engines.image.gan import ganfile, networks
from engines.image.gan.plan import Plan


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
def breeder(file):
    return breeding.Breeder(file)


def bred(breeder, options, seed=1, size=64):
    brief = GAN.check(Brief(mode="image", engine="gan", options=options, size=size))
    (made,) = breeder.preview(brief, [Setting({}, seed)], None, size)
    return made.astype(int)


def test_the_ways_are_those_in_which_w_differs_most(breeder):
    maker = breeder.maker()
    lengths = maker.ways.norm(dim=1)
    unit = maker.ways / lengths[:, None]
    assert torch.allclose(unit @ unit.T, torch.eye(len(WAYS)), atol=1e-4)
    assert (lengths.diff() <= 1e-4).all()
    latents = torch.randn(500, maker.network.latent, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        along = (maker.network.styles(latents) - maker.mean) @ unit.T
    assert torch.allclose(along.std(0), lengths, rtol=0.2)


def test_a_knob_moves_along_its_way_alone(breeder):
    maker = breeder.maker()
    unit = torch.nn.functional.normalize(maker.ways, dim=1)
    with torch.inference_mode():
        plain, moved = (maker.style(GanOptions(way_2=value), 3) for value in (0.0, 1.5))
        assert torch.allclose(moved - plain, 1.5 * maker.ways[1], atol=1e-4)
        assert float(((plain - maker.mean) @ unit.T).abs().max()) < 1e-3
        assert torch.allclose(maker.style(GanOptions(truncation=0.0), 3), maker.mean, atol=1e-4)


def test_pictures_differ_by_seed_by_way_and_less_the_more_they_are_truncated(breeder):
    def apart(options):
        return float(np.abs(bred(breeder, options, 1) - bred(breeder, options, 2)).mean())

    assert apart({"truncation": 1.0}) > apart({"truncation": 0.3}) > 0
    steps = [bred(breeder, {"way_1": value}) for value in (0.0, 1.0, 2.0)]
    assert np.abs(steps[2] - steps[0]).mean() > np.abs(steps[1] - steps[0]).mean() > 0
    assert np.array_equal(bred(breeder, {}), bred(breeder, {}))
    assert bred(breeder, {}, size=96).shape == (96, 96, 3)


def test_a_round_is_told_and_can_be_stopped(breeder, monkeypatch):
    monkeypatch.setattr(ways, "looks", lambda pixels: np.zeros(64, np.float32))
    brief = GAN.check(Brief(mode="image", engine="gan", size=64))
    settings = [Setting({}, seed) for seed in range(4)]
    events = list(breeder.run(brief, settings, None, lambda: False))
    assert [each.index for each in events if isinstance(each, Result)] == [0, 1, 2, 3]
    assert isinstance(events[-1], Done)
    assert not any(isinstance(each, Result) for each in breeder.run(brief, settings, None, lambda: True))


def test_a_damaged_file_is_said(file, tmp_path):
    torn = tmp_path / "torn.gan.safetensors"
    torn.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(EngineError, match="damaged"):
        breeding.Breeder(torn).maker()
