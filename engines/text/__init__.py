"""Text engines: a language model that goes on with what the artist wrote, or answers it. Facts only; torch loads with the engine."""

from __future__ import annotations

from dataclasses import dataclass

from ..api import Engine, EngineInfo, option
from ..language import EMBEDDED
from ..registry import register
from . import templates


@dataclass(frozen=True)
class TextOptions:
    decoding: str = option(
        "sample",
        choices=("sample", "greedy", "beam"),
        help="How words are chosen: by chance, always the likeliest, or the likeliest whole among several that are kept.",
    )
    reply: bool = option(False, help="Answers the prompt instead of going on with it.")
    length: int = option(96, low=1, high=1024, step=1, help="Tokens that a text has at most; a word is one or two.")
    least: int = option(0, low=0, high=1024, step=1, advanced=True, help="Tokens before which a text may not end.")
    temperature: float = option(0.8, low=0, high=2, step=0.05, knob=True, help="How daring the choice of words is.")
    top_p: float = option(0.95, low=0.05, high=1, step=0.01, knob=True, help="Share of all chances that is drawn from.")
    repetition_penalty: float = option(
        1.1, low=1, high=2, step=0.01, knob=True, help="How much words are avoided that were used already."
    )
    top_k: int = option(
        0, low=0, high=1000, step=1, advanced=True, help="Likeliest tokens that are drawn from; 0 for all."
    )
    min_p: float = option(
        0.05, low=0, high=0.9, step=0.01, advanced=True, help="Least chance, as a share of the likeliest token's."
    )
    typical_p: float = option(
        1.0,
        low=0.05,
        high=1,
        step=0.01,
        advanced=True,
        help="Share of the tokens that are about as surprising as expected.",
    )
    no_repeat_ngram: int = option(
        0, low=0, high=20, step=1, advanced=True, help="Runs of so many tokens never come twice; 0 lets them."
    )
    beams: int = option(4, low=1, high=8, step=1, advanced=True, help="Texts that beam search keeps for each variant.")
    diversity: float = option(
        0.8, low=0, high=5, step=0.1, advanced=True, help="How far beam search holds the variants apart."
    )
    length_penalty: float = option(
        1.0, low=0, high=3, step=0.1, advanced=True, help="How much beam search likes long texts; 0 is for short ones."
    )
    stop: str = option("", advanced=True, help="A text ends before these words; several stand on lines of their own.")
    template: str = option(
        "", help="What is asked of your text, which stands for {text} in it; without one, the text goes on."
    )
    form: str = option("haiku", help="The form of a poem, for templates with {form}.")
    style: str = option("a gothic", help="The style to write in, for templates with {style}.")
    keep: float = option(
        0.75,
        low=0,
        high=1,
        step=0.05,
        advanced=True,
        help="How much of the meaning a rewriting keeps, as far as any of its versions does.",
    )
    must: str = option("", help="Words that have to occur, each on a line of its own.")
    memory: str = option("", help="What is always remembered: people, places, facts. It stands before everything else.")
    note: str = option("", help="A note on how to go on, kept near the end of the text where it is heard best.")
    trim: bool = option(True, advanced=True, help="Leaves out a last sentence that was not finished.")
    once: bool = option(True, advanced=True, help="Leaves out sentences that came already.")
    distinct: bool = option(True, advanced=True, help="Writes a variant anew that says what another one says.")
    clean: bool = option(True, advanced=True, help="Covers coarse words, in English and Chinese.")
    block: str = option("", advanced=True, help="More words to cover, each on a line of its own.")
    most_words: int = option(
        0,
        low=0,
        high=2000,
        step=1,
        advanced=True,
        help="Words that a text has at most, ended with a sentence; 0 for any.",
    )

    def check(self) -> None:
        """Raises `BriefError` where options do not go together."""
        templates.check(self.template)


@dataclass(frozen=True)
class Training:
    """How an adapter is trained. The defaults were chosen for some 2,000 words and a model of 135 million parameters."""

    epochs: int = option(8, low=1, high=200, step=1, help="How often the texts are read at most.")
    minutes: float = option(10.0, low=0.05, high=1440, step=0.5, help="Minutes that the training may take.")
    learning_rate: float = option(
        5e-4, low=1e-6, high=1e-2, step=1e-5, help="How fast it learns; too fast forgets how to write."
    )
    rank: int = option(16, low=1, high=256, step=1, help="How much an adapter can hold.")
    block: int = option(128, low=16, high=2048, step=1, help="Tokens that are read in one piece.")
    seed: int = option(
        0, low=0, high=2**31 - 1, step=1, help="Where chance starts: the same seed gives the same adapter."
    )


AXES = ("joyful", "plain", "concrete", "formal", "tense", "archaic")  # as `axes.toml` defines them

WRITER = EngineInfo(
    name="writer",
    mode="text",
    version="3",
    summary="Goes on with your text, or answers it, on a small language model.",
    options=TextOptions,
    needs=("prompt",),
    templates={each.name: each.text for each in templates.TEMPLATES},
    models=(EMBEDDED, "minilm-l6-v2"),  # the first, or the language model that was chosen in its place
    axes=AXES,
    weights={"axis": (-1.0, 1.0), "word": (0.0, 1.0), "adapter": (0.0, 1.5)},
    random=True,
)


def _writer() -> Engine:
    from .writer import Writer

    return Writer()


register(WRITER, _writer)
