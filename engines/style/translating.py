"""How a translator is trained, on a folder of pictures a domain: StarGAN v2 (Choi et al. 2020), section 2.2 and appendix B.

Departures, all for two processor cores: codes are drawn by chance in one step and read off pictures in the next, where the paper does
both in each; the way back and diversity are tried on half of each batch; generator and discriminator learn from the same drawings at the
same time, after the discriminator learned alone for a while what tells the domains apart; R1 comes every few steps, with as much more
weight (Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN", appendix B).
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import device, unfinished
from ..api import EngineError, check_options
from ..unfinished import Stopped
from . import adversarial, translatorfile
from .domains import Batch, Domains
from .painting import to_pixels
from .plan import TranslatorPlan
from .training import Paused, Shown, Trained
from .translator import LATENT, Discriminator, Networks, Shape, of_domain
from .translatorfile import Translator

REAL = 4  # times as many real pictures a step are judged as drawn ones
OTHER = 0.5  # how much it counts that the judge takes no picture of another domain
JUDGE_WIDER = 2  # times as many channels as the generator's; with as many it soon took drawings for pictures
JUDGE_FASTER = 2.0  # the judge's rate beside that of the others (Heusel et al. 2017, two time scales)
NOISE = 0.04  # of the range, over what the judge sees
STEEP_EVERY = 8  # steps from one R1 to the next
SLOWER = 0.1  # the mapping network's rate beside that of the others; a hundredth in the paper, for far more steps
AVERAGED, AVERAGED_EVERY = 0.99, 5  # how much of the averaged weights stays each time, and steps
FALLS = 0.6  # the share of the training from which the rate comes down
TIMED = 20  # steps after which it is reckoned again how many fit into the minutes
KEPT_EVERY, TOLD_EVERY = 60.0, 10  # seconds, steps
SHOWN_EVERY, SHOWN = (10.0, 60.0), 60  # seconds at least and at most, and samples in a training about
SAMPLES = 8  # pictures that are drawn again to be seen


@dataclass(frozen=True)
class Step:
    """After some steps, or before the first (`step` 0, no losses)."""

    step: int
    total: int  # steps; fewer as soon as it is clear that they do not fit into the minutes
    losses: dict[str, float]  # each the mean since the last that was told
    seconds: float  # since the beginning, pauses left out
    left: float | None  # seconds that it will still take, as soon as that is known


Event = Step | Shown | Paused | Trained


@dataclass
class Log:
    """What is known of a training so far; with the tensors, all that it takes to go on."""

    step: int = 0
    total: int = 0
    seconds: float = 0.0
    stopped: str = ""  # why it ended early
    curve: list[dict[str, float]] = field(default_factory=list)


def train(
    domains: Domains,
    out: Path,
    plan: TranslatorPlan | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    """Learns to draw pictures of each domain as those of another, and writes a file a domain, `out-DOMAIN.translator.safetensors`.

    Yields a `Step` every few steps and a `Shown` (a grid of samples) now and then, then `Trained`; or `Paused`, within half a second
    after `cancelled` says so. Where a loss is no number it ends, and what is written is the last that was good. Raises `EngineError`
    where a file cannot be written; whatever was there before is then as it was.
    """
    course = Course(domains, out, plan or TranslatorPlan(), cancelled)
    try:
        yield from course.run()
    except Stopped:
        yield Paused(course.pause(), course.log.total)


class Course:
    """One training, from the pictures to the file."""

    def __init__(
        self, domains: Domains, out: Path, plan: TranslatorPlan, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        check_options(TranslatorPlan, asdict(plan))
        self.domains, self.out, self.plan, self.cancelled = domains, out, plan, cancelled
        self.log, self.choice = Log(), device.choose()
        self.shape, form = Shape(len(domains.names), plan.width), {"memory_format": torch.channels_last}
        to: Any = {"device": self.choice.device, **form}
        torch.manual_seed(plan.seed)
        self.networks = Networks(self.shape).to(**to)
        self.averaged = copy.deepcopy(self.networks).eval().requires_grad_(False)
        self.judge = Discriminator(self.shape.domains, JUDGE_WIDER * plan.width).to(**to)
        slow, rest = list(self.networks.mapping.parameters()), [self.networks.generator, self.networks.encoder]
        groups: list[dict[str, Any]] = [
            {"params": [part for network in rest for part in network.parameters()]},
            {"params": slow, "times": SLOWER},
        ]
        self.drawing = torch.optim.Adam(groups, plan.learning_rate, betas=(0.0, 0.99), fused=True)
        judging: list[dict[str, Any]] = [{"params": list(self.judge.parameters()), "times": JUDGE_FASTER}]
        self.judging = torch.optim.Adam(judging, plan.learning_rate, betas=(0.0, 0.99), fused=True)
        self.chance = torch.Generator().manual_seed(plan.seed)
        self.mark = marked(domains, plan)
        self._settled = self.chance.get_state()  # as it was after the last whole step
        self._recent: list[dict[str, float]] = []
        self._started = self._kept = self._showed = time.perf_counter()

    def run(self) -> Iterator[Event]:
        """What happens. The time in which nobody asks for more is not the training's."""
        return unfinished.rested(self._run(), self._rest)

    def _run(self) -> Iterator[Event]:
        self._check()
        self._begin()
        yield self._told({})
        yield self._show()
        first, began = self.log.step, self._seconds()
        often = min(max(SHOWN_EVERY[0], 60 * self.plan.minutes / SHOWN), SHOWN_EVERY[1])
        while self.log.step < self.log.total and not self.log.stopped:
            losses = self._step()
            if losses is None:
                break
            self._plan((self._seconds() - began) / (self.log.step - first))
            self._recent.append(losses)
            if self.log.step % TOLD_EVERY == 0:
                yield self._told(self._mean())
            if time.perf_counter() - self._showed > often:
                yield self._show()
            if time.perf_counter() - self._kept > KEPT_EVERY:
                self._keep()
        yield from self._end()

    def pause(self) -> int:
        """Keeps what there is, and says of which step that is."""
        if self.log.step:
            self._keep()
        return self.log.step

    # ── A step ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _step(self) -> dict[str, float] | None:
        """One step. None where a loss was no number: nothing is changed by it then."""
        plan = self.plan
        self.drawing.zero_grad(set_to_none=True)
        self.judging.zero_grad(set_to_none=True)
        real = self._batch(self.domains.drawn(REAL * plan.batch, self.chance))
        if self._share() < plan.alone:
            losses = self._judge(real)
        else:
            content = self._batch(self.domains.drawn(plan.batch, self.chance))
            wanted = Batch(real.pictures[: plan.batch], real.domain[: plan.batch])
            losses, made = self._draw(content, wanted)
            self._check()
            losses |= self._judge(real, made, wanted.domain)
        self._check()
        gradients = [part.grad for part in [*self.networks.parameters(), *self.judge.parameters()]]
        sound = all(bool(each.isfinite().all()) for each in gradients if each is not None)
        if not sound or not all(math.isfinite(value) for value in losses.values()):
            self.log.stopped = f"At step {self.log.step + 1} a loss was no number."
            return None
        for optimizer in (self.drawing, self.judging):
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate * self._rate() * group.get("times", 1.0)
            optimizer.step()
        self.log.step += 1
        self._average()
        self._settled = self.chance.get_state()
        return losses

    def _codes(self, wanted: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Two codes for each of the wanted domains, (N, 64): drawn by chance or, every other step, read off pictures. And how far the
        encoder is from telling the pictures' domains."""
        domain = wanted.domain.repeat(2)
        if self.log.step % 2:
            latent = torch.randn(len(domain), LATENT, generator=self.chance).to(self.choice.device)
            codes, which = self.networks.mapping(latent), torch.zeros((), device=self.choice.device)
        else:
            others = self._batch(wanted.domain)
            with self._quick():
                codes, logits = self.networks.encoder(torch.cat((wanted.pictures, others.pictures)))
            which = adversarial.told_apart(logits, domain)
        one, another = of_domain(codes, domain).chunk(2)
        return one, another.detach(), which

    def _draw(self, content: Batch, wanted: Batch) -> tuple[dict[str, float], Tensor]:
        """The losses of all networks but the judge, with their gradients, and what was drawn. Real pictures tell what is wanted."""
        networks, plan = self.networks, self.plan
        code, another, which = self._codes(wanted)
        some = slice((plan.batch + 1) // 2)
        self.judge.requires_grad_(False)
        with self._quick():
            made = networks.generator(content.pictures, code)
            verdict = of_domain(self.judge(self._blurred(made)), wanted.domain)
            back, own = networks.encoder(torch.cat((made, content.pictures)))[0].chunk(2)
            returned = networks.generator(made[some], of_domain(own, content.domain)[some])
            with torch.no_grad():
                different = networks.generator(content.pictures[some], another[some])
        parts = {
            "adversarial": adversarial.believed(verdict),
            "style": adversarial.read_back(code.detach(), of_domain(back, wanted.domain)),
            "diversity": adversarial.apart(made[some], different),
            "cycle": adversarial.back_again(content.pictures[some], returned),
            "which": which,
        }
        weights = {"style": plan.style, "diversity": -plan.diversity * (1 - self._share()), "cycle": plan.cycle}
        total = torch.stack([weights.get(name, 1.0) * value for name, value in parts.items()]).sum()
        self._check()
        total.backward()  # type: ignore[no-untyped-call]
        self.judge.requires_grad_(True)
        return {name: float(value.detach()) for name, value in parts.items()}, made.detach()

    def _judge(self, real: Batch, made: Tensor | None = None, wanted: Tensor | None = None) -> dict[str, float]:
        """The discriminator's losses, with their gradients. `made` was drawn for the domains `wanted`; nothing, while it learns alone."""
        seen = self._blurred(real.pictures)
        with self._quick():
            verdict = self.judge(seen)
            drawn = verdict[:0, 0]
            if made is not None and wanted is not None:
                drawn = of_domain(self.judge(self._blurred(made)), wanted)
        self._check()
        loss = adversarial.judging(verdict, real.domain, drawn, OTHER)
        true = of_domain(verdict, real.domain)
        told = {"judge": loss, "real": true.mean()} | ({"drawn": drawn.mean()} if len(drawn) else {})
        if self.plan.steepness and self.log.step % STEEP_EVERY == 0:
            some = slice(self.plan.batch)
            steep = adversarial.steepness(self.judge, seen[some], real.domain[some])
            loss = loss + STEEP_EVERY * self.plan.steepness * steep
        loss.backward()  # type: ignore[no-untyped-call]
        return {name: float(value.detach()) for name, value in told.items()}

    # ── Its parts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        if self.cancelled():
            raise Stopped

    def _quick(self) -> torch.autocast:
        return torch.autocast(self.choice.device, self.choice.torch_dtype, self.choice.dtype == "bfloat16")

    def _batch(self, domain: Tensor) -> Batch:
        return self.domains.batch(domain, self.chance).to(self.choice.device)

    def _blurred(self, pictures: Tensor) -> Tensor:
        """As the judge sees them: under noise (Sønderby et al. 2016, "Amortised MAP inference for image super-resolution", section 3.2.1),
        which goes by and by; for no drawing is as even as a flat icon, and that is all that it would look for."""
        return pictures + NOISE * (1 - self._share()) * torch.randn(pictures.shape, generator=self.chance).to(pictures)

    def _share(self) -> float:
        """How much of the training is over, 0-1."""
        return self.log.step / max(self.log.total, 1)

    def _rate(self) -> float:
        """As it is for most of the time, then down to nothing."""
        return min(1.0, (1 - self._share()) / (1 - FALLS))

    def _plan(self, pace: float) -> None:
        """No more steps than fit into the minutes at this pace (seconds a step)."""
        if self.log.step % TIMED == 0:
            left = 60 * self.plan.minutes - self._seconds()
            self.log.total = min(self.plan.steps, self.log.step + max(0, int(left / pace)))

    @torch.no_grad()
    def _average(self) -> None:
        if self.log.step % AVERAGED_EVERY:
            return
        keep = min(AVERAGED, (self.log.step + 1) / (self.log.step + 50))
        for mine, new in zip(self.averaged.parameters(), self.networks.parameters(), strict=True):
            mine.lerp_(new, 1 - keep)

    def _rest(self, seconds: float) -> None:
        self._started, self._kept, self._showed = (each + seconds for each in (self._started, self._kept, self._showed))

    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _mean(self) -> dict[str, float]:
        last = self._recent[-1]
        every = [
            each for each in self._recent if each.keys() == last.keys()
        ]  # those from before the judge had company have fewer
        mean = {name: sum(each[name] for each in every) / len(every) for name in last}
        self._recent = []
        self.log.curve.append({"step": self.log.step, "seconds": round(self._seconds(), 1), **mean})
        return mean

    def _told(self, losses: dict[str, float]) -> Step:
        log, seconds = self.log, self._seconds()
        left = seconds / log.step * (log.total - log.step) if log.step else None
        return Step(log.step, log.total, losses, seconds, left)

    @torch.no_grad()
    def _show(self) -> Shown:
        """A grid: in the first row pictures, below them the same by each domain, with codes drawn by chance."""
        self._showed = time.perf_counter()
        chance, domains = torch.Generator().manual_seed(self.plan.seed), self.shape.domains
        content = self.domains.batch(torch.arange(SAMPLES) % domains, chance).to(self.choice.device)
        codes = self.averaged.mapping(torch.randn(SAMPLES, LATENT, generator=chance).to(self.choice.device))
        with self._quick():
            rows = [self.averaged.generator(content.pictures, codes[:, domain]) for domain in range(domains)]
        grid = torch.cat([torch.cat(list(row), 2) for row in (content.pictures, *rows)], 1)
        return Shown(self.log.step, to_pixels(grid.permute(1, 2, 0).cpu()))

    # ── Its state ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        """Goes on where an earlier run was stopped, or begins."""
        self.log.total = self.plan.steps
        kept = unfinished.read(self.out, self.mark, Log, self._state())
        if kept is None:
            return
        tensors, self.log = kept
        self.networks.load_state_dict(unfinished.part_of(tensors, "networks"))
        self.averaged.load_state_dict(unfinished.part_of(tensors, "averaged"))
        self.judge.load_state_dict(unfinished.part_of(tensors, "judge"))
        for name, optimizer in self._optimizers().items():
            moments = unfinished.part_of(tensors, name)
            for at, part in enumerate(unfinished.parts(optimizer)):
                # in the memory format of the part: the fused optimizer goes through both as they lie
                found = {key: torch.empty_like(part).copy_(moments[f"{at}.{key}"]) for key in unfinished.MOMENTS[:2]}
                optimizer.state[part] = {**found, "step": moments[f"{at}.step"]}
        self._settled = tensors["chance"]
        self.chance.set_state(self._settled)
        self._started = time.perf_counter() - self.log.seconds

    def _keep(self) -> None:
        self.log.seconds, self._kept = self._seconds(), time.perf_counter()
        unfinished.write(self.out, self.mark, asdict(self.log), self._state())

    def _state(self) -> dict[str, Tensor]:
        """Everything that it takes to go on, by name."""
        found = {"chance": self._settled}
        for name, network in (("networks", self.networks), ("averaged", self.averaged), ("judge", self.judge)):
            found |= {f"{name}.{key}": value for key, value in network.state_dict().items()}
        for name, optimizer in self._optimizers().items():
            for at, part in enumerate(unfinished.parts(optimizer)):
                # a part that had no gradient yet has no moments either, which is as if they were 0
                known = optimizer.state.get(part) or {}
                for key in unfinished.MOMENTS:
                    empty = torch.zeros(()) if key == "step" else torch.zeros_like(part)
                    found[f"{name}.{at}.{key}"] = known.get(key, empty).detach()
        return found

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"drawing": self.drawing, "judging": self.judging}

    def _end(self) -> Iterator[Event]:
        if not self.log.step:
            raise EngineError(
                "A loss was no number from the first step on, so nothing was learned.",
                "Choose a smaller learning rate, or other pictures.",
            )
        yield (shown := self._show())
        known = Translator(self.domains.names, self.shape, self.averaged, facts := self._facts())
        files = [translatorfile.write(self.out, replace(known, hand=hand), shown.pixels) for hand in known.domains]
        unfinished.place(self.out).unlink(missing_ok=True)
        yield Trained(self.out, {**facts, "files": [str(file) for file in files]})

    def _facts(self) -> dict[str, Any]:
        log, few = self.log, max(1, len(self.log.curve) // 100)
        return {
            "domains": {name: len(each) for name, each in zip(self.domains.names, self.domains.pictures, strict=True)},
            "plan": asdict(self.plan),
            "steps": log.step,
            "seconds": round(self._seconds(), 1),
            "stopped": log.stopped,
            "curve": [{name: round(value, 4) for name, value in point.items()} for point in log.curve[::few]],
            "device": self.choice.device,
            "dtype": self.choice.dtype,
        }


def marked(domains: Domains, plan: TranslatorPlan) -> str:
    """Tells one training from another: only the same may be gone on with."""
    digest = hashlib.sha256()
    for name, pictures in zip(domains.names, domains.pictures, strict=True):
        digest.update(name.encode())
        for pixels in pictures:
            digest.update(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())
    told = json.dumps([asdict(plan), JUDGE_WIDER, digest.hexdigest()], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
