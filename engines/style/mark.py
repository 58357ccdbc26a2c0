"""What tells a style's training from others, and what is kept of one that is not finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from ..api import Pixels
from ..device import Choice
from ..unfinished import MOMENTS
from .learned import flattened
from .plan import NetworkPlan, Plan
from .stylefile import Style

STYLE = ("weights", "good", *MOMENTS)  # the tensors of an unfinished style


@dataclass
class Log:
    """What is known of a training so far; with the tensors, all that it takes to go on."""

    step: int = 0
    total: int = 0
    seconds: float = 0.0
    nearest: str = ""
    stopped: str = ""  # why it ended early
    curve: list[list[float]] = field(default_factory=list)  # step, seconds, loss, style, content
    sittings: int = 1
    begun: int = 0  # the step at which the last of them began
    before: float = 0.0  # and the seconds until then


def marked(
    network: str,
    picture: Pixels,
    contents: Sequence[Pixels],
    plan: Plan,
    choice: Choice,
    before: Style | None = None,
) -> str:
    """Tells one training from another: only the same may be gone on with. `network` is the SHA-256 of the bank's, `before` a style that
    it learns on from."""
    digest = hashlib.sha256()
    for pixels in (picture, *contents):
        digest.update(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())
    asked = asdict(plan)
    if isinstance(plan, NetworkPlan):  # sittings may be of any length
        del asked["minutes"], asked["steps"]
    if before is not None:
        digest.update(flattened(before.row).numpy().tobytes())
    facts = [network, asked, digest.hexdigest(), choice.device, choice.dtype]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def earlier(before: Style | None, fact: str) -> float:
    """What the file of a style that is learned on from says of its sittings so far; 0 where it says nothing."""
    told = before.facts.get(fact) if before is not None else None
    return float(told) if isinstance(told, int | float) and 0 <= told < 1e9 else 0.0


def recent(curve: Sequence[Sequence[float]], at: int, count: int = 20) -> float:
    """The mean of the last few values of a curve."""
    last = [point[at] for point in curve[-count:]]
    return sum(last) / len(last)
