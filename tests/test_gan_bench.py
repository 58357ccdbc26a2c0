"""What the bench says of the GAN: which pictures it is held against, and how it is held."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from engines.image.gan import measures
from studio.bench import gan as bench


class Copies(torch.nn.Module):
    """A generator that knows the pictures by heart: its latents only say which."""

    latent, layers = 4, 1

    def __init__(self, pictures: np.ndarray) -> None:
        super().__init__()
        self.pictures = torch.nn.Parameter(torch.from_numpy(pictures).movedim(-1, 1) / 127.5 - 1)

    def styles(self, latents: torch.Tensor) -> torch.Tensor:
        return latents

    def forward(self, styles: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
        return self.pictures[(styles[:, 0, 0].abs() * 1e6).long() % len(self.pictures)]


def drawn(count: int, seed: int) -> np.ndarray:
    """Squares of a few colours, some large."""
    chance, found = np.random.default_rng(seed), np.full((count, 32, 32, 3), 255, np.uint8)
    for each in found:
        side = int(chance.integers(4, 28))
        each[2 : 2 + side, 2 : 2 + side] = chance.integers(0, 256, 3)
    return found


def of(pictures: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(maker=lambda: SimpleNamespace(network=Copies(pictures)))


def test_held_out_icons_are_on_white():
    concepts = [SimpleNamespace(held_out=False), SimpleNamespace(held_out=True)]
    pictures = np.zeros((3, 128, 128, 4), np.uint8)
    found = bench.held_out(SimpleNamespace(concepts=concepts, concept=[0, 1, 1], pictures=pictures))
    assert len(found) == 2
    assert found[0].shape == (64, 64, 3)
    assert (found[0] == 255).all()


def test_recall_tells_a_generator_of_like_pictures_from_one_of_others(eyes, monkeypatch):
    monkeypatch.setattr(measures.quality, "__defaults__", (eyes,))
    real = list(drawn(60, 0))
    like = bench.recall_row(of(drawn(60, 1)), real)
    other = bench.recall_row(of(drawn(60, 1)[:2]), real)
    assert like.value > 0.5 > 0.2 > other.value
    assert like.ok
    assert "60 held-out pictures and 60 samples" in like.detail
