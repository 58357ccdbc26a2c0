"""From meshes and materials to a developed picture: a thin layer over Mitsuba (path tracing)."""

from __future__ import annotations

import os
from typing import Any

import mitsuba as mi
import numpy as np
from numpy.typing import NDArray

from .shapes import Mesh

# "llvm_ad_rgb" is twice as fast, but needs libLLVM 16 or later (DRJIT_LIBLLVM_PATH says where); the noise differs
mi.set_variant(os.environ.get("MITSUBA_VARIANT", "scalar_rgb"))

Array = NDArray[np.floating]
Item = dict[str, Any]


def linear(*srgb: float) -> list[float]:
    """sRGB 0-255 as people pick it -> linear 0-1, as light adds."""
    return [float(c) for c in to_linear(np.array(srgb) / 255)]


def to_linear(srgb: Array) -> Array:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((np.maximum(srgb, 0) + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Array) -> Array:
    light = np.clip(light, 0, None)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def rgb(colour: list[float] | Array) -> Item:
    return {"type": "rgb", "value": [float(c) for c in colour]}


def texture(pixels: Array) -> Item:
    """Linear pixels (H, W, 3) or (H, W) as a texture; v runs down the picture."""
    data = np.ascontiguousarray(pixels[::-1].reshape(*pixels.shape[:2], -1), np.float32)
    return {"type": "bitmap", "bitmap": mi.Bitmap(data), "raw": True}


def coat(base: Item | None = None, **principled: Any) -> Item:
    """Disney's principled surface (Burley 2012); without a base it takes the mesh's own colours."""
    base = base or {"type": "mesh_attribute", "name": "vertex_color"}
    return {"type": "twosided", "inner": {"type": "principled", "base_color": base, **principled}}


def shape(mesh: Mesh, material: Item, smooth: bool = True, **extra: Any) -> Any:
    """A mesh with its material as a Mitsuba shape."""
    properties = mi.Properties()
    properties["mesh_bsdf"] = mi.load_dict(material)
    for name, value in extra.items():
        properties[name] = mi.load_dict(value)
    properties["face_normals"] = not smooth
    made = mi.Mesh("mesh", len(mesh.points), len(mesh.triangles), props=properties, has_vertex_normals=smooth,
                   has_vertex_texcoords=mesh.uv is not None)  # fmt: skip
    if mesh.colour is not None:
        made.add_attribute("vertex_color", 3, np.clip(mesh.colour, 0, 1).astype(np.float32).ravel())
    values = mi.traverse(made)
    values["vertex_positions"] = mesh.points.astype(np.float32).ravel()
    values["faces"] = mesh.triangles.astype(np.uint32).ravel()
    if smooth:
        values["vertex_normals"] = mesh.normals().astype(np.float32).ravel()
    if mesh.uv is not None:
        values["vertex_texcoords"] = mesh.uv.astype(np.float32).ravel()
    values.update()
    return made


def camera(eye: tuple[float, ...], target: tuple[float, ...], size: tuple[int, int], degrees: float,
           aperture: float = 0.0, focus: float = 1.0) -> Item:  # fmt: skip
    """A camera at `eye`; `degrees` is the horizontal field of view; `aperture` a lens radius for depth of field."""
    lens: Item = {"type": "thinlens", "aperture_radius": aperture, "focus_distance": focus} if aperture else {
        "type": "perspective"}  # fmt: skip
    return lens | {
        "fov": degrees,
        "fov_axis": "x",
        "to_world": mi.ScalarTransform4f().look_at(origin=list(eye), target=list(target), up=[0, 0, 1]),
        "film": {"type": "hdrfilm", "width": size[0], "height": size[1], "rfilter": {"type": "gaussian"}},
    }


def panel(centre: tuple[float, ...], towards: tuple[float, ...], size: tuple[float, float], light: list[float]) -> Item:
    """A rectangular lamp that faces `towards`."""
    place = mi.ScalarTransform4f().look_at(origin=list(centre), target=list(towards), up=[0, 0.01, 1])
    place = place @ mi.ScalarTransform4f().scale([size[0] / 2, size[1] / 2, 1])
    return {"type": "rectangle", "to_world": place, "emitter": {"type": "area", "radiance": rgb(light)}}


def render(
    parts: dict[str, Any], spp: int, depth: int = 8, passes: int = 4, seed: int = 1, firefly: float = 8.0
) -> Array:
    """Linear light (H, W, 3). The mean of several passes, each clipped at `firefly` times their median: a rare path that
    finds a lamp through glass would else leave a white speck."""
    scene = mi.load_dict({"type": "scene", "integrator": {"type": "path", "max_depth": depth}, **parts})
    layers = [np.array(mi.render(scene, spp=max(1, spp // passes), seed=seed + i))[..., :3] for i in range(passes)]
    middle = np.median(layers, axis=0)
    return np.mean([np.minimum(layer, firefly * middle + 0.02) for layer in layers], axis=0)


def develop(light: Array, exposure: float = 1.0, contrast: float = 1.0) -> NDArray[np.uint8]:
    """Linear light to sRGB bytes through a filmic curve (Narkowicz 2015, the ACES fit)."""
    x = np.clip(light, 0, None) * exposure * 0.8
    film = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    out = to_srgb(film)
    out = np.clip(0.5 + (out - 0.5) * contrast, 0, 1)
    return (out * 255 + 0.5).astype(np.uint8)


def guides(parts: dict[str, Any], spp: int = 16) -> tuple[Array, Array, Array]:
    """What each pixel sees, without light. -> colour (H, W, 3), normal (H, W, 3), distance (H, W), 0 where only sky is"""
    seen = {"type": "aov", "aovs": "colour:albedo,normal:sh_normal,far:depth"}
    scene = mi.load_dict({"type": "scene", "integrator": seen, **parts})
    layers = np.array(mi.render(scene, spp=spp))[..., -7:]
    return layers[..., :3], layers[..., 3:6], layers[..., 6]


def _shifted(field: Array, dy: int, dx: int) -> Array:
    """field[y + dy, x + dx], the edges repeated."""
    h, w = field.shape[:2]
    return field[np.clip(np.arange(h) + dy, 0, h - 1)[:, None], np.clip(np.arange(w) + dx, 0, w - 1)]


def smoothed(light: Array, noise: Array, colour: Array, normal: Array, far: Array, levels: int = 4) -> Array:
    """Noise taken out of the light but not of the surfaces' own colours (edge-stopped a-trous, Dammertz 2010, SVGF 2017).

    noise: (H, W) standard error of the light; the guides come from `guides`.
    """
    own = np.where(far[..., None] > 0, colour + 0.03, 1.0)
    lit = light / own
    spread = (noise / own.mean(-1)) ** 2
    taps = {-2: 1 / 16, -1: 1 / 4, 0: 3 / 8, 1: 1 / 4, 2: 1 / 16}
    for level in range(levels):
        step = 2**level
        bright = lit.mean(-1)
        band = 3.0 * np.sqrt(sum(_shifted(spread, dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)) / 9) + 1e-4
        total, mass, left = np.zeros_like(lit), np.zeros_like(bright), np.zeros_like(bright)
        for dy, wy in taps.items():
            for dx, wx in taps.items():
                other = _shifted(bright, dy * step, dx * step)
                turn = (_shifted(normal, dy * step, dx * step) - normal) ** 2
                hue = (_shifted(own, dy * step, dx * step) - own) ** 2
                gap = np.abs(_shifted(far, dy * step, dx * step) - far) / (0.02 * far * step + 1e-3)
                weight = (
                    wy * wx * np.exp(-np.abs(other - bright) / band - turn.sum(-1) / 0.08 - hue.sum(-1) / 0.05 - gap)
                )
                total += weight[..., None] * _shifted(lit, dy * step, dx * step)
                mass += weight
                left += weight**2 * _shifted(spread, dy * step, dx * step)
        lit, spread = total / mass[..., None], left / mass**2
    return lit * own


def photograph(parts: dict[str, Any], spp: int, depth: int, passes: int = 4) -> tuple[Array, Array]:
    """Rendered, specks clipped and noise smoothed. -> linear light (H, W, 3), distance (H, W)"""
    scene = mi.load_dict({"type": "scene", "integrator": {"type": "path", "max_depth": depth}, **parts})
    layers = np.stack(
        [np.array(mi.render(scene, spp=max(1, spp // passes), seed=1 + i))[..., :3] for i in range(passes)]
    )
    layers = np.minimum(layers, 8.0 * np.median(layers, axis=0) + 0.02)
    colour, normal, far = guides(parts)
    light, noise = layers.mean(0), layers.mean(-1).std(0, ddof=1) / np.sqrt(passes)
    return smoothed(light, noise, colour, normal, far), far


def surroundings(pixels: Array) -> Item:
    """A picture of the whole sky, linear (H, 2H, 3), as the light from far away; its middle column lies along +y."""
    turn = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    bitmap = mi.Bitmap(np.ascontiguousarray(pixels, np.float32))
    return {"type": "envmap", "bitmap": bitmap, "to_world": mi.ScalarTransform4f().rotate([0, 0, 1], 180) @ turn}
