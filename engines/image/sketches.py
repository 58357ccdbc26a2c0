"""Sketches that come as pixels: what is ink in them, as lines for the painter. Drawings, scans, photos, pictures with nothing but alpha."""

from __future__ import annotations

import io
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .. import vision
from ..api import EngineError, Pixels
from .drawing import Box

Plane = NDArray[np.float32]  # (H, W) darkness in 0-1

LOOKED = 512  # long side at which a sketch is read
FLAT = 0.5  # share of a drawing that is paper, at least
NEAR_PAPER = 14  # of 255, that still is paper
LEAST = 24  # pixels of ink, at `LOOKED`, that make a drawing
THIN = 1.2  # pixels from the middle of a line to its border, under which it is drawn thicker
STRONG = (0.62, 0.12)  # the weakest ink or edge that counts, from no detail to all of it


def read(pixels: Pixels, read_as: str, detail: float, clean: float, looked: int = LOOKED) -> Plane:
    """The ink of a sketch, `looked` on its long side. Raises `EngineError` where there is nothing to paint under."""
    small = _fitted(pixels, looked)
    found = ink(small) if read_as != "photo" else None
    photo = read_as == "photo" or (read_as == "auto" and found is None)
    if photo:
        found = np.clip(vision.shared.edges(flattened(small)) * 1.25, 0, 1)
    weakest = STRONG[0] + (STRONG[1] - STRONG[0]) * detail
    plane = np.zeros(small.shape[:2], np.float32) if found is None else found
    plane = np.where(plane >= weakest * (1.0 if photo else 0.6), plane, 0).astype(np.float32)
    plane = cleaned(plane, clean)
    if int((plane > 0).sum()) < LEAST:
        raise EngineError(
            "The sketch holds no lines to paint under.", "Draw a closed outline, or say in words what it shall be."
        )
    return plane


def opened(data: bytes, pixels: Pixels) -> Pixels:
    """The picture with its transparency, where it has any: `pixels` are the same on white."""
    with Image.open(io.BytesIO(data)) as picture:
        if picture.mode not in ("RGBA", "LA", "PA") or picture.size != (pixels.shape[1], pixels.shape[0]):
            return pixels
        return np.array(picture.convert("RGBA"))


def ink(pixels: Pixels) -> Plane | None:
    """Darkness against the paper, whichever colour that has; none for what has no paper: a photo. (H, W, 3 or 4) -> (H, W)."""
    if (
        pixels.shape[2] == 4
        and pixels[..., 3].min() < 128
        and np.ptp(pixels[pixels[..., 3] > 128][:, :3], axis=0).max(initial=0) < 40
    ):
        return np.asarray(pixels[..., 3], np.float32) / np.float32(255)  # one colour on nothing
    flat = flattened(pixels).astype(np.int16)
    paper = np.array(
        [np.bincount(flat[..., channel].ravel() // 8, minlength=32).argmax() * 8 + 4 for channel in range(3)]
    )
    apart = np.abs(flat - paper).max(2)
    if (apart <= NEAR_PAPER).mean() < FLAT:
        return None
    most = float(np.percentile(apart, 99.8))
    return np.asarray(np.clip((apart - NEAR_PAPER / 2) / max(most - NEAR_PAPER / 2, 24), 0, 1), np.float32)


def flattened(pixels: Pixels) -> Pixels:
    """On white."""
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return np.asarray(np.round(pixels[..., :3] * alpha + 255 * (1 - alpha)), np.uint8)


def cleaned(plane: Plane, amount: float) -> Plane:
    """Without specks: connected ink smaller than a part of the sketch."""
    if amount <= 0 or not plane.any():
        return plane
    marks, count = cast(tuple[NDArray[np.int32], int], ndimage.label(plane > 0, np.ones((3, 3))))
    sizes = np.bincount(marks.ravel(), minlength=count + 1)
    sizes[0] = 0
    least = amount**2 * 120
    keep = sizes >= min(least, int(sizes.max()))
    return np.asarray(np.where(keep[marks], plane, 0), np.float32)


def box(plane: Plane) -> Box:
    """Where the ink is, in shares of the width."""
    rows, columns = np.flatnonzero(plane.any(1)), np.flatnonzero(plane.any(0))
    width = plane.shape[1]
    return (
        float(columns[0] / width),
        float(rows[0] / width),
        float((columns[-1] + 1 - columns[0]) / width),
        float((rows[-1] + 1 - rows[0]) / width),
    )


def cut(plane: Plane, square: Box, side: tuple[int, int]) -> Plane:
    """A part of the ink at another size, (height, width), as dark as before: what is fine stays visible."""
    width = plane.shape[1]
    left, top = square[0] * width, square[1] * width
    right, _low = left + square[2] * width, top + square[2] * width * side[0] / side[1]
    scale = side[1] / (right - left)
    image = Image.fromarray(plane)
    if scale < 0.75:
        image = Image.fromarray(ndimage.maximum_filter(plane, max(1, round(0.5 / scale))).astype(np.float32))
    data = (1 / scale, 0, left, 0, 1 / scale, top)
    if scale < 1:
        finer = 2 ** int(np.ceil(np.log2(1 / scale)))
        big = image.transform(
            (side[1] * finer, side[0] * finer),
            Image.Transform.AFFINE,
            (1 / scale / finer, 0, left, 0, 1 / scale / finer, top),
            Image.Resampling.BILINEAR,
        )
        made = np.asarray(big.resize((side[1], side[0]), Image.Resampling.BOX))
    else:
        made = np.asarray(image.transform((side[1], side[0]), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC))
    most = float(np.percentile(made[made > 0.02], 90)) if (made > 0.02).any() else 1.0
    return np.clip(made / max(most, 0.2), 0, 1).astype(np.float32)


def firm(plane: Plane) -> Plane:
    """Lines at least as thick as those that the painter learned from."""
    ink = plane > 0.35
    if not ink.any():
        return plane
    depth = ndimage.distance_transform_edt(ink)
    middle = depth[(depth == ndimage.maximum_filter(depth, 3)) & ink]
    if float(np.median(middle)) >= THIN:
        return plane
    return np.asarray(ndimage.grey_dilation(plane, footprint=ndimage.generate_binary_structure(2, 1)), np.float32)


def _fitted(pixels: Pixels, looked: int) -> Pixels:
    height, width = pixels.shape[:2]
    scale = looked / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.array(
        Image.fromarray(pixels).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR)
    )
