"""Engines by name: unknown ones list the known, a brief without one finds its engine, locks and spaces follow the brief."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from engines import registry
from engines.api import STEERABLE_STYLES, Brief, BriefError, EngineInfo, option

REF = "sha256:" + "a" * 64


@dataclass(frozen=True)
class Options:
    strength: float = option(0.5, low=0, high=1, step=0.1, knob=True)
    finish: str = option("matt", choices=("matt", "gloss"), knob=True)
    steps: int = option(5, low=1, high=9, step=1)


NAMES = tuple("abcdefgh")
BANK = EngineInfo(
    name="bank",
    mode="style",
    version="1",
    summary="",
    options=Options,
    styles=NAMES,
    needs=("styles",),
    masks=("style",),
)
CODES = EngineInfo(
    name="codes",
    mode="style",
    version="1",
    summary="",
    styles=("drawn",),
    picture_styles=True,
    needs=("content", "styles"),
)
WORDS = EngineInfo(name="words", mode="text", version="1", summary="", needs=("prompt",), random=True)


@pytest.fixture(autouse=True)
def made(monkeypatch) -> list[str]:
    """Only these engines; the names of those that were built."""
    built: list[str] = []
    monkeypatch.setattr(registry, "BUILT_IN", ())
    monkeypatch.setattr(registry, "_import_built_in", lambda: None)
    monkeypatch.setattr(registry, "_factories", {})
    monkeypatch.setattr(registry, "_loaded", {})

    class Built:
        def __init__(self, info: EngineInfo) -> None:
            self.info = info
            built.append(info.name)

    for info in (BANK, CODES, WORDS):
        registry.register(info, lambda info=info: Built(info))
    return built


def test_an_engine_is_made_on_first_use_and_once(made):
    assert list(registry.infos()) == ["bank", "codes", "words"]
    assert made == []
    assert registry.load("codes") is registry.load("codes")
    assert made == ["codes"]


def test_unknown_engines_list_the_known():
    for call in (registry.info, registry.load):
        with pytest.raises(BriefError, match=r"'bnk'.*bank, codes, words"):
            call("bnk")


def test_a_name_is_taken_once():
    registry.register(BANK, lambda: None)  # the same again is no harm
    with pytest.raises(ValueError, match="bank"):
        registry.register(replace(BANK, version="2"), lambda: None)


@pytest.mark.parametrize(
    ("brief", "engine"),
    [
        (Brief(styles={"a": 1}), "bank"),
        (Brief(styles={"drawn": 1}, content=REF), "codes"),
        (Brief(styles={REF: 1}, content=REF), "codes"),
        (Brief(styles={REF: 1, "drawn": 1}, content=REF), "codes"),
        (Brief(mode="text", prompt="a fox"), "words"),
    ],
)
def test_a_brief_without_an_engine_finds_the_one_that_takes_its_styles(brief, engine):
    assert registry.check(brief).engine == engine


@pytest.mark.parametrize(
    ("brief", "words"),
    [
        (Brief(styles={"a": 1, REF: 1}), ["No engine takes all of these", "not both"]),
        (Brief(styles={"zz": 1}), ["zz", "a, b", "drawn", "or a picture"]),
        (Brief(mode="image"), ["image", "style, text"]),
        (Brief(engine="bank", styles={"drawn": 1}), ["drawn", "bank", "a, b"]),
        (Brief(engine="bank", mode="text"), ["bank", "style mode", "text mode"]),
        (Brief(engine="codes", styles={"drawn": 1}), ["content", "codes"]),
        (Brief(mode="text"), ["prompt", "words"]),
        (Brief(styles={"a": 1}, options={"shine": 1}), ["shine", "strength, finish, steps"]),
        (Brief(styles={"a": 1}, options={"strength": 2}), ["options.strength", "2", "from 0 to 1"]),
        (Brief(styles={"a": 1}, options={"finish": "wet"}), ["options.finish", "wet", "matt, gloss"]),
        (Brief(styles={"a": 1}, options={"finish": ["matt"]}), ["options.finish"]),
        (Brief(styles={"a": 1}, options={"steps": 2.5}), ["options.steps", "whole"]),
        (Brief(styles={"a": 1}, masks={"style:b": REF}), ["style:b", "style:a"]),
        (Brief(styles={"a": 1}, masks={"edit": REF}), ["edit", "style:a"]),
        (Brief(styles={"a": 1}, locks=("steps",)), ["steps", "strength, finish, style:a"]),
        (Brief(styles={"a": 1}, locks=("style:b",)), ["style:b", "style:a"]),
        (Brief(styles={"a": 1}, then=Brief(styles={"a": 1}, content=REF)), ["then.content", "works on the result"]),
        (Brief(styles={"a": 1}, then=Brief(styles={"zz": 1})), ["zz"]),
    ],
    ids=lambda value: "",
)
def test_what_is_wrong_is_named_with_what_is_allowed(brief, words):
    with pytest.raises(BriefError) as error:
        registry.check(brief)
    for word in words:
        assert word in str(error.value)


def test_what_follows_is_checked_as_if_the_result_were_there():
    checked = registry.check(Brief(styles={"a": 1}, then=Brief(styles={"drawn": 1}, then=Brief(styles={"b": 1}))))
    assert (checked.then.engine, checked.then.content, checked.then.then.engine) == ("codes", None, "bank")
    assert registry.check(checked) == checked


def test_the_space_is_what_is_free():
    brief = registry.check(Brief(styles={"a": 0.5, "b": 0.3, "c": 0.2}, locks=("finish", "style:b")))
    space = BANK.space(brief)
    assert [knob.name for knob in space.knobs] == ["strength", "style:a", "style:c"]
    assert space.fixed == {"finish": "matt", "style:b": 0.3}
    assert space.yours == {"strength": 0.5, "finish": "matt", "style:a": 0.5, "style:b": 0.3, "style:c": 0.2}


def test_a_style_alone_cannot_move_and_of_many_the_heaviest_do():
    assert "style:a" in BANK.space(registry.check(Brief(styles={"a": 1}))).fixed
    two = registry.check(Brief(styles={"a": 1, "b": 1}, locks=("style:a",)))
    assert "style:b" in BANK.space(two).fixed
    many = registry.check(Brief(styles={name: 1 + at for at, name in enumerate(NAMES)}))
    moving = [knob.name for knob in BANK.space(many).knobs if knob.kind == "simplex"]
    assert sorted(moving) == [f"style:{name}" for name in NAMES[-STEERABLE_STYLES:]]
    assert sum(value for name, value in BANK.space(many).yours.items() if name.startswith("style:")) == pytest.approx(1)


def test_the_knob_of_an_option_starts_where_the_brief_sets_it():
    brief = registry.check(Brief(styles={"a": 1}, options={"strength": 0.9, "finish": "gloss"}))
    assert {knob.name: knob.value for knob in BANK.knobs(brief)} == {"strength": 0.9, "finish": "gloss", "style:a": 1.0}
