"""Engine `faces`: small faces from chance alone, by a DCGAN, steered along the directions in which they differ most.

Radford, Metz and Chintala 2015, "Unsupervised representation learning with deep convolutional generative adversarial networks". The
directions are those of Härkönen et al. 2020, "GANSpace", section 2.2: principal components of the first layer's activations, carried
back to the latent space by regression.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from .. import device, store
from ..api import Brief, Pictures
from ..errors import EngineError
from . import FACES, ways
from .children import Breeding
from .worlds import World

MODEL = "dcgan-faces"
LATENT = 100  # numbers of the latent space
SIDE = 64  # pixels of a face


class Maker(World):
    """The generator, and the directions that were found in its latent space: (8, 100) of unit length, at right angles."""

    @classmethod
    def of(cls, network: nn.Sequential) -> Maker:
        mean = torch.zeros(LATENT, device=next(network.parameters()).device)
        return cls(network, mean, directions(network), 1, SIDE, {"parent": range(1)}, True)

    def chance(self, count: int, seed: int) -> Tensor:
        return torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed)).to(self.mean.device)

    def __call__(self, latents: Tensor, seed: int | None) -> Tensor:
        """(N, 1, 100) -> (N, 3, 64, 64) in 0-1. It has no noise."""
        made: Tensor = self.network(latents[:, 0, :, None, None])
        return made.float().add(1).div(2).clamp(0, 1)


class Faces(Breeding):
    info = FACES

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._maker: Maker | None = None

    def models(self) -> dict[str, str]:
        return {MODEL: store.sha256(MODEL)}

    def world(self, brief: Brief, pictures: Pictures) -> Maker:
        """The network, loaded on first use. Raises `EngineError` where its weights are missing or damaged."""
        with self._lock:
            if self._maker is None:
                self._maker = Maker.of(built(store.tensors(MODEL)).to(device.choose().device))
            return self._maker


def built(found: Mapping[str, Tensor]) -> nn.Sequential:
    """The generator of the paper's figure 1, at 64 pixels. Raises `EngineError` where the tensors are no such network's."""
    layers: list[nn.Module] = []
    widths = (LATENT, 512, 256, 128, 64)
    for at, (into, out) in enumerate(itertools.pairwise(widths)):
        stride, padding = (1, 0) if at == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(into, out, 4, stride, padding, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
    layers += [nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False), nn.Tanh()]
    network = nn.Sequential(*layers)
    try:
        network.load_state_dict({name.removeprefix("main."): value for name, value in found.items()})
    except RuntimeError as error:
        raise EngineError(
            "The weights of {name} are damaged.", "Fetch them again: studio models pull {name}.", name=MODEL
        ) from error
    return network.eval().requires_grad_(False)


def directions(network: nn.Sequential) -> Tensor:
    """The ways in which faces differ most, (8, 100), of unit length and at right angles."""
    chance = torch.Generator().manual_seed(0)
    latents = torch.randn(ways.SAMPLES, LATENT, generator=chance).to(next(network.parameters()).device)
    with torch.no_grad():
        seen = network[:3](latents[:, :, None, None]).flatten(1)  # (N, 8192)
        seen = seen - seen.mean(0)
        axes, _ = ways.principal(seen)
        along = seen @ axes.T  # (N, 8)
        wide, wished = latents.double(), (along / along.std(0)).double()
        found = torch.linalg.solve(wide.T @ wide, wide.T @ wished)  # (100, 8); the same each time, which lstsq is not
        straight, _ = torch.linalg.qr(found)
    return cast(Tensor, straight.T.float().contiguous())
