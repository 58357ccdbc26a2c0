"""The command line. Exit status: 0 done; 2 the input was wrong, nothing was written; 1 it failed. Errors are one line on stderr."""

from __future__ import annotations

import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from engines.api import UserError
from engines.language import EMBEDDED, VARIABLE

from . import __version__, gans, measuring, painters, terminal, textmodel, training, translation
from .events import StudioError
from .terminal import Json, Stop, asking, console, fail, print_json

HOST, PORT = "127.0.0.1", 7860
FIRST_PAGE = ("style-bank", "style-codes")  # engines whose models the first page needs

app = typer.Typer(
    help="Duet: a studio in which an artist and generative models take turns.",
    epilog="To begin: studio",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(
    help="The model store: what there is, what is here, and whether it is whole.", rich_markup_mode=None
)
train = typer.Typer(help="Training on work of your own.", rich_markup_mode=None)
app.add_typer(models, name="models", short_help="List, fetch and check the models.")
app.add_typer(train, name="train", short_help="Train on work of your own.")
train.command(short_help="Teach other hands from folders of pictures.")(translation.translator)
app.add_typer(measuring.bench, name="bench", short_help="Measure this machine against the goals.")

Database = Annotated[
    str | None,
    typer.Option("--db", metavar="URL", help="Where the log is, as SQLAlchemy writes it.  [default: SQLite]"),
]
TextModel = Annotated[
    str | None,
    typer.Option(
        "--text-model",
        metavar="NAME",
        envvar=VARIABLE,
        help="What writes: a text model of the store, of a hub (owner/name), or a folder.  [default: SmolLM2 135M]",
    ),
]


class Language(StrEnum):
    en = "en"
    zh = "zh"


def main(arguments: list[str] | None = None) -> None:
    """The `studio` command."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Runs one command and returns its exit status. Whatever goes wrong ends as one line on stderr."""
    terminal.log_to_file()
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version")):
        arguments = ["serve", *arguments]
    try:
        status = app(arguments, prog_name="studio", standalone_mode=False)
        return fail("Stopped.") if status == 130 else int(status or 0)
    except Stop as stop:
        return fail(str(stop), stop.status)
    except TyperException as wrong:
        command = getattr(getattr(wrong, "ctx", None), "command_path", "studio")
        return fail(f"{wrong.format_message()} See: {command} --help", 2)
    except UserError as error:
        return fail(str(error))
    except Abort:
        return fail("Stopped.")
    except Exception as error:
        return terminal.fail_unexpectedly(error)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"duet {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


# ── The studio ───────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command(short_help="Open the studio in the browser (what `studio` alone does).")
def serve(
    host: Annotated[
        str, typer.Option(help="Whom to listen to; 0.0.0.0 is everybody on the network.", envvar="GRADIO_SERVER_NAME")
    ] = HOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.", envvar="GRADIO_SERVER_PORT")] = PORT,
    lang: Annotated[Language | None, typer.Option(help="The page's language.  [default: the browser's]")] = None,
    db: Database = None,
    text_model: TextModel = None,
) -> None:
    """Opens the studio in the browser. The first time, it fetches the models that the first page needs (3 MB)."""
    from . import server

    server.check_port(host, port)
    with textmodel.writing_with(text_model):
        server.serve(host, port, lang.value if lang else None, db, first_engines=FIRST_PAGE)


# ── Without a browser ────────────────────────────────────────────────────────────────────────────────────────────────


@app.command("round", short_help="One round from a brief.json, without a browser.")
def round_(
    brief: Annotated[Path, typer.Argument(metavar="BRIEF.json", help="What is asked for; its pictures lie beside it.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the variants and round.json.")],
    text_model: TextModel = None,
    as_json: Json = False,
) -> None:
    """Makes one round: writes its variants and round.json to a folder."""
    from . import headless

    with asking():
        headless.check_out(out)
        checked, pictures = headless.read_brief(brief)
    with textmodel.writing_with(text_model, checked.mode == "text"), terminal.telling() as tell:
        try:
            report = headless.make_round(checked, pictures, out, tell)
        except headless.RoundFailed as failure:
            raise Stop(str(failure)) from failure
    if as_json:
        print_json(report)
    else:
        terminal.show_round(out, report)


@app.command(short_help="Make an exported session again and compare it.")
def replay(
    export: Annotated[Path, typer.Argument(metavar="EXPORT.zip", help="A session that was exported.")],
    text_model: TextModel = None,
    as_json: Json = False,
) -> None:
    """Makes every round of an exported session again and compares each variant, bit for bit."""
    from . import archive, headless
    from .blobs import Blobs

    with tempfile.TemporaryDirectory(prefix="duet-") as folder, terminal.telling() as tell:
        blobs = Blobs(Path(folder) / "blobs")
        with asking():
            recorded = archive.read(export, blobs)
        with textmodel.writing_with(text_model, needed=bool(text_model)):
            report = headless.replay(recorded, blobs, tell)
    if not report.rows:
        raise Stop(
            f"{export.name} holds no variants, so there is nothing to compare. Export a session with a round.", 2
        )
    if as_json:
        print_json(report.to_dict())
    else:
        terminal.show_replay(report)
    if not report.same:
        differ = sum(not row["same"] for row in report.rows)
        why = "; ".join(report.notes) or "machine and versions look the same, so please report it"
        raise Stop(f"{differ} of {len(report.rows)} variants came out differently ({why}).")


@app.command(short_help="Write a session to a portable file.")
def export(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The session's id, as in the page's address.")],
    out: Annotated[Path, typer.Option(metavar="FILE.zip", help="The file to write.")],
    db: Database = None,
) -> None:
    """Writes a session to a portable file: its events, its pictures and the versions that made them."""
    with terminal.studio(db) as studio:
        with asking():
            if out.exists():
                raise StudioError("{name} is there already.", "Choose another --out, or move it away.", name=str(out))
            if not out.absolute().parent.is_dir():
                raise StudioError("There is no folder {name}.", "Make it first.", name=str(out.absolute().parent))
            found = terminal.find_session(studio, session)
        found.export(out)
    print(out)


@app.command(short_help="Delete a session and what only it used.")
def forget(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="The session's id, as in the page's address.")],
    db: Database = None,
) -> None:
    """Deletes a session: its log, and the pictures that no other session uses."""
    with terminal.studio(db) as studio:
        with asking():
            found = terminal.find_session(studio, session)
        found.forget()
    print(f"Session {session} is forgotten.")


# ── Models ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@models.command("list", short_help="What there is and what is here.")
def models_list(as_json: Json = False) -> None:
    """Lists the models: size, whether they are here, licence, and what they are for."""
    from engines import store

    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "use": entry.use["en"],
            "size": entry.size,
            "present": store.present(entry.name),
            "license": entry.license,
            "credit": entry.credit,
        }
        for entry in (*store.entries().values(), *store.fetched())
    ]
    if as_json:
        print_json({"folder": str(store.models_folder()), "models": rows})
    else:
        terminal.show_models(store.models_folder(), rows)


@models.command(short_help="Fetch models by name, or --all.")
def pull(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Which to fetch.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Fetch them all, as before a workshop.")] = False,
) -> None:
    """Fetches models and checks them. Those that are here and whole are left alone."""
    from engines import store

    with asking():
        if bool(names) == every:
            raise StudioError("Name the models to fetch, or say --all.", "See: studio models list")
        wanted = [store.entry(name).name for name in names or store.entries()]
    for name in wanted:
        if name not in store.entries() and not store.present(name):
            textmodel.check(name)
    terminal.pull(wanted)


@models.command(short_help="Read what is here and find what is damaged.")
def verify(as_json: Json = False) -> None:
    """Reads every model that is here from end to end and says which are torn or altered."""
    from engines import store

    names = [*store.entries(), *(entry.name for entry in store.fetched())]
    rows = [{"name": name, "problems": store.problems(name)} for name in names if store.present(name)]
    damaged = [str(row["name"]) for row in rows if row["problems"]]
    if as_json:
        print_json({"ok": not damaged, "models": rows})
    else:
        for row in rows:
            console.print(f"{row['name']}: {'; '.join(row['problems']) or 'whole'}", highlight=False)
        if not rows:
            console.print("No models are here yet. Fetch them: studio models pull --all")
    if damaged:
        raise Stop(f"Damaged: {', '.join(damaged)}. Fetch again: studio models pull {' '.join(damaged)}")


# ── Training ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@train.command(short_help="Teach the text model your voice.")
def lora(
    texts: Annotated[list[Path], typer.Argument(metavar="TEXT...", help="Files of your own texts, 2,000 words or so.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the adapter, as peft writes it.")],
    name: Annotated[str, typer.Option(help="What to call it.  [default: the folder's name]", show_default=False)] = "",
    model: Annotated[
        str,
        typer.Option(
            "--text-model",
            "--model",
            envvar=VARIABLE,
            help="Who learns: a text model of the store, of a hub (owner/name), or a folder.",
        ),
    ] = EMBEDDED,
    minutes: Annotated[float, training.setting("minutes")] = training.default("minutes"),
    epochs: Annotated[int, training.setting("epochs")] = training.default("epochs"),
    learning_rate: Annotated[float, training.setting("learning_rate")] = training.default("learning_rate"),
    rank: Annotated[int, training.setting("rank")] = training.default("rank"),
    block: Annotated[int, training.setting("block")] = training.default("block"),
    seed: Annotated[int, training.setting("seed")] = training.default("seed"),
    as_json: Json = False,
) -> None:
    """Trains a LoRA adapter on your texts and measures it on a part that is held out. Ctrl-C stops; the same command goes on."""
    given = {"minutes": minutes, "epochs": epochs, "learning_rate": learning_rate, "rank": rank, "block": block}
    facts = training.lora(texts, out, name, model, as_json, {**given, "seed": seed})
    if as_json:
        print_json(facts)
    else:
        training.show(facts, out)


@train.command(short_help="Teach the bank a style from one picture.")
def style(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture whose style it learns.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the style and for what it needs to go on.")],
    contents: Annotated[
        Path | None,
        typer.Option("--contents", metavar="FOLDER", help="Pictures of yours to practise on, beside the studio's."),
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it.  [default: the picture's name]", show_default=False)] = "",
    network: Annotated[
        bool,
        typer.Option("--network", help="Learn a whole network, in any number of sittings: the same command goes on."),
    ] = False,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="With --network: begin with chance instead of the bank's network.")
    ] = False,
    minutes: Annotated[float | None, training.planned("minutes")] = None,
    steps: Annotated[int | None, training.planned("steps")] = None,
    size: Annotated[int, training.setting("size", "style")] = training.default("size", "style"),
    batch: Annotated[int, training.setting("batch", "style")] = training.default("batch", "style"),
    learning_rate: Annotated[float | None, training.planned("learning_rate")] = None,
    style_weight: Annotated[float, training.setting("style_weight", "style")] = training.default(
        "style_weight", "style"
    ),
    scale: Annotated[float, training.setting("scale", "style")] = training.default("scale", "style"),
    seed: Annotated[int, training.setting("seed", "style")] = training.default("seed", "style"),
    as_json: Json = False,
) -> None:
    """Trains a style for style-bank from one picture and writes NAME.style.safetensors, or with --network NAME.network.safetensors; a
    brief's styles may name either. Ctrl-C stops; the same command goes on."""
    chosen = {
        "minutes": minutes,
        "steps": steps,
        "learning_rate": learning_rate,
    }  # of which each kind has its own defaults
    given = {
        **{key: value for key, value in chosen.items() if value is not None},
        **({"from_scratch": True} if from_scratch else {}),
        "size": size,
        "batch": batch,
        "style_weight": style_weight,
        "scale": scale,
        "seed": seed,
    }
    facts = training.style(picture, out, contents, name, network, given)
    if as_json:
        print_json(facts)
    else:
        training.show_style(facts)


train.command(short_help="Teach a painter to paint under lines, or in your own way.")(painters.painter)
train.command(short_help="Train a GAN on your own pictures.")(gans.gan)
