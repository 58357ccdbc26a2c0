"""Makes the tables that image mode looks things up in from their sources: `python -m engines.image.indices FOLDER`.

The folder keeps what npm fetches, as that of `studio train painter` does. npm, the extra `train` and the store's outlines and MiniLM are
needed here; what is made is committed, so that the studio needs none of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from .. import embed, store
from . import colouring, icons, kinds, lessons, names, outlines, search, tracing
from .words import lemma_of

TRACED = "fluent-emoji-flat"  # the set whose contours are traced
SHORT = 2  # letters: so short a name says nothing


def remake(folder: Path, told: Callable[[str], None]) -> None:
    """Every table, each after those that it is made from. Raises `EngineError` without npm or resvg."""
    store.ensure([outlines.MODEL, embed.MODEL])
    icons.fetch(folder)
    told("names")
    listed = icons.named(folder)
    names.TABLE.write_text(
        "[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in listed) + "\n]\n", "utf-8"
    )
    told("traced outlines")
    _trace(folder, [name for name, *_ in listed])
    told("kinds")
    wordnet = icons.fetch(folder, kinds.PACKAGE) / next(iter(kinds.PACKAGE))
    kinds.TABLE.write_text(kinds.made(wordnet, _things()), "utf-8")
    told("meanings of outlines")
    _read_outlines()
    told("colours of things")
    course = lessons.prepared(folder, embed.shared, lambda done, what: None)
    save_tensors(colouring.table(course), colouring.TABLE)


def _trace(folder: Path, listed: list[str]) -> None:
    icons_of = icons.svgs(folder, TRACED)
    drawn = {slug: tracing.traced(icons_of[slug]) for slug in map(icons.slug, listed) if slug in icons_of}
    save_file(tracing.packed(drawn), outlines.TRACED, {"names": json.dumps(list(drawn))})


def _things() -> set[str]:
    """What outlines are named after: a traced one by its whole name, and every one by the word that it begins with."""
    named = [(name, [lemma_of(word) for word in outlines.words(name)]) for name in outlines.names()]
    whole = {" ".join(words) for name, words in named if name.startswith(f"{outlines.EMOJI}/")}
    return {thing for thing in whole | {words[0] for _, words in named} if len(thing) > SHORT} - kinds.VAGUE


def _read_outlines() -> None:
    listed = outlines.names()
    vectors = embed.shared.embed([" ".join(outlines.words(name)) for name in listed])
    save_file({"vectors": np.round(vectors * 127).astype(np.int8)}, search.INDEX, {"names": json.dumps(listed)})


if __name__ == "__main__":
    remake(Path(sys.argv[1]), print)
