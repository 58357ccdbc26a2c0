"""`studio train painter`: the painter itself, from emoji, or one that goes on with an artist's own pairs."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from engines import registry, store
from engines.api import Progress, UserError, check_options

from . import pictures, terminal, training
from .events import StudioError
from .gathering import MOST, Read, Skipped, listed, square
from .terminal import Json, Stop, aside, asking, console

if TYPE_CHECKING:
    from engines.image.pairs import Pair

LOOKED = 512  # pixels of the square that lines are read from
MINUTES, BATCH = 8.0, 6  # of a training on pairs, where nothing else is said
PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
SHIPPED = "shipped"
CAMERA = re.compile(r"(img|dsc[nf]?|pxl|image|photo|screenshot|scan|untitled)?[\W\d_]*", re.IGNORECASE)


def setting(name: str) -> Any:
    return training.setting(name, "image")


def default(name: str) -> Any:
    return training.default(name, "image")


def painter(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the painter and for what it needs to go on.")],
    place: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER|ZIP", help="Pairs of your own: pictures, their words, their sketches."),
    ] = None,
    before: Annotated[
        str, typer.Option("--from", metavar="FILE", help="A painter to go on with; 'shipped' is the studio's own.")
    ] = "",
    name: Annotated[str, typer.Option(help="What to call it.  [default: the folder's name]", show_default=False)] = "",
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, max=10_000, help="How long to train.  [default: 150, with pairs 8]", show_default=False),
    ] = None,
    small: Annotated[float, setting("small")] = default("small"),
    large: Annotated[float, setting("large")] = default("large"),
    batch_small: Annotated[int, setting("batch_small")] = default("batch_small"),
    batch: Annotated[
        int | None,
        typer.Option(
            min=2, max=1024, help="Pictures a step at 128 pixels.  [default: 32, with pairs 6]", show_default=False
        ),
    ] = None,
    seed: Annotated[int, setting("seed")] = default("seed"),
    learned: Annotated[float, setting("learned")] = default("learned"),
    as_json: Json = False,
) -> None:
    """Trains the painter from emoji of three houses, which npm fetches (11 MB); or, given FOLDER|ZIP, has one go on with pairs of your
    own: words out of file names (a-red-fox-2.png) or a CSV (file,caption,sketch), sketches out of NAME.sketch.png, else HED's
    edges. Ctrl-C stops; the same command goes on."""
    given = {"minutes": minutes, "batch": batch, "seed": seed, "learned": learned}
    given = {key: value for key, value in given.items() if value is not None}
    if place is not None:
        facts = on_pairs(place, out, before or SHIPPED, name, given)
    else:
        more = {"small": small, "large": large, "batch_small": batch_small}
        facts = training.painter(out, shipped(before) if before else None, {**given, **more})
    if as_json:
        terminal.print_json(facts)
    elif place is not None:
        show(facts)
    else:
        console.print(f"{facts['steps']} steps, {facts['pictures']} pictures. The painter is in {out}.", soft_wrap=True)


def shipped(before: str) -> Path:
    from engines.image.painterfile import WEIGHTS

    return WEIGHTS if before == SHIPPED else Path(before)


def on_pairs(place: Path, out: Path, before: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Trains, tells how it goes on stderr, and returns figures and where the files are. Raises `Stop` where Ctrl-C stopped it."""
    registry.infos()
    from engines import embed, files, vision
    from engines.image import painterfile, pairs
    from engines.image.plan import Plan

    with training.interrupted() as stopped, terminal.telling() as tell:
        with asking():
            plan = Plan(
                **check_options(Plan, {"minutes": MINUTES, "batch": BATCH, "small": 0.0, "large": 0.0, **given})
            )
            name = training.style_name(name or place.stem)
            if missing := [each for each in (embed.MODEL, vision.MODEL) if not store.present(each)]:
                terminal.pull(missing)
            found = gather(place, stopped, lambda done: tell(Progress(done, "Reading pairs")))
            if stopped():
                raise Stop("Stopped while reading pairs; nothing was kept.")
            course = pairs.course(found.pairs, embed.shared, plan.seed)
            training.make_folder(out)
            _same(out, {"pairs": pairs.digest(found.pairs), "from": before, "seed": plan.seed})
            making = pairs.Going(course, plan, out, shipped(before))
        _say(found)
        for told in making.run(stopped):
            words = ", ".join(f"{key} {value:.3g}" for key, value in told.items())
            tell(Progress(min(1.0, told["minutes"] / plan.minutes), words))
        if stopped():
            done = f"{making.log.seconds / 60:.1f} of {plan.minutes:g} minutes"
            raise Stop(f"Stopped. {done} are kept; the same command goes on from there.")
        tell(Progress(1.0, "Painting the pairs that were held out"))
        lesson, file = pairs.held_out(course), out / f"{name}{painterfile.SUFFIX}"
        old, new = (pairs.painted(each, lesson) for each in (pairs.original(making), making.averaged))
        judged = {when: pairs.figures(each, lesson) for when, each in (("before", old), ("after", new))}
        about = {"pairs": len(found.pairs), "held_out": {"count": len(lesson), **judged}, **making.facts()}
        painterfile.write(file, name, making.averaged, making.encoder, about)
        look = out / f"{name}.pairs.png"
        files.write_whole(look, pairs.grid(lesson, old, new))
    return {"file": str(file), "grid": str(look), **about, "skipped": found.skipped, "wordless": found.wordless}


def show(facts: dict[str, Any]) -> None:
    held = facts["held_out"]
    moved = "; ".join(
        f"{word} {held['before'][key]:.3f} before, {held['after'][key]:.3f} after"
        for key, word in (("l1", "L1"), ("perceptual", "perceptual distance"), ("edges_f1", "F1 of edges"))
    )
    console.print(
        f"{facts['steps']} steps on {facts['pairs'] - held['count']} pairs. On the {held['count']} held out: {moved}. "
        f"The painter is in {facts['file']}, the pairs side by side in {facts['grid']}.",
        highlight=False,
        soft_wrap=True,
    )


def _say(found: Gathered) -> None:
    for name, why in found.skipped.items():
        aside.print(f"Skipped {name}: {why}", highlight=False, soft_wrap=True, markup=False)
    if found.wordless:
        listed = ", ".join(found.wordless[:10]) + (" …" if len(found.wordless) > 10 else "")
        aside.print(
            f"{len(found.wordless)} pictures have no words, in their name or in a CSV, and are learned without: {listed}.",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


def _same(out: Path, about: dict[str, Any]) -> None:
    """Raises `StudioError` where the folder holds a training on something else."""
    file = out / "pairs.json"
    try:
        known = json.loads(file.read_text()) if file.is_file() else None
    except (OSError, ValueError):
        known = {}
    if known is None and (out / "state.pt").is_file():
        known = {}
    if known not in (None, about):
        raise StudioError(
            "{name} holds a training on other pairs, or from another painter.", "Choose another --out.", name=str(out)
        )
    file.write_text(json.dumps(about))


# ── Pairs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Gathered:
    pairs: list[Pair] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # name -> why
    wordless: list[str] = field(default_factory=list)  # names


def gather(place: Path, cancelled: Callable[[], bool], told: Callable[[float], None] = lambda done: None) -> Gathered:
    """The pairs of a folder or a zip. Raises `StudioError` where there is no picture; what cannot be read is told with its reason."""
    found = Gathered()
    refused: Skipped = {}
    files = dict(listed(place, refused))
    found.skipped |= {name: str(why) for name, why in refused.items()}
    table = _table(files, found.skipped)
    drawn = {sketch for _, sketch in table.values() if sketch} | {name for name in files if _is_sketch(name)}
    names = [name for name in files if PurePosixPath(name).suffix.lower() in PICTURES and name not in drawn]
    others = [name for name in files if name not in drawn and name not in names and not name.endswith(".csv")]
    found.skipped |= dict.fromkeys(others, "It is no picture.")
    found.skipped |= {name: "It is not there." for name in table if name not in files}
    found.skipped |= dict.fromkeys(names[MOST:], f"{MOST} pairs are the most that are learned from.")
    for at, name in enumerate(names[:MOST]):
        if cancelled():
            break
        words, sketch = table.get(name, ("", ""))
        try:
            words = words or captioned(name)
            found.pairs.append(_pair(name, words, files, sketch or _beside(name, files)))
            if not words:
                found.wordless.append(name)
        except UserError as error:
            found.skipped[name] = error.message.format(**error.values)
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
            found.skipped[name] = str(error)
        told((at + 1) / len(names))
    if not found.pairs and not cancelled():
        raise StudioError(
            "{name} holds no picture that can be read ({count} other files).",
            "Name a folder or a zip with pictures.",
            name=str(place),
            count=len(found.skipped),
        )
    return found


def captioned(name: str) -> str:
    """The words of a file's name, without a number at its end: `a-red-fox-2.png` is "a red fox"; "" where a camera named it."""
    stem = PurePosixPath(name).stem
    if CAMERA.fullmatch(stem):
        return ""
    return re.sub(r"[\s_-]+\d+$", "", re.sub(r"[_\s-]+", " ", stem)).strip()[:200]


def _is_sketch(name: str) -> bool:
    return PurePosixPath(name).stem.lower().endswith(".sketch")


def _beside(name: str, files: dict[str, Read]) -> str:
    path = PurePosixPath(name)
    beside = (str(path.with_name(f"{path.stem}.sketch{suffix}")) for suffix in sorted(PICTURES))
    return next((each for each in beside if each in files), "")


def _table(files: dict[str, Read], skipped: dict[str, str]) -> dict[str, tuple[str, str]]:
    """File -> (caption, sketch), of all CSVs."""
    found: dict[str, tuple[str, str]] = {}
    for name, read in files.items():
        if not name.endswith(".csv"):
            continue
        try:
            rows = csv.DictReader(io.StringIO(read().decode("utf-8-sig")))
            if not {"file", "caption"} <= set(rows.fieldnames or ()):
                raise ValueError("its first line must be: file,caption or file,caption,sketch")
            for row in rows:
                folder = PurePosixPath(name).parent
                sketch = str(folder / row["sketch"]) if row.get("sketch") else ""
                found[str(folder / (row["file"] or ""))] = ((row["caption"] or "").strip()[:200], sketch)
        except (ValueError, csv.Error, OSError, StudioError) as error:
            skipped[name] = f"It cannot be read as a table: {error}"
    return found


def _pair(name: str, words: str, files: dict[str, Read], sketch: str) -> Pair:
    from engines.image import icons, pairs, sketches

    def squared(name: str, side: int) -> Any:
        data = files[name]()
        return square(sketches.opened(data, pictures.to_pixels(data, name)), side)

    if sketch and sketch not in files:
        raise StudioError("Its sketch {name} is not there.", "Check the path.", name=sketch)
    pixels = squared(name, icons.SIDE)
    if pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    ink = pairs.ink_of(squared(sketch, LOOKED), True) if sketch else pairs.ink_of(squared(name, LOOKED), False)
    return pairs.Pair(name, words, pixels, ink)
