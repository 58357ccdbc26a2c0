"""What the style network computes, rearranged but not approximated, because a studio answers on two CPU cores.

- What depends on the picture alone (the first convolution and its statistics) is computed once and shared by all styles.
- relu(a y + b) is a (clip(y, t, inf) - t) with t = -b/a, or its mirror for a < 0. So activations are only clipped: one pass over
  memory; a and t go into the next convolution's weights and bias.
- Upsampling and the convolution after it are one convolution at the low resolution, with a kernel for each parity of the row.
- The 9x9 convolutions of few channels see several neighbouring pixels as channels of one, which fills the vector units.

Activations are (H, W, C) in memory, so that neighbouring pixels can be seen as channels without a copy.
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
Norm = tuple[Tensor, Tensor]  # gamma and beta, each (C,) for the whole picture or (h, w, C) where it varies
Moments = tuple[Tensor, Tensor]  # mean and biased variance of each channel, (C,)
Rest = tuple[
    Tensor, Tensor
]  # what a clipped activation x still lacks: scale and threshold of scale (x - threshold), (C,)


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
        """One for y (H, W, C) with an edge."""
        return self.take(name, y.shape[0] + 2 * edge, y.shape[1] + 2 * edge, y.shape[2])


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


def activated(space: Workspace, name: str, y: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Rest | None]:
    """Normalisation and relu with a reflected edge of 1, and what the next convolution has to make up for."""
    out = space.around(name, y, 1)
    rest = activate(y, a, b, rows(out, 1))
    return reflect(out, 1), rest


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


def padded(space: Workspace, name: str, y: Tensor) -> Tensor:
    """y with a reflected edge of 1."""
    out = space.around(name, y, 1)
    inside(out, 1).copy_(y)
    return reflect(out, 1)


def repeat(x: Tensor) -> Tensor:
    """Fills an edge of 1 with the outermost pixels: what reflection becomes where the picture is upsampled afterwards."""
    _mirror(x.transpose(0, 1), 0, 1)
    _mirror(x, 0, 1)
    return x


def _mirror(x: Tensor, to: int, source: int) -> None:
    """Copies row `source` to row `to`, and the same two counted from the end, in one go."""
    last = x.shape[0] - 1
    x[to : last - to + 1 : last - 2 * to] = x[source : last - source + 1 : last - 2 * source]
