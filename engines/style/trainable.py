"""The bank's network as gradients see it: every scale and shift is an input; to the convolutions gradients flow where they ask for them.

It computes what `network.py` does (Dumoulin, Shlens, Kudlur 2017, table 1), written plainly so that autograd follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..device import Choice
from .arithmetic import EPSILON, Norm, placed
from .network import Kernels

Check = Callable[[], None]


@dataclass(frozen=True)
class Trainable:
    """The convolutions on one device, in the number type that is fast there; `paint` with any row of scales and shifts."""

    kernels: Kernels
    choice: Choice

    def __post_init__(self) -> None:
        placed_ones = [placed(kernel, self.choice) for kernel in self.kernels.each()]
        object.__setattr__(self, "kernels", Kernels.of(placed_ones))

    def widths(self) -> list[int]:
        """How many channels each normalised layer has, in the order in which they come."""
        return [kernel.shape[0] for kernel in self.kernels.each()]

    def paint(self, pictures: Tensor, row: Sequence[Norm], check: Check) -> Tensor:
        """pictures: (N, 3, H, W) in 0-1, sides multiples of 4; row: gamma and beta of each layer, (C,) float32. (N, 3, H, W) in 0-1.

        `check` is called after each convolution, and again where its gradient passes: what it raises ends the work.
        """
        norms, kernels = iter(row), self.kernels
        x = pictures.to(self.choice.device, self.choice.torch_dtype).contiguous(memory_format=torch.channels_last)
        for at, kernel in enumerate(kernels.contract):
            x = functional.relu(self._layer(x, kernel, norms, check, stride=1 if at == 0 else 2))
        for first, second in kernels.residual:
            y = functional.relu(self._layer(x, first, norms, check))
            x = x + self._layer(y, second, norms, check)
        for kernel in kernels.expand[:2]:
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = functional.relu(self._layer(x, kernel, norms, check))
        return self._layer(x, kernels.expand[2], norms, check).float().sigmoid()

    def _layer(self, x: Tensor, kernel: Tensor, norms: Iterator[Norm], check: Check, stride: int = 1) -> Tensor:
        """Padded by reflection, convolved, normalised over each picture, scaled and shifted."""
        edge = kernel.shape[2] // 2
        x = functional.conv2d(functional.pad(x, (edge,) * 4, mode="reflect"), kernel, stride=stride)
        check()
        if x.requires_grad:
            x.register_hook(lambda _: check())  # type: ignore[no-untyped-call]
        gamma, beta = next(norms)
        variance, mean = torch.var_mean(x.float(), (2, 3), correction=0, keepdim=True)
        scale = gamma[:, None, None] * torch.rsqrt(variance + EPSILON)  # (N, C, 1, 1)
        return torch.addcmul((beta[:, None, None] - mean * scale).to(x.dtype), x, scale.to(x.dtype))
