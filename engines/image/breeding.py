"""Engine `gan`: small pictures of things from chance alone, by a GAN of our own training, bred along the directions of its W.

The directions are principal components of W (Härkönen et al. 2020, "GANSpace", section 2.1); a knob counts in standard deviations.
Truncation is that of Karras et al. 2019 ("A style-based generator architecture", section B), in all other directions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import device, store
from ..api import Brief, Event, Pictures, Pixels, Setting
from ..fetching import file_sha256
from . import GAN, GanOptions, ways
from .gan import ganfile, networks

WEIGHTS = Path(__file__).with_name("gan.safetensors")


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

    def __init__(self, file: Path = WEIGHTS) -> None:
        self._file, self._lock = file, threading.Lock()
        self._maker: Maker | None = None

    def models(self) -> dict[str, str]:
        return {"gan": file_sha256(self._file)} | {name: store.sha256(name) for name in self.info.models}

    def maker(self) -> Maker:
        """The network, loaded on first use. Raises `EngineError` where its file is damaged."""
        with self._lock:
            if self._maker is None:
                self._maker = Maker.of(ganfile.load(self._file.read_bytes(), self._file.name))
            return self._maker

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """See `engines.api.Engine`."""
        yield from ways.each(self.preview, brief, settings, pictures, cancelled)

    def preview(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, size: int) -> list[Pixels]:
        """One picture a setting, `size` on each side."""
        maker, made = self.maker(), []
        for setting in settings:
            options = GanOptions(**brief.apply(setting.knobs).options)
            with torch.inference_mode():
                picture = maker(maker.style(options, setting.seed)[None], setting.seed)
            (plain,) = networks.plain(picture)
            made.append(np.array(Image.fromarray(plain).resize((size, size), Image.Resampling.BICUBIC)))
        return made
