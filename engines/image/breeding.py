"""Engines `gan` and `icons`: small pictures by a GAN that `studio train gan` trained, an artist's or ours, bred in its W.

The directions are principal components of W (Härkönen et al. 2020, "GANSpace", section 2.1); a knob counts in standard deviations.
Truncation is that of Karras et al. 2019 ("A style-based generator architecture", section B), in all other directions.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from .. import device, store
from ..api import Brief, Pictures
from ..errors import EngineError
from ..weights import GROUPS
from . import GAN, ICONS, ways
from .children import Breeding
from .gan import ganfile, networks
from .worlds import World

REMEMBERED = 4  # GANs that stay loaded


class Maker(World):
    """A generator, and the directions that were found in its W: (8, F) at right angles, each a standard deviation long."""

    @classmethod
    def of(cls, found: ganfile.Gan) -> Maker:
        network = networks.generator(found.plan)
        found.into(network)
        form: Any = {"device": device.choose().device, "memory_format": torch.channels_last}
        network = network.eval().requires_grad_(False).to(**form)
        latents = torch.randn(ways.SAMPLES, network.latent, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            styles = network.styles(latents.to(device.choose().device))
            axes, spread = ways.principal(styles - styles.mean(0))
        mean, layers, one_length = styles.mean(0), network.layers, network.layers == 1
        return cls(network, mean, axes * spread[:, None], layers, network.size, grouped(layers), one_length)

    def chance(self, count: int, seed: int) -> Tensor:
        latents = torch.randn(count, self.network.latent, generator=torch.Generator().manual_seed(seed))
        drawn: Tensor = self.network.styles(latents.to(self.mean.device))
        return drawn

    def __call__(self, latents: Tensor, seed: int | None) -> Tensor:
        chance = None if seed is None else torch.Generator().manual_seed(seed)
        made: Tensor = self.network(latents, chance)
        return made.add(1).div(2).clamp(0, 1)


def grouped(layers: int) -> dict[str, range]:
    """Which layers are coarse, middle and fine: those of 4 and 8 pixels, of 16, and of all sides from 32."""
    if layers == 1:
        return dict.fromkeys(GROUPS, range(1))
    return dict(zip(GROUPS, (range(4), range(4, 6), range(6, layers)), strict=True))


class Breeder(Breeding):
    info = GAN

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._makers: OrderedDict[str, Maker] = OrderedDict()  # by reference, the last used at the end

    def models(self) -> dict[str, str]:
        return {name: store.sha256(name) for name in self.info.models}

    def style(self, data: bytes, name: str = "") -> ganfile.Gan:
        """The GAN of a file's bytes. Raises `EngineError` where it is none."""
        found = ganfile.load(data, name)
        found.into(networks.generator(found.plan))
        return found

    def world(self, brief: Brief, pictures: Pictures) -> Maker:
        """The brief's GAN, remembered by its reference. Raises `EngineError` where there are several, or its file is damaged."""
        if len(brief.styles) != 1:
            raise EngineError("These are {count} GANs.", "Breed from one at a time.", count=len(brief.styles))
        (ref,) = brief.styles
        with self._lock:
            if ref not in self._makers:
                self._makers[ref] = Maker.of(ganfile.load(pictures.data(ref), "The GAN"))
                while len(self._makers) > REMEMBERED:
                    self._makers.popitem(last=False)
            self._makers.move_to_end(ref)
            return self._makers[ref]


class Icons(Breeding):
    """Breeds in the world of our base, which comes with the studio (`GAN.md`)."""

    info = ICONS

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._maker: Maker | None = None

    def models(self) -> dict[str, str]:
        weights = hashlib.sha256(ganfile.BASE.read_bytes()).hexdigest()
        return {ganfile.BASE.name: weights, **{name: store.sha256(name) for name in self.info.models}}

    def world(self, brief: Brief, pictures: Pictures) -> Maker:
        """Our base, loaded on first use."""
        with self._lock:
            if self._maker is None:
                self._maker = Maker.of(ganfile.base())
            return self._maker
