"""What the command line says and shows: one line for an error, bars for waits, tables for reports, a log file for bugs."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from engines.api import Progress as Progressed
from engines.api import Result, Started, UserError

from . import config
from .events import Made, StudioError

if TYPE_CHECKING:
    from .headless import Replay
    from .session import Session, Studio

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

console = Console()
aside = Console(stderr=True)  # for what is no part of the answer

log = logging.getLogger(__name__)


class Stop(Exception):
    """Ends the command with this line on stderr and this exit status."""

    def __init__(self, line: str, status: int = 1) -> None:
        super().__init__(line)
        self.status = status


@contextmanager
def asking() -> Iterator[None]:
    """What goes wrong in here is the input's fault: exit status 2."""
    try:
        yield
    except UserError as error:
        raise Stop(str(error), 2) from error


def fail(line: str, status: int = 1) -> int:
    print(" ".join(line.split()), file=sys.stderr)
    return status


def fail_unexpectedly(error: Exception) -> int:
    """For bugs, and for what the machine refuses: the traceback goes to the log file, the person gets one line."""
    log.error("the command failed", exc_info=error)
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return fail(f"{error.strerror}{place}. Free some space or check that the place can be written, then try again.")
    return fail(f"Something went wrong inside Duet ({type(error).__name__}). The details are in {log_file()}.")


# ── The log file ─────────────────────────────────────────────────────────────────────────────────────────────────────


def log_file() -> Path:
    return config.home() / "studio.log"


class _LogFile(logging.handlers.RotatingFileHandler):
    """Opened at the first thing worth noting; a home that cannot be written loses the note, not the command."""

    def __init__(self) -> None:
        super().__init__(log_file(), maxBytes=2**20, backupCount=1, encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            super().emit(record)
        except OSError:
            pass

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def log_to_file() -> None:
    """Sends warnings and bugs of every module to the log file, once for each home."""
    root, handler = logging.getLogger(), _LogFile()
    for old in [each for each in root.handlers if isinstance(each, _LogFile)]:
        root.removeHandler(old)
        old.close()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)


# ── Waits ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def telling() -> Iterator[Callable[[object], None]]:
    """A bar on stderr that follows a round's events, where stderr is a terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=aside, transient=True, disable=not aside.is_terminal) as bar:
        task = bar.add_task("Getting ready", total=None)
        total = 0

        def tell(event: object) -> None:
            nonlocal total
            match event:
                case Started():
                    total = event.total
                    bar.update(task, description=f"Painting on {event.device}", total=1.0, completed=0.0)
                case Progressed():
                    bar.update(task, description=event.message or None, total=1.0, completed=event.done)
                case Made(variant=made):
                    bar.update(
                        task, description=f"{made.index + 1} of {total}", completed=(made.index + 1) / max(total, 1)
                    )
                case Result():
                    bar.update(task, completed=(event.index + 1) / max(total, 1))
                case str():
                    bar.update(task, description=event)

        yield tell


def pull(names: Sequence[str]) -> None:
    """Fetches models with a bar each: what it is for, size, rate, time."""
    from engines import store

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=aside) as bar:
        for name in names:
            entry = store.entry(name)
            if store.state(name) == "ok":
                aside.print(f"{name} is here and whole.", highlight=False)
                continue
            aside.print(f"{entry.title}: {entry.use['en']}", highlight=False)
            task = bar.add_task(name, total=entry.size or None)

            def show(done: int, total: int, message: str, name: str = name, task: TaskID = task) -> None:
                label = f"{name}, preparing" if message == store.PREPARING else name
                bar.update(task, completed=done, total=total or None, description=label)

            store.pull(name, show)


def duration(seconds: float) -> str:
    """In minutes and seconds, as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


# ── Sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def studio(db: str | None) -> Iterator[Studio]:
    from .log import would_be_new
    from .session import Studio

    url = db or config.db_url()
    # where there is no log none is made: an empty one in memory stands for it
    opened = Studio(db="sqlite://" if would_be_new(url) else url)
    try:
        yield opened
    finally:
        opened.close()


def find_session(opened: Studio, id: str) -> Session:
    """The session with this id, or a `StudioError` that lists the ids there are."""
    known = [each["id"] for each in opened.log.sessions()]
    if id not in known:
        raise StudioError(
            "There is no session {value!r} here.",
            "The newest: {allowed}.",
            value=id[:40],
            allowed=", ".join(known[:-6:-1]) or "none yet",
        )
    return opened.session(id)


# ── Reports ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def show_round(out: Path, report: Mapping[str, Any]) -> None:
    console.print(f"In {out}:", highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("file", "seconds", "why"):
        table.add_column(heading, no_wrap=heading == "file")
    for variant in report["variants"]:
        table.add_row(variant["file"], f"{variant['seconds']:.2f}", variant["reason"])
    console.print(table)


def show_replay(report: Replay) -> None:
    for note in report.notes:
        console.print(note, highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("round", "variant", "role", "sha256", ""):
        table.add_column(heading)
    for row in report.rows:
        verdict = "same" if row["same"] else f"differs: {row['again'][:12]}" if row["again"] else "not made again"
        table.add_row(str(row["round"]), str(row["variant"]), row["role"], row["sha256"][:12], verdict)
    console.print(table)
    console.print(
        f"{sum(row['same'] for row in report.rows)} of {len(report.rows)} variants are the same, bit for bit."
    )


def show_row(row: Mapping[str, Any]) -> None:
    """One measurement: its verdict, its value beside its goal, and how it was made or why not."""
    verdict = {True: "ok", False: "missed", None: "not measured"}[row["ok"]]
    value = "" if row["value"] is None else f"{row['value']:g} {row['unit']}, "
    goal = f"goal {row['goal']} {row['unit']}, {verdict}" if row["goal"] else "no goal"
    console.print(f"{row['name']}: {value}{goal}", highlight=False, soft_wrap=True)
    console.print(f"    {row['detail']}", highlight=False, soft_wrap=True)


def show_models(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "size", "here", "licence", "what for"):
        table.add_column(heading, justify="right" if heading == "size" else "left", no_wrap=heading == "name")
    for row in rows:
        size = f"{row['size'] / 1e6:.0f} MB" if row["size"] else "?"
        table.add_row(row["name"], size, "yes" if row["present"] else "no", row["license"], row["use"])
    console.print(table)
    console.print("\nCredits:")
    for row in rows:
        console.print(f"  {row['name']}: {row['credit']}", highlight=False, soft_wrap=True)
    console.print(f"\nThey live in {folder}. Fetch one: studio models pull NAME", highlight=False, soft_wrap=True)


def print_json(document: Any) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))
