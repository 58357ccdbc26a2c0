"""What the weights of a brief may name, and the parents among them. No torch here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .brief import PICTURE
from .errors import BriefError

GROUPS = ("coarse", "middle", "fine")  # of the layers of a generator: Karras et al. 2019, section 3.1
PARENTS = (*GROUPS, "parent")  # kinds whose weights name pictures that children are bred from
MOST_PARENTS = 8


def parents(weights: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The pictures that weights name as parents, by reference, with how much each gives by kind."""
    found: dict[str, dict[str, float]] = {}
    for name, value in weights.items():
        kind, _, ref = name.partition(":")
        if kind in PARENTS:
            found.setdefault(ref, {})[kind] = value
    return dict(sorted(found.items()))


def check(
    engine: str, given: Mapping[str, float], allowed: Mapping[str, tuple[float, float]], axes: Collection[str]
) -> None:
    """Raises `BriefError` where the engine takes no such weights. `allowed` are its kinds with their bounds, `axes` those it knows."""
    for name, value in given.items():
        kind, _, own = name.partition(":")
        if kind not in allowed:
            known = ", ".join(f"{each}:…" for each in allowed) or "none"
            raise BriefError(
                "Unknown weight {key!r}.",
                "Engine {engine} knows: {allowed}.",
                key=name,
                engine=engine,
                allowed=known,
            )
        low, high = allowed[kind]
        if not low <= value <= high:
            raise BriefError(
                "{key} is {value!r}.",
                "It must be {kind} from {low} to {high}.",
                key=f"weights.{name}",
                value=value,
                kind="a number",
                low=low,
                high=high,
            )
        if kind == "axis" and own not in axes and not PICTURE.fullmatch(own):
            known = ", ".join(axes) or "none by name"
            raise BriefError(
                "Unknown axis {key!r}.", "Engine {engine} knows: {allowed}.", key=own, engine=engine, allowed=known
            )
        _check_own(kind, own, name)
    if len(found := parents(given)) > MOST_PARENTS:
        raise BriefError(
            "The brief has {count} parents.", "At most {limit} are allowed.", count=len(found), limit=MOST_PARENTS
        )


def _check_own(kind: str, own: str, name: str) -> None:
    """What stands behind the kind: a stored file, or a word."""
    if kind in PARENTS and not PICTURE.fullmatch(own):
        raise BriefError(
            "{key} is {value!r}.",
            "It must be {kind}.",
            key="weights",
            value=name,
            kind="a stored picture, such as coarse:sha256:<64 hex digits>",
        )
    if kind == "adapter" and not PICTURE.fullmatch(own):
        raise BriefError(
            "{key} is {value!r}.",
            "It must be {kind}.",
            key="weights",
            value=name,
            kind="a stored adapter, adapter:sha256:<64 hex digits>",
        )
    if kind == "word" and not own.strip():
        raise BriefError(
            "{key} is {value!r}.",
            "It must be {kind}.",
            key="weights",
            value=name,
            kind="a word, such as word:lantern",
        )
