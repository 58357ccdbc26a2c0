"""Diverse beam search, one group of beams for each variant (Vijayakumar et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .banks import Banks, Candidate
from .sampling import NEVER


class Group:
    """The beams of one row, and the hypotheses that have ended."""

    def __init__(self, most: int, width: int, length_penalty: float, banks: Banks) -> None:
        self._most, self._width, self._penalty, self._banks = most, width, length_penalty, banks
        self.beams: list[list[int]] = [[] for _ in range(width)]
        self._scores = [0.0] + [NEVER] * (width - 1)  # all begin alike, so only one counts
        self._met = [0] * width
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
        candidates: list[Candidate] = []
        for parent, token in self._places(held):
            score = self._scores[parent] + float(logs[parent, token])
            if token not in ends:
                met = self._banks.met([*self.beams[parent], token])
                candidates.append(Candidate(score, parent, token, met))
            elif self._met[parent] == self._banks.total:
                self._ended.append((self._value(score, len(self.beams[parent])), self.beams[parent]))
        self._keep(self._banks.chosen(candidates, self._width))
        return [each.parent for each in self._last]

    def best(self) -> list[int]:
        """The tokens of the hypothesis that leads."""
        return list(max(self._ended)[1] if self.done else self.beams[self._scores.index(max(self._scores))])

    def _places(self, held: Tensor) -> Iterator[tuple[int, int]]:
        """Beams and tokens that may go on: the likeliest, and of every beam the likeliest and what its words need."""
        totals = torch.tensor(self._scores)[:, None] + held
        _, order = totals.flatten().topk(2 * self._width)  # as many again, in case that all of the first ones end
        places = {divmod(place, held.shape[1]): None for place in order.tolist()}
        if self._banks.total:
            for parent, (beam, score) in enumerate(zip(self.beams, self._scores, strict=True)):
                if score > NEVER:
                    needed = [int(held[parent].argmax()), *self._banks.steps(beam)]
                    places |= {(parent, token): None for token in needed if held[parent, token] > NEVER}
        return iter(places)

    def _keep(self, chosen: Sequence[Candidate]) -> None:
        self._last = chosen
        self.beams = [[*self.beams[each.parent], each.token] for each in chosen]
        self._scores, self._met = [each.score for each in chosen], [each.met for each in chosen]
        most = max(self._met)
        alive = [
            (self._value(score, len(beam)), beam)
            for score, met, beam in zip(self._scores, self._met, self.beams, strict=True)
            if met == most
        ]
        full = len(self.beams[0]) >= self._most
        if full and (most == self._banks.total or not self._ended):
            self._ended += alive
        ahead = max(alive)[0]
        self.done = full or (len(self._ended) >= self._width and max(self._ended)[0] >= ahead)

    def _value(self, score: float, length: int) -> float:
        return float(score / max(length, 1) ** self._penalty)
