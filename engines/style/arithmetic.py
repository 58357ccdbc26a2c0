"""What the style network computes, rearranged but not approximated, because a studio answers on two CPU cores.

- What depends on the picture alone (the first convolution and its statistics) is computed once and shared by all styles.
- Upsampling and the convolution after it are one convolution at the low resolution, with a kernel for each parity of the row.
- The 9x9 convolutions of few channels see several neighbouring pixels as channels of one, which fills the vector units.
- Small pictures are painted several at a time: there the time goes into starting operations, not into the arithmetic.

Activations are (N, H, W, C) in memory, so that neighbouring pixels can be seen as channels without a copy.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ..device import Choice

EPSILON = 1e-5  # in the normalisation, as both networks were trained
STRIP = 2e9  # multiply-adds that run between two looks at `check`; some 0.1 s on one old core
STRIDE = 4  # what the contracting part divides the sides by

Check = Callable[[], None]  # raises to stop the work
Norm = tuple[
    Tensor, Tensor
]  # gamma and beta of one layer, each (C,) for the whole picture or (h, w, C) where it varies
Norms = tuple[Tensor, Tensor]  # the same of several pictures, with N in front
Moments = tuple[Tensor, Tensor]  # mean and biased variance of each channel, (N, C)


class Workspace:
    """Memory for the padded activations of one picture, used again for the next: fresh pages cost more than the arithmetic on them."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._held: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """A tensor of this shape whose values are anything."""
        held = self._held.get(name)
        if held is None or held.shape != shape:
            self._held.pop(name, None)
            held = torch.empty(shape, dtype=self._choice.torch_dtype, device=self._choice.device)
            self._held[name] = held
        return held

    def around(self, name: str, y: Tensor, edge: int) -> Tensor:
        """One for y (N, H, W, C) with an edge."""
        count, height, width, channels = y.shape
        return self.take(name, count, height + 2 * edge, width + 2 * edge, channels)


# ── Kernels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def placed(weights: Tensor, choice: Choice) -> Tensor:
    """A kernel (O, I, k, l) or a bias (O,) where and as the network computes with it."""
    weights = weights.to(choice.device, choice.torch_dtype)
    return weights.contiguous(memory_format=torch.channels_last) if weights.ndim == 4 else weights


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


def convolve(x: Tensor, kernel: Tensor, stride: int, check: Check, bias: Tensor | None = None) -> Tensor:
    """Without padding: (N, H, W, I) -> (N, H', W', O), in strips where it takes long, with a look at `check` before each."""
    check()
    count = x.shape[0]
    high, long = kernel.shape[2:]
    height, width = (x.shape[1] - high) // stride + 1, (x.shape[2] - long) // stride + 1
    planes = x.permute(0, 3, 1, 2)
    strips = -(-count * height * width * kernel.numel() // int(STRIP))
    if strips == 1:
        return functional.conv2d(planes, kernel, bias, stride).permute(0, 2, 3, 1)
    out = x.new_empty(count, height, width, kernel.shape[0])
    step = -(-height // strips)
    for top in range(0, height, step):
        check()
        part = planes[:, :, top * stride : (min(top + step, height) - 1) * stride + high]
        out[:, top : top + step] = functional.conv2d(part, kernel, bias, stride).permute(0, 2, 3, 1)
    return out


# ── Normalisation ────────────────────────────────────────────────────────────────────────────────────────────────────


def moments(y: Tensor) -> Moments:
    """Mean and biased variance of each picture, in float32: (N, H, W, C) -> (N, C), (N, C)."""
    if y.device.type != "cpu":
        variance, mean = torch.var_mean(y.float(), (1, 2), correction=0)
        return mean, variance
    # Made for batch normalisation, and several times faster than var_mean where channels lie last and are many.
    wide = fill(y)
    planes = pack(y, wide).permute(0, 3, 1, 2)
    found = [torch.batch_norm_update_stats(each[None], None, None, 0.0) for each in planes]
    mean, variance = (torch.stack(values).float().view(len(y), wide, -1) for values in zip(*found, strict=True))
    return merged(mean, variance)


def merged(means: Tensor, variances: Tensor) -> Moments:
    """The moments of pictures from those of their n equal parts: (N, n, C), (N, n, C) -> (N, C), (N, C)."""
    if means.shape[1] == 1:
        return means[:, 0], variances[:, 0]
    between, mean = torch.var_mean(means, 1, correction=0)
    return mean, variances.mean(1) + between


def styled(y: Tensor, layer: Norms, of: Moments) -> Tensor:
    """Normalised by the moments and styled, as rows: (N or 1, H, W, C) -> (N, H, W C)."""
    (gamma, beta), (mean, variance) = layer, of
    if len(gamma) == 1 and gamma.ndim == 2:  # one pass, in float32
        wide = fill(y)
        planes = pack(y, wide).permute(0, 3, 1, 2)
        mean, variance, gamma, beta = (values[0].repeat(wide) for values in (mean, variance, gamma, beta))
        made = functional.batch_norm(planes, mean, variance, gamma, beta, eps=EPSILON)
        return made.permute(0, 2, 3, 1).flatten(2)
    if gamma.ndim > 2:
        mean, variance = mean[:, None, None], variance[:, None, None]
    scale = gamma * torch.rsqrt(variance + EPSILON)
    scale, shift = (across(values, y.shape[2]).to(y.dtype) for values in (scale, beta - mean * scale))
    return torch.addcmul(shift, y.flatten(2), scale)


def activated(space: Workspace, name: str, y: Tensor, layer: Norms, of: Moments) -> Tensor:
    """Normalised, styled, relu, with a reflected edge of 1."""
    out = space.take(name, len(layer[0]), y.shape[1] + 2, y.shape[2] + 2, y.shape[3])
    torch.clamp(styled(y, layer, of), min=0, out=rows(out, 1))
    return reflect(out, 1)


def fill(y: Tensor) -> int:
    """How many neighbouring pixels to see as one, so that few channels fill the vector units."""
    channels, width = y.shape[3], y.shape[2]
    return next(wide for wide in (8, 4, 2, 1) if width % wide == 0) if channels < 32 else 1


# ── Layout ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def padded_side(side: int) -> int:
    return -(-side // STRIDE) * STRIDE


def pack(x: Tensor, wide: int) -> Tensor:
    """`wide` neighbouring pixels as one, without a copy: (N, H, W, C) -> (N, H, W / wide, wide C)."""
    return x.reshape(*x.shape[:2], x.shape[2] // wide, wide * x.shape[3])


def unpack(x: Tensor, wide: int) -> Tensor:
    return x.reshape(*x.shape[:2], x.shape[2] * wide, x.shape[3] // wide)


def across(values: Tensor, width: int) -> Tensor:
    """(N, C) or (N, H, W, C) for rows of pixels, (N, 1 or H, W C): long rows are what vector units like."""
    return values.repeat(1, width)[:, None] if values.ndim == 2 else values.flatten(2)


def rows_of(values: Tensor, odd: int) -> Tensor:
    return values if values.ndim == 2 else values[:, odd::2]


def rows(x: Tensor, edge: int) -> Tensor:
    """The inside of padded pictures as rows: (N, H + 2 edge, W + 2 edge, C) -> (N, H, W C)."""
    channels = x.shape[3]
    return x.flatten(2)[:, edge:-edge, edge * channels : -edge * channels]


def reflect(x: Tensor, edge: int) -> Tensor:
    """Fills the edge of padded pictures with the reflection of their inside, in place."""
    for at in range(1, edge + 1):
        _mirror(x.transpose(1, 2), edge - at, edge + at)
    for at in range(1, edge + 1):
        _mirror(x, edge - at, edge + at)
    return x


def padded(space: Workspace, name: str, y: Tensor) -> Tensor:
    """y with a reflected edge of 1."""
    out = space.around(name, y, 1)
    rows(out, 1).copy_(y.flatten(2))
    return reflect(out, 1)


def repeat(x: Tensor) -> Tensor:
    """Fills an edge of 1 with the outermost pixels: what reflection becomes where the picture is upsampled afterwards."""
    _mirror(x.transpose(1, 2), 0, 1)
    _mirror(x, 0, 1)
    return x


def _mirror(x: Tensor, to: int, source: int) -> None:
    """Copies row `source` to row `to`, and the same two counted from the end, in one go."""
    last = x.shape[1] - 1
    x[:, to : last - to + 1 : last - 2 * to] = x[:, source : last - source + 1 : last - 2 * source]
