"""The brief's form: what the next round would be asked, and everything there is to choose from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from engines.api import Brief, EngineInfo

from .. import pictures, sheets
from .frame import Scene, Value


def form(
    scene: Scene, view: Mapping[str, Any], kept: Mapping[str, Mapping[str, Any]], model: Mapping[str, Any]
) -> Value:
    """The form of text mode. `kept` are the artist's own axes and adapters by digest: what each is, and its name; `model` is
    the one that writes."""
    text, following = scene.text, {key: value for key, value in view["next"].items() if key != "prompt"}
    return scene.value(
        next=following,
        engines=[
            {**writer(scene, info), "model": written_by(scene, model) if info.name in model["engines"] else ""}
            for info in scene.engines.values()
            if info.mode == "text"
        ],
        kept=[{"sha256": sha, **facts} for sha, facts in kept.items()],
        templates=[
            {"name": name, "label": text(f"template_{name}"), "text": asked}
            for info in scene.engines.values()
            for name, asked in info.templates.items()
        ],
        common=common(scene, ("steering", "variants", "seed")),
        own={key: words for key, words in text.words["page"].items() if key.startswith("own_")},
        text=text.texts(
            "brief", "more", "again", "again_writing", "lock", "unlock", "remove_weight", "dice", "new_seed"
        )
        | text.texts(
            "steering_off",
            "steering_full",
            "close",
            "engine",
            "keywords",
            "keyword_add",
            "keyword_hint",
            "keyword_must",
        )
        | text.texts("axes", "axis_add", "adapters", "adapter_add", "write_first", "template", "template_own")
        | text.texts(
            "template_name",
            "template_keep",
            "template_forget",
            "tokens",
            "template_text",
            "template_help",
            "template_rename",
            "template_about",
            "template_rewrites",
        ),
    )


def written_by(scene: Scene, model: Mapping[str, Any]) -> str:
    """The language model in a line: what it is called, how large it is, and where it is from."""
    text, count = scene.text, model["parameters"]
    unit, scale = ("billion", 1e9) if count >= 1e9 else ("million", 1e6)
    parts = [
        text("model_writes", name=text.template(model["title"])),
        text(f"model_{unit}", count=f"{count / scale:.3g}") if count else "",
        text(f"model_{model['origin']}") if model["origin"] else "",
    ]
    return " · ".join(part for part in parts if part)


def writer(scene: Scene, info: EngineInfo) -> Value:
    """A text engine: the controls that its options become, and the weights that it takes."""
    text = scene.text
    return {
        "name": info.name,
        "label": text.called("shelf", info.name),
        "summary": text.template(info.summary),
        "options": options(scene, info),
        "weights": {kind: {"low": low, "high": high} for kind, (low, high) in info.weights.items()},
        "axes": [
            {"name": name, "low": text.poles(name)[0], "high": text.poles(name)[1], "label": text.knob(f"axis:{name}")}
            for name in info.axes
        ],
    }


def common(scene: Scene, names: Sequence[str]) -> Value:
    """The controls of every brief, by name."""
    specs = {spec.name: control(spec) for spec in dataclasses.fields(Brief) if spec.name in names}
    text = scene.text
    return {
        name: {**facts, "label": text(f"field_{name}"), "help": text.template(facts["help"])}
        for name, facts in specs.items()
    }


def options(scene: Scene, info: EngineInfo) -> list[Value]:
    text = scene.text
    return [
        {
            **control(spec),
            "label": text.knob(spec.name),
            "help": text.template(spec.metadata["help"]),
            "names": {choice: text.choice(spec.name, choice) for choice in spec.metadata["choices"]},
        }
        for spec in dataclasses.fields(info.options)
    ]


def brief(
    scene: Scene,
    view: Mapping[str, Any],
    examples: Sequence[str],
    drawn: Sequence[str],
    kept: Mapping[str, Mapping[str, Any]],
) -> Value:
    """The form: what the next round would be asked, and everything there is to choose from. `kept` are the artist's own styles by
    digest: what each is called, and facts."""
    text = scene.text
    known = {
        f"sha256:{sha}": {"name": kept["name"], "width": kept["width"], "height": kept["height"]}
        for sha, kept in view["pictures"].items()
    }
    used = [name for past in view["rounds"] for name in past["brief"].get("styles", {}) if name in known]
    return scene.value(
        next=view["next"],
        pictures=known,
        own=list(dict.fromkeys(used)),
        kept=[{"ref": f"sha256:{sha}", **facts} for sha, facts in kept.items()],
        engines=[engine(scene, info, drawn) for info in scene.engines.values() if info.mode == "style" and info.styles],
        common=common(scene, [spec.name for spec in dataclasses.fields(Brief) if spec.metadata]),
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
        | text.texts("begins_with", "begin_afresh")
        | text.texts("close", "pixels", "undo", "redo", "eraser")
        | {key: words for key, words in text.words["page"].items() if key.startswith(("brush_", "learn_"))},
    )


def engine(scene: Scene, info: EngineInfo, drawn: Sequence[str]) -> Value:
    """A shelf: its styles, and the controls that its options become. Styles with a picture of their own are among `drawn`."""
    text = scene.text
    return {
        "name": info.name,
        "label": text.called("shelf", info.name),
        "summary": text.template(info.summary),
        "own": info.picture_styles,
        "files": bool(
            info.file_styles and not info.picture_styles
        ),  # a shelf of pictures takes its files by brief alone
        "brush": "style" in info.masks,
        "continues": info.continues,
        "sheet": info.name in sheets.ENGINES,
        "styles": [
            {
                "name": name,
                "label": text.style(name),
                "src": f"duet/asset/styles/{name}.jpg?side=160" if name in drawn else None,
            }
            for name in info.styles
        ],
        "options": options(scene, info),
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
        "beside": facts["beside"],
        "help": facts["help"],
    }
