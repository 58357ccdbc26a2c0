"""Words taken apart: things, colours, numbers, sizes, and where they stand. In English and Chinese."""

from __future__ import annotations

import pytest

from engines.image import names, words


def said(text: str) -> list[str]:
    return [thing.words for thing in words.asked(text).things]


@pytest.mark.parametrize(
    ("text", "things", "relations"),
    [
        ("a red house on the moon, with two trees", ["red house", "moon", "tree"], [(0, "on", 1), (0, "beside", 2)]),
        ("a fish under the boat", ["fish", "boat"], [(0, "under", 1)]),
        ("the clock above a fireplace", ["clock", "fireplace"], [(0, "over", 1)]),
        ("a tree to the left of a house", ["tree", "house"], [(0, "left", 1)]),
        ("a snowman in front of a house", ["snowman", "house"], [(0, "before", 1)]),
        ("a robot playing chess", ["robot", "chess"], [(0, "beside", 1)]),
        ("a fox riding a bicycle", ["fox", "bicycle"], [(0, "on", 1)]),
        ("a rocket flying between the stars", ["rocket", "star"], [(0, "beside", 1)]),
        ("月亮上的红房子和两棵树", ["moon", "red house", "tree"], [(1, "on", 0), (0, "beside", 2)]),
        ("一只黑色的猫在沙发上", ["black cat", "sofa"], [(0, "on", 1)]),
        ("桥下的小船", ["bridge", "boat"], [(1, "under", 0)]),
    ],
)
def test_things_and_how_they_stand(text, things, relations):
    assert said(text) == things
    assert list(words.asked(text).relations) == relations


def test_numbers_sizes_and_colours():
    tree, house, cat, ball = words.asked("three big green trees, a tiny house, the black cats and a golden ball").things
    assert (tree.count, tree.size, tree.colours) == (3, 1.4, ("green",))
    assert (house.count, house.size) == (1, 0.45)
    assert (cat.count, cat.colours) == (2, ("black",))  # a plural without a number is two
    assert ball.colours == ("golden",)
    (trees,) = words.asked("三棵大树").things
    assert trees.count == 3
    assert words.asked("seven hundred birds").things[0].count <= words.MOST_OF_ONE


def test_what_is_a_colour_and_what_a_thing():
    assert said("an orange") == ["orange"]
    assert words.asked("an orange").things[0].colours == ()
    assert words.asked("an orange cat").things[0].colours == ("orange",)
    assert words.asked("an ice cream").things[0].colours == ()
    assert words.asked("a gray stone").things[0].colours == ("grey",)
    assert words.asked("红色的花").things[0].colours == ("red",)


def test_verbs_and_small_words_are_no_things():
    assert said("there is a dog that was sleeping under the table") == ["dog", "table"]
    assert said("a picture of a running horse") == ["running horse"]
    assert said("running shoes") == ["running shoe"]


@pytest.mark.parametrize("text", ["", "   ", ",,;", "the of a an", "。，", "🙂", "\u202e", "12345"])
def test_nothing_is_nothing(text):
    assert words.asked(text).things == ()


def test_very_long_words_are_read_in_time_and_cut():
    asked = words.asked(" and ".join(["a red house", "two trees"] * 1000))
    assert len(asked.things) == words.MOST_THINGS
    assert asked.left_out == 2000 - words.MOST_THINGS
    assert all(0 <= which < len(asked.things) and 0 <= to < len(asked.things) for which, _, to in asked.relations)


def test_names_know_kinds_and_sizes():
    table = {name.name: name for name in names.table()}
    assert len(table) > 1000
    assert table["elephant"].size > table["dog"].size > table["ant"].size
    assert table["sun"].flies
    assert not table["house"].flies
    assert names.english()["kitten"][0][0].name.endswith("cat face") or "cat" in names.english()["kitten"][0][0].name
    assert names.chinese()["大象"][0].name == "elephant"
