"""Teaches a language model an artist's voice: LoRA (Hu et al. 2021) on their own texts, measured on the part that is held out.

The adapter that is kept is the one that foretold the held-out part best, not the last one: a few thousand words are learned by heart
soon. What was stopped can be taken up again, and ends as if it had not been stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..api import check_options
from ..device import choose
from ..language import folder_name, folder_sha256
from . import Training, corpus, keeping
from .learner import Learner
from .lm import Stopped

BATCH = 4  # blocks a step
PATIENCE = 6  # times that the held-out part is scored without getting better, before the training ends
TIMED = 3  # steps after which it is known how many fit into the minutes
OFTEN = 100  # steps after which the held-out part is scored at the latest
KEPT_EVERY = 60.0  # seconds after which what there is so far is kept, in case that the process is killed


@dataclass(frozen=True)
class Step:
    """After a step, or before the first (`step` 0)."""

    step: int
    total: int  # steps; fewer as soon as it is clear that they do not fit into the minutes
    loss: float | None  # nats a token, of this step
    perplexity: float | None  # of the held-out part, where it was scored after this step
    seconds: float  # since the beginning, pauses left out


@dataclass(frozen=True)
class Sample:
    when: str  # "before" or "after"
    prompt: str  # the first words of the held-out part
    text: str  # what the model goes on with


@dataclass(frozen=True)
class Paused:
    """It was stopped. The same texts, settings and folder take it up at this step; at 0 nothing was kept."""

    step: int
    total: int


@dataclass(frozen=True)
class Trained:
    folder: Path
    facts: dict[str, Any]  # as in `training.json`


Event = Step | Sample | Paused | Trained


def train(
    folder: Path,
    texts: Sequence[str],
    out: Path,
    training: Training | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    name: str = "",
) -> Iterator[Event]:
    """Trains an adapter for the causal language model of a transformers folder and writes it to `out`, as peft does.

    Yields a `Step` for each step, a `Sample` before the first and after the last, then `Trained`; or `Paused`, within half a second
    after `cancelled` says so. Raises `EngineError` where something cannot be read, learned from or written; whatever was in `out` is
    then as it was. How the texts are split says `corpus.split`.
    """
    training = training or Training()
    check_options(Training, asdict(training))
    corpus.check(texts)
    keeping.check(out)
    course = Course(folder, texts, out, training, cancelled, name or out.name)
    try:
        yield from course.run()
    except Stopped:
        yield Paused(course.pause(), course.log.total)


@dataclass
class Log:
    """What is known of a training so far; with the tensors, all that it takes to go on."""

    step: int = 0
    total: int = 0
    seconds: float = 0.0
    perplexity: dict[str, float] = field(default_factory=dict)  # before, after, and both in context
    best: int = 0  # the step whose adapter is kept
    samples: list[dict[str, str]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)  # step, mean loss since the last, perplexity
    losses: list[float] = field(default_factory=list)  # since then


class Course:
    """One training, from the texts to the files."""

    def __init__(
        self,
        folder: Path,
        texts: Sequence[str],
        out: Path,
        training: Training,
        cancelled: Callable[[], bool],
        name: str,
    ) -> None:
        self.folder, self.texts, self.out, self.training = folder, texts, out, training
        self._ask, self.name = cancelled, name
        self.log, self.best = Log(), dict[str, Tensor]()
        self._started = self._kept = time.perf_counter()
        self._learner: Learner | None = None

    def run(self) -> Iterator[Event]:
        learner = self._prepare()
        per_epoch = math.ceil(len(self._blocks(0)) / BATCH)
        often = max(1, min(per_epoch // 2, OFTEN))
        self._take_up(learner, per_epoch)
        yield from self._before(learner)
        first, began = self.log.step, self._seconds()
        while True:
            yield self._told(self._score(learner) if self._due(often) else None)
            if self.log.step >= self.log.total or self.log.step - self.log.best > PATIENCE * often:
                break
            epoch, at = divmod(self.log.step, per_epoch)
            blocks = self._blocks(epoch)
            blocks = blocks[at * len(blocks) // per_epoch : (at + 1) * len(blocks) // per_epoch]
            self.log.losses.append(learner.step(blocks, self.log.step, self.log.total))
            self.log.step += 1
            self._plan((self._seconds() - began) / (self.log.step - first))
        yield from self._after(learner)

    def pause(self) -> int:
        """Keeps what there is, and says of which step that is."""
        if self._learner is None or not self.log.step:
            return 0
        self._keep(self._learner)
        return self.log.step

    def cancelled(self) -> bool:
        """Whether it is to stop. Whoever answers may let it wait while others are at work, which does not count."""
        asked, stopped = time.perf_counter(), self._ask()
        self._started += time.perf_counter() - asked
        return stopped

    # ── Its stations ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> Learner:
        if self.cancelled():
            raise Stopped
        training = self.training
        self._learner = learner = Learner(
            self.folder, training.rank, training.learning_rate, training.seed, self.cancelled
        )
        self.context = learner.context
        self.corpus = corpus.read(self.texts, learner.encode, self.cancelled)
        self.base = {"name": folder_name(self.folder), "sha256": folder_sha256(self.folder)}
        facts = [self.base, asdict(training), self.texts, choose().device, choose().dtype]
        self.mark = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return learner

    def _take_up(self, learner: Learner, per_epoch: int) -> None:
        """Goes on where an earlier run was stopped, or begins."""
        found = keeping.read_unfinished(self.out, self.mark)
        if found is None:
            self.log.total, self.best = self.training.epochs * per_epoch, learner.adapter()
            return
        self.log, self.best = Log(**found.log), found.best
        learner.restore(found.now, found.moments, self.log.step)
        self._started = time.perf_counter() - self.log.seconds

    def _before(self, learner: Learner) -> Iterator[Event]:
        if not self.log.samples:
            held = self.corpus.held_out
            self.log.perplexity["before"] = learner.perplexity(held)
            self.log.perplexity["before_in_context"] = learner.perplexity(held, in_context=True)
            self._sample(learner, "before")
        yield Sample(**self.log.samples[0])

    def _after(self, learner: Learner) -> Iterator[Event]:
        learner.restore(self.best)
        self.log.perplexity["after"] = learner.perplexity(self.corpus.held_out)
        self.log.perplexity["after_in_context"] = learner.perplexity(self.corpus.held_out, in_context=True)
        self._sample(learner, "after")
        yield Sample(**self.log.samples[-1])
        facts = self._facts()
        keeping.write(self.out, self.best, learner.config, facts)
        yield Trained(self.out, facts)

    def _sample(self, learner: Learner, when: str) -> None:
        text = learner.write(self.corpus.opening, self.training.seed)
        self.log.samples.append({"when": when, "prompt": self.corpus.opening, "text": text})

    def _due(self, often: int) -> bool:
        """Whether the held-out part is to be scored now, which it was not yet."""
        step, last = self.log.step, self.log.history[-1]["step"] if self.log.history else 0
        return step != last and (step % often == 0 or step >= self.log.total)

    def _score(self, learner: Learner) -> float:
        """Scores the held-out part, and keeps the adapter where it was never better."""
        found = learner.perplexity(self.corpus.held_out)
        if found < min([self.log.perplexity["before"], *(each["perplexity"] for each in self.log.history)]):
            self.best, self.log.best = learner.adapter(), self.log.step
        loss = sum(self.log.losses) / len(self.log.losses)
        self.log.history.append({"step": self.log.step, "loss": loss, "perplexity": found})
        self.log.losses = []
        if time.perf_counter() - self._kept > KEPT_EVERY:
            self._keep(learner)
        return found

    def _plan(self, pace: float) -> None:
        """No more steps than fit into the minutes at this pace (seconds a step), so that the learning rate comes down in time."""
        left = 60 * self.training.minutes - self._seconds()
        if self.log.step == TIMED:
            self.log.total = min(self.log.total, TIMED + max(0, int(left / pace)))
        elif left < 0:  # it has become slower since
            self.log.total = self.log.step

    # ── Its state ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _blocks(self, epoch: int) -> list[Tensor]:
        return self.corpus.blocks(min(self.training.block, self.context), self.training.seed, epoch)

    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _told(self, perplexity: float | None) -> Step:
        log = self.log
        if log.step == 0:
            perplexity = log.perplexity["before"]
        loss = log.losses[-1] if log.losses else log.history[-1]["loss"] if log.history else None
        return Step(log.step, log.total, loss, perplexity, self._seconds())

    def _keep(self, learner: Learner) -> None:
        self.log.seconds, self._kept = self._seconds(), time.perf_counter()
        keeping.write_unfinished(
            self.out, keeping.Unfinished(self.mark, asdict(self.log), learner.adapter(), self.best, learner.moments())
        )

    def _facts(self) -> dict[str, Any]:
        """What `training.json` says."""
        log, perplexity = self.log, self.log.perplexity
        return {
            "name": self.name,
            "base": self.base,
            "texts": len(self.texts),
            "words": self.corpus.words,
            "held_out_words": self.corpus.held_out_words,
            "options": asdict(self.training),
            "steps": log.step,
            "best_step": log.best,
            "history": log.history,
            "perplexity": {key: round(value, 3) for key, value in perplexity.items()},
            "ratio": round(perplexity["after"] / perplexity["before"], 4),
            "samples": log.samples,
            "seconds": round(self._seconds(), 1),
            "device": choose().device,
            "dtype": choose().dtype,
        }
