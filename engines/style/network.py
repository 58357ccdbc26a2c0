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
    Norms,
    Workspace,
    activated,
    convolve,
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
    styled,
    unpack,
    upsampling,
)

# Pixels that count as one in the first and in the last convolution, as measured.
PACK = {("cpu", "float32"): (1, 8), ("cpu", "bfloat16"): (2, 4)}


@dataclass(frozen=True)
class Kernels:
    """Convolution weights (out, in, k, k) of one network. Biases exist only where no normalisation follows to remove them."""

    contract: tuple[Tensor, Tensor, Tensor]
    residual: tuple[tuple[Tensor, Tensor], ...]
    expand: tuple[Tensor, Tensor, Tensor]
    contract_bias: tuple[Tensor, Tensor, Tensor] | None = None  # then the contracting part is not normalised

    def each(self) -> list[Tensor]:
        """All in the order in which they come."""
        return [*self.contract, *(kernel for pair in self.residual for kernel in pair), *self.expand]

    @classmethod
    def of(cls, each: Sequence[Tensor]) -> Kernels:
        """From all in their order: the residual blocks lie between three that contract and three that expand."""
        (one, two, three), between, (four, five, six) = each[:3], each[3:-3], each[-3:]
        return cls((one, two, three), tuple(zip(between[::2], between[1::2], strict=True)), (four, five, six))


@dataclass(frozen=True)
class Prepared:
    """What a network computes of a picture before any style is known."""

    features: (
        Tensor  # (1, H, W, C) before the first normalisation, or (1, H/4, W/4, C) where the contracting part has none
    )
    moments: Moments | None
    size: tuple[int, int]  # of the picture, before its sides were padded to multiples of 4


@dataclass
class StyleNetwork:
    """One set of weights on one device. `prepare` a picture once, then `paint` it in any number of styles, from any number of threads."""

    kernels: Kernels
    choice: Choice
    _idle: list[Workspace] = field(default_factory=list, init=False)  # list.pop and append need no lock

    def __post_init__(self) -> None:
        self._first_pack, self._last_pack = PACK.get((self.choice.device, self.choice.dtype), (1, 1))
        kernels, last = self.kernels, self.kernels.expand[2]
        self._first = self._placed(packed(kernels.contract[0], self._first_pack))
        self._contract = [self._placed(kernel) for kernel in kernels.contract[1:]]
        self._residual = [(self._placed(one), self._placed(two)) for one, two in kernels.residual]
        self._expand = [[self._placed(part) for part in upsampling(kernel)] for kernel in kernels.expand[:2]]
        self._last = {wide: self._placed(packed(last, wide)) for wide in {self._last_pack, STRIDE}}
        self._bias = [self._placed(bias) for bias in kernels.contract_bias or ()]

    def _placed(self, weights: Tensor) -> Tensor:
        return placed(weights, self.choice)

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
        x = planes.permute(0, 2, 3, 1).contiguous()  # (1, H + 8, W + 8, 3)
        bias = self._bias[0].repeat(self._first_pack) if self._bias else None
        y = unpack(convolve(pack(x, self._first_pack), self._first, 1, check, bias), self._first_pack)
        if not self._bias:
            return Prepared(y, moments(y), (height, width))
        with self._workspace() as space:
            for kernel, bias in zip(self._contract, self._bias[1:], strict=True):
                y = convolve(padded(space, "plain", y.relu_()), kernel, 2, check, bias)
        return Prepared(y.relu_(), None, (height, width))

    @torch.inference_mode()
    def paint(self, prepared: Prepared, styles: Sequence[Sequence[Norm]], check: Check) -> Tensor:
        """The picture in N styles of `normalised` norms each: (N, H, W, 3) float32 in 0-1, on the CPU."""
        norms = iter([stacked(layer) for layer in zip(*styles, strict=True)])
        with self._workspace() as space:
            stream = self._contracted(space, prepared, len(styles), norms, check)
            x = self._residuals(space, stream, norms, check)
            x = self._upsampled(space, x, self._expand[0], next(norms), check, "expand0", edge=1)
            x = self._upsampled(space, x, self._expand[1], next(norms), check, "expand1", edge=4)
            wide = self._last_pack if x.shape[2] % self._last_pack == 0 else STRIDE
            y = unpack(convolve(pack(x, wide), self._last[wide], 1, check), wide)  # (N, H, W, 3)
            out = styled(y.float(), next(norms), moments(y)).sigmoid_()
            height, width = prepared.size
            return out.view(y.shape)[:, :height, :width].cpu()

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

    def _contracted(
        self, space: Workspace, prepared: Prepared, count: int, norms: Iterator[Norms], check: Check
    ) -> Tensor:
        """The residual stream, (N, H/4 + 2, W/4 + 2, C) with its edge reflected."""
        y = prepared.features
        if prepared.moments is None:
            return padded(space, "stream", y.expand(count, -1, -1, -1))
        of = prepared.moments
        for at, kernel in enumerate(self._contract):
            y = convolve(activated(space, f"contract{at}", y, next(norms), of), kernel, 2, check)
            of = moments(y)
        return activated(space, "stream", y, next(norms), of)

    def _residuals(self, space: Workspace, stream: Tensor, norms: Iterator[Norms], check: Check) -> Tensor:
        """The stream after all residual blocks, its edge repeated as the upsampling needs it."""
        inside = rows(stream, 1)
        for one, two in self._residual:
            y = convolve(stream, one, 1, check)
            y = convolve(activated(space, "residual", y, next(norms), moments(y)), two, 1, check)
            inside += styled(y, next(norms), moments(y))
            reflect(stream, 1)
        return repeat(stream)

    def _upsampled(
        self,
        space: Workspace,
        x: Tensor,
        kernels: Sequence[Tensor],
        norms: Norms,
        check: Check,
        name: str,
        edge: int,
    ) -> Tensor:
        """Upsampling, convolution, normalisation and relu. x: (N, h + 2, w + 2, C) -> (N, 2h + 2 edge, 2w + 2 edge, C')."""
        count, height, width = x.shape[0], x.shape[1] - 2, x.shape[2] - 2
        parts = [
            unpack(convolve(x[:, odd : odd + height + 1], kernel, 1, check), 2) for odd, kernel in enumerate(kernels)
        ]  # rows of even and of odd number, each (N, h, 2w, C')
        means, variances = zip(*(moments(part) for part in parts), strict=True)
        of = merged(torch.stack(means, 1), torch.stack(variances, 1))
        out = space.take(name, count, 2 * height + 2 * edge, 2 * width + 2 * edge, parts[0].shape[3])
        for odd, part in enumerate(parts):
            layer = rows_of(norms[0], odd), rows_of(norms[1], odd)
            torch.clamp(styled(part, layer, of), min=0, out=rows(out, edge)[:, odd::2])
        return reflect(out, edge) if edge > 1 else repeat(out)


def stacked(layer: Sequence[Norm]) -> Norms:
    """One layer's parameters of several styles."""
    gammas, betas = zip(*layer, strict=True)
    return torch.stack(gammas), torch.stack(betas)
