"""A causal language model that learns: peft's LoRA in every linear layer of its blocks, and what is asked of it on the way."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..device import choose
from ..errors import EngineError
from . import corpus
from .adapter import Adapter, applied, shapes
from .lm import Stopped

WARM_UP, LEAST_RATE = 0.06, 0.05  # shares: of the steps, and of the learning rate that is left at the end
DECAY, BETAS, CLIP = 0.01, (0.9, 0.99), 1.0
SAMPLE_TOKENS, TEMPERATURE, TOP_P = 80, 0.8, 0.95


class Learner:
    """The base model stays as it is, in the device's number type; the adapter's own numbers are float32.

    Whatever takes time asks `cancelled` at every layer, forwards and backwards, and raises `Stopped`.
    """

    def __init__(self, folder: Path, rank: int, learning_rate: float, seed: int, cancelled: Callable[[], bool]) -> None:
        from peft import LoraConfig, get_peft_model

        self.device = torch.device(choose().device)
        self.tokenizer, base = read(folder)
        base.name_or_path = folder.name  # else the config would tell where it lay on this machine
        self.context: int = getattr(base.config, "max_position_embeddings", corpus.WINDOW)
        self.cancelled = cancelled
        targets = sorted(
            {
                name.rpartition(".")[2]
                for name in shapes(base)
                if base.get_submodule(name) is not base.get_output_embeddings()
            }
        )
        self.config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets, task_type="CAUSAL_LM")
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft and transformers remind each other of names
            torch.manual_seed(seed)
            self.model: Any = get_peft_model(base, self.config)
        self.parameters = {
            name.replace(".default", ""): value for name, value in self.model.named_parameters() if value.requires_grad
        }
        self.rate = learning_rate
        self.optimizer = torch.optim.AdamW(self.parameters.values(), lr=learning_rate, weight_decay=DECAY, betas=BETAS)
        for module in self.model.modules():
            if hasattr(module, "lora_A"):
                module.register_forward_hook(self._ask)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def _ask(self, module: Any, inputs: Any, output: Tensor) -> None:
        self._heed()
        if output.requires_grad:
            output.register_hook(self._heed)  # type: ignore[no-untyped-call]

    def _heed(self, _: Tensor | None = None) -> None:
        if self.cancelled():
            raise Stopped

    # ── Learning ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self, blocks: Sequence[Tensor], at: int, total: int) -> float:
        """One step of AdamW on the mean loss of these blocks (T,); `at` counts from 0. Returns the loss; raises `Stopped` before it."""
        count = sum(len(block) - 1 for block in blocks)
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = 0.0
        for block in blocks:
            tokens = block.to(self.device)[None]  # (1, T)
            logits = self.model(input_ids=tokens, use_cache=False).logits[0, :-1].float()  # (T - 1, V)
            part = functional.cross_entropy(logits, tokens[0, 1:], reduction="sum") / count
            part.backward()  # type: ignore[no-untyped-call]
            loss += float(part.detach())
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), CLIP)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * schedule(at, total)
        self.optimizer.step()
        return loss

    # ── What it can do by now ────────────────────────────────────────────────────────────────────────────────────────

    def perplexity(self, streams: Sequence[Tensor], in_context: bool = False) -> float:
        """That of passages that begin afresh, or of whole texts with what stands before (see `corpus.perplexity`)."""
        self.model.eval()
        length = min(corpus.WINDOW if in_context else corpus.PASSAGE, self.context)
        with torch.inference_mode():
            return corpus.perplexity(self._logits, streams, length, length // 2 if in_context else 0)

    def _logits(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=tokens.to(self.device), use_cache=False).logits
        return logits

    def write(self, prompt: str, seed: int) -> str:
        """What it goes on with. The same seed draws the same chances."""
        tokens = torch.tensor([self.encode(prompt)[-self.context // 2 :]], device=self.device)
        self.model.eval()
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            made = self.model.generate(
                input_ids=tokens,
                attention_mask=torch.ones_like(tokens),
                do_sample=True,
                temperature=TEMPERATURE,
                top_p=TOP_P,
                top_k=0,
                max_new_tokens=min(SAMPLE_TOKENS, self.context - tokens.shape[1]),
                pad_token_id=self.tokenizer.eos_token_id,
            )
        text: str = self.tokenizer.decode(made[0, tokens.shape[1] :], skip_special_tokens=True)
        return text.rstrip("\ufffd")

    # ── Its state ────────────────────────────────────────────────────────────────────────────────────────────────────

    def adapter(self) -> dict[str, Tensor]:
        """The adapter as it is now, under peft's names in a file; on the CPU, the learner's no longer."""
        return {name: value.detach().cpu().clone() for name, value in self.parameters.items()}

    def moments(self) -> dict[str, dict[str, Tensor]]:
        """What AdamW remembers of each parameter."""
        states = {name: self.optimizer.state[value] for name, value in self.parameters.items()}
        return {
            kind: {name: state[kind].cpu().clone() for name, state in states.items()}
            for kind in ("exp_avg", "exp_avg_sq")
        }

    def restore(
        self, adapter: Mapping[str, Tensor], moments: Mapping[str, Mapping[str, Tensor]] | None = None, step: int = 0
    ) -> None:
        """Takes up an adapter, and where the optimiser was in its course."""
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(adapter[name])
        for name, value in self.parameters.items() if moments else ():
            remembered = {kind: found[name].to(value.device).clone() for kind, found in (moments or {}).items()}
            self.optimizer.state[value] = {"step": torch.tensor(float(step)), **remembered}


def read(folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the causal language model of a transformers folder. Raises `EngineError` where there is none."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    quiet: Callable[[], None] = logging.disable_progress_bar
    quiet()  # a bar of half a second
    chosen = choose()
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=chosen.torch_dtype, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            "There is no language model in {path}.", "Name a folder that transformers can read.", path=str(folder)
        ) from error
    return tokenizer, model.to(chosen.device).eval()


def score(folder: Path, text: str, adapter: Adapter | None = None) -> tuple[float, float]:
    """The perplexity of a text, in passages that begin afresh and in context, by the base model or with an adapter at full weight."""
    tokenizer, model = read(folder)
    stream = torch.tensor(tokenizer(text, add_special_tokens=False).input_ids)
    adapters = [] if adapter is None else [adapter]

    def logits(tokens: Tensor) -> Tensor:
        out: Tensor = model(input_ids=tokens.to(model.device), use_cache=False).logits
        return out

    with torch.inference_mode(), applied(model, adapters, torch.ones(len(adapters), 1)):
        in_context = corpus.perplexity(logits, [stream], corpus.WINDOW, corpus.WINDOW // 2)
        return corpus.perplexity(logits, [stream]), in_context


def schedule(at: int, total: int) -> float:
    """The share of the learning rate at a step: a warm-up, then half a cosine (Loshchilov and Hutter 2017) down to a little."""
    warm = max(1, round(WARM_UP * total))
    if at < warm:
        return (at + 1) / warm
    return LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * (at - warm) / max(1, total - warm)))
