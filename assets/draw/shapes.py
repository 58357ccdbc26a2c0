"""Meshes as plain arrays: surfaces of revolution, tubes, sheets, and what bends and colours them. Metres, z is up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Mesh:
    """points (N, 3), triangles (M, 3), and per point linear RGB (N, 3) and texture coordinates (N, 2), if any."""

    points: Array
    triangles: NDArray[np.integer]
    colour: Array | None = None
    uv: Array | None = None

    def moved(self, to: tuple[float, float, float] = (0, 0, 0), turn: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
        """Turned about x, then y, then z (degrees), then moved."""
        return replace(self, points=self.points @ rotation(*turn).T + np.array(to))

    def scaled(self, by: float | tuple[float, float, float]) -> Mesh:
        return replace(self, points=self.points * np.array(by))

    def painted(self, colour: Array) -> Mesh:
        """With linear RGB for each point, or one for all."""
        return replace(self, colour=np.broadcast_to(colour, self.points.shape))

    def normals(self) -> Array:
        """Unit normals at the points, by area. -> (N, 3)"""
        a, b, c = (self.points[self.triangles[:, i]] for i in range(3))
        face = np.cross(b - a, c - a)
        total = np.zeros_like(self.points)
        for i in range(3):
            np.add.at(total, self.triangles[:, i], face)
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)

    def displaced(self, along_normal: Array) -> Mesh:
        return replace(self, points=self.points + self.normals() * along_normal[:, None])


def rotation(x: float, y: float, z: float) -> Array:
    """Turns about the axes in that order, degrees. -> (3, 3)"""
    result = np.eye(3)
    for axis, degrees in enumerate((x, y, z)):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = c
        turn[i, j], turn[j, i] = (-s, s) if axis != 1 else (s, -s)
        result = turn @ result
    return result


def join(meshes: list[Mesh]) -> Mesh:
    """One mesh of many that all have colours (texture coordinates are dropped)."""
    starts = np.cumsum([0] + [len(mesh.points) for mesh in meshes])
    return Mesh(
        np.concatenate([mesh.points for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=False)]),
        np.concatenate([np.broadcast_to(mesh.colour, mesh.points.shape) for mesh in meshes])
        if all(mesh.colour is not None for mesh in meshes)
        else None,
    )


def copies(mesh: Mesh, places: Array, turns: Array, scales: Array) -> Mesh:
    """One painted mesh at many places (N, 3), each turned about z (degrees) and scaled, as one mesh."""
    c, s = np.cos(np.radians(turns))[:, None], np.sin(np.radians(turns))[:, None]
    p = mesh.points.astype(np.float32)
    turned = np.stack(
        [p[:, 0] * c - p[:, 1] * s, p[:, 0] * s + p[:, 1] * c, np.broadcast_to(p[:, 2], (len(places), len(p)))], -1
    )
    points = turned * np.asarray(scales)[:, None, None] + places[:, None]
    triangles = mesh.triangles[None] + np.arange(len(places))[:, None, None] * len(p)
    colour = np.broadcast_to(mesh.colour, (len(places), len(p), 3)).astype(np.float32)
    return Mesh(points.reshape(-1, 3).astype(np.float32), triangles.reshape(-1, 3), colour.reshape(-1, 3))


def sheet(points: Array, wrap: bool = False) -> Mesh:
    """A grid of points (R, C, 3) as triangles; `wrap` closes the columns into a ring. uv runs over the grid."""
    rows, cols = points.shape[:2]
    index = np.arange(rows * cols).reshape(rows, cols)
    if wrap:
        index = np.concatenate([index, index[:, :1]], 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], 2).reshape(-1, 3)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, cols), indexing="ij")
    return Mesh(points.reshape(-1, 3).astype(np.float64), triangles, uv=np.stack([u, v], -1).reshape(-1, 2))


def lathe(profile: Array, segments: int = 256) -> Mesh:
    """A profile of (radius, height) from bottom to top, turned about z. The seam is doubled so that textures fit."""
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    radius, height = profile[:, 0, None], profile[:, 1, None]
    return sheet(np.stack([radius * np.cos(angle), radius * np.sin(angle), height + 0 * angle], -1))


def ball(radius: float = 1.0, detail: int = 256) -> Mesh:
    polar = np.linspace(-np.pi / 2, np.pi / 2, detail)
    return lathe(radius * np.stack([np.cos(polar), np.sin(polar)], -1), 2 * detail)


def tube(path: Array, radius: Array | float, segments: int = 16) -> Mesh:
    """A round tube about a path (N, 3), frames carried along without twist."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent[0], [0.31, 0.87, 0.38])
    sides = []
    for direction in tangent:
        side = side - direction * (side @ direction)
        side /= np.linalg.norm(side)
        sides.append(side)
    sides = np.array(sides)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)[None, :, None]
    ring = np.cos(angle) * sides[:, None] + np.sin(angle) * np.cross(tangent, sides)[:, None]
    return sheet(path[:, None] + np.broadcast_to(radius, len(path))[:, None, None] * ring, wrap=True)


def curve(knots: list[tuple[float, ...]], count: int = 200) -> Array:
    """A smooth curve through knots (Catmull-Rom, centripetal ends mirrored). -> (count, D)"""
    p = np.array(knots, float)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, len(knots) - 1, count)
    i = np.minimum(t.astype(int), len(knots) - 2)
    f = (t - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)


def box(size: tuple[float, float, float]) -> Mesh:
    """A box about the origin with hard edges (each face has its own points)."""
    faces = []
    for axis in range(3):
        for side in (-1, 1):
            u, v = np.meshgrid([-0.5, 0.5], [-0.5 * side, 0.5 * side], indexing="ij")
            points = np.insert(np.stack([u, v], -1), axis, 0.5 * side, axis=-1)
            faces.append(sheet(points if axis != 1 else points[::-1]))
    mesh = join([face.painted(np.ones(3)) for face in faces])
    return replace(mesh, points=mesh.points * np.array(size), colour=None)
