"""Engine `gan`: small pictures from chance alone, by a GAN that `studio train gan` trained, bred along the directions of its W.

The directions are principal components of W (Härkönen et al. 2020, "GANSpace", section 2.1); a knob counts in standard deviations.
Truncation is that of Karras et al. 2019 ("A style-based generator architecture", section B), in all other directions.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import device, store
from ..api import Brief, Event, Pictures, Pixels, Setting
from ..errors import EngineError
from . import GAN, GanOptions, ways
from .gan import ganfile, networks

REMEMBERED = 4  # GANs that stay loaded


@dataclass(frozen=True)
class Maker:
    """A generator, and the directions that were found in its W."""

    network: networks.Generator
    mean: Tensor  # (F,) of W
    ways: Tensor  # (8, F) at right angles, each a standard deviation long

    @classmethod
    @torch.inference_mode()
    def of(cls, found: ganfile.Gan) -> Maker:
        network = networks.generator(found.plan)
        found.into(network)
        form: Any = {"device": device.choose().device, "memory_format": torch.channels_last}
        network = network.eval().to(**form)
        latents = torch.randn(ways.SAMPLES, network.latent, generator=torch.Generator().manual_seed(0))
        styles = network.styles(latents.to(device.choose().device))
        axes, spread = ways.principal(styles - styles.mean(0))
        return cls(network, styles.mean(0), axes * spread[:, None])

    def style(self, options: GanOptions, seed: int) -> Tensor:
        """Where a picture lies in W, (F,): along the directions as the options say, and by chance in all others."""
        latent = torch.randn(1, self.network.latent, generator=torch.Generator().manual_seed(seed))
        drawn = self.network.styles(latent.to(self.mean.device))[0] - self.mean
        return self.mean + ways.moved(drawn, self.ways, options, options.truncation)

    def __call__(self, styles: Tensor, seed: int) -> Tensor:
        """(N, F), one for all layers -> (N, 3, size, size) in 0-1. The seed draws the noise."""
        chance = torch.Generator().manual_seed(seed)
        made: Tensor = self.network(styles[:, None].expand(-1, self.network.layers, -1), chance)
        return made.add(1).div(2).clamp(0, 1)


class Breeder:
    info = GAN

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._makers: OrderedDict[str, Maker] = OrderedDict()  # by reference, the last used at the end

    def models(self) -> dict[str, str]:
        return {name: store.sha256(name) for name in self.info.models}

    def style(self, data: bytes, name: str = "") -> ganfile.Gan:
        """The GAN of a file's bytes. Raises `EngineError` where it is none."""
        found = ganfile.load(data, name)
        found.into(networks.generator(found.plan))
        return found

    def maker(self, brief: Brief, pictures: Pictures) -> Maker:
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

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """See `engines.api.Engine`."""
        yield from ways.each(self.preview, brief, settings, pictures, cancelled)

    def preview(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, size: int) -> list[Pixels]:
        """One picture a setting, `size` on each side."""
        maker, made = self.maker(brief, pictures), []
        for setting in settings:
            options = GanOptions(**brief.apply(setting.knobs).options)
            with torch.inference_mode():
                picture = maker(maker.style(options, setting.seed)[None], setting.seed)
            (plain,) = networks.plain(picture)
            made.append(np.array(Image.fromarray(plain).resize((size, size), Image.Resampling.BICUBIC)))
        return made
