"""Redraws Duet's pictures: `python -m assets.draw` all of them, `python -m assets.draw NAME…` some, `--list` names them.

Needs numpy, scipy and pillow; `faces` and `icons` are made by the engines of these names and need their models. `still-life`,
`landscape` and `street` are path traced and also need Mitsuba (`pip install
mitsuba`, tried with 3.9), which is no dependency of the project. The same seeds give the same picture: with
MITSUBA_VARIANT=llvm_ad_rgb (twice as fast, needs libLLVM 16 or later) only the grain of the traced ones differs.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

from PIL import Image

ASSETS = Path(__file__).resolve().parents[1]
QUALITY = 89
LIMIT = 215_000  # bytes of a content: the quality falls until it fits

# name of the picture -> the module that draws it, whose function of that name does
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
WORLDS = ("faces", "icons")
FOLDERS = {**dict.fromkeys(STYLES, "styles"), **dict.fromkeys(CONTENTS, "contents"), **dict.fromkeys(WORLDS, "worlds")}


def draw(name: str) -> Path:
    """Draws one picture into its place and returns where that is."""
    folder, place = FOLDERS[name], ASSETS / FOLDERS[name] / f"{name}.jpg"
    module = importlib.import_module(f"{__package__}.{({**STYLES, **CONTENTS}).get(name, folder)}")
    if folder == "worlds":
        pixels = module.draw(name)
    else:
        pixels = module.draw() if folder == "contents" else getattr(module, name.replace("-", "_"))()
    for quality in range(QUALITY, 60, -1):
        Image.fromarray(pixels).save(place, quality=quality, optimize=True, progressive=True)
        if folder != "contents" or place.stat().st_size < LIMIT:
            break
    return place


def main(names: list[str]) -> None:
    known = list(FOLDERS)
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
