"""What the style engines share that paint in one pass: a picture in, a stream of events out, strength, kept colours and the style brush."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .. import device, store
from ..api import (
    Brief,
    Cancelled,
    Done,
    EngineError,
    EngineInfo,
    Event,
    Pictures,
    Pixels,
    Preview,
    Progress,
    Result,
    Setting,
    Started,
)
from ..unfinished import Stopped
from . import StyleOptions
from .arithmetic import Check, Norm
from .painters import divided, paint_each

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
SOFT = 64  # a brush's edge fades over about one part in so many of the long side
PREVIEW_FROM, PREVIEW = 640, 192  # pixels: results of this long side and more are shown small first
TOGETHER = 1024  # long side up to which variants are painted at the same time, and memory stays reserved between rounds
GROUP = 2**18  # pixels of previews that are painted as one batch at most
REMEMBERED = 64  # values that an engine remembers of each kind

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Plan:
    """What a variant is painted with: the style of every layer, how much of the picture it covers, (H, W), and the options."""

    style: Sequence[Norm]
    cover: Tensor | None
    options: StyleOptions


@dataclass(frozen=True)
class Painted:
    pixels: Pixels
    seconds: float


class Network(Protocol):
    """What paints: see `StyleNetwork`. What it prepares is its own affair."""

    def prepare(self, picture: Tensor, check: Check) -> Any: ...
    def paint(self, prepared: Any, styles: Sequence[Sequence[Norm]], check: Check) -> Tensor: ...
    def resolutions(self, height: int, width: int) -> list[tuple[int, int]]: ...
    def forget(self) -> None: ...


class StyleEngine:
    """The loop over variants. Subclasses bring a network and say what a mix of styles means to it."""

    info: EngineInfo

    def __init__(self) -> None:
        self._network: Network | None = None
        self._lock = threading.Lock()

    def models(self) -> dict[str, str]:
        return {name: store.sha256(name) for name in self.info.models}

    def network(self) -> Network:
        """The network, loaded on first use. Raises `EngineError` where its weights are missing or damaged."""
        with self._lock:
            if self._network is None:
                self._network = self.load()
            return self._network

    def load(self) -> Network:
        raise NotImplementedError

    def forget(self) -> None:
        """Gives back the memory that is kept between two pictures of the same size."""
        if self._network is not None:
            self._network.forget()

    def network_of(self, brief: Brief, pictures: Pictures) -> Network:
        """The network that paints a brief, for engines that have several."""
        return self.network()

    def norms(self, brief: Brief, own: Callable[[], Tensor], pictures: Pictures) -> Mapping[str, Sequence[Norm]]:
        """Each style of the brief as the parameters of all normalised layers, each (C,). `own` is the content's own style."""
        raise NotImplementedError

    def own_style(self, content: Pixels) -> Tensor:
        """The content's own style, for engines that ask for it."""
        raise NotImplementedError

    # ── The contract ─────────────────────────────────────────────────────────────────────────────────────────────────

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """See `engines.api.Engine`. Raises `EngineError` where weights are missing or the memory does not suffice."""
        began, chosen, finished = time.perf_counter(), device.choose(), 0

        def check() -> None:
            if cancelled():
                raise Stopped

        yield Started(len(settings), chosen.device, chosen.dtype)
        try:
            with memory_told(brief.size):
                source = pictures(str(brief.content))
                if brief.size >= PREVIEW_FROM:
                    small = self._painted(brief, settings, source, pictures, PREVIEW, check, in_groups=True)
                    for index, image in enumerate(small):
                        yield Preview(index, image.pixels)
                yield Progress(0.0, "Looking at the picture")
                for image in self._painted(brief, settings, source, pictures, brief.size, check):
                    made, index = settings[finished], finished
                    finished += 1
                    yield Result(index, made.knobs, made.seed, image.seconds, pixels=image.pixels)
                    yield Progress(finished / len(settings), "Painting")
        except Stopped:
            yield Cancelled(finished)
            return
        finally:
            if brief.size > TOGETHER:
                self.forget()
        yield Done(time.perf_counter() - began, device.peak_memory_mb())

    def preview(self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, size: int) -> list[Pixels]:
        """One small picture a setting, `size` on the long side: a sheet of ideas."""
        source = pictures(str(brief.content))
        made = self._painted(brief, settings, source, pictures, size, lambda: None, in_groups=True)
        return [image.pixels for image in made]

    # ── How variants are painted ─────────────────────────────────────────────────────────────────────────────────────

    def _painted(
        self,
        brief: Brief,
        settings: Sequence[Setting],
        source: Pixels,
        pictures: Pictures,
        size: int,
        check: Callable[[], None],
        in_groups: bool = False,
    ) -> Iterator[Painted]:
        """Every setting's picture in order. What they share is computed once: the content and its features, masks, styles.

        `in_groups` is faster, but then a picture's last bits depend on its company: not for what is kept.
        """
        network, pixels = self.network_of(brief, pictures), fitted(source, size)
        content = torch.from_numpy(pixels).float().div_(255)  # (H, W, 3)
        features = network.prepare(content, check)
        masks = brushes(brief, pictures, (content.shape[0], content.shape[1]))

        @cache
        def own() -> Tensor:  # not by the content's reference: in a `then` that stands for another picture each time
            return self.own_style(source)

        def plan(setting: Setting) -> Plan:
            applied = replace(brief.apply(setting.knobs), seed=setting.seed)
            norms = self.norms(applied, own, pictures)
            used = {name: mask for name, mask in masks.items() if applied.styles.get(name, 0.0) > 0}
            style, cover = mixed(applied.styles, norms), None
            if used:
                style, cover = brushed(applied.styles, norms, used, network.resolutions(*content.shape[:2]))
            return Plan(style, cover, self.info.options(**applied.options))

        def paint(plans: Sequence[Plan]) -> list[Painted]:
            began = time.perf_counter()
            painted = network.paint(features, [plan.style for plan in plans], check)
            check()
            made = [
                to_pixels(self.finish(image, content, plan.options, plan.cover))
                for image, plan in zip(painted, plans, strict=True)
            ]
            seconds = (time.perf_counter() - began) / len(plans)
            return [Painted(pixels, seconds) for pixels in made]

        plans = [plan(setting) for setting in settings]
        most = GROUP // (content.shape[0] * content.shape[1]) if in_groups and not masks else 1
        groups = divided(plans, most)
        return chain.from_iterable(paint_each(paint, groups, together=size <= TOGETHER))

    def finish(self, painted: Tensor, content: Tensor, options: StyleOptions, cover: Tensor | None) -> Tensor:
        """The blend with the picture that `strength` and the brush ask for, then its colours as far as they are kept."""
        share: Any = options.strength if cover is None else options.strength * cover[..., None]
        if cover is not None or options.strength != 1:
            painted = torch.lerp(content, painted, share) if isinstance(share, Tensor) else content.lerp(painted, share)
        return keep_color(painted, content, options.preserve_color)


def remembered(memory: OrderedDict[Key, Value], key: Key, make: Callable[[], Value]) -> Value:
    """What was made for a key, made now where it is not remembered. Those that were used last are."""
    if key not in memory:
        memory[key] = make()
        while len(memory) > REMEMBERED:
            memory.popitem(last=False)
    memory.move_to_end(key)
    return memory[key]


# ── Mixing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def mixed(weights: Mapping[str, float], norms: Mapping[str, Sequence[Norm]]) -> list[Norm]:
    """The weighted mean of styles, layer by layer (Dumoulin et al. 2017, section 3.3)."""
    used = {name: weight for name, weight in weights.items() if weight > 0}
    values = torch.stack([torch.cat(list(chain.from_iterable(norms[name]))) for name in used])
    mean = torch.tensor(list(used.values()), device=values.device) @ values
    parts = iter(torch.split(mean, [len(part) for part in chain.from_iterable(norms[next(iter(used))])]))
    return list(zip(parts, parts, strict=True))


def brushed(
    weights: Mapping[str, float],
    norms: Mapping[str, Sequence[Norm]],
    masks: Mapping[str, Tensor],
    resolutions: Sequence[tuple[int, int]],
) -> tuple[list[Norm], Tensor]:
    """Styles that vary over the picture, and how much of it they cover, (H, W) in 0-1. A style without a mask is everywhere."""
    used = [name for name, weight in weights.items() if weight > 0]
    shares, cover = shared({name: weights[name] for name in used}, masks)
    made: dict[tuple[int, int], Tensor] = {}
    style: list[Norm] = []
    for layer, resolution in enumerate(resolutions):
        if resolution not in made:
            made[resolution] = functional.interpolate(
                shares[None], resolution, mode="bilinear", antialias=True, align_corners=False
            )[0].permute(1, 2, 0)  # (h, w, S)
        stacked = [torch.stack([norms[name][layer][which] for name in used]) for which in (0, 1)]  # (S, C)
        style.append((made[resolution] @ stacked[0], made[resolution] @ stacked[1]))
    return style, cover


def shared(weights: Mapping[str, float], masks: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Each style's share of every place, (S, H, W) of sum 1, and how much of it they cover, (H, W) in 0-1."""
    everywhere = torch.ones(next(iter(masks.values())).shape)
    shares = torch.stack([weight * masks.get(name, everywhere) for name, weight in weights.items()])
    cover = torch.stack([masks.get(name, everywhere) for name in weights]).amax(0)
    plain = torch.tensor(list(weights.values()))[:, None, None]
    total = shares.sum(0, keepdim=True)
    return torch.where(
        total > 1e-3, shares / total.clamp(min=1e-3), plain
    ), cover  # where nothing covers, nothing shows


def brushes(brief: Brief, pictures: Pictures, size: tuple[int, int]) -> dict[str, Tensor]:
    """The brief's masks by style, (H, W) each."""
    return {key.removeprefix("style:"): brush(pictures(ref), size) for key, ref in brief.masks.items()}


def brush(mask: Pixels, size: tuple[int, int]) -> Tensor:
    """A painted mask, white where its style belongs, as (H, W) in 0-1 with a soft edge."""
    grey = Image.fromarray(mask[..., :3]).convert("L").resize((size[1], size[0]), Image.Resampling.BILINEAR)
    plane = torch.from_numpy(np.asarray(grey, dtype=np.float32) / 255)[None, None]
    cell = max(size) / SOFT
    coarse = (max(2, round(size[0] / cell)), max(2, round(size[1] / cell)))
    small = functional.interpolate(plane, coarse, mode="bilinear", antialias=True, align_corners=False)
    soft = functional.interpolate(small, size, mode="bicubic", align_corners=False)[0, 0]
    return soft.clamp(0, 1)


# ── Pixels ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def fitted(pixels: Pixels, size: int) -> Pixels:
    """The picture with `size` as its long side, aspect kept: (H, W, 3) -> (h, w, 3). Raises `EngineError` under 16 pixels."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    to = (round(width * scale), round(height * scale))
    if min(to) < 16:
        raise EngineError(
            "At size {size} the picture would be {width} x {height} pixels.",
            "Choose a larger size: its short side needs 16.",
            size=size,
            width=to[0],
            height=to[1],
        )
    return np.array(Image.fromarray(pixels).resize(to, Image.Resampling.LANCZOS))


def keep_color(painted: Tensor, content: Tensor, amount: float) -> Tensor:
    """Painted brightness with the content's colours, blended in by `amount` (Gatys et al. 2016, "Preserving color in neural
    artistic style transfer", section 4: luminance-only transfer). Both (H, W, 3) in 0-1."""
    if amount <= 0:
        return painted
    luma = torch.tensor(LUMA)
    kept = content + ((painted - content) @ luma)[..., None]
    return painted.lerp(kept, amount)


def to_pixels(image: Tensor) -> Pixels:
    """(H, W, 3) in 0-1 -> uint8."""
    return np.asarray(image.mul(255).round_().clamp_(0, 255).to(torch.uint8).numpy())


@contextmanager
def memory_told(size: int) -> Iterator[None]:
    """Raises `EngineError` where the memory did not suffice to paint at a size."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise EngineError(
            "There is not enough memory to paint at {size} pixels.", "Choose a smaller size.", size=size
        ) from error


def out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
