"""What was learned and what was done: the bars, the judgements behind them, the strip of rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..events import Judgement
from .frame import STRIP, Scene, Value, shown
from .notebook import turns
from .taste import agreement, check, rows, teaching_in_words, vague

CLEAR = 0.35  # weight from which a control is worth a word in the sentence of what was learned
EXCERPT = 60  # characters of a text that stand for it in the strip of rounds
AWAY = 0.06  # of a control's length: what is set so near to what is believed is well set


def learned(scene: Scene, view: Mapping[str, Any], offers: Sequence[str] = ()) -> Value:
    """Each control's chart, all that was said behind it, which can be taken back, and what a beginner could begin with: `offers`."""
    scene = scene.knowing(view.get("ways", {}), view["next"])
    text, found = scene.text, view["learned"]
    said = [
        {"round": past["round"], "events": events, "text": said_in_words(scene, past["round"], words)}
        for past in view["rounds"]
        for events, words in standing(past["judgements"])
        if view["forgot"] is None or events[0] > view["forgot"]
    ] + [
        {"round": None, "events": [each["event"]], "text": teaching_in_words(scene, each)} for each in view["teachings"]
    ]
    words = text.texts(
        "learned", "learned_empty", "said", "take_back", "believed", "unlearn", "unlearn_help", "more_knobs"
    )
    words |= text.texts(
        "keep", "save_taste", "load_taste", "share", "share_help", "carry", "pool", "pool_help", "adjust", "adjust_keep"
    )
    return scene.value(
        judged=found["judgements"],
        sentence=sentence(scene, found["knobs"]) if found["judgements"] else "",
        rows=rows(scene, found),
        said=sorted(said, key=lambda each: -each["events"][0]),
        check=check(scene, view),
        agreement=agreement(scene, view),
        offers=list(offers),
        shared=view["shared"],
        text=words,
    )


def standing(judgements: Mapping[Any, Mapping[str, Any]]) -> list[tuple[list[int], Mapping[str, Any]]]:
    """The judgements that still say something, newest first, with their numbers. A later pick or ranking replaces an earlier
    one, so they count as one, to be taken back together."""
    found: list[tuple[list[int], Mapping[str, Any]]] = []
    for number, words in sorted(((int(event), words) for event, words in judgements.items()), reverse=True):
        kind = set(words)
        if "retract" in kind:
            continue
        later = next((events for events, said in found if kind in ({"pick"}, {"ranking"}) and set(said) == kind), None)
        if later is None:
            found.append(([number], words))
        else:
            later.append(number)
    return found


def sentence(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> str:
    """The clearest of what was learned, in one sentence: where the artist's taste lies from what is set now."""
    text = scene.text
    known = [row for row in rows if not vague(row)]
    clear = sorted((row for row in known if row["weight"] >= CLEAR), key=lambda row: -row["weight"])
    away = {row["name"]: (row["value"] - row["set"]) / (row["high"] - row["low"]) for row in clear}
    more, less = ([text.spoken(name) for name in away if way * away[name] > AWAY][:2] for way in (1, -1))
    if more and less:
        return text("believe_both", more=text.list(more), less=text.list(less))
    if more or less:
        return text("believe_more" if more else "believe_less", names=text.list(more or less))
    return text("believe_near" if clear else "believe_nothing")


def said_in_words(scene: Scene, number: int, words: Mapping[str, Any]) -> str:
    """A judgement as the artist would tell it."""
    text, said = scene.text, Judgement.from_dict(dict(words))
    parts = [
        *[text("said_like", which=one(said.like))] * bool(said.like),
        *[text("said_dislike", which=one(said.dislike))] * bool(said.dislike),
        *([text("said_pick", which=said.pick + 1)] if said.pick is not None else []),
        *[text("said_rank", which=" › ".join(one(group) for group in said.groups()))] * bool(said.ranking),
        *[text("said_none")] * said.none,
        *(text("said_edit", knob=text.knob(name), value=shown(value)) for name, value in said.edit.items()),
        *[text("said_text")] * bool(said.text),
        *[text("said_note", note=said.note)] * bool(said.note),
    ]
    return text("said_in_round", number=number + 1, what=text.list(parts))


def one(indices: Sequence[int]) -> str:
    return ", ".join(str(index + 1) for index in indices)


def history(scene: Scene, view: Mapping[str, Any]) -> Value:
    """All rounds in order, each with where it came from; those that follow another than the one before are branches."""
    text = scene.text
    place = {past["round"]: at for at, past in enumerate(view["rounds"])}
    return scene.value(
        rounds=[
            {
                "round": past["round"],
                "label": str(past["round"] + 1),
                "title": text("round", number=past["round"] + 1),
                "mode": past["brief"]["mode"],
                **cover(scene, past),
                "status": past["status"],
                "parent": place.get(past["parent"]["round"]) if past["parent"] else None,
                "judged": bool(past["judgements"]),
                "starred": any(variant["starred"] for variant in past["variants"]),
            }
            for past in view["rounds"]
        ],
        **turns(text, view["undo"], view["redo"]),
        export=f"duet/{scene.session}/export",
        text=text.texts("history", "undo", "redo", "export", "new", "history_empty"),
    )


def cover(scene: Scene, past: Mapping[str, Any]) -> Value:
    """What stands for a round, a picture or the beginning of a text: of the picked one, else the liked, else the first."""
    variants = past["variants"]
    order = sorted(variants, key=lambda made: (not made["picked"], made["rank"] != 0, not made["like"], made["index"]))
    if not order:
        return {"src": None, "words": None}
    words = order[0]["text"]
    if words is None:
        return {"src": scene.picture(order[0]["sha256"], STRIP), "words": None}
    return {"src": None, "words": " ".join(words.split())[:EXCERPT]}
