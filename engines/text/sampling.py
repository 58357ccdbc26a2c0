"""What may come next: logits turned into the distribution that a variant is drawn from. Rows are variants, each with its own settings.

Every function takes logits of shape (N, V) and settings of shape (N,), and returns new logits in which what may not come is -inf. A row
is never left without a token: what was likeliest before always stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

NEVER = float("-inf")


@dataclass(frozen=True)
class Sampling:
    """How one variant is drawn. `temperature` 0 is greedy: always the likeliest token."""

    temperature: float = 0.8
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 0  # 0: may repeat


def allowed(logits: Tensor, rows: Sequence[Sampling], written: Sequence[Sequence[int]]) -> Tensor:
    """The logits (N, V) after every filter, divided by the temperature. `written` are the tokens of each row so far, prompt included."""

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=logits.device)[:, None]

    logits = penalised(logits.float(), written, [row.repetition_penalty for row in rows])
    logits = without_repeats(logits, written, [row.no_repeat_ngram for row in rows])
    logits = logits / column([row.temperature or 1.0 for row in rows])
    logits = top_k(logits, [row.top_k for row in rows])
    if any(row.typical_p < 1 for row in rows):
        logits = typical(logits, column([row.typical_p for row in rows]))
    if any(row.min_p > 0 for row in rows):
        logits = min_p(logits, column([row.min_p for row in rows]))
    if any(row.top_p < 1 for row in rows):
        logits = top_p(logits, column([row.top_p for row in rows]))
    return logits


def draw(logits: Tensor, rows: Sequence[Sampling], generators: Sequence[torch.Generator]) -> list[int]:
    """One token a row: the likeliest at temperature 0, else drawn with the row's own random numbers."""
    left = int((logits > NEVER).sum(-1).max())
    ranked, order = logits.topk(left if any(row.temperature for row in rows) else 1, dim=-1)
    reach = torch.softmax(ranked, dim=-1).cumsum(
        -1
    )  # to draw from all that there is would take as long as the model itself
    out: list[int] = []
    for at, (row, generator) in enumerate(zip(rows, generators, strict=True)):
        lot = torch.rand(1, generator=generator) * reach[at, -1]
        place = int(torch.searchsorted(reach[at], lot, right=True)) if row.temperature else 0
        out.append(int(order[at, min(place, order.shape[1] - 1)]))
    return out


def penalised(logits: Tensor, written: Sequence[Sequence[int]], penalties: Sequence[float]) -> Tensor:
    """Tokens that were written already become less likely (Keskar et al. 2019, "CTRL", section 4.1)."""
    out = logits.clone()
    for row, (tokens, penalty) in enumerate(zip(written, penalties, strict=True)):
        if penalty != 1.0 and tokens:
            at = torch.tensor(sorted(set(tokens)), device=logits.device)
            scores = out[row, at]
            out[row, at] = torch.where(scores > 0, scores / penalty, scores * penalty)
    return out


def without_repeats(logits: Tensor, written: Sequence[Sequence[int]], lengths: Sequence[int]) -> Tensor:
    """No run of so many tokens comes twice (Paulus et al. 2017, section 2.5)."""
    out = logits.clone()
    for row, (tokens, length) in enumerate(zip(written, lengths, strict=True)):
        if length < 1 or len(tokens) < length:
            continue
        last = tuple(tokens[len(tokens) - length + 1 :])
        taken = {
            tokens[at + length - 1]
            for at in range(len(tokens) - length + 1)
            if tuple(tokens[at : at + length - 1]) == last
        }
        if taken:
            out[row, sorted(taken)] = NEVER
    return _with_one(out, logits)


def top_k(logits: Tensor, counts: Sequence[int]) -> Tensor:
    """Only the `counts` likeliest tokens (Fan et al. 2018); 0 keeps all."""
    most = min(max(counts), logits.shape[-1])
    if most < 1:
        return logits
    ranked = logits.topk(most, dim=-1).values
    least = torch.stack(
        [ranked[row, min(count, most) - 1] if count else logits.new_tensor(NEVER) for row, count in enumerate(counts)]
    )
    return logits.masked_fill(logits < least[:, None], NEVER)


def top_p(logits: Tensor, share: Tensor) -> Tensor:
    """The smallest set of likeliest tokens that holds this share of all chances (Holtzman et al. 2020)."""
    left = int(
        (logits > NEVER).sum(-1).max()
    )  # filters before this one leave few: to sort all is most of a step's time
    ranked, order = logits.topk(left, dim=-1)
    chances = ranked.softmax(-1)
    beyond = chances.cumsum(-1) - chances >= share  # what comes before it holds the share already
    beyond[:, 0] = False
    gone = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order, beyond)
    return logits.masked_fill(gone, NEVER)


def min_p(logits: Tensor, share: Tensor) -> Tensor:
    """Only tokens with at least this share of the likeliest one's chance (Nguyen et al. 2024)."""
    return logits.masked_fill(logits < logits.amax(-1, keepdim=True) + share.log(), NEVER)


def typical(logits: Tensor, share: Tensor) -> Tensor:
    """The tokens whose surprise is nearest to the expected one, until they hold this share (Meister et al. 2023)."""
    logs = logits.log_softmax(-1)
    chances = logs.exp()
    entropy = -(chances * logs.nan_to_num(neginf=0.0)).sum(-1, keepdim=True)
    order = (-logs - entropy).abs().argsort(dim=-1)
    ranked = chances.gather(-1, order)
    beyond = ranked.cumsum(-1) - ranked >= share
    beyond[:, 0] = False
    beyond = torch.zeros_like(beyond).scatter(-1, order, beyond)
    return torch.where(share < 1, logits.masked_fill(beyond, NEVER), logits)


def _with_one(filtered: Tensor, before: Tensor) -> Tensor:
    """Rows that were left without any token get back what they had."""
    empty = torch.isinf(filtered).all(-1, keepdim=True)
    return torch.where(empty, before, filtered)
