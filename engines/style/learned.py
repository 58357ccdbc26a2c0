"""What a training changes: a row of the bank's network, or a whole network of its own. Either is one vector to the optimiser.

A row: Dumoulin, Shlens, Kudlur 2017, "A learned representation for artistic style", section 3.2. A network: Johnson, Alahi, Fei-Fei
2016, "Perceptual losses for real-time style transfer and super-resolution", with the instance normalisation of Ulyanov, Vedaldi,
Lempitsky 2016, in the bank's architecture. Departures: it begins with the bank's convolutions; those that expand are `WIDER` times as
wide, copied so that it paints as before (Chen, Goodfellow, Shlens 2016, "Net2Net", section 2.2); and each kernel is held as a multiple
of the size that it begins with, so that one learning rate fits kernels, scales and shifts (Karras et al. 2018, "Progressive growing of
GANs", section 4.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from .. import device, store
from . import BANK_STYLES, bank, kinds, stylefile
from .arithmetic import Norm
from .network import Kernels
from .trainable import Check, Trainable

WIDER = 4  # times as wide as the bank's two layers that expand: there it has but 8 and 4 channels
APART = 0.1  # of a kernel's size by which copies of a channel differ, so that they learn different things


@dataclass(frozen=True)
class Bank:
    """The network that gains a style: its convolutions, the rows of its styles by name, and the SHA-256 of its weights."""

    network: Trainable
    rows: Mapping[str, Sequence[Norm]]
    layers: Sequence[str]
    sha256: str

    @classmethod
    def of_store(cls) -> Bank:
        """Raises `EngineError` where the weights are missing or damaged."""
        found = store.tensors(bank.MODEL, bank.FILE)
        rows = dict(zip(BANK_STYLES, bank.rows(found), strict=True))
        return cls(Trainable(bank.kernels(found), device.choose()), rows, bank.LAYERS, store.sha256(bank.MODEL))


class Learned(Protocol):
    """Who learns."""

    kind: str  # of `kinds`
    chance: bool  # whether it begins with chance, near no style of the bank

    def start(self, row: Sequence[Norm] | None) -> Tensor:
        """What it begins with, (P,) float32: near the row of a style of the bank, or with chance."""
        ...

    def paint(self, vector: Tensor, pictures: Tensor, check: Check) -> Tensor:
        """As `Trainable.paint`, with what was learned by now."""
        ...

    def pack(self, vector: Tensor, name: str, thumbnail: bytes, facts: Mapping[str, Any]) -> bytes:
        """The style's file."""
        ...


class Row:
    """Scales and shifts of one style: the convolutions stay as they are."""

    kind, chance = kinds.ROW, False

    def __init__(self, found: Bank) -> None:
        self._found, self._widths = found, found.network.widths()

    def start(self, row: Sequence[Norm] | None) -> Tensor:
        assert row is not None
        return flattened(row)

    def paint(self, vector: Tensor, pictures: Tensor, check: Check) -> Tensor:
        return self._found.network.paint(pictures, norms(vector, self._widths), check)

    def pack(self, vector: Tensor, name: str, thumbnail: bytes, facts: Mapping[str, Any]) -> bytes:
        style = stylefile.Style(name, norms(vector, self._widths), self._found.sha256, thumbnail, facts)
        return stylefile.pack(style, self._found.layers)


class Network:
    """Convolutions, scales and shifts. With `chance` the convolutions are drawn (He et al. 2015), else they are the bank's."""

    kind = kinds.NETWORK

    def __init__(self, found: Bank, chance: bool, seed: int) -> None:
        self.chance, self._choice = chance, found.network.choice
        generator = torch.Generator().manual_seed(seed)
        kernels = widened([kernel.float().cpu() for kernel in found.network.kernels.each()])
        drawn = [torch.randn(kernel.shape, generator=generator) for kernel in kernels]
        if chance:
            sizes = [(2 / kernel[0].numel()) ** 0.5 for kernel in kernels]
            self._kernels = drawn
        else:
            sizes = [float(kernel.square().mean().sqrt()) for kernel in kernels]
            self._kernels = [
                kernel / size + (APART * noise if at >= len(kernels) - 3 else 0)
                for at, (kernel, size, noise) in enumerate(zip(kernels, sizes, drawn, strict=True))
            ]
        self._sizes, self._widths = sizes, [len(kernel) for kernel in kernels]

    def start(self, row: Sequence[Norm] | None) -> Tensor:
        first = [(torch.ones(width), torch.zeros(width)) for width in self._widths]
        if row is not None:
            first = [
                (gamma.cpu().repeat_interleave(width // len(gamma)), beta.cpu().repeat_interleave(width // len(beta)))
                for (gamma, beta), width in zip(row, self._widths, strict=True)
            ]
        return torch.cat([flattened(first), *(kernel.flatten() for kernel in self._kernels)])

    def paint(self, vector: Tensor, pictures: Tensor, check: Check) -> Tensor:
        row, kernels = self._parts(vector)
        return Trainable(kernels, self._choice).paint(pictures, row, check)

    def pack(self, vector: Tensor, name: str, thumbnail: bytes, facts: Mapping[str, Any]) -> bytes:
        row, kernels = self._parts(vector)
        return stylefile.pack_network(stylefile.Own(name, kernels, row, thumbnail, facts))

    def _parts(self, vector: Tensor) -> tuple[list[Norm], Kernels]:
        row, rest = torch.tensor_split(vector, [2 * sum(self._widths)])
        parts = torch.split(rest, [kernel.numel() for kernel in self._kernels])
        kernels = [
            size * part.view(kernel.shape) for size, part, kernel in zip(self._sizes, parts, self._kernels, strict=True)
        ]
        return norms(row, self._widths), Kernels.of(kernels)


def widened(kernels: Sequence[Tensor]) -> list[Tensor]:
    """The two layers before the last with each channel `WIDER` times; what reads them takes the mean of the copies."""
    *rest, one, two, last = kernels
    one = one.repeat_interleave(WIDER, 0)
    two = two.repeat_interleave(WIDER, 0).repeat_interleave(WIDER, 1) / WIDER
    return [*rest, one, two, last.repeat_interleave(WIDER, 1) / WIDER]


def flattened(row: Sequence[Norm]) -> Tensor:
    """Gamma and beta of each layer one after another."""
    return torch.cat([part.float().cpu() for norm in row for part in norm])


def norms(row: Tensor, widths: Sequence[int]) -> list[Norm]:
    """The layers of a flattened row."""
    parts = iter(torch.split(row, [width for width in widths for _ in range(2)]))
    return list(zip(parts, parts, strict=True))
