"""The directions in which what a GAN makes differs most (Härkönen et al. 2020, "GANSpace", section 2), and where a picture lies by them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from .. import device
from ..api import Brief, Cancelled, Done, Event, Pictures, Pixels, Progress, Result, Setting, Started
from . import WAYS, Ways
from .looks import looks

SAMPLES = 2048  # latents that tell the directions


def principal(seen: Tensor) -> tuple[Tensor, Tensor]:
    """Where values about mean 0 differ most: the directions and how far they reach. (N, F) -> (8, F) of unit length, (8,)."""
    _, spread, axes = torch.svd_lowrank(seen, q=2 * len(WAYS), niter=4)
    return axes[:, : len(WAYS)].T.contiguous(), spread[: len(WAYS)] / (len(seen) - 1) ** 0.5


def moved(drawn: Tensor, ways: Tensor, options: Ways, rest: float) -> Tensor:
    """Where a picture lies: along the ways as the options say, and in all others where chance put it, times `rest`.
    drawn: (F,) about mean 0, ways: (8, F) at right angles, as long as a knob's 1."""
    unit = torch.nn.functional.normalize(ways, dim=1)
    others = drawn - (drawn @ unit.T) @ unit
    along = torch.tensor([float(getattr(options, name)) for name in WAYS], device=ways.device)
    return rest * others + along @ ways


Preview = Callable[[Brief, Sequence[Setting], Pictures, int], list[Pixels]]


def each(
    preview: Preview, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
) -> Iterator[Event]:
    """A round of an engine that is so fast that its previews are its results. See `engines.api.Engine`."""
    began, choice = time.perf_counter(), device.choose()
    yield Started(len(settings), choice.device, "float32")
    for index, setting in enumerate(settings):
        if cancelled():
            yield Cancelled(index)
            return
        started = time.perf_counter()
        (pixels,) = preview(brief, [setting], pictures, brief.size)
        seconds = time.perf_counter() - started
        yield Result(index, setting.knobs, setting.seed, seconds, pixels=pixels, features=looks(pixels))
        yield Progress((index + 1) / len(settings), "Painting")
    yield Done(time.perf_counter() - began, device.peak_memory_mb())
