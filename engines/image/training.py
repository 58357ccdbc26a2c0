"""How a painter is trained: first to copy, small and then large, then against a discriminator.

The generator copies under an L1 loss, with a code that an encoder reads off the picture (the conditional VAE of BicycleGAN, Zhu et
al. 2017, equation 4). Then it copies only a part of each batch, and paints the rest with codes and in a style drawn by chance,
and all of it must pass a discriminator: the hinge form of the minimax loss (Lim and Ye 2017; Goodfellow et al. 2014, equation 1),
pictures with other words as negatives (Reed et al. 2016), a classifier for the style, and the code read back (equation 6 of
BicycleGAN). What the pictures are held against besides is in `losses`.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from .. import vision
from ..errors import EngineError
from ..unfinished import Stopped
from . import lessons, losses
from .lessons import Course, Lesson
from .network import CODE, STYLES, Condition, Discriminator, Encoder, Generator
from .painterfile import ENCODER, THUMBNAIL
from .plan import Plan

RATE, RATE_AGAINST, DISCRIMINATOR_RATE = 1e-3, 2e-4, 1e-3  # of the generator while it copies, and of both after
TOLD_FASTER = (
    4.0  # how much faster, against the discriminator, the part learns that hears what is told: styles came too slowly
)
AVERAGED = 0.998  # how much of the averaged weights stays in each step
CODE_COST = 2e-3  # a nat of the code against the L1 loss
COPYING, LOOKS, READ_BACK, MODES, COLOUR, STYLE = (
    16.0,
    1.0,
    1.0,
    2.0,
    6.0,
    5.0,
)  # weights of the losses beside the verdict
WORDS = 0.5  # and, in that, of the words' part
RENAMED = 0.5  # of the pictures that are painted freely: those that are told another colour
FITTED = 2400  # pictures by which styles are learned
LEARNS_TO_SEE = 0.1  # the share of its time in which the discriminator comes to be trusted
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

    style_cost = STYLE
    told_every, kept_every = TOLD_EVERY, KEPT_EVERY

    def __init__(self, course: Course, plan: Plan, folder: Path, eyes: vision.Eyes = vision.shared) -> None:
        torch.manual_seed(plan.seed)
        self.course, self.plan, self.folder, self.log = course, plan, folder, Log()
        form: Any = {"memory_format": torch.channels_last}
        self.generator, self.encoder = Generator().to(**form), Encoder().to(**form)
        self.discriminator, self.gaze = Discriminator().to(**form), losses.Gaze(eyes).eval()
        self.averaged = copy.deepcopy(self.generator).eval()
        self.painting = torch.optim.AdamW(self._learners(), RATE, betas=(0.9, 0.99), weight_decay=1e-4)
        self.judging = torch.optim.Adam(self.discriminator.parameters(), DISCRIMINATOR_RATE, betas=(0.0, 0.99))
        self.chance = torch.Generator().manual_seed(plan.seed)
        self.before: dict[str, Tensor] = {}  # the painter that it went on from
        self._rested = 0.0  # seconds of this run in which it stood still
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "state.pt").is_file():
            self._restore()

    def _learners(self) -> list[dict[str, Any]]:
        """What learns beside the discriminator, for the optimizer; `times` is how much faster, against the discriminator."""
        told = list(self.generator.condition.parameters())
        rest = [part for name, part in self.generator.named_parameters() if not name.startswith("condition.")]
        return [{"params": [*rest, *self.encoder.parameters()]}, {"params": told, "times": TOLD_FASTER}]

    def _lesson(self, which: Tensor, side: int) -> Lesson:
        return lessons.lesson(self.course, which, side, self.chance)

    def run(self, cancelled: Callable[[], bool] = lambda: False) -> Iterator[dict[str, float]]:
        """Trains to the end of the plan, or until cancelled, which is heard in the middle of a step, and tells its losses now and then."""

        def stopped() -> bool:
            """Whether it was cancelled; who is asked may let it rest, and that is no time of training."""
            began = time.perf_counter()
            said = cancelled()
            self._rested += time.perf_counter() - began
            return said

        def check(*_: Any) -> None:
            if stopped():
                raise Stopped

        networks = (self.generator, self.encoder, self.discriminator)
        parts = [part for network in networks for part in network.modules() if isinstance(part, nn.Conv2d)]
        heard = [part.register_forward_pre_hook(check) for part in parts]
        self.gaze.check = check
        try:
            yield from self._steps(stopped)
        except Stopped:  # the step that was begun is lost
            pass
        finally:
            self.gaze.check = None
            for each in heard:
                each.remove()
        self.keep()

    def _steps(self, cancelled: Callable[[], bool]) -> Iterator[dict[str, float]]:
        began, kept, self._rested = time.perf_counter() - self.log.seconds, time.perf_counter(), 0.0
        recent: list[dict[str, float]] = []
        while not cancelled():
            self.log.seconds = time.perf_counter() - began - self._rested
            share = self.log.seconds / 60 / self.plan.minutes
            if share >= 1:
                break
            recent.append(self.step(share))
            self.log.step += 1
            if len(recent) == self.told_every:
                mean = {
                    key: sum(each[key] for each in recent) / len(recent)
                    for key in recent[-1]
                    if all(key in each for each in recent)
                }
                self.log.curve.append({"step": self.log.step, "minutes": self.log.seconds / 60, **mean})
                recent = []
                paused = time.perf_counter()
                yield self.log.curve[-1]
                self._rested += time.perf_counter() - paused
            if time.perf_counter() - kept > self.kept_every:
                self.keep()
                kept = time.perf_counter()

    def step(self, share: float) -> dict[str, float]:
        """One step at this share of the time."""
        plan = self.plan
        small, against = share < plan.small, share >= plan.small + plan.large
        side, batch = (64, plan.batch_small) if small else (128, plan.batch)
        which = self.course.pick(batch, False, self.chance)
        lesson = self._lesson(which, side)
        self._set_rate(share, against)
        self.log.pictures += batch
        told = self._against(lesson, share) if against else self._copy(lesson)
        self._average()
        return told

    # ── Losses ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _copy(self, lesson: Lesson) -> dict[str, float]:
        made, nats = self._copied(lesson)
        loss, told = losses.copying(made, lesson)
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

    def _against(self, lesson: Lesson, share: float) -> dict[str, float]:
        """Two thirds of the pictures are copied; under each other's lines two are painted, with codes and a style drawn by chance."""
        if not self.gaze.fitted:
            self._get_used()
        copied, free = lesson[: 2 * len(lesson) // 3], lesson[2 * len(lesson) // 3 :]
        ours, theirs = slice(len(copied)), slice(len(copied), None)
        own, nats = self._read(copied)
        code = torch.randn(2 * len(free), CODE, generator=self.chance)
        given = joined(with_code(copied.given, own), self._free(free, code))
        seen = torch.cat((copied.seen, free.seen, free.seen))
        paper = float(torch.rand((), generator=self.chance))
        made = self.generator(seen, given)
        looks = self.gaze(made, paper)
        with torch.no_grad():
            real = self.gaze(lesson.pictures, paper)
        usual = float(losses.apart(real, [layer.roll(1, 0) for layer in real]).mean())
        passed = self._passed(looks, seen, given)
        free_looks = [layer[theirs] for layer in looks]
        close, close_told = losses.copying(made[ours], copied)
        near = losses.apart([layer[ours] for layer in looks], [layer[ours] for layer in real]).mean()
        read_back = functional.l1_loss(self.encoder(made[theirs])[0], code)
        wrong = functional.cross_entropy(self.gaze.style(free_looks), given.style[theirs].argmax(1))
        alike = losses.alike(free_looks, usual)
        off = losses.off_colour(made, seen, given)
        loss = COPYING * (close + CODE_COST * nats) + LOOKS * near + READ_BACK * read_back
        loss = loss + MODES * alike + COLOUR * off + self.style_cost * wrong - self._trust(share) * passed
        loss.backward()  # type: ignore[no-untyped-call]
        self._stepped(self.painting)
        told = self._judge(lesson, real, [layer.detach() for layer in looks], seen, given)
        more = {"nats": nats, "looks": near, "read_back": read_back, "alike": alike, "off_colour": off, "wrong": wrong}
        return {"copying": close_told, **{name: float(value.detach()) for name, value in more.items()}, **told}

    def _trust(self, share: float) -> float:
        """How much the discriminator's verdict weighs, 0-1: little until it has learned to see."""
        begun = self.plan.small + self.plan.large
        return min(1.0, (share - begun) / (LEARNS_TO_SEE * (1 - begun)))

    def _free(self, lesson: Lesson, code: Tensor) -> Condition:
        """The same words and colours twice, each pair in a style drawn by chance, with these codes; half of the pairs are told
        another colour, which their pictures never had."""
        count, given = len(lesson), lesson.given
        style = functional.one_hot(torch.randint(STYLES, (count,), generator=self.chance), STYLES).float()
        other = (torch.rand(count, generator=self.chance) < RENAMED)[:, None]
        words, palette = lessons.renamed(self.course, lesson.which, self.chance)
        words, palette = torch.where(other, words, given.words), torch.where(other[..., None], palette, given.palette)
        words, style, palette = (torch.cat((each, each)) for each in (words, style, palette))
        return Condition(words, style, palette, code)

    def _passed(self, looks: list[Tensor], seen: Tensor, given: Condition) -> Tensor:
        """How far painted pictures pass as real ones, by a discriminator that does not learn from it."""
        self.discriminator.requires_grad_(False)
        patches, whole = self.discriminator(looks, seen, given)
        self.discriminator.requires_grad_(True)
        return cast(Tensor, patches.mean() + WORDS * whole.mean())

    def _get_used(self) -> None:
        """Has VGG-16 look at the pictures that are learned from, before it judges."""
        which = self.course.pick(min(FITTED, 8 * len(self.course.drawn.pictures)), False, self.chance)
        pictures, styles = self.course.drawn.pictures, torch.from_numpy(self.course.drawn.style)[which].long()
        try:
            self.gaze.fit(
                lambda at: torch.from_numpy(pictures[which[at].numpy()]).float().div_(255).movedim(-1, 1), styles
            )
        except Stopped:  # half of it is nothing
            self.gaze.spread.zero_()
            raise

    def _judge(
        self, lesson: Lesson, real: list[Tensor], fake: list[Tensor], seen: Tensor, given: Condition
    ) -> dict[str, float]:
        """A step of the discriminator. Tells the mean verdicts, and how far apart they are."""
        patches, whole = self.discriminator(real, lesson.seen, lesson.given)
        patches_fake, whole_fake = self.discriminator(fake, seen, given)
        told = lesson.given
        swapped = Condition(told.words.roll(1, 0), told.style, told.palette.roll(1, 0), told.code)
        _, whole_other = self.discriminator(real, lesson.seen, swapped)
        loss = functional.relu(1 - patches).mean() + functional.relu(1 + patches_fake).mean()
        others = (functional.relu(1 + whole_fake).mean() + functional.relu(1 + whole_other).mean()) / 2
        loss = loss + WORDS * (functional.relu(1 - whole).mean() + others)
        self.judging.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.judging.step()
        return {
            "real": float(patches.detach().mean()),
            "fake": float(patches_fake.detach().mean()),
            "words": float((whole - whole_other).detach().mean()),
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
            rate = RATE_AGAINST * min(1.0, 2 * left)
        else:
            warm = min(1.0, (self.log.step + 1) / 200)
            rate = RATE * warm * (1 - 0.6 * share / max(plan.small + plan.large, 1e-6))
        for group in self.painting.param_groups:
            group["lr"] = rate * (group.get("times", 1.0) if against else 1.0)

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(AVERAGED, (self.log.step + 1) / (self.log.step + 10))
        for mine, new in zip(self.averaged.state_dict().values(), self.generator.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(new, 1 - keep)
            else:
                mine.copy_(new)

    def _parts(self) -> dict[str, Any]:
        names = ("generator", "encoder", "discriminator", "gaze", "averaged", "painting", "judging")
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
    """The averaged generator and the encoder in half precision, mixed with the painter that they went on from as the plan says, and what
    is known of their training, which is returned."""
    tensors = {
        prefix + name: value
        for prefix, part in (("", making.averaged), (ENCODER, making.encoder))
        for name, value in part.state_dict().items()
        if value.is_floating_point()
    }
    mixed = {name: making.before.get(name, value).lerp(value, making.plan.learned) for name, value in tensors.items()}
    facts, part = making.facts(), file.with_suffix(".part")
    halves = {name: value.half().contiguous() for name, value in mixed.items()}
    save_file(halves, part, metadata={"training": json.dumps(facts)})
    part.replace(file)
    return facts


def begin(making: Training, file: Path) -> None:
    """Takes up a painter that was trained before, where this training has not begun. Raises `EngineError` where the file is none."""
    try:
        found = {name: value.float() for name, value in load_file(file).items() if name != THUMBNAIL}
        other = (copy.deepcopy(making.generator), copy.deepcopy(making.encoder))
        for part, prefix in zip(other, ("", ENCODER), strict=True):
            own = {name: found[prefix + name] for name in part.state_dict() if prefix + name in found}
            missing = part.load_state_dict(own, strict=False).missing_keys
            if any(not name.endswith("num_batches_tracked") for name in missing):
                raise KeyError(missing[0])
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise EngineError(
            "{name} is no painter.", "Give a file that studio train painter wrote.", name=file.name
        ) from error
    making.before = found
    if not making.log.step:
        for part, source in zip((making.generator, making.averaged, making.encoder), (other[0], *other), strict=True):
            part.load_state_dict(source.state_dict())
