"""`studio train gan`: a GAN from an artist's own pictures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from engines import registry, store
from engines.api import Progress, check_options

from . import terminal, training
from .gathering import MOST, Gathered, gather
from .terminal import Json, Stop, aside, asking, console

OURS = "icons"  # what our base is called
TOLD_EVERY = 50  # steps after which a line says how far it is, where stderr is no terminal


def setting(name: str) -> Any:
    return training.setting(name, "gan")


def default(name: str) -> Any:
    return training.default(name, "gan")


def gan(
    place: Annotated[Path, typer.Argument(metavar="FOLDER|ZIP", help="30 to 5,000 pictures to learn from.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the GAN and for what it needs to go on.")],
    base: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE|icons", help="A GAN to go on with, or ours: it needs fewer pictures and less time."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it.  [default: the folder's name]", show_default=False)] = "",
    minutes: Annotated[float, setting("minutes")] = default("minutes"),
    steps: Annotated[int, setting("steps")] = default("steps"),
    size: Annotated[str, setting("size")] = default("size"),
    network: Annotated[str, setting("network")] = default("network"),
    judge: Annotated[str, setting("judge")] = default("judge"),
    loss: Annotated[str, setting("loss")] = default("loss"),
    augment: Annotated[str, setting("augment")] = default("augment"),
    mirror: Annotated[bool, setting("mirror")] = default("mirror"),
    batch: Annotated[int, setting("batch")] = default("batch"),
    small: Annotated[float, setting("small")] = default("small"),
    learning_rate: Annotated[float, setting("learning_rate")] = default("learning_rate"),
    r1: Annotated[float, setting("r1")] = default("r1"),
    spread: Annotated[float, setting("spread")] = default("spread"),
    freeze: Annotated[int, setting("freeze")] = default("freeze"),
    seed: Annotated[int, setting("seed")] = default("seed"),
    as_json: Json = False,
) -> None:
    """Trains a generator against a discriminator on your pictures and writes NAME.gan.safetensors, with samples from all along the
    way beside it. Ctrl-C stops; the same command goes on."""
    given = {
        "minutes": minutes,
        "steps": steps,
        "size": size,
        "network": network,
        "judge": judge,
        "loss": loss,
        "augment": augment,
        "mirror": mirror,
        "batch": batch,
        "small": small,
        "learning_rate": learning_rate,
        "r1": r1,
        "spread": spread,
        "freeze": freeze,
        "seed": seed,
    }
    facts = train(place, out, base, name, given)
    if as_json:
        terminal.print_json(facts)
    else:
        show(facts)


def train(place: Path, out: Path, base: Path | None, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Trains, tells how it goes on stderr, and returns what the file says and where it is. Raises `Stop` where Ctrl-C stopped it."""
    registry.infos()
    from engines import vision
    from engines.image.gan import events, ganfile
    from engines.image.gan import training as engine
    from engines.image.gan.plan import Plan

    with training.interrupted() as stopped, terminal.telling() as tell:
        with asking():
            plan = Plan(**check_options(Plan, given))
            name = training.style_name(name or place.stem)
            begun = _begun(base) if base else None
            found = gather(place, int(plan.size), stopped, lambda done: tell(Progress(done, "Reading pictures")))
            if stopped():
                raise Stop("Stopped while reading pictures; nothing was kept.")
            engine.check_pictures(found.pictures)
            training.make_folder(out)
        _say(found)
        if plan.judge == "vgg" and not store.present(vision.MODEL):
            terminal.pull([vision.MODEL])
        facts: dict[str, Any] = {}
        file = out / f"{name}{ganfile.SUFFIX}"
        for event in engine.train(found.pictures, file, plan, begun, stopped, name):
            match event:
                case events.Step():
                    tell(_progress(event, plan.minutes))
                case events.Warned():
                    aside.print(f"Step {event.step}: {event}", highlight=False, soft_wrap=True)
                case events.Paused():
                    raise Stop(_stopped(event.step))
                case events.Trained():
                    facts = event.facts
        if store.present(vision.MODEL):
            tell(Progress(1.0, "Comparing samples with your pictures"))
            facts["quality"] = quality(file, found)
    return {
        "file": str(file),
        "samples": str(out / f"{name}.samples"),
        **facts,
        "skipped": {name: str(why) for name, why in found.skipped.items()},
    }


def _begun(base: Path) -> Any:
    """The GAN to go on with: a file, or ours by its name."""
    from engines.image.gan import ganfile

    if str(base) == OURS and not base.exists():
        return ganfile.base()
    return ganfile.load(training.read_bytes(base), base.name)


def quality(file: Path, found: Gathered) -> dict[str, Any]:
    """Samples of a GAN held against what it learned from: figures, and the picture that each of the first few is most like."""
    from engines.image.gan import ganfile, measures

    told = measures.judged(ganfile.load(file.read_bytes(), file.name), list(found.pictures))
    like = [{"picture": found.names[at], "distance": round(far, 3)} for at, far in told.nearest]
    return {**asdict(told.quality), "nearest": like}


def _say(found: Gathered) -> None:
    """What was skipped, by name, and why."""
    for name, why in found.skipped.items():
        aside.print(f"Skipped {name}: {why}", markup=False, highlight=False, soft_wrap=True)
    if found.left_out:
        aside.print(f"{found.left_out} pictures were left out: {MOST} are learned from at most.", highlight=False)


def _progress(step: Any, minutes: float) -> Progress:
    words = f"Step {step.step}: D(real) {step.real:.2f}, D(fake) {step.fake:.2f}, V {step.value:.2f}, "
    words += f"losses {step.discriminator:.2f} and {step.generator:.2f}, {step.rate:.0f} pictures/s, {terminal.duration(step.left)} left"
    if step.step % TOLD_EVERY == 0 and not aside.is_terminal:
        aside.print(words, highlight=False, soft_wrap=True)
    return Progress(min(1.0, step.seconds / 60 / minutes), words)


def _stopped(step: int) -> str:
    if not step:
        return "Stopped before the first step; nothing was kept. Begin again with the same command."
    return f"Stopped. Step {step} is kept, and the file can be used; the same command goes on from there."


def show(facts: dict[str, Any]) -> None:
    if facts["stopped"]:
        aside.print(f"{facts['stopped']} What was kept last is in the file.", highlight=False)
    console.print(
        f"{facts['steps']} steps, {facts['pictures']} pictures in {facts['seconds']:.0f} s. The GAN is in {facts['file']}, "
        f"its samples by step in {facts['samples']}.",
        highlight=False,
        soft_wrap=True,
    )
    if "quality" in facts:
        console.print(_judged(facts["quality"]), highlight=False, soft_wrap=True)


def _judged(told: dict[str, Any]) -> str:
    nearest = min(each["distance"] for each in told["nearest"])
    return (
        f"{told['made']} samples beside {told['real']} of your pictures: precision {told['precision']:.2f}, recall {told['recall']:.2f}, "
        f"Frechet distance {told['frechet']:.3f}, kernel distance {told['kernel']:.4f}. The nearest that one comes to a picture is "
        f"{nearest:.2f} of how far two pictures are apart: near 0 it would be a copy."
    )
