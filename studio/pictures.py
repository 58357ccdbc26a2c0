"""Pictures at the edge: what may come in, what engines see of it, and the PNGs that go out."""

from __future__ import annotations

import io
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from engines.api import Pixels

from .events import StudioError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")  # MPO, what some cameras write, opens as a JPEG
MAX_BYTES = 40 * 2**20
MAX_PIXELS = 64_000_000
MIN_SIDE = 16
BIG = 16_000_000  # pixels; decoding one that is larger takes hundreds of megabytes, so only one is decoded at a time
BAND = 2**18  # pixels that are converted at a time
META_KEY = "duet"
MAX_META = 64 * 1024  # bytes; a brief is far smaller

_alone = threading.Semaphore()  # for whoever decodes a big picture


def check(data: bytes, name: str) -> tuple[int, int]:
    """Width and height as shown (after EXIF rotation) of a picture that engines can read to its end. Raises `StudioError`."""
    height, width, _ = to_pixels(data, name).shape
    return width, height


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height as shown, from the header alone."""
    with _opened(data, "") as picture:
        turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return (picture.height, picture.width) if turned else picture.size


def to_pixels(data: bytes, name: str = "") -> Pixels:
    """The picture as (H, W, 3) uint8 sRGB: turned upright, 16 bits scaled down, transparency on white, first frame only."""
    with _opened(data, name) as picture:
        return _pixels(picture)


def flatten(pixels: Pixels) -> Pixels:
    """(H, W, 3 or 4) -> (H, W, 3), transparency on white."""
    if pixels.shape[-1] == 3:
        return pixels
    return np.asarray(_on_white(Image.fromarray(pixels)))


def encode_png(pixels: Pixels, meta: dict[str, Any] | None = None) -> bytes:
    """PNG bytes, the same for the same input; `meta` goes into an iTXt chunk named `duet` as JSON."""
    info = PngImagePlugin.PngInfo()
    if meta is not None:
        info.add_itxt(META_KEY, json.dumps(meta, ensure_ascii=False, sort_keys=True))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1, pnginfo=info)  # fast: tiles wait for it, disks are large
    return out.getvalue()


def read_meta(data: bytes) -> dict[str, Any] | None:
    """What a PNG's `duet` chunk says, as JSON values that nobody has checked yet; None where there is none that can be read."""
    try:
        with _opened(data, "", decodes=False) as picture:
            text = picture.info.get(META_KEY, "")  # what comes before the pixels, as ours does: nothing is decoded
        found = json.loads(text) if 0 < len(text) <= MAX_META else None
    except (StudioError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def thumbnail(data: bytes, side: int) -> bytes:
    """A JPEG that fits into a square of `side` pixels."""
    enough = 2 * side  # from twice its size nobody sees that it was made smaller in two steps
    with _opened(data, "") as picture:
        picture.draft(None, (enough, enough))  # a JPEG can be decoded smaller than it is
        small = Image.fromarray(_pixels(picture, max(1, max(picture.size) // enough)))
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()


def encode_jpeg(pixels: Pixels) -> bytes:
    """JPEG bytes for a quick look: previews and sheets."""
    out = io.BytesIO()
    Image.fromarray(flatten(pixels)).save(out, "JPEG", quality=85)
    return out.getvalue()


@contextmanager
def _opened(data: bytes, name: str, decodes: bool = True) -> Iterator[Image.Image]:
    """The picture, its header checked against our limits. Whatever goes wrong inside becomes one clear line. Who `decodes` a
    big one waits for whoever does so already."""
    shown = Path(name).name[:80] or "That file"
    _check_bytes(data, shown)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF and the like: we say what matters ourselves
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_sides(picture, shown)
                with _alone if decodes and picture.width * picture.height > BIG else nullcontext():
                    yield picture
    except StudioError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit lies above ours
        raise _too_many_pixels(shown) from None
    except Exception as error:  # decoders raise almost anything on damaged files
        if data.lstrip()[:5] in (b"<svg ", b"<?xml") or b"<svg" in data[:1000]:
            raise StudioError(
                "{name} is an SVG drawing, which has no pixels yet.",
                "Export it as PNG and upload that. Your brief is unchanged.",
                name=shown,
            ) from None
        raise StudioError(
            "{name} is not a picture we can read (PNG, JPEG, WebP, TIFF, BMP, GIF), or it is damaged.",
            "Open it in a picture program and save it again. Your brief is unchanged.",
            name=shown,
        ) from error


def _check_bytes(data: bytes, shown: str) -> None:
    if not data:
        raise StudioError("{name} is empty.", "Choose another file. Your brief is unchanged.", name=shown)
    if len(data) > MAX_BYTES:
        raise too_many_bytes(shown, len(data))


def too_many_bytes(name: str, size: int) -> StudioError:
    return StudioError(
        "{name} has {size} MB; {limit} MB is the most we read.",
        "Save it smaller, or as JPEG. Your brief is unchanged.",
        name=Path(name).name[:80] or "That file",
        size=round(size / 2**20),
        limit=MAX_BYTES // 2**20,
    )


def _check_sides(picture: Image.Image, shown: str) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(shown)
    if min(width, height) < MIN_SIDE:
        raise StudioError(
            "{name} is {width} x {height} pixels; both sides need {least} at least.",
            "Choose a larger picture. Your brief is unchanged.",
            name=shown,
            width=width,
            height=height,
            least=MIN_SIDE,
        )


def _too_many_pixels(shown: str) -> StudioError:
    return StudioError(
        "{name} has too many pixels; {limit} million is the most we read.",
        "Scale it down first. Your brief is unchanged.",
        name=shown,
        limit=MAX_PIXELS // 10**6,
    )


def _pixels(picture: Image.Image, shrink: int = 1) -> Pixels:
    """What engines see of it, each side divided by `shrink`. Goes band by band: whole copies on the way are what takes memory."""
    ImageOps.exif_transpose(picture, in_place=True)
    to_rgb = _converter(picture)
    out = np.empty((-(-picture.height // shrink), -(-picture.width // shrink), 3), np.uint8)
    for top, band in _bands(picture, shrink):
        rows = np.asarray(to_rgb(band).reduce(shrink))
        out[top // shrink :][: len(rows)] = rows
    return out


def _bands(picture: Image.Image, step: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """The picture from top to bottom: where each band begins, a multiple of `step`, and the band."""
    rows = max(1, BAND // (picture.width * step)) * step
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _converter(picture: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What makes RGB of the picture's bands."""
    if picture.mode.startswith("I") or picture.mode == "F":
        least = 65535.0 if picture.mode.startswith("I") else 1.0  # floats are from 0 to 1 unless they say otherwise
        top = max(least, *(float(_values(band).max()) for _, band in _bands(picture)))
        return lambda band: Image.fromarray(_eight_bits(band, top)).convert("RGB")
    if picture.mode == "CMYK":
        return _from_cmyk(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        return lambda band: _on_white(band.convert("RGBA"))
    return lambda band: band.convert("RGB")


def _eight_bits(band: Image.Image, top: float) -> Pixels:
    """Grey of 16 or 32 bits, or float, scaled to 0-255 rather than clipped as Pillow would."""
    return np.asarray(np.clip(_values(band) / top * 255.0, 0, 255).round(), dtype=np.uint8)


def _values(band: Image.Image) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(band, dtype=np.float64), posinf=0.0, neginf=0.0)


def _from_cmyk(picture: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Through the picture's own ICC profile where it has a usable one."""
    profile = picture.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "CMYK", "RGB")
            return lambda band: ImageCms.applyTransform(band, transform) or band.convert("RGB")
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile: Pillow's plain conversion is what viewers show too
    return lambda band: band.convert("RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")
