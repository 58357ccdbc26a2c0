"""What the networks are built of: layers at an equalised learning rate, the modulated convolution, sampling up and down.

Weights are kept in float32 and used in the number type of what flows through (bfloat16 where the processor has it), channels last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE, GAIN = 0.2, math.sqrt(2)  # of the leaky ReLU, and what keeps the variance behind it
GROUP = 4  # pictures whose differences a discriminator sees
NOISE_PACE = 0.1  # how fast noise becomes louder, beside the rest: early on it is the easiest thing to deceive with

Check = Callable[[], None]  # what it raises ends the work


def active(x: Tensor) -> Tensor:
    """In place, of what a layer made louder by `GAIN`: on weights that costs next to nothing, and the two may change places."""
    return functional.leaky_relu(x, SLOPE, inplace=True)


def larger(x: Tensor) -> Tensor:
    """Twice the side. Bilinear: away from the edge the [1 3 3 1] filter of Karras et al. 2020."""
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def smaller(x: Tensor) -> Tensor:
    """Half the side."""
    return functional.avg_pool2d(x, 2)


def watched(x: Tensor, check: Check | None) -> Tensor:
    """Asks whether to go on here, and again where the gradient comes back."""
    if check is not None:
        check()
        if x.requires_grad:
            x.register_hook(lambda _: check())  # type: ignore[no-untyped-call]
    return x


class Linear(nn.Module):
    """(N, into) -> (N, out), times `gain`. Weights are drawn from N(0, 1) and scaled when used (Karras et al. 2018, "Progressive growing
    of GANs", section 4.1), so that all learn at one pace; `pace` slows them down."""

    def __init__(self, into: int, out: int, start: float = 0.0, pace: float = 1.0, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, into) / pace)
        self.bias = nn.Parameter(torch.full((out,), start / pace))
        self._scale, self._louder = gain * pace / math.sqrt(into), gain * pace

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * self._scale, self.bias * self._louder)


class Conv(nn.Module):
    """(N, into, H, W) -> (N, out, H, W), times `gain`, at an equalised learning rate as well."""

    def __init__(self, into: int, out: int, side: int = 3, bias: bool = True, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, into, side, side))
        self.bias = nn.Parameter(torch.zeros(out)) if bias else None
        self.scale, self._gain, self._padding = gain / math.sqrt(into * side * side), gain, side // 2

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else (self.bias * self._gain).to(x.dtype)
        return functional.conv2d(x, (self.weight * self.scale).to(x.dtype), bias, padding=self._padding)

    def unscaled(self, x: Tensor) -> Tensor:
        """What comes out over `scale`, without the bias."""
        return functional.conv2d(x, self.weight.to(x.dtype), padding=self._padding)


class Modulated(nn.Module):
    """A convolution whose input channels are scaled by a style: Karras et al. 2020, "Analyzing and improving the image quality of
    StyleGAN", section 2.2, equations 1 and 3.

    The weights are not scaled for each picture, but what goes in and what comes out: the same numbers, by one convolution for all.
    """

    def __init__(self, into: int, out: int, style: int, up: bool = False) -> None:
        super().__init__()
        self.conv = Conv(into, out, bias=False)
        self.style = Linear(style, into, start=1.0, gain=self.conv.scale)
        self.bias = nn.Parameter(torch.zeros(out))
        self.noise = nn.Parameter(torch.zeros(()))
        self._up = up

    def forward(self, x: Tensor, style: Tensor, chance: torch.Generator | None = None) -> Tensor:
        """(N, into, H, W) and (N, style) -> (N, out, H, W), or twice that side. `chance` draws the noise, without which there is none."""
        scales = self.style(style)  # (N, into); the convolution's own scale is in it
        x = self.conv.unscaled(x * _planes(scales, x))
        x = larger(x) if self._up else x
        power = self.conv.weight.square().sum((2, 3))  # what each input channel adds to the variance of each output
        norm = GAIN * torch.rsqrt(scales.square() @ power.T + 1e-8)  # (N, out)
        shift = _planes(GAIN * self.bias[None], x)
        if chance is not None:
            drawn = torch.randn(len(x), 1, *x.shape[2:], generator=chance).to(x.device)
            shift = shift + (drawn * (self.noise * GAIN * NOISE_PACE)).to(x.dtype)
        return active(torch.addcmul(shift, x, _planes(norm, x)))


class ToRgb(nn.Module):
    """What a side adds to the picture: (N, into, H, W) and (N, style) -> (N, 3, H, W) float32. Modulated, not demodulated (figure 2)."""

    def __init__(self, into: int, style: int) -> None:
        super().__init__()
        self.conv, self.style = Conv(into, 3, side=1), Linear(style, into, start=1.0)
        nn.init.zeros_(self.conv.weight)  # grey at first, and a side that comes later begins without a say

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return cast(Tensor, self.conv(x * _planes(self.style(style), x)).float())


def _planes(values: Tensor, like: Tensor) -> Tensor:
    return values[:, :, None, None].to(like.dtype)


def spread_out(x: Tensor, group: int) -> Tensor:
    """One more channel: how much neighbours in the batch differ (Karras et al. 2018, section 3). (N, C, H, W) -> (N, C + 1, H, W)."""
    size = math.gcd(group, len(x))
    grouped = x.float().reshape(-1, size, *x.shape[1:])
    spread = (grouped.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))  # (groups,)
    plane = spread.repeat_interleave(size)[:, None, None, None].expand(-1, 1, *x.shape[2:])
    return torch.cat((x, plane.to(x.dtype)), 1)
