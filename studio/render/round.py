"""One round: how far it is, its tiles, what was said of it and what to do next."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from engines.api import Draft, Losses, Preview, Progress, Started

from .. import pictures
from ..desk import Queued
from ..events import Made, Words
from ..family import world_of
from ..rounds import Fetching
from .easel import breeds
from .frame import FULL, SHAPES, TILE, Scene, Value, shown

WORDS = (
    *("like", "dislike", "pick", "picked", "star", "download", "stop", "branch", "rank_title", "rank_hint", "none"),
    *(
        "none_said",
        "original",
        "compare",
        "close",
        "unrank",
        "previous",
        "next",
        "waiting_tile",
        "seed",
        "brief",
        "again",
    ),
    *(
        "place_1",
        "place_2",
        "place_3",
        "place_4",
        "place_more",
        "parent_make",
        "family",
        "family_title",
        "family_hint",
        "family_alone",
        "family_more",
        "family_place",
        "rank_tap",
        "rank_tapping",
        "sheet",
        "sheet_title",
        "sheet_here",
    ),
    *("sheet_level", "sheet_use", "sheet_hint", "sheet_last", "sheet_back", "sheet_painting", "lost", "empty_round"),
    *("use", "use_title", "use_here", "edit", "edit_keep", "edit_leave", "edited", "raw", "raw_back", "copy", "copied"),
    *("others", "others_hint", "others_none", "others_title", "send", "reading", "reading_with"),
    *("write_first", "from_variant", "in_style", "into_words", "into_words_done", "as_lines", "go_on", "pixels"),
    *("large", "large_title", "large_done", "large_waiting", "large_stopped", "large_go"),
    *(
        "why",
        "why_title",
        "why_hint",
        "why_alone",
        "why_loss",
        "why_ahead",
        "why_painting",
        "why_content",
        "why_smoothness",
    ),
    *("why_relu1_1", "why_relu2_1", "why_relu3_1", "why_relu4_1"),
)  # of the page's own texts, all that the panel may need


SLOW = 5.0  # seconds after which less has to be done before it is told how long it still takes
POINTS = 80  # of a curve that are sent

LASTING = (
    "The prompt is too long for this model: its beginning was left out.",
    "Of {count} things the first {allowed} are drawn.",
    "No outline of {names} is known here, so that is left out. Draw it yourself, or try one of these: {allowed}.",
)  # what is said of the whole round, and is no passing matter


@dataclass
class Waiting:
    """How far a round is, from the desk's and the engine's events."""

    total: int
    finished: int = 0
    done: float = 0.0
    message: str = ""
    ahead: int = 0
    elapsed: float = 0.0
    since: float = 0.0  # when the engine began, after what had to come first
    previews: dict[int, str] = field(default_factory=dict)  # variant -> data URL
    drafts: dict[int, str] = field(default_factory=dict)  # variant -> the text as far as it is written
    losses: dict[int, list[Losses]] = field(default_factory=dict)  # variant -> its losses at each step
    warned: list[str] = field(default_factory=list)  # what was told once and is to stay with the round
    fetching: Fetching | None = None  # a model that has to come first

    def hear(self, event: object) -> None:
        if isinstance(event, Progress | Started):
            self.fetching = event if isinstance(event, Fetching) else None
        match event:
            case Queued():
                self.ahead, self.message = event.position, ""
            case Started():
                self.ahead, self.done, self.message, self.since = 0, 0.0, "", self.elapsed
            case Progress() if event.message in LASTING:
                self.warned = [*self.warned, event.message]
            case Progress():
                self.ahead, self.done, self.message = 0, event.done, event.message or self.message
            case Preview():
                data = base64.b64encode(pictures.encode_jpeg(event.pixels)).decode()
                self.previews[event.index] = f"data:image/jpeg;base64,{data}"
            case Draft():
                self.drafts[event.index] = event.text
            case Losses():
                self.losses.setdefault(event.index, []).append(event)
            case Made():
                self.finished += 1
                self.done = max(self.done, self.finished / max(self.total, 1))
                self.previews.pop(event.variant.index, None)
                self.drafts.pop(event.variant.index, None)
                self.losses.pop(event.variant.index, None)

    def value(self, scene: Scene) -> Value:
        """In words: what is being done, how far, and how long still where that can be told."""
        text = scene.text
        says = text.template(self.message) if self.message else text("getting_ready")
        spent = self.elapsed - self.since
        known = not self.fetching and (self.done > 0.15 or (self.done > 0.03 and spent > SLOW))
        left = spent * (1 - self.done) / self.done if known and spent > 1 else None
        return {
            "message": text("queued", count=self.ahead) if self.ahead else says,
            "count": text("count", finished=self.finished, total=self.total),
            "finished": self.finished,
            "total": self.total,
            "done": round(self.done, 4),
            "elapsed": round(self.elapsed, 2),
            "left": None if left is None else text.left(left),
            "fetching": self._fetched(scene),
        }

    def curves(self, scene: Scene, index: int) -> Value | None:
        """How the losses of a variant fall, by part, where its engine tells: at most `POINTS` of them, the newest always there."""
        heard = self.losses.get(index)
        if not heard:
            return None
        every = max(1, -(-len(heard) // POINTS))
        kept = [*heard[: len(heard) - 1 : every], heard[-1]]
        return {
            "title": scene.text("losses", step=heard[-1].step, side=heard[-1].side),
            "steps": [each.step for each in kept],
            "parts": [
                {
                    "name": scene.text.part(name),
                    "kind": name.partition(":")[0],
                    "values": [each.values.get(name, 0.0) for each in kept],
                }
                for name in heard[-1].values
            ],
        }

    def _fetched(self, scene: Scene) -> Value | None:
        """Which model is on its way, how far, and why that takes time now."""
        if self.fetching is None:
            return None
        text, size = scene.text, self.fetching.size / 1e6
        title = text.template(self.fetching.title)
        far = text("fetching_size", done=round(self.done * size), total=round(size)) if size else f"{self.done:.0%}"
        return {
            "title": text("fetching", name=title),
            "far": text.template(self.fetching.message) if self.fetching.preparing else far,
            "why": text("fetching_why"),
        }


def round_panel(
    scene: Scene, view: Mapping[str, Any] | None, past: Mapping[str, Any] | None, waiting: Waiting | None = None
) -> Value:
    """The tiles of one round: finished, being painted or still to come. `view` tells what lies around it."""
    scene = scene.knowing((view or {}).get("ways", {}), past and past["brief"])
    text = scene.text
    words = text.texts(*WORDS)
    offer = sheet(scene, view)
    if past is None:
        empty = text("write_first" if scene.mode == "text" else "empty_round")
        blank: Value = {
            "round": None,
            "title": "",
            "tiles": [],
            "total": 0,
            "busy": False,
            "kind": "",
            "warned": [],
            "tells": False,
            "breeds": False,
        }
        return scene.value(**blank, hint=empty, text=words, sheet=offer)
    made = {variant["index"]: variant for variant in past["variants"]}
    busy = past["status"] == "running"
    tiles = [
        tile(scene, past, index, proposal, made.get(index), waiting if busy else None)
        for index, proposal in enumerate(past["proposals"])
        if busy or index in made
    ]
    last = max((each["round"] for each in view["rounds"]), default=past["round"]) if view else past["round"]
    content, info = past["brief"].get("content"), scene.engines.get(past["brief"]["engine"])
    return scene.value(
        round=past["round"],
        title=text("round", number=past["round"] + 1),
        status=past["status"],
        busy=busy,
        latest=past["round"] == last,
        aspect=aspect(view, past),
        content=None if not content else {"src": scene.picture(content, TILE), "full": scene.picture(content, FULL)},
        progress=waiting.value(scene) if waiting and busy else None,
        tiles=tiles,
        total=len(past["proposals"]),
        none=past["none"],
        hint=text("hint_sheet") if view and view.get("sheet", {}).get("picked") and not busy else hint(scene, past),
        sheet=offer,
        problem=problem(scene, past),
        warned=[text.template(each) for each in waiting.warned] if waiting and busy else warnings(scene, past),
        kind="text" if past["brief"]["mode"] == "text" else "picture",
        sends=sends(scene, past["brief"]),
        tells=tells(scene, past["brief"]),
        breeds=breeds(info),
        world=world_of(past["brief"]),
        **{name: bool(info and getattr(info, name)) for name in ("explains", "continues")},
        text=words,
    )


def warnings(scene: Scene, past: Mapping[str, Any]) -> list[str]:
    """What was remarked of every variant of a round is told once, of the round."""
    first, *others = [made["remarks"] for made in past["variants"]] or [[]]
    shared = [words for words in first if words["template"] in LASTING and all(words in said for said in others)]
    return [scene.text.say(Words(**words)) for words in shared]


def sends(scene: Scene, brief: Mapping[str, Any]) -> bool:
    """Whether a round's texts are prompts for pictures."""
    info, asked = scene.engines.get(brief["engine"]), brief.get("options", {}).get("template")
    return bool(info and asked and info.templates.get("image") == asked)


def tells(scene: Scene, brief: Mapping[str, Any]) -> bool:
    """Whether its engine can say in words what a round's pictures show."""
    info = scene.engines.get(brief["engine"])
    return bool(info and "sketch" in info.needs_one)


def advanced(scene: Scene, shown: Value, waiting: Waiting) -> Value:
    """The panel of a round that is being made, some moments later: what is to be seen of it so far, and how far it is."""
    tiles = [
        each
        | {
            "preview": waiting.previews.get(each["index"]),
            "draft": waiting.drafts.get(each["index"]),
            "curves": waiting.curves(scene, each["index"]),
        }
        if not each["made"]
        else each
        for each in shown["tiles"]
    ]
    warned = [scene.text.template(each) for each in waiting.warned]
    return shown | {"tiles": tiles, "progress": waiting.value(scene), "warned": warned}


def sheet(scene: Scene, view: Mapping[str, Any] | None) -> Value:
    """Whether a sheet is offered, and if not, why."""
    found = (view or {}).get("sheet")
    if found is None:  # while a round is being made
        return {"offered": False, "why": scene.text("hint_running"), "after": 0}
    why = Words(**found["why_words"]) if found["why_words"] else None
    return {"offered": found["offered"], "why": scene.text.say(why) if why else "", "after": found["after"]}


def tile(
    scene: Scene,
    past: Mapping[str, Any],
    index: int,
    proposal: Mapping[str, Any],
    made: Mapping[str, Any] | None,
    waiting: Waiting | None,
) -> Value:
    """One variant, or the frame that waits for it."""
    text = scene.text
    role, reason = proposal["role"], [Words(**words) for words in proposal["reason"]]
    out: Value = {
        "index": index,
        "number": index + 1,
        "role": role,
        "role_name": text(f"role_{role}"),
        "shape": SHAPES[role],
        "reason": text.sentences(reason),
        "facts": facts(scene, proposal["knobs"], past["brief"].get("masks", {})),
        "seed": proposal["seed"],
        "preview": waiting.previews.get(index) if waiting else None,
        "draft": waiting.drafts.get(index) if waiting else None,
        "curves": waiting.curves(scene, index) if waiting else None,
        "src": None,
        "sha256": made["sha256"] if made else None,
        "made": made is not None,
    }
    if made is None:
        return out
    written = made["text"] is not None
    file = f"duet-{past['round'] + 1}-{index + 1}-{role}.{'txt' if written else 'png'}"
    return out | {
        "src": None if written else scene.picture(made["sha256"], TILE),
        "full": None if written else scene.picture(made["sha256"], FULL),
        "words": made["text"],
        "edited": made["edited"],
        "raw": made["raw"],
        "remarks": [text.say(Words(**each)) for each in made["remarks"] if each["template"] not in LASTING],
        "file": file,
        "download": f"duet/{scene.session}/{made['sha256']}?download={file}",
        "seconds": text("seconds", seconds=f"{made['seconds']:.2f}"),
        "like": made["like"],
        "dislike": made["dislike"],
        "picked": made["picked"],
        "rank": made["rank"],
        "starred": made["starred"],
    }


def facts(scene: Scene, knobs: Mapping[str, Any], masks: Collection[str] = ()) -> list[str]:
    """A variant's settings in words: the mix first, heaviest style first, and which of its styles are brushed by `masks`."""
    text = scene.text
    mix = sorted(((value, name) for name, value in knobs.items() if name.startswith("style:") and value > 0.005))
    shares = [(name, f"{text.knob(name)} {round(100 * value)} %") for value, name in reversed(mix)]
    styles = [text("brushed", style=share) if name in masks else share for name, share in shares]
    rest = [f"{text.knob(name)} {shown(value)}" for name, value in knobs.items() if not name.startswith("style:")]
    return [*styles, *rest]


def aspect(view: Mapping[str, Any] | None, past: Mapping[str, Any]) -> float:
    """Width over height of the round's pictures, so that their frames stand before they come."""
    content = str(past["brief"].get("content") or "").removeprefix("sha256:")
    kept = (view or {}).get("pictures", {}).get(content)
    return round(kept["width"] / kept["height"], 4) if kept else 1.0


def hint(scene: Scene, past: Mapping[str, Any]) -> str:
    """One line that says what to do next."""
    text, variants = scene.text, past["variants"]
    written = past["brief"]["mode"] == "text"
    if past["status"] == "running":
        return text("hint_writing" if written else "hint_running")
    if not variants:
        return text("hint_nothing_made")
    if past["none"]:
        return text("hint_none")
    if any(variant["picked"] for variant in variants):
        number = next(variant["index"] for variant in variants if variant["picked"]) + 1
        breeding = breeds(scene.engines.get(past["brief"]["engine"]))
        return text("hint_text_picked" if written else "hint_bred_picked" if breeding else "hint_picked", number=number)
    if past["judgements"]:
        return text("hint_judged")
    if written:
        return text("hint_text")
    return text("hint_first" if past["round"] == 0 else "hint_judge")


def problem(scene: Scene, past: Mapping[str, Any]) -> str:
    """Why a round did not end as it should, or nothing."""
    if past["status"] == "failed" and past["error_words"]:
        return scene.text.say(Words(**past["error_words"]))
    if past["status"] in ("cancelled", "interrupted"):
        return scene.text(f"ended_{past['status']}")
    return ""
