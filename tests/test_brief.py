"""A brief is written and read back equal, leaves its defaults out, and is refused in words wherever it is wrong."""

from __future__ import annotations

import copy
import json
import math
import pickle
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from engines import fake, registry
from engines.api import Brief, BriefError, EngineError, UserError, check_options, option

REF = "sha256:" + "0123456789abcdef" * 4


def random_brief(rng: np.random.Generator, depth: int = 0) -> Brief:
    """Any brief that the contract allows, at the edges as often as not."""

    def some(value, default):
        return value if rng.random() < 0.6 else default

    names = rng.permutation(["ember", "moss", "tide", "chalk", "a style", "水墨", REF])[: rng.integers(0, 6)].tolist()
    weights = 10.0 ** rng.uniform(-12, 12, len(names))
    return Brief(
        mode=str(rng.choice(["style", "text", "image"])),
        engine=some("fake", ""),
        prompt=some('“quoted” \n\t\\ 山水 \u2028 " 🦊', ""),
        negative_prompt=some("blur", ""),
        content=some(REF, None),
        sketch=some(REF, None),
        masks=some({"edit": REF, "style:水墨": REF}, {}),
        styles=dict(zip(names, weights.tolist(), strict=True)),
        options=some({"strength": float(rng.random()), "steps": int(rng.integers(99)), "on": True, "how": "soft"}, {}),
        locks=some(("strength", "style:ember"), ()),
        steering=some(float(rng.choice([0, 1, rng.random()])), 1.0),
        variants=int(rng.integers(1, 5)),
        seed=int(rng.choice([0, 2**31 - 1, rng.integers(2**31)])),
        size=int(rng.choice([16, 2048, 512, rng.integers(16, 2048)])),
        then=random_brief(rng, depth + 1) if depth < 2 and rng.random() < 0.4 else None,
    )


@pytest.mark.parametrize("seed", range(60))
def test_round_trips_are_equality(seed):
    brief = random_brief(np.random.default_rng(seed))
    once = Brief.from_json(brief.to_json())
    assert once == brief
    assert hash(once) == hash(brief)
    assert once.to_json() == brief.to_json()
    assert Brief.from_dict(json.loads(json.dumps(brief.to_dict()))) == brief
    assert pickle.loads(pickle.dumps(brief)) == brief
    assert copy.deepcopy(brief) == brief


@pytest.mark.parametrize("seed", range(60))
def test_weights_are_normalised_once_and_keep_their_proportions(seed):
    rng = np.random.default_rng(seed)
    weights = {f"s{at}": float(10.0 ** rng.uniform(-9, 9)) for at in range(rng.integers(1, 9))}
    styles = Brief(styles=weights).styles
    assert math.fsum(styles.values()) == pytest.approx(1.0, abs=1e-9)
    assert list(styles) == sorted(weights)
    first = next(iter(weights))
    for name in weights:
        assert styles[name] / styles[first] == pytest.approx(weights[name] / weights[first], rel=1e-9)
    assert Brief(styles=styles).styles == styles


def test_the_order_of_keys_does_not_matter():
    assert Brief(styles={"b": 1, "a": 3}) == Brief(styles={"a": 0.75, "b": 0.25})
    assert Brief(styles={"b": 1, "a": 3}).to_json() == Brief(styles={"a": 3, "b": 1}).to_json()


def test_defaults_are_left_out():
    assert Brief().to_dict() == {"mode": "style"}
    full = json.loads(
        '{"mode": "style", "engine": "", "prompt": "", "negative_prompt": "", "content": null, "sketch": null, "masks": {},'
        '"styles": {}, "weights": {}, "options": {}, "locks": [], "steering": 1.0, "variants": 4, "seed": 0, "size": 512, "then": null}'
    )
    assert set(full) == {spec.name for spec in fields(Brief)}
    assert Brief.from_dict(full).to_dict() == {"mode": "style"}
    assert Brief(seed=7, then=Brief(size=64)).to_dict() == {
        "mode": "style",
        "seed": 7,
        "then": {"mode": "style", "size": 64},
    }


def test_options_at_their_defaults_are_left_out_once_an_engine_has_looked():
    fake.use()
    asked = Brief(engine="fake", styles={"ember": 1}, options={"strength": 0.8, "grain": 0.5})
    assert registry.check(asked).to_dict()["options"] == {"grain": 0.5}
    assert registry.check(registry.check(asked)) == registry.check(asked)


def test_null_means_not_given():
    assert Brief.from_dict({"masks": None, "styles": None, "options": None, "locks": None, "then": None}) == Brief()
    assert Brief.from_dict({"masks": {"edit": None}}) == Brief()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"colour": 1}, ["colour", "styles"]),
        ({"then": {"colour": 1}}, ["colour"]),
        ({"mode": "song"}, ["mode", "song", "style, text, image"]),
        ({"mode": ["style"]}, ["mode"]),
        ({"prompt": 5}, ["prompt", "5", "text"]),
        ({"engine": None}, ["engine", "text"]),
        ({"engine": "x" * 201}, ["engine", "201", "200"]),
        ({"prompt": "x" * 2_000_001}, ["prompt", "2000001", "2000000"]),
        ({"negative_prompt": "x" * 2_000_001}, ["negative_prompt", "2000001"]),
        ({"prompt": "\ud83e"}, ["prompt", "half of a character"]),
        ({"negative_prompt": "a\udd8ab"}, ["negative_prompt", "half of a character"]),
        ({"engine": "\ud800"}, ["engine", "half of a character"]),
        ({"styles": {"\ud800": 1}}, ["styles.", "half of a character"]),
        ({"styles": {"x" * 201: 1}}, ["styles.x", "201"]),
        ({"masks": {"\ud800": None}}, ["masks.", "half of a character"]),
        ({"options": {"\ud800": 1}}, ["options.", "half of a character"]),
        ({"options": {"x" * 201: 1}}, ["options.x", "201"]),
        ({"locks": ["\ud800"]}, ["locks", "half of a character"]),
        ({"locks": ["x" * 201]}, ["locks", "201"]),
        ({"then": {"prompt": "\ud800"}}, ["prompt", "half of a character"]),
        ({"\ud800": 1}, ["Unknown key"]),
        ({"mode": "\ud800"}, ["mode"]),
        ({"content": "photo.jpg"}, ["content", "photo.jpg", "sha256"]),
        ({"content": REF.upper()}, ["content"]),
        ({"sketch": REF + "0"}, ["sketch"]),
        ({"masks": {"edit": "x.png"}}, ["masks.edit", "x.png"]),
        ({"masks": []}, ["masks", "table"]),
        ({"styles": "ember"}, ["styles", "table"]),
        ({"styles": {"ember": "1"}}, ["styles.ember", "'1'", "number"]),
        ({"styles": {"ember": True}}, ["styles.ember"]),
        ({"styles": {"ember": None}}, ["styles.ember"]),
        ({"styles": {"ember": -0.1}}, ["styles.ember", "-0.1", "from 0"]),
        ({"styles": {"ember": math.nan, "tide": 1}}, ["styles.ember", "nan"]),
        ({"styles": {"ember": math.inf}}, ["styles.ember", "inf"]),
        ({"styles": {"ember": 0, "tide": 0.0}}, ["All style weights are 0", "ember, tide"]),
        ({"styles": {"ember": 1e308, "tide": 1e308}}, ["styles.ember", "1e+308", "1e+100"]),
        ({"options": 4}, ["options"]),
        ({"locks": "strength"}, ["locks", "list"]),
        ({"locks": [1]}, ["locks", "list"]),
        ({"locks": {"a": 1}}, ["locks", "list"]),
        ({"steering": 1.01}, ["steering", "1.01", "0", "1"]),
        ({"steering": math.nan}, ["steering"]),
        ({"steering": "1"}, ["steering"]),
        ({"variants": 0}, ["variants", "1", "16"]),
        ({"variants": 2.5}, ["variants", "whole"]),
        ({"variants": True}, ["variants"]),
        ({"seed": -1}, ["seed"]),
        ({"seed": 2**31}, ["seed", str(2**31)]),
        ({"seed": 10**400}, ["seed"]),
        ({"styles": {"ember": 10**400}}, ["styles.ember"]),
        ({"size": 15}, ["size", "16", "2048"]),
        ({"size": 4096}, ["size", "2048"]),
        ({"then": 5}, ["5", "JSON object"]),
        ([], ["JSON object"]),
        (None, ["JSON object"]),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_named_with_its_value_and_what_is_allowed(data, words):
    with pytest.raises(BriefError) as error:
        Brief.from_dict(data)
    for word in words:
        assert word in str(error.value)
    assert str(error.value).encode()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "{", '{"seed": NaN}', '{"seed": Infinity}', "[" * 10**6, "\x00", '{"seed": 1e999}']
)
def test_text_that_is_no_brief(text):
    with pytest.raises(BriefError):
        Brief.from_json(text)


def test_a_whole_float_is_a_whole_number():
    assert Brief(seed=7.0, size=64.0) == Brief(seed=7, size=64)
    assert isinstance(Brief(seed=7.0).seed, int)


def test_a_brief_is_frozen_through_and_through():
    brief = Brief(styles={"ember": 1}, options={"strength": 0.5})
    with pytest.raises(AttributeError):
        brief.seed = 5  # type: ignore[misc]
    for table in (brief.styles, brief.options, brief.masks):
        with pytest.raises(TypeError):
            table["x"] = 1  # type: ignore[index]


def test_apply_sets_knobs_and_nothing_else():
    brief = Brief(styles={"ember": 1}, options={"grain": 0.2}, seed=9, locks=("grain",), prompt="fox")
    applied = brief.apply({"strength": 0.3, "style:moss": 0.25, "style:ember": 0.75})
    assert applied == replace(brief, styles={"ember": 0.75, "moss": 0.25}, options={"grain": 0.2, "strength": 0.3})
    assert brief.apply({"strength": 0.3}).styles == brief.styles
    assert brief.apply({}) == brief


def test_every_picture_is_named_wherever_it_is():
    refs = ["sha256:" + letter * 64 for letter in "abcde"]
    brief = Brief(
        content=refs[0],
        masks={"edit": refs[1]},
        styles={refs[2]: 1, "ember": 1},
        then=Brief(sketch=refs[3], then=Brief(styles={refs[4]: 1})),
    )
    assert brief.files() == set(refs)


def test_errors_survive_the_way_to_another_process():
    error = EngineError("{key} is {value!r}.", "Mend {key}.", key="size", value=5)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (EngineError, "size is 5. Mend size.")
    assert isinstance(again, UserError)


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, ["x"] * 10**5, {"a": "x" * 10**6}, 10**5000, "\ud800", ["\ud800"]],
    ids=lambda value: str(type(value)),
)
def test_a_long_value_is_shortened_where_it_is_told(value):
    for data in ({"prompt": [value]}, {"mode": value}, {"seed": value}, {"content": value}, {"styles": value}):
        with pytest.raises(BriefError) as error:
            Brief.from_dict(data)
        assert len(str(error.value).encode()) < 1500


def test_what_is_nested_without_end_is_told_too():
    deep: list = []
    for _ in range(10**5):
        deep = [deep]
    assert str(BriefError("{key} is {value!r}.", key="prompt", value=deep)) == "prompt is …."


def test_a_list_of_what_is_allowed_is_told_whole():
    names = [f"style-{number}" for number in range(100)]
    assert str(BriefError("Known: {allowed}.", allowed=", ".join(names))).endswith("style-99.")


def test_a_prompt_at_the_limit_is_taken():
    whole = "🦊" * 10_000
    assert Brief.from_json(Brief(prompt=whole, negative_prompt=whole).to_json()).prompt == whole


@dataclass(frozen=True)
class Wordy:
    words: str = option("", help="Anything.")


def test_an_option_of_text_has_a_limit_too():
    assert check_options(Wordy, {"words": "x" * 20_000})
    for wrong in ("x" * 20_001, "\ud800"):
        with pytest.raises(BriefError, match=r"options\.words"):
            check_options(Wordy, {"words": wrong})


def levels(count: int) -> dict:
    data: dict = {}
    for _ in range(count):
        data = {"then": data}
    return data


@pytest.mark.parametrize("text", ["cannot parse {'a': 1}", "{0}", "a { b", "{}", "{a.b}", "{a[b]}", "{a:d}"])
def test_braces_of_its_own_are_no_harm_to_an_error(text):
    assert str(EngineError(text, "Choose {a}.", a="x")) == f"{text} Choose x."


def test_what_follows_goes_eight_levels_deep():
    brief = Brief.from_json(json.dumps(levels(8)))
    assert Brief.from_json(brief.to_json()) == brief
    for wrong in (lambda: Brief.from_dict(levels(9)), lambda: Brief.from_dict(levels(2000)), lambda: Brief(then=brief)):
        with pytest.raises(BriefError, match="8 levels of 'then'"):
            wrong()


@pytest.mark.parametrize("count", [9, 199, 2000, 100_000])
def test_text_that_is_nested_too_deeply_is_told_alike(count):
    with pytest.raises(BriefError, match="8 levels of 'then'"):
        Brief.from_json('{"then": ' * count + "{}" + "}" * count)
