"""Any causal model of `transformers`, behind the same few methods as `network.Llama`: for those that are no Llama."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import EngineError
from .adapter import shapes
from .network import NO_STEER, Changes, Steer

DIFFERS = {torch.float32: 1e-3}  # share of the logits that is more than rounding
ROUGHLY = 0.05  # the same in bfloat16


class Kept:
    """The cache of `transformers`, by rows."""

    def __init__(self, config: Any) -> None:
        from transformers import DynamicCache

        self.inner: Any = DynamicCache(config=config)

    def rows(self, which: Sequence[int]) -> None:
        """Keeps these rows in this order; one may come several times."""
        self.inner.reorder_cache(torch.tensor(list(which), dtype=torch.long))


class Hub:
    """A model of a transformers folder as it is. Steering hangs on its modules while it reads."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        """Raises `EngineError` where transformers cannot read the folder, or what it holds cannot go on from where it was."""
        self._model: Any = _loaded(folder, dtype).to(device).eval()
        self.device, self.dtype = device, dtype
        config = self._model.config.get_text_config()
        self.hidden: int = config.hidden_size
        self.context: int = getattr(config, "max_position_embeddings", None) or 2048
        self.words: int = self._model.get_input_embeddings().num_embeddings
        self._blocks = _blocks(self._model.get_decoder(), config.num_hidden_layers)
        if not self._goes_on():
            raise EngineError(
                "{name} is of the kind {value!r}, which cannot write several texts side by side here.",
                "Choose one with attention, such as a GPT, Llama, Qwen or Gemma.",
                name=folder.name,
                value=config.model_type,
            )

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

    def _goes_on(self) -> bool:
        """Whether what is read in pieces, by rows that were split on the way, is what is read at once."""
        tokens = torch.arange(1, 9, device=self.device)[None] % self.words
        with torch.inference_mode():
            try:
                whole = self.read(tokens, self.cache(1, 8))[0, -1]
                cache = self.cache(1, 8)
                self.read(tokens[:, :4], cache)
                cache.rows([0, 0])
                self.read(tokens[:, 4:7].expand(2, -1), cache)
                cache.rows([1])
                pieces = self.read(tokens[:, 7:], cache)[0, -1]
            except (RuntimeError, ValueError, TypeError, AttributeError, IndexError):
                return False
        return bool((whole - pieces).norm() < DIFFERS.get(self.dtype, ROUGHLY) * whole.norm())

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


def _loaded(folder: Path, dtype: torch.dtype) -> Any:
    """The model as transformers reads it: from safetensors alone, and never with code of its own."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    quiet: Callable[[], None] = logging.disable_progress_bar
    quiet()
    load: Any = AutoModelForCausalLM.from_pretrained
    given: dict[str, Any] = {
        "dtype": dtype,
        "local_files_only": True,
        "use_safetensors": True,
        "trust_remote_code": False,
    }
    try:
        model, told = load(folder, output_loading_info=True, **given)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError) as error:
        raise EngineError(
            "The model {name} cannot be read: {why}.",
            "Check that its files are whole, or choose another.",
            name=folder.name,
            why=(str(error).strip().splitlines() or [type(error).__name__])[0].rstrip("."),
        ) from error
    if missing := sorted(told["missing_keys"]):
        raise EngineError(
            "The weights of {name} are not all there: {missing}.",
            "Choose a model that was saved whole.",
            name=folder.name,
            missing=", ".join(missing[:3]),
        )
    return model


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
