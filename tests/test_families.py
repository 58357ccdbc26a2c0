"""Language models of many families at toy size: what each writes is what transformers writes, and the controls work on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import NAMES, WORDS, save_tokenizer

from engines.errors import EngineError
from engines.text.axes import Axis, find
from engines.text.keywords import Wishes, keyword
from engines.text.lm import LanguageModel, Row
from engines.text.sampling import Sampling

GREEDY = Sampling(temperature=0.0, repetition_penalty=1.0)
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.3,
}
OLD = {"n_embd": 32, "n_layer": 4, "n_head": 4, "initializer_range": 0.3}
WINDOW = {"sliding_window": 8, **SIZES}
LINEAR = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    **SIZES,
}
FEW = {key: value for key, value in SIZES.items() if key not in ("num_key_value_heads", "head_dim")}
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
FAMILIES: dict[str, dict[str, Any]] = {
    "gpt2": OLD,
    "gpt_neox": FEW,
    "gptj": {**OLD, "rotary_dim": 4},
    "opt": {
        "hidden_size": 32,
        "ffn_dim": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "word_embed_proj_dim": 32,
    },
    "bloom": {"hidden_size": 32, "n_layer": 4, "n_head": 4, "initializer_range": 0.3},
    "falcon": {key: value for key, value in FEW.items() if key != "intermediate_size"},
    "phi": FEW,
    "phi3": {**FEW, "pad_token_id": 0},
    "llama": SIZES,
    "mistral": WINDOW,
    "mixtral": {**WINDOW, **EXPERTS},
    "gemma": SIZES,
    "gemma2": WINDOW,
    "gemma3_text": WINDOW,
    "qwen2": {key: value for key, value in SIZES.items() if key != "head_dim"},
    "qwen3": SIZES,
    "qwen3_moe": {**SIZES, **EXPERTS},
    "qwen3_5_text": LINEAR,
    "smollm3": {**SIZES, "pad_token_id": 1},
    "olmo2": SIZES,
    "stablelm": {**FEW, "num_key_value_heads": 4},
    "starcoder2": FEW,
    "granite": SIZES,
    "gpt_oss": {**WINDOW, **EXPERTS},
}
PROMPT = [NAMES.index(word) for word in WORDS[:15]]


def saved(folder: Path, kind: str, context: int = 64, **more: Any) -> Any:
    """A model of random weights in a folder with a tokenizer, and itself."""
    from transformers import AutoConfig, AutoModelForCausalLM

    save_tokenizer(folder)
    torch.manual_seed(1)
    common = {"vocab_size": len(NAMES), "bos_token_id": 0, "eos_token_id": 0, "max_position_embeddings": context}
    config = AutoConfig.for_model(kind, **{**common, **FAMILIES.get(kind, SIZES), **more})
    model = AutoModelForCausalLM.from_config(config).float().eval()
    model.save_pretrained(folder)
    return model


def written(model: LanguageModel, rows: list[Row], prompt: list[int] = PROMPT) -> list[list[int]]:
    *_, texts = model.write(prompt, rows)
    return [each.tokens for each in texts]


def row(**more: Any) -> Row:
    return Row(**({"sampling": GREEDY, "seed": 0, "most": 24, "least": 24} | more))


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Computed in float32 everywhere: rounding must not decide what is likeliest."""
    from engines import device

    monkeypatch.setenv("STUDIO_DTYPE", "float32")
    device.choose.cache_clear()
    yield
    device.choose.cache_clear()


def generated(theirs, prompt):
    """What transformers goes on with, always the likeliest."""
    tokens = torch.tensor([prompt])
    lengths = {"max_new_tokens": 24, "min_new_tokens": 24}
    with torch.inference_mode():
        made = theirs.generate(
            tokens, attention_mask=torch.ones_like(tokens), do_sample=False, pad_token_id=1, **lengths
        )
    return made[0, len(prompt) :].tolist()


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_family_writes_what_transformers_writes_and_takes_the_controls(kind, tmp_path):
    theirs = saved(tmp_path, kind)
    model = LanguageModel(tmp_path)
    wanted = generated(theirs, PROMPT)
    short = row(most=5, least=5)  # ends before the others, which go on without it
    assert written(model, [row(), short, row()]) == [wanted, wanted[:5], wanted]
    assert not torch.equal(_steered(model, push=torch.randn(model.states([PROMPT]).shape[1:])), _steered(model))
    assert not torch.equal(_steered(model, adapters=((_adapter(model), 1.0),)), _steered(model))
    must = row(wishes=Wishes(must=(keyword(model.vocabulary, "你"),)))
    assert NAMES.index("你") in written(model, [must], PROMPT[:4])[0]


def _steered(model: LanguageModel, **how: Any) -> torch.Tensor:
    return model.logits(PROMPT[:4], PROMPT[4:8], row(**how))


def _adapter(model: LanguageModel) -> Any:
    torch.manual_seed(3)
    name, (out, into) = next(
        (name, shape) for name, shape in model.network.shapes().items() if "layers.1" in name or "h.1" in name
    )
    return {name: (torch.randn(2, into), torch.randn(out, 2), 1.0)}


@pytest.mark.parametrize("kind", ["gpt2", "mistral", "qwen3_5_text"])
def test_an_axis_is_found_in_a_model_of_a_hub(kind, tmp_path):
    saved(tmp_path, kind)
    axis = Axis("windy", ("the wind and the sea .", "wind , wind ."), ("the light home .", "a rope ."))
    *_, last = _told(find(LanguageModel(tmp_path), axis))
    assert last.vector.shape == (4, 32)
    assert 0 < last.forth <= 1
    assert 0 < last.back <= 1


def _told(steps):
    """What a generator yields, and last what it returns."""
    while True:
        try:
            yield next(steps)
        except StopIteration as end:
            yield end.value
            return


@pytest.mark.parametrize("kind", ["mistral", "gemma3_text", "qwen3_5_text"])
def test_a_prompt_that_is_read_in_pieces_is_the_prompt(kind, tmp_path):
    theirs = saved(tmp_path, kind, context=512)
    prompt = (PROMPT * 30)[:330]
    assert written(LanguageModel(tmp_path), [row(), row()], prompt) == [generated(theirs, prompt)] * 2


@pytest.mark.parametrize("kind", ["mamba", "recurrent_gemma", "rwkv"])
def test_a_model_that_cannot_go_on_from_where_it_was_is_refused(kind, tmp_path):
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "attention_hidden_size": 32,
        "lru_width": 32,
    }
    saved(tmp_path, kind, **sizes)
    with pytest.raises(EngineError, match="cannot write several texts side by side"):
        LanguageModel(tmp_path)


def test_weights_that_are_not_all_there_are_not_made_up(tmp_path):
    from safetensors.torch import load_file, save_file

    saved(tmp_path, "gpt2")
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("transformer.h.2.mlp.c_fc.weight")
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(EngineError, match=r"not all there.*h\.2\.mlp\.c_fc"):
        LanguageModel(tmp_path)


def test_a_base_model_without_an_end_writes_to_the_last_token(tmp_path):
    saved(tmp_path, "qwen3", bos_token_id=None, eos_token_id=None)
    for name in ("generation_config.json", "tokenizer_config.json"):
        file = tmp_path / name
        file.write_text(
            json.dumps({key: each for key, each in json.loads(file.read_text()).items() if "eos" not in key})
        )
    model = LanguageModel(tmp_path)
    assert model.ends == frozenset()
    assert [len(each) for each in written(model, [row(least=0), row(least=0, most=7)], [])] == [24, 7]
    two = [row(least=0, most=6, seed=at) for at in range(2)]
    *_, texts = model.beams(PROMPT, two, 3)
    assert [len(each.tokens) for each in texts] == [6, 6]
    assert all(0 <= token < len(NAMES) for each in texts for token in each.tokens)


def test_an_end_that_the_model_has_no_word_for_is_no_end(tmp_path):
    saved(tmp_path, "gpt2", eos_token_id=50256)
    assert LanguageModel(tmp_path).ends == frozenset()


def test_a_mark_that_every_text_begins_with_is_put_there_once(tmp_path):
    theirs = saved(tmp_path, "gemma", context=32)
    save_tokenizer(tmp_path, begins=True)
    model = LanguageModel(tmp_path)
    assert (model.start, model.context) == ([0], 31)
    with torch.inference_mode():
        wanted = theirs(torch.tensor([[0, *PROMPT]])).logits[0, -1]
    assert torch.allclose(model.logits(PROMPT, [5])[0], wanted, atol=1e-4)
    assert torch.allclose(model.logits([0, *PROMPT], [5])[0], wanted, atol=1e-4)
    assert len(written(model, [row(most=16, least=16)], PROMPT)[0]) == 16  # up to the last place


def test_words_keep_the_space_before_them_where_the_decoder_drops_it(tmp_path):
    saved(tmp_path, "llama")
    save_tokenizer(tmp_path, pieces=True)
    vocabulary = LanguageModel(tmp_path).vocabulary
    tokens = vocabulary.encode("the sea")
    assert vocabulary._plain(tokens[1:]) == "sea"  # what Llama 2's tokenizer says
    assert vocabulary.decode(tokens[1:]) == " sea"
    assert all(vocabulary.decode(vocabulary.encode(f"a {word}")[-1:]).strip() == word for word in WORDS[:10])
