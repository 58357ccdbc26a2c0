"""Sheets: a plane through the space, looked at as a grid of small pictures, from coarse to fine.

Koyama, Sato and Goto 2020, "Sequential Gallery for interactive visual design optimization". The plane goes through what the artist
chose last, along the two directions in which the most may still be gained: the principal axes of where the targets of the posterior
lie as seen from there, each knob as wide as it matters. Theirs goes through the best by the model; ours leaves the artist where they
stand, which in our measurements needs no more rounds, and the first axis leads to what the model believes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.api import Brief, EngineInfo, Space

from .evidence import Evidence
from .propose import Taste

Array = NDArray[np.float64]

SIDE = 5  # cells a side, odd, so that the middle is where one stands
LEVELS = 3  # the whole plane, and twice closer
WIDTH = 2.0  # half a side of the plane, in standard deviations of where the targets lie
ZOOM = 0.5  # of a side is left on the next level


@dataclass(frozen=True)
class Plane:
    """A middle (dim,) and two half axes (2, dim), in the coordinates of a space."""

    middle: Array
    axes: Array

    @classmethod
    def of(cls, info: EngineInfo, brief: Brief, evidence: Evidence) -> Plane:
        """The plane that is worth most to look at. Needs a space of two dimensions at least."""
        space = info.space(brief)
        taste = Taste.of(info, brief, space, evidence if brief.steering > 0 else Evidence())
        middle = space.encode(space.yours)
        matter = np.sqrt(taste.weights())  # (dim,)
        away = (space.project(taste.targets()) - middle) * matter
        variances, directions = np.linalg.eigh(away.T @ away / len(away))
        axes = directions[:, :-3:-1] * np.sqrt(np.maximum(variances[:-3:-1], 0.0))  # (dim, 2), the widest first
        axes = axes.T / matter
        largest = axes[
            np.arange(2), np.abs(axes).argmax(1)
        ]  # which way an axis points is the solver's whim: more is right and down
        return cls(middle, WIDTH * axes * np.where(largest < 0, -1.0, 1.0)[:, None])

    def cells(self) -> Array:
        """The points of the sheet row by row, (SIDE ** 2, dim); some may lie outside of the space."""
        steps = np.linspace(-1.0, 1.0, SIDE)
        return np.array([self.middle + down * self.axes[1] + right * self.axes[0] for down in steps for right in steps])

    def closer(self, pick: int) -> Plane:
        """The next level, around the cell that was picked."""
        return Plane(self.cells()[pick], self.axes * ZOOM)


def levels(space: Space, plane: Plane, picks: Sequence[int]) -> list[list[dict[str, float | str]]]:
    """The settings of the cells of every level that these picks lead to: one more than there are picks, up to `LEVELS`."""
    found = [[space.decode(point) for point in plane.cells()]]
    for pick in picks[: LEVELS - 1]:
        plane = plane.closer(pick)
        found.append([space.decode(point) for point in plane.cells()])
    return found
