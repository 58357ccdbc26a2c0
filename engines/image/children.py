"""What engines that breed have in common: children of chance or of parents, a parent at a time found before the first child."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from .. import device
from ..api import (
    Brief,
    Cancelled,
    Done,
    EngineError,
    EngineInfo,
    Event,
    Pictures,
    Pixels,
    Progress,
    Result,
    Setting,
    Started,
    parents,
)
from ..unfinished import Stopped
from . import BredOptions
from .looks import looks
from .parents import Parents
from .worlds import World

SEARCH = 0.8  # of a round, where parents have to be found: that takes longer than all the children


class Breeding(ABC):
    """An engine whose previews are as fast as its results are good. Subclasses bring a world."""

    info: EngineInfo

    def __init__(self) -> None:
        self._parents = Parents(self.info)

    @abstractmethod
    def world(self, brief: Brief, pictures: Pictures) -> World:
        """What the brief breeds in, remembered. Raises `EngineError` where there is none, or it is damaged."""

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """See `engines.api.Engine`."""
        began, choice = time.perf_counter(), device.choose()
        yield Started(len(settings), choice.device, "float32")
        world, name = self.world(brief, pictures), next(iter(brief.styles), "")
        searched = 0.0
        try:
            for done in self._parents.find(world, name, brief, pictures, cancelled):
                searched = SEARCH
                yield Progress(SEARCH * done, "Finding a parent")
        except Stopped:
            yield Cancelled(0)
            return
        found = self._known(world, name, brief, pictures)
        for index, setting in enumerate(settings):
            if cancelled():
                yield Cancelled(index)
                return
            started = time.perf_counter()
            latents, pixels = self._child(world, brief, setting, found, brief.size)
            seconds = time.perf_counter() - started
            kept = latents.cpu().numpy() if found else None
            yield Result(
                index, setting.knobs, setting.seed, seconds, pixels=pixels, features=looks(pixels), latent=kept
            )
            yield Progress(searched + (1 - searched) * (index + 1) / len(settings), "Painting")
        yield Done(time.perf_counter() - began, device.peak_memory_mb())

    def preview(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, size: int) -> list[Pixels]:
        """One picture a setting, `size` on each side. Raises `EngineError` where a parent would have to be found first."""
        world, name = self.world(brief, pictures), next(iter(brief.styles), "")
        found = self._known(world, name, brief, pictures)
        return [self._child(world, brief, setting, found, size)[1] for setting in settings]

    def _known(self, world: World, name: str, brief: Brief, pictures: Pictures) -> dict[str, Tensor]:
        found = {ref: self._parents.known(world, name, ref, brief, pictures) for ref in parents(brief.weights)}
        known = {ref: each for ref, each in found.items() if each is not None}
        if len(known) < len(found):
            raise EngineError("A parent was not found in the GAN's world yet.", "Press Again once: the round finds it.")
        return known

    def _child(
        self, world: World, brief: Brief, setting: Setting, found: Mapping[str, Tensor], size: int
    ) -> tuple[Tensor, Pixels]:
        """Its latents, (layers, F), and its picture."""
        wanted = brief.apply(setting.knobs)
        options: BredOptions = self.info.options(**wanted.options)
        with torch.inference_mode():
            if found:
                latents = world.child(world.mixed(found, parents(wanted.weights)), options, setting.seed)
            else:
                latents = world.stranger(options, setting.seed)
        return latents, np.ascontiguousarray(world.pixels(latents, setting.seed, size))
