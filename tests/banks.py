"""A bank of styles at toy size, with weights drawn by chance, and pictures to learn from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from engines.device import Choice
from engines.style.learned import Bank
from engines.style.network import Kernels
from engines.style.trainable import Trainable

CPU = Choice("cpu", "float32", "for a test")
WIDTHS = (6, 8, 8)


def kernels() -> Kernels:
    """The bank's network at toy width, two residual blocks, with weights drawn by chance."""
    chance = torch.Generator().manual_seed(0)

    def drawn(out: int, into: int, side: int) -> torch.Tensor:
        return torch.randn(out, into, side, side, generator=chance) / (into * side * side) ** 0.5

    one, two, three = WIDTHS
    return Kernels(
        contract=(drawn(one, 3, 9), drawn(two, one, 3), drawn(three, two, 3)),
        residual=tuple((drawn(three, three, 3), drawn(three, three, 3)) for _ in range(2)),
        expand=(drawn(two, three, 3), drawn(one, two, 3), drawn(3, one, 9)),
    )


def toy_bank() -> Bank:
    network, chance = Trainable(kernels(), CPU), torch.Generator().manual_seed(1)
    rows = {
        name: [(torch.rand(width, generator=chance) + 0.5, torch.zeros(width)) for width in network.widths()]
        for name in ("one", "two", "three")
    }
    return Bank(network, rows, [f"layer.{at}" for at in range(len(network.widths()))], "a" * 64)


def picture(seed=0, size=(90, 70)) -> np.ndarray:
    """Stripes and discs in a few colours."""
    chance, (height, width) = np.random.default_rng(seed), size
    y, x = np.mgrid[0:height, 0:width]
    colours = chance.integers(0, 256, (3, 3))
    return colours[(np.sin(x / 5 + y / 9 * chance.normal()) > 0).astype(int) + ((x - 30) ** 2 + y**2 < 900)].astype(
        "uint8"
    )


def altered(packed: bytes, folder: Path, about=None, **tensors) -> bytes:
    """A style's file that says something else of itself, or has other tensors; None takes one away."""
    (folder / "x").write_bytes(packed)
    found = {**load_file(folder / "x"), **tensors}
    said = {"version": 1, "name": "mine", "network": "a" * 64, "facts": {}, **(about or {})}
    save_file(
        {key: value for key, value in found.items() if value is not None}, folder / "y", {"duet": json.dumps(said)}
    )
    return (folder / "y").read_bytes()
