"""The brief's form: what the next round would be asked, and everything there is to choose from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from engines.api import Brief, EngineInfo

from .. import pictures
from .frame import Scene, Value


def brief(scene: Scene, view: Mapping[str, Any], examples: Sequence[str], drawn: Sequence[str]) -> Value:
    """The form: what the next round would be asked, and everything there is to choose from."""
    text = scene.text
    known = {
        f"sha256:{sha}": {"name": kept["name"], "width": kept["width"], "height": kept["height"]}
        for sha, kept in view["pictures"].items()
    }
    used = [name for past in view["rounds"] for name in past["brief"].get("styles", {}) if name in known]
    common = {spec.name: control(spec) for spec in dataclasses.fields(Brief) if spec.metadata}
    return scene.value(
        next=view["next"],
        pictures=known,
        own=list(dict.fromkeys(used)),
        engines=[engine(scene, info, drawn) for info in scene.engines.values() if info.mode == "style" and info.styles],
        common={
            name: {**facts, "label": text(f"field_{name}"), "help": text.template(facts["help"])}
            for name, facts in common.items()
        },
        examples=[
            {"name": name, "label": text.called("example", name), "src": f"duet/asset/contents/{name}.jpg?side=160"}
            for name in examples
        ],
        limit=pictures.MAX_BYTES,
        text=text.texts("brief", "drop", "replace", "examples", "from_device", "own_style_add")
        | text.texts("empty_mix", "more", "again", "again_busy", "lock", "unlock", "remove", "dice", "new_seed")
        | text.texts(
            "steering_off", "steering_full", "shelf", "too_large", "reading", "own_style", "restored", "itself"
        )
        | text.texts("close", "pixels"),
    )


def engine(scene: Scene, info: EngineInfo, drawn: Sequence[str]) -> Value:
    """A shelf: its styles, and the controls that its options become. Styles with a picture of their own are among `drawn`."""
    text = scene.text
    return {
        "name": info.name,
        "label": text.called("shelf", info.name),
        "summary": text.template(info.summary),
        "own": info.picture_styles,
        "styles": [
            {
                "name": name,
                "label": text.style(name),
                "src": f"duet/asset/styles/{name}.jpg?side=160" if name in drawn else None,
            }
            for name in info.styles
        ],
        "options": [
            {**control(spec), "label": text.knob(spec.name), "help": text.template(spec.metadata["help"])}
            for spec in dataclasses.fields(info.options)
        ],
    }


def control(spec: dataclasses.Field[Any]) -> Value:
    """What sets an option, from the field that defines it: a slider, a switch, a choice or a line of text."""
    facts = spec.metadata
    plain = {bool: "switch", str: "text"}.get(type(spec.default), "range")
    return {
        "name": spec.name,
        "kind": "choice" if facts["choices"] else plain,
        "value": spec.default,
        "low": facts["low"],
        "high": facts["high"],
        "step": facts["step"],
        "choices": list(facts["choices"]),
        "knob": facts["knob"],
        "advanced": facts["advanced"],
        "help": facts["help"],
    }
