"""The shared eyes: layers by name under autograd, edges where there are some, distances that look right, one loading for all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from engines import device, registry, store
from engines.api import EngineError
from engines.vision import LAYERS, MEAN, MODEL, SEEN, Eyes, planes
from studio import config

FLOAT32, BFLOAT16 = (device.Choice("cpu", dtype, "for a test") for dtype in ("float32", "bfloat16"))


def noise(seed: int, height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


# ── Layers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_layers_have_the_names_and_shapes_of_the_literature(eyes):
    made = eyes.vgg(planes([noise(1, 33, 48), noise(2, 33, 48)]), LAYERS)
    assert list(made) == list(LAYERS)
    assert [LAYERS[0], LAYERS[-1], len(LAYERS)] == ["conv1_1", "relu5_3", 26]
    for block, size in enumerate([(33, 48), (17, 24), (9, 12), (5, 6), (3, 3)], 1):
        assert made[f"conv{block}_1"].shape[2:] == made[f"relu{block}_2"].shape[2:] == size
    assert torch.equal(made["relu3_2"], made["conv3_2"].relu())
    assert made["conv3_2"].min() < 0


def test_what_is_asked_for_does_not_change_it_and_unknown_layers_are_named(eyes):
    pictures = planes([noise(1)])
    everything = eyes.vgg(pictures, LAYERS)
    for name in ("conv1_1", "relu2_1", "relu5_3"):
        assert torch.equal(eyes.vgg(pictures, [name])[name], everything[name])
    with pytest.raises(ValueError, match=r"relu6_1.*conv1_1"):
        eyes.vgg(pictures, ["relu6_1"])


def test_the_first_layer_sees_blue_green_and_red_about_their_means(eyes):
    pixels = noise(3, 16, 16)
    weight, bias = (tensor.numpy() for tensor in eyes.vgg.kernels[1, 1])
    patch = pixels[4:7, 8:11, ::-1] - np.array(MEAN)  # (3, 3, BGR)
    expected = np.einsum("yxi,oiyx->o", patch, weight) + bias
    assert eyes.vgg(planes([pixels]), ["conv1_1"])["conv1_1"][0, :, 5, 9].numpy() == pytest.approx(expected, abs=1e-3)


def test_gradients_reach_the_picture_even_where_weights_were_loaded_without(eyes):
    late = Eyes(eyes._load, lambda: FLOAT32)
    with torch.inference_mode():
        late.edges(noise(1))
    picture = planes([noise(1)]).requires_grad_()
    layers = late.vgg(picture, ["relu1_1", "conv3_1", "relu3_1"])
    sum(layer.square().mean() for layer in layers.values()).backward()
    assert picture.grad.abs().max() > 0
    step = torch.zeros_like(picture)
    step[0, 1, 20, 20] = 1e-3

    def loss(shift: torch.Tensor) -> float:
        made = late.vgg(picture.detach() + shift, list(layers))
        return float(sum(layer.square().mean(dtype=torch.float64) for layer in made.values()))

    assert (loss(step) - loss(-step)) / 2e-3 == pytest.approx(float(picture.grad[0, 1, 20, 20]), rel=0.1)


# ── What is seen ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [(16, 16), (16, 37), (45, 17)])
def test_small_and_odd_pictures_are_seen(eyes, size):
    edges = eyes.edges(noise(1, *size))
    assert edges.shape == size
    assert edges.dtype == np.float32
    assert 0 <= edges.min() <= edges.max() <= 1
    assert np.isfinite(eyes.features([noise(1, *size)])).all()
    assert eyes.distance(noise(1, *size), noise(2, *size)) > 0


def test_features_keep_the_order_of_pictures_of_any_size(eyes):
    pictures = [noise(1), noise(2, 16, 20), noise(3), noise(4, 16, 20)]
    together = eyes.features(pictures)
    assert together == pytest.approx(np.concatenate([eyes.features([each]) for each in pictures]), abs=1e-5)
    assert (together**2).sum(1) == pytest.approx(len(SEEN), abs=1e-4)  # each layer's part has unit length


def test_distance_is_none_to_itself_the_same_both_ways_and_grows(eyes):
    one, other = noise(1), noise(2)
    assert eyes.distance(one, one) == 0
    assert eyes.distance(one, other) == pytest.approx(eyes.distance(other, one))
    mixes = [((1 - share) * one + share * other).astype(np.uint8) for share in (0.02, 0.1, 0.5, 1)]
    far = eyes.distances_to(one)([*mixes[::-1], one])
    assert (np.diff(far) < 0).all()
    assert far == pytest.approx([eyes.distance(each, one) for each in [*mixes[::-1], one]], abs=1e-5)
    with pytest.raises(ValueError, match=r"\(40, 56\)"):
        eyes.distances_to(one)([noise(1, 16, 16)])


def test_transparency_is_ignored(eyes):
    plain = noise(1)
    clear = np.dstack([plain, noise(2)[..., :1]])
    assert eyes.distance(plain, clear) == 0


# ── Loading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_many_threads_load_once(eyes):
    loads = []

    def load():
        loads.append(1)
        return eyes._load()

    fresh = Eyes(load, lambda: FLOAT32)
    assert loads == []
    with ThreadPoolExecutor(4) as pool:
        maps = list(pool.map(fresh.edges, [noise(1)] * 8))
    assert len(loads) == 1
    assert all(np.array_equal(each, maps[0]) for each in maps)


def test_the_registry_has_one_pair_for_all_which_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    assert registry.eyes() is registry.eyes()
    with pytest.raises(EngineError, match=f"studio models pull {MODEL}"):
        registry.eyes().models()
    with pytest.raises(EngineError, match=f"studio models pull {MODEL}"):
        Eyes().edges(noise(1))


# ── With the real weights ────────────────────────────────────────────────────────────────────────────────────────────


def content(name: str, side: int = 160) -> np.ndarray:
    picture = Image.open(config.assets() / "contents" / f"{name}.jpg").convert("RGB")
    picture.thumbnail((side, side))
    return np.asarray(picture)


@pytest.fixture(scope="module")
def real(models_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_MODELS", str(models_folder))
        store.ensure([MODEL])
        found = store.tensors(MODEL)
    return {choice.dtype: Eyes(lambda: found, lambda choice=choice: choice) for choice in (FLOAT32, BFLOAT16)}


@pytest.mark.models
def test_edges_are_where_they_are(real):
    """A bright disc on dark ground: sure along its rim, nearly nothing elsewhere."""
    y, x = np.mgrid[0:120, 0:160]
    radius = np.hypot(x - 80, y - 60)
    disc = np.where(radius[..., None] < 35, (230, 180, 60), (40, 60, 90)).astype(np.uint8)
    edges = real["float32"].edges(disc)
    assert edges[np.abs(radius - 35) < 1].mean() > 0.7
    assert edges[np.abs(radius - 35) > 8].max() < 0.2


@pytest.mark.models
@pytest.mark.parametrize("name", ["street", "portrait", "sketch"])
def test_bfloat16_sees_what_float32_sees(real, name):
    """Edges within 0.03 of probability at worst; features and distances within a hundredth."""
    pixels = content(name)
    exact, fast = real["float32"], real["bfloat16"]
    assert np.abs(exact.edges(pixels) - fast.edges(pixels)).max() < 0.03
    assert np.linalg.norm(exact.features([pixels]) - fast.features([pixels])) < 0.01 * len(SEEN) ** 0.5
    changed = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1)))
    assert fast.distance(pixels, changed) == pytest.approx(exact.distance(pixels, changed), rel=0.01)


@pytest.mark.models
def test_what_looks_alike_is_near(real):
    """More blur is further; a brighter copy is nearer than a mirrored one, and that is nearer than another picture."""
    pixels = content("still-life")
    picture = Image.fromarray(pixels)
    blurred = [np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))) for radius in (0.5, 1, 2, 4)]
    far = real["float32"].distances_to(pixels)
    assert (np.diff(far(blurred)) > 0).all()
    brighter = np.minimum(pixels * 1.25, 255).astype(np.uint8)
    other = np.asarray(Image.fromarray(content("landscape")).resize(picture.size))
    assert (np.diff(far([brighter, pixels[:, ::-1], other])) > 0).all()
