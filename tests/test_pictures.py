"""Pictures at the edge: whatever comes in gives the right pixels or one clear line."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from studio import pictures
from studio.events import StudioError

RED, GREEN, BLUE = (200, 30, 40), (20, 180, 60), (10, 40, 220)


def saved(picture: Image.Image, format="PNG", **how) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **how)
    return out.getvalue()


def plain(colour=RED, size=(40, 30), mode="RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, raw: bytes, depth=8, colour=2, extra=b"") -> bytes:
    """A PNG written by hand: `raw` are the filtered rows, `colour` 0 is grey and 2 is RGB."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def refused(data: bytes, name="cat.png") -> str:
    """The one line that a picture is refused with, by both doors."""
    with pytest.raises(StudioError) as error:
        pictures.check(data, name)
    with pytest.raises(StudioError):
        pictures.to_pixels(data, name)
    line = str(error.value)
    assert "\n" not in line
    assert name in line
    assert "Your brief is unchanged." in line
    return line


def seen(data: bytes) -> np.ndarray:
    """The pixels of a picture that is taken, as engines see them."""
    pixels = pictures.to_pixels(data)
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    assert pictures.check(data, "cat.png") == pictures.size_of(data) == pixels.shape[1::-1]
    return pixels


# ── Refused ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_zero_bytes():
    assert "empty" in refused(b"")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_truncated_file_of_every_format(format):
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8))
    whole = saved(noise, format)
    for part in (5, 40, len(whole) // 2, int(len(whole) * 0.9)):
        assert "damaged" in refused(whole[:part])


def test_a_flipped_byte_in_a_png_is_seen():
    whole = bytearray(saved(Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8))))
    whole[len(whole) // 2] ^= 0xFF
    assert "damaged" in refused(bytes(whole))


@pytest.mark.parametrize("data", [b"not a picture", b"PK\x03\x04" + bytes(60), b"%PDF-1.7\n", bytes(500), b"GIF89a"])
def test_what_is_no_picture(data):
    assert "not a picture" in refused(data)


def test_formats_that_pillow_knows_and_we_do_not():
    assert "not a picture" in refused(saved(plain(), "PPM"))


@pytest.mark.parametrize("text", ["<svg xmlns='x'/>", "<?xml version='1.0'?>\n<!-- a -->\n<svg/>", "\n  <svg />"])
def test_svg_is_named_and_its_remedy(text):
    line = refused(text.encode(), "logo.svg")
    assert "SVG" in line
    assert "PNG" in line


@pytest.mark.parametrize("size", [(1, 1), (30000, 10), (10, 30000), (15, 15)])
def test_sides_that_are_too_short(size):
    assert f"{size[0]} x {size[1]}" in refused(saved(plain(size=size)))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda *_: pytest.fail("it was decoded"))
    for width, height in ((30000, 30000), (9000, 8000), (60000, 16)):
        data = png(width, height, bytes(2000))
        if width * height > pictures.MAX_PIXELS:
            assert "too many pixels" in refused(data)
    assert Image.MAX_IMAGE_PIXELS is not None  # Pillow's own guard, which others in this process rely on


def test_a_file_that_is_too_large(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 1000)
    assert "MB" in refused(bytes(1001))


def test_a_text_chunk_that_unpacks_to_fifty_megabytes_is_refused():
    packed = zlib.compress(bytes(50 * 2**20), 9)
    extra = chunk(b"iTXt", b"duet\0\1\0\0\0" + packed)
    data = png(20, 20, (b"\0" + bytes(RED) * 20) * 20, extra=extra)
    assert "damaged" in refused(data)
    assert pictures.read_meta(data) is None


def test_a_name_from_outside_cannot_break_the_line():
    with pytest.raises(StudioError) as error:
        pictures.check(b"", "../../etc/" + "x" * 500)
    assert "etc" not in str(error.value)
    assert len(str(error.value)) < 200
    with pytest.raises(StudioError, match="That file is empty"):
        pictures.check(b"", "")


# ── Taken ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_formats_without_loss_keep_every_pixel(format):
    pixels = np.random.default_rng(2).integers(0, 255, (17, 33, 3), dtype=np.uint8)
    assert np.array_equal(seen(saved(Image.fromarray(pixels), format)), pixels)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "GIF"])
def test_formats_with_loss_keep_the_colour(format):
    assert np.abs(seen(saved(plain(), format)).astype(int) - RED).max() <= 4


def test_cmyk_becomes_rgb():
    ink = saved(plain((0, 255, 255, 0), mode="CMYK"), "JPEG")
    red, green, blue = seen(ink)[10, 10].astype(int)
    assert red > 200
    assert max(green, blue) < 60


def test_cmyk_with_a_broken_profile_is_taken_all_the_same():
    assert seen(saved(plain((0, 255, 255, 0), mode="CMYK"), "JPEG", icc_profile=b"no profile")).shape == (30, 40, 3)


def test_cmyk_with_a_profile_of_another_space_is_taken_all_the_same():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert seen(saved(plain((0, 255, 255, 0), mode="CMYK"), "JPEG", icc_profile=profile))[10, 10, 0] > 200


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped():
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)[None].repeat(32, 0)
    pixels = seen(saved(Image.fromarray(ramp)))
    assert pixels[0, 0, 0] == 0
    assert pixels[0, -1, 0] == 255
    assert abs(int(pixels[0, 32, 0]) - 129) <= 1
    assert (np.diff(pixels[0, :, 0].astype(int)) >= 0).all()


def test_sixteen_bits_of_rgb():
    row = b"\0" + struct.pack(">HHH", 0xFFFF, 0x8000, 0x0100) * 24
    pixels = seen(png(24, 20, row * 20, depth=16))
    assert pixels[5, 5].tolist() == [255, 128, 1]


def test_float_tiff_with_holes_in_it():
    values = np.full((20, 30), 0.5, np.float32)
    values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -np.inf
    pixels = seen(saved(Image.fromarray(values), "TIFF"))
    assert pixels[5, 5].tolist() == [128, 128, 128]


def test_bilevel_and_grey():
    assert seen(saved(Image.new("1", (20, 20), 1)))[3, 3].tolist() == [255, 255, 255]
    assert seen(saved(Image.new("L", (20, 20), 77)))[3, 3].tolist() == [77, 77, 77]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_of_many_frames_or_pages_the_first_is_seen(format):
    how = {"save_all": True, "append_images": [plain(BLUE), plain(GREEN)]}
    if format not in ("TIFF", "MPO"):
        how["duration"] = 50
    data = saved(plain(RED), format, **how)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.n_frames == 3
    assert np.abs(seen(data)[10, 10].astype(int) - RED).max() <= 4


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_turns_the_picture_upright(turn):
    upright = np.zeros((30, 40, 3), np.uint8)
    upright[:10, :10] = RED  # a red corner, top left when upright
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # EXIF's number -> Pillow's method that undoes it
    stored = Image.fromarray(upright)
    if turn > 1:
        stored = stored.transpose(Image.Transpose(back[turn]))
    exif = Image.Exif()
    exif[0x0112] = turn
    data = saved(stored, "PNG", exif=exif)
    assert np.array_equal(seen(data), upright)


def test_damaged_exif_does_not_matter():
    assert seen(saved(plain(), "JPEG", exif=b"Exif\0\0II*\0garbage")).shape == (30, 40, 3)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_transparency_lies_on_white(format):
    half = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    half.paste((*GREEN, 255), (0, 0, 20, 30))
    data = saved(half, format, **({"lossless": True} if format == "WEBP" else {}))
    pixels = seen(data)
    assert pixels[5, 5].tolist() == list(GREEN)
    assert pixels[5, 35].tolist() == [255, 255, 255]


def test_half_transparency_is_mixed():
    assert seen(saved(Image.new("RGBA", (20, 20), (0, 0, 0, 128))))[3, 3, 0] == pytest.approx(127, abs=1)


def test_a_palette_with_transparency():
    flat = Image.new("P", (20, 20), 0)
    flat.putpalette([*RED, *BLUE])
    flat.paste(1, (10, 0, 20, 20))
    pixels = seen(saved(flat, transparency=0))
    assert pixels[5, 2].tolist() == [255, 255, 255]
    assert pixels[5, 15].tolist() == list(BLUE)


def test_one_colour_that_stands_for_transparency():
    assert seen(saved(plain(RED), transparency=RED))[5, 5].tolist() == [255, 255, 255]
    assert seen(saved(Image.new("L", (20, 20), 9), transparency=9))[5, 5].tolist() == [255, 255, 255]


def test_grey_with_alpha():
    assert seen(saved(Image.new("LA", (20, 20), (0, 0))))[5, 5].tolist() == [255, 255, 255]


# ── Going out ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_png_of_ours_gives_back_its_pixels_and_what_was_said_of_it():
    pixels = np.random.default_rng(3).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    meta = {"brief": {"prompt": "山水 \0 “ink”"}, "knobs": {"strength": 0.1 + 0.2}, "seed": 2**31 - 1}
    meta["brief"]["prompt"] = meta["brief"]["prompt"].replace("\0", "")
    data = pictures.encode_png(pixels, meta)
    assert pictures.read_meta(data) == meta
    assert np.array_equal(seen(data), pixels)
    assert pictures.encode_png(pixels, meta) == data


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", '"words"', "[" * 50000, json.dumps({"prompt": "x" * pictures.MAX_META})]
)
def test_what_somebody_else_wrote_there_is_not_trusted(text):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("duet", text)
    data = saved(plain(), pnginfo=info)
    assert pictures.read_meta(data) is None
    assert seen(data)[0, 0].tolist() == list(RED)


def test_pictures_without_a_brief_have_none():
    assert pictures.read_meta(saved(plain())) is None
    assert pictures.read_meta(saved(plain(), "JPEG")) is None
    assert pictures.read_meta(b"") is None


def test_thumbnails_fit_and_keep_the_shape():
    with Image.open(io.BytesIO(pictures.thumbnail(saved(plain(size=(400, 100))), 64))) as small:
        assert small.size == (64, 16)


@pytest.mark.parametrize("turn", [3, 6])
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_thumbnails_show_the_whole_picture_upright(format, turn):
    stored = plain(GREEN, (1300, 700))
    stored.paste(RED, (0, 0, 650, 350))
    exif = Image.Exif()
    exif[0x0112] = turn
    with Image.open(io.BytesIO(pictures.thumbnail(saved(stored, format, exif=exif), 100))) as small:
        assert small.size == ((100, 54) if turn == 3 else (54, 100))
        corners = {"top right": (small.width - 6, 5), "bottom right": (small.width - 6, small.height - 6)}
        red = [where for where, at in corners.items() if np.abs(np.subtract(small.getpixel(at), RED)).max() < 25]
    assert red == ["bottom right" if turn == 3 else "top right"]


def test_flatten_lays_transparency_on_white():
    clear = np.zeros((4, 4, 4), np.uint8)
    assert pictures.flatten(clear)[0, 0].tolist() == [255, 255, 255]
    solid = np.zeros((4, 4, 3), np.uint8)
    assert pictures.flatten(solid) is solid


# ── Memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────

PEAK = """
import re, sys
from pathlib import Path
from studio import pictures
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
data = Path(sys.argv[1]).read_bytes()
before = peak()
pictures.to_pixels(data) if sys.argv[2] == "whole" else pictures.thumbnail(data, 320)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one process")
@pytest.mark.parametrize(
    ("kind", "what", "most"), [("grey", "whole", 8), ("grey", "small", 5), ("rgba", "whole", 10), ("jpeg", "small", 2)]
)
def test_decoding_takes_few_bytes_a_pixel(tmp_path, kind, what, most):
    side = 3000
    ramp = np.linspace(0, 65535, side, dtype=np.uint16)[None].repeat(side, 0)
    grey = Image.fromarray((ramp >> 8).astype(np.uint8))
    file = tmp_path / "big"
    file.write_bytes(
        saved(Image.fromarray(ramp), compress_level=1)
        if kind == "grey"
        else saved(Image.merge("RGBA", [grey] * 4), compress_level=1)
        if kind == "rgba"
        else saved(grey.convert("RGB"), "JPEG")
    )
    done = subprocess.run([sys.executable, "-c", PEAK, str(file), what], capture_output=True, text=True, check=True)
    assert int(done.stdout) / side**2 < most


def test_big_pictures_are_decoded_one_at_a_time(monkeypatch):
    monkeypatch.setattr(pictures, "BIG", 1000)
    inside, most, real = [0], [0], pictures._pixels

    def slow(*given):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.05)
        inside[0] -= 1
        return real(*given)

    monkeypatch.setattr(pictures, "_pixels", slow)
    for size, one in (((40, 30), True), ((20, 20), False)):
        most[0] = 0
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(pictures.to_pixels, [saved(plain(size=size))] * 4))
        assert (most[0] == 1) is one


def test_a_big_picture_that_is_damaged_does_not_keep_out_the_next(monkeypatch):
    monkeypatch.setattr(pictures, "BIG", 1000)
    whole = saved(plain())
    for _ in range(3):
        with pytest.raises(StudioError):
            pictures.to_pixels(whole[: len(whole) * 2 // 3])
    assert seen(whole).shape == (30, 40, 3)


@pytest.mark.parametrize("band", [40, 41, 400])
def test_bands_do_not_show(monkeypatch, band):
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 255, (37, 40, 4), dtype=np.uint8)
    deep = rng.integers(0, 65535, (37, 40), dtype=np.uint16)
    many = [Image.fromarray(pixels), Image.fromarray(pixels[..., :3]), Image.fromarray(deep)]
    files = [*map(saved, many), saved(many[1].quantize(16)), saved(Image.fromarray(deep / 3e5), "TIFF")]
    whole = [(pictures.to_pixels(file), pictures.thumbnail(file, 16)) for file in files]
    monkeypatch.setattr(pictures, "BAND", band)
    for file, (large, small) in zip(files, whole, strict=True):
        assert np.array_equal(pictures.to_pixels(file), large)
        assert pictures.thumbnail(file, 16) == small
