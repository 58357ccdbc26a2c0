"""The form of image mode: words, canvas, drawing styles and what the painter can be told; and what breeding needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.api import MOST_PARENTS, PARENTS, EngineInfo, parents

from .. import config, pictures
from ..family import world_of
from .brief import common, options
from .frame import Scene, Value

# fmt: off
TEXTS = (
    "brief", "more", "again", "again_busy", "lock", "unlock", "dice", "new_seed", "steering_off",
    "steering_full", "close", "pixels", "words", "words_hint", "words_first", "propose", "proposing", "proposals",
    "proposals_hint", "canvas", "canvas_empty", "pen", "eraser", "mover", "clear", "undo_line", "redo_line",
    "sketch_file", "sketch_drop", "sketch_away", "live", "live_hint", "outlines_from", "styles_of", "palette", "palette_add",
    "palette_remove", "things", "thing_words", "thing_remove", "too_large", "reading", "engine",
    "breed", "breed_hint", "worlds", "world_bring", "world_train", "world_none", "children", "parents", "parents_hint",
    "parents_one", "parents_clear", "parents_liked", "parents_liked_none", "parents_most", "parents_foreign", "parent_add",
    "parent_file", "parent_mine", "parent_away", "gives", "gift_coarse", "gift_middle", "gift_fine", "ways", "ways_hint",
    "way_rename", "way_at", "painter_away",
)
# fmt: on


def easel(scene: Scene, view: Mapping[str, Any], kept: Mapping[str, Mapping[str, Any]]) -> Value:
    """The form: what the next round would be asked, and everything there is to choose from. `kept` are the artist's own GANs and
    painters by digest: what each is called, and facts."""
    text = scene.text
    known = {
        f"sha256:{sha}": {"name": kept["name"], "width": kept["width"], "height": kept["height"]}
        for sha, kept in view["pictures"].items()
    }
    return scene.value(
        next=view["next"],
        pictures=known,
        kept=[{"ref": f"sha256:{sha}", **facts} for sha, facts in kept.items()],
        engines=[
            painter(scene, info)
            for info in scene.engines.values()
            if info.mode == "image" and not {*info.needs} - {"styles"}
        ],
        born=born(view),
        ways=view["ways"],
        most_parents=MOST_PARENTS,
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
        "breeds": breeds(info),
        "files": bool(info.file_styles and not info.styles),
        "takes": info.file_styles
        if info.styles
        else "",  # the kind of the artist's own files that go into its mix beside ours
        "side": info.side,
        "most": info.most,
        "look": (config.assets() / "worlds" / f"{info.name}.jpg").is_file(),
        "weights": [kind for kind in PARENTS if kind in info.weights],
    }


def born(view: Mapping[str, Any]) -> dict[str, Value]:
    """Where the parents come from that are variants of the session, by reference: their places, and whose world they are of."""
    briefs = [view["next"] or {}, *(past["brief"] for past in view["rounds"])]
    asked = {ref for brief in briefs for ref in parents(brief.get("weights", {}))}
    return {
        f"sha256:{made['sha256']}": {
            "round": past["round"],
            "number": made["index"] + 1,
            "world": world_of(past["brief"]),
        }
        for past in view["rounds"]
        for made in past["variants"]
        if f"sha256:{made['sha256']}" in asked
    }


def breeds(info: EngineInfo | None) -> bool:
    """Whether an engine makes children of pictures."""
    return bool(info and {*PARENTS} & {*info.weights})
