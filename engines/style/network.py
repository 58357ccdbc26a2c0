"""The feed-forward style network: contract, residual blocks, expand, with conditional instance normalisation.

Dumoulin, Shlens, Kudlur 2017, "A learned representation for artistic style", table 1, as Magenta built it: reflection
padding, nearest-neighbour upsampling before the 3x3 convolutions of the expanding part, a sigmoid at the end. A style is a
scale `gamma` and a shift `beta` for each normalised layer; they may vary over the picture.

The arithmetic is rearranged, not approximated, because a studio answers on two CPU cores:

- What depends on the picture alone (the first convolution and its statistics) is computed once and shared by all styles.
- relu(a y + b) is a (clip(y, t, inf) - t) with t = -b/a, or its mirror for a < 0. So activations are only clipped: one pass over
  memory; a and t go into the next convolution's weights and bias.
- Upsampling and the convolution after it are one convolution at the low resolution, with a kernel for each parity of the row.
- The 9x9 convolutions of few channels see several neighbouring pixels as channels of one, which fills the vector units.

Activations are (H, W, C) in memory, so that neighbouring pixels can be seen as channels without a copy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from ..device import Choice

EPSILON = 1e-5  # in the normalisation, as both networks were trained
STRIP = 4e9  # multiply-adds that run between two looks at `check`; some 0.2 s on two old cores
STRIDE = 4  # what the contracting part divides the sides by
# Pixels that count as one in the first and in the last convolution, where that was measured to be fastest.
PACK = {("cpu", "float32"): (1, 8), ("cpu", "bfloat16"): (4, 4)}

Check = Callable[[], None]  # raises to stop the work
Norm = tuple[Tensor, Tensor]  # gamma and beta, each (C,) for the whole picture or (h, w, C) where it varies
Moments = tuple[Tensor, Tensor]  # mean and biased variance of each channel, (C,)
Rest = tuple[
    Tensor, Tensor
]  # scale and threshold, (C,): what a clipped activation x still lacks is scale (x - threshold)


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
    """One set of weights on one device. `prepare` a picture once, then `paint` it in any number of styles."""

    kernels: Kernels
    choice: Choice
    _buffers: dict[tuple[str, tuple[int, ...]], Tensor] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

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
        with self._lock:
            y = unpack(convolve(pack(x, self._first_pack), self._first, 1, check), self._first_pack)  # (H, W, C)
            if not self._bias:
                return Prepared(y, moments(y), (height, width))
            for kernel, bias in zip([*self._contract, None], self._bias, strict=True):
                y = (y + bias.to(y.dtype)).relu_()
                if kernel is not None:
                    y = convolve(self._pad("plain", y), placed(kernel, self.choice), 2, check)
            return Prepared(y, None, (height, width))

    @torch.inference_mode()
    def paint(self, prepared: Prepared, style: Sequence[Norm], check: Check) -> Tensor:
        """The picture in a style of `normalised` norms: (H, W, 3) float32 in 0-1, on the CPU."""
        with self._lock:
            norms = iter(style)
            stream = self._residuals(self._contracted(prepared, norms, check), norms, check)
            x, rest = self._upsampled(stream, self._expand[0], None, next(norms), check, "expand0", edge=1)
            x, rest = self._upsampled(x, self._expand[1], rest, next(norms), check, "expand1", edge=4)
            wide = self._last_pack if x.shape[1] % self._last_pack == 0 else STRIDE
            y = unpack(self._convolve(pack(x, wide), self._last, rest, 1, check, wide), wide)  # (H, W, 3)
            a, b = affine(next(norms), moments(y))
            out = torch.addcmul(across(b, y.shape[1]), y.float().flatten(1), across(a, y.shape[1])).sigmoid_()
            height, width = prepared.size
            return out.view(y.shape)[:height, :width].cpu()

    def forget(self) -> None:
        """Gives back the memory that is kept between two pictures of the same size."""
        with self._lock:
            self._buffers.clear()

    # ── Parts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _contracted(self, prepared: Prepared, norms: Iterator[Norm], check: Check) -> Tensor:
        """The residual stream, (H/4 + 2, W/4 + 2, C) with its edge reflected."""
        y = prepared.features
        if prepared.moments is None:
            return self._pad("stream", y)
        a, b = affine(next(norms), prepared.moments)
        for at, kernel in enumerate(self._contract):
            x, rest = self._activated(f"contract{at}", y, a, b)
            y = self._convolve(x, kernel, rest, 2, check)
            a, b = affine(next(norms), moments(y))
        stream = self._buffer("stream", y, 1)
        torch.addcmul(
            b.to(y.dtype), y, a.to(y.dtype), out=inside(stream, 1)
        )  # what follows adds to it: no shortcut here
        inside(stream, 1).relu_()
        return reflect(stream, 1)

    def _residuals(self, stream: Tensor, norms: Iterator[Norm], check: Check) -> Tensor:
        """The stream after all residual blocks, its edge repeated as the upsampling needs it."""
        for one, two in self._residual:
            y = convolve(stream, one, 1, check)
            x, rest = self._activated("residual", y, *affine(next(norms), moments(y)))
            y = self._convolve(x, two, rest, 1, check)
            a, b = affine(next(norms), moments(y))
            target = rows(stream, 1)
            a, b = across(a, y.shape[1]).to(y.dtype), across(b, y.shape[1]).to(y.dtype)
            target += torch.addcmul(b, y.flatten(1), a)
            reflect(stream, 1)
        return repeat(stream)

    def _upsampled(
        self,
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
        out = self._space(name, (2 * height + 2 * edge, 2 * width + 2 * edge, parts[0].shape[2]))
        for odd, part in enumerate(parts):
            rest = activate(part, rows_of(a, odd), rows_of(b, odd), rows(out, edge)[odd::2])
        return (reflect(out, edge) if edge > 1 else repeat(out)), rest

    def _activated(self, name: str, y: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Rest | None]:
        """Normalisation and relu with a reflected edge of 1, and what the next convolution has to make up for."""
        out = self._buffer(name, y, 1)
        rest = activate(y, a, b, rows(out, 1))
        return reflect(out, 1), rest

    def _convolve(
        self, x: Tensor, kernel: Tensor, rest: Rest | None, stride: int, check: Check, wide: int = 1
    ) -> Tensor:
        """Convolution of an activation that may be clipped only; `wide` pixels of x are one."""
        bias = None
        if rest is not None:
            kernel, bias = folded(kernel, rest)
            bias = bias.repeat(wide).to(x.dtype)
        return convolve(x, placed(packed(kernel, wide), self.choice), stride, check, bias)

    def _pad(self, name: str, y: Tensor) -> Tensor:
        out = self._buffer(name, y, 1)
        inside(out, 1).copy_(y)
        return reflect(out, 1)

    def _buffer(self, name: str, y: Tensor, edge: int) -> Tensor:
        return self._space(name, (y.shape[0] + 2 * edge, y.shape[1] + 2 * edge, y.shape[2]))

    def _space(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Memory that is used again for the next style: fresh pages cost more than the arithmetic on them."""
        if (name, shape) not in self._buffers:
            for old in [key for key in self._buffers if key[0] == name]:
                del self._buffers[old]
            self._buffers[name, shape] = torch.empty(shape, dtype=self.choice.torch_dtype, device=self.choice.device)
        return self._buffers[name, shape]


# ── Kernels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def placed(kernel: Tensor, choice: Choice) -> Tensor:
    return kernel.to(choice.torch_dtype).contiguous(memory_format=torch.channels_last)


def packed(kernel: Tensor, wide: int) -> Tensor:
    """The kernel for pictures whose pixels are `wide` pixels: (O, I, k, l) -> (wide O, wide I, k, cells)."""
    if wide == 1:
        return kernel
    out, into, high, long = kernel.shape
    cells = (wide + long - 2) // wide + 1
    made = kernel.new_zeros(wide, out, wide, into, high, cells)
    for at in range(wide):
        for tap in range(long):
            made[at, :, (at + tap) % wide, :, :, (at + tap) // wide] = kernel[:, :, :, tap]
    return made.reshape(wide * out, wide * into, high, cells)


def upsampling(kernel: Tensor) -> list[Tensor]:
    """A 3x3 kernel behind nearest-neighbour upsampling by 2, as kernels on the picture before it.

    One for even and one for odd rows of the result, (2 O, I, 2, 3): the two columns of each pixel are channels.
    """
    seen = {0: ([0], [1, 2]), 1: ([0, 1], [2])}  # parity -> taps that fall on the first and on the second neighbour
    made = []
    for taps in seen.values():
        high = torch.stack([kernel[:, :, each].sum(2) for each in taps], 2)  # (O, I, 2, 3)
        left, middle, right = high.unbind(3)
        none = torch.zeros_like(left)
        even = torch.stack([left, middle + right, none], 3)
        odd = torch.stack([none, left + middle, right], 3)
        made.append(torch.cat([even, odd], 0))
    return made


def folded(kernel: Tensor, rest: Rest) -> tuple[Tensor, Tensor]:
    """Kernel (O, I, k, l) and bias (O,) for inputs that are clipped only."""
    scale, threshold = rest
    kernel = kernel * scale.view(1, -1, 1, 1)
    return kernel, -(kernel.sum((2, 3)) @ threshold)


def convolve(x: Tensor, kernel: Tensor, stride: int, check: Check, bias: Tensor | None = None) -> Tensor:
    """Without padding: (H, W, I) -> (H', W', O), in strips where it takes long, with a look at `check` before each."""
    check()
    high, long = kernel.shape[2:]
    height, width = (x.shape[0] - high) // stride + 1, (x.shape[1] - long) // stride + 1
    planes = x.permute(2, 0, 1)[None]
    strips = -(-height * width * kernel.numel() // int(STRIP))
    if strips == 1:
        return functional.conv2d(planes, kernel, bias, stride)[0].permute(1, 2, 0)
    out = x.new_empty(height, width, kernel.shape[0])
    step = -(-height // strips)
    for top in range(0, height, step):
        check()
        part = planes[:, :, top * stride : (min(top + step, height) - 1) * stride + high]
        out[top : top + step] = functional.conv2d(part, kernel, bias, stride)[0].permute(1, 2, 0)
    return out


# ── Normalisation ────────────────────────────────────────────────────────────────────────────────────────────────────


def moments(y: Tensor) -> Moments:
    """Mean and biased variance over the picture, in float32: (H, W, C) -> (C,), (C,)."""
    if y.device.type != "cpu":
        variance, mean = torch.var_mean(y.float(), (0, 1), correction=0)
        return mean, variance
    # Made for batch normalisation, and several times faster than var_mean where channels lie last and are many.
    channels = y.shape[2]
    wide = next(wide for wide in (8, 4, 2, 1) if y.shape[1] % wide == 0) if channels < 32 else 1
    mean, variance = torch.batch_norm_update_stats(pack(y, wide).permute(2, 0, 1)[None], None, None, 0.0)
    return merged(mean.float().view(wide, channels), variance.float().view(wide, channels))


def merged(means: Tensor, variances: Tensor) -> Moments:
    """The moments of a picture from those of its equal parts: (n, C), (n, C) -> (C,), (C,)."""
    if len(means) == 1:
        return means[0], variances[0]
    between, mean = torch.var_mean(means, 0, correction=0)
    return mean, variances.mean(0) + between


def affine(norm: Norm, of: Moments) -> Norm:
    """a and b so that the normalised and styled layer is a y + b."""
    (gamma, beta), (mean, variance) = norm, of
    a = gamma * torch.rsqrt(variance + EPSILON)
    return a, beta - mean * a


def activate(y: Tensor, a: Tensor, b: Tensor, out: Tensor) -> Rest | None:
    """relu(a y + b) into `out` (H, W C) where a varies over the picture; else y only clipped, and the rest, see the top of the file."""
    if a.ndim > 1:
        out.copy_(torch.addcmul(b.to(y.dtype), y, a.to(y.dtype)).relu_().flatten(1))
        return None
    threshold = b / torch.where(
        a == 0, -1e-8, -a
    )  # where a is 0 only a constant is left, which the next normalisation removes
    threshold = threshold.to(y.dtype).float()
    low, high = torch.where(a > 0, threshold, -torch.inf), torch.where(a > 0, torch.inf, threshold)
    width = y.shape[1]
    torch.clamp(y.flatten(1), across(low, width).to(y.dtype), across(high, width).to(y.dtype), out=out)
    return a, threshold


# ── Layout ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def padded_side(side: int) -> int:
    return -(-side // STRIDE) * STRIDE


def pack(x: Tensor, wide: int) -> Tensor:
    """`wide` neighbouring pixels as one, without a copy: (H, W, C) -> (H, W / wide, wide C)."""
    return x.reshape(x.shape[0], x.shape[1] // wide, wide * x.shape[2])


def unpack(x: Tensor, wide: int) -> Tensor:
    return x.reshape(x.shape[0], x.shape[1] * wide, x.shape[2] // wide)


def across(values: Tensor, width: int) -> Tensor:
    """Values of a channel, (C,) or (H, W, C), for rows of pixels (H, W C): long rows are what vector units like."""
    return values.expand(width, -1).reshape(-1) if values.ndim == 1 else values.flatten(1)


def rows_of(values: Tensor, odd: int) -> Tensor:
    return values if values.ndim == 1 else values[odd::2]


def inside(x: Tensor, edge: int) -> Tensor:
    return x[edge:-edge, edge:-edge]


def rows(x: Tensor, edge: int) -> Tensor:
    """The inside of a padded picture as rows: (H + 2 edge, W + 2 edge, C) -> (H, W C)."""
    channels = x.shape[2]
    return x.flatten(1)[edge:-edge, edge * channels : -edge * channels]


def reflect(x: Tensor, edge: int) -> Tensor:
    """Fills the edge of a padded picture with the reflection of its inside, in place."""
    for at in range(1, edge + 1):
        _mirror(x.transpose(0, 1), edge - at, edge + at)
    for at in range(1, edge + 1):
        _mirror(x, edge - at, edge + at)
    return x


def repeat(x: Tensor) -> Tensor:
    """Fills an edge of 1 with the outermost pixels: what reflection becomes where the picture is upsampled afterwards."""
    _mirror(x.transpose(0, 1), 0, 1)
    _mirror(x, 0, 1)
    return x


def _mirror(x: Tensor, to: int, source: int) -> None:
    """Copies row `source` to row `to`, and the same two counted from the end, in one go."""
    last = x.shape[0] - 1
    x[to : last - to + 1 : last - 2 * to] = x[source : last - source + 1 : last - 2 * source]
