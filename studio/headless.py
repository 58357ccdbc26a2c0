"""Rounds without a browser: a brief from a file, its variants in a folder, and a session played again."""

from __future__ import annotations

import hashlib
import json
import stat
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from engines import registry
from engines.api import PICTURE, Brief, BriefError, Failed, Result, Setting, Started, check_depth, too_deep
from engines.style import kinds
from engines.weights import PARENTS

from . import archive, config, own, pictures
from .blobs import Blobs
from .events import ROLES, Ended, Made, Proposed, StudioError, Variant
from .rounds import Stored, as_variant, check_sides, ready_engines, run_chain
from .session import Studio
from .state import Round, fold

SUFFIX = {"image/png": ".png", "text/plain": ".txt"}
MAX_BRIEF = 2**23  # bytes
MOST = next(spec.metadata["high"] for spec in fields(Brief) if spec.name == "variants")  # of a round of any engine

Pictures = dict[str, tuple[bytes, str]]  # reference -> (bytes, name)
Tell = Callable[[object], None]  # hears every event of the round


class RoundFailed(Exception):
    """A round that began did not end well. Its text says what happened and what to do."""


# ── A brief from a file ──────────────────────────────────────────────────────────────────────────────────────────────


def read_brief(file: Path) -> tuple[Brief, Pictures]:
    """The checked brief of a file, and its pictures.

    Pictures, and files of styles, are paths relative to the brief that stay in its folder, links followed; a `sha256:…` is looked
    up in the studio's own blob store. Raises `UserError` where anything is wrong.
    """
    folder, data = file.resolve().parent, _load_json(file)
    found: Pictures = {}

    def take(key: str, value: Any) -> str:
        picture, name = _read_picture(folder, key, value)
        reference = f"sha256:{hashlib.sha256(picture).hexdigest()}"
        found[reference] = (picture, name)
        return reference

    check_depth(data)  # the references are put in level by level
    brief = registry.check(Brief.from_dict(_with_references(data, take, found)))
    if brief.content:
        check_sides(*pictures.size_of(found[brief.content][0]), brief.size)
    _check_styles(brief, found)
    return brief, found


def _check_styles(brief: Brief | None, found: Pictures) -> None:
    """Raises `UserError` where an engine cannot paint in a stored style: a picture is one kind, a file that was trained another."""
    while brief is not None:
        info = registry.info(brief.engine)
        for ref in (name for name in brief.styles if PICTURE.fullmatch(name)):
            data, name = found[ref]
            if info.file_styles:
                own.trained_style(data, name, info)
            elif kinds.is_trained(data):
                raise BriefError(
                    "Engine {engine} takes pictures as styles, not {name}.",
                    "Leave the engine out: a style that was trained says itself which it is for.",
                    engine=info.name,
                    name=name,
                )
        brief = brief.then


def _load_json(file: Path) -> Any:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BRIEF + 1)  # a pipe does not say how much comes
        if len(data) > MAX_BRIEF:
            raise BriefError("{name} is too large for a brief.", "Name the file of the brief itself.", name=file.name)
        return json.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise BriefError(
            "{name} cannot be read: {why}.", "Check the path.", name=str(file), why=error.strerror
        ) from None
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:
        raise BriefError("The brief is not valid JSON: {why}.", "Mend it and try again.", why=str(error)) from None


def _with_references(data: Any, take: Callable[[str, Any], str], found: Pictures, prefix: str = "") -> Any:
    """The brief's JSON with every picture's path replaced by its reference, which `found` knows by then.

    What is no brief is left for the checks to name.
    """
    if not isinstance(data, Mapping):
        return data
    data, known = dict(data), {name for info in registry.infos().values() for name in info.styles}
    for key in ("content", "sketch"):
        if data.get(key) is not None:
            data[key] = take(prefix + key, data[key])
    renamed: dict[str, str] = {}
    if isinstance(data.get("styles"), Mapping):
        for name in data["styles"]:
            own = isinstance(name, str) and name not in known
            if own and (
                PICTURE.fullmatch(name) or "." in name or "/" in name
            ):  # else it is a name, and perhaps misspelt
                renamed[name] = take(f"{prefix}styles.{name}", name)
        _check_distinct(renamed)
        if not data.get("engine") and (meant := _engine_of(found[ref][0] for ref in renamed.values())):
            data["engine"] = meant
        data["styles"] = {renamed.get(name, name): weight for name, weight in data["styles"].items()}

    parents = _parents(data.get("weights"), take, prefix)
    if parents:
        data["weights"] = {parents.get(name, name): weight for name, weight in data["weights"].items()}

    def rename(knob: Any) -> Any:
        if not isinstance(knob, str):
            return knob
        return f"style:{renamed[knob[6:]]}" if knob[6:] in renamed else parents.get(knob, knob)

    if isinstance(data.get("masks"), Mapping):
        data["masks"] = {
            rename(key): None if value is None else take(f"{prefix}masks.{key}", value)
            for key, value in data["masks"].items()
        }
    if isinstance(data.get("locks"), list):
        data["locks"] = [rename(name) for name in data["locks"]]
    if data.get("then") is not None:
        data["then"] = _with_references(data["then"], take, found, prefix + "then.")
    return data


def _parents(weights: Any, take: Callable[[str, Any], str], prefix: str) -> dict[str, str]:
    """The weights that name parents by a path, and what they are called by reference."""
    found: dict[str, str] = {}
    for name in weights if isinstance(weights, Mapping) else ():
        kind, _, path = name.partition(":") if isinstance(name, str) else ("", "", "")
        if kind in PARENTS:
            found[name] = f"{kind}:{take(f'{prefix}weights.{name}', path)}"
    _check_distinct(found)
    return found


def _engine_of(files: Iterable[bytes]) -> str:
    """The engine that styles from files mean: that of the first that was trained. What only looks like one the bank refuses."""
    kind = next((kinds.kind(data) or kinds.ROW for data in files if kinds.is_trained(data)), None)
    return next((info.name for info in registry.infos().values() if kind and info.file_styles == kind), "")


def _check_distinct(renamed: Mapping[str, str]) -> None:
    seen: dict[str, str] = {}
    for name, reference in renamed.items():
        if reference in seen:
            raise BriefError(
                "Styles {first!r} and {second!r} are the same picture.",
                "Leave one out.",
                first=seen[reference],
                second=name,
            )
        seen[reference] = name


def _read_picture(folder: Path, key: str, value: Any) -> tuple[bytes, str]:
    if not isinstance(value, str) or not value:
        raise BriefError("{key} is {value!r}.", "It must be {kind}.", key=key, value=value, kind="a picture's path")
    if PICTURE.fullmatch(value):
        return Blobs(config.home() / "blobs").read(value.removeprefix("sha256:")), value[7:19]
    path = folder / value
    try:
        path = path.resolve()
        if Path(value).is_absolute() or not path.is_relative_to(folder):
            raise BriefError(
                "{key} is {value!r}, which is outside the brief's folder.",
                "Copy the picture beside the brief and name it by its path from there.",
                key=key,
                value=value,
            )
        about = path.stat()  # before anything is read: a pipe has no end, a disk's image is all of it
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is a folder, a pipe or a device")
        if about.st_size > pictures.MAX_BYTES:
            raise pictures.too_many_bytes(path.name, about.st_size)
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BriefError(
            "{key} is {value!r}, which cannot be read: {why}.",
            "Pictures are paths relative to the brief.",
            key=key,
            value=value,
            why=why,
        ) from None
    if not (kinds.is_trained(data) and ".styles." in f".{key}"):  # a trained style is held against its engine later
        pictures.check(data, path.name)
    return data, path.name


# ── One round ────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_out(out: Path) -> None:
    """Raises `StudioError` where a round cannot be written to `out` without touching what is there."""
    if out.exists() and not out.is_dir():
        raise StudioError("{name} is not a folder.", "Choose another --out.", name=str(out))
    files = {_file(role, at, kind) for role in ROLES for at in range(MOST) for kind in SUFFIX}
    for name in ("round.json", *sorted(files)):
        if (out / name).exists():
            raise StudioError(
                "{name} is there already.", "Choose another --out, or move it away.", name=str(out / name)
            )


def make_round(brief: Brief, found: Pictures, out: Path, tell: Tell) -> dict[str, Any]:
    """Makes the round in a session of its own that is gone afterwards, writes it to `out` and returns `round.json`.

    Nothing is written where it fails. Raises `RoundFailed`, and `UserError` where the disk gives up.
    """
    with tempfile.TemporaryDirectory(prefix="duet-", ignore_cleanup_errors=True) as home:
        studio = Studio(Path(home), db=config.db_url(Path(home)))
        try:
            session = studio.new_session()
            for data, name in found.values():
                if kinds.is_trained(data):
                    kind = kinds.kind(data)
                    what = kind if kind in own.OF_IMAGE_MODE else "style"
                    own.keep(studio, session, what, name.removesuffix(".safetensors"), data, {})
                else:
                    session.upload(data, name)
            for event in session.propose(brief):
                tell(event)
            made = session.state().rounds[0]
            if made.status != "done":
                raise RoundFailed(str(made.error or "The round was stopped. Run it again."))
            return _write(made, studio.blobs, out)
        finally:
            studio.close()


def _write(made: Round, blobs: Blobs, out: Path) -> dict[str, Any]:
    report = round_json(made)
    files = {entry["file"]: variant.sha256 for variant, entry in zip(made.variants, report["variants"], strict=True)}
    written: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, sha in files.items():
            _write_new(out / name, blobs.read(sha), written)
        _write_new(out / "round.json", (json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode(), written)
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        raise StudioError(
            "The round could not be written to {folder}: {why}.",
            "Free some space or choose another --out.",
            folder=str(out),
            why=error.strerror or str(error),
        ) from error
    return report


def _write_new(file: Path, data: bytes, written: list[Path]) -> None:
    with file.open("xb") as opened:
        written.append(file)
        opened.write(data)


def round_json(made: Round) -> dict[str, Any]:
    """The contract `round.json`: the brief, the engine, and one entry a variant."""
    return {
        "brief": made.brief.to_dict(),
        "engine": made.engine.model_dump() if made.engine else None,
        "variants": [_entry(variant) for variant in made.variants],
        "seconds": made.seconds,
        "peak_memory_mb": made.peak_memory_mb,
    }


def _file(role: str, index: int, media_type: str) -> str:
    """The name of a variant's file: its role, and which variant it is where there are more than roles."""
    return role + (f"-{index + 1}" if index >= len(ROLES) else "") + SUFFIX[media_type]


def _entry(variant: Variant) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": _file(variant.role, variant.index, variant.media_type)}
    entry |= variant.model_dump(include={"sha256", "role", "seed", "knobs", "seconds"})
    entry["reason"] = " ".join(map(str, variant.reason))
    return entry if variant.text is None else entry | {"text": variant.text}


# ── A session played again ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Replay:
    """Each variant of an archive beside what the same brief, knobs and seed give here."""

    rows: list[dict[str, Any]] = field(
        default_factory=list
    )  # {"round", "variant", "role", "sha256", "again" (None: not made again), "same"}
    notes: list[str] = field(default_factory=list)  # where this machine is not the one that made them

    @property
    def same(self) -> bool:
        return bool(self.rows) and all(row["same"] for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        return {"same": self.same, "variants": self.rows, "notes": self.notes}


def replay(recorded: archive.Recorded, blobs: Blobs, tell: Tell) -> Replay:
    """Runs every round of an archive again, with its logged knobs and seeds, and compares each blob's hash.

    `blobs` holds what came out of the archive. Rounds that were stopped are compared as far as they got; variants of which
    nothing says how they were made count as not made again.
    """
    events, versions = recorded
    report = Replay(notes=_differences("versions", versions, archive.versions()))
    rounds = fold(
        {number: event for number, event in events.items() if isinstance(event, Proposed | Made | Ended)}
    ).rounds
    for made in rounds.values():
        if made.variants:
            _replay_round(made, blobs, report, tell)
    lost = [event for event in events.values() if isinstance(event, Made) and event.round not in rounds]
    report.rows += [_row(event.round, event.variant, None) for event in lost]
    return report


def _replay_round(made: Round, blobs: Blobs, report: Replay, tell: Tell) -> None:
    brief = registry.check(made.brief)
    for progress in ready_engines(brief, lambda: False):
        tell(progress)
    expected = {each.index: each for each in made.variants if not each.unfinished}
    if len(expected) < len(made.variants):
        report.notes.append(f"round {made.number}: what was stopped by hand on its way is not made again")
    if not expected:
        return
    settings = [Setting(proposal.knobs, proposal.seed) for proposal in made.proposals]
    stop = threading.Event()  # once all that was made is made again
    for event in run_chain(brief, settings, Stored(blobs), stop.is_set):
        match event:
            case Started():
                report.notes += [note for note in _machine_notes(made, event) if note not in report.notes]
            case Failed():
                raise event.error
            case Result() if event.index in expected:
                before = expected.pop(event.index)
                again = as_variant(brief, made.proposals[event.index], event)[0].sha256
                report.rows.append(_row(made.number, before, again))
                if not expected:
                    stop.set()
        tell(event)
    report.rows += [_row(made.number, before, None) for before in expected.values()]  # what did not come again


def _row(number: int, before: Variant, again: str | None) -> dict[str, Any]:
    row = {"round": number, "variant": before.index, "role": before.role, "sha256": before.sha256}
    return row | {"again": again, "same": again == before.sha256}


def _machine_notes(made: Round, now: Started) -> list[str]:
    """In words, how engine, models and device differ from those that made the round."""
    if made.engine is None:  # it was interrupted before it could say
        return []
    engine = registry.load(made.brief.engine)
    then = {
        "version": made.engine.version,
        "device": made.engine.device,
        "dtype": made.engine.dtype,
        **made.engine.models,
    }
    here = {"version": engine.info.version, "device": now.device, "dtype": now.dtype, **engine.models()}
    return _differences(made.engine.name, then, here)


def _differences(what: str, then: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    return [
        f"{what}: {key} was {then.get(key)}, here it is {here.get(key)}"
        for key in sorted({*then, *here})
        if then.get(key) != here.get(key)
    ]
