"""`studio bench`: what each benchmark is called on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import config, terminal
from .events import StudioError
from .terminal import Json, print_json

if TYPE_CHECKING:
    from .bench.report import Row

bench = typer.Typer(help="Measurements of this machine, against the goals.", rich_markup_mode=None)


@bench.command(short_help="Speed and memory.")
def speed(
    as_json: Json = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Three turns instead of seven: a look, not a measurement.")
    ] = False,
) -> None:
    """Measures speed and memory: medians, with onnxruntime in turns on the same files and threads."""
    from .bench.speed import rows as measured

    _measure(lambda tell: measured(turns=3 if quick else 7, tell=tell), as_json)


@bench.command(short_help="What steering makes of judgements.")
def steering(
    as_json: Json = False,
    episodes: Annotated[int, typer.Option("--episodes", min=2, help="Simulated artists for each row.")] = 200,
    quick: Annotated[bool, typer.Option("--quick", help="Ten artists a row: a look, not a measurement.")] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw regret by round into this SVG file.")
    ] = None,
) -> None:
    """Simulated artists judge fifteen rounds; our steering beside random search, CMA-ES and BoTorch. What was played is kept."""
    from .bench import steering as measured

    count = 10 if quick else episodes
    if plot:
        _write(plot, "")  # a wrong path is better known before than after
    _measure(lambda tell: measured.rows(count, tell), as_json)
    if plot:
        _write(plot, measured.plot(count))


@bench.command(short_help="What the writer's controls do.")
def text(
    as_json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="Eight passages: a look, not a measurement.")] = False,
) -> None:
    """Axes, keywords, rewriting and fine-tuning on fifty passages: whether they do what they say, and what they cost the text."""
    from .bench.text import rows as measured

    _measure(lambda tell: measured(8 if quick else 50, tell), as_json)


@bench.command(short_help="What the painter makes of sketches and words.")
def image(
    as_json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few pictures: a look, not a measurement.")] = False,
    grids: Annotated[
        Path | None, typer.Option("--grids", metavar="FOLDER", help="Draw what is painted, and what is missed, there.")
    ] = None,
) -> None:
    """The painter on concepts that it never saw, and the outlines that words lead to. Fetches the pictures to judge with by npm (11 MB)."""
    from .bench.image import rows as measured

    _measure(lambda tell: measured(tell, config.home() / "training" / "painter", quick, grids), as_json)


@bench.command(short_help="What styles that were learned are worth.")
def style(
    as_json: Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="One style for a minute: a look, not a measurement.")] = False,
) -> None:
    """What the translator changes and keeps of drawings that it never saw, for which npm fetches pictures (11 MB). Then trains styles for
    the bank and holds their paintings against those by optimisation, minute by minute, which takes half an hour."""
    from .bench import style as learned
    from .bench import translator

    folder = config.home() / "training" / "painter"
    _measure(lambda tell: chain(translator.rows(tell, folder, quick), learned.rows(tell, quick)), as_json)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StudioError(
            "{path} cannot be written: {why}.", "Choose another file.", path=file, why=error.strerror or error
        ) from error


def _measure(rows: Callable[[Callable[[object], None]], Iterator[Row]], as_json: bool) -> None:
    from .bench import report

    found = []
    with terminal.telling() as tell:
        for row in rows(tell):
            found.append(row)
            if not as_json:
                terminal.show_row(asdict(row))
    if as_json:
        print_json(report.document(found))
