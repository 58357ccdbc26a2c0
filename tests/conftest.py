"""What every test has: a home of its own, models that are fetched once for all, and a browser or a reason why not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

import studio  # noqa: F401 - before anything imports NumPy, whose threads it holds back
from engines import registry
from engines.api import Done, EngineInfo, Result, Started, option


def shared_models() -> Path:
    """Where tests keep models between runs: `STUDIO_MODELS` as it was when pytest began, else a folder of the user's cache."""
    given = os.environ.get("STUDIO_MODELS")
    return Path(given).expanduser().absolute() if given else user_cache_path("duet-tests", appauthor=False) / "models"


def chromium() -> str | None:
    """The browser that the tests drive, which the system brings."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def models_folder() -> Path:
    return shared_models()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models_folder: Path) -> Path:
    """A fresh `STUDIO_HOME`, not made yet, and the shared models."""
    place = tmp_path / "home"
    monkeypatch.setenv("STUDIO_HOME", str(place))
    monkeypatch.setenv("STUDIO_MODELS", str(models_folder))
    for name in (
        "STUDIO_ASSETS",
        "SPACE_ID",
        "GRADIO_SERVER_NAME",
        "GRADIO_SERVER_PORT",
        "STUDIO_TEXT_MODEL",
        "HF_ENDPOINT",
    ):
        monkeypatch.delenv(name, raising=False)
    return place


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Chromium's executable. Without it a test skips; where `CI` is set it fails, for there nobody reads what was skipped."""
    found = chromium()
    if found is None:
        why = "there is no Chromium here; on Debian: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    return found


@pytest.fixture(autouse=True)
def _browser(request: pytest.FixtureRequest) -> None:
    """Holds every test under the marker `browser` to that, whether or not it asks for the path."""
    if request.node.get_closest_marker("browser"):
        request.getfixturevalue("browser_path")


@dataclass(frozen=True)
class PrintOptions:
    """One option of every kind."""

    contrast: float = option(1.0, low=0.5, high=2.0, step=0.05, knob=True, help="How far the colours lie apart.")
    inks: int = option(4, low=2, high=8, step=1, help="How many colours are printed.")
    paper: str = option("rough", choices=("rough", "smooth", "glossy"), knob=True, help="What it is printed on.")
    frame: bool = option(False, help="Whether it has a frame.")
    motto: str = option("", help="What is written below.")


class ScreenPrint:
    """An engine that somebody added: no table of words knows it, its style or its options."""

    info = EngineInfo(
        name="screen-print",
        mode="style",
        version="1",
        summary="A few flat inks.",
        options=PrintOptions,
        styles=("riso-blue", "riso-red"),
    )

    def models(self):
        return {}

    def run(self, brief, settings, pictures, cancelled):
        yield Started(len(settings), "cpu", "uint8")
        for index, setting in enumerate(settings):
            pixels = pictures(brief.content)[:32, :32]
            features = pixels.reshape(-1, 3).mean(0).astype("float32") / 255
            yield Result(index, setting.knobs, setting.seed, 0.0, pixels=pixels, features=features)
        yield Done(0.0, 0.0)


@pytest.fixture
def add_engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes an engine of somebody's own known, until the test ends."""

    def add() -> None:
        registry.infos()
        monkeypatch.setitem(registry._factories, "screen-print", (ScreenPrint.info, ScreenPrint))
        monkeypatch.setitem(registry._loaded, "screen-print", ScreenPrint())

    return add


@pytest.fixture(scope="session")
def eyes():
    """Eyes with a few random weights, in float32: small enough for any test."""
    import torch

    from engines.device import Choice
    from engines.vision import CONVOLUTIONS, Eyes

    rng, found, width = torch.Generator().manual_seed(0), {}, (3, 4, 6, 8, 8, 8)

    def add(name: str, out: int, into: int, side: int) -> None:
        scale = (2 / (into * side * side)) ** 0.5  # He et al. 2015, so that nothing fades on the way
        found[f"{name}/vars/0"] = scale * torch.randn(out, into, side, side, generator=rng)
        found[f"{name}/vars/1"] = 0.1 * torch.randn(out, generator=rng)

    for block, at in CONVOLUTIONS:
        file = ("", "conv2d", "conv2d_1", "conv2d_2")[at]
        add(f"block{block}/layers/{file}", width[block], width[block - (at == 1)], 3)
    for block in range(1, 6):
        add(f"dsn{block}", 1, width[block], 1)
    add("fuse", 1, 5, 1)
    return Eyes(lambda: found, lambda: Choice("cpu", "float32", "for a test"))


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory) -> Path:
    """A BERT of two layers with random weights, and a tokenizer of a few words: [CLS] and [SEP] stand around every text."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    words = ["the", "green", "apple", "is", "on", "table", ".", "sea", "boat", "##s", "and", "far"]
    names = {name: at for at, name in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordPiece(names, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = [(name, names[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(names), max_position_embeddings=512, initializer_range=0.5, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Toy networks are faster on one thread, and their sums then come out the same."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def studio_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in this process: (status, stdout, stderr)."""
    from studio import cli

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = cli.run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture(name="studio")
def fake_studio(tmp_path: Path) -> Iterator[Any]:
    """A studio with the engines for tests, closed afterwards."""
    from engines import fake, fake_text
    from studio.session import Studio

    fake.use()
    fake_text.use()
    made = Studio(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser(browser_path: str) -> Iterator[Any]:
    """One Chromium for the tests of a file."""
    from visitors import launched

    yield from launched(browser_path)


@pytest.fixture(scope="module")
def known(browser: Any) -> Iterator[Any]:
    from visitors import newcomers

    yield from newcomers(browser)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A studio that answers, its style engines warm."""
    from engines import fake
    from studio import server
    from studio.bench.visit import free_port

    engines = ("style-bank", "style-codes")
    fake.use()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        server.fetch(engines)
        server.warm_up(engines)
        with server.opened("127.0.0.1", free_port()) as found:
            yield found


@pytest.fixture
def visit(browser: Any, known: Any, running: Any) -> Iterator[Callable[..., Any]]:
    """Opens the page of `running` as somebody new."""
    from visitors import visitor

    yield from visitor(browser, known, running.address)
