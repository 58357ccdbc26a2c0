"""The form of image mode: words, canvas, drawing styles and what the painter can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.api import EngineInfo

from .. import pictures
from .brief import common, options
from .frame import Scene, Value

# fmt: off
TEXTS = (
    "brief", "more", "again", "again_busy", "lock", "unlock", "dice", "new_seed", "steering_off",
    "steering_full", "close", "pixels", "words", "words_hint", "words_first", "propose", "proposing", "proposals",
    "proposals_hint", "canvas", "canvas_empty", "pen", "eraser", "mover", "clear", "undo_line", "redo_line",
    "sketch_file", "sketch_drop", "sketch_away", "live", "live_hint", "outlines_from", "styles_of", "palette", "palette_add",
    "palette_remove", "things", "thing_words", "thing_remove", "too_large", "reading", "engine",
)
# fmt: on


def easel(scene: Scene, view: Mapping[str, Any], kept: Mapping[str, Mapping[str, Any]]) -> Value:
    """The form: what the next round would be asked, and everything there is to choose from. `kept` are the artist's own GANs by digest:
    what each is called, and facts."""
    text = scene.text
    known = {
        f"sha256:{sha}": {"name": kept["name"], "width": kept["width"], "height": kept["height"]}
        for sha, kept in view["pictures"].items()
    }
    return scene.value(
        next=view["next"],
        pictures=known,
        kept=[{"ref": f"sha256:{sha}", **facts} for sha, facts in kept.items()],
        engines=[painter(scene, info) for info in scene.engines.values() if info.mode == "image" and not info.needs],
        common=common(scene, ("steering", "variants", "seed", "size")),
        limit=pictures.MAX_BYTES,
        text=text.texts(*TEXTS),
    )


def painter(scene: Scene, info: EngineInfo) -> Value:
    """An engine of image mode: the styles it draws in, and the controls that its options become."""
    text = scene.text
    return {
        "name": info.name,
        "label": text.called("shelf", info.name),
        "summary": text.template(info.summary),
        "styles": [{"name": name, "label": text.style(name)} for name in info.styles],
        "options": options(scene, info),
        "draws": "sketch" in info.needs_one,
    }
