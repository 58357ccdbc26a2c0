"""What the bench says of the GAN: which pictures it is held against, and how it is held."""

from __future__ import annotations

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engines import store, vision
from engines.image import GAN
from engines.image.gan import ganfile, measures, networks, training
from engines.image.gan.plan import Plan
from studio.bench import gan as bench


def drawn(count: int, seed: int) -> np.ndarray:
    """Squares of a few colours, some large."""
    chance, found = np.random.default_rng(seed), np.full((count, 32, 32, 3), 255, np.uint8)
    for each in found:
        side = int(chance.integers(4, 28))
        each[2 : 2 + side, 2 : 2 + side] = chance.integers(0, 256, 3)
    return found


def test_held_out_icons_are_on_white():
    concepts = [SimpleNamespace(held_out=False), SimpleNamespace(held_out=True)]
    pictures = np.zeros((3, 128, 128, 4), np.uint8)
    drawn = SimpleNamespace(concepts=concepts, concept=[0, 1, 1], pictures=pictures)
    found = bench.icons_of(drawn, held_out=True)
    assert (len(found), len(bench.icons_of(drawn, held_out=False))) == (2, 1)
    assert found[0].shape == (64, 64, 3)
    assert (found[0] == 255).all()


def test_recall_is_that_of_the_base_and_is_not_measured_without_one(eyes, tmp_path, monkeypatch):
    monkeypatch.setattr(measures.quality, "__defaults__", (eyes,))
    file, pictures = tmp_path / f"toy{ganfile.SUFFIX}", list(drawn(20, 0))
    assert bench.recall_row(pictures, file).value is None
    generator, discriminator = networks.generator(Plan()), networks.discriminator(Plan(), eyes)
    grid = np.zeros((8, 8, 3), np.uint8)
    ganfile.write(file, "toy", Plan(), generator, discriminator, grid, {"plan": asdict(Plan())})
    told = bench.recall_row(pictures, file)
    assert told.value == 0  # what has not learned anything makes grey alone
    assert told.ok is False
    assert "20 held-out pictures and 20 samples" in told.detail


def test_a_base_is_held_against_beginning_with_nothing(eyes, tmp_path, monkeypatch):
    monkeypatch.setattr(measures.quality, "__defaults__", (eyes,))
    defaults = [eyes if each is vision.shared else each for each in training.train.__defaults__]
    monkeypatch.setattr(training.train, "__defaults__", tuple(defaults))
    file, pictures = (
        tmp_path / f"toy{ganfile.SUFFIX}",
        [np.kron(each, np.ones((2, 2, 1), np.uint8)) for each in drawn(40, 0)],
    )
    assert bench.transfer_row(pictures, 0.02, file).value is None
    generator, discriminator = networks.generator(Plan()), networks.discriminator(Plan(), eyes)
    discriminator.get_used(torch.rand(8, 3, 64, 64) * 2 - 1)
    grid = np.zeros((8, 8, 3), np.uint8)
    ganfile.write(file, "toy", Plan(), generator, discriminator, grid, {"plan": asdict(Plan())})
    told = bench.transfer_row(pictures, 0.02, file)
    assert told.value > 0
    assert "0.02 minutes each on 40 held-out pictures" in told.detail


@pytest.mark.models
def test_children_are_timed():
    store.ensure(GAN.models)
    assert [each.name for each in bench.breed_rows(1) if each.value > 0] == ["gan.breed16_64_ms", "gan.breed16_128_ms"]


def test_the_game_in_the_plane_is_timed():
    told = bench.toy_row(1)
    assert told.name == "gan.toy.steps_per_s"
    assert told.value > 0
    assert told.ok == (told.value >= 30)
