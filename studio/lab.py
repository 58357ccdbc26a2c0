"""The lab: what goes on inside the language models while they read, for whoever wants to see."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from engines import store
from engines.api import check_text
from engines.errors import MAX_OPTION

from .events import StudioError

if TYPE_CHECKING:
    from engines.text.attention import Attention

MODELS = {"writer": "smollm2-135m-instruct", "reader": "minilm-l6-v2"}  # as the page calls them -> in the store
FULL = 2**16 - 1  # a weight of 1, as it is sent

_lock = threading.Lock()
_pulls: dict[str, Pull] = {}  # models on their way here


def attention(said: dict[str, Any]) -> dict[str, Any]:
    """How much each token of a text looks at every other, in each layer and head: the page's question and its answer.

    The question is `{"model": "writer" or "reader", "text": "…"}`. Where the model is not here yet it is fetched meanwhile, and the
    answer is `{"waiting": {"done": 0-1, "title": "…"}}`: ask again soon. Raises `StudioError` or `EngineError`.
    """
    asked, text = said.get("model", "writer"), check_text("text", said.get("text"), MAX_OPTION, StudioError)
    if not isinstance(asked, str) or asked not in MODELS:
        raise StudioError("Unknown model {value!r}.", "Known: {allowed}.", value=asked, allowed=", ".join(MODELS))
    name = MODELS[asked]
    if not store.present(name):
        return {"waiting": pulled(name)}
    from engines.text.attention import attention as look

    return {"model": asked, **encoded(look(store.path(name), text))}


def encoded(found: Attention) -> dict[str, Any]:
    """What the page draws. Weights are 16 bits each, low byte first, in the order of (layers, heads, T, T): 1 is 65535."""
    weights = np.rint(found.weights * FULL).astype("<u2")
    ends = [0, *(end for _, end in found.offsets)]
    return {
        "tokens": found.tokens,
        "spaced": [
            start > ends[at] for at, (start, _) in enumerate(found.offsets)
        ],  # whether white space stands before
        "layers": weights.shape[0],
        "heads": weights.shape[1],
        "weights": base64.b64encode(weights.tobytes()).decode(),
        "causal": found.causal,
        "sinks": list(found.sinks),
        "unknown": list(found.unknown),
        "share": found.share,
        "width": found.width,
        "cut": found.cut,
    }


class Pull:
    """A model on its way here, in a thread of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.done = 0.0  # 0-1
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run, name=f"pull {name}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            store.pull(self._name, self._report)
        except Exception as error:  # told to whoever asks next
            self.error = error

    def _report(self, done: int, total: int, message: str) -> None:
        self.done = done / max(total, 1)


def pulled(name: str) -> dict[str, Any]:
    """How far a model is on its way; the first who asks sends for it. What went wrong is raised once, and the next begins anew."""
    with _lock:
        if name not in _pulls:
            _pulls[name] = Pull(name)
        pull = _pulls[name]
        if not pull.thread.is_alive():
            del _pulls[name]
            if pull.error is not None:
                raise pull.error
    return {"done": min(1.0, pull.done), "title": store.entry(name).title}
