"""The brief, everything that an artist asked for, and the checks at its edge. No torch here."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, cast

from .errors import MAX_OPTION, MAX_PROMPT, BriefError, check_text

PICTURE = re.compile(r"sha256:[0-9a-f]{64}")
MAX_WEIGHT = 1e100  # weights are relative, so this is only to keep their sum a number
MAX_OWN = 10.0  # of a weight that stands for itself; each kind has narrower bounds of its own
MAX_THEN = 8  # levels of `then`
MODES = ("style", "text", "image")

Knobs = Mapping[str, float | str]  # knob name -> value


def option(
    default: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    choices: tuple[str, ...] = (),
    knob: bool = False,
    advanced: bool = False,
    beside: str = "",
    help: str = "",
) -> Any:
    """A dataclass field that sliders, the command line and checks derive from. `knob` lets steering move it, `beside` only where
    the brief has something under that key."""
    facts = {
        "low": low,
        "high": high,
        "step": step,
        "choices": choices,
        "knob": knob,
        "advanced": advanced,
        "beside": beside,
        "help": help,
    }
    return field(default=default, metadata=facts)


def check_value(spec: dataclasses.Field[Any], value: Any, prefix: str = "") -> Any:
    """`value` in the type of the field's default, or a `BriefError` that names the key, the value and what is allowed."""
    name, facts = prefix + spec.name, spec.metadata
    if facts.get("choices"):
        if value not in facts["choices"]:
            raise BriefError(
                "{key} is {value!r}.",
                "Choose one of: {allowed}.",
                key=name,
                value=value,
                allowed=", ".join(facts["choices"]),
            )
        return value
    if isinstance(spec.default, (bool, str)):
        if not isinstance(value, type(spec.default)):
            kind = "true or false" if isinstance(spec.default, bool) else "text"
            raise BriefError("{key} is {value!r}.", "It must be {kind}.", key=name, value=value, kind=kind)
        return check_text(name, value, MAX_OPTION) if isinstance(value, str) else value
    low, high = facts["low"], facts["high"]
    whole = isinstance(spec.default, int)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or (whole and value != int(value)):  # NaN is in no range
        kind = "a whole number" if whole else "a number"
        raise BriefError(
            "{key} is {value!r}.",
            "It must be {kind} from {low} to {high}.",
            key=name,
            value=value,
            kind=kind,
            low=low,
            high=high,
        )
    return int(value) if whole else float(value)


def check_options(options: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given options, checked against the fields of `options`; unknown names list what exists."""
    known = {spec.name: spec for spec in dataclasses.fields(options)}
    for name in given:
        if name not in known:
            raise BriefError("Unknown option {key!r}.", "Known: {allowed}.", key=name, allowed=", ".join(known))
    return {name: check_value(known[name], value, "options.") for name, value in given.items()}


@dataclass(frozen=True, kw_only=True)
class Brief:
    """Everything that changes the output, frozen. Checked when it is made; engine options are checked by `EngineInfo.check`.

    Pictures (`content`, `sketch`, masks, style keys that are no names) are `sha256:<hex>` references into the blob store.
    `styles` are weights, normalised to sum 1. `weights` are controls by name that stand each for itself, `<kind>:<name>`, as text
    engines have them: `axis:joyful`, `word:lantern`, `adapter:sha256:<hex>`; or what a parent gives, `coarse:sha256:<hex>`.
    `size` is the output's long side in pixels. `then` works on this brief's result.
    """

    mode: Literal["style", "text", "image"] = "style"
    engine: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    content: str | None = None
    sketch: str | None = None
    masks: Mapping[str, str] = field(default_factory=dict)
    styles: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    locks: tuple[str, ...] = ()
    steering: float = option(
        1.0, low=0, high=1, step=0.05, help="How much of what was learned may be used; 0 uses nothing."
    )
    variants: int = option(4, low=1, high=16, step=1, help="How many variants a round makes.")
    seed: int = option(
        0, low=0, high=2**31 - 1, step=1, help="Where chance starts: the same seed gives the same picture."
    )
    size: int = option(512, low=16, high=2048, step=16, help="The long side of the result, in pixels.")
    then: Brief | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise BriefError(
                "{key} is {value!r}.",
                "Choose one of: {allowed}.",
                key="mode",
                value=self.mode,
                allowed=", ".join(MODES),
            )
        for spec in dataclasses.fields(self):
            value = getattr(self, spec.name)
            if spec.metadata:
                value = check_value(spec, value)
            elif spec.name == "engine":
                value = check_text(spec.name, value)
            elif spec.name in ("prompt", "negative_prompt"):
                value = check_text(spec.name, value, MAX_PROMPT)
            elif spec.name in ("content", "sketch"):
                value = None if value is None else check_picture(spec.name, value)
            self._set(spec.name, value)
        masks = {key: check_picture(f"masks.{key}", ref) for key, ref in _table("masks", self.masks) if ref is not None}
        self._set("masks", MappingProxyType(dict(sorted(masks.items()))))
        self._set("styles", MappingProxyType(normalised(dict(_table("styles", self.styles)))))
        weights = {name: _weight(name, value) for name, value in sorted(_table("weights", self.weights))}
        self._set("weights", MappingProxyType(weights))
        self._set("options", MappingProxyType(dict(sorted(_table("options", self.options)))))
        if isinstance(self.locks, str) or not all(isinstance(name, str) for name in self.locks):
            raise BriefError(
                "{key} is {value!r}.",
                "It must be {kind}.",
                key="locks",
                value=self.locks,
                kind="a list of knob names",
            )
        self._set("locks", tuple(dict.fromkeys(check_text("locks", name) for name in self.locks)))
        if self.then is not None and not isinstance(self.then, Brief):
            raise BriefError("{key} is {value!r}.", "It must be {kind}.", key="then", value=self.then, kind="a brief")
        check_depth(self)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __reduce__(self) -> tuple[Any, ...]:
        return Brief.from_dict, (self.to_dict(),)

    def to_dict(self) -> dict[str, Any]:
        """The brief as JSON values, `mode` first, defaults left out."""
        out: dict[str, Any] = {"mode": self.mode}
        for spec in dataclasses.fields(self):
            value = getattr(self, spec.name)
            default = spec.default_factory() if spec.default_factory is not dataclasses.MISSING else spec.default
            if spec.name == "then" and value is not None:
                out["then"] = value.to_dict()
            elif spec.name != "mode" and value != default:
                out[spec.name] = (
                    dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
                )
        return out

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def from_dict(cls, data: Any) -> Brief:
        """A checked brief. Unknown keys are errors that list the known ones."""
        if not isinstance(data, Mapping):
            raise BriefError("The brief is {value!r}.", "It must be a JSON object.", value=data)
        check_depth(data)
        known = [spec.name for spec in dataclasses.fields(cls)]
        for key in data:
            if key not in known:
                raise BriefError(
                    "Unknown key {key!r} in the brief.", "Known: {allowed}.", key=key, allowed=", ".join(known)
                )
        given = dict(data)
        for key in ("masks", "styles", "weights", "options"):
            given[key] = {} if given.get(key) is None else given[key]
        locks = given.get("locks") or ()
        if not isinstance(locks, list | tuple):
            raise BriefError(
                "{key} is {value!r}.", "It must be {kind}.", key="locks", value=locks, kind="a list of knob names"
            )
        given["locks"] = tuple(locks)
        if given.get("then") is not None:
            given["then"] = cls.from_dict(given["then"])
        return cls(**given)

    @classmethod
    def from_json(cls, text: str) -> Brief:
        try:
            data = json.loads(text, parse_constant=_no_constant)
        except RecursionError:
            raise too_deep() from None
        except ValueError as error:
            raise BriefError("The brief is not valid JSON: {why}.", "Mend it and try again.", why=str(error)) from None
        return cls.from_dict(data)

    def apply(self, knobs: Knobs) -> Brief:
        """This brief with the knobs set: `style:<name>` are style weights, others with a colon weights, the rest options."""
        styles = {
            name.removeprefix("style:"): cast(float, value)
            for name, value in knobs.items()
            if name.startswith("style:")
        }
        weights = {name: value for name, value in knobs.items() if ":" in name and not name.startswith("style:")}
        options = {name: value for name, value in knobs.items() if ":" not in name}
        return dataclasses.replace(
            self,
            styles=styles or self.styles,
            weights=cast(Mapping[str, float], {**self.weights, **weights}),
            options={**self.options, **options},
        )

    def files(self) -> set[str]:
        """Every reference to a stored file, a picture or another, in this brief and those that follow."""
        named = {name.partition(":")[2] for name in self.weights}
        refs = {
            self.content,
            self.sketch,
            *self.masks.values(),
            *(name for name in {*self.styles, *named} if PICTURE.fullmatch(name)),
        }
        return cast(set[str], refs - {None}) | (self.then.files() if self.then else set())


def check_depth(brief: Any) -> None:
    """Raises `BriefError` where a brief, or the JSON values of one, has more than `MAX_THEN` levels of `then`. Never recurses."""
    depth = 0
    while brief is not None and depth <= MAX_THEN:
        brief = brief.get("then") if isinstance(brief, Mapping) else getattr(brief, "then", None)
        depth += brief is not None
    if depth > MAX_THEN:
        raise too_deep()


def too_deep() -> BriefError:
    return BriefError(
        "The brief is nested too deeply.", "At most {limit} levels of {key!r} are allowed.", key="then", limit=MAX_THEN
    )


def _weight(name: str, value: Any) -> float:
    kind, colon, _ = check_text("weights", name).partition(":")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not kind or not colon or not number or not -MAX_OWN <= value <= MAX_OWN:  # NaN is in no range
        raise BriefError(
            "{key} is {value!r}.",
            "Weights are numbers from {low} to {high}, by names such as axis:joyful.",
            key=f"weights.{name}",
            value=value,
            low=-MAX_OWN,
            high=MAX_OWN,
        )
    return float(value)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number that JSON knows")


def _table(key: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise BriefError(
            "{key} is {value!r}.", "It must be {kind}.", key=key, value=value, kind="a table of names and values"
        )
    return [(check_text(f"{key}.{name}", name), each) for name, each in value.items()]


def check_picture(key: str, value: Any) -> str:
    if not isinstance(value, str) or not PICTURE.fullmatch(value):
        raise BriefError(
            "{key} is {value!r}.",
            "It must be {kind}.",
            key=key,
            value=value,
            kind="a stored picture, sha256:<64 hex digits>",
        )
    return value


def normalised(weights: Mapping[str, Any]) -> dict[str, float]:
    """Style weights in name order, scaled to sum 1. Weights that sum to 1 already stay as they are, so that reading again is equality."""
    for name, value in weights.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= MAX_WEIGHT:  # NaN is in no range
            raise BriefError(
                "{key} is {value!r}.",
                "A style's weight must be a number from 0 to {high:g}.",
                key=f"styles.{name}",
                value=value,
                high=MAX_WEIGHT,
            )
    total = math.fsum(weights.values())
    if weights and not total > 0:
        raise BriefError(
            "All style weights are 0.", "Give at least one of {names} a weight above 0.", names=", ".join(weights)
        )
    scale = 1.0 if abs(total - 1) < 1e-9 else total
    return {name: float(weights[name]) / scale for name in sorted(weights)}
