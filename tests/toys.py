"""Language models of the real classes at toy size: random weights, and a tokenizer of a few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

WORDS = [
    "the",
    "sea",
    "a",
    "boat",
    "and",
    "one",
    "day",
    "wind",
    "salt",
    "gull",
    "rope",
    "far",
    "home",
    "light",
    ".",
    ",",
    "你",
    "好",
]
NAMES = ["<end>", "<unknown>", *WORDS]


def language_model(folder: Path, kind: str = "llama", **more: Any) -> Path:
    """A Llama or a GPT-2 of two layers with its tokenizer, saved as transformers does; `more` goes into its configuration."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({name: at for at, name in enumerate(NAMES)}, unk_token="<unknown>"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece(prefix="##")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<unknown>").save_pretrained(
        folder
    )
    common = {"vocab_size": len(NAMES), "eos_token_id": 0, "bos_token_id": 0, "max_position_embeddings": 128, **more}
    if kind == "gpt2":
        config: Any = GPT2Config(n_embd=32, n_layer=2, n_head=4, **common)
    else:
        sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
        config = LlamaConfig(**sizes, **common)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).float().save_pretrained(folder)
    return folder
