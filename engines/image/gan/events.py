"""What a GAN's training tells while it goes on, and what is kept of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...api import Pixels


@dataclass(frozen=True)
class Step:
    """After a step. `real` and `fake` are the mean of D(x) and of D(G(z)), `value` is V(D, G), `right` the share of right verdicts."""

    step: int
    pictures: int  # seen so far
    seconds: float  # since the beginning, pauses left out
    left: float  # seconds
    rate: float  # pictures a second
    discriminator: float  # its loss
    generator: float
    real: float
    fake: float
    value: float
    right: float


@dataclass(frozen=True)
class Point:
    """A point of the curve: the mean of the last steps, by the names of `Step`."""

    values: Mapping[str, float]


@dataclass(frozen=True)
class Samples:
    """What the same latents look like by now; `file` keeps it, so that one can go back through time."""

    step: int
    file: Path
    pixels: Pixels


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: what, and what helps. The remedy names `settings`, which are called otherwise in every place."""

    message: str
    remedy: str
    settings: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """As the command line says it."""
        flags = {name: f"--{name.replace('_', '-')}" for name in self.settings}
        return f"{self.message} {self.remedy}".format(**self.values, **flags)


@dataclass(frozen=True)
class Warned(Finding):
    """It was found after this step."""

    step: int = 0


@dataclass(frozen=True)
class Paused:
    """It was stopped. The same pictures, settings and folder take it up at this step, and until then its file can be used; at 0
    nothing was kept."""

    step: int


@dataclass(frozen=True)
class Trained:
    file: Path
    facts: dict[str, Any]


Event = Step | Point | Samples | Warned | Paused | Trained


@dataclass
class Log:
    """What is known of a training so far; with the tensors, all that it takes to go on."""

    step: int = 0
    pictures: int = 0
    seconds: float = 0.0
    stopped: str = ""  # why it ended early
    curve: list[dict[str, float]] = field(default_factory=list)
    warned: list[dict[str, Any]] = field(default_factory=list)  # as `Warned`
