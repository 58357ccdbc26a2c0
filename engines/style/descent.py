"""How a picture is changed so that a loss falls: limited-memory BFGS without a line search, and Adam. Both keep pixels in 0-1.

An evaluation of the loss is nearly all that a step costs, so each step takes exactly one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

HISTORY = 40  # pairs that L-BFGS remembers
KEPT = 2  # and that are kept of a picture that is stopped: with the last gradient they lead on nearly as all would
FIRST = 0.03  # how far it goes at most before it knows any curvature, root mean square over the pixels
PART = 0.5  # of the loss that would be gone after that step if the ground were a plane
FAR = 0.2  # how far it goes at most in any other step
CURVED = 1e-8  # cosine of a step and what the gradient changed by it, below which they tell nothing


class Descent(Protocol):
    """One picture's way down."""

    def step(self, x: Tensor, gradient: Tensor, loss: float) -> Tensor:
        """The next picture, of the shape of this one and in 0-1."""
        ...

    def back(self) -> None:
        """The last step made it much worse and is taken back: the next ones are shorter."""
        ...

    def kept(self) -> dict[str, Tensor]:
        """What it knows, as far as it is worth its place on a disk."""
        ...

    def go_on(self, kept: Mapping[str, Tensor]) -> None:
        """Takes up what was kept. Raises `KeyError` or `ValueError` where that is something else."""
        ...


class Lbfgs:
    """Nocedal 1980, "Updating quasi-Newton matrices with limited storage": the two-loop recursion.

    Departures: no line search; pixels are projected into 0-1 after the step, and those that the gradient would push further out
    are left out of it; a step that would be too far is shortened; the first is as long as Polyak 1969, "Minimization of unsmooth
    functionals", has it for a loss that can be halved.
    """

    def __init__(self) -> None:
        self._pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(
            maxlen=HISTORY
        )  # step, change of gradient, 1 / their product
        self._last: tuple[Tensor, Tensor] | None = None
        self._first, self._far = FIRST, FAR

    def back(self) -> None:
        self._first, self._far = self._first / 4, self._far / 2

    def step(self, x: Tensor, gradient: Tensor, loss: float) -> Tensor:
        stuck = ((x <= 0) & (gradient > 0)) | ((x >= 1) & (gradient < 0))
        flat = torch.where(stuck, 0.0, gradient).flatten()
        if self._last is not None:
            step, change = x.flatten() - self._last[0], flat - self._last[1]
            product = step @ change
            if product > CURVED * step.norm() * change.norm():
                self._pairs.append((step, change, 1 / product))
        self._last = x.flatten().clone(), flat
        way = self._direction(flat)
        length = float(way.square().mean().sqrt())
        most = self._far
        if not self._pairs:  # the way is the gradient, whose length says how far it is
            most = self._first * min(1.0, PART * loss / max(FIRST * length * flat.numel(), 1e-30))
        if not self._pairs or length > most:
            way = way * (most / max(length, 1e-30))
        return (x + way.view_as(x)).clamp(0, 1)

    def kept(self) -> dict[str, Tensor]:
        found = {"lengths": torch.tensor([self._first, self._far], dtype=torch.float64)}
        if self._last is not None:
            found |= {"last": torch.stack(self._last)}
        pairs = list(self._pairs)[-KEPT:]
        return found | {f"pair.{at}": torch.stack([step, change]) for at, (step, change, _) in enumerate(pairs)}

    def go_on(self, kept: Mapping[str, Tensor]) -> None:
        self._first, self._far = kept["lengths"].tolist()
        if "last" in kept:
            last, gradient = kept["last"]
            self._last = last, gradient
        for name in sorted(key for key in kept if key.startswith("pair.")):
            step, change = kept[name]
            self._pairs.append((step, change, 1 / (step @ change)))

    def _direction(self, gradient: Tensor) -> Tensor:
        way, shares = -gradient, []
        for step, change, scale in reversed(self._pairs):
            share = scale * (step @ way)
            shares.append(share)
            way = way - share * change
        if self._pairs:
            _, change, scale = self._pairs[-1]
            way = way / (scale * (change @ change))
        for (step, change, scale), share in zip(self._pairs, reversed(shares), strict=True):
            way = way + step * (share - scale * (change @ way))
        return way


class Adam:
    """Kingma and Ba 2015, algorithm 1, with pixels put back into 0-1 after each step."""

    def __init__(self, rate: float = 0.03, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self._rate, self._betas, self._count = rate, betas, 0
        self._mean = self._square = torch.zeros(())

    def back(self) -> None:
        self._rate /= 2

    def step(self, x: Tensor, gradient: Tensor, loss: float) -> Tensor:
        self._count += 1
        first, second = self._betas
        self._mean = first * self._mean + (1 - first) * gradient
        self._square = second * self._square + (1 - second) * gradient.square()
        mean, square = self._mean / (1 - first**self._count), self._square / (1 - second**self._count)
        return (x - self._rate * mean / (square.sqrt() + 1e-8)).clamp(0, 1)

    def kept(self) -> dict[str, Tensor]:
        rate = torch.tensor([self._rate, self._count], dtype=torch.float64)
        return {"rate": rate, "mean": self._mean, "square": self._square.clone()}  # at first they are one

    def go_on(self, kept: Mapping[str, Tensor]) -> None:
        rate, count = kept["rate"].tolist()
        self._rate, self._count = rate, int(count)
        self._mean, self._square = kept["mean"], kept["square"]


OPTIMIZERS = {"lbfgs": Lbfgs, "adam": Adam}
