"""Pictures as numbers, for the taste model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import vision
from ..api import Pixels
from .sketches import flattened

FEATURES, SIDE = 64, 64  # numbers that stand for a picture, and the long side at which it is looked at


def looks(pixels: Pixels) -> NDArray[np.float32]:
    """A picture as (64,): VGG-16's layers, each channel's mean, in random directions (see `embed.Reader.features`)."""
    return np.asarray(all_looks([pixels])[0])


def all_looks(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
    """Several at once, which is faster: (N, 64)."""
    small = [Image.fromarray(pixels) for pixels in pictures]
    for each in small:
        each.thumbnail((SIDE, SIDE))
    vectors = vision.shared.features([np.ascontiguousarray(flattened(np.array(each))) for each in small])
    directions = np.random.default_rng(0).standard_normal((vectors.shape[1], FEATURES), np.float32)
    return np.asarray(vectors @ (directions / np.float32(np.sqrt(FEATURES))))
