"""A GAN in two dimensions, to be watched: points of an artist, a generator that learns to make points like them, a discriminator.

After GAN Lab (Kahng et al. 2018, "GAN Lab: Understanding complex deep generative models using interactive visual experimentation"),
which shows the same things: what D believes of every place, the samples, where D pushes each, and how G bends the space of its noise.
Departures: our own losses (`losses.GAMES`), R1, and figures for how much of the points is reached. On the processor alone, always.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...api import option
from ...errors import EngineError
from .losses import GAMES, r1, value
from .plan import LOSSES

FEWEST, MOST = 8, 2000  # points
SHOWN = 160  # samples that are shown, always of the same noise
FIELD = 32  # places along a side at which D's belief is shown
LINE, NET = 97, 13  # latents along a line of noise, and along each side of a square of it
TOLD = 512  # of the artist's points, the most that figures are measured on
NEAR = 0.12  # half-widths of the plane within which a sample is said to reach a point
CLUMP = 0.3  # of the usual spread, of the generator's last layer at the beginning
SURE, BLIND, LEFT = (
    0.93,
    0.07,
    0.5,
)  # D(x) and D(G(z)) where D wins; the share of points reached, under which modes are missing
EARLY = 300  # steps before which nothing is said of modes

Who = Literal["discriminator", "generator", "both"]
WHO = get_args(Who)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Options:
    """How the two play. What `FRESH` names takes new networks; the rest can be turned while they play."""

    loss: str = option("non-saturating", choices=LOSSES, help="What the two play for.")
    noise: str = option(
        "uniform", choices=("uniform", "normal"), help="How the noise is spread that samples are made of."
    )
    dimensions: int = option(
        2, low=1, high=2, step=1, help="Numbers of noise a sample is made of: a line, or a square."
    )
    hidden: int = option(32, low=2, high=64, step=1, help="Units in each of the two hidden layers of either network.")
    rate_d: float = option(0.006, low=0.0001, high=0.1, step=0.0001, help="How fast the discriminator learns.")
    rate_g: float = option(0.002, low=0.0001, high=0.1, step=0.0001, help="How fast the generator learns.")
    steps_d: int = option(1, low=1, high=10, step=1, help="Steps of the discriminator for each step of the generator.")
    batch: int = option(96, low=4, high=256, step=4, help="Points and samples that a step looks at.")
    r1: float = option(
        0.02, low=0, high=10, step=0.01, help="How much the discriminator is smoothed around your points."
    )
    seed: int = option(0, low=0, high=2**31 - 1, step=1, help="Where chance starts: the same seed plays the same game.")


FRESH = ("noise", "dimensions", "hidden", "seed")


@dataclass(frozen=True)
class State:
    """The game as it stands. Places are in half-widths of the plane, (0, 0) in its middle, y upwards."""

    step: int  # of the generator
    turns: int  # of the discriminator
    samples: Floats  # (SHOWN, 2)
    arrows: Floats  # (SHOWN, 2): minus the gradient of G's loss at each sample, times SHOWN: where D pushes it, and how hard
    field: Floats  # (FIELD, FIELD): D(x) from the lower left, rows going up
    bent: Floats  # (LINE, 2) or (NET * NET, 2): where G puts a regular line or net of noise
    discriminator: float  # its loss, without R1
    generator: float
    real: float  # the mean of D(x)
    fake: float  # the mean of D(G(z))
    value: float  # V(D, G); -log 4 where the two cannot be told apart
    reached: float  # share of the points with a sample near
    near: float  # share of the samples with a point near
    told: str  # "" or what goes wrong: "sure", "modes", "lost"


class Network(nn.Module):
    """Two hidden layers: (N, into) -> (N, out)."""

    def __init__(self, into: int, hidden: int, out: int, chance: torch.Generator) -> None:
        super().__init__()
        sizes = (into, hidden, hidden, out)
        linear = [nn.Linear(one, other) for one, other in pairwise(sizes)]
        for layer in linear:
            nn.init.xavier_uniform_(layer.weight, generator=chance)
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(linear)

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = functional.leaky_relu(layer(x), 0.2)
        return last(x)  # type: ignore[no-any-return]


class Toy:
    """One game. `points` are what G is to learn, (N, 2) from -1 to 1; the same points, options and acts give the same states.

    Raises `EngineError` where the points are too few, too many, not finite or outside the plane.
    """

    def __init__(self, points: Sequence[Sequence[float]] | Floats, options: Options | None = None) -> None:
        self.options = options or Options()
        self.take(points)
        self._begin()

    def take(self, points: Any) -> None:
        """Plays on with other points."""
        self.points = torch.from_numpy(checked(points))
        self._told = self.points[:: math.ceil(len(self.points) / TOLD)]

    def tune(self, options: Options) -> bool:
        """Plays on with other options. Returns whether that took new networks."""
        before, self.options = self.options, options
        fresh = any(getattr(before, name) != getattr(options, name) for name in FRESH)
        if fresh:
            self._begin()
        for optimizer, rate in ((self._learn_d, options.rate_d), (self._learn_g, options.rate_g)):
            optimizer.param_groups[0]["lr"] = rate
        return fresh

    def _begin(self) -> None:
        options = self.options
        self._chance = torch.Generator().manual_seed(options.seed)
        self._g = Network(options.dimensions, options.hidden, 2, self._chance)
        with torch.no_grad():  # samples begin as a clump in the middle, so that there is something to see through
            cast(nn.Linear, self._g.layers[-1]).weight.mul_(CLUMP)
        self._d = Network(2, options.hidden, 1, self._chance)
        self._learn_g = learner(self._g, options.rate_g)
        self._learn_d = learner(self._d, options.rate_d)
        self._shown = self._noise(SHOWN)
        self._net = net(options)
        self.steps = self.turns = 0

    # ── Playing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self, who: Who = "both") -> None:
        """A turn of the game: D learns `steps_d` times, then G once; or one of the two learns once, and the other stays as it is."""
        if who not in WHO:
            allowed = ", ".join(WHO)
            raise EngineError("{key} is {value!r}.", "Choose one of: {allowed}.", key="who", value=who, allowed=allowed)
        if who != "generator":
            for _ in range(self.options.steps_d if who == "both" else 1):
                self._discriminate()
        if who != "discriminator":
            self._generate()

    def _discriminate(self) -> None:
        game, smooth = GAMES[self.options.loss], self.options.r1 > 0
        real = self._real(self.options.batch).requires_grad_(smooth)
        with torch.no_grad():
            fake = self._g(self._noise(self.options.batch))
        if smooth:  # two passes, for the penalty differentiates the first twice
            verdict = self._d(real)[:, 0]
            loss = game.discriminator(verdict, self._d(fake)[:, 0]) + self.options.r1 / 2 * r1(verdict, (real,))
        else:
            verdicts = self._d(torch.cat([real, fake]))[:, 0]
            loss = game.discriminator(*verdicts.split(self.options.batch))
        learn(self._learn_d, self._d, loss)
        self.turns += 1

    def _generate(self) -> None:
        loss = GAMES[self.options.loss].generator(self._d(self._g(self._noise(self.options.batch)))[:, 0])
        learn(self._learn_g, self._g, loss)
        self.steps += 1

    def _real(self, count: int) -> Tensor:
        return self.points[torch.randint(len(self.points), (count,), generator=self._chance)]

    def _noise(self, count: int) -> Tensor:
        shape = (count, self.options.dimensions)
        if self.options.noise == "normal":
            return torch.randn(shape, generator=self._chance)
        return torch.rand(shape, generator=self._chance) * 2 - 1

    # ── Seeing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def state(self) -> State:
        """What there is to see. Neither network, nor chance, is changed by looking."""
        game = GAMES[self.options.loss]
        with torch.no_grad():
            made = self._g(torch.cat([self._shown, self._net]))
            samples, bent = made[:SHOWN], made[SHOWN:]
            field, real = self._d(torch.cat([PLACES, self._told]))[:, 0].split([len(PLACES), len(self._told)])
            apart = torch.cdist(self._told, samples)
        fake, moving = self._pushed(samples)
        believed = torch.sigmoid(real).mean().item(), torch.sigmoid(fake).mean().item()
        near = apart <= NEAR
        found = State(
            step=self.steps,
            turns=self.turns,
            samples=samples.numpy(),
            arrows=moving.numpy(),
            field=torch.sigmoid(field).reshape(FIELD, FIELD).numpy(),
            bent=bent.numpy(),
            discriminator=game.discriminator(real, fake).item(),
            generator=game.generator(fake).item(),
            real=believed[0],
            fake=believed[1],
            value=value(real, fake).item(),
            reached=near.any(1).float().mean().item(),
            near=near.any(0).float().mean().item(),
            told="",
        )
        return replace(found, told=wrong(found))

    def _pushed(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """D's logits at the samples, (SHOWN,), and where its slope pushes each, (SHOWN, 2)."""
        places = samples.clone().requires_grad_()
        logits = self._d(places)[:, 0]
        (slope,) = torch.autograd.grad(GAMES[self.options.loss].generator(logits), places)
        return logits.detach(), -len(samples) * slope


_along = (torch.arange(FIELD) + 0.5) / FIELD * 2 - 1
PLACES = torch.stack(
    [_along.repeat(FIELD), _along.repeat_interleave(FIELD)], 1
)  # (FIELD^2, 2): the middles of the field's cells


def learner(network: nn.Module, rate: float) -> torch.optim.Optimizer:
    """Adam with the usual momentum of a GAN; all in one kernel, for these networks are all overhead."""
    return torch.optim.Adam(network.parameters(), rate, betas=(0.5, 0.99), fused=True)


def learn(optimizer: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> None:
    for parameter, slope in zip(
        network.parameters(), torch.autograd.grad(loss, list(network.parameters())), strict=True
    ):
        parameter.grad = slope
    optimizer.step()


def net(options: Options) -> Tensor:
    """A regular line or net of noise, (LINE, 1) or (NET * NET, 2); of normal noise, the middle 95 % along each side."""
    half = 1.0 if options.noise == "uniform" else 1.96
    if options.dimensions == 1:
        return torch.linspace(-half, half, LINE)[:, None]
    along = torch.linspace(-half, half, NET)
    return torch.stack([along.repeat(NET), along.repeat_interleave(NET)], 1)


def wrong(state: State) -> str:
    """What goes wrong, if anything: the numbers are lost, D wins, or samples are good but leave out much of the points."""
    if not all(map(math.isfinite, (state.discriminator, state.generator, state.value))):
        return "lost"
    if state.turns and state.real > SURE and state.fake < BLIND:
        return "sure"
    if state.step >= EARLY and state.near > LEFT >= state.reached:
        return "modes"
    return ""


def checked(points: Any) -> Floats:
    """Points as an array, (N, 2); `EngineError` where the game cannot be played with them."""
    try:
        found = np.asarray(points, np.float32)
    except (TypeError, ValueError, OverflowError):
        found = np.empty(0, np.float32)
    if found.size == 0 and isinstance(points, list | tuple | np.ndarray) and len(points) == 0:
        found = found.reshape(0, 2)
    if found.ndim != 2 or found.shape[1] != 2 or not (np.abs(found) <= 1).all():
        raise EngineError("These are no points of the plane.", "Each is two numbers from -1 to 1.")
    if not FEWEST <= len(found) <= MOST:
        raise EngineError(
            "There are {count} points.",
            "Draw at least {fewest} and at most {most}.",
            count=len(found),
            fewest=FEWEST,
            most=MOST,
        )
    return found


# ── Points to begin with ─────────────────────────────────────────────────────────────────────────────────────────────

PRESETS = ("ring", "lumps", "line", "grid")
DRAWN = 400  # points of each


def preset(name: str, seed: int = 0) -> Floats:
    """Points of a figure, (DRAWN, 2): a ring; two lumps; a line that waves; nine small lumps, some of which G likes to leave out."""
    if name not in PRESETS:
        raise EngineError(
            "{key} is {value!r}.", "Choose one of: {allowed}.", key="preset", value=name, allowed=", ".join(PRESETS)
        )
    chance = np.random.default_rng(seed)
    blur, along = chance.normal(size=(DRAWN, 2)), chance.random(DRAWN)
    if name == "ring":
        angle = 2 * np.pi * along
        found = 0.62 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.035 * blur
    elif name == "lumps":
        found = np.where(along[:, None] < 0.5, [-0.5, -0.35], [0.5, 0.35]) + 0.08 * blur
    elif name == "line":
        found = np.stack([1.5 * along - 0.75, 0.42 * np.sin(5 * along - 1)], 1) + 0.03 * blur
    else:
        cell = chance.integers(0, 9, DRAWN)
        found = 0.62 * np.stack([cell % 3 - 1, cell // 3 - 1], 1) + 0.045 * blur
    return np.clip(found, -1, 1).astype(np.float32)
