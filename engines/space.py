"""Knobs and the spaces they span: what a brief leaves free, as points that steering can search. No torch here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from .brief import Knobs

FAR = 1e6  # beyond it, the nearest allowed point would drown in rounding


@dataclass(frozen=True)
class Knob:
    """One named, bounded control. A `simplex` knob shares a sum with the other simplex knobs of its space (style weights)."""

    name: str
    kind: Literal["continuous", "simplex", "choice"]
    value: float | str  # what the artist set
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many coordinates it takes in a vector: one, or one a choice."""
        return len(self.choices) if self.kind == "choice" else 1


@dataclass(frozen=True)
class Space:
    """The ordered knobs that a brief leaves free, and the values of those that it does not.

    A point has unit coordinates: continuous knobs are scaled to [0, 1], simplex knobs to shares of what the locked weights
    leave (`budget`), choices to one-hot.
    """

    knobs: tuple[Knob, ...]
    fixed: Knobs = field(default_factory=dict)

    @property
    def dim(self) -> int:
        return sum(knob.width for knob in self.knobs)

    @property
    def budget(self) -> float:
        """The sum that free style weights share."""
        return max(
            0.0, 1.0 - math.fsum(float(value) for name, value in self.fixed.items() if name.startswith("style:"))
        )

    @property
    def yours(self) -> dict[str, float | str]:
        """Exactly what the artist set."""
        return dict(self.fixed) | {knob.name: knob.value for knob in self.knobs}

    def encode(self, knobs: Knobs) -> NDArray[np.float64]:
        """Settings -> point of shape (dim,). A style that the settings do not name has weight 0."""
        out: list[float] = []
        for knob in self.knobs:
            value = knobs.get(knob.name, 0.0 if knob.kind == "simplex" else knob.value)
            if knob.kind == "choice":
                out += [float(value == choice) for choice in knob.choices]
            elif knob.kind == "simplex":
                out.append(float(value) / self.budget if self.budget else 0.0)
            else:
                out.append((float(value) - knob.low) / (knob.high - knob.low))
        return np.array(out, dtype=np.float64)

    def decode(self, point: NDArray[np.float64]) -> dict[str, float | str]:
        """The nearest settings that are allowed: clipped to bounds, weights projected onto their simplex, the largest choice taken."""
        point = self.project(point)
        out, at = dict(self.fixed), 0
        for knob in self.knobs:
            part = point[at : at + knob.width]
            at += knob.width
            if knob.kind == "choice":
                out[knob.name] = knob.choices[int(np.argmax(part))]
            elif knob.kind == "simplex":
                out[knob.name] = float(part[0]) * self.budget
            else:
                out[knob.name] = knob.low + float(part[0]) * (knob.high - knob.low)
        return out

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (…, dim) moved to the nearest allowed ones (choices are left soft). What is no number counts as 0."""
        simplex = self._simplex
        finite = np.clip(np.nan_to_num(points), -FAR, FAR)
        out = np.clip(finite, 0.0, 1.0)
        if simplex.any():
            out[..., simplex] = project_simplex(finite[..., simplex])
        return out

    def sample(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Uniform points, shape (count, dim): uniform in the box, flat Dirichlet on the simplex, one choice each."""
        columns: list[NDArray[np.float64]] = []
        simplex = int(self._simplex.sum())
        shares = rng.dirichlet(np.ones(simplex), count) if simplex else np.zeros((count, 0))
        used = 0
        for knob in self.knobs:
            if knob.kind == "choice":
                columns.append(np.eye(knob.width)[rng.integers(knob.width, size=count)])
            elif knob.kind == "simplex":
                columns.append(shares[:, used : used + 1])
                used += 1
            else:
                columns.append(rng.random((count, 1)))
        return np.concatenate(columns, axis=1) if columns else np.zeros((count, 0))

    @property
    def spread(self) -> float:
        """How far uniform points lie around their mean in a coordinate: root mean square over the coordinates, 0 for none."""
        count = int(self._simplex.sum())
        variances: list[float] = []
        for knob in self.knobs:
            if knob.kind == "choice":
                variances += [(1 - 1 / knob.width) / knob.width] * knob.width
            else:
                variances.append((count - 1) / (count**2 * (count + 1)) if knob.kind == "simplex" else 1 / 12)
        return math.sqrt(math.fsum(variances) / len(variances)) if variances else 0.0

    @property
    def _simplex(self) -> NDArray[np.bool_]:
        return np.array([knob.kind == "simplex" for knob in self.knobs for _ in range(knob.width)], dtype=bool)


def project_simplex(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean projection of (…, n) onto {x >= 0, sum x = 1} (Duchi et al. 2008, figure 1)."""
    count = points.shape[-1]
    ordered = -np.sort(-points, axis=-1)
    excess = np.cumsum(ordered, axis=-1) - 1.0
    rank = np.arange(1, count + 1)
    support = (ordered - excess / rank > 0).sum(axis=-1, keepdims=True)
    theta = np.take_along_axis(excess, support - 1, axis=-1) / support
    clipped = np.maximum(points - theta, 0.0)
    return cast(NDArray[np.float64], clipped / clipped.sum(axis=-1, keepdims=True))
