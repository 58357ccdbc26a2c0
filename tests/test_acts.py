"""What the page's acts do to a session, without a browser: the answers are the panels' values."""

from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from engines import fake
from engines.api import Brief
from studio.panels.acts import Acts
from studio.panels.page import FIRST_BRIEFS, PANELS, Assets, ticking
from studio.session import Session, Studio

BRIEF = Brief(mode="style", engine="fake", styles={"ember": 0.7, "tide": 0.3}, size=64, seed=5)


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def studio(tmp_path, monkeypatch):
    fake.use()
    monkeypatch.setitem(FIRST_BRIEFS, "style", BRIEF.to_dict())
    made = Studio(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def acts(studio):
    return Acts(studio, Assets(["still-life"], ["ink-wash"], jpeg), "en")


@pytest.fixture
def session(studio):
    found = studio.new_session()
    list(found.propose(BRIEF))
    return found


def said(**what: Any) -> gr.EventData:
    return gr.EventData(None, what)


def tiles(values: list[Any]) -> list[dict[str, Any]]:
    return list(values[PANELS.index("round")]["tiles"])


@pytest.mark.parametrize("way", ["round", "learned"])
@pytest.mark.parametrize(
    ("first", "then", "part"), [({"pick": 1}, {"pick": 2}, "pick"), ({"ranking": [0]}, {"ranking": [0, 3]}, "ranking")]
)
def test_one_undo_brings_back_all_that_was_taken_back_together(acts, session, way, first, then, part):
    memory = {"session": session.id, "language": "en"}
    for judgement in (first, then):
        shown = tiles(acts.judge(memory, said(round=0, judgement=judgement)))
    if way == "round":
        gone = acts.judge(memory, said(round=0, back=part, variant=None))
    else:
        values = acts.look(memory, said())
        gone = acts.retract(memory, said(round=0, events=values[PANELS.index("learned")]["said"][0]["events"]))
    assert not any(tile["picked"] or tile["rank"] is not None for tile in tiles(gone))
    assert tiles(acts.undo(memory, said())) == shown


def enter(acts: Acts, memory: dict[str, str], **asked: str) -> list[list[Any]]:
    """All that the page is told while it loads."""
    visit: Any = SimpleNamespace(headers={}, query_params=asked)

    async def heard() -> list[list[Any]]:
        return [values async for values in acts.load(memory, visit)]

    return asyncio.run(heard())


def test_somebody_new_finds_an_example_painted(acts, studio):
    memory, *values = enter(acts, {})[-1]
    assert len(tiles(values)) == 4
    assert studio.session(memory["session"]).state().rounds[0].status == "done"


@pytest.mark.parametrize("way", ["address", "memory"])
def test_an_emptied_session_stays_empty(acts, studio, session, way):
    session.undo()
    memory, *values = enter(
        acts,
        *([{}] if way == "address" else [{"session": session.id}]),
        **({"sid": session.id} if way == "address" else {}),
    )[-1]
    assert memory["session"] == session.id
    assert tiles(values) == []
    assert not session.state().rounds
    assert session.running() is None


def test_a_session_of_the_api_is_left_to_its_program(acts, studio):
    made = studio.new_session()
    enter(acts, {}, sid=made.id)
    assert made.events() == {}


def test_a_round_is_asked_for_beside_the_loop(acts, session, monkeypatch):
    """Opening a session reads its log; that must not happen where all connections are served."""
    opened = acts._studio.session

    def watched(id: str) -> Session:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return opened(id)

    monkeypatch.setattr(acts._studio, "session", watched)

    async def heard() -> list[list[Any]]:
        memory = {"session": session.id, "language": "en"}
        return [values async for values in acts.again(memory, said(brief=BRIEF.to_dict()))]

    assert len(tiles(asyncio.run(heard())[-1])) == 4
    assert len(session.state().rounds) == 2


def test_a_language_that_is_chosen_while_a_round_is_made_is_that_of_the_round(acts, session):
    async def heard() -> list[str]:
        memory, spoken = {"session": session.id, "language": "en"}, []
        async for values in acts.again(memory, said(brief=BRIEF.to_dict())):
            panel = values[PANELS.index("round")]
            if isinstance(panel, dict) and "tiles" in panel:
                spoken.append(panel["language"])
                if len(spoken) == 1:
                    acts.speak(memory, said(language="zh"))
        return spoken

    first, *rest = asyncio.run(heard())
    assert first == "en"
    assert rest
    assert set(rest) == {"zh"}


def test_nothing_is_told_where_nothing_happens_until_something_does():
    async def slow():
        yield "begun"
        await asyncio.sleep(0.3)
        yield "done"

    async def heard() -> list[object]:
        return [event async for event in ticking(slow(), 0.1)]

    found = asyncio.run(heard())
    assert [each for each in found if each is not None] == ["begun", "done"]
    assert found[0] == "begun"
    assert None in found


def learned(values: list[Any]) -> dict[str, Any]:
    return dict(values[PANELS.index("learned")])


def test_a_correction_is_told_and_taken_back(acts, session):
    memory = {"session": session.id, "language": "en"}
    acts.judge(memory, said(round=0, judgement={"pick": 1}))
    told = learned(acts.believe(memory, said(knob="strength", value=0.6)))
    assert told["said"][0]["text"] == "Strength about 0.60"
    event = told["said"][0]["events"][0]
    assert event in next(row for row in told["rows"] if row["name"] == "strength")["events"]
    gone = acts.withdraw(memory, said(event=event))
    assert len(learned(gone)["said"]) == 1
    assert gone[PANELS.index("history")]["undo"] == "Bring back what was taken back"
    assert learned(acts.undo(memory, said()))["said"] == told["said"]
    assert "lies between" in acts.believe(memory, said(knob="strength", value=7))[PANELS.index("notice")]["message"]


def test_a_pair_that_comes_back_is_answered_once(acts, session):
    memory = {"session": session.id, "language": "en"}
    for number in range(4):
        shown = learned(acts.judge(memory, said(round=number, judgement={"pick": 1})))
        if number < 3:
            list(session.propose(Brief.from_dict(session.view()["next"])))
    assert len(shown["check"]["choices"]) == 2
    answer = acts.recheck(memory, said(pair=shown["check"]["pair"], better=0))
    assert learned(answer)["check"] is None
    assert learned(answer)["agreement"].startswith("When a pair came back")
    late = acts.recheck(memory, said(pair=shown["check"]["pair"], better=0))
    assert "not asked any more" in late[PANELS.index("notice")]["message"]


def test_a_new_session_offers_what_the_one_before_taught(acts, studio, session):
    acts.judge({"session": session.id}, said(round=0, judgement={"pick": 1}))
    memory, *values = enter(acts, {"session": session.id, "language": "en"}, sid="new")[-1]
    assert memory["before"] == session.id != memory["session"]
    assert learned(values)["offers"] == ["carry"]
    assert session.id not in str(values)
    assert acts.speak(memory, said(language="zh"))[0]["before"] == session.id
    assert learned(acts.carry(memory, said()))["judged"] == 1
    acts.undo(memory, said())
    session.forget()
    assert learned(acts.look(memory, said()))["offers"] == []
    told = acts.carry(memory, said())[PANELS.index("notice")]["message"]
    assert told.startswith("The earlier session is not here any more.")
    assert session.id[:6] not in told


def test_a_session_that_taught_nothing_is_not_offered(acts, session):
    memory, *values = enter(acts, {"session": session.id, "language": "en"}, sid="new")[-1]
    assert "before" not in memory
    assert learned(values)["offers"] == []


def test_a_pool_is_offered_to_beginners_and_not_looked_for_each_time(acts, studio, session, monkeypatch):
    memory, asked = {"session": session.id, "language": "en"}, []
    counted = studio.log.having
    monkeypatch.setattr(studio.log, "having", lambda kind: asked.append(kind) or counted(kind))
    for _ in range(5):
        assert learned(acts.look(memory, said()))["offers"] == []
    assert len(asked) == 1
    for _ in range(3):
        giver = {"session": studio.new_session().id, "language": "en"}
        list(studio.session(giver["session"]).propose(BRIEF))
        acts.judge(giver, said(round=0, judgement={"pick": 1}))
        assert learned(acts.lend(giver, said(on=True)))["shared"]
    acts._pool = (-1e9, False)
    assert learned(acts.look(memory, said()))["offers"] == ["pool"]
    begun = learned(acts.pool(memory, said()))
    assert begun["offers"] == []
    assert begun["said"][0]["text"].startswith("Begun with what others like")
