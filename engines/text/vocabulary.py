"""Words and tokens: the tokenizer of a transformers folder, without loading transformers, which takes seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Vocabulary:
    """Text to tokens and back, the tokens that end a text, and the form in which a model was taught to answer."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._folder = folder
        if (folder / "tokenizer.json").exists():
            self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        else:
            from transformers import AutoTokenizer

            slow: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._tokenizer = slow.backend_tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._facts = _json(folder / "tokenizer_config.json")
        self.ends = self._ends()

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def asked(self, words: str, system: str = "") -> str:
        """The words as a question, in the form that the model was taught to answer; as they are where it was taught none."""
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        file = self._folder / "chat_template.jinja"
        template = file.read_text(encoding="utf-8") if file.exists() else self._facts.get("chat_template")
        if not isinstance(template, str):
            return words
        messages = [{"role": "system", "content": system}] * bool(system) + [{"role": "user", "content": words}]
        page = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(template)
        named = {
            name: value for name, value in self._facts.items() if name.endswith("_token") and isinstance(value, str)
        }
        return str(page.render(messages=messages, add_generation_prompt=True, **named))

    def _ends(self) -> frozenset[int]:
        """The tokens that end a text, as the model's own settings name them."""
        for name in ("generation_config.json", "config.json"):
            found = _json(self._folder / name).get("eos_token_id")
            if found is not None:
                return frozenset(found if isinstance(found, list) else [found])
        token = self._tokenizer.token_to_id(str(self._facts.get("eos_token")))
        return frozenset([0 if token is None else token])


def _json(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found if isinstance(found, dict) else {}
