"""Sketches as they come: shaky hands, scans, photos, dark paper, nothing at all."""

from __future__ import annotations

import io
import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from engines import store
from engines.errors import EngineError
from engines.image import colour, lines, painting, sketches
from engines.image.drawing import square_of


def shaky(side: int = 400, paper=(255, 255, 255), pen=(20, 20, 20), width: int = 5, gap: float = 0.0) -> np.ndarray:
    """A circle by an unsteady hand, with a gap where the ends should meet."""
    chance = np.random.default_rng(1)
    turn = np.linspace(0, 2 * math.pi * (1 - gap), 90)
    wobble = np.convolve(chance.normal(0, 1, 90), np.ones(7) / 7, "same")
    radius = side * (0.3 + 0.012 * wobble)
    image = Image.new("RGB", (side, side), paper)
    points = list(zip(side / 2 + radius * np.cos(turn), side / 2 + radius * np.sin(turn), strict=True))
    ImageDraw.Draw(image).line(points, fill=pen, width=width, joint="curve")
    return np.array(image)


def read(pixels, read_as="auto", detail=0.5, clean=0.3):
    return sketches.read(pixels, read_as, detail, clean)


@pytest.mark.parametrize(
    ("paper", "pen"),
    [((255, 255, 255), (20, 20, 20)), ((250, 244, 225), (40, 60, 160)), ((20, 22, 25), (240, 240, 240))],
)
@pytest.mark.parametrize("width", [2, 5, 12])
def test_a_drawing_is_ink_on_paper_of_any_colour(paper, pen, width):
    plane = read(shaky(paper=paper, pen=pen, width=width))
    left, top, across, high = sketches.box(plane)
    assert across == pytest.approx(0.62, abs=0.06)
    assert high == pytest.approx(0.62, abs=0.06)
    cut = sketches.firm(sketches.cut(plane, square_of((left, top, across, high)), (128, 128)))
    assert cut.max() > 0.9
    assert lines.inside(cut).mean() > 0.5


def test_a_small_gap_is_closed_and_a_large_one_is_not():
    def inside(gap: float) -> float:
        plane = read(shaky(gap=gap))
        return float(
            lines.inside(sketches.firm(sketches.cut(plane, square_of(sketches.box(plane)), (128, 128)))).mean()
        )

    assert inside(0.008) > 0.5
    assert inside(0.25) < 0.2


def test_specks_are_taken_out():
    pixels = shaky()
    pixels[10:13, 10:13] = 0
    assert read(pixels, clean=0.0)[12:18, 12:18].max() > 0
    assert read(pixels, clean=0.5)[12:18, 12:18].max() == 0


def test_ink_on_nothing():
    alpha = np.zeros((200, 200, 4), np.uint8)
    alpha[..., :3] = 255  # white ink, which on white paper would be nothing
    alpha[..., 3] = 255 - shaky(200)[..., 0]
    file = io.BytesIO()
    Image.fromarray(alpha).save(file, "PNG")
    flat = np.full((200, 200, 3), 255, np.uint8)
    assert sketches.opened(file.getvalue(), flat).shape == (200, 200, 4)
    assert read(alpha).max() > 0.5


@pytest.mark.models
def test_a_photo_is_turned_into_lines(tmp_path):
    store.ensure(["hed-vgg16"])
    noise = np.random.default_rng(0).normal(0, 4, (240, 320, 3))
    photo = np.zeros((240, 320, 3)) + np.linspace(60, 200, 320)[None, :, None]
    photo[60:180, 100:220] = (180, 60, 50)
    pixels = np.clip(photo + noise, 0, 255).astype(np.uint8)
    plane = read(pixels)
    left, top, width, height = sketches.box(np.where(plane > 0.5, plane, 0))
    assert (left, top) == (pytest.approx(100 / 320, abs=0.06), pytest.approx(60 / 320, abs=0.06))
    assert (width, height) == (pytest.approx(120 / 320, abs=0.1), pytest.approx(120 / 320, abs=0.1))
    assert (read(pixels, detail=1.0) > 0).sum() >= (read(pixels, detail=0.1) > 0).sum()


@pytest.mark.parametrize(
    "pixels",
    [np.full((64, 64, 3), 255, np.uint8), np.zeros((300, 300, 3), np.uint8), np.full((64, 64, 3), 127, np.uint8)],
)
def test_nothing_to_paint_under_is_said(pixels):
    with pytest.raises(EngineError, match="no lines"):
        read(pixels, "lines")


def test_one_pixel_is_nothing():
    pixels = np.full((512, 512, 3), 255, np.uint8)
    pixels[200, 200] = 0
    with pytest.raises(EngineError, match="no lines"):
        read(pixels)


def test_a_huge_drawing_keeps_its_fine_lines():
    plane = read(shaky(8000, width=24))
    assert plane.shape == (512, 512)
    assert plane.max() > 0.5


# ── Lines of pictures ────────────────────────────────────────────────────────────────────────────────────────────────


def disc(side: int = 64, rgb=(1.0, 0.0, 0.0)) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    alpha = ((x - side / 2) ** 2 + (y - side / 2) ** 2 < (side * 0.35) ** 2).float()
    return torch.cat((torch.tensor(rgb)[:, None, None].expand(3, side, side), alpha[None]))[None]


def test_edges_are_thin_and_lie_on_the_border():
    outer, inner = lines.edges(disc())
    found = torch.nonzero(outer[0] > 0.2).float()
    assert ((found - 32).norm(dim=1) - 64 * 0.35).abs().max() < 2
    assert len(found) < 1.3 * 2 * math.pi * 64 * 0.35
    assert inner[0].max() > 0.2
    white_outer, white_inner = lines.edges(disc(rgb=(1.0, 1.0, 1.0)))  # white on nothing is seen on black paper
    assert white_inner[0].max() > 0.2
    assert white_outer[0].max() > 0.2


def test_what_the_painter_sees_of_lines():
    ink = torch.from_numpy(
        np.asarray(Image.fromarray(255 - shaky(128, width=3)[..., 0]).filter(ImageFilter.GaussianBlur(0.4)), np.float32)
        / 255
    )
    seen = lines.seen(ink[None])
    assert seen.shape == (1, 3, 128, 128)
    assert torch.equal(seen[0, 0], ink)
    assert set(seen[0, 1].unique().tolist()) == {0.0, 1.0}
    assert seen[0, 1, 64, 64] == 1
    assert seen[0, 2, 0, 0] > seen[0, 2, 64, 20]
    assert lines.seen(torch.zeros(1, 32, 32))[0, 1].max() == 0


# ── Colours ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_oklab_there_and_back():
    rgb = torch.rand(500, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(colour.srgb(colour.oklab(rgb)), rgb, atol=2e-4)
    assert torch.allclose(colour.oklab(torch.ones(3)), torch.tensor([1.0, 0, 0]), atol=1e-3)
    red = colour.oklab(torch.tensor([1.0, 0, 0]))  # the value that Ottosson gives
    assert torch.allclose(red, torch.tensor([0.6280, 0.2249, 0.1258]), atol=2e-3)


def test_colours_have_their_own_names():
    named = colour.named()
    assert set(colour.BASIC) <= set(named)
    for at, name in enumerate(colour.BASIC):
        assert int(colour.nearest(named[name].lab)) == at
    words = [word for each in named.values() for word in (*each.en, *each.zh)]
    assert len(words) == len(set(words))


def test_turning_colours():
    lab = colour.oklab(torch.tensor([0.8, 0.3, 0.2]))
    whole = colour.turned(lab, 2 * math.pi)
    assert torch.allclose(whole, lab, atol=1e-5)
    half = colour.turned(lab, math.pi, 0.5)
    assert torch.allclose(half[1:], -0.5 * lab[1:], atol=1e-5)
    assert half[0] == lab[0]


# ── From squares to pictures ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [(64, 64), (50, 90)])
def test_each_pixel_is_the_mean_of_the_near_ones_in_its_own_field(size):
    small = torch.rand(4, 32, 32, generator=torch.Generator().manual_seed(0))
    ink = np.zeros(size, np.float32)
    ink[:, 21:24] = ink[30] = 1.0
    fields, _ = ndimage.label(ink < painting.INKED)
    made, flat = painting.enlarged(small, ink), torch.cat((small[:3] * small[3:], small[3:]))
    for y, x in itertools.product(range(0, size[0], 3), range(0, size[1], 3)):
        if not fields[y, x]:
            continue
        at = [(place + 0.5) * 32 / full - 0.5 for place, full in zip((y, x), size, strict=True)]
        total, weight = torch.zeros(4), 0.0
        for row, column in itertools.product(*(range(math.floor(each) - 1, math.floor(each) + 3) for each in at)):
            inside = min(max(row, 0), 31), min(max(column, 0), 31)
            there = [int((place + 0.5) * full / 32) for place, full in zip(inside, size, strict=True)]
            if fields[there[0], there[1]] == fields[y, x]:
                near = math.exp(-((row - at[0]) ** 2 + (column - at[1]) ** 2) / painting.BLUR)
                total, weight = total + near * flat[:, inside[0], inside[1]], weight + near
        if weight > painting.LEAST:
            wanted = total / weight
            assert torch.allclose(made[:, y, x], torch.cat((wanted[:3] / wanted[3], wanted[3:])), atol=1e-5)


def test_colours_do_not_cross_lines_when_they_are_enlarged():
    small = torch.zeros(4, 32, 32)
    small[0, :, :16], small[2, :, 16:], small[3] = 1, 1, 1
    ink = np.zeros((256, 256), np.float32)
    ink[:, 126:130] = 1
    made = painting.enlarged(small, ink)
    assert made[0, :, :125].min() > 0.99
    assert made[2, :, 131:].min() > 0.99
    assert made[2, :, :125].max() < 0.01
    plain = painting.enlarged(small, np.zeros((256, 256), np.float32))
    assert plain[0, 128, 120:136].diff().abs().max() < 0.2  # without a line it is smooth


def test_laying_over_and_cutting_off():
    canvas = torch.zeros(4, 20, 20)
    piece = torch.ones(4, 10, 10)
    painting.laid(canvas, piece, -5, 15)
    assert canvas[3].sum() == 25
    painting.laid(canvas, piece * torch.tensor([0, 0, 0, 0.5])[:, None, None], 0, 0)
    assert canvas[3, 5, 5] == 0.5
    assert canvas[0, 2, 17] == 1
    painting.laid(canvas, piece, 50, 50)
    assert canvas[3].sum() == 25 + 50


def test_tones_and_lines():
    picture = torch.rand(4, 16, 16, generator=torch.Generator().manual_seed(0))
    assert painting.toned(picture, 0, 1, 0, 1) is picture
    grey = painting.toned(picture, 0, 0, 0, 1)
    assert (grey[:3].amax(0) - grey[:3].amin(0)).max() < 5e-3
    lighter = painting.toned(picture, 0, 1, 0.2, 1)
    assert (
        colour.oklab(lighter[:3].movedim(0, -1))[..., 0].mean()
        > colour.oklab(picture[:3].movedim(0, -1))[..., 0].mean() + 0.1
    )
    assert torch.equal(lighter[3], picture[3])
    ink = np.eye(16, dtype=np.float32)
    assert painting.lined(picture, ink, 0) is picture
    drawn = painting.lined(picture, ink, 1.0)
    assert torch.allclose(drawn[3].diagonal(), torch.ones(16))
    assert drawn[:3].diagonal(dim1=1, dim2=2).max() < 0.2
