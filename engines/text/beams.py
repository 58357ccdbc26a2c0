"""Diverse beam search, one group of beams for each variant (Vijayakumar et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .sampling import NEVER


class Group:
    """The beams of one row, and the hypotheses that have ended."""

    def __init__(self, most: int, width: int, length_penalty: float) -> None:
        self._most, self._width, self._penalty = most, width, length_penalty
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
        full = len(self.beams[0]) >= self._most
        if full:
            self._ended += [(self._value(score, len(beam)), beam) for score, beam in zip(scores, beams, strict=True)]
        ahead = self._value(max(scores), len(beams[0]))
        self.done = full or (len(self._ended) >= self._width and max(self._ended)[0] >= ahead)
        return parents

    def best(self) -> list[int]:
        """The tokens of the hypothesis that leads."""
        return list(max(self._ended)[1] if self.done else self.beams[self._scores.index(max(self._scores))])

    def _value(self, score: float, length: int) -> float:
        return float(score / max(length, 1) ** self._penalty)
