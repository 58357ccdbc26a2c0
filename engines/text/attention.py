"""Attention weights: how much each token of a text looks at every other, in each layer and head of a language model.

Vaswani et al. 2017, "Attention is all you need", equation 1: softmax(Q K^T / sqrt(d_k)), which V is then weighted with. A causal
model masks what stands later; an encoder looks both ways.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..device import choose
from ..errors import EngineError

Floats = NDArray[np.float32]
Span = tuple[int, int]  # where a token begins and ends in the text, in characters

LIMIT = 64  # tokens of a text that are looked at
SPACES = {"\n": "⏎", "\r": "⏎", "\t": "⇥"}  # others are ␣


@dataclass(frozen=True)
class Attention:
    """What one text makes a model look at. Rows look, columns are looked at, and each row adds up to 1."""

    tokens: list[str]  # as a person reads them; where one is part of a character, "你 2/3"
    offsets: list[Span]  # in the text, without the space before; (0, 0) for a mark that the model adds
    weights: Floats  # (layers, heads, T, T), 0-1
    causal: bool  # whether nothing looks ahead: weights are exactly 0 above the diagonal
    sinks: tuple[int, ...]  # tokens that take what no other is wanted for
    unknown: tuple[int, ...]  # tokens for which the model has no word, and sees one and the same mark
    width: int  # d_k, of a query and a key
    cut: int  # tokens at the end of the text that were left out

    @property
    def share(self) -> float:
        """The part of all looks that goes to the sinks: the mean over layers, heads and all rows but their own.

        Xiao et al. 2023, "Efficient streaming language models with attention sinks": softmax has to give its 1 to something, so a
        head that needs nothing gives it to the first token, whatever that is. In BERT it is the marks: Clark et al. 2019, "What
        does BERT look at?", section 3.2.
        """
        rows = self._others() or list(range(len(self.tokens)))
        return float(self.weights[:, :, rows][..., list(self.sinks)].sum(-1).mean())

    def without_sinks(self) -> Floats:
        """The weights among all other tokens, (layers, heads, T', T'), each row of sum 1 again; a row of which nothing is left is 0."""
        rest = self._others()
        found = self.weights[:, :, rest][..., rest]
        sums = found.sum(-1, keepdims=True)
        return np.asarray(np.divide(found, sums, out=np.zeros_like(found), where=sums > 0))

    def _others(self) -> list[int]:
        return [at for at in range(len(self.tokens)) if at not in self.sinks]


def attention(folder: Path, text: str) -> Attention:
    """What the model of a transformers folder attends to in a text, of which the first `LIMIT` tokens count.

    The model is loaded once and kept, in float32: in bfloat16 single weights come out up to 0.04 off. Raises `EngineError` where
    the text has no words.
    """
    if not text.strip():
        raise no_text()
    return _looker(folder).look(text)


@cache
def _looker(folder: Path) -> Looker:
    return Looker(folder)


class Looker:
    """A model that shows its attention. It loads when it first looks; one text at a time is looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: tuple[Any, Any] | None = None  # tokenizer and network
        self._turn = threading.Lock()  # transformers records attentions through hooks that all callers share

    def look(self, text: str) -> Attention:
        """Raises `EngineError` where the text holds nothing that the model reads."""
        with self._turn, torch.inference_mode():
            tokenizer, network = self._networks()
            read = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False)
            marked, own = read.special_tokens_mask, read.special_tokens_mask.count(0)
            if not own:
                raise no_text()
            last = marked.index(0) + LIMIT
            places = [at for at, mark in enumerate(marked) if mark or at < last]
            ids = [read.input_ids[at] for at in places]
            made = network(torch.tensor([ids], device=network.device), output_attentions=True).attentions
            weights = torch.cat(made).float().cpu().numpy()  # (layers, heads, T, T)
        names, spans = readable(text, read.offset_mapping)
        marks, config = [at for at, place in enumerate(places) if marked[place]], network.config
        causal = str((config.architectures or [""])[0]).endswith("ForCausalLM")
        return Attention(
            tokens=[
                tokenizer.convert_ids_to_tokens(ids[at]) if at in marks else names[places[at]] for at in range(len(ids))
            ],
            offsets=[spans[place] for place in places],
            weights=np.ascontiguousarray(weights),
            causal=causal,
            sinks=(0,) if causal else tuple(marks),
            unknown=tuple(at for at, token in enumerate(ids) if token == tokenizer.unk_token_id),
            width=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
            cut=max(0, own - LIMIT),
        )

    def _networks(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            eager: Any = AutoModel.from_pretrained(self._folder, dtype=torch.float32, attn_implementation="eager")
            network = eager.to(choose().device).eval()  # the quicker kernels never hold the weights as a whole
            self._loaded = AutoTokenizer.from_pretrained(self._folder), network
        return self._loaded


def no_text() -> EngineError:
    return EngineError("There is no text to look into.", "Write a few words.")


def readable(text: str, offsets: Sequence[Span]) -> tuple[list[str], list[Span]]:
    """Tokens as a person reads them, and where they stand without the space before.

    White space that is a token of its own has a sign, and so has what cannot be seen; a character that takes several tokens is
    numbered: "你 1/2", "你 2/2".
    """
    spans = [_trimmed(text, *span) for span in offsets]
    names = []
    for (start, end), same in groupby(spans):
        count = len(list(same))
        name = _shown(text[start:end])
        names += [name] if count == 1 else [f"{name} {at}/{count}" for at in range(1, count + 1)]
    return names, spans


def _shown(piece: str) -> str:
    if piece.isspace():
        return "".join(SPACES.get(sign, "␣") for sign in piece)
    if not any(sign.isprintable() for sign in piece):
        return " ".join(f"U+{ord(sign):04X}" for sign in piece)
    return piece


def _trimmed(text: str, start: int, end: int) -> Span:
    """A token's place without the white space that it begins with, where it is more than white space."""
    piece = text[start:end]
    return (end - len(piece.lstrip()), end) if piece.strip() else (start, end)
