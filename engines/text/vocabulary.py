"""Words and tokens: the tokenizer of a transformers folder, without loading transformers, which takes seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

DAY = date(2025, 1, 1)  # that a chat template is told: the same brief gives the same bytes on any day


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
        self.first = self._first()  # what this model wants to stand before every text
        self._anchor = self._anchored()

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """The words that go on with a text, with the space before them where they have one."""
        if not self._anchor:
            return self._plain(tokens)
        return self._plain([*self._anchor, *tokens])[len(self._plain(self._anchor)) :]

    @property
    def answers(self) -> bool:
        """Whether the model was taught to answer."""
        return bool(self._template())

    def asked(self, words: str, system: str = "") -> str:
        """The words as a question, in the form that the model was taught to answer; as they are where it was taught none."""
        whole = f"{system}\n\n{words}" if system else words
        turns = [{"role": "user", "content": words}]
        told = [{"role": "system", "content": system}, *turns] if system else turns
        for messages in (told, [{"role": "user", "content": whole}]):  # not every template knows of a system
            if asked := self._rendered(messages):
                return asked
        return whole

    def _rendered(self, messages: Sequence[dict[str, str]]) -> str:
        """The chat template filled in, or nothing where there is none or it refuses."""
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals |= {"raise_exception": _refuse, "strftime_now": DAY.strftime}
        marks = {name: _content(value) for name, value in self._facts.items() if name.endswith("_token")}
        try:
            page = environment.from_string(self._template())
            return str(page.render(messages=messages, add_generation_prompt=True, enable_thinking=False, **marks))
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError):
            return ""

    def _template(self) -> str:
        for name in ("chat_template.jinja", "chat_template.json"):
            file = self._folder / name
            if file.exists():
                return (
                    file.read_text(encoding="utf-8") if file.suffix == ".jinja" else str(_json(file)["chat_template"])
                )
        found = self._facts.get("chat_template")
        if isinstance(found, list):  # several, by what they are for
            found = next((each.get("template") for each in found if each.get("name") == "default"), None)
        return found if isinstance(found, str) else ""

    def _plain(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def _first(self) -> list[int]:
        """The marks that the tokenizer puts before a text of its own accord."""
        plain, marked = (list(self._tokenizer.encode("a", add_special_tokens=each).ids) for each in (False, True))
        for at in range(1, len(marked) - len(plain) + 1):
            if plain and marked[at : at + len(plain)] == plain:
                return marked[:at]
        begin = self._tokenizer.token_to_id(_content(self._facts.get("bos_token")))
        return [begin] if self._facts.get("add_bos_token") and begin is not None else []

    def _anchored(self) -> list[int]:
        """Tokens to decode before others where the decoder drops the space that a text begins with, as that of Llama 2 does."""
        tokens = self.encode("a a")
        last = self._tokenizer.id_to_token(tokens[-1]) if tokens else ""
        drops = last.startswith("\u2581") and not self._plain(tokens[-1:]).startswith(" ")
        return tokens[:1] if drops else []

    def _ends(self) -> frozenset[int]:
        """The tokens that end a text, as the model's own settings name them; a base model may have none."""
        for name in ("generation_config.json", "config.json"):
            found = _json(self._folder / name).get("eos_token_id")
            if found is not None:
                return frozenset(found if isinstance(found, list) else [found])
        token = self._tokenizer.token_to_id(_content(self._facts.get("eos_token")))
        return frozenset([] if token is None else [token])


def _content(mark: Any) -> str:
    """A special token's text; some folders describe it at length."""
    return str(mark.get("content") if isinstance(mark, dict) else mark or "")


def _refuse(message: str = "") -> str:
    """What a chat template calls where it does not take a conversation."""
    from jinja2 import TemplateError

    raise TemplateError(message)


def _json(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found if isinstance(found, dict) else {}
