"""What an artist makes of their own: axes from examples of two poles, adapters and axes that came as files, styles, GANs and painters.

Each is a file of the session, named by what it holds, and a name that the artist may change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines import registry, store
from engines.api import EngineInfo, check_text

from . import pictures
from .events import MAX_COORDINATE, Kept, Shelved, StudioError
from .session import Session, Studio
from .state import Round, State

MOST_BYTES = 64 * 2**20  # of a file that is brought along
MOST_HEADER = 2**20  # bytes of a file that are searched for what it is
MOST_LETTERS = 20_000  # of what is said of a pole
OF_IMAGE_MODE = ("gan", "painter")  # kinds of files that are styles there, and how they are called
PAINTER = ".painter.safetensors"  # how a painter's file is called
GAN_FACTS = (
    "steps",
    "pictures",
    "seconds",
    "real",
    "made",
    "frechet",
    "kernel",
    "precision",
    "recall",
)  # that are shown of it


def axis(studio: Studio, session: Session, said: Mapping[str, Any]) -> str:
    """Keeps an axis from `positive` and `negative` examples, with a `name` and the names of its two `poles`. Returns its digest.

    Raises `StudioError` or `EngineError` where they make no axis.
    """
    from engines.text.axes import define_axis

    sides = [_texts(said.get(side), side) for side in ("positive", "negative")]
    poles = said.get("poles")
    if not isinstance(poles, list) or len(poles) != 2:
        raise StudioError("An axis has two poles.", "Name both.")
    high, low = (_name(each) for each in poles)
    name = _name(said.get("name")) or " – ".join(each for each in (low, high) if each)
    if not name:
        raise StudioError("The axis has no name.", "Name it, or its poles.")
    data = define_axis(sides[0], sides[1], name, (high, low))
    return keep(studio, session, "axis", name, data, {"high": high or name, "low": low})


def arrived(studio: Studio, session: Session, data: bytes, file: str, mode: str | None = None) -> str:
    """Keeps an axis, an adapter, a style, a GAN or a painter that came as a file, and returns its digest.

    Raises `UserError` where it is none of these, or of another `mode` than the one in which it is brought.
    """
    registry.infos()
    from engines.style import kinds
    from engines.text import adapter
    from engines.text.axes import read_axis

    name, stem = Path(file).name[:80] or "?", Path(file).stem[:MAX_COORDINATE] or "?"
    kind = kinds.kind(data)
    if mode == "image" or (mode is None and kind in OF_IMAGE_MODE):
        painter = kind == "painter" or (kind is None and name.endswith(PAINTER))
        return (keep_painter if painter else keep_gan)(studio, session, data, file=name)
    if kind in OF_IMAGE_MODE:
        raise StudioError(
            "{name} is a GAN." if kind == "gan" else "{name} is a painter.",
            "Bring it along in image mode. Your brief is unchanged.",
            name=name,
        )
    is_style = kind is not None
    if mode == "text" and is_style:
        raise StudioError("{name} is a painting style.", "Bring it along in style mode.", name=name)
    if mode == "style" and (b"lora_A" in data[:MOST_HEADER] or (data.lstrip()[:1] == b"{" and b'"poles"' in data)):
        raise StudioError("{name} belongs to text mode.", "Bring it along there. Your brief is unchanged.", name=name)
    if kind == kinds.HAND:
        return keep_hand(studio, session, data, file=name)
    if mode == "style" or is_style:
        return keep_style(studio, session, data, file=name)
    if data.lstrip()[:1] == b"{":
        found = read_axis(data)
        about = {"high": found.poles[0] or found.name or stem, "low": found.poles[1]}
        return keep(studio, session, "axis", found.name or stem, data, about)
    model: Any = registry.load("writer")
    known = adapter.check(adapter.load(data), model.model().network.shapes())
    return keep(studio, session, "adapter", str(known.facts.get("name") or stem), data, learned(known.facts))


def keep_style(studio: Studio, session: Session, data: bytes, name: str = "", file: str = "", picture: str = "") -> str:
    """Keeps a style, of the bank or with a network of its own, under a name, its own without one, and returns its digest. `picture` of the
    session is what it was learned from, if that was here.

    Raises `UserError` where it is none.
    """
    from engines.style import kinds

    alone = kinds.kind(data) == kinds.NETWORK
    style = trained_style(data, file, registry.info(kinds.ENGINES[kinds.NETWORK])) if alone else bank_style(data, file)
    about: dict[str, float | str] = {"nearest": str(style.facts.get("nearest", ""))[:MAX_COORDINATE]}
    for fact in ("steps", "seconds"):
        if isinstance(told := style.facts.get(fact), int | float):
            about[fact] = float(told)
    about |= _bare(style.thumbnail, name) | ({"picture": picture} if picture else {})
    return keep(studio, session, "network" if alone else "style", name or style.name or Path(file).stem, data, about)


def keep_hand(
    studio: Studio,
    session: Session,
    data: bytes,
    name: str = "",
    file: str = "",
    about: Mapping[str, float | str] | None = None,
    record: bytes = b"",
) -> str:
    """Keeps a hand of a translator under a name, its own without one, and returns its digest. Raises `UserError` where it is none."""
    found = trained_style(data, file or name, registry.info("translator"))
    return keep(
        studio, session, "hand", name or found.hand, data, {**_bare(found.thumbnail, name), **(about or {})}, record
    )


def keep_gan(
    studio: Studio,
    session: Session,
    data: bytes,
    name: str = "",
    file: str = "",
    told: Mapping[str, Any] | None = None,
    record: bytes = b"",
) -> str:
    """Keeps a GAN under a name, its own without one, and returns its digest. Raises `UserError` where it is none.

    `told` is what was measured of it, `record` the course of its training.
    """
    found = trained_style(data, file or name, registry.info("gan"))
    about: dict[str, float | str] = {"size": float(found.plan.size), "network": found.plan.network}
    facts = {**found.facts, **(told or {})}
    about |= {fact: float(facts[fact]) for fact in GAN_FACTS if isinstance(facts.get(fact), int | float)}
    about |= _bare(found.thumbnail, name)
    return keep(studio, session, "gan", name or found.name or Path(file).stem, data, about, record)


def keep_painter(
    studio: Studio,
    session: Session,
    data: bytes,
    name: str = "",
    file: str = "",
    record: bytes = b"",
) -> str:
    """Keeps a painter that learned an artist's pairs, under a name, its own without one, and returns its digest. Raises `UserError` where
    it is none. `record` is the course of its training."""
    found = trained_style(data, file or name, registry.info("painter"))
    about: dict[str, float | str] = {
        fact: float(found.facts[fact])
        for fact in ("steps", "pairs", "minutes")
        if isinstance(found.facts.get(fact), int | float)
    }
    about |= _bare(found.thumbnail, name)
    return keep(studio, session, "painter", name or found.name or Path(file).stem, data, about, record)


def _bare(thumbnail: bytes, name: str) -> dict[str, float]:
    """What is kept of a file whose picture cannot be shown: it is as good without."""
    try:
        pictures.check(thumbnail, name)
    except StudioError:
        return {"bare": 1.0}
    return {}


def look_of(data: bytes) -> bytes:
    """The picture by which a file is shown: itself, that of a style or a painter, or some samples of a GAN."""
    if data[8:9] != b"{":  # a picture: torch need not load for it
        return data
    registry.infos()
    from engines.style import kinds, stylefile

    return stylefile.thumbnail(data) if kinds.kind(data) is not None else data  # the others keep it under the same name


def bank_style(data: bytes, file: str) -> Any:
    """The style of a file that `studio train style` wrote. Raises `EngineError` where it is none of our bank."""
    return trained_style(data, file, registry.info("style-bank"))


def trained_style(data: bytes, file: str, info: EngineInfo) -> Any:
    """The style of a file, held against the engine that is to paint in it. Raises `EngineError` where it is none of its own."""
    for name in info.models:
        if not store.present(name):
            store.pull(name)
    engine: Any = registry.load(info.name)
    return engine.style(data, Path(file).name)


def learned(facts: Mapping[str, Any]) -> dict[str, float | str]:
    """What is shown of an adapter's training, of what its file says."""
    perplexity = facts.get("perplexity")
    told = {"words": facts.get("words")}
    if isinstance(perplexity, dict):
        told |= {"before": perplexity.get("before"), "after": perplexity.get("after")}
    return {name: float(value) for name, value in told.items() if isinstance(value, int | float)}


def keep(
    studio: Studio,
    session: Session,
    what: Any,
    name: str,
    data: bytes,
    about: Mapping[str, float | str],
    record: bytes = b"",
) -> str:
    """The file is on disk and in the log, with the `record` of its training if there is one, or neither. What is there already gets the
    new name."""
    sha, name = hashlib.sha256(data).hexdigest(), name[:MAX_COORDINATE]
    course = hashlib.sha256(record).hexdigest() if record else ""
    with session.acting():
        kept = Kept(sha256=sha, what=what, name=name, about=dict(about), record=course)
        studio.keep(session.id, kept, data, *([record] if record else []))
    return sha


def shelve(session: Session, sha: str, name: str | None) -> None:
    """Gives something another name, or without one takes it out of sight, until that is undone."""
    given = None if name is None else _name(name)
    if given == "":
        raise StudioError("The name is empty.", "Write one.")

    def act(state: State) -> Shelved:
        if sha not in state.kept:
            raise StudioError(
                "This session has no file {value}.", "Its pictures are listed in its history.", value=sha[:12]
            )
        return Shelved(sha256=sha, name=given)

    session.record(act)


def judged(state: State) -> dict[str, list[str]]:
    """The texts that the artist likes and dislikes, the latest first: what an axis can be made from."""
    liked: dict[str, None] = {}
    disliked: dict[str, None] = {}
    for number in sorted(state.rounds, reverse=True):
        current = state.rounds[number]
        if current.brief.mode == "text":
            good, bad = _sides(current)
            liked |= dict.fromkeys(_said(current, at) for at in sorted(good))
            disliked |= dict.fromkeys(_said(current, at) for at in sorted(bad - good))
    return {
        "liked": [text for text in liked if text and text not in disliked],
        "disliked": [text for text in disliked if text and text not in liked],
    }


def _sides(current: Round) -> tuple[set[int], set[int]]:
    """The variants that are liked, and those that are not; of a ranking, the first and the last."""
    said = current.verdict
    good, bad = {*said.likes, *current.stars, *said.texts}, set(said.dislikes)
    if said.pick is not None:
        good.add(said.pick)
    if len(said.ranking) > 1:
        good |= set(said.ranking[0])
        bad |= set(said.ranking[-1])
    if said.none:
        bad |= set(range(len(current.variants)))
    return good, bad


def _said(current: Round, at: int) -> str:
    """A variant's text, as the artist mended it."""
    made = current.variants[at].text if at < len(current.variants) else None
    return (current.verdict.texts.get(at) or made or "").strip()


def _name(said: Any) -> str:
    return check_text("name", said or "", MAX_COORDINATE, StudioError).strip()


def _texts(said: Any, side: str) -> list[str]:
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
        raise StudioError("{key} is no list of texts.", "Mend it and try again.", key=side)
    return [check_text(side, each, MOST_LETTERS, StudioError) for each in said]
