"""Our own Llama beside the one of transformers, and other models behind the same methods."""

import json

import pytest
import torch

from engines.text.hub import Hub
from engines.text.network import Llama, Steer

CPU = torch.device("cpu")
SIZES = {"vocab_size": 50, "bos_token_id": 0, "eos_token_id": 0}


def saved(folder, kind, **more):
    """A model of random weights in a folder, and itself."""
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen2Config

    torch.manual_seed(1)
    if kind == "gpt2":
        config = GPT2Config(n_embd=32, n_layer=3, n_head=4, n_positions=64, **SIZES)
    else:
        made = {"llama": LlamaConfig, "qwen2": Qwen2Config}[kind]
        config = made(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            initializer_range=0.3,
            **SIZES,
            **more,
        )
    model = AutoModelForCausalLM.from_config(config).float().eval()
    for name, each in model.named_parameters():
        if "norm" in name:  # gains of 1 would hide where they are forgotten
            each.data = 1 + 0.3 * torch.randn(each.shape)
    model.save_pretrained(folder)
    return model


TOKENS = torch.tensor([[3, 7, 1, 9, 22, 41, 5], [8, 8, 2, 30, 11, 6, 4]])


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("llama", {}),
        ("llama", {"tie_word_embeddings": True, "rope_theta": 500.0}),
        ("llama", {"attention_bias": True}),
        ("qwen2", {}),
    ],
)
def test_it_computes_what_transformers_computes_in_pieces_as_at_once(tmp_path, kind, more):
    model = saved(tmp_path, kind, **more)
    assert Llama.fits(json.loads((tmp_path / "config.json").read_text()))
    with torch.inference_mode():
        wanted = model(TOKENS).logits
        network = Llama(tmp_path, CPU, torch.float32)
        once = network.read(TOKENS, network.cache(2, 7), keep=7)
        cache = network.cache(2, 7)
        parts = [network.read(part, cache, keep=part.shape[1]) for part in TOKENS.split([3, 1, 1, 2], dim=1)]
    torch.testing.assert_close(once, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.cat(parts, 1), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_rows_of_a_cache_are_kept_in_any_order(tmp_path, kind):
    saved(tmp_path, kind)
    network = (Llama if kind == "llama" else Hub)(tmp_path, CPU, torch.float32)
    with torch.inference_mode():
        cache = network.cache(2, 8)
        network.read(TOKENS[:, :6], cache)
        cache.rows([1, 0, 1])
        found = network.read(TOKENS[[1, 0, 1], 6:], cache)
        again = network.read(TOKENS[[1, 0, 1]], network.cache(3, 8))
    torch.testing.assert_close(found, again, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_each_row_is_pushed_by_its_own_and_no_other(tmp_path, kind):
    saved(tmp_path, kind)
    network = (Llama if kind == "llama" else Hub)(tmp_path, CPU, torch.float32)
    push = torch.zeros(2, 3, 32)
    push[1, 1] = torch.randn(32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        plain = network.read(TOKENS, network.cache(2, 7))
        pushed = network.read(TOKENS, network.cache(2, 7), Steer(push))
    torch.testing.assert_close(pushed[0], plain[0])
    assert (pushed[1] - plain[1]).abs().max() > 0.1


def test_the_residual_stream_is_that_of_transformers(tmp_path):
    model = saved(tmp_path, "llama")
    with torch.inference_mode():
        wanted = model(TOKENS, output_hidden_states=True).hidden_states[1:-1]  # the last one is given after its norm
        found = Llama(tmp_path, CPU, torch.float32).states(TOKENS)
        other = Hub(tmp_path, CPU, torch.float32).states(TOKENS)
    torch.testing.assert_close(found[:-1], torch.stack(wanted), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found, other, rtol=1e-4, atol=1e-4)


def test_adapters_weigh_on_each_row_as_much_as_it_says(tmp_path):
    model = saved(tmp_path, "llama")
    network = Llama(tmp_path, CPU, torch.float32)
    generator = torch.Generator().manual_seed(2)
    changes = {
        name: (torch.randn(2, into, generator=generator), 0.2 * torch.randn(out, 2, generator=generator), 0.5)
        for name, (out, into) in network.shapes().items()
        if "layers.1" in name
    }
    assert len(changes) == 7
    weights = torch.tensor([0.0, 0.8])
    with torch.inference_mode():
        plain = network.read(TOKENS, network.cache(2, 7))
        found = network.read(TOKENS, network.cache(2, 7), Steer(None, [(changes, weights)]))
        for name, (down, up, scale) in changes.items():
            model.get_submodule(name).weight += 0.8 * scale * up @ down
        merged = model(TOKENS).logits[:, -1:]
    torch.testing.assert_close(found[0], plain[0])
    torch.testing.assert_close(found[1], merged[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gpt2"},
        {"model_type": "llama", "hidden_act": "gelu"},
        {"model_type": "llama", "rope_scaling": {"rope_type": "llama3"}},
        {"model_type": "mistral", "sliding_window": 4096},
    ],
)
def test_what_it_does_not_compute_is_left_to_transformers(config):
    assert not Llama.fits(config)
