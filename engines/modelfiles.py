"""The files of a language model as transformers lays them out: whether it can write here is read off them, before anything is loaded."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NoReturn

from .errors import EngineError

ONE, INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model")
WANTED = re.compile(
    r"(generation_)?config\.json|chat_template\.(jinja|json)|tokenizer.*\.(json|model)|vocab\.(json|txt)|merges\.txt"
    rf"|(special_tokens_map|added_tokens)\.json|s(piece|entencepiece\.bpe)\.model|{re.escape(INDEX)}"
)  # besides the weights
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5")
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}  # of a number, by its name in safetensors
BESIDE = re.compile(r"[\w-][\w.-]*\.safetensors")  # a file of weights that lies beside its index, and nowhere else
HEADER = 2**20  # bytes in which the header of a file of weights nearly always lies
TEXTS, TOKENS = 4, 1024  # that are written side by side, and how long each is with what it goes on from
TWICE = 2  # what is kept of them is moved when one ends
ASIDE = 600 * 2**20  # bytes that torch, transformers and what is computed in between take
RUNNING = (
    "mamba",
    "mamba2",
    "falcon_mamba",
    "rwkv",
    "recurrent_gemma",
    "openai-gpt",
    "xlnet",
)  # no keys and values are kept of what was read
SIZES = {  # what families call the same thing
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "context": ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length"),
}


@dataclass(frozen=True)
class Files(ABC):
    """The files of a model, here or elsewhere."""

    name: str  # as it is told

    @abstractmethod
    def names(self) -> list[str]: ...

    @abstractmethod
    def size(self, file: str) -> int: ...

    @abstractmethod
    def read(self, file: str, count: int = -1) -> bytes:
        """The first `count` bytes of a file."""

    @cached_property
    def config(self) -> dict[str, Any]:
        """What `config.json` says. Raises `EngineError` where there is none."""
        return self._json("config.json")

    def weights(self) -> list[str]:
        """The files of its weights: the one, or those that the index names."""
        if INDEX in self.names():
            found = self._json(INDEX).get("weight_map")
            if not isinstance(found, dict) or not all(
                isinstance(each, str) and BESIDE.fullmatch(each) for each in found.values()
            ):
                self._refuse_kind()
            return sorted(set(found.values()))
        return [ONE] if ONE in self.names() else []

    @cached_property
    def parameters(self) -> int:
        """How many numbers the weights are: as the header says, or where there are several files, by their sizes and the first header."""
        files = self.weights()
        head = self.read(files[0], HEADER)
        length = int.from_bytes(head[:8], "little")
        if length + 8 > len(head):
            head = self.read(files[0], length + 8)
        try:
            table = json.loads(head[8 : length + 8])
            tensors = [each for name, each in table.items() if name != "__metadata__"]
            counts = [(math.prod(each["shape"]), BYTES[each["dtype"]]) for each in tensors if each["dtype"] in BYTES]
            numbers, end = sum(count for count, _ in counts), max(each["data_offsets"][1] for each in tensors)
            if self.size(files[0]) != 8 + length + end:  # torn
                raise ValueError
            share: float = numbers / sum(count * size for count, size in counts)
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
            raise EngineError(
                "{file} of the model {name} is missing or damaged.",
                "Fetch it again, or name another model.",
                file=files[0],
                name=self.name,
            ) from None
        return numbers if len(files) == 1 else round(share * sum(self.size(file) for file in files))

    def check(self) -> None:
        """Raises `EngineError` where it cannot write here: no causal language model, no weights, no tokenizer, too big."""
        self._check_kind()
        self._check_weights()
        if not set(TOKENIZERS) & set(self.names()):
            raise EngineError(
                "The model {name} has no tokenizer.", "Put its tokenizer.json beside its weights.", name=self.name
            )
        self._check_memory()

    def _check_kind(self) -> None:
        kind, built = str(self.config.get("model_type")), self.config.get("architectures") or []
        if not _common(kind, built):
            known, causal = _kinds()
            if "model_type" in self.config and kind not in known:
                raise EngineError(
                    "The model {name} is of the kind {value!r}, which the transformers library here does not know.",
                    "Code that comes with a model is never run: choose another, or update transformers.",
                    name=self.name,
                    value=kind,
                )
            if kind not in causal or (built and not set(built) & causal[kind]):
                self._refuse_kind()
        if kind in RUNNING:
            raise EngineError(
                "{name} is of the kind {value!r}, which cannot write several texts side by side here.",
                "Choose one with attention, such as a GPT, Llama, Qwen or Gemma.",
                name=self.name,
                value=kind,
            )
        if self.config.get("quantization_config"):
            raise EngineError(
                "The weights of {name} are quantised, which is not read here.",
                "Choose the model that it was made from.",
                name=self.name,
            )

    def _refuse_kind(self) -> NoReturn:
        built = self.config.get("architectures") or [self.config.get("model_type") or "nothing"]
        raise EngineError(
            "{name} is no causal language model that can be read here: its config.json names {value}.",
            "Choose one that goes on with a text, such as a GPT, Llama, Qwen or Gemma.",
            name=self.name,
            value=", ".join(map(str, built)),
        )

    def _check_weights(self) -> None:
        files = self.weights()
        if not files:
            if pickled := next((each for each in self.names() if each.endswith(PICKLED)), None):
                raise EngineError(
                    "The model {name} has its weights only as {file}, a format that may hold code. It is not opened.",
                    "Choose one with safetensors.",
                    name=self.name,
                    file=pickled,
                )
            raise EngineError(
                "The model {name} has no weights.",
                "They are model.safetensors, or several files with an index.",
                name=self.name,
            )
        for file in files:
            if file not in self.names():
                raise EngineError(
                    "{file} of the model {name} is missing or damaged.",
                    "Fetch it again, or name another model.",
                    file=file,
                    name=self.name,
                )

    def _check_memory(self) -> None:
        from .device import available_memory, choose

        size = choose().torch_dtype.itemsize
        need, have = self.parameters * size + self.cache(size) + ASIDE, available_memory()
        if need > have:
            raise EngineError(
                "The model {name} needs about {need} of memory to write, and {have} are free.",
                "Close other programs, or choose a smaller model: {count} million parameters are too many here.",
                name=self.name,
                need=gigabytes(need),
                have=gigabytes(have),
                count=round(self.parameters / 1e6),
            )

    def cache(self, size: int) -> int:
        """Bytes of the keys and values of four texts, in numbers of `size` bytes. Raises `EngineError` where that is not told."""
        told = self.config.get("text_config") or self.config
        try:
            found: dict[str, Any] = {
                what: next((told[name] for name in names if told.get(name)), None) for what, names in SIZES.items()
            }
            heads = told.get("num_key_value_heads") or found["heads"]
            width = told.get("head_dim") or found["hidden"] // found["heads"]
            tokens = min(TOKENS, found["context"] or TOKENS)
            return int(TWICE * 2 * found["layers"] * heads * width * size * tokens * TEXTS)
        except (TypeError, ValueError, AttributeError, ZeroDivisionError):
            raise EngineError(
                "The config.json of {name} does not say how large the model is.", "Name another model.", name=self.name
            ) from None

    def _json(self, file: str) -> dict[str, Any]:
        if file not in self.names():
            raise EngineError(
                "{name} is no language model: it has no {file}.",
                "Name a folder as transformers writes it, or a model of a hub.",
                name=self.name,
                file=file,
            )
        try:
            found = json.loads(self.read(file))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise EngineError(
                "{file} of the model {name} is missing or damaged.",
                "Fetch it again, or name another model.",
                file=file,
                name=self.name,
            )
        return found


@dataclass(frozen=True)
class Folder(Files):
    """Files on this disk."""

    path: Path

    def names(self) -> list[str]:
        return [each.name for each in self.path.iterdir() if each.is_file()]

    def size(self, file: str) -> int:
        return (self.path / file).stat().st_size

    def read(self, file: str, count: int = -1) -> bytes:
        with (self.path / file).open("rb") as opened:
            return opened.read(count)


def _common(kind: str, built: Sequence[str]) -> bool:
    """Whether the names alone say that it is a causal language model which transformers knows: asking the library takes seconds."""
    library = importlib.util.find_spec("transformers")
    folder = Path((library and library.origin) or "").parent / "models" / kind.replace("-", "_")
    named = [each for each in built if str(each).endswith(("ForCausalLM", "LMHeadModel"))]
    return bool(named) and kind != "" and "/" not in kind and folder.is_dir()


@cache
def _kinds() -> tuple[frozenset[str], dict[str, set[str]]]:
    """The kinds of model that transformers knows, and the classes of those that are causal language models."""
    from transformers.models.auto import configuration_auto, modeling_auto

    known: dict[str, Any] = dict(configuration_auto.CONFIG_MAPPING_NAMES)  # type: ignore[attr-defined]
    causal: dict[str, Any] = dict(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    return frozenset(known), {kind: {each} if isinstance(each, str) else set(each) for kind, each in causal.items()}


def gigabytes(count: float) -> str:
    return f"{count / 2**30:.1f} GB" if count < 100 * 2**30 else f"{count / 2**30:.0f} GB"
