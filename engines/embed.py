"""What texts mean: sentence embeddings by MiniLM, for whoever compares texts.

Reimers and Gurevych 2019, "Sentence-BERT: sentence embeddings using Siamese BERT-networks": the mean over a text's tokens, of unit
length. The weights are all-MiniLM-L6-v2, which read English; other languages come out vague.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from . import device, store
from .device import Choice

Floats = NDArray[np.float32]

MODEL = "minilm-l6-v2"
WIDTH = 384  # numbers of an embedding
FEATURES = 64  # numbers that stand for a text in the taste model
MOST = 254  # tokens that are read at once: with the two marks around them, the 256 that the model was made for


class Reader:
    """A sentence encoder whose weights load when it first reads. Any number of threads may ask.

    Each text is read by itself and in float32: in a batch, padding and the number of its rows change the last bits, and the same
    text must be the same bytes whatever stands beside it.
    """

    def __init__(
        self,
        folder: Callable[[], Path] = lambda: store.path(MODEL),
        choose: Callable[[], Choice] = device.choose,
    ) -> None:
        self._folder, self._choose = folder, choose
        self._loaded: tuple[Any, Any] | None = None  # tokenizer and network
        self._turn = threading.Lock()  # a tokenizer may not be asked twice at once

    def models(self) -> dict[str, str]:
        """Store entry -> SHA-256 of the weights. Raises `EngineError` where they are missing."""
        return {MODEL: store.sha256(MODEL)}

    def embed(self, texts: Sequence[str]) -> Floats:
        """Texts as vectors, (N, 384) float32. Raises `EngineError` where the weights are missing.

        Each is of unit length, but for a text without words: that is 0, like nothing and not even itself. A text of more than 254
        tokens is cut into pieces of equal length, and is the mean of theirs, of unit length again.
        """
        known = {text: self._read(text) for text in dict.fromkeys(texts)}
        return np.stack([known[text] for text in texts]) if known else np.zeros((0, WIDTH), np.float32)

    def features(self, text: str) -> Floats:
        """A text for the taste model, (64,) float32: its vector in random directions, which keep distances nearly as they are
        (Johnson and Lindenstrauss 1984)."""
        vector = self.embed([text])[0]
        directions = np.random.default_rng(0).standard_normal((len(vector), FEATURES), np.float32)
        return np.asarray(vector @ (directions / np.float32(np.sqrt(FEATURES))))

    def similarity(self, one: str, other: str) -> float:
        """The cosine between two texts: 1 where they mean the same, about 0 where they have nothing in common."""
        first, second = self.embed([one, other])
        return float(first @ second)

    def _read(self, text: str) -> Floats:
        with self._turn, torch.inference_mode():
            tokenizer, network = self._networks()
            tokens = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
            if not tokens:
                return np.zeros(network.config.hidden_size, np.float32)
            count = -(-len(tokens) // MOST)
            pieces = [self._piece(list(part)) for part in np.array_split(tokens, count)]
            mean = functional.normalize(torch.stack(pieces).mean(0), dim=0)
            return np.asarray(mean.cpu().numpy())

    def _piece(self, tokens: list[int]) -> Tensor:
        """The unit vector of at most `MOST` tokens, (384,)."""
        tokenizer, network = self._networks()
        marked = [tokenizer.cls_token_id, *tokens, tokenizer.sep_token_id]
        seen = network(torch.tensor([marked], device=network.device)).last_hidden_state[0]  # (T, 384)
        return functional.normalize(seen.mean(0), dim=0)

    def _networks(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging

            logging.disable_progress_bar()  # type: ignore[no-untyped-call]
            folder = self._folder()
            network: Any = AutoModel.from_pretrained(folder, dtype=torch.float32)
            self._loaded = AutoTokenizer.from_pretrained(folder), network.to(self._choose().device).eval()
        return self._loaded


shared = Reader()  # what `registry.reader` hands out
