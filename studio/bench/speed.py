"""`studio bench speed`: our style networks beside onnxruntime on the same files, the loop in a browser, start, memory.

A peer takes turns with us in this process, on the same pictures and threads, and the ratio is the median of the pairs' ratios.
Each waits a moment first: the other's threads go on spinning after their work, and take the cores from whoever comes next.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engines import registry, store
from engines.api import Brief, Engine, Pixels, Setting

from .. import config, pictures
from ..blobs import Blobs
from ..rounds import Stored
from . import gatys, writing
from .report import Row, row
from .visit import extra_seconds, free_port, opened

Tell = Callable[[object], None]
Work = Callable[[], object]

MIXES = (
    {"starry-oil": 1.0},
    {"stained-glass": 0.7, "starry-oil": 0.3},
    {"sea-mist": 0.5, "woodcut": 0.5},
    {"weave": 0.2, "dusk-crayon": 0.8},
)
WARM_UP = 2
QUICK = 5  # turns below which slow rows are measured smaller
REST = 0.1  # seconds in which a thread pool stops spinning


def rows(turns: int, tell: Tell) -> Iterator[Row]:
    """Every row as soon as it is measured."""
    store.ensure(
        [name for engine in ("style-bank", "style-codes", "gatys", "writer") for name in registry.info(engine).models]
    )
    tell("Style networks beside onnxruntime")
    yield bank_row(registry.load("style-bank"), turns)
    yield codes_row(registry.load("style-codes"), turns)
    yield sheet_row(registry.load("style-bank"), turns)
    tell("Style by optimisation")
    yield from gatys.rows(turns < QUICK, tell)
    tell("The language model beside llama.cpp")
    yield from writing.rows(turns)
    tell("The loop in Chromium")
    yield loop_row(turns)
    tell("Starts")
    yield import_row(turns)
    yield page_row(min(turns, 3))
    tell("Memory")
    yield memory_row()


# ── Style networks ───────────────────────────────────────────────────────────────────────────────────────────────────


def example(size: int) -> Pixels:
    """The still life as a square of this side."""
    from PIL import Image

    data = (config.assets() / "contents" / "still-life.jpg").read_bytes()
    return np.array(Image.fromarray(pictures.to_pixels(data)).resize((size, size)))


def bank_row(engine: Engine, turns: int) -> Row:
    name = "style.bank.512.four.vs_onnxruntime"
    session = _peer("style-bank-26", "multistyle26.onnx")
    if session is None:
        return row(name, None, "onnxruntime is not installed: uv sync installs it for development")
    content = example(512)
    planes = np.ascontiguousarray((content.astype(np.float32) / 255).transpose(2, 0, 1)[None])
    styles = registry.info("style-bank").styles
    weights = [np.array([mix.get(style, 0.0) for style in styles], np.float32) for mix in MIXES]

    def theirs() -> None:
        for each in weights:
            session.run(None, {"image": planes, "style_weights": each})

    settings = [Setting({"strength": 1.0} | {f"style:{key}": value for key, value in mix.items()}, 0) for mix in MIXES]
    ours = _painting(engine, content, MIXES[1], settings, 512)
    return _duel(name, theirs, ours, turns, "four mixes of one picture of 512 px, from pixels to pixels")


def codes_row(engine: Engine, turns: int) -> Row:
    name = "style.codes.384.vs_onnxruntime"
    session = _peer("style-codes", "arbitrary_transform.onnx")
    if session is None:
        return row(name, None, "onnxruntime is not installed: uv sync installs it for development")
    content = example(384)
    inputs = {
        "content_image": content[None].astype(np.float32) / 255,
        "mobilenet_conv/Conv/BiasAdd": np.zeros((1, 1, 1, 100), np.float32),
    }
    ours = _painting(engine, content, {"thick-oil": 1.0}, [Setting({"strength": 1.0, "style:thick-oil": 1.0}, 0)], 384)
    return _duel(name, lambda: session.run(None, inputs), ours, turns, "one picture of 384 px in a known style")


def sheet_row(engine: Engine, turns: int) -> Row:
    styles = registry.info("style-bank").styles[:25]
    settings = [Setting({"strength": 1.0, f"style:{style}": 1.0}, 0) for style in styles]
    brief = registry.check(Brief(content=registry.STAND_IN, styles={styles[0]: 1.0}, size=128))
    content = example(512)
    sheet: Any = engine
    times = _times(lambda: sheet.preview(brief, settings, registry.StandIn(content), 128), turns)
    return row("style.bank.128.sheet_ms", statistics.median(times) * 1000, f"25 previews of 128 px, median of {turns}")


def _painting(engine: Engine, content: Pixels, styles: dict[str, float], settings: list[Setting], size: int) -> Work:
    """One round of the engine itself, events and all."""
    brief = registry.check(Brief(engine=engine.info.name, content=registry.STAND_IN, styles=styles, size=size))
    files = registry.StandIn(content, Stored(Blobs(config.home() / "blobs")))
    return lambda: list(engine.run(brief, settings, files, lambda: False))


def _peer(entry: str, file: str) -> Any:
    """onnxruntime on the original file with as many threads as torch has, or None where it is not installed."""
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(store.original(entry, file)), options)


def _duel(name: str, theirs: Work, ours: Work, turns: int, what: str) -> Row:
    for _ in range(WARM_UP):
        theirs(), ours()
    pairs = [(_seconds(theirs, REST), _seconds(ours, REST)) for _ in range(turns)]
    ratio = statistics.median(peer / mine for peer, mine in pairs)
    peer, mine = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    return row(name, ratio, f"{what}: onnxruntime {peer:.0f} ms, ours {mine:.0f} ms, medians of {turns} in turns")


def _times(work: Work, turns: int) -> list[float]:
    for _ in range(WARM_UP):
        work()
    return [_seconds(work) for _ in range(turns)]


def _seconds(work: Work, rest: float = 0.0) -> float:
    time.sleep(rest)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# ── The whole program ────────────────────────────────────────────────────────────────────────────────────────────────


def loop_row(turns: int) -> Row:
    """From the click on Again to the fourth tile, less what the engine itself took."""
    name = "loop.extra_ms"
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return row(name, None, "there is no Chromium here; on Debian: apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        return row(name, None, "playwright is not installed: uv sync installs it for development")
    extra = extra_seconds(browser, turns)
    return row(
        name, statistics.median(extra) * 1000, f"click to fourth tile less the engine's own time, median of {turns}"
    )


def import_row(turns: int) -> Row:
    """What `import studio` costs; beside it, for whom it concerns, the command line with all it needs before torch."""
    package = statistics.median(_import_ms("studio") for _ in range(turns))
    command = statistics.median(_import_ms("studio.cli, studio.session") for _ in range(turns))
    detail = f"import studio, no torch; studio.cli and studio.session {command:.0f} ms, medians of {turns}"
    return row("start.import_ms", package, detail)


def _import_ms(modules: str) -> float:
    code = (
        f"import time; began = time.perf_counter(); import {modules}; took = time.perf_counter() - began;"
        "import sys; assert 'torch' not in sys.modules; print(took * 1000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def page_row(turns: int) -> Row:
    """A second start, in a home that has been used, with the package index out of reach."""
    with tempfile.TemporaryDirectory(prefix="duet-") as home:

        def once() -> float:
            began = time.perf_counter()
            with opened(Path(home), free_port()):
                return time.perf_counter() - began

        once()
        detail = f"from the command to the page, no network, median of {turns}"
        return row("start.page_s", statistics.median(once() for _ in range(turns)), detail)


def memory_row() -> Row:
    with tempfile.TemporaryDirectory(prefix="duet-") as folder:
        place = Path(folder)
        shutil.copy(config.assets() / "contents" / "still-life.jpg", place / "picture.jpg")
        brief = {"mode": "style", "content": "picture.jpg", "styles": dict(MIXES[1]), "size": 1024}
        (place / "brief.json").write_text(json.dumps(brief))
        command = [
            sys.executable,
            "-m",
            "studio",
            "round",
            str(place / "brief.json"),
            "--out",
            str(place / "out"),
            "--json",
        ]
        environment = os.environ | {"STUDIO_HOME": folder, "STUDIO_MODELS": str(store.models_folder())}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        return row("memory.1024_mb", None, f"the round failed: {done.stderr.strip()}")
    peak = json.loads(done.stdout)["peak_memory_mb"]
    return row("memory.1024_mb", peak, "most memory of the process of one round of four at 1024 px, torch included")
