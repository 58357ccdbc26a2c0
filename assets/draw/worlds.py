"""What the worlds of breeding look like, for their tiles: eight pictures that each makes from chance alone, chosen by a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engines import registry
from engines.api import Brief

SIDE, WIDE = 64, 4  # pixels of a picture, and pictures in a row
NEAR = 0.7  # how far from the mean: nearer than a newcomer's first children, so that it is plain what they are
SEEDS = {"faces": (5, 45, 38, 78, 14, 68, 62, 35), "icons": (16, 33, 95, 67, 47, 30, 21, 14)}
STRAYS = {"faces": "variety", "icons": "truncation"}  # the option that says how far


def draw(name: str) -> NDArray[np.uint8]:
    """The tile of an engine, (128, 256, 3)."""
    brief = Brief.from_dict({"mode": "image", "engine": name, "size": SIDE, "options": {STRAYS[name]: NEAR}})
    engine, options = registry.load(name), registry.info(name).options(**brief.options)
    world = engine.world(brief, None)
    made = [world.pixels(world.stranger(options, seed), seed, SIDE) for seed in SEEDS[name]]
    rows = [np.concatenate(made[at : at + WIDE], 1) for at in range(0, len(made), WIDE)]
    return np.concatenate(rows)
