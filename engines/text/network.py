"""A Llama as plain tensors: what `LlamaForCausalLM` computes, without what a step of one token does not need.

With one or two cores and four rows, most of a step in `transformers` is not arithmetic but laying out the same weights anew for every
product, and the way through thirty modules. Here weights are laid out once for the CPU's matrix unit (oneDNN), queries, keys and
values come from one product, gate and up from another, and keys and values lie in memory that was set aside before.

Touvron et al. 2023 ("LLaMA"); rotary positions: Su et al. 2021; RMSNorm: Zhang and Sennrich 2019; grouped queries: Ainslie et al. 2023.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..modelfiles import Folder

ROWS = 8  # of a product, for which the weights are laid out best

Delta = tuple[Tensor, Tensor, float]  # a low-rank change of a linear map: A (r, in), B (out, r), scale
Changes = Mapping[str, Delta]  # of an adapter: a module's name in the model -> its change


@dataclass(frozen=True)
class Steer:
    """What bends the network, row by row: a push of the residual stream after each layer, and adapters with weights of their own."""

    push: Tensor | None = None  # (N, layers, hidden)
    adapters: Sequence[tuple[Changes, Tensor]] = ()  # each with its weights (N,)

    def rows(self, which: Sequence[int]) -> Steer:
        at = torch.tensor(list(which), dtype=torch.long)
        push = None if self.push is None else self.push[at]
        return Steer(push, [(adapter, weights[at]) for adapter, weights in self.adapters])


NO_STEER = Steer()


@dataclass
class Cache:
    """Keys and values of what was read so far, a pair a layer, each (N, KV heads, room, head); `length` of the room is in use."""

    keys: list[Tensor]
    values: list[Tensor]
    length: int = 0

    def rows(self, which: Sequence[int]) -> None:
        """Keeps these rows in this order; one may come several times."""
        if list(which) == list(range(self.keys[0].shape[0])):
            return
        at = torch.tensor(list(which), dtype=torch.long, device=self.keys[0].device)
        for kept in (self.keys, self.values):
            for layer, old in enumerate(kept):
                new = old.new_empty(len(at), *old.shape[1:])
                new[:, :, : self.length] = old[at, :, : self.length]
                kept[layer] = new


class Linear:
    """x (…, in) -> (…, out). On a CPU the weights are laid out once for its matrix unit, where torch offers that."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._bias = bias
        weight = weight.contiguous()
        here = weight.device.type == "cpu" and weight.dtype == torch.bfloat16
        self._packed = here and torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS) if self._packed else weight

    def __call__(self, x: Tensor) -> Tensor:
        if self._packed:
            return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")  # type: ignore[no-any-return]
        return F.linear(x, self._weight, self._bias)


class Weights(dict[str, Tensor]):
    """Tensors by name. Each is asked for once and let go, in the number type of the network: there is no room for all of them twice."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self._dtype = dtype

    def take(self, name: str) -> Tensor:
        return self.pop(name).to(self._dtype)


@dataclass
class Layer:
    """One decoder layer. The gains of its norms, `before` attention and `between` the halves, lie in the weights that follow."""

    qkv: Linear
    out: Linear
    gate_up: Linear
    down: Linear
    before: Tensor
    between: Tensor


class Llama:
    """A decoder of the Llama family (SmolLM2, Llama, Mistral and Qwen2 without sliding windows)."""

    KINDS = ("llama", "mistral", "qwen2")

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        from safetensors.torch import load_file

        files = Folder(folder.name, folder)
        config, weights = files.config, Weights(dtype)
        for file in files.weights():
            weights |= load_file(folder / file, device=str(device))
        self.device, self.dtype = device, dtype
        self.hidden: int = config["hidden_size"]
        self.heads: int = config["num_attention_heads"]
        self.kv: int = config.get("num_key_value_heads") or self.heads
        self.head: int = config.get("head_dim") or self.hidden // self.heads
        self.context: int = config["max_position_embeddings"]
        self._eps = torch.tensor(config["rms_norm_eps"], device=device)
        self.inner: int = config["intermediate_size"]
        self.embedding = weights.take("model.embed_tokens.weight")  # (V, hidden)
        self.words = len(self.embedding)
        self.layers = [self._layer(weights, at) for at in range(config["num_hidden_layers"])]
        self.norm = weights.take("model.norm.weight")
        self.top = Linear(weights.take("lm_head.weight") if "lm_head.weight" in weights else self.embedding)
        self._turns = self._rotations(config)

    @classmethod
    def fits(cls, config: Mapping[str, Any]) -> bool:
        """Whether this class computes what the model of this configuration does."""
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        return (
            config.get("model_type") in cls.KINDS
            and config.get("hidden_act", "silu") == "silu"
            and rope.get("rope_type", "default") == "default"
            and not (
                config.get("use_sliding_window")
                or (config.get("model_type") == "mistral" and config.get("sliding_window"))
            )
        )

    def shapes(self) -> dict[str, tuple[int, int]]:
        """(out, in) of every linear map of the layers, by the name that it has in the model."""
        into = {"o_proj": self.heads * self.head, "down_proj": self.inner}
        parts = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
        return {
            f"model.layers.{at}.{_place(part)}": (size, into.get(part, self.hidden))
            for at in range(len(self.layers))
            for part, size in zip(parts, self._sizes(parts), strict=True)
        }

    def cache(self, rows: int, room: int) -> Cache:
        """Room for so many tokens in each row."""
        shape = (rows, self.kv, room, self.head)
        keys, values = (
            [torch.empty(shape, dtype=self.dtype, device=self.device) for _ in self.layers] for _ in range(2)
        )
        return Cache(keys, values)

    def read(self, tokens: Tensor, cache: Cache, steer: Steer = NO_STEER, keep: int = 1) -> Tensor:
        """Goes on from the cache with tokens (N, T). The logits after the last `keep` of them, (N, keep, V) in float32."""
        last = self._through(tokens, cache, steer)[-1][:, -keep:]
        return self.top(self._normed(last) * self.norm).float()

    def states(self, tokens: Tensor) -> Tensor:
        """The residual stream after each layer while tokens (N, T) are read, (layers, N, T, hidden) in float32."""
        return torch.stack(self._through(tokens, self.cache(*tokens.shape), NO_STEER)).float()

    def _through(self, tokens: Tensor, cache: Cache, steer: Steer) -> list[Tensor]:
        """The residual stream after each layer, `layers` of (N, T, hidden)."""
        x = self.embedding[tokens]  # (N, T, hidden)
        start, count = cache.length, tokens.shape[1]
        cosines, sines = (turn[start : start + count, None] for turn in self._turns)  # (T, 1, head)
        mask = self._mask(start, count)
        states: list[Tensor] = []
        for at, layer in enumerate(self.layers):
            qkv = self._product(layer.qkv, self._normed(x), at, ("q_proj", "k_proj", "v_proj"), steer, layer.before)
            x = x + self._product(
                layer.out, self._attended(qkv, at, cache, cosines, sines, mask), at, ("o_proj",), steer
            )
            both = self._product(layer.gate_up, self._normed(x), at, ("gate_proj", "up_proj"), steer, layer.between)
            gate, up = both.chunk(2, -1)
            x = x + self._product(layer.down, F.silu(gate) * up, at, ("down_proj",), steer)
            if steer.push is not None:
                x = x + steer.push[:, at, None]
            states.append(x)
        cache.length += count
        return states

    def _normed(self, x: Tensor) -> Tensor:
        """Root mean square normalisation without its gain, in the fewest operations."""
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        return x * torch.addcmul(self._eps, norm, norm, value=1 / self.hidden).rsqrt().to(self.dtype)

    def _attended(
        self, qkv: Tensor, at: int, cache: Cache, cosines: Tensor, sines: Tensor, mask: Tensor | None
    ) -> Tensor:
        """Queries, keys and values (N, T, (heads + 2 KV) * head) -> what each position gathers, (N, T, heads * head)."""
        rows, count, _ = qkv.shape
        heads = qkv.view(rows, count, self.heads + 2 * self.kv, self.head)
        turned, values = torch.split(heads, [self.heads + self.kv, self.kv], dim=2)
        turned = torch.addcmul(turned * cosines, turned.roll(self.head // 2, -1), sines)  # Su et al. 2021, equation 34
        queries, keys = torch.split(turned, [self.heads, self.kv], dim=2)
        end = cache.length + count
        cache.keys[at][:, :, cache.length : end] = keys.transpose(1, 2)
        cache.values[at][:, :, cache.length : end] = values.transpose(1, 2)
        seen = cache.keys[at][:, :, :end], cache.values[at][:, :, :end]
        if count == 1:  # the queries that share a key stand in for positions
            asked = queries.reshape(rows, self.kv, self.heads // self.kv, self.head)
            return F.scaled_dot_product_attention(asked, *seen).reshape(rows, 1, -1)
        found = F.scaled_dot_product_attention(queries.transpose(1, 2), *seen, attn_mask=mask, enable_gqa=True)
        return found.transpose(1, 2).reshape(rows, count, -1)

    def _product(
        self, linear: Linear, x: Tensor, at: int, parts: Sequence[str], steer: Steer, gain: Tensor | None = None
    ) -> Tensor:
        """A linear map, and what adapters add to its parts: they know nothing of a norm's gain that lies in its weights."""
        out = linear(x)
        for adapter, weights in steer.adapters:
            changes = [adapter.get(f"model.layers.{at}.{_place(part)}") for part in parts]
            if any(changes):
                scaled = (x if gain is None else x * gain) * weights.to(x.dtype)[:, None, None]
                sizes = self._sizes(parts)
                added = [
                    out.new_zeros(*x.shape[:-1], size)
                    if change is None
                    else (scaled @ change[0].T) @ change[1].T * change[2]
                    for change, size in zip(changes, sizes, strict=True)
                ]
                out = out + torch.cat(added, -1)
        return out

    def _sizes(self, parts: Sequence[str]) -> list[int]:
        sizes = {"q_proj": self.heads * self.head, "k_proj": self.kv * self.head, "v_proj": self.kv * self.head}
        return [sizes.get(part, self.inner if part in ("gate_proj", "up_proj") else self.hidden) for part in parts]

    def _layer(self, weights: Weights, at: int) -> Layer:
        """A layer's weights, laid side by side, with the gain of the norm before them multiplied in."""
        own = f"model.layers.{at}."
        before, between = (
            weights.take(f"{own}{name}.weight") for name in ("input_layernorm", "post_attention_layernorm")
        )

        def joined(names: Sequence[str], norm: Tensor | None = None) -> Linear:
            places = [f"{own}{_place(name)}" for name in names]
            whole = torch.cat([weights.take(f"{place}.weight") for place in places])
            biases = [weights.take(f"{place}.bias") for place in places if f"{place}.bias" in weights]
            if norm is not None:
                whole = (whole.float() * norm.float()).to(self.dtype)
            return Linear(whole, torch.cat(biases) if biases else None)

        return Layer(
            qkv=joined(("q_proj", "k_proj", "v_proj"), before),
            out=joined(("o_proj",)),
            gate_up=joined(("gate_proj", "up_proj"), between),
            down=joined(("down_proj",)),
            before=before,
            between=between,
        )

    def _rotations(self, config: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """Cosines and sines of every position, (context, head); the first half of the sines is negative (Su et al. 2021)."""
        rope = config.get("rope_parameters") or {}
        base = float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0)
        speeds = torch.exp(-math.log(base) * torch.arange(0, self.head, 2, dtype=torch.float64) / self.head)
        angles = torch.arange(self.context, dtype=torch.float64)[:, None] * speeds
        cosines, sines = angles.cos(), angles.sin()
        pairs = torch.cat([cosines, cosines], 1), torch.cat([-sines, sines], 1)
        return pairs[0].to(self.device, self.dtype), pairs[1].to(self.device, self.dtype)

    def _mask(self, start: int, count: int) -> Tensor | None:
        """Who may look at whom, (count, start + count): nobody looks ahead."""
        if count == 1:
            return None
        return torch.ones(count, start + count, dtype=torch.bool, device=self.device).tril(start)


def _place(part: str) -> str:
    """Where a linear map lies within its layer."""
    return f"self_attn.{part}" if part in ("q_proj", "k_proj", "v_proj", "o_proj") else f"mlp.{part}"
