"""Redraws Duet's pictures: `python -m assets.draw` all of them, `python -m assets.draw NAME…` some, `--list` names them."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

from PIL import Image

ASSETS = Path(__file__).resolve().parents[1]
QUALITY = 89

# name of the picture -> the module that draws it, and the function (the module's `draw` where None)
STYLES = {
    "blue-tiles": "crafts",
    "carved-lino": "prints",
    "chalk-on-black": "paintings",
    "cut-paper": "crafts",
    "dots-of-light": "paintings",
    "gold-mosaic": "crafts",
    "ink-wash": "paintings",
    "leaded-window": "crafts",
    "leaf-print": "prints",
    "neon-night": "crafts",
    "stitched-thread": "crafts",
    "thick-oil": "paintings",
    "two-ink-screen": "prints",
    "wet-watercolour": "paintings",
    "woodblock-waves": "prints",
}
CONTENTS = {
    "still-life": "still_life",
    "portrait": "portrait",
    "landscape": "landscape",
    "street": "street",
    "sketch": "sketch",
    "pattern": "pattern",
}
SKETCHES = {"cat": "lines", "house": "lines", "sailing-boat": "lines", "teapot": "lines"}


def draw(name: str) -> Path:
    """Draws one picture into its place and returns where that is."""
    folder, table = next(
        (f, t) for f, t in (("styles", STYLES), ("contents", CONTENTS), ("sketches", SKETCHES)) if name in t
    )
    module = importlib.import_module(f"{__package__}.{table[name]}")
    pixels = module.draw() if folder == "contents" else getattr(module, name.replace("-", "_"))()
    place = ASSETS / folder / f"{name}.{'png' if folder == 'sketches' else 'jpg'}"
    place.parent.mkdir(exist_ok=True)
    image = Image.fromarray(pixels)
    if folder == "sketches":
        image.convert("L").quantize(16).save(place, optimize=True)
    else:
        image.save(place, quality=QUALITY, optimize=True, progressive=True)
    return place


def main(names: list[str]) -> None:
    known = [*STYLES, *CONTENTS, *SKETCHES]
    if names == ["--list"]:
        sys.exit("\n".join(known))
    if unknown := sorted(set(names) - set(known)):
        sys.exit(f"There is no picture {unknown[0]!r}. There are: {', '.join(known)}.")
    for name in names or known:
        start = time.monotonic()
        place = draw(name)
        print(f"{place.relative_to(ASSETS)}  {place.stat().st_size // 1024} KB  {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
