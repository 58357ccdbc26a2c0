"""A causal language model and the loop over its tokens: all variants in one batch, their shared prompt computed once.

In transformers 5 a streamer takes one text, and diverse beams have moved to code on a hub; so the loop over `forward` is ours.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..device import choose
from .sampling import NEVER, Sampling, allowed, draw

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
    bias: Tensor | None = None  # (V,), added to the logits


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
        from transformers import AutoModelForCausalLM, AutoTokenizer

        chosen = choose()
        self.device = torch.device(chosen.device)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        read: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=chosen.torch_dtype)
        self.model: Any = read.to(self.device).eval()
        self.context: int = self.model.config.max_position_embeddings
        ends = self.model.generation_config.eos_token_id
        self.ends = frozenset(ends if isinstance(ends, list) else [ends])
        self._turn = threading.Lock()

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def fitted(self, prompt: Sequence[int], most: int) -> tuple[list[int], int]:
        """The end of the prompt that leaves room for `most` tokens, and how many tokens were cut off before it."""
        room = max(1, self.context - most)
        return list(prompt)[-room:], max(0, len(prompt) - room)

    def write(
        self, prompt: Sequence[int], rows: Sequence[Row], cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[list[Text]]:
        """Every row as it stands after each step; all rows begin with the same prompt. Raises `Stopped`."""
        generators = [torch.Generator("cpu").manual_seed(row.seed) for row in rows]
        texts, alive = [Text([]) for _ in rows], list(range(len(rows)))
        with self._turn, torch.inference_mode():
            logits, cache = self._read(prompt, len(rows), cancelled)
            while alive:
                if cancelled():
                    raise Stopped
                written = [[*prompt, *texts[at].tokens] for at in alive]
                filtered = allowed(
                    self._without_ends(logits, rows, texts, alive), [rows[at].sampling for at in alive], written
                )
                tokens = draw(filtered.cpu(), [rows[at].sampling for at in alive], [generators[at] for at in alive])
                for at, token in zip(alive, tokens, strict=True):
                    self._add(texts[at], rows[at], token)
                yield texts
                left = [place for place, at in enumerate(alive) if not texts[at].done]
                if len(left) < len(alive):
                    cache.batch_select_indices(torch.tensor(left, dtype=torch.long))
                    alive, tokens = [alive[place] for place in left], [tokens[place] for place in left]
                if alive:
                    logits = self._step(torch.tensor(tokens)[:, None], cache)

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

        One row alone is plain beam search. A hypothesis is scored by its log probability over length ** length_penalty.
        """
        groups = [Group(row, width, length_penalty) for row in rows]
        with self._turn, torch.inference_mode():
            logits, cache = self._read(prompt, len(rows) * width, cancelled)
            while not all(group.done for group in groups):
                if cancelled():
                    raise Stopped
                logs = self._logs(logits, prompt, groups)
                chosen: list[int] = []  # of the groups so far, in this step
                origins: list[int] = []
                for at, group in enumerate(groups):
                    mine = logs[at * width : (at + 1) * width]
                    parents = group.grow(mine, chosen, diversity, self.ends)
                    chosen += [beam[-1] for beam in group.beams]
                    origins += [at * width + parent for parent in parents]
                yield [group.best(self) for group in groups]
                cache.reorder_cache(torch.tensor(origins))
                logits = self._step(torch.tensor(chosen)[:, None], cache)

    def _logs(self, logits: Tensor, prompt: Sequence[int], groups: Sequence[Group]) -> Tensor:
        """Log probabilities of every beam's next token, (groups * width, V), after the filters of its row."""
        beams = [(group, beam) for group in groups for beam in group.beams]
        settings = [group.row.sampling for group, _ in beams]
        greedy = [Sampling(0.0, 0, 1.0, 0.0, 1.0, each.repetition_penalty, each.no_repeat_ngram) for each in settings]
        for at, (group, beam) in enumerate(beams):
            if len(beam) < group.row.least:
                logits[at, sorted(self.ends)] = NEVER
        return allowed(logits, greedy, [[*prompt, *beam] for _, beam in beams]).log_softmax(-1).cpu()

    def _read(self, prompt: Sequence[int], count: int, cancelled: Callable[[], bool]) -> tuple[Tensor, Any]:
        """The logits after the prompt, (count, V), and its cache, once for all rows. Long prompts are read in pieces."""
        from transformers import DynamicCache

        cache, logits = DynamicCache(config=self.model.config), None
        tokens = torch.tensor(list(prompt) or [min(self.ends)])[None]
        for part in torch.split(tokens, CHUNK, dim=1):
            if cancelled():
                raise Stopped
            logits = self._step(part, cache)
        assert logits is not None
        cache.batch_repeat_interleave(count)
        return logits.expand(count, -1).clone(), cache

    def _step(self, tokens: Tensor, cache: Any) -> Tensor:
        """The logits after these tokens, (N, T) -> (N, V) in float32."""
        out = self.model(tokens.to(self.device), cache=cache, use_cache=True, logits_to_keep=1)
        return out.logits[:, -1].float()  # type: ignore[no-any-return]

    def _without_ends(self, logits: Tensor, rows: Sequence[Row], texts: Sequence[Text], alive: Sequence[int]) -> Tensor:
        """No end before the least length."""
        early = [place for place, at in enumerate(alive) if len(texts[at].tokens) < rows[at].least]
        if early:
            logits[torch.tensor(early)[:, None], torch.tensor(sorted(self.ends))] = NEVER
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


class Group:
    """The beams of one row, and the hypotheses that have ended."""

    def __init__(self, row: Row, width: int, length_penalty: float) -> None:
        self.row, self._width, self._penalty = row, width, length_penalty
        self.beams: list[list[int]] = [[] for _ in range(width)]
        self._scores = [0.0] + [NEVER] * (width - 1)  # all begin alike, so only one counts
        self._ended: list[tuple[float, list[int]]] = []
        self.done = False

    def grow(self, logs: Tensor, others: Sequence[int], diversity: float, ends: frozenset[int]) -> list[int]:
        """Each beam one token longer; `logs` are (width, V). Returns which beam each one grew from."""
        if self.done:  # goes on beside the others, and counts for nothing
            self.beams = [[*beam, min(ends)] for beam in self.beams]
            return list(range(self._width))
        held = logs.clone()
        for token in others:
            held[:, token] -= diversity
        totals = torch.tensor(self._scores)[:, None] + held
        _, order = totals.flatten().topk(2 * self._width)  # as many again, in case that all of the first ones end
        parents: list[int] = []
        beams: list[list[int]] = []
        scores: list[float] = []
        for place in order.tolist():
            parent, token = divmod(place, logs.shape[1])
            score = self._scores[parent] + float(logs[parent, token])
            if token in ends:
                self._ended.append((self._value(score, len(self.beams[parent])), self.beams[parent]))
            elif len(beams) < self._width:
                parents.append(parent)
                beams.append([*self.beams[parent], token])
                scores.append(score)
        self.beams, self._scores = beams, scores
        full = len(self.beams[0]) >= self.row.most
        if full:
            self._ended += [(self._value(score, len(beam)), beam) for score, beam in zip(scores, beams, strict=True)]
        ahead = self._value(max(scores), len(beams[0]))
        self.done = full or (len(self._ended) >= self._width and max(self._ended)[0] >= ahead)
        return parents

    def best(self, model: LanguageModel) -> Text:
        """The hypothesis that leads, in words."""
        tokens = max(self._ended)[1] if self.done else self.beams[self._scores.index(max(self._scores))]
        full = len(tokens) >= self.row.most
        text = Text(list(tokens), done=self.done, why=("length" if full else "end") if self.done else "")
        model.settle(text, self.row)
        return text

    def _value(self, score: float, length: int) -> float:
        return float(score / max(length, 1) ** self._penalty)
