"""One level of a sheet: a plane of small pictures, each in words, and what it means to go right or down in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from engines.api import parents

from ..state import State
from .frame import Scene, Value
from .round import facts

CLEAR = 0.5  # of the largest change along an axis, from which another control is worth a word
MOST = 2  # controls that a word is said of, at each end of an axis


def plane(
    scene: Scene, cells: Sequence[Mapping[str, float | str]], painted: Sequence[bytes], picks: Sequence[int]
) -> Value:
    """The cells row by row; in the middle one the artist stands. `picks` led here."""
    side, middle = round(len(cells) ** 0.5), len(cells) // 2
    across, down = (cells[middle - side // 2], cells[middle + side // 2]), (cells[side // 2], cells[-1 - side // 2])
    return {
        "side": side,
        "middle": middle,
        "level": len(picks),
        "cells": [
            {"src": f"data:image/jpeg;base64,{base64.b64encode(data).decode()}", "facts": facts(scene, knobs)}
            for knobs, data in zip(cells, painted, strict=True)
        ],
        "axes": {
            "right": change(scene, *across),
            "left": change(scene, *reversed(across)),
            "down": change(scene, *down),
            "up": change(scene, *reversed(down)),
        },
    }


def change(scene: Scene, before: Mapping[str, float | str], after: Mapping[str, float | str]) -> str:
    """What becomes more and what less from one setting to another, the largest changes only."""
    text = scene.text
    steps = {name: float(after[name]) - float(value) for name, value in before.items() if not isinstance(value, str)}
    largest = max(map(abs, steps.values()), default=0.0)
    if largest < 0.005:
        return ""
    clear = [name for name in sorted(steps, key=lambda name: -abs(steps[name])) if abs(steps[name]) >= CLEAR * largest]
    more = text.list([text.spoken(name) for name in clear[:MOST] if steps[name] > 0])
    less = text.list([text.spoken(name) for name in clear[:MOST] if steps[name] < 0])
    if more and less:
        return text("axis_both", more=more, less=less)
    return text("axis_more", names=more) if more else text("axis_less", names=less)


def names(state: State) -> dict[str, str]:
    """What the session's pictures and the artist's own files are called, by `sha256:…`; of variants, those that are parents: 2·7."""
    asked = {ref for current in state.rounds.values() for ref in parents(current.brief.weights)}
    bred = {
        variant.sha256: f"{number + 1}·{variant.index + 1}"
        for number, current in (state.rounds.items() if asked else ())
        for variant in current.variants
        if f"sha256:{variant.sha256}" in asked
    }
    pictures = {sha: kept.name.rpartition(".")[0] or kept.name for sha, kept in state.pictures.items()}
    return {f"sha256:{sha}": name for sha, name in {**bred, **pictures, **state.called}.items()}
