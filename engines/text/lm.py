"""A causal language model and the loop over its tokens: all variants in one batch, their shared prompt computed once.

In transformers 5 a streamer takes one text, and diverse beams have moved to code on a hub; so the loop over the tokens is ours.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..device import choose
from ..language import folder_sha256
from .banks import Banks
from .beams import Group
from .hub import Hub
from .keywords import Bend, Wishes, pull
from .network import Cache, Changes, Llama, Steer
from .sampling import NEVER, Sampling, allowed, draw
from .vocabulary import Vocabulary

NO_WISHES = Wishes()
NOTHING = -1  # in place of an end where a model has none
LONGEST = 8192  # tokens: more would take longer to read than anybody waits, and more memory than was counted on
CHUNK = 256  # tokens of a prompt that are read at once: on a slow core, a third of a second


class Stopped(Exception):
    """Leaves the loop when the artist pressed Stop."""


@dataclass(frozen=True)
class Row:
    """What one variant is written with."""

    sampling: Sampling
    seed: int
    most: int  # tokens
    least: int = 0  # tokens before which it may not end
    stops: tuple[str, ...] = ()
    push: Tensor | None = None  # (layers, hidden), added to the residual stream after each layer: activation steering
    wishes: Wishes = NO_WISHES  # words that it should hold
    adapters: tuple[tuple[Changes, float], ...] = ()  # each with its weight
    own_repeats: bool = False  # words of the prompt are no repetitions

    def before(self, prompt: Sequence[int]) -> Sequence[int]:
        """What the text's own tokens may repeat."""
        return () if self.own_repeats else prompt


@dataclass
class Text:
    """One variant as it grows."""

    tokens: list[int]
    text: str = ""
    done: bool = False
    why: str = ""  # "end": the model ended it, "stop": a stop string came, "length": it is as long as it may be


class LanguageModel:
    """A model of a transformers folder with its tokenizer. One text at a time is written; others wait for their turn."""

    def __init__(self, folder: Path) -> None:
        chosen, self.digest = choose(), folder_sha256(folder)
        self.device = torch.device(chosen.device)
        config = json.loads((folder / "config.json").read_text())
        kind = Llama if Llama.fits(config) else Hub
        self.network: Any = kind(folder, self.device, chosen.torch_dtype)
        self.vocabulary = Vocabulary(folder)
        self.ends = frozenset(token for token in self.vocabulary.ends if token < self.network.words)
        self.start = self.vocabulary.first or [
            min(self.ends, default=0)
        ]  # what stands before a text that has no beginning
        self.context: int = min(self.network.context, LONGEST) - len(self.vocabulary.first)
        self._turn = threading.Lock()

    def encode(self, text: str) -> list[int]:
        return [token for token in self.vocabulary.encode(text) if token < self.network.words]

    def decode(self, tokens: Sequence[int]) -> str:
        return self.vocabulary.decode(tokens)

    def fitted(self, prompt: Sequence[int], most: int) -> tuple[list[int], int]:
        """The end of the prompt that leaves room for `most` tokens, and how many tokens were cut off before it."""
        room = max(1, self.context - most)
        return list(prompt)[-room:], max(0, len(prompt) - room)

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def states(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """The residual stream after each layer, its mean over the tokens of each text: (N, layers, hidden) in float32."""
        with self._turn, torch.inference_mode():
            found = [self.network.states(torch.tensor([list(tokens)], device=self.device)) for tokens in texts]
        return torch.stack([each[:, 0].mean(1) for each in found]).cpu()

    def logits(self, prompt: Sequence[int], tokens: Sequence[int], row: Row | None = None) -> Tensor:
        """What would be expected at each of the tokens after the prompt, (T, V) in float32, steered as `row` is.

        What is longer than the model's context is read in parts, each with half a context before it.
        """
        if len(prompt) + len(tokens) > self.context:
            return torch.cat([self.logits(before, part, row) for before, part in self._parts(prompt, tokens)])
        before = self._begun(prompt)
        whole = torch.tensor([[*before, *tokens]], device=self.device)[:, :-1]
        with self._turn, torch.inference_mode():
            cache, steer = self.network.cache(1, whole.shape[1]), self._steer([row] if row else [])
            if len(before) > 1:
                self.network.read(whole[:, : len(before) - 1], cache, replace(steer, push=None))
            found: Tensor = self.network.read(whole[:, len(before) - 1 :], cache, steer, keep=len(tokens))[0]
            if row is not None and row.wishes:
                bend = Bend(row.wishes, row.most, self.ends)
                for at in range(len(tokens)):
                    bend(found[at], tokens[:at], self.decode(tokens[:at]))
        return found.cpu()

    def _parts(self, prompt: Sequence[int], tokens: Sequence[int]) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
        half, whole = max(1, self.context // 2), [*prompt, *tokens]
        for start in range(0, len(tokens), half):
            at = len(prompt) + start
            yield whole[max(0, at - half) : at], tokens[start : start + half]

    def surprise(self, prompt: Sequence[int], tokens: Sequence[int], row: Row | None = None) -> Tensor:
        """The negative log likelihood of each token after the prompt, (T,) in nats, steered as `row` is, with nothing filtered."""
        logs = self.logits(prompt, tokens, row).log_softmax(-1)
        return -logs.gather(-1, torch.tensor(list(tokens))[:, None])[:, 0]

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def write(
        self, prompt: Sequence[int], rows: Sequence[Row], cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[list[Text]]:
        """Every row as it stands after each step; all rows begin with the same prompt. Raises `Stopped`."""
        generators = [torch.Generator("cpu").manual_seed(row.seed) for row in rows]
        texts, alive = [Text([]) for _ in rows], list(range(len(rows)))
        steer, bends = self._steer(rows), [Bend(row.wishes, row.most, self.ends) for row in rows]
        with self._turn, torch.inference_mode():
            logits, cache = self._read(prompt, rows, steer, cancelled)
            while alive:
                if cancelled():
                    raise Stopped
                written = [[*rows[at].before(prompt), *texts[at].tokens] for at in alive]
                chances = self._biased(logits, rows, texts, alive, bends)
                filtered = allowed(chances, [rows[at].sampling for at in alive], written)
                tokens = draw(filtered.cpu(), [rows[at].sampling for at in alive], [generators[at] for at in alive])
                for at, token in zip(alive, tokens, strict=True):
                    self._add(texts[at], rows[at], token)
                yield texts
                left = [place for place, at in enumerate(alive) if not texts[at].done]
                if len(left) < len(alive):
                    cache.rows(left)
                    steer = steer.rows(left)
                    alive, tokens = [alive[place] for place in left], [tokens[place] for place in left]
                if alive:
                    logits = self._step(tokens, cache, steer)

    def beams(
        self,
        prompt: Sequence[int],
        rows: Sequence[Row],
        width: int,
        diversity: float = 0.5,
        length_penalty: float = 1.0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[Text]]:
        """Diverse beam search (Vijayakumar et al. 2018): a group of `width` beams for each row, and each group is held off from the
        tokens that groups before it chose in the same step. Yields every group's best hypothesis after each step.

        One row alone is plain beam search. A hypothesis is scored by its log probability over length ** length_penalty. Words that must
        occur have their share of the beams, see `banks`.
        """
        groups = [Group(row.most, width, length_penalty, Banks(row.wishes.must, self.decode)) for row in rows]
        many = [row for row in rows for _ in range(width)]
        steer = self._steer(many)
        with self._turn, torch.inference_mode():
            logits, cache = self._read(prompt, many, steer, cancelled)
            while not all(group.done for group in groups):
                if cancelled():
                    raise Stopped
                logs = self._logs(logits, prompt, many, [beam for group in groups for beam in group.beams])
                chosen: list[int] = []  # of the groups so far, in this step
                origins: list[int] = []
                for at, group in enumerate(groups):
                    mine = logs[at * width : (at + 1) * width]
                    others = [token for token in chosen if token != NOTHING]
                    parents = group.grow(mine, others, diversity, self.ends or frozenset([NOTHING]))
                    chosen += [beam[-1] for beam in group.beams]
                    origins += [at * width + parent for parent in parents]
                yield [self._leading(group, row) for group, row in zip(groups, rows, strict=True)]
                cache.rows(origins)
                logits = self._step([max(0, token) for token in chosen], cache, steer)

    def _leading(self, group: Group, row: Row) -> Text:
        """A group's best hypothesis in words."""
        tokens = group.best()
        why = ("length" if len(tokens) >= row.most else "end") if group.done else ""
        text = Text(tokens, done=group.done, why=why)
        self.settle(text, row)
        return text

    def _logs(self, logits: Tensor, prompt: Sequence[int], rows: Sequence[Row], beams: Sequence[list[int]]) -> Tensor:
        """Log probabilities of every beam's next token, (groups * width, V), after the filters of its row."""
        settings = [row.sampling for row in rows]
        greedy = [Sampling(0.0, 0, 1.0, 0.0, 1.0, each.repetition_penalty, each.no_repeat_ngram) for each in settings]
        for at, (row, beam) in enumerate(zip(rows, beams, strict=True)):
            pull(logits[at], row.wishes.soft, beam, self.decode(beam) if row.wishes.soft else "")
            if len(beam) < row.least:
                logits[at, sorted(self.ends)] = NEVER
        written = [[*row.before(prompt), *beam] for row, beam in zip(rows, beams, strict=True)]
        return allowed(logits, greedy, written).log_softmax(-1).cpu()

    def _steer(self, rows: Sequence[Row]) -> Steer:
        """What bends the network for these rows, or nothing."""
        pushes = [row.push for row in rows]
        some = next((push for push in pushes if push is not None), None)
        push = None
        if some is not None:
            whole = torch.stack([torch.zeros_like(some) if each is None else each for each in pushes])
            push = whole.to(self.device, self.network.dtype)
        known = {id(changes): changes for row in rows for changes, _ in row.adapters}
        weights = {
            name: [sum(weight for each, weight in row.adapters if id(each) == name) for row in rows] for name in known
        }
        adapters = [(self._here(known[name]), torch.tensor(weights[name], device=self.device)) for name in known]
        return Steer(push, adapters)

    def _here(self, changes: Changes) -> Changes:
        """An adapter in the network's precision and place."""
        to = {"device": self.device, "dtype": self.network.dtype}
        return {name: (down.to(**to), up.to(**to), scale) for name, (down, up, scale) in changes.items()}

    def _read(
        self, prompt: Sequence[int], rows: Sequence[Row], steer: Steer, cancelled: Callable[[], bool]
    ) -> tuple[Tensor, Cache]:
        """The logits after the prompt, (N, V), and its cache. It is read once for all rows, in pieces where it is long.

        A push is for what is written, not for what was read (Rimsky et al. 2024). Adapters read too: with different ones, each row
        reads for itself.
        """
        reading = replace(steer, push=None)
        each = any(len(set(weights.tolist())) > 1 for _, weights in steer.adapters)
        reading = reading if each else reading.rows([0])
        tokens = torch.tensor([self._begun(prompt)] * (len(rows) if each else 1), device=self.device)
        cache = self.network.cache(len(tokens), tokens.shape[1] + max(row.most for row in rows))
        logits = None
        for part in torch.split(tokens, CHUNK, dim=1):
            if cancelled():
                raise Stopped
            logits = self.network.read(part, cache, reading)[:, -1]
        assert logits is not None
        if not each:
            cache.rows([0] * len(rows))
            logits = logits.repeat(len(rows), 1)
        return logits, cache

    def _begun(self, prompt: Sequence[int]) -> list[int]:
        """The prompt with what this model wants before every text; never nothing."""
        first = self.vocabulary.first if prompt else self.start
        return list(prompt) if list(prompt[: len(first)]) == first else [*first, *prompt]

    def _step(self, tokens: Sequence[int], cache: Cache, steer: Steer) -> Tensor:
        """The logits after one more token a row, (N, V) in float32."""
        return self.network.read(torch.tensor(tokens, device=self.device)[:, None], cache, steer)[:, -1]  # type: ignore[no-any-return]

    def _biased(
        self, logits: Tensor, rows: Sequence[Row], texts: Sequence[Text], alive: Sequence[int], bends: Sequence[Bend]
    ) -> Tensor:
        """With each row's wishes, and without an end before its least length."""
        for place, at in enumerate(alive):
            bends[at](logits[place], texts[at].tokens, texts[at].text)
            if len(texts[at].tokens) < rows[at].least:
                logits[place, sorted(self.ends)] = NEVER
        return logits

    def _add(self, text: Text, row: Row, token: int) -> None:
        """One more token, and what follows from it."""
        if token in self.ends:
            text.done, text.why = True, "end"
            return
        text.tokens.append(token)
        self.settle(text, row)

    def settle(self, text: Text, row: Row) -> None:
        """The words that the tokens say, up to a stop string; half a character waits for its other half."""
        said = self.decode(text.tokens)
        cut = min((said.find(stop) for stop in row.stops if stop and stop in said), default=-1)
        if cut >= 0:
            text.text, text.done, text.why = said[:cut], True, "stop"
            return
        if not text.done and len(text.tokens) >= row.most:
            text.done, text.why = True, "length"
        text.text = said if text.done else said.rstrip("\ufffd")
