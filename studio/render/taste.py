"""What was learned, drawn: a small chart a control, what was taught beside judgements, and the pair that comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .frame import Scene, Value, shown

UNSURE = 0.35  # confidence below which a value is told as a range
WIDE = 0.5  # of a control's length: a likely range that is wider says little, however sure
ANYWHERE = 0.85  # of its length: that is no range at all
SURE = (0.35, 0.5, 0.7)  # confidence from which it is a first idea, fairly sure, sure
MATTERS = (0.25, 0.55)  # weight from which a control matters somewhat, and a lot
LOUD = 4  # controls that are shown at once; the others wait under "more"
PAIR = 320  # side of the pictures of the pair that comes back
TRUSTED = 0.7  # of the pairs that came back: who says the same so often is constant


def rows(scene: Scene, learned: Mapping[str, Any]) -> list[Value]:
    """A chart each, what matters most first. Curves share one scale, so that what matters is tall and what is unsure is wide."""
    found = sorted(learned["knobs"], key=lambda row: -row["weight"])
    line = [(mean, spread) for row in found for mean, spread in zip(row["curve"], row["band"], strict=True)]
    low, high = min((m - s for m, s in line), default=0.0), max((m + s for m, s in line), default=1.0)
    return [row_value(scene, row, low, (high - low) or 1.0, quiet=at >= LOUD) for at, row in enumerate(found)]


def row_value(scene: Scene, row: Mapping[str, Any], bottom: float, height: float, quiet: bool) -> Value:
    """One control; its curve and band lie between 0 and 1."""
    text, name, span = scene.text, row["name"], row["high"] - row["low"]
    low, high = row["range"]
    told = [amount(name, value) for value in (row["value"], low, high)]
    sure = text("sure_said") if row["said"] is not None else text(f"sure_{level(row)}", percent=percent(row))
    matters = text(f"matters_{sum(row['weight'] >= least for least in MATTERS)}")
    return {
        "name": name,
        "label": text.knob(name),
        "low": row["low"],
        "high": row["high"],
        "value": row["value"],
        "at": (row["value"] - row["low"]) / span,
        "set": (row["set"] - row["low"]) / span,
        "from": (low - row["low"]) / span,
        "to": (high - row["low"]) / span,
        "share": name.startswith("style:"),
        "vague": vague(row),
        "mine": row["said"] is not None,
        "shown": told[0]
        if not vague(row)
        else text("anywhere")
        if wide(row)
        else f"{told[1].removesuffix(' %')} – {told[2]}",
        "confidence": round(row["confidence"], 3),
        "weight": round(row["weight"], 3),
        "sure": sure,
        "matters": "" if vague(row) else matters,  # what is only guessed has no weight to speak of yet
        "told": text("row_told", value=told[0], low=told[1], high=told[2], sure=sure, matters=matters),
        "curve": [round((value - bottom) / height, 3) for value in row["curve"]],
        "band": [round(value / height, 3) for value in row["band"]],
        "events": sorted({*row["judgements"], *([row["said"]] if row["said"] is not None else [])}),
        "quiet": quiet and row["said"] is None,
    }


def vague(row: Mapping[str, Any]) -> bool:
    """Whether so little is known of a control that one value would claim too much."""
    wide_range = row["range"][1] - row["range"][0] > WIDE * (row["high"] - row["low"])
    return row["said"] is None and (row["confidence"] < UNSURE or wide_range)


def wide(row: Mapping[str, Any]) -> bool:
    return bool(row["range"][1] - row["range"][0] >= ANYWHERE * (row["high"] - row["low"]))


def level(row: Mapping[str, Any]) -> int:
    """How sure, from 0, a guess, to 3; what is known only as a wide range is a first idea at most."""
    found = len([least for least in SURE if row["confidence"] >= least])
    return min(found, 1) if vague(row) else found


def percent(row: Mapping[str, Any]) -> int:
    confidence: float = row["confidence"]
    return round(100 * confidence)


def amount(name: str, value: float) -> str:
    return f"{round(100 * value)} %" if name.startswith("style:") else shown(float(value))


def teaching_in_words(scene: Scene, said: Mapping[str, Any]) -> str:
    """What was taught beside judgements, as the artist would tell it."""
    text = scene.text
    match said["kind"]:
        case "believed":
            return text("taught_believed", knob=text.knob(said["knob"]), value=amount(said["knob"], said["value"]))
        case "compared" if said["better"] is None:
            return text("taught_unsure")
        case "compared":
            better, worse = (said["pair"][at] for at in (said["better"], 1 - said["better"]))
            return text(
                "taught_compared",
                number=better["round"] + 1,
                better=better["variant"] + 1,
                worse=worse["variant"] + 1,
            )
        case "carried":
            return text(f"taught_{said['source']}", count=said["opinions"])
    return text("taught_sheet")


def check(scene: Scene, view: Mapping[str, Any]) -> Value | None:
    """The earlier pair that comes back, without a word on what was said of it."""
    if not view["check"]:
        return None
    made = {
        (past["round"], each["index"]): each for past in view["rounds"] for each in past["variants"]
    }  # round and variant -> what was made
    pair = [made[place["round"], place["variant"]] for place in view["check"]["pair"]]
    text = scene.text
    return {
        "pair": view["check"]["pair"],
        "round": max(past["round"] for past in view["rounds"]),
        "choices": [
            {"label": text(f"check_{at + 1}"), "src": scene.picture(each["sha256"], PAIR), "words": each["text"]}
            for at, each in enumerate(pair)
        ],
        "text": text.texts("check", "check_unsure", "check_later"),
    }


def agreement(scene: Scene, view: Mapping[str, Any]) -> str:
    """How often the artist said the same again, and what follows from that."""
    found, text = view["agreement"], scene.text
    if not found:
        return ""
    agreed, asked = found["agreed"], found["asked"]
    told = text("agreed_many", agreed=agreed, asked=asked) if asked > 1 else text(f"agreed_first_{agreed}")
    return told + text("between_sentences") + text("trust_much" if agreed >= TRUSTED * asked else "trust_less")
