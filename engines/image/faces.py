"""Engine `faces`: small faces from chance alone, by a DCGAN, steered along the directions in which they differ most.

Radford, Metz and Chintala 2015, "Unsupervised representation learning with deep convolutional generative adversarial networks". The
directions are those of Härkönen et al. 2020, "GANSpace", section 2.2: principal components of the first layer's activations, carried
back to the latent space by regression.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .. import device, store
from ..api import Brief, Event, Pictures, Pixels, Setting
from ..errors import EngineError
from . import FACES, FacesOptions, ways

MODEL = "dcgan-faces"
LATENT = 100  # numbers of the latent space
SIDE = 64  # pixels of a face


@dataclass(frozen=True)
class Maker:
    """The generator, and the directions that were found in its latent space."""

    network: nn.Sequential
    ways: Tensor  # (8, 100) of unit length, at right angles

    def __call__(self, latents: Tensor) -> Tensor:
        """(N, 100) -> (N, 3, 64, 64) in 0-1."""
        made: Tensor = self.network(latents[:, :, None, None])
        return made.float().add(1).div(2).clamp(0, 1)


class Faces:
    info = FACES

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._maker: Maker | None = None

    def models(self) -> dict[str, str]:
        return {MODEL: store.sha256(MODEL)}

    def maker(self) -> Maker:
        """The network, loaded on first use. Raises `EngineError` where its weights are missing or damaged."""
        with self._lock:
            if self._maker is None:
                network = built(store.tensors(MODEL)).to(device.choose().device)
                self._maker = Maker(network, directions(network))
            return self._maker

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """See `engines.api.Engine`."""
        yield from ways.each(self.preview, brief, settings, pictures, cancelled)

    def preview(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, size: int) -> list[Pixels]:
        """One face a setting, `size` on each side."""
        maker, made = self.maker(), []
        for setting in settings:
            options = FacesOptions(**brief.apply(setting.knobs).options)
            with torch.inference_mode():
                face = maker(latent(maker.ways, options, setting.seed)[None])[0]
            plain = face.movedim(0, -1).mul(255).round().to(torch.uint8).cpu().numpy()
            made.append(np.array(Image.fromarray(plain).resize((size, size), Image.Resampling.BICUBIC)))
        return made


def latent(known: Tensor, options: FacesOptions, seed: int) -> Tensor:
    """Where a face lies, (100,): along the directions as the options say, and by chance in all others."""
    noise = torch.randn(LATENT, generator=torch.Generator().manual_seed(seed)).to(known.device)
    return ways.moved(noise, known, options, options.variety)


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
    return network.eval()


def directions(network: nn.Sequential) -> Tensor:
    """The ways in which faces differ most, (8, 100), of unit length and at right angles."""
    chance = torch.Generator().manual_seed(0)
    latents = torch.randn(ways.SAMPLES, LATENT, generator=chance).to(next(network.parameters()).device)
    with torch.inference_mode():
        seen = network[:3](latents[:, :, None, None]).flatten(1)  # (N, 8192)
        seen = seen - seen.mean(0)
        axes, _ = ways.principal(seen)
        along = seen @ axes.T  # (N, 8)
        found = torch.linalg.lstsq(latents, along / along.std(0)).solution  # (100, 8)
        straight, _ = torch.linalg.qr(found)
    return cast(Tensor, straight.T.contiguous())
