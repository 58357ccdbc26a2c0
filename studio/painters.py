"""`studio train painter`: the painter itself, from emoji, or one that goes on with an artist's own pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from engines import registry, store
from engines.api import Progress, check_options

from . import terminal, training
from .events import StudioError
from .pairing import Gathered, gather
from .terminal import Json, Stop, aside, asking, console

SHIPPED = "shipped"


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
    from engines import embed, vision
    from engines.image import painterfile, pairs, taught
    from engines.image.plan import PairsPlan

    with training.interrupted() as stopped, terminal.telling() as tell:
        with asking():
            plan = PairsPlan(**check_options(PairsPlan, given))
            name = training.style_name(name or place.stem)
            if missing := [each for each in (embed.MODEL, vision.MODEL) if not store.present(each)]:
                terminal.pull(missing)
            found = gather(place, stopped, lambda done: tell(Progress(done, "Reading pairs")))
            if stopped():
                raise Stop("Stopped while reading pairs; nothing was kept.")
            course = pairs.course(found.pairs, embed.shared, plan.seed)
            training.make_folder(out)
            _same(out, {"pairs": pairs.digest(found.pairs), "from": before, "seed": plan.seed})
            making = taught.learn(
                course, plan, out, shipped(before), out / f"{name}{painterfile.SUFFIX}", name, stopped
            )
        _say(found)
        done, ended = 0.0, None
        for event in making:
            match event:
                case taught.Step():
                    done = event.seconds / 60
                    words = ", ".join(f"{key} {value:.3g}" for key, value in event.losses.items())
                    tell(Progress(min(1.0, done / plan.minutes), words))
                case taught.Judging():
                    tell(Progress(1.0, "Painting the pairs that were held out"))
                case taught.Trained():
                    ended = event
        if ended is None:
            raise Stop(
                f"Stopped. {done:.1f} of {plan.minutes:g} minutes are kept; the same command goes on from there."
            )
    skipped = {name: str(why) for name, why in found.skipped.items()}
    return {
        "file": str(ended.file),
        "grid": str(ended.grid),
        **ended.facts,
        "skipped": skipped,
        "wordless": found.wordless,
    }


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
