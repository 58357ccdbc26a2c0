"""A generator and a discriminator learn from each other, on an artist's pictures, until the time is up.

Goodfellow et al. 2014, "Generative adversarial nets", algorithm 1, one step of each in turn, with what later work found to hold it
together: R1 now and then (Mescheder et al. 2018; lazily, as Karras et al. 2020, section 3.1), pictures changed at random (Zhao et
al. 2020), averaged weights (Karras et al. 2018), styles mixed (Karras et al. 2019, section 3.1). Departures: both learn from the
same made pictures, and the first part of the time is spent at half the size.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ... import device, files, unfinished, vision
from ...api import EngineError, Pixels, check_options
from ...device import Choice
from ...unfinished import Stopped
from . import ganfile, networks, watching
from .augment import augmented
from .events import Event, Finding, Log, Paused, Point, Samples, Step, Trained, Warned
from .losses import GAMES, r1, value
from .plan import Plan, check_count
from .spread import Spread

Bytes = NDArray[np.uint8]

MIXED = 0.9  # of the pictures have the styles of two latents (Karras et al. 2019)
FASTER = 2.0  # how much faster the discriminator learns (Heusel et al. 2017, "two time-scale update rule")
PENALISED = 16  # steps from one R1 to the next
AVERAGED, RISES = 10_000, 0.05  # pictures after which half of the average is new, and of those seen so far at most
STEEPEST = 100.0  # length of a gradient at most
EARLY = 300  # steps in which all samples are alike
FIRST = 32  # pictures that the discriminator sees before it judges
TOLD = 10  # steps to a point of the curve
KEPT_EVERY = 60.0  # seconds
FRAMES, LEAST_BETWEEN = 100, 10.0  # sample grids in a training at most, and seconds between them at least
GRID = 6  # samples in a row


def train(
    pictures: Bytes,
    out: Path,
    plan: Plan | None = None,
    base: ganfile.Gan | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    name: str = "",
    eyes: vision.Eyes = vision.shared,
    choice: Choice | None = None,
) -> Iterator[Event]:
    """Trains on pictures, (N, size, size, 3), from `base` where one is given, and writes the file `out`; samples beside it.

    Yields a `Step` for each step, `Samples` and `Warned` now and then, then `Trained`; or `Paused`, within half a second after
    `cancelled` says so. Where a loss is no number it ends with what was kept last. Raises `EngineError` where there is too little to
    learn from, the base does not fit, or a file cannot be written; whatever was in `out` is then as it was.
    """
    plan = plan or Plan()
    check_options(Plan, asdict(plan))
    check_pictures(pictures)
    training = Training(pictures, out, plan, base, cancelled, name, eyes, choice or device.choose())
    try:
        yield from training.run()
    except Stopped:
        yield Paused(training.pause())


def check_pictures(pictures: Bytes) -> None:
    """Raises `EngineError` where there are too few, or too few different ones."""
    check_count(len({hashlib.sha256(each.tobytes()).digest() for each in pictures}))


class Training:
    """One training, from the pictures to the file."""

    def __init__(
        self,
        pictures: Bytes,
        out: Path,
        plan: Plan,
        base: ganfile.Gan | None,
        cancelled: Callable[[], bool],
        name: str,
        eyes: vision.Eyes,
        choice: Choice,
    ) -> None:
        self.pictures, self.out, self.plan, self.log = pictures, out, plan, Log()
        self.cancelled, self.choice, self.game = cancelled, choice, GAMES[plan.loss]
        self.name = name or out.name.removesuffix(ganfile.SUFFIX)
        self.base = {} if base is None else {"name": base.name, "sha256": base.sha256}
        torch.manual_seed(plan.seed)
        form: Any = {"device": choice.device, "memory_format": torch.channels_last}
        self.generator = networks.generator(plan).to(**form)
        self.discriminator = networks.discriminator(plan, eyes).to(**form)
        if base is not None:
            base.into(self.generator, self.discriminator)
            self.discriminator.freeze(plan.freeze)
        self._small = plan.small if base is None or base.plan.size != plan.size else 0.0
        self.averaged = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.judging = [each for each in self.discriminator.parameters() if each.requires_grad]
        rates: Any = {"lr": plan.learning_rate, "betas": (0.0, 0.99), "fused": True}
        self.optimizers = {
            "generator": torch.optim.Adam(self.generator.parameters(), **rates),
            "discriminator": torch.optim.Adam(self.judging, **{**rates, "lr": FASTER * plan.learning_rate}),
        }
        self.chance = torch.Generator().manual_seed(plan.seed)
        self.fixed = torch.randn(GRID * GRID, self.generator.latent, generator=torch.Generator().manual_seed(plan.seed))
        self.watch, self.spread = watching.Watch(pictures), Spread()
        self._recent: list[Step] = []
        self._before = self.chance.get_state()  # as it was before the step
        self._shown = np.zeros((8, 8, 3), np.uint8)  # the last grid of samples
        self._started = self._kept = time.perf_counter()
        self._framed = -math.inf

    def run(self) -> Iterator[Event]:
        """What happens. The time in which nobody asks for more is not the training's."""
        return unfinished.rested(self._run(), self._rest)

    def _run(self) -> Iterator[Event]:
        self._check()
        self._go_on()
        while self.log.step < self.plan.steps and self._share() < 1 and not self.log.stopped:
            if time.perf_counter() - self._framed > max(LEAST_BETWEEN, 60 * self.plan.minutes / FRAMES):
                yield from self._frame()
            step = self._step()
            if step is None:
                break
            yield step
            yield from self._note(step)
            if time.perf_counter() - self._kept > KEPT_EVERY:
                self._keep()
        yield from self._end()

    def pause(self) -> int:
        """Keeps what there is, to go on and as a file to use, and says of which step that is."""
        if self.log.step:
            self.chance.set_state(self._before)
            self._keep()
            self._write(self._shown)
        return self.log.step

    @torch.no_grad()
    def samples(self, z: Tensor, side: int | None = None) -> Tensor:
        """What the averaged generator makes of latents, (N, 3, side, side) in 0-1."""
        made = []
        for part in torch.split(z.to(self.choice.device), self.plan.batch):
            self._check()
            styles = self.averaged.styles(part)[:, None].expand(-1, self.averaged.layers, -1)
            chance = torch.Generator().manual_seed(self.plan.seed)
            made.append(self.averaged(styles, chance, side, self.choice.torch_dtype, self._check))
        return torch.cat(made).add(1).div(2).clamp(0, 1)

    # ── A step ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _step(self) -> Step | None:
        """One step of each. None where a loss was no number. Neither learns before both know what, so that a stop in between, or such
        a loss, leaves everything as it was."""
        began, side = time.perf_counter(), self._side()
        self._before = self.chance.get_state()
        made = self._made(side)
        for each in self.judging:
            each.requires_grad_(False)
        looks = self._look(made)
        with torch.no_grad():
            real_looks = self._look(self._real(side, self.plan.batch))
        wants = self.game.generator(self._judge(looks))
        for each in self.judging:
            each.requires_grad_(True)
        if not self._gradient("generator", wants + self._unlike(looks, real_looks)):
            return None
        penalised = self.plan.r1 > 0 and self.log.step % PENALISED == 0
        real_looks = tuple(each.detach().requires_grad_(penalised) for each in real_looks)
        real, fake = self._judge(real_looks), self._judge(tuple(each.detach() for each in looks))
        told = self.game.discriminator(real, fake)
        loss = told + self.discriminator.teaches(real_looks, self.choice.torch_dtype)
        if penalised:
            loss = loss + PENALISED * self.plan.r1 / 2 * r1(real, real_looks)
        if not self._gradient("discriminator", loss):
            return None
        for optimizer in self.optimizers.values():
            optimizer.step()
        self._average()
        self.spread.keep()
        self.log.step += 1
        self.log.pictures += self.plan.batch
        return self._told(real.detach(), fake.detach(), float(told.detach()), float(wants.detach()), began)

    def _made(self, side: int) -> Tensor:
        """Pictures of the generator; most of them have the styles of one latent up to some layer and of another from there on."""
        count, layers = self.plan.batch, self.generator.layers
        z = torch.randn(2, count, self.generator.latent, generator=self.chance).to(self.choice.device)
        one, other = (self.generator.styles(each)[:, None].expand(-1, layers, -1) for each in z)
        cut = torch.randint(1, max(2, layers), (count, 1, 1), generator=self.chance)
        cut[torch.rand(count, 1, 1, generator=self.chance) > MIXED] = layers
        first = (torch.arange(layers)[None, :, None] < cut).to(self.choice.device)
        styles = torch.where(first, one, other)
        made: Tensor = self.generator(styles, self.chance, side, self.choice.torch_dtype, self._check)
        return made

    def _real(self, side: int, count: int) -> Tensor:
        which = torch.randint(len(self.pictures), (count,), generator=self.chance).numpy()
        drawn = torch.from_numpy(self.pictures[which]).to(self.choice.device).movedim(-1, 1).float() / 127.5 - 1
        if self.plan.mirror:
            turned = torch.rand(len(drawn), 1, 1, 1, generator=self.chance).to(drawn.device) < 0.5
            drawn = torch.where(turned, drawn.flip(3), drawn)
        return functional.avg_pool2d(drawn, drawn.shape[2] // side) if side < drawn.shape[2] else drawn

    def _look(self, pictures: Tensor) -> tuple[Tensor, ...]:
        looks: tuple[Tensor, ...] = self.discriminator.look(
            augmented(pictures, self.chance, self.plan.augment), self._check
        )
        return looks

    def _unlike(self, looks: tuple[Tensor, ...], real: tuple[Tensor, ...]) -> Tensor | float:
        """What the generator pays for samples that are spread unlike the pictures."""
        if not self.plan.spread:
            return 0.0
        return self.plan.spread * self.spread(self.discriminator.summary(looks), self.discriminator.summary(real))

    def _judge(self, looks: tuple[Tensor, ...]) -> Tensor:
        verdict: Tensor = self.discriminator(looks, self.choice.torch_dtype, self._check)
        return verdict

    def _gradient(self, who: str, loss: Tensor) -> bool:
        """What one of them is to learn. False where that is no number."""
        optimizer = self.optimizers[who]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        length = nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], STEEPEST)
        fine = bool(loss.isfinite()) and bool(length.isfinite())
        if not fine:
            self.log.stopped = f"At step {self.log.step + 1} the loss of the {who} was no number."
        return fine

    def _average(self) -> None:
        half = min(AVERAGED, max(self.plan.batch, RISES * self.log.pictures))
        networks.blend(self.averaged, self.generator, 1 - 0.5 ** (self.plan.batch / half))

    # ── What is told ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, real: Tensor, fake: Tensor, discriminator: float, generator: float, began: float) -> Step:
        seconds = self._seconds()
        return Step(
            step=self.log.step,
            pictures=self.log.pictures,
            seconds=seconds,
            left=max(0.0, 60 * self.plan.minutes - seconds),
            rate=self.plan.batch / (time.perf_counter() - began),
            discriminator=discriminator,
            generator=generator,
            real=float(real.sigmoid().mean()),
            fake=float(fake.sigmoid().mean()),
            value=float(value(real, fake)),
            right=(float((real > 0).float().mean()) + float((fake < 0).float().mean())) / 2,
        )

    def _note(self, step: Step) -> Iterator[Event]:
        """Puts a point on the curve now and then, and warns where it says that the discriminator wins."""
        self._recent.append(step)
        if len(self._recent) == TOLD:
            points = [asdict(each) for each in self._recent]
            self.log.curve.append({key: sum(each[key] for each in points) / TOLD for key in points[0]})
            self._recent = []
            yield Point(self.log.curve[-1])
            yield from self._warn(self.watch.verdicts([point["right"] for point in self.log.curve]))

    def _frame(self) -> Iterator[Event]:
        """The fixed latents as a grid, on disk, and a warning where samples are too much alike."""
        self._framed = time.perf_counter()
        made = self.samples(self.fixed, self._side())
        pixels, file = networks.grid(made, GRID, int(self.plan.size)), self.frames / f"{self.log.step:07d}.png"
        files.write_whole(file, networks.png(pixels))
        self._shown = pixels
        yield Samples(self.log.step, file, pixels)
        yield from self._warn(self.watch.samples(made) if self.log.step > EARLY else None)

    def _warn(self, found: Finding | None) -> Iterator[Event]:
        if found is not None:
            warned = Warned(**asdict(found), step=self.log.step)
            self.log.warned.append(asdict(warned))
            yield warned

    @property
    def frames(self) -> Path:
        """Where the sample grids are kept, by step."""
        return ganfile.samples_of(self.out)

    def _end(self) -> Iterator[Event]:
        if self.log.stopped:
            why, seconds = self.log.stopped, self._seconds()
            if not self._restore():
                raise EngineError("{why} Nothing was learned by then.", "Choose a smaller learning rate.", why=why)
            self.log.stopped, self.log.seconds = why, seconds
        yield from self._frame()
        facts = self._write(self._shown)
        unfinished.place(self.out).unlink(missing_ok=True)
        yield Trained(self.out, facts)

    def _write(self, samples: Pixels) -> dict[str, Any]:
        facts = self.facts()
        ganfile.write(self.out, self.name, self.plan, self.averaged, self.discriminator, samples, facts)
        return facts

    def facts(self) -> dict[str, Any]:
        log, few = self.log, max(1, len(self.log.curve) // 100)
        return {
            "plan": asdict(self.plan),
            "base": self.base,
            "learned_from": len(self.pictures),
            "steps": log.step,
            "pictures": log.pictures,
            "seconds": round(self._seconds(), 1),
            "stopped": log.stopped,
            "warned": [f"Step {each['step']}: {Warned(**each)}" for each in log.warned],
            "curve": [{key: round(each, 4) for key, each in point.items()} for point in log.curve[::few]],
            "device": self.choice.device,
            "dtype": self.choice.dtype,
        }

    # ── Its state ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        if self.cancelled():
            raise Stopped

    def _rest(self, seconds: float) -> None:
        self._started, self._kept, self._framed = (each + seconds for each in (self._started, self._kept, self._framed))

    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _share(self) -> float:
        """How much of the training is over, 0-1."""
        return max(self._seconds() / 60 / self.plan.minutes, self.log.step / self.plan.steps)

    def _side(self) -> int:
        return self.generator.starts[0 if self._share() < self._small else -1]

    @property
    def mark(self) -> str:
        """Tells one training from another: only the same may be gone on with, for more minutes if need be."""
        same, seen = replace(self.plan, minutes=1.0, steps=1), hashlib.sha256(self.pictures.tobytes()).hexdigest()
        facts = [asdict(same), self.base, seen, self.choice.device, self.choice.dtype]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _tensors(self) -> dict[str, Tensor]:
        parts = ("generator", "averaged", "discriminator")
        found = {f"{part}.{name}": each for part in parts for name, each in getattr(self, part).state_dict().items()}
        for who, optimizer in self.optimizers.items():
            for at, state in optimizer.state_dict()["state"].items():
                found |= {f"adam.{who}.{at}.{key}": each for key, each in state.items()}
        return {**found, **self.spread.tensors(), "chance": self.chance.get_state()}

    def _keep(self) -> None:
        self.log.seconds, self._kept = self._seconds(), time.perf_counter()
        unfinished.write(self.out, self.mark, asdict(self.log), self._tensors())

    def _go_on(self) -> None:
        """Begins, or takes up what an earlier run left."""
        try:
            self.frames.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(
                "{path} could not be written: {why}.", "Choose another --out.", path=str(self.frames), why=str(error)
            ) from error
        if not self._restore() and not self.base:
            self.discriminator.get_used(self._real(self._side(), FIRST), self._check)

    def _restore(self) -> bool:
        if (kept := unfinished.read(self.out, self.mark, Log)) is None:
            return False
        tensors, self.log = kept
        self._recent = []
        for part in ("generator", "averaged", "discriminator"):
            own = {name.removeprefix(f"{part}."): each for name, each in tensors.items() if name.startswith(f"{part}.")}
            getattr(self, part).load_state_dict(own)
        for who, optimizer in self.optimizers.items():
            moments: dict[int, dict[str, Tensor]] = {}
            for name, each in tensors.items():
                if name.startswith(f"adam.{who}."):
                    _, _, at, key = name.split(".")
                    form = torch.channels_last if each.dim() == 4 else torch.contiguous_format  # as the weights lie
                    moments.setdefault(int(at), {})[key] = each.contiguous(memory_format=form)
            optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        self.spread.restore(tensors)
        self.chance.set_state(tensors["chance"])
        self._before = tensors["chance"]
        self._started = time.perf_counter() - self.log.seconds
        return True
