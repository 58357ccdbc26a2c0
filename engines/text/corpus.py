"""An artist's own texts as a language model learns from them: what is trained on, what is held out, and how that is scored."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import EngineError
from .lm import Stopped

LEAST_WORDS, MOST_CHARACTERS = 200, 2_000_000
HELD_OUT, MOST_HELD_OUT = 0.15, 2000  # share of the words, and words in all: more would only take longer to score
PASSAGE = 128  # tokens: about what the writer writes after a short prompt
WINDOW = 1024  # tokens that are scored at once in context
OPENING = 10  # words that the samples begin with
PIECE = 50_000  # characters that are turned into tokens at once

ALONE = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # scripts without spaces: each character counts as a word
WORD = re.compile(rf"[{ALONE}]|[^\W_{ALONE}]+(?:['’-][^\W_{ALONE}]+)*")
PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|(?<=[。！？])[”’」』）]*|\n")


def words(text: str) -> int:
    """How many words there are; of Chinese and Japanese, how many characters."""
    return sum(1 for _ in WORD.finditer(text))


# ── What is learned from, and what is not ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Corpus:
    """Tokens to learn from and tokens to be scored on: a stream (T,) for every text. The two share no paragraph."""

    training: tuple[Tensor, ...]
    held_out: tuple[Tensor, ...]
    words: int
    held_out_words: int
    opening: str  # the first words of what is held out: the prompt of the samples

    def blocks(self, length: int, seed: int, epoch: int) -> list[Tensor]:
        """All that is learned from, once, in blocks of at most `length` tokens; every epoch cuts elsewhere, in another order."""
        generator, found = torch.Generator().manual_seed(seed * 10_007 + epoch), []
        for stream in self.training:
            first = int(torch.randint(2, length + 1, (1,), generator=generator))
            cuts = [0, *range(first, len(stream), length), len(stream)]
            blocks = [stream[start:end] for start, end in pairwise(cuts)]
            found += [block for block in blocks if len(block) > 1]  # a token alone foretells nothing
        return [found[at] for at in torch.randperm(len(found), generator=generator).tolist()]


def check(texts: Sequence[str]) -> int:
    """The words of the texts, or an `EngineError` where they are too few to learn from, or too many to be read."""
    size = sum(map(len, texts))
    if size > MOST_CHARACTERS:
        raise EngineError(
            "The texts have {count} characters.", "At most {limit} are allowed.", count=size, limit=MOST_CHARACTERS
        )
    if any("\0" in text for text in texts):
        raise EngineError("What was given is no text.", "Save it as plain text in UTF-8, then try again.")
    count = sum(map(words, texts))
    if count < LEAST_WORDS:
        raise EngineError(
            "The texts have {count} words, too few to learn a voice from.",
            "At least {least} are needed; 2,000 are better.",
            count=count,
            least=LEAST_WORDS,
        )
    return count


def read(texts: Sequence[str], encode: Callable[[str], list[int]], cancelled: Callable[[], bool]) -> Corpus:
    """The texts, each split as `split` says, as tokens. Raises what `check` raises, and `Stopped`.

    What is held out and stands in a training part as well, word for word, is taken out of the training part.
    """
    count = check(texts)
    limit = min(HELD_OUT, MOST_HELD_OUT / count)
    parts = [split(text, limit) for text in texts if text.strip()]
    kept = {
        _plain(piece) for _, held in parts for piece in held if words(piece) > 3
    }  # "Exit HAMLET" gives nothing away
    learned = ["".join(piece for piece in training if _plain(piece) not in kept) for training, _ in parts]
    held = ["".join(pieces) for _, pieces in parts]
    training, held_out = (
        [tokens for tokens in (_tokens(text, encode, cancelled) for text in side if words(text)) if len(tokens) > 1]
        for side in (learned, held)
    )
    if not training or not held_out:
        raise EngineError(
            "Once and again the same words: nothing is left to be held out.", "Give texts that differ more."
        )
    opening = next(text for text in held if words(text)).lstrip()
    ends = [found.end() for found in WORD.finditer(opening[:1000])][:OPENING]
    held_words = sum(map(words, held))
    return Corpus(tuple(training), tuple(held_out), sum(map(words, learned)), held_words, opening[: ends[-1]])


def split(text: str, share: float = HELD_OUT) -> tuple[list[str], list[str]]:
    """The paragraphs to learn from and those that are held out: the last ones, with `share` of the words at least.

    A text of less than three paragraphs is split between sentences or lines. One that cannot be split is all to learn from.
    """
    pieces = _pieces(text, PARAGRAPH)
    if len(pieces) < 3:
        pieces = _pieces(text, SENTENCE)
    wanted, at, held = share * words(text), len(pieces), 0
    while at > 1 and held < wanted:
        at -= 1
        held += words(pieces[at])
    return pieces[:at], pieces[at:]


def _pieces(text: str, between: re.Pattern[str]) -> list[str]:
    """The parts of a text, each with what stands before it, so that they make the text again."""
    found, start = [], 0
    for gap in between.finditer(text.strip()):
        if gap.start() > start:
            found.append(text.strip()[start : gap.start()])
            start = gap.start()
    return [*found, text.strip()[start:]]


def _plain(piece: str) -> str:
    return " ".join(piece.split()).casefold()


def _tokens(text: str, encode: Callable[[str], list[int]], cancelled: Callable[[], bool]) -> Tensor:
    """A text's tokens. A long one is read in pieces that begin where a line ends, as tokens do."""
    found: list[int] = []
    while text:
        if cancelled():
            raise Stopped
        end = len(text) if len(text) <= PIECE else max(text.rfind("\n", 1, PIECE), 0) or PIECE
        found += encode(text[:end])
        text = text[end:]
    return torch.tensor(found, dtype=torch.long)


# ── How well it is foretold ──────────────────────────────────────────────────────────────────────────────────────────


def perplexity(
    logits: Callable[[Tensor], Tensor], streams: Sequence[Tensor], length: int = PASSAGE, overlap: int = 0
) -> float:
    """exp of the mean surprise of a token of these streams, every token but the first of a window counted once.

    `logits` takes tokens (1, T) and gives (1, T, V). Each stream is cut into windows of `length` tokens of which the first `overlap` are
    context that was scored before; with none, each window is a passage that begins afresh, as what the writer writes does. Nothing but
    the stream itself, up to the token, is ever known of it.
    """
    surprise, count = 0.0, 0
    for stream in streams:
        for start in range(0, max(1, len(stream) - overlap), length - overlap):
            window = stream[start : start + length]
            scored = window[1 if start == 0 or not overlap else overlap :]
            if len(window) < 2 or not len(scored):
                continue
            out = logits(window[None])[0, -len(scored) - 1 : -1].float()  # (scored, V)
            surprise += float(functional.cross_entropy(out, scored.to(out.device), reduction="sum"))
            count += len(scored)
    return math.exp(surprise / max(count, 1))
