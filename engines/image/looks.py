"""Pictures as numbers, for the taste model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import vision
from ..api import Pixels
from .sketches import flattened

FEATURES, SIDE = 64, 64  # numbers that stand for a picture, and the long side at which it is looked at


def looks(pixels: Pixels) -> NDArray[np.float32]:
    """A picture as (64,): VGG-16's layers, each channel's mean, in random directions (see `embed.Reader.features`)."""
    small = Image.fromarray(pixels)
    small.thumbnail((SIDE, SIDE))
    vector = vision.shared.features([np.ascontiguousarray(flattened(np.array(small)))])[0]
    directions = np.random.default_rng(0).standard_normal((len(vector), FEATURES), np.float32)
    return np.asarray(vector @ (directions / np.float32(np.sqrt(FEATURES))))
