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


def save_tokenizer(folder: Path, begins: bool = False, pieces: bool = False) -> None:
    """A tokenizer of whole words. `begins`: it puts a mark before every text, as Gemma's does. `pieces`: a space is part of the word
    after it, and the first one is lost when decoding, as in Llama 2."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    names = [f"\u2581{name}" if pieces and at > 1 else name for at, name in enumerate(NAMES)]
    tokenizer = Tokenizer(models.WordLevel({name: at for at, name in enumerate(names)}, unk_token="<unknown>"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece(prefix="##")
    if pieces:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    if begins:
        tokenizer.post_processor = processors.TemplateProcessing(single="<end> $A", special_tokens=[("<end>", 0)])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<unknown>").save_pretrained(
        folder
    )


def language_model(folder: Path, kind: str = "llama", **more: Any) -> Path:
    """A Llama or a GPT-2 of two layers with its tokenizer, saved as transformers does; `more` goes into its configuration."""
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

    save_tokenizer(folder)
    common = {"vocab_size": len(NAMES), "eos_token_id": 0, "bos_token_id": 0, "max_position_embeddings": 128, **more}
    if kind == "gpt2":
        config: Any = GPT2Config(n_embd=32, n_layer=2, n_head=4, **common)
    else:
        sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
        config = LlamaConfig(**sizes, **common)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).float().save_pretrained(folder)
    return folder
