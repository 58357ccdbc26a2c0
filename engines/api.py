"""The contracts between the studio and its engines: briefs, knobs, spaces, events, errors. No torch here.

A `Brief` is everything the artist asked for. An engine says which of its settings may vary (`EngineInfo.space`), is given a
brief and one `Setting` a variant, and answers with a stream of typed events. Same brief, knobs, seed and device: same bytes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .brief import (
    MODES,
    PICTURE,
    Brief,
    Knobs,
    check_depth,
    check_options,
    check_picture,
    check_value,
    normalised,
    option,
    too_deep,
)
from .errors import BriefError, EngineError, UserError, check_text, filled, shortened
from .roles import Drawer, Explainer, Previewer, Reader, Room, Token
from .space import Knob, Space, project_simplex
from .weights import MOST_PARENTS, PARENTS, parents
from .weights import check as check_weights

__all__ = [
    "MODES",
    "MOST_PARENTS",
    "PARENTS",
    "PICTURE",
    "STEERABLE_STYLES",
    "Brief",
    "BriefError",
    "Cancelled",
    "Done",
    "Draft",
    "Drawer",
    "Engine",
    "EngineError",
    "EngineInfo",
    "Event",
    "Explainer",
    "Failed",
    "Knob",
    "Knobs",
    "Losses",
    "NoOptions",
    "Part",
    "Pictures",
    "Pixels",
    "Preview",
    "Previewer",
    "Progress",
    "Reader",
    "Remark",
    "Result",
    "Room",
    "Setting",
    "Space",
    "Started",
    "Token",
    "UserError",
    "check_depth",
    "check_options",
    "check_picture",
    "check_text",
    "check_value",
    "filled",
    "normalised",
    "option",
    "parents",
    "project_simplex",
    "shortened",
    "too_deep",
]

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB or (H, W, 4) RGBA

STOPPED = (
    "Stopped by hand after {steps} steps: this is how far it came."  # the remark of a result that was not finished
)
MOST_VARIANTS = 4  # of an engine that does not say otherwise
STEERABLE_STYLES = 6  # a mix may hold more, but an artist's judgements cannot inform more directions than this


class Pictures(Protocol):
    """The stored files that a brief names; with folders to keep things in, where `engines.files.folder_of` finds them."""

    def __call__(self, ref: str, /) -> Pixels:
        """The pixels of a picture: `sha256:…`, or the name of a drawn style."""
        ...

    def data(self, ref: str) -> bytes:
        """What is in any file, `sha256:…`."""
        ...


@dataclass(frozen=True)
class Setting:
    """What one variant is made with."""

    knobs: Knobs
    seed: int


@dataclass(frozen=True)
class Started:
    total: int  # variants to come
    device: str
    dtype: str


@dataclass(frozen=True)
class Progress:
    done: float  # 0-1, of the whole round
    message: str = ""  # a template in English, translated by the page
    index: int | None = None  # the variant it is about


@dataclass(frozen=True)
class Preview:
    index: int
    pixels: Pixels


@dataclass(frozen=True)
class Draft:
    """A text as far as it is written."""

    index: int
    text: str


@dataclass(frozen=True)
class Losses:
    """How far a picture by optimisation still is from what it follows, by part, such as `style:relu3_1`: a point of each curve."""

    index: int
    step: int  # counted from 1
    side: int  # the long side that it is painted at now, in pixels
    values: Mapping[str, float]


@dataclass(frozen=True)
class Part:
    """One of the losses that a picture was made by: `content:<layer>`, `style:<layer>` or `smoothness`."""

    name: str
    loss: float  # before its weight: 0 is reached, 1 as far as a black picture
    share: float  # of the total, with its weight


@dataclass(frozen=True)
class Remark:
    """Something to know of a result: a template in English, filled from `values` and translated by the page."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """One variant: pixels or text, a fixed-length embedding for the taste model, and what made it.

    `raw` is the text before the filters that changed it, and `remarks` say what they did.
    """

    index: int
    knobs: Knobs
    seed: int
    seconds: float
    pixels: Pixels | None = None
    text: str | None = None
    raw: str | None = None
    remarks: tuple[Remark, ...] = ()
    unfinished: bool = False  # whether it was stopped on its way: how far it is then depends on the moment
    features: NDArray[np.float32] | None = None  # (F,)
    latent: NDArray[np.float32] | None = (
        None  # where it lies in its engine's world; its file tells it to whoever goes on from there
    )


@dataclass(frozen=True)
class Done:
    seconds: float
    peak_memory_mb: float


@dataclass(frozen=True)
class Cancelled:
    finished: int  # variants that were yielded before


@dataclass(frozen=True)
class Failed:
    error: UserError


Event = Started | Progress | Preview | Draft | Losses | Result | Done | Cancelled | Failed


@dataclass(frozen=True)
class NoOptions:
    """For engines without any."""


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """What is known of an engine before it is loaded: enough to draw its panel, check a brief and lay out its space."""

    name: str
    mode: Literal["style", "text", "image"]
    version: str
    summary: str
    options: type = NoOptions
    needs: tuple[str, ...] = ()  # keys of the brief that must be given: "content", "styles", "prompt", "sketch"
    needs_one: tuple[str, ...] = ()  # keys of which one at least must be given
    styles: tuple[str, ...] = ()  # the styles it knows by name
    picture_styles: bool = False  # whether a picture may be a style
    file_styles: str = ""  # the kind of trained file that may be one, if any
    weights: Mapping[str, tuple[float, float]] = field(
        default_factory=dict
    )  # kinds of weight that it takes, with their bounds
    axes: tuple[str, ...] = ()  # the axes it knows by name
    templates: Mapping[str, str] = field(default_factory=dict)  # that come with it, by name, for an option `template`
    masks: tuple[str, ...] = ()  # kinds of mask it takes: "style" (one a style), "edit"
    models: tuple[str, ...] = ()  # entries of the model store that it loads
    side: int = 0  # of its pictures in pixels, where the network has one: larger ones are only magnified
    most: int = MOST_VARIANTS  # variants that a round may make
    random: bool = False  # whether the seed changes the result
    continues: bool = False  # whether it goes on from a picture, the brief's `sketch`
    explains: bool = False  # whether it can tell why a variant looks as it does

    def check(self, brief: Brief) -> Brief:
        """The brief with this engine's name, or a `BriefError` that says what is wrong and what is allowed."""
        if brief.mode != self.mode:
            raise BriefError(
                "Engine {engine} works in {allowed} mode, not in {value} mode.",
                engine=self.name,
                value=brief.mode,
                allowed=self.mode,
            )
        for key in self.needs:
            if not getattr(brief, key):
                raise BriefError("The brief has no {key}.", "Engine {engine} needs one.", key=key, engine=self.name)
        if self.needs_one and not any(getattr(brief, key) for key in self.needs_one):
            raise BriefError(
                "The brief has neither {allowed}.",
                "Engine {engine} needs one of them.",
                allowed=" nor ".join(self.needs_one),
                engine=self.name,
            )
        for name in brief.styles:
            stored = (self.picture_styles or self.file_styles) and PICTURE.fullmatch(name)
            if name not in self.styles and not stored:
                known = ", ".join(self.styles) or "none by name"
                raise BriefError(
                    "Unknown style {key!r}.",
                    "Engine {engine} knows: {allowed}.",
                    key=name,
                    engine=self.name,
                    allowed=known,
                )
        check_weights(self.name, brief.weights, self.weights, self.axes)
        self._check_variants(brief.variants)
        for key in brief.masks:
            kind, _, style = key.partition(":")
            if kind not in self.masks or (kind == "style" and style not in brief.styles):
                allowed = ", ".join(self.mask_names(brief)) or "none"
                raise BriefError("Unknown mask {key!r}.", "Allowed here: {allowed}.", key=key, allowed=allowed)
        defaults = {spec.name: spec.default for spec in dataclasses.fields(self.options)}
        checked = check_options(self.options, brief.options)
        if check := getattr(self.options(**checked), "check", None):  # what is to be checked of several together
            check()
        given = {name: value for name, value in checked.items() if value != defaults[name]}
        brief = dataclasses.replace(brief, engine=self.name, options=given)
        knobs = [knob.name for knob in self.knobs(brief)]
        for name in brief.locks:
            if name not in knobs:
                raise BriefError(
                    "Unknown lock {key!r}.",
                    "This brief has the knobs: {allowed}.",
                    key=name,
                    allowed=", ".join(knobs) or "none",
                )
        return brief

    def _check_variants(self, variants: int) -> None:
        if variants > self.most:
            raise BriefError(
                "{key} is {value!r}.",
                "It must be {kind} from {low} to {high}.",
                key="variants",
                value=variants,
                kind="a whole number",
                low=1,
                high=self.most,
            )

    def mask_names(self, brief: Brief) -> list[str]:
        return [
            name
            for kind in self.masks
            for name in ([f"style:{style}" for style in brief.styles] if kind == "style" else [kind])
        ]

    def knobs(self, brief: Brief) -> tuple[Knob, ...]:
        """Every knob of the brief in order: the options that may move, the weights, then the styles of the mix."""
        options = tuple(
            Knob(spec.name, "choice", brief.options.get(spec.name, spec.default), choices=spec.metadata["choices"])
            if spec.metadata["choices"]
            else Knob(
                spec.name,
                "continuous",
                float(brief.options.get(spec.name, spec.default)),
                spec.metadata["low"],
                spec.metadata["high"],
            )
            for spec in dataclasses.fields(self.options)
            if spec.metadata.get("knob") and (not (key := spec.metadata["beside"]) or getattr(brief, key))
        )
        weights = tuple(
            Knob(name, "continuous", value, *self.weights[kind])
            for name, value in brief.weights.items()
            if (kind := name.partition(":")[0]) in self.weights
        )
        return (
            options + weights + tuple(Knob(f"style:{name}", "simplex", weight) for name, weight in brief.styles.items())
        )

    def space(self, brief: Brief) -> Space:
        """The knobs that steering may move: not locked, the heaviest `STEERABLE_STYLES` of the mix, and two styles at least."""
        knobs = self.knobs(brief)
        free = [knob for knob in knobs if knob.name not in brief.locks]
        styles = sorted((knob for knob in free if knob.kind == "simplex"), key=lambda knob: -float(knob.value))[
            :STEERABLE_STYLES
        ]
        budget = math.fsum(float(knob.value) for knob in styles)
        movable = {knob.name for knob in styles} if len(styles) > 1 and budget > 1e-9 else set()
        chosen = tuple(knob for knob in free if knob.kind != "simplex" or knob.name in movable)
        names = {knob.name for knob in chosen}
        return Space(chosen, {knob.name: knob.value for knob in knobs if knob.name not in names})


class Engine(Protocol):
    """Turns a brief and knob settings into variants. Construction is cheap; weights load on the first run."""

    info: EngineInfo

    def models(self) -> dict[str, str]:
        """Store entry -> SHA-256 of the weights in use."""
        ...

    def run(
        self, brief: Brief, settings: Sequence[Setting], pictures: Pictures, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """`Started`, then progress and one `Result` a setting in order, then `Done` (or `Cancelled`). Raises `EngineError`.

        `brief` has been through `EngineInfo.check`; a variant is made from `brief.apply(setting.knobs)`. Long work asks
        `cancelled()` at least twice a second.
        """
        ...
