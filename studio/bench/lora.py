"""What fine-tuning makes of an author's first 2,000 words: how much better it foretells what the same author wrote next."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from engines import store
from engines.api import Progress

from .report import Row, note, row

MODEL, PLAYS = "smollm2-135m-instruct", "plays"  # of the store

WORDS, FURTHER = (
    2000,
    1500,
)  # words to learn from, and words after them that neither training nor early stopping ever sees

Perplexities = tuple[float, float]  # of passages of 128 tokens that begin afresh, and in context
Train = Callable[[str, Path], float]  # a text and an empty folder for its adapter -> seconds
Score = Callable[[str, Path | None], Perplexities]  # a text, by the base model or with the adapter of that folder


def rows(count: int, tell: Callable[[object], None]) -> list[Row]:
    """An adapter for each of the first `count` plays, trained as `studio train lora` does when nothing else is said."""
    from engines.text import adapter, corpus, finetune, learner

    store.ensure([MODEL, PLAYS])
    base = store.path(MODEL)
    files = sorted(store.path(PLAYS).rglob("*.md"))[:count]

    def train(text: str, out: Path) -> float:
        for event in finetune.train(base, [text], out):
            if isinstance(event, finetune.Step):
                tell(Progress(event.step / max(event.total, 1), "Training"))
            elif isinstance(event, finetune.Trained):
                return float(event.facts["seconds"])
        raise RuntimeError("the training ended without an adapter")

    def score(text: str, folder: Path | None) -> Perplexities:
        return learner.score(base, text, adapter.load(folder) if folder else None)

    texts = {file.stem: file.read_text(encoding="utf-8") for file in files}
    return perplexity_ratio(texts, train, score, corpus.words)


def perplexity_ratio(texts: Mapping[str, str], train: Train, score: Score, count: Callable[[str], int]) -> list[Row]:
    """Perplexity after over before, for each text by name (`count` counts its words) and as their geometric mean.

    The goal is held against passages that begin afresh, as what the writer writes does; with up to 1,024 tokens of the same text
    before it, a model knows the voice already, and gains less. Both are told.
    """
    rows, ratios = [], []
    for name, text in texts.items():
        learned, further = parts(text, count)
        with TemporaryDirectory(prefix="duet-") as folder:
            out = Path(folder) / "adapter"
            before = score(further, None)
            seconds = train(learned, out)
            after = score(further, out)
        afresh, in_context = (late / early for late, early in zip(after, before, strict=True))
        ratios.append(afresh)
        detail = f"{name}: passages {before[0]:.1f} -> {after[0]:.1f} in {seconds:.0f} s; in context {in_context:.2f}"
        rows.append(note(f"lora.perplexity.{name}", afresh, "x", detail))
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    detail = f"{WORDS} words learned, the next {FURTHER} scored in passages of 128 tokens; mean of {len(ratios)} texts"
    return [row("lora.perplexity", mean, detail), *rows]


def parts(text: str, count: Callable[[str], int]) -> tuple[str, str]:
    """The first `WORDS` words in whole paragraphs, and the `FURTHER` after them."""
    found: list[list[str]] = [[], []]
    for paragraph in re.split(r"\n\s*\n", text):
        if sum(map(count, found[0])) < WORDS:
            found[0].append(paragraph)
        elif sum(map(count, found[1])) < FURTHER:
            found[1].append(paragraph)
    if not found[1]:
        raise ValueError(f"too short to be split: {WORDS} words are learned from and more are needed to be scored")
    return "\n\n".join(found[0]), "\n\n".join(found[1])
