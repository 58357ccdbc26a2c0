"""Noise to draw with: gradient noise, its sums over octaves, and cells; pure functions of position and seed."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def grid(height: int, width: int, scale: float) -> Array:
    """Pixel centres as points, so that `scale` units span the width. -> (H, W, 2)"""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([x, y], -1) * np.float32(scale / width)


def perlin(points: Array, seed: int = 0) -> Array:
    """Gradient noise (Perlin 2002) on an unbounded lattice.

    points: (..., D) with D 2 or 3. Returns (...) in about [-1, 1].
    """
    points = np.asarray(points, np.float32)
    dims = points.shape[-1]
    cell = np.floor(points)
    local = points - cell
    fade = local**3 * (local * (local * 6 - 15) + 10)
    cell = cell.astype(np.int64)
    total = np.zeros(points.shape[:-1], np.float32)
    for corner in itertools.product((0, 1), repeat=dims):
        bits = _hash(cell + np.array(corner), seed)
        reach = local - np.array(corner, np.float32)
        slope = sum(_unit(bits, axis) * reach[..., axis] for axis in range(dims))
        weight = np.ones_like(total)
        for axis, high in enumerate(corner):
            weight *= fade[..., axis] if high else 1 - fade[..., axis]
        total += weight * slope
    return total * np.float32(1.5)


def fbm(points: Array, octaves: int = 5, gain: float = 0.5, seed: int = 0, ridged: bool = False) -> Array:
    """Fractal sum of gradient noise, about [-1, 1]; `ridged` folds each octave into crests, [0, 1]."""
    total, weight, norm = 0.0, 1.0, 0.0
    for octave in range(octaves):
        layer = perlin(np.asarray(points) * 2.0**octave + 17.3 * octave, seed + octave)
        total = total + weight * ((1 - np.abs(layer)) ** 2 if ridged else layer)
        norm += weight
        weight *= gain
    return total / norm


def cells(points: Array, seed: int = 0) -> tuple[Array, Array]:
    """Distances to the nearest and second nearest of one jittered seed a lattice cell (Worley 1996). -> (...), (...)"""
    points = np.asarray(points, np.float32)
    dims = points.shape[-1]
    home = np.floor(points).astype(np.int64)
    first = np.full(points.shape[:-1], 9.0, np.float32)
    second = first.copy()
    for offset in itertools.product((-1, 0, 1), repeat=dims):
        cell = home + np.array(offset)
        bits = _hash(cell, seed)
        away = [cell[..., axis] + 0.5 + 0.5 * _unit(bits, axis) - points[..., axis] for axis in range(dims)]
        distance = np.sqrt(sum(part**2 for part in away))
        second = np.minimum(second, np.maximum(first, distance))
        first = np.minimum(first, distance)
    return first, second


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high`, smooth between (`low` may be the larger: then it falls)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _hash(cell: NDArray[np.int64], seed: int) -> NDArray[np.uint32]:
    primes = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
    bits = np.full(cell.shape[:-1], (seed * 0x27D4EB2F + 0x165667B1) & 0xFFFFFFFF, np.uint32)
    with np.errstate(over="ignore"):  # it is meant to wrap; NumPy warns of single numbers only
        for axis in range(cell.shape[-1]):
            bits = (bits ^ (cell[..., axis].astype(np.uint32))) * np.uint32(primes[axis])
            bits ^= bits >> np.uint32(15)
        bits *= np.uint32(0x2C1B3C6D)
    return bits ^ (bits >> np.uint32(13))


def _unit(bits: NDArray[np.uint32], axis: int) -> Array:
    """Ten bits of a hash as a number in [-1, 1]."""
    return ((bits >> np.uint32(10 * axis)) & np.uint32(1023)).astype(np.float32) / 511.5 - 1
