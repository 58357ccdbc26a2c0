"""What the page is told of breeding: where parents come from, what they give in words, and what a knob does."""

from __future__ import annotations

import pytest
from test_breeding import brief, file, files  # noqa: F401

from engines import registry
from studio import locales, sheets
from studio.events import StudioError
from studio.render.easel import born, breeds

CHILD, OTHER, GAN = (letter * 64 for letter in "abc")


def past(number, sha, **asked):
    return {
        "round": number,
        "brief": {"mode": "image", "engine": "gan", **asked},
        "variants": [{"index": 3, "sha256": sha}],
    }


def test_parents_are_told_by_where_they_were_made_and_others_are_not():
    gan, bred = {f"sha256:{GAN}": 1.0}, {f"coarse:sha256:{CHILD}": 0.5, "fine:sha256:" + "d" * 64: 0.5}
    view = {"next": None, "rounds": [past(0, CHILD, styles=gan), past(1, OTHER, styles=gan, weights=bred)]}
    assert born(view) == {f"sha256:{CHILD}": {"round": 0, "number": 4, "world": f"sha256:{GAN}"}}
    view["next"] = {"mode": "image", "engine": "faces", "weights": {f"parent:sha256:{OTHER}": 1.0}}
    assert set(born(view)) == {f"sha256:{CHILD}", f"sha256:{OTHER}"}


def test_engines_that_take_parents_breed():
    infos = registry.infos()
    assert [name for name in ("painter", "faces", "gan", "style-bank") if breeds(infos[name])] == ["faces", "gan"]
    assert not breeds(None)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_parent_gives_and_a_direction_have_names(language):
    text = locales.table(language, {f"sha256:{CHILD}": "2·7", "way_3": "smile"})
    told = {text.knob(f"{kind}:sha256:{CHILD}") for kind in ("coarse", "middle", "fine", "parent")}
    assert len(told) == 4
    assert all("2·7" in each for each in told)
    assert text.knob("way_3") == text.spoken("way_3") == "smile"
    assert text.knob("way_4") != "way_4"


def test_pictures_along_a_knob_differ_and_others_are_refused(files):  # noqa: F811
    values, painted = sheets.along(brief(), "way_1", files)
    assert values == pytest.approx([-2, -1, 0, 1, 2])
    assert len(set(painted)) == len(values)
    assert all(each.startswith(b"\xff\xd8") for each in painted)
    for name in ("way_99", "truncation", "style:x"):
        with pytest.raises(StudioError, match="no knob"):
            sheets.along(brief(), name, files)
