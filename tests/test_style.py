"""The style engines against the files that their weights come from, and the properties that the studio relies on."""

from __future__ import annotations

import re
import time
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from PIL import Image

from engines import device, registry, store
from engines.api import Brief, BriefError, Cancelled, Done, EngineError, Preview, Result, Setting, Started
from engines.style import BANK, BANK_STYLES, CODES, DRAWN_STYLES, StyleOptions, codes
from engines.style.bank import kernels, rows
from engines.style.network import StyleNetwork, packed, upsampling
from engines.style.painters import divided, paint_each
from engines.style.painting import brush, brushed, fitted, keep_color, mixed
from studio import config
from studio.rounds import run_chain

pytestmark = pytest.mark.models

CONTENT, MASK, OWN = ("sha256:" + letter * 64 for letter in "abc")


def picture(seed: int, height: int, width: int) -> np.ndarray:
    """A picture with edges, ramps and texture: discs and stripes over a gradient."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    image = np.stack([x, y, 1 - x], -1) * rng.uniform(0.3, 1, 3)
    for _ in range(6):
        cx, cy, r = rng.uniform(0, 1, 3) * (1, 1, 0.3)
        image[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.uniform(0, 1, 3)
    image += 0.15 * np.sign(np.sin(40 * (x * rng.normal() + y * rng.normal())))[..., None]
    return (np.clip(image + rng.normal(0, 0.02, image.shape), 0, 1) * 255).astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _models(models_folder):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # pictures this small only wait for a second thread
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_MODELS", str(models_folder))
        store.ensure(["style-bank-26", "style-codes"])
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def see():
    """Pictures by reference, as an engine asks for them."""
    mask = np.zeros((90, 120, 3), np.uint8)
    mask[:, :60] = 255
    known = {CONTENT: picture(1, 90, 120), MASK: mask, OWN: picture(2, 64, 64)}

    def look(reference: str) -> np.ndarray:
        if reference in known:
            return known[reference]
        return np.asarray(Image.open(config.assets() / "styles" / f"{reference}.jpg").convert("RGB"))

    return look


def nothing() -> None:
    pass


def never() -> bool:
    return False


def make(engine: str, see, **keys) -> list[np.ndarray]:
    """The pixels of one variant a setting, `settings` being knob changes."""
    changes = keys.pop("settings", [{}])
    brief = registry.check(Brief(engine=engine, content=CONTENT, size=keys.pop("size", 128), **keys))
    knobs = registry.info(engine).space(brief).yours
    events = list(registry.load(engine).run(brief, [Setting(knobs | change, 0) for change in changes], see, never))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Done)
    return [event.pixels for event in events if isinstance(event, Result)]


# ── Against the files ────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def original(entry: str, file: str, plain: bool = False) -> ort.InferenceSession:
    """The file itself in onnxruntime, unoptimised so that its int8 arithmetic is exact; `plain` without its int8 activations."""
    model = onnx.load(str(store.original(entry, file)))
    stored = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node if plain else ():
        if node.op_type == "QuantizeLinear" or (node.op_type == "DequantizeLinear" and node.input[0] not in stored):
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
    if plain:
        del model.graph.value_info[:]
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    if entry == "style-codes":
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options)


def bank_error(network: StyleNetwork, styles: list, image: np.ndarray, style: int) -> float:
    x = image.astype(np.float32) / 255
    ours = network.paint(network.prepare(torch.from_numpy(x), nothing), [styles[style]], nothing)[0].numpy()
    weights = np.eye(len(BANK_STYLES), dtype=np.float32)[style]
    session = original("style-bank-26", "multistyle26.onnx")
    theirs = session.run(None, {"image": x.transpose(2, 0, 1)[None], "style_weights": weights})[0][0].transpose(1, 2, 0)
    return float(np.abs(ours - theirs).mean())


SIZES = [(32, 48), (64, 64), (48, 72), (64, 36), (52, 68), (16, 84), (80, 44), (96, 32), (40, 40), (60, 76)]


def network_in(dtype: str) -> tuple[StyleNetwork, list]:
    found = store.tensors("style-bank-26", "multistyle26.safetensors")
    return StyleNetwork(kernels(found), device.Choice("cpu", dtype, "for a test")), rows(found)


@pytest.mark.parametrize("number", range(10))
def test_the_bank_is_the_file_in_float32(number):
    network, styles = network_in("float32")
    image = picture(number, *SIZES[number])
    assert max(bank_error(network, styles, image, style) for style in range(26)) <= 0.001


@pytest.mark.parametrize("number", range(10))
def test_the_bank_is_close_to_the_file_in_bfloat16(number):
    """On pictures of the size of previews and more: in the few pixels of a smaller one, roundings add up to 0.02 at worst."""
    network, styles = network_in("bfloat16")
    few = range(26) if device.fast_bfloat16() else range(number, 26, 10)  # emulated it takes seconds a picture
    files = sorted((config.assets() / "contents").glob("*.jpg"))
    height, width = [(96, 128), (128, 96), (64, 160)][number % 3]
    image = picture(number, height, width)
    if number < len(files):
        image = np.asarray(Image.open(files[number]).convert("RGB").resize((width, height)))
    assert max(bank_error(network, styles, image, style) for style in few) <= 0.01


@pytest.mark.parametrize("style", DRAWN_STYLES[::3])
def test_codes_are_the_files_without_their_int8_activations(style, see):
    """Weights are the files' own. Activations were rounded to int8 when they were exported; without that we agree to rounding."""
    engine = registry.load("style-codes")
    engine.network()
    square = np.asarray(Image.fromarray(see(style)).resize((256, 256)))
    code = codes.predict(engine._predictor, square)
    inputs = {"style_image": square[None].astype(np.float32) / 255}
    assert (
        np.abs(
            original("style-codes", "arbitrary_predict.onnx", True).run(None, inputs)[0].ravel() - code.numpy()
        ).max()
        < 1e-4
    )
    content = picture(3, 384, 384).astype(np.float32) / 255
    network = StyleNetwork(
        codes.kernels(store.tensors("style-codes", "arbitrary_transform.safetensors")),
        device.Choice("cpu", "float32", ""),
    )
    prepared = network.prepare(torch.from_numpy(content), nothing)
    ours = network.paint(prepared, [engine.parameters(code)], nothing)[0].numpy()
    inputs = {"content_image": content[None], "mobilenet_conv/Conv/BiasAdd": code.numpy().reshape(1, 1, 1, 100)}
    plain, rounded = (
        original("style-codes", "arbitrary_transform.onnx", without).run(None, inputs)[0][0]
        for without in (True, False)
    )
    assert np.abs(ours - plain).mean() < 1e-4
    assert np.abs(ours - rounded).mean() <= np.abs(plain - rounded).mean() + 1e-4


# ── The rearranged arithmetic ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wide", [1, 2, 4, 8])
def test_packed_pixels_are_convolved_as_single_ones(wide):
    kernel, x = torch.randn(3, 4, 9, 9), torch.randn(1, 4, 17, 24)
    plain = torch.nn.functional.conv2d(x, kernel)
    cells = x[0].permute(1, 2, 0).reshape(17, 24 // wide, wide * 4).permute(2, 0, 1)[None]
    made = torch.nn.functional.conv2d(cells, packed(kernel, wide))[0].permute(1, 2, 0)
    torch.testing.assert_close(made.reshape(9, 16, 3).permute(2, 0, 1)[None], plain, atol=1e-4, rtol=1e-4)


def test_upsampling_and_convolution_are_one_convolution():
    kernel, x = torch.randn(5, 4, 3, 3), torch.randn(1, 4, 6, 7)
    large = torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest")
    plain = torch.nn.functional.conv2d(torch.nn.functional.pad(large, (1, 1, 1, 1), mode="reflect"), kernel)[0]
    small = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
    for odd, part in enumerate(upsampling(kernel)):
        made = torch.nn.functional.conv2d(small[:, :, odd : odd + 7], part)[0].permute(1, 2, 0).reshape(6, 14, 5)
        torch.testing.assert_close(made, plain.permute(1, 2, 0)[odd::2], atol=1e-4, rtol=1e-4)


def test_pictures_painted_together_are_those_painted_alone():
    network, styles = network_in("float32")
    prepared = network.prepare(torch.from_numpy(picture(4, 48, 64)).float() / 255, nothing)
    alone = torch.cat([network.paint(prepared, [style], nothing) for style in styles[:5]])
    torch.testing.assert_close(network.paint(prepared, styles[:5], nothing), alone, atol=1e-4, rtol=0)
    assert (alone[0] - alone[1]).abs().mean() > 0.02


@pytest.mark.parametrize(
    ("jobs", "most", "groups"), [(25, 16, 2), (25, 4, 7), (1, 16, 1), (3, 0, 3), (2, 9, 2), (0, 4, 0)]
)
def test_jobs_are_divided_evenly(jobs, most, groups, monkeypatch):
    monkeypatch.setattr("engines.style.painters.painters", lambda: 2)
    made = divided(list(range(jobs)), most)
    assert [job for group in made for job in group] == list(range(jobs))
    assert len(made) == groups
    assert max(map(len, made), default=0) - min(map(len, made), default=0) <= 1


def test_long_work_is_cut_into_strips_without_a_seam(monkeypatch):
    network, styles = network_in("float32")
    x = torch.from_numpy(picture(5, 128, 160)).float() / 255
    whole = network.paint(network.prepare(x, nothing), [styles[3]], nothing)
    monkeypatch.setattr("engines.style.arithmetic.STRIP", 1e6)
    looks = []
    strips = network.paint(network.prepare(x, lambda: looks.append(1)), [styles[3]], lambda: looks.append(1))
    assert len(looks) > 100
    torch.testing.assert_close(strips, whole, atol=1e-3, rtol=0)


# ── What an artist relies on ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("engine", "styles"), [("style-bank", {"weave": 1}), ("style-codes", {"ink-wash": 1})])
def test_same_brief_same_bytes(engine, styles, see):
    first, second = (make(engine, see, styles=styles, settings=[{}, {"strength": 0.5}]) for _ in range(2))
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    assert not np.array_equal(first[0], first[1])


def test_strength_runs_from_the_picture_to_the_style(see):
    content = fitted(see(CONTENT), 128).astype(float)
    steps = [{"strength": value} for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    distance = [
        np.abs(made - content).mean() for made in make("style-bank", see, styles={"starry-oil": 1}, settings=steps)
    ]
    assert distance[0] == 0
    assert distance == sorted(distance)
    own = make("style-codes", see, styles={"gold-mosaic": 1}, settings=steps)
    towards = [np.abs(made.astype(float) - own[-1]).mean() for made in own]
    assert towards == sorted(towards, reverse=True)


def test_kept_colours_are_the_pictures_own(see):
    plain, kept = make(
        "style-bank",
        see,
        styles={"crimson-night": 1},
        settings=[{"strength": 1.0}, {"strength": 1.0, "preserve_color": 1.0}],
    )

    def chroma(pixels):
        return pixels.astype(float) - pixels.astype(float).mean(-1, keepdims=True)

    content = chroma(fitted(see(CONTENT), 128))
    assert np.abs(chroma(kept) - content).mean() < 0.5 * np.abs(chroma(plain) - content).mean()
    grey = torch.full((2, 2, 3), 0.5)
    assert torch.equal(keep_color(grey, grey, 1.0), grey)


def test_a_mix_moves_steadily_from_one_style_to_the_other(see):
    ends = [{"style:weave": 1 - share, "style:sea-mist": share} for share in (0, 0.25, 0.5, 0.75, 1)]
    made = make("style-bank", see, styles={"weave": 0.5, "sea-mist": 0.5}, settings=ends)
    distance = [np.abs(each.astype(float) - made[0]).mean() for each in made]
    assert distance[1] > 0
    assert distance == sorted(distance)


def test_every_style_looks_different(see):
    made = [make("style-bank", see, styles={name: 1}, size=64)[0].astype(float) for name in BANK_STYLES]
    gaps = [np.abs(one - two).mean() for at, one in enumerate(made) for two in made[:at]]
    assert min(gaps) > 4


@pytest.mark.parametrize(("height", "width", "size"), [(90, 121, 127), (37, 64, 61), (500, 16, 500), (33, 33, 16)])
@pytest.mark.parametrize("engine", ["style-bank", "style-codes"])
def test_any_size_is_painted_at_its_size(engine, height, width, size, see):
    brief = registry.check(
        Brief(engine=engine, content=CONTENT, styles={registry.info(engine).styles[0]: 1}, size=size)
    )
    looks = lambda name: picture(4, height, width) if name == CONTENT else see(name)  # noqa: E731
    (made,) = (
        event.pixels
        for event in registry.load(engine).run(brief, [Setting({"strength": 1.0}, 0)], looks, never)
        if isinstance(event, Result)
    )
    scale = size / max(height, width)
    assert made.shape == (round(height * scale), round(width * scale), 3)
    assert made.std() > 1


def test_a_picture_that_is_too_narrow_is_refused(see):
    with pytest.raises(EngineError, match="short side"):
        fitted(picture(0, 16, 400), 128)


@pytest.mark.parametrize(
    ("engine", "one", "other"), [("style-bank", "weave", "sea-mist"), ("style-codes", "ink-wash", "neon-night")]
)
def test_the_style_brush_keeps_styles_to_their_places(engine, one, other, see):
    alone = [make(engine, see, styles={name: 1}, options={"strength": 1.0})[0].astype(float) for name in (one, other)]
    inverse = "sha256:" + "d" * 64
    looks = lambda name: 255 - see(MASK) if name == inverse else see(name)  # noqa: E731
    masks = {f"style:{one}": MASK, f"style:{other}": inverse}
    made = make(engine, looks, styles={one: 0.5, other: 0.5}, options={"strength": 1.0}, masks=masks)[0].astype(float)
    left, right = np.s_[:, :40], np.s_[:, 88:]
    assert np.abs(made - alone[0])[left].mean() < 0.5 * np.abs(made - alone[1])[left].mean()
    assert np.abs(made - alone[1])[right].mean() < 0.5 * np.abs(made - alone[0])[right].mean()


def test_where_no_style_is_brushed_the_picture_stays(see):
    made = make("style-bank", see, styles={"weave": 1}, options={"strength": 1.0}, masks={"style:weave": MASK})[0]
    content = fitted(see(CONTENT), 128)
    assert np.abs(made[:, 80:].astype(float) - content[:, 80:]).mean() < 2
    assert np.abs(made[:, :40].astype(float) - content[:, :40]).mean() > 10


def test_a_brush_of_any_size_fits_the_picture_and_one_with_nothing_in_it_paints_nothing(see):
    other = np.zeros((300, 40, 3), np.uint8)
    other[:, :20] = 255
    looks = lambda name: other if name == MASK else see(name)  # noqa: E731
    made, small = (
        make("style-bank", sees, styles={"weave": 1}, masks={"style:weave": MASK})[0].astype(float)
        for sees in (see, looks)
    )
    assert np.abs(made - small).mean() < 4
    nothing = lambda name: np.zeros_like(other) if name == MASK else see(name)  # noqa: E731
    made = make("style-bank", nothing, styles={"weave": 1}, options={"strength": 1.0}, masks={"style:weave": MASK})[0]
    assert np.abs(made.astype(float) - fitted(see(CONTENT), 128)).mean() < 1


def test_a_brush_is_soft_at_its_edge(see):
    mask = brush(see(MASK), (96, 128))
    line = mask[48]
    assert line[:50].min() > 0.98
    assert line[78:].max() < 0.02
    assert line.diff().abs().max() < 0.6
    assert ((line > 0.1) & (line < 0.9)).sum() >= 2


def test_a_brush_over_everything_is_no_brush():
    network, styles = network_in("float32")
    x = torch.from_numpy(picture(6, 64, 96)).float() / 255
    norms = {"weave": styles[17], "sea-mist": styles[14]}
    weights = {"weave": 0.3, "sea-mist": 0.7}
    everywhere = torch.ones(64, 96)
    style, cover = brushed(weights, norms, {"weave": everywhere, "sea-mist": everywhere}, network.resolutions(64, 96))
    prepared = network.prepare(x, nothing)
    torch.testing.assert_close(
        network.paint(prepared, [style], nothing),
        network.paint(prepared, [mixed(weights, norms)], nothing),
        atol=2e-3,
        rtol=0,
    )
    assert cover.min() == 1


def test_stop_is_heard_soon_and_leaves_what_is_done(see):
    brief = registry.check(Brief(engine="style-bank", content=CONTENT, styles={"weave": 1}, size=128))
    settings = [Setting(registry.info("style-bank").space(brief).yours, 0)] * 4
    made: list[Result] = []
    for event in registry.load("style-bank").run(brief, settings, see, lambda: len(made) == 2):
        if isinstance(event, Result):
            made.append(event)
    assert event == Cancelled(2)


def test_large_results_are_shown_small_first(see):
    brief = registry.check(Brief(engine="style-bank", content=CONTENT, styles={"weave": 1}, size=640))
    events = list(registry.load("style-bank").run(brief, [Setting({"strength": 1.0}, 0)], see, never))
    kinds = [type(event) for event in events]
    assert kinds.index(Preview) < kinds.index(Result)
    preview = next(event for event in events if isinstance(event, Preview))
    assert max(preview.pixels.shape) < 640


# ── Names and briefs ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_names_mean_one_engine_each():
    assert len(BANK_STYLES) == 26
    assert not set(BANK_STYLES) & set(DRAWN_STYLES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in (*BANK_STYLES, *DRAWN_STYLES))
    files = {file.stem for file in Path(config.assets() / "styles").glob("*.jpg")}
    assert files == set(DRAWN_STYLES)
    base = {"mode": "style", "content": CONTENT}
    for styles, engine in (({"weave": 1}, "style-bank"), ({"ink-wash": 1}, "style-codes"), ({OWN: 1}, "style-codes")):
        assert registry.check(Brief.from_dict(base | {"styles": styles})).engine == engine
    with pytest.raises(BriefError, match="not both"):
        registry.check(Brief.from_dict(base | {"styles": {"weave": 1, OWN: 1}}))


def test_six_styles_at_most_are_knobs():
    brief = registry.check(Brief(content=CONTENT, styles=dict.fromkeys(BANK_STYLES, 1)))
    assert sum(knob.kind == "simplex" for knob in BANK.space(brief).knobs) == 6


def test_options_have_words_and_bounds():
    assert BANK.options is CODES.options is StyleOptions
    for info in (BANK, CODES):
        for name in ("strength", "preserve_color"):
            with pytest.raises(BriefError, match=name):
                info.check(Brief(engine=info.name, content=CONTENT, styles={info.styles[0]: 1}, options={name: 1.01}))


def test_painters_keep_the_order_and_end_together():
    """Results come in the order of the jobs; one that fails ends the round with nothing left running."""
    running = []

    def paint(job: int) -> int:
        running.append(job)
        time.sleep(0.02 * (4 - job))
        running.remove(job)
        if job == 2:
            raise ValueError("out of paint")
        return job * job

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert list(paint_each(paint, [0, 1, 3], together=True)) == [0, 1, 9]
        with pytest.raises(ValueError, match="out of paint"):
            list(paint_each(paint, [0, 1, 2, 3], together=True))
    finally:
        torch.set_num_threads(threads)
    assert running == []


def test_a_chain_does_not_remember_another_picture(see):
    """In a `then`, every content has the same stand-in reference: nothing may be remembered by it."""

    def chain(content: np.ndarray) -> np.ndarray:
        brief = registry.check(
            Brief(
                engine="style-bank",
                content=CONTENT,
                styles={"weave": 1},
                size=64,
                then=Brief(engine="style-codes", styles={"ink-wash": 1}, options={"strength": 0.2}, size=64),
            )
        )
        looks = lambda name: content if name == CONTENT else see(name)  # noqa: E731
        settings = [Setting(BANK.space(brief).yours, 0)]
        (made,) = (event.pixels for event in run_chain(brief, settings, looks, never) if isinstance(event, Result))
        return made

    first = chain(picture(1, 64, 64))
    chain(picture(7, 48, 64))
    assert np.array_equal(chain(picture(1, 64, 64)), first)
