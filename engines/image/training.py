"""How a painter is trained: first to copy, small and then large, then against a discriminator.

The generator copies under an L1 loss, with a code that an encoder reads off the picture (the conditional VAE of BicycleGAN, Zhu et
al. 2017, equation 4). Then half of each batch goes on copying, and the other half is painted from a code drawn by chance, in a style
and with colours drawn by chance, and must pass a discriminator: the hinge form of the minimax loss (Lim and Ye 2017; Goodfellow et
al. 2014, equation 1) with R1 on real pictures now and then (Mescheder et al. 2018), pictures with other words as negatives (Reed et
al. 2016), an auxiliary classifier for the style, and the code read back (equation 6 of BicycleGAN).
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from ..errors import EngineError
from . import lessons, lines
from .lessons import Course, Lesson
from .network import CODE, STYLES, Condition, Discriminator, Encoder, Generator
from .plan import Plan

RATE, RATE_AGAINST, DISCRIMINATOR_RATE = 1e-3, 2e-4, 1e-3  # of the generator while it copies, and of both after
AVERAGED = 0.998  # how much of the averaged weights stays in each step
CODE_COST = 2.5e-3  # a nat of the code against the L1 loss
COPYING, SLOPES, STYLE, READ_BACK, WORDS = 12.0, 0.5, 0.3, 0.5, 0.5  # weights of the losses beside the verdict
R1, R1_EVERY = 0.5, 16
ENCODER = "encoder."  # how its tensors' names begin in the file
TOLD_EVERY, KEPT_EVERY = 25, 300.0  # steps, seconds


@dataclass
class Log:
    """What is known of a training so far."""

    seconds: float = 0.0
    step: int = 0
    pictures: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)


class Training:
    """One painter in the making. Its state lies in `folder`, from which it goes on."""

    def __init__(self, course: Course, plan: Plan, folder: Path) -> None:
        torch.manual_seed(plan.seed)
        self.course, self.plan, self.folder, self.log = course, plan, folder, Log()
        form: Any = {"memory_format": torch.channels_last}
        self.generator, self.encoder = Generator().to(**form), Encoder().to(**form)
        self.discriminator = Discriminator().to(**form)
        self.averaged = copy.deepcopy(self.generator).eval()
        painting = [*self.generator.parameters(), *self.encoder.parameters()]
        self.painting = torch.optim.AdamW(painting, RATE, betas=(0.9, 0.99), weight_decay=1e-4)
        self.judging = torch.optim.Adam(self.discriminator.parameters(), DISCRIMINATOR_RATE, betas=(0.0, 0.99))
        self.chance = torch.Generator().manual_seed(plan.seed)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "state.pt").is_file():
            self._restore()

    def run(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[dict[str, float]]:
        """Trains to the end of the plan, or until cancelled, and tells its losses now and then."""
        began, kept = time.perf_counter() - self.log.seconds, time.perf_counter()
        losses: list[dict[str, float]] = []
        while not cancelled():
            self.log.seconds = time.perf_counter() - began
            share = self.log.seconds / 60 / self.plan.minutes
            if share >= 1:
                break
            losses.append(self.step(share))
            self.log.step += 1
            if len(losses) == TOLD_EVERY:
                mean = {
                    key: sum(each[key] for each in losses) / len(losses)
                    for key in losses[-1]
                    if all(key in each for each in losses)
                }
                self.log.curve.append({"step": self.log.step, "minutes": self.log.seconds / 60, **mean})
                losses = []
                yield self.log.curve[-1]
            if time.perf_counter() - kept > KEPT_EVERY:
                self.keep()
                kept = time.perf_counter()
        self.keep()

    def step(self, share: float) -> dict[str, float]:
        """One step at this share of the time."""
        plan = self.plan
        small, against = share < plan.small, share >= plan.small + plan.large
        side, batch = (64, plan.batch_small) if small else (128, plan.batch)
        which = self.course.pick(batch, False, self.chance)
        lesson = lessons.lesson(self.course, which, side, self.chance)
        self._set_rate(share, against)
        self.log.pictures += batch
        told = self._against(lesson) if against else self._copy(lesson)
        self._average()
        return told

    # ── Losses ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _copy(self, lesson: Lesson) -> dict[str, float]:
        made, nats = self._copied(lesson)
        loss, told = copying(made, lesson)
        (loss + CODE_COST * nats).backward()  # type: ignore[no-untyped-call]
        self._stepped(self.painting)
        return {"copying": told, "nats": float(nats.detach())}

    def _copied(self, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """The pictures painted again from their own codes, and what the codes cost, in nats."""
        code, nats = self._read(lesson)
        return self.generator(lesson.seen, with_code(lesson.given, code)), nats

    def _read(self, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """Codes read off the pictures. Where the colours are told, half of them are drawn by chance, so that no code gainsays a palette."""
        mean, variance = self.encoder(lesson.pictures)
        nats = 0.5 * (mean.square() + variance.exp() - 1 - variance).sum(1).mean()
        noise = torch.randn(mean.shape, generator=self.chance)
        blind = (lesson.given.palette[:, 0, 3] > 0) & (torch.rand(len(mean), generator=self.chance) < 0.5)
        return torch.where(blind[:, None], noise, mean + noise * (variance / 2).exp()), nats

    def _against(self, lesson: Lesson) -> dict[str, float]:
        half = len(lesson) // 2
        code = torch.randn(half, CODE, generator=self.chance)
        free = self._free(lesson.given[half:], code)
        copied = Lesson(lesson.pictures[:half], lesson.seen[:half], lesson.given[:half], lesson.ink[:half])
        own, nats = self._read(copied)
        given = joined(with_code(copied.given, own), free)
        made = self.generator(lesson.seen, given)
        told = self._judge(lesson, made.detach(), given)
        for part in self.discriminator.parameters():
            part.requires_grad_(False)
        patches, whole, style = self.discriminator(made, lesson.seen, given)
        close, told["copying"] = copying(made[:half], copied)
        read, _ = self.encoder(made[half:])
        loss = -patches.mean() - WORDS * whole.mean() + COPYING * (close + CODE_COST * nats)
        loss = (
            loss
            + STYLE * functional.cross_entropy(style, given.style.argmax(1))
            + READ_BACK * functional.l1_loss(read, code)
        )
        loss.backward()
        for part in self.discriminator.parameters():
            part.requires_grad_(True)
        self._stepped(self.painting)
        return told | {"nats": float(nats.detach()), "read_back": float(functional.l1_loss(read, code).detach())}

    def _free(self, given: Condition, code: Tensor) -> Condition:
        """The same words, in a style and with colours drawn by chance."""
        style = torch.randint(STYLES, (len(code),), generator=self.chance)
        order = torch.randperm(len(code), generator=self.chance)
        palette = torch.where(
            torch.rand(len(code), 1, 1, generator=self.chance) < 0.3, given.palette[order], given.palette
        )
        return Condition(given.words, functional.one_hot(style, STYLES).float(), palette, code)

    def _judge(self, lesson: Lesson, made: Tensor, given: Condition) -> dict[str, float]:
        """A step of the discriminator. Tells the mean verdicts, and how far apart they are."""
        steep = self.log.step % R1_EVERY == 0
        pictures = lesson.pictures.clone().requires_grad_(steep)
        patches, whole, style = self.discriminator(pictures, lesson.seen, lesson.given)
        fake, whole_fake, _ = self.discriminator(made, lesson.seen, given)
        swapped = Condition(
            lesson.given.words.roll(1, 0), lesson.given.style, lesson.given.palette.roll(1, 0), lesson.given.code
        )
        _, whole_other, _ = self.discriminator(pictures, lesson.seen, swapped)
        loss = functional.relu(1 - patches).mean() + functional.relu(1 + fake).mean()
        others = (functional.relu(1 + whole_fake).mean() + functional.relu(1 + whole_other).mean()) / 2
        loss = loss + WORDS * (functional.relu(1 - whole).mean() + others)
        loss = loss + functional.cross_entropy(style, lesson.given.style.argmax(1))
        if steep:
            (slope,) = torch.autograd.grad(patches.mean(1).sum() + whole.sum(), pictures, create_graph=True)
            loss = loss + R1_EVERY * R1 / 2 * slope.square().sum((1, 2, 3)).mean()
        self.judging.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.judging.step()
        right = float((style.argmax(1) == lesson.given.style.argmax(1)).float().mean())
        return {
            "real": float(patches.detach().mean()),
            "fake": float(fake.detach().mean()),
            "words": float((whole - whole_other).detach().mean()),
            "styles": right,
        }

    # ── Its state ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _stepped(self, optimizer: torch.optim.Optimizer) -> None:
        nn.utils.clip_grad_norm_([part for group in optimizer.param_groups for part in group["params"]], 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _set_rate(self, share: float, against: bool) -> None:
        plan = self.plan
        if against:
            left = (1 - share) / (1 - plan.small - plan.large)
            rate = RATE_AGAINST * min(1.0, 4 * left)
        else:
            warm = min(1.0, (self.log.step + 1) / 200)
            rate = RATE * warm * (1 - 0.6 * share / max(plan.small + plan.large, 1e-6))
        for group in self.painting.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(AVERAGED, (self.log.step + 1) / (self.log.step + 10))
        for mine, new in zip(self.averaged.state_dict().values(), self.generator.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(new, 1 - keep)
            else:
                mine.copy_(new)

    def _parts(self) -> dict[str, Any]:
        names = ("generator", "encoder", "discriminator", "averaged", "painting", "judging")
        return {name: getattr(self, name) for name in names}

    def keep(self) -> None:
        """Writes everything that is needed to go on."""
        state = {name: part.state_dict() for name, part in self._parts().items()}
        part = self.folder / "state.part"
        torch.save({**state, "chance": self.chance.get_state(), "log": asdict(self.log)}, part)
        part.replace(self.folder / "state.pt")
        (self.folder / "log.json").write_text(json.dumps({"plan": asdict(self.plan), **asdict(self.log)}))

    def facts(self) -> dict[str, Any]:
        """What is told of the painter in its file."""
        log, few = self.log, max(1, len(self.log.curve) // 200)
        rounded = [{key: round(value, 4) for key, value in point.items()} for point in log.curve[::few]]
        made = {"steps": log.step, "pictures": log.pictures, "minutes": round(log.seconds / 60, 1)}
        return {**made, "plan": asdict(self.plan), "curve": rounded}

    def _restore(self) -> None:
        state = torch.load(self.folder / "state.pt", weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.chance.set_state(state["chance"])
        self.log = Log(**state["log"])


def copying(made: Tensor, lesson: Lesson) -> tuple[Tensor, float]:
    """How far painted pictures are from the real ones, on white, in what covers, and in their slopes; and the first of it alone."""
    ours, theirs = lines.over(made, 1.0), lines.over(lesson.pictures, 1.0)
    close = functional.l1_loss(ours, theirs)
    covers = functional.l1_loss(made[:, 3], lesson.pictures[:, 3])
    slopes = sum(functional.l1_loss(ours.diff(dim=axis), theirs.diff(dim=axis)) for axis in (2, 3))
    return close + 0.5 * covers + SLOPES * slopes, float(close.detach())


def with_code(given: Condition, code: Tensor) -> Condition:
    return Condition(given.words, given.style, given.palette, code)


def joined(one: Condition, other: Condition) -> Condition:
    pairs = zip(
        (one.words, one.style, one.palette, one.code),
        (other.words, other.style, other.palette, other.code),
        strict=True,
    )
    return Condition(*(torch.cat(pair) for pair in pairs))


def export(making: Training, file: Path) -> dict[str, Any]:
    """The averaged generator in half precision, the encoder, and what is known of their training, which is returned."""
    parts = {"": making.averaged, ENCODER: making.encoder}
    tensors = {
        prefix + name: value.half().contiguous()
        for prefix, part in parts.items()
        for name, value in part.state_dict().items()
        if value.is_floating_point()
    }
    facts, part = making.facts(), file.with_suffix(".part")
    save_file(tensors, part, metadata={"training": json.dumps(facts)})
    part.replace(file)
    return facts


def begin(making: Training, file: Path) -> None:
    """Takes up a painter that was trained before, where this training has not begun. Raises `EngineError` where the file is none."""
    if making.log.step:
        return
    try:
        found = {name: value.float() for name, value in load_file(file).items()}
        drawn = {name: value for name, value in found.items() if not name.startswith(ENCODER)}
        for part in (making.generator, making.averaged):
            part.load_state_dict(drawn, strict=False)
        making.encoder.load_state_dict(
            {name.removeprefix(ENCODER): found[name] for name in found if name.startswith(ENCODER)}
        )
    except (OSError, RuntimeError, SafetensorError) as error:
        raise EngineError(
            "{name} is no painter.", "Give a file that studio train painter wrote.", name=file.name
        ) from error
