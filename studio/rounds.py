"""How a round is made from a brief and its settings: models fetched, engines chained, results stored."""

from __future__ import annotations

import base64
import hashlib
import queue
import threading
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engines import registry, store
from engines.api import (
    PICTURE,
    Brief,
    Cancelled,
    Event,
    Failed,
    Pictures,
    Pixels,
    Preview,
    Progress,
    Result,
    Setting,
    UserError,
    parents,
)

from . import config, pictures
from .blobs import Blobs
from .events import Proposal, StudioError, Variant, Words
from .state import State

MIN_SIDE = 16  # pixels; below it no network here has anything to look at


@dataclass(frozen=True)
class Fetching(Progress):
    """A model on its way here, which happens once."""

    title: str = ""
    size: int = 0  # bytes, 0 where nobody knows
    preparing: bool = False  # whether it is here and only has to be converted


def ready_engines(brief: Brief, cancelled: Callable[[], bool]) -> Iterator[Progress]:
    """Pulls the models that the brief's engines need and are not there yet, and loads the engines, telling how far it is.

    When cancelled it returns at once; what is under way goes on, for the next round needs it too.
    """
    engines = list(dict.fromkeys(each.engine for each in _chain(brief)))
    yield from fetched([name for engine in engines for name in registry.models(engine)], cancelled)
    for engine in engines:  # the first one imports torch, which takes seconds
        yield from _aside(partial(_load, engine), cancelled)


def fetched(models: Sequence[str], cancelled: Callable[[], bool]) -> Iterator[Fetching]:
    """Pulls those of the models that are not there yet, telling how far it is."""
    for name in dict.fromkeys(models):
        if not store.present(name):
            wanted = store.entry(name)
            for told in _aside(partial(store.pull, name), cancelled):
                ready = told.message == store.PREPARING
                yield Fetching(told.done, told.message, title=wanted.title, size=wanted.size, preparing=ready)


def _load(engine: str, _: store.Report) -> None:
    registry.load(engine)


def _aside(work: Callable[[store.Report], object], cancelled: Callable[[], bool]) -> Iterator[Progress]:
    """What cannot be interrupted, in a thread of its own, so that nobody has to wait for it who no longer wants it."""
    heard: queue.Queue[Progress | BaseException | None] = queue.Queue()

    def run() -> None:
        try:
            work(lambda done, total, message: heard.put(Progress(done / max(total, 1), message)))
            heard.put(None)
        except BaseException as error:
            heard.put(error)

    threading.Thread(target=run, name="getting ready", daemon=True).start()
    while not cancelled():
        try:
            item = heard.get(timeout=0.2)
        except queue.Empty:
            continue
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        yield item


def _chain(brief: Brief) -> Iterator[Brief]:
    """The brief and those that follow it."""
    current: Brief | None = brief
    while current is not None:
        yield current
        current = current.then


def run_chain(
    brief: Brief, settings: Sequence[Setting], stored: Pictures, cancelled: Callable[[], bool]
) -> Iterator[Event]:
    """The engine's events; where the brief has a `then`, each result goes through it before it is passed on."""
    for event in registry.load(brief.engine).run(replace(brief, then=None), settings, stored, cancelled):
        if brief.then is None or not isinstance(event, Result):
            yield event
            continue
        for later in _follow(brief.then, event, stored, cancelled):
            yield later
            if isinstance(later, Cancelled | Failed):
                return


def _follow(brief: Brief, first: Result, stored: Pictures, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """`first` worked on by the brief that follows, as its owner asked for it."""
    content = replace(brief, content=registry.STAND_IN)
    own = registry.info(brief.engine).space(content).yours
    if first.pixels is None:
        raise StudioError("`then` works on pictures, and {engine} made none.", "Leave `then` out.", engine=brief.engine)
    seen = registry.StandIn(pictures.flatten(first.pixels), stored)
    for event in run_chain(content, [Setting(own, brief.seed)], seen, cancelled):
        match event:
            case Result():
                yield replace(
                    event, index=first.index, knobs=first.knobs, seed=first.seed, seconds=first.seconds + event.seconds
                )
            case Preview():
                yield replace(event, index=first.index)
            case Cancelled():
                yield Cancelled(first.index)
            case Failed():
                yield event


def as_variant(brief: Brief, proposal: Proposal, result: Result) -> tuple[Variant, bytes]:
    """A result as a variant and its file's bytes; a picture carries the brief, knobs and seed that made it."""
    if result.pixels is not None:
        meta = {"brief": brief.to_dict(), "knobs": dict(result.knobs), "seed": result.seed}
        if result.latent is not None:
            meta["latent"] = base64.b64encode(result.latent.astype("<f4").tobytes()).decode()
        data, media_type = pictures.encode_png(result.pixels, meta), "image/png"
    else:
        data, media_type = (result.text or "").encode(), "text/plain"
    variant = Variant(
        index=result.index,
        sha256=hashlib.sha256(data).hexdigest(),
        media_type=media_type,
        role=proposal.role,
        reason=proposal.reason,
        knobs=dict(result.knobs),
        seed=result.seed,
        seconds=result.seconds,
        text=result.text,
        raw=result.raw,
        unfinished=result.unfinished,
        remarks=[Words(template=each.template, values=dict(each.values)) for each in result.remarks],
        features=None if result.features is None else [float(value) for value in result.features],
    )
    return variant, data


def remade(data: bytes, known: Container[str]) -> Brief | None:
    """The brief that paints a picture of ours again, as its file says; None where that brief cannot be had on the page.

    Its pictures must be among `known`, hex digests: a session sees only its own. Its content may be missing, for another can
    take its place; not so a style's picture, or where a style was brushed.
    """
    found = pictures.read_meta(data) or {}
    try:
        made = Proposal.model_validate({"role": "yours", "reason": [], "knobs": found["knobs"], "seed": found["seed"]})
        brief = registry.check(replace(Brief.from_dict(found["brief"]).apply(made.knobs), seed=made.seed))
    except (UserError, KeyError, ValueError, TypeError):
        return None
    if brief.then:  # the page has no control for it yet
        return None
    unknown = {ref for ref in brief.files() if ref.removeprefix("sha256:") not in known}
    if unknown & {*brief.styles, *brief.masks.values()}:
        return None
    gone = {key: None for key in ("content", "sketch") if getattr(brief, key) in unknown}
    return replace(brief, **gone)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Stored:
    """The files of a studio and its drawn styles, as engines read them, and folders where they may keep things (`folder_of`)."""

    blobs: Blobs
    unfinished: Path | None = None
    found: Path | None = None

    def __call__(self, ref: str, /) -> Pixels:
        if PICTURE.fullmatch(ref):
            return pictures.to_pixels(self.data(ref))
        return pictures.to_pixels((config.assets() / "styles" / f"{ref}.jpg").read_bytes())

    def data(self, ref: str) -> bytes:
        return self.blobs.read(ref.removeprefix("sha256:"))


def sides_of(ref: str, state: State, blobs: Blobs) -> tuple[int, int]:
    """Width and height of a session's picture: as noted when it was uploaded, or of a variant from its header."""
    sha = ref.removeprefix("sha256:")
    kept = state.pictures.get(sha)
    return (kept.width, kept.height) if kept else pictures.size_of(blobs.read(sha))


def check_sides(width: int, height: int, size: int) -> None:
    """Raises `StudioError` where a picture of these pixels, painted at `size`, has a side that is too short to paint."""
    short = round(size * min(width, height) / max(width, height))
    if short < MIN_SIDE:
        raise StudioError(
            "A picture of {width} x {height} pixels would be {short} pixels on its short side at size {size}.",
            "Crop it, or choose a larger size: {least} pixels is the least.",
            width=width,
            height=height,
            short=short,
            size=size,
            least=MIN_SIDE,
        )


def check_pictures(brief: Brief, state: State, here: Callable[[str], bool], blobs: Blobs) -> None:
    """Raises `StudioError` where a file of the brief is not `here`, in its session, or the result's sides would be too short."""
    for ref in sorted(brief.files()):
        if not here(ref.removeprefix("sha256:")):
            raise StudioError(
                "The brief's picture {value} is not in this session.", "Upload it first.", value=ref[7:19]
            )
    for ref in parents(brief.weights):
        pictures.size_of(blobs.read(ref.removeprefix("sha256:")))  # raises where it is none
    if brief.content:
        check_sides(*sides_of(brief.content, state, blobs), brief.size)
