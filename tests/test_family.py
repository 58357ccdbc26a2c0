"""Where a picture comes from, and what directions are called."""

from __future__ import annotations

import pytest

from engines.api import Brief
from studio import archive, bred
from studio.blobs import Blobs
from studio.events import Made, Place, Proposal, Proposed, StudioError, Uploaded, Variant
from studio.family import family, world_of
from studio.session import Studio
from studio.state import fold


def sha(letter):
    return letter * 64


def ref(letter, kind="parent"):
    return f"{kind}:sha256:{sha(letter)}"


def a_round(number, letters, weights=(), parent=None):
    brief = Brief(mode="image", engine="faces", weights=dict(weights))
    proposals = [Proposal(role="yours", knobs={}, seed=at, reason=[]) for at, _ in enumerate(letters)]
    yield Proposed(round=number, parent=parent, brief=brief, proposals=proposals)
    for at, letter in enumerate(letters):
        knobs = dict(weights)
        yield Made(
            round=number,
            variant=Variant(index=at, sha256=sha(letter), role="yours", reason=[], knobs=knobs, seed=at, seconds=0.0),
        )


@pytest.fixture
def studio(tmp_path):
    made = Studio(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def state():
    events = [
        Uploaded(sha256=sha("f"), name="me.jpg", width=9, height=9),
        *a_round(0, "ab"),
        *a_round(1, "cd", {ref("a"): 0.75, ref("f"): 0.25}),
        *a_round(2, "e", {ref("c"): 1.0}),
        *a_round(3, "0", parent=Place(round=2, variant=0)),
        *a_round(4, "1", {ref("9"): 1.0}),
    ]
    return fold(dict(enumerate(events)))


def test_ancestors_lie_above_and_children_below(state):
    found = family(state, Place(round=2, variant=0))
    assert {who: about["generation"] for who, about in found["people"].items()} == {
        sha("e"): 0,
        sha("c"): -1,
        sha("a"): -2,
        sha("f"): -2,
        sha("0"): 1,
    }
    assert found["people"][sha("f")]["name"] == "me.jpg"
    assert found["people"][sha("c")] == {"generation": -1, "round": 1, "variant": 0, "role": "yours"}
    lines = {(line["from"], line["to"]): line for line in found["lines"]}
    assert lines[sha("a"), sha("c")]["shares"] == {"parent": 0.75}
    assert lines[sha("e"), sha("0")]["kind"] == "picked"
    assert len(lines) == 4


def test_all_children_are_there_and_what_is_gone_is_left_out(state):
    assert {
        who for who, about in family(state, Place(round=0, variant=0))["people"].items() if about["generation"] == 1
    } == {
        sha("c"),
        sha("d"),
    }
    assert set(family(state, Place(round=4, variant=0))["people"]) == {sha("1")}
    with pytest.raises(StudioError):
        family(state, Place(round=9, variant=0))


def test_a_long_line_is_cut():
    letters = [f"{at:02d}" for at in range(40)]
    events = []
    for at, each in enumerate(letters):
        weights = {f"parent:sha256:{letters[at - 1] * 32}": 1.0} if at else {}
        brief = Brief(mode="image", engine="faces", weights=weights)
        proposal = Proposal(role="yours", knobs={}, seed=0, reason=[])
        made = Variant(index=0, sha256=each * 32, role="yours", reason=[], knobs={}, seed=0, seconds=0.0)
        events += [Proposed(round=at, parent=None, brief=brief, proposals=[proposal]), Made(round=at, variant=made)]
    found = family(fold(dict(enumerate(events))), Place(round=39, variant=0))
    assert found["more"]
    assert min(about["generation"] for about in found["people"].values()) == -24


def test_a_direction_has_the_name_that_it_was_given(studio, tmp_path):
    session = studio.new_session()
    assert bred.name_way(session, {"engine": "faces", "way": "way_3", "name": " smile "}) == {
        "ways": {"faces": {"way_3": "smile"}}
    }
    told = session.view()
    assert told["ways"] == {"faces": {"way_3": "smile"}}
    assert told["undo"]["kind"] == "named"
    file = session.export(tmp_path / "out.zip")
    events, _ = archive.read(file, Blobs(tmp_path / "blobs"))
    assert fold(events).ways == {"faces": {"way_3": "smile"}}
    bred.name_way(session, {"engine": "faces", "way": "way_3", "name": ""})
    assert session.view()["ways"] == {"faces": {}}
    session.undo()
    session.undo()
    assert session.view()["ways"] == {}


@pytest.mark.parametrize(
    "said",
    [
        {"engine": "faces", "way": "way_9", "name": "x"},
        {"engine": "style-bank", "way": "way_1", "name": "x"},
        {"engine": "gan", "way": "way_1", "name": "x"},
        {"engine": "gan", "sha256": sha("a"), "way": "way_1", "name": "x"},
        {"engine": "faces", "sha256": sha("a"), "way": "way_1", "name": "x"},
        {"engine": "faces", "way": "way_1", "name": "x" * 500},
    ],
)
def test_what_is_no_direction_is_refused(studio, said):
    session = studio.new_session()
    with pytest.raises(Exception, match=r"direction|file|characters"):
        bred.name_way(session, said)
    assert session.view()["ways"] == {}


def test_names_belong_to_the_gan_that_a_brief_names():
    assert world_of({"engine": "gan", "styles": {f"sha256:{sha('a')}": 1}}) == f"sha256:{sha('a')}"
    assert world_of({"engine": "faces"}) == "faces"
