"""The library of outlines, the search in it, and the drawings that are laid out of it."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from engines import embed, store
from engines.errors import EngineError
from engines.image import drawing, kinds, layout, outlines, search, tracing, words
from engines.image.drawing import Drawing, Piece

library = pytest.mark.models


@pytest.fixture
def fetched():
    store.ensure(["outlines", "minilm-l6-v2"])


def found(text: str) -> list[list[str]]:
    return [[each.name.rpartition("/")[2] for each in search.find(thing)] for thing in words.asked(text).things]


def laid(text: str, number: int = 0, **more: float) -> tuple[words.Asked, Drawing]:
    asked = layout.limited(words.asked(text))
    return asked, layout.drawing(asked, [search.find(thing) for thing in asked.things], number, **more)


# ── The library ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_signs_of_the_screen_are_no_things():
    given = [
        "material/cat",
        "material/cat-off",
        "material/arrow-up",
        "material/home-outline",
        "material/apple-ios",
        "material/h",
    ]
    assert outlines.shown([*given, "material/numeric-2", "fontawesome/solid/mill-sign"]) == ["material/cat"]
    assert outlines.shown(["material/shield-lock"]) == [
        "material/shield-lock"
    ]  # there is no plain one that it is a sign on


@library
def test_every_name_of_the_index_is_an_outline_that_can_be_drawn(fetched):
    names = outlines.names()
    assert search.index().names == names
    assert len(names) > 4000
    for name in names[:: len(names) // 60]:
        found = outlines.outline(name)
        points = np.concatenate(found.lines)
        assert points.min() >= -1e-6
        assert max(found.width, found.height) == pytest.approx(1)
        assert np.allclose(points.max(0), (found.width, found.height), atol=1e-5)


@library
def test_the_index_is_what_the_sentence_encoder_says(fetched):
    index = search.index()
    picked = [0, 700, 2500, len(index.names) - 1]
    said = embed.shared.embed([" ".join(outlines.words(index.names[at])) for at in picked])
    assert (index.vectors[picked] * said).sum(1).min() > 0.995


@library
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("a puppy", "dog"),  # a kind of dog
        ("a trout", "fish"),
        ("goldfish", "fish"),  # of two words
        ("an armchair", "chair"),
        ("acoustic guitars", "guitar"),
        ("a teapot", "teapot"),
        ("一只狐狸", "fox"),
        ("大象", "elephant"),
    ],
)
def test_words_find_outlines(text, first, fetched):
    (names,) = found(text)
    assert any(part in names[0] for part in (first,)), names


@library
def test_what_is_not_known_is_said_with_what_comes_near(fetched):
    (thing,) = words.asked("xyzzy").things
    assert search.find(thing) == []
    near = search.near(words.asked("a skyscraping minaret").things[0])
    assert len(near) == 4
    assert all(near)


def test_kinds_lead_to_things():
    table = kinds.table()
    assert table["puppy"] == ("dog", 1)
    assert table["airliner"][0] == "airplane"
    assert len(table) > 10_000


# ── Layout ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def boxes(made: Drawing, said: str) -> list[drawing.Box]:
    return [piece.box for piece in made.pieces if piece.words == said]


@library
@pytest.mark.parametrize("number", range(4))
def test_things_stand_as_they_were_said_to(number, fetched):
    _, made = laid("a red house on a hill, with two trees and a golden sun", number)
    (house,), (hill,), (sun,) = boxes(made, "red house"), boxes(made, "hill"), boxes(made, "golden sun")
    trees = boxes(made, "tree")
    assert len(trees) == 2
    for each in (house, *trees):
        assert each[1] + each[3] < hill[1] + hill[3] - 0.3 * hill[3]  # their feet stand high on the hill
        assert hill[0] - 0.02 <= each[0] + each[2] / 2 <= hill[0] + hill[2] + 0.02
    assert sun[1] + sun[3] < hill[1]  # the sun hangs above
    for left, top, width, height in (house, hill, sun, *trees):
        assert min(left, top) >= 0
        assert max(left + width, top + height) <= 1


@library
@pytest.mark.parametrize(
    ("relation", "holds"),
    [
        ("under", lambda a, b: a[1] >= b[1] + b[3] - 0.02),
        ("over", lambda a, b: a[1] + a[3] <= b[1] + 0.02),
        ("left of", lambda a, b: a[0] + a[2] <= b[0] + 0.02),
        ("right of", lambda a, b: a[0] >= b[0] + b[2] - 0.02),
        ("next to", lambda a, b: a[0] >= b[0] + b[2] - 0.02 or a[0] + a[2] <= b[0] + 0.02),
    ],
)
def test_relations(relation, holds, fetched):
    for number in range(4):
        _, made = laid(f"a fox {relation} a chair", number)
        (fox,), (chair,) = boxes(made, "fox"), boxes(made, "chair")
        assert holds(fox, chair), (relation, number)


@library
def test_the_same_words_give_the_same_drawing_and_numbers_differ(fetched):
    _, one = laid("a cat on a sofa", 0)
    assert laid("a cat on a sofa", 0)[1].to_json() == one.to_json()
    assert len({laid("a cat on a sofa", number)[1].to_json() for number in range(4)}) == 4
    _, strayed = laid("a cat on a sofa", 0, jitter=1.0, seed=1)
    assert strayed.to_json() != one.to_json()
    assert strayed.to_json() != laid("a cat on a sofa", 0, jitter=1.0, seed=2)[1].to_json()


@library
def test_a_crowd_is_thinned_out(fetched):
    asked, made = laid("six cats, six dogs, six birds and six fish")
    assert len(made.pieces) == layout.MOST_PIECES
    assert {piece.words for piece in made.pieces} == {"cat", "dog", "bird", "fish"}
    assert all(thing.count >= 3 for thing in asked.things)


# ── Drawings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def circle(x: float = 0.5, y: float = 0.5, radius: float = 0.3, steps: int = 40) -> drawing.Points:
    turn = np.linspace(0, 2 * math.pi, steps)
    return np.stack((x + radius * np.cos(turn), y + radius * np.sin(turn)), 1).astype(np.float32)


def test_drawings_travel_in_their_pictures():
    made = Drawing((Piece("红球", (circle(),)), Piece("", (circle(radius=0.1), circle(0.2, 0.2, 0.05)))), aspect=1.5)
    file = drawing.to_png(made)
    back = drawing.read_png(file)
    assert back is not None
    assert back.to_json() == made.to_json()
    picture = Image.open(io.BytesIO(file))
    assert picture.size == (1024, 683)
    assert (np.asarray(picture) < 128).mean() > 0.005
    plain = io.BytesIO()
    Image.new("L", (20, 20)).save(plain, "PNG")
    assert drawing.read_png(plain.getvalue()) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"things": 3}',
        '{"things": [{"lines": [[1, 2, 3]]}]}',
        '{"things": [{"lines": [["a", "b"]]}]}',
        '{"things": [{"lines": [[NaN, 0]]}]}',
        '{"things": [{"lines": [[1e9, 0]]}]}',
        '{"things": [], "aspect": 99}',
        '{"things": [], "aspect": "wide"}',
        json.dumps({"things": [{"lines": []}] * 65}),
        json.dumps({"things": [{"lines": [[0, 0]] * 2001}]}),
        "[" * 2000 + "]" * 2000,
    ],
)
def test_what_is_no_drawing_is_refused(text):
    with pytest.raises(EngineError, match="drawing"):
        Drawing.from_json(text)


def test_what_reaches_far_out_costs_no_more_memory_than_the_drawing():
    far = Drawing.from_json('{"things": [{"lines": [[-9, -9, 9, 9]]}], "aspect": 2.0}')
    left, top, width, height = far.pieces[0].box
    assert (left, top, left + width, top + height) == (-0.5, -0.25, 1.5, 0.75)
    assert drawing.inked(far.pieces[0].lines, (5000, 5000), drawing.square_of(far.pieces[0].box)).shape == (5000, 5000)


def test_lines_are_as_dark_and_as_wide_as_asked():
    ink = drawing.inked([circle()], (128, 128), (0, 0, 1, 1))
    assert ink.max() == 1
    across = ink[64]
    assert across[:60].sum() == pytest.approx(128 * drawing.INK, abs=0.7)
    part = drawing.inked([circle()], (128, 128), (0.5, 0.5, 0.5, 0.5))
    assert part[2, 75:79].max() > 0.9 or part[:, 2].max() > 0.9  # the quarter goes on at the border


def test_contours_are_traced_without_what_lies_beneath():
    svg = (
        '<svg viewBox="0 0 32 32"><path fill="#f00" d="M4 4h24v24h-24z"/><path fill="#00f" d="M10 10h12v12h-12z"/>'
        '<path fill="#f00" d="M12 25h8v1h-8z"/></svg>'
    )
    made = tracing.traced(svg)
    points = np.concatenate(made) * 32
    assert points.min() == pytest.approx(4, abs=0.3)
    inner = points[(points > 9).all(1) & (points < 23).all(1)]
    assert len(inner) >= 4  # the square inside is a line of its own
    assert not ((points[:, 1] > 24.5) & (points[:, 1] < 26.5)).any()  # red on red is not seen
    table = tracing.packed({"a": made, "b": made[:1]})
    assert table["counts"].tolist() == [len(made), 1]
    assert table["points"].max() == 255
    assert table["lengths"].sum() == len(table["points"])


def test_simplified_lines_stay_close():
    line = circle(steps=400)
    few = tracing.simplified(line * 256, 0.45) / 256
    assert len(few) < 60
    distance = np.abs(np.linalg.norm(few - 0.5, axis=1) - 0.3).max()
    assert distance < 1 / 256
