"""`studio train translator`: other hands from folders of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from engines import registry
from engines.api import Progress, check_options

from . import pictures, terminal
from .terminal import Json, Stop, aside, asking, console, print_json
from .training import default, interrupted, make_folder, read_pictures, setting, stopped_at, style_name

MOST_PICTURES, SIDE = 5000, 512  # of a folder, and pixels of a picture: it learns from small squares


def translator(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER…", help="Two or more, each with pictures of one kind.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the translator and for what it needs to go on.")],
    name: Annotated[str, typer.Option(help="What to call it.")] = "own",
    minutes: Annotated[float, setting("minutes", "translator")] = default("minutes", "translator"),
    steps: Annotated[int, setting("steps", "translator")] = default("steps", "translator"),
    size: Annotated[int, setting("size", "translator")] = default("size", "translator"),
    batch: Annotated[int, setting("batch", "translator")] = default("batch", "translator"),
    width: Annotated[int, setting("width", "translator")] = default("width", "translator"),
    learning_rate: Annotated[float, setting("learning_rate", "translator")] = default("learning_rate", "translator"),
    alone: Annotated[float, setting("alone", "translator")] = default("alone", "translator"),
    style: Annotated[float, setting("style", "translator")] = default("style", "translator"),
    diversity: Annotated[float, setting("diversity", "translator")] = default("diversity", "translator"),
    cycle: Annotated[float, setting("cycle", "translator")] = default("cycle", "translator"),
    steepness: Annotated[float, setting("steepness", "translator")] = default("steepness", "translator"),
    seed: Annotated[int, setting("seed", "translator")] = default("seed", "translator"),
    as_json: Json = False,
) -> None:
    """Trains a translator that draws a picture of one folder's kind as one of another's, and writes NAME-FOLDER.translator.safetensors
    for each, which a brief's styles may name. Ctrl-C stops; the same command goes on."""
    given = {
        "minutes": minutes,
        "steps": steps,
        "size": size,
        "batch": batch,
        "width": width,
        "learning_rate": learning_rate,
        "alone": alone,
        "style": style,
        "diversity": diversity,
        "cycle": cycle,
        "steepness": steepness,
        "seed": seed,
    }
    facts = trained(folders, out, name, given)
    if as_json:
        print_json(facts)
        return
    if facts["stopped"]:
        aside.print(f"{facts['stopped']} The last good one was kept.", highlight=False)
    console.print(
        f"{facts['steps']} steps in {terminal.duration(facts['seconds'])}. The hands are in {', '.join(facts['files'])}.",
        highlight=False,
        soft_wrap=True,
    )


def trained(folders: list[Path], out: Path, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Trains, tells how it goes on stderr, and returns what the files say and where they are. Raises `Stop` where it was stopped."""
    registry.infos()
    from engines import files
    from engines.style import translating
    from engines.style.domains import Domains
    from engines.style.plan import TranslatorPlan
    from engines.style.training import Paused, Shown, Trained

    with asking():
        plan = TranslatorPlan(**check_options(TranslatorPlan, given))
        read = {folder.resolve().name: read_pictures(folder, MOST_PICTURES, SIDE) for folder in folders}
        place = out / style_name(name)
        domains = Domains([(style_name(domain), found) for domain, (found, _) in read.items()], plan.size)
        make_folder(out)
    skipped = {domain: names for domain, (_, names) in read.items() if names}
    for domain, names in skipped.items():
        told = f"Skipped in {domain}, for they cannot be read ({len(names)}): {', '.join(names)}."
        aside.print(told, highlight=False, soft_wrap=True)
    facts: dict[str, Any] = {}
    with interrupted() as stopped, terminal.telling() as tell:
        for event in translating.train(domains, place, plan, stopped):
            match event:
                case translating.Step():
                    tell(_progress(event))
                case Shown():
                    files.write_whole(out / f"{name}.samples.png", pictures.encode_png(event.pixels))
                case Paused():
                    raise Stop(stopped_at(event))
                case Trained():
                    facts = event.facts
    return {**facts, "skipped": skipped}


def _progress(step: Any) -> Progress:
    words = f"Step {step.step} of {step.total}"
    words += "".join(f", {name} {value:.2f}" for name, value in step.losses.items())
    words += f", {terminal.duration(step.left)} left" if step.left is not None else ""
    if step.losses and not aside.is_terminal:
        aside.print(words, highlight=False)
    return Progress(step.step / max(step.total, 1), words)
