"""The feed-forward style network: contract, residual blocks, expand, with conditional instance normalisation.

Dumoulin, Shlens, Kudlur 2017, "A learned representation for artistic style", table 1, as Magenta built it: reflection
padding, nearest-neighbour upsampling before the 3x3 convolutions of the expanding part, a sigmoid at the end. A style is a
scale `gamma` and a shift `beta` for each normalised layer; they may vary over the picture.

`arithmetic.py` says how that is computed fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from ..device import Choice
from .arithmetic import (
    STRIDE,
    Check,
    Moments,
    Norm,
    Rest,
    Workspace,
    across,
    activate,
    activated,
    affine,
    convolve,
    folded,
    inside,
    merged,
    moments,
    pack,
    packed,
    padded,
    padded_side,
    placed,
    reflect,
    repeat,
    rows,
    rows_of,
    unpack,
    upsampling,
)

# Pixels that count as one in the first and in the last convolution: for float32 as measured, for bfloat16 what fills its vectors.
PACK = {("cpu", "float32"): (1, 8), ("cpu", "bfloat16"): (4, 4)}


@dataclass(frozen=True)
class Kernels:
    """Convolution weights (out, in, k, k) of one network. Biases exist only where no normalisation follows to remove them."""

    contract: tuple[Tensor, Tensor, Tensor]
    residual: tuple[tuple[Tensor, Tensor], ...]
    expand: tuple[Tensor, Tensor, Tensor]
    contract_bias: tuple[Tensor, Tensor, Tensor] | None = None  # then the contracting part is not normalised


@dataclass(frozen=True)
class Prepared:
    """What a network computes of a picture before any style is known."""

    features: Tensor  # (H, W, C) before the first normalisation, or (H/4, W/4, C) where the contracting part has none
    moments: Moments | None
    size: tuple[int, int]  # of the picture, before its sides were padded to multiples of 4


@dataclass
class StyleNetwork:
    """One set of weights on one device. `prepare` a picture once, then `paint` it in any number of styles, in any number of threads."""

    kernels: Kernels
    choice: Choice
    _idle: list[Workspace] = field(default_factory=list, init=False)  # list.pop and append need no lock

    def __post_init__(self) -> None:
        self._first_pack, self._last_pack = PACK.get((self.choice.device, self.choice.dtype), (1, 1))
        device, kernels = self.choice.device, self.kernels
        self._first = placed(packed(kernels.contract[0], self._first_pack).to(device), self.choice)
        self._contract = [kernel.to(device) for kernel in kernels.contract[1:]]
        self._residual = [(placed(one.to(device), self.choice), two.to(device)) for one, two in kernels.residual]
        self._expand = [[part.to(device) for part in upsampling(kernel)] for kernel in kernels.expand[:2]]
        self._last = kernels.expand[2].to(device)
        self._bias = [bias.to(device) for bias in kernels.contract_bias or ()]

    @property
    def normalised(self) -> int:
        """How many layers a style has parameters for, in the order in which they come."""
        return (0 if self._bias else 3) + 2 * len(self._residual) + 3

    def resolutions(self, height: int, width: int) -> list[tuple[int, int]]:
        """(h, w) of each normalised layer for a picture of this size, for styles that vary over it."""
        h, w = padded_side(height), padded_side(width)
        contract = [] if self._bias else [(h, w), (h // 2, w // 2), (h // 4, w // 4)]
        return contract + [(h // 4, w // 4)] * (2 * len(self._residual)) + [(h // 2, w // 2), (h, w), (h, w)]

    @torch.inference_mode()
    def prepare(self, picture: Tensor, check: Check) -> Prepared:
        """picture: (H, W, 3) float32 in 0-1, sides of 16 at least."""
        height, width = picture.shape[:2]
        bottom, right = padded_side(height) - height, padded_side(width) - width
        planes = picture.to(self.choice.device).permute(2, 0, 1)[None]  # (1, 3, H, W)
        if bottom or right:
            planes = functional.pad(planes, (0, right, 0, bottom), mode="reflect")
        planes = functional.pad(planes, (4, 4, 4, 4), mode="reflect").to(self.choice.torch_dtype)
        x = planes[0].permute(1, 2, 0).contiguous()  # (H + 8, W + 8, 3)
        y = unpack(convolve(pack(x, self._first_pack), self._first, 1, check), self._first_pack)  # (H, W, C)
        if not self._bias:
            return Prepared(y, moments(y), (height, width))
        with self._workspace() as space:
            for kernel, bias in zip([*self._contract, None], self._bias, strict=True):
                y = (y + bias.to(y.dtype)).relu_()
                if kernel is not None:
                    y = convolve(padded(space, "plain", y), placed(kernel, self.choice), 2, check)
        return Prepared(y, None, (height, width))

    @torch.inference_mode()
    def paint(self, prepared: Prepared, style: Sequence[Norm], check: Check) -> Tensor:
        """The picture in a style of `normalised` norms: (H, W, 3) float32 in 0-1, on the CPU."""
        norms = iter(style)
        with self._workspace() as space:
            stream = self._residuals(space, self._contracted(space, prepared, norms, check), norms, check)
            x, rest = self._upsampled(space, stream, self._expand[0], None, next(norms), check, "expand0", edge=1)
            x, rest = self._upsampled(space, x, self._expand[1], rest, next(norms), check, "expand1", edge=4)
            wide = self._last_pack if x.shape[1] % self._last_pack == 0 else STRIDE
            y = unpack(self._convolve(pack(x, wide), self._last, rest, 1, check, wide), wide)  # (H, W, 3)
            a, b = affine(next(norms), moments(y))
            out = torch.addcmul(across(b, y.shape[1]), y.float().flatten(1), across(a, y.shape[1])).sigmoid_()
            height, width = prepared.size
            return out.view(y.shape)[:height, :width].cpu()

    def forget(self) -> None:
        """Gives back the memory that is kept between two pictures of the same size."""
        self._idle.clear()

    @contextmanager
    def _workspace(self) -> Iterator[Workspace]:
        """One that nobody else is using."""
        try:
            space = self._idle.pop()
        except IndexError:
            space = Workspace(self.choice)
        try:
            yield space
        finally:
            self._idle.append(space)

    # ── Parts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _contracted(self, space: Workspace, prepared: Prepared, norms: Iterator[Norm], check: Check) -> Tensor:
        """The residual stream, (H/4 + 2, W/4 + 2, C) with its edge reflected."""
        y = prepared.features
        if prepared.moments is None:
            return padded(space, "stream", y)
        a, b = affine(next(norms), prepared.moments)
        for at, kernel in enumerate(self._contract):
            x, rest = activated(space, f"contract{at}", y, a, b)
            y = self._convolve(x, kernel, rest, 2, check)
            a, b = affine(next(norms), moments(y))
        stream = space.around("stream", y, 1)
        torch.addcmul(
            b.to(y.dtype), y, a.to(y.dtype), out=inside(stream, 1)
        )  # what follows adds to it: no shortcut here
        inside(stream, 1).relu_()
        return reflect(stream, 1)

    def _residuals(self, space: Workspace, stream: Tensor, norms: Iterator[Norm], check: Check) -> Tensor:
        """The stream after all residual blocks, its edge repeated as the upsampling needs it."""
        for one, two in self._residual:
            y = convolve(stream, one, 1, check)
            x, rest = activated(space, "residual", y, *affine(next(norms), moments(y)))
            y = self._convolve(x, two, rest, 1, check)
            a, b = affine(next(norms), moments(y))
            target = rows(stream, 1)
            a, b = across(a, y.shape[1]).to(y.dtype), across(b, y.shape[1]).to(y.dtype)
            target += torch.addcmul(b, y.flatten(1), a)
            reflect(stream, 1)
        return repeat(stream)

    def _upsampled(
        self,
        space: Workspace,
        x: Tensor,
        kernels: Sequence[Tensor],
        rest: Rest | None,
        norm: Norm,
        check: Check,
        name: str,
        edge: int,
    ) -> tuple[Tensor, Rest | None]:
        """Upsampling, convolution, normalisation and relu. x: (h + 2, w + 2, C) -> (2h + 2 edge, 2w + 2 edge, C')."""
        height, width = x.shape[0] - 2, x.shape[1] - 2
        parts = [
            unpack(self._convolve(x[odd : odd + height + 1], kernel, rest, 1, check), 2)
            for odd, kernel in enumerate(kernels)
        ]  # rows of even and of odd number, each (h, 2w, C')
        means, variances = zip(*(moments(part) for part in parts), strict=True)
        a, b = affine(norm, merged(torch.stack(means), torch.stack(variances)))
        out = space.take(name, 2 * height + 2 * edge, 2 * width + 2 * edge, parts[0].shape[2])
        for odd, part in enumerate(parts):
            rest = activate(part, rows_of(a, odd), rows_of(b, odd), rows(out, edge)[odd::2])
        return (reflect(out, edge) if edge > 1 else repeat(out)), rest

    def _convolve(
        self, x: Tensor, kernel: Tensor, rest: Rest | None, stride: int, check: Check, wide: int = 1
    ) -> Tensor:
        """Convolution of an activation that may be clipped only; `wide` pixels of x are one."""
        bias = None
        if rest is not None:
            kernel, bias = folded(kernel, rest)
            bias = bias.repeat(wide).to(x.dtype)
        return convolve(x, placed(packed(kernel, wide), self.choice), stride, check, bias)
