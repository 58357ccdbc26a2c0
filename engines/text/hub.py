"""Any causal model of `transformers`, behind the same few methods as `network.Llama`: for those that are no Llama."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .adapter import shapes
from .network import NO_STEER, Changes, Steer


class Kept:
    """The cache of `transformers`, by rows."""

    def __init__(self, config: Any) -> None:
        from transformers import DynamicCache

        self.inner: Any = DynamicCache(config=config)

    def rows(self, which: Sequence[int]) -> None:
        """Keeps these rows in this order; one may come several times."""
        self.inner.batch_select_indices(torch.tensor(list(which), dtype=torch.long))


class Hub:
    """A model of a transformers folder as it is. Steering hangs on its modules while it reads."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        from transformers import AutoModelForCausalLM

        read: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
        self._model: Any = read.to(device).eval()
        self.device, self.dtype = device, dtype
        config = self._model.config.get_text_config()
        self.hidden: int = config.hidden_size
        self.context: int = getattr(config, "max_position_embeddings", None) or 2048
        self._blocks = _blocks(self._model, config.num_hidden_layers)

    @property
    def depth(self) -> int:
        return len(self._blocks)

    def shapes(self) -> dict[str, tuple[int, int]]:
        """(out, in) of every linear map, by its name in the model."""
        return shapes(self._model)

    def cache(self, rows: int, room: int) -> Kept:
        """An empty cache; it grows as it must."""
        return Kept(self._model.config)

    def read(self, tokens: Tensor, cache: Kept, steer: Steer = NO_STEER, keep: int = 1) -> Tensor:
        """Goes on from the cache with tokens (N, T). The logits after the last `keep` of them, (N, keep, V) in float32."""
        with self._bent(steer):
            out = self._model(tokens, cache=cache.inner, use_cache=True, logits_to_keep=keep)
        return out.logits[:, -keep:].float()  # type: ignore[no-any-return]

    def states(self, tokens: Tensor) -> Tensor:
        """The residual stream after each layer while tokens (N, T) are read, (layers, N, T, hidden) in float32."""
        found: list[Tensor] = []

        def keep(_: nn.Module, __: Any, out: Any) -> None:
            found.append((out[0] if isinstance(out, tuple) else out).float())

        with ExitStack() as stack:
            for block in self._blocks:
                stack.callback(block.register_forward_hook(keep).remove)
            self._model(tokens, use_cache=False, logits_to_keep=1)
        return torch.stack(found)

    @contextmanager
    def _bent(self, steer: Steer) -> Iterator[None]:
        with ExitStack() as stack:
            if steer.push is not None:
                for at, block in enumerate(self._blocks):
                    stack.callback(block.register_forward_hook(partial(_pushed, steer.push[:, at, None])).remove)
            for adapter, weights in steer.adapters:
                for name, change in _changes(self._model, adapter):
                    hook: Callable[..., Any] = partial(_added, weights, change)
                    stack.callback(self._model.get_submodule(name).register_forward_hook(hook).remove)
            yield


def _blocks(model: nn.Module, count: int) -> Sequence[nn.Module]:
    """The decoder's layers: the one list of as many modules as the configuration names."""
    lists = (each for each in model.modules() if isinstance(each, nn.ModuleList))
    return list(next(each for each in lists if len(each) == count))


def _changes(model: nn.Module, adapter: Changes) -> Iterator[tuple[str, Any]]:
    names = {name for name, _ in model.named_modules()}
    yield from ((name, change) for name, change in adapter.items() if name in names)


def _pushed(push: Tensor, _: nn.Module, __: Any, out: Any) -> Any:
    return (out[0] + push, *out[1:]) if isinstance(out, tuple) else out + push


def _added(weights: Tensor, change: Any, _: nn.Module, inputs: Any, out: Tensor) -> Tensor:
    down, up, scale = change
    scaled: Tensor = inputs[0] * weights.to(inputs[0].dtype)[:, None, None]
    added: Tensor = (scaled @ down.T) @ up.T * scale
    return out + added
