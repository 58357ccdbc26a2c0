"""Axes: directions along which a model's texts change, found from examples of their poles."""

import pytest
import torch

from engines import registry, store
from engines.api import Brief, BriefError, EngineError, Result, Setting
from engines.text import AXES
from engines.text.axes import built_in, define_axis, held, read_axis

BRIGHT = ["We laughed all the way home.", "What a glorious morning it was!", "The children danced in the sun."]
DARK = ["Nobody came to the grave.", "He wept until the lamp went out.", "All that was left was rain."]


def test_the_axes_that_come_along_are_those_that_the_engine_names():
    assert tuple(built_in()) == AXES
    assert all(len(set(axis.positive)) == len(set(axis.negative)) >= 8 for axis in built_in().values())
    with pytest.raises(BriefError, match="joyful"):
        registry.check(Brief(mode="text", prompt="Hm.", weights={"axis:sour": 0.5}))


def test_an_axis_of_ones_own_travels_as_a_file():
    data = define_axis(BRIGHT, DARK, "mine", ("dark", "bright"))
    assert read_axis(data).positive == tuple(BRIGHT)
    assert data == define_axis(BRIGHT, DARK, "mine", ("dark", "bright"))


@pytest.mark.parametrize(
    ("positive", "negative", "told"),
    [
        (BRIGHT[:1], DARK, "examples of each pole"),
        (["a", "a ", " a"], DARK, "examples of each pole"),
        (BRIGHT, [*DARK, BRIGHT[0]], "both poles"),
        (BRIGHT, [*DARK, "x" * 5000], "5000 characters"),
    ],
)
def test_examples_that_make_no_axis_are_told_in_words(positive, negative, told):
    with pytest.raises(EngineError, match=told):
        define_axis(positive, negative)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"name": 1}', b"\xff", b'{"name":"a","poles":["",""],"positive":1,"negative":2}']
)
def test_a_file_that_is_no_axis_is_refused(data):
    with pytest.raises(EngineError):
        read_axis(data)


@pytest.mark.parametrize("strengths", [[1.0], [0.3, -0.2], [1.0, 1.0, -1.0], [0.9] * 6])
def test_many_axes_together_push_no_farther_than_one(strengths):
    assert sum((held(strengths) * each) ** 2 for each in strengths) <= 1 + 1e-9


@pytest.mark.models
def test_an_axis_of_the_real_model_moves_its_texts_and_none_moves_nothing(home):
    store.ensure(["smollm2-135m-instruct"])
    info, engine = registry.info("writer"), registry.load("writer")

    def written(weights):
        options = {"length": 8, "decoding": "greedy", "trim": False}
        brief = registry.check(
            Brief(mode="text", prompt="The day began and", weights=weights, options=options, variants=1)
        )
        events = engine.run(brief, [Setting(info.space(brief).yours, 0)], None, lambda: False)
        return next(event.text for event in events if isinstance(event, Result))

    assert written({"axis:joyful": 0.0}) == written({})
    assert len({written({"axis:joyful": each}) for each in (-1.0, 0.0, 1.0)}) == 3
    push = engine._found(engine.model()).push({built_in()["joyful"]: 1.0})
    assert torch.isfinite(push).all()
    assert push.abs().sum() > 0
