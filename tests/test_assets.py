"""The pictures a newcomer finds in the studio: they open, fit, and no two styles look alike."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ASSETS = Path(__file__).parents[1] / "assets"
STYLES = sorted((ASSETS / "styles").glob("*.jpg"))
CONTENTS = sorted((ASSETS / "contents").glob("*.jpg"))


def colours(path):
    """Shares of 6 x 6 x 6 colours; sums to 1."""
    with Image.open(path) as image:
        image.draft("RGB", (128, 128))
        pixels = np.asarray(image.convert("RGB").resize((96, 96), Image.Resampling.BOX)).reshape(-1, 3)
    index = (pixels.astype(int) * 6 // 256) @ [36, 6, 1]
    return np.bincount(index, minlength=216) / len(index)


@pytest.mark.parametrize("path", [*STYLES, *CONTENTS], ids=lambda path: path.stem)
def test_a_picture_opens_and_fits(path):
    assert path.stat().st_size < 400_000
    with Image.open(path) as image:
        image.load()
        assert image.mode == "RGB"
        assert 512 <= min(image.size) <= max(image.size) <= 1400
        assert np.asarray(image.resize((32, 32))).std() > 8, "it is all one tone"


def test_a_world_has_a_tile_that_shows_many_different_pictures():
    for name in ("faces", "icons"):
        with Image.open(ASSETS / "worlds" / f"{name}.jpg") as image:
            assert image.size == (256, 128)
            made = [
                np.asarray(image.convert("RGB"), float)[y : y + 64, x : x + 64]
                for y in (0, 64)
                for x in range(0, 256, 64)
            ]
        assert all(np.abs(one - other).mean() > 8 for one, other in combinations(made, 2))


def test_there_are_styles_and_contents_enough():
    assert len(STYLES) >= 8
    assert {path.stem for path in CONTENTS} >= {"still-life", "portrait", "landscape", "street", "sketch", "pattern"}


def test_contents_are_light_to_fetch():
    assert all(path.stat().st_size < 220_000 for path in CONTENTS)


def test_styles_differ_from_each_other():
    seen = {path.stem: colours(path) for path in STYLES}
    shared = {(a, b): np.minimum(seen[a], seen[b]).sum() for a, b in combinations(seen, 2)}
    closest = max(shared, key=shared.get)
    assert shared[closest] < 0.75, closest


def test_every_picture_has_a_script_that_draws_it():
    source = (ASSETS / "draw" / "__main__.py").read_text("utf-8")
    for path in [*STYLES, *CONTENTS]:
        assert f'"{path.stem}"' in source
