"""What a GAN's training tells while it goes on, and what is kept of that."""

from __future__ import annotations

from collections.abc import Mapping
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
class Samples:
    """What the same latents look like by now; `file` keeps it, so that one can go back through time."""

    step: int
    file: Path
    pixels: Pixels


@dataclass(frozen=True)
class Warned:
    """Something goes wrong: what, and what helps."""

    step: int
    message: str
    remedy: str
    values: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".format(**self.values)


@dataclass(frozen=True)
class Paused:
    """It was stopped. The same pictures, settings and folder take it up at this step, and until then its file can be used; at 0
    nothing was kept."""

    step: int


@dataclass(frozen=True)
class Trained:
    file: Path
    facts: dict[str, Any]


Event = Step | Samples | Warned | Paused | Trained


@dataclass
class Log:
    """What is known of a training so far; with the tensors, all that it takes to go on."""

    step: int = 0
    pictures: int = 0
    seconds: float = 0.0
    stopped: str = ""  # why it ended early
    curve: list[dict[str, float]] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
