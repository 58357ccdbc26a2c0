"""What an artist teaches beside judgements: it counts, it can be taken back, it travels, and it tells nobody who they are."""

from __future__ import annotations

import json
import re

import pytest

from engines import fake, registry
from engines.api import Brief
from studio import teaching
from studio.events import Believed, Carried, Compared, Judgement, Opinion, Shared, StudioError, Taste
from studio.session import Session, Studio
from studio.steering import carried, drift, evidence, propose
from studio.steering.preference import fit

BRIEF = Brief(mode="style", engine="fake", styles={"ember": 0.7, "tide": 0.3}, size=32, seed=5)


@pytest.fixture
def studio(tmp_path):
    fake.use()
    made = Studio(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def session(studio):
    return studio.new_session()


def play(session: Session, rounds: int = 1, wish=lambda knobs: knobs["strength"], **said) -> Session:
    """Rounds of an artist who picks by `wish`."""
    for _ in range(rounds):
        following = session.view()["next"]
        list(session.propose(Brief.from_dict(following) if following else BRIEF))
        current = session.state().latest()
        best = max(current.variants, key=lambda made: wish(made.knobs))
        session.judge(current.number, Judgement(**(said or {"pick": best.index})))
    return session


def proposals(session: Session):
    return propose(registry.info("fake"), BRIEF, evidence(session.state(), registry.infos()))


def row(session: Session, name: str):
    return {each["name"]: each for each in session.learned()["knobs"]}[name]


def newest(session: Session) -> int:
    return max(session.events())


def logged(session: Session, kind) -> list[int]:
    return [number for number, event in session.events().items() if isinstance(event, kind)]


# ── Beliefs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [0.1, 0.9])
def test_a_belief_moves_what_is_learned_and_what_is_proposed(session, value):
    play(session)
    before = abs(proposals(session)[1].knobs["strength"] - value)
    teaching.believe(session, "strength", value)
    assert row(session, "strength")["value"] == pytest.approx(value, abs=0.06)
    assert row(session, "strength")["said"] == newest(session)
    assert row(session, "strength")["confidence"] > 0.7
    assert abs(proposals(session)[1].knobs["strength"] - value) < before


def edge(session: Session) -> float:
    known = evidence(session.state(), registry.infos())
    return fit(known, known.varied).edge


def test_judgements_that_contradict_a_belief_make_the_studio_less_sure(session):
    play(session, 2)
    teaching.believe(session, "strength", 0.2)
    before = edge(session)
    play(session, 5)  # always the strongest
    assert edge(session) < before


@pytest.mark.parametrize("way", ["withdraw", "undo"])
def test_taking_a_belief_back_restores_the_exact_proposals(session, way):
    play(session, 2)
    before, learned = proposals(session), session.learned()
    teaching.believe(session, "strength", 0.93)
    number = newest(session)
    assert proposals(session) != before
    if way == "withdraw":
        teaching.withdraw(session, number)
        assert session.view()["undo"]["kind"] == "withdrawn"
    else:
        session.undo()
    assert proposals(session) == before
    assert session.learned() == learned
    if way == "withdraw":
        session.undo()
        assert proposals(session) != before


@pytest.mark.parametrize(("knob", "value"), [("nothing", 0.5), ("strength", 1.5), ("strength", float("nan"))])
def test_a_belief_that_makes_no_sense_is_refused_in_words(session, knob, value):
    play(session)
    with pytest.raises(StudioError):
        teaching.believe(session, knob, value)
    assert not logged(session, Believed)


def test_nothing_can_be_said_of_a_knob_before_there_is_a_round(session):
    with pytest.raises(StudioError, match="Ask for a round first"):
        teaching.believe(session, "strength", 0.5)


def test_only_what_was_taught_can_be_withdrawn(session):
    play(session)
    with pytest.raises(StudioError, match="nothing 0 to take back"):
        teaching.withdraw(session, 0)


def test_the_view_tells_what_was_taught(session):
    play(session)
    teaching.believe(session, "strength", 0.25)
    assert session.view()["teachings"] == [
        {"event": newest(session), "kind": "believed", "engine": "fake", "knob": "strength", "value": 0.25}
    ]
    teaching.unlearn(session)
    assert session.view()["teachings"] == []


# ── Pairs that come back ─────────────────────────────────────────────────────────────────────────────────────────────


def answered(session: Session, same: bool) -> None:
    """Says of the pair that came back the same as before, or the opposite."""
    pair = drift.due(session.state())
    picked = session.state().rounds[pair[0].round].verdict.pick
    before = next(at for at in (0, 1) if pair[at].variant == picked)
    teaching.compare(session, [place.model_dump() for place in pair], before if same else 1 - before)


def test_a_pair_comes_back_now_and_then_and_is_never_of_late(session):
    play(session, drift.EVERY - 1)
    assert session.view()["check"] is None
    play(session)
    asked = session.view()["check"]["pair"]
    assert len({place["round"] for place in asked}) == 1
    assert asked[0]["round"] <= max(session.state().rounds) - drift.AGO
    answered(session, same=True)
    assert session.view()["check"] is None
    play(session, drift.EVERY)
    assert session.view()["check"]["pair"] != asked


def test_agreement_is_counted(session):
    play(session, drift.EVERY)
    assert session.view()["agreement"] is None
    answered(session, same=True)
    assert session.view()["agreement"] == {"agreed": 1, "asked": 1}
    play(session, drift.EVERY)
    answered(session, same=False)
    assert session.view()["agreement"] == {"agreed": 1, "asked": 2}
    session.undo()
    assert session.view()["agreement"] == {"agreed": 1, "asked": 1}


def test_who_cannot_tell_is_not_counted_and_not_asked_again_at_once(session):
    play(session, drift.EVERY)
    before = proposals(session)
    teaching.compare(session, session.view()["check"]["pair"], None)
    assert session.view()["agreement"] is None
    assert session.view()["check"] is None
    assert proposals(session) == before


def test_a_contradiction_makes_the_studio_less_sure(session):
    play(session, drift.EVERY)
    answered(session, same=True)
    agreed = edge(session)
    session.undo()
    answered(session, same=False)
    assert edge(session) < agreed


def test_only_the_pair_that_is_asked_can_be_answered(session):
    play(session, drift.EVERY)
    pair = session.view()["check"]["pair"]
    with pytest.raises(StudioError, match="not asked any more"):
        teaching.compare(session, pair[::-1], 0)
    teaching.compare(session, pair, 0)
    with pytest.raises(StudioError, match="not asked any more"):
        teaching.compare(session, pair, 0)
    assert len(logged(session, Compared)) == 1


def test_what_was_forgotten_does_not_come_back(session):
    play(session, drift.EVERY)
    teaching.unlearn(session)
    assert session.view()["check"] is None


# ── Files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_taste_goes_through_a_file_unchanged(studio, session):
    play(session, 3)
    teaching.believe(session, "grain", 0.4)
    data, other = teaching.to_file(session), studio.new_session()
    teaching.from_file(other, data)
    (event,) = (event for event in other.events().values() if isinstance(event, Carried))
    assert event.taste == teaching.taste(session)
    assert event.source == "file"
    assert json.loads(json.dumps(event.taste.model_dump())) == json.loads(data)["taste"]


def test_what_is_carried_counts_half_and_guides_the_first_round(studio, session):
    play(session, 5)
    other = studio.new_session()
    teaching.carry(other, session)
    mine, theirs = (evidence(each.state(), registry.infos()).statements for each in (session, other))
    assert [said.weight for said in theirs] == [said.weight / 2 for said in mine]
    assert {said.round for said in theirs} == {-1}
    play(other, like=[0])
    assert proposals(other)[1].knobs["strength"] > BRIEF.options.get("strength", 0.5)
    teaching.withdraw(other, logged(other, Carried)[0])
    assert {said.round for said in evidence(other.state(), registry.infos()).statements} == {0}


def taste(**parts):
    return {"format": teaching.FORMAT, "taste": {"points": [{"strength": 0.1}, {"strength": 0.9}], **parts}}


OPINION = {"better": 1, "worse": 0}
HOSTILE = {
    "empty": b"",
    "no text": b"\xff\xfe\x00",
    "no JSON": b"hello",
    "a list": b"[]",
    "a number": b"7",
    "deep": b"[" * 100_000,
    "long number": b'{"format": ' + b"9" * 5000 + b"}",
    "another format": json.dumps({**taste(opinions=[OPINION]), "format": "duet taste 9"}).encode(),
    "no taste": json.dumps({"format": teaching.FORMAT}).encode(),
    "nothing said": json.dumps(taste()).encode(),
    "no such point": json.dumps(taste(opinions=[{"better": 2, "worse": 0}])).encode(),
    "before the first": json.dumps(taste(opinions=[{"better": -1, "worse": 0}])).encode(),
    "against itself": json.dumps(taste(opinions=[{"better": 0, "worse": 0}])).encode(),
    "too heavy": json.dumps(taste(opinions=[{**OPINION, "weight": 50}])).encode(),
    "far away": json.dumps(taste(opinions=[OPINION], beliefs={"strength": 1e9})).encode(),
    "not a number": json.dumps(taste(opinions=[OPINION], beliefs={"strength": float("nan")})).encode(),
    "unknown key": json.dumps(taste(opinions=[OPINION], name="somebody")).encode(),
    "many names": json.dumps(taste(opinions=[OPINION], beliefs={f"k{at}": 0.5 for at in range(5000)})).encode(),
    "a long name": json.dumps(taste(opinions=[OPINION], beliefs={"x" * 5000: 0.5})).encode(),
    "many points": json.dumps(taste(opinions=[OPINION], points=[{}] * 2000)).encode(),
    "too large": b" " * (teaching.MAX_TASTE + 1),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_no_taste_is_refused_in_words_and_nothing_is_logged(session, data):
    with pytest.raises(StudioError, match="not a taste that we can read"):
        teaching.from_file(session, data)
    assert session.events() == {}


def test_where_nothing_was_learned_there_is_nothing_to_take_along(studio, session):
    with pytest.raises(StudioError, match="Nothing was learned yet"):
        teaching.to_file(session)
    with pytest.raises(StudioError, match="Nothing was learned there yet"):
        teaching.carry(studio.new_session(), session)


def test_own_pictures_stay_out_of_what_is_carried(session):
    known = evidence(play(session).state(), registry.infos())
    known.points[0]["style:sha256:" + "a" * 64] = 1.0
    assert "sha256" not in carried(known, 100).model_dump_json()


def test_an_earlier_session_that_is_gone_is_told_without_its_name(studio, session):
    earlier = play(studio.new_session())
    assert teaching.taught(studio, earlier.id)
    earlier.forget()
    assert not teaching.taught(studio, earlier.id)
    with pytest.raises(StudioError, match="not here any more") as error:
        teaching.carry_from(session, studio, earlier.id)
    assert earlier.id[:6] not in str(error.value)


# ── The pool ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def givers(studio):
    """Three artists who share; the last has corrected something, and began with a file."""
    found = [studio.new_session() for _ in range(teaching.LEAST)]
    borrowed = Taste(points=[{"borrowed": 0.1}, {"borrowed": 0.9}], opinions=[Opinion(better=1, worse=0)])
    found[2].record(lambda _: Carried(source="file", taste=borrowed))
    for each in found:
        play(each, 2, note="my secret note", pick=1)
        teaching.share(each, True)
    teaching.believe(found[2], "grain", 0.123)
    return found


def test_a_pool_needs_three_who_said_yes(studio, session, givers):
    assert teaching.pooled(studio)
    teaching.share(givers[0], False)
    assert not teaching.pooled(studio)
    with pytest.raises(StudioError, match="Fewer than 3 artists share"):
        teaching.begin_from_pool(session, studio)
    assert session.events() == {}
    givers[0].undo()
    assert teaching.pooled(studio)
    givers[1].forget()
    assert not teaching.pooled(studio)


def test_who_shares_but_taught_nothing_gives_nothing(studio, givers):
    before = teaching.pool(studio)
    teaching.share(studio.new_session(), True)
    assert teaching.pool(studio) == before


def test_the_pool_tells_nobody_who_they_are(studio, givers):
    told = teaching.pool(studio).model_dump_json()
    assert not re.search(r"sha256|[0-9a-f]{32}|secret|borrowed", told)
    assert not [each.id for each in givers if each.id in told]
    assert teaching.pool(studio).beliefs == {}
    assert set(json.loads(told)) == {"points", "opinions", "beliefs"}


def test_what_was_begun_with_stays_when_sharing_ends(studio, session, givers):
    teaching.begin_from_pool(session, studio)
    before = evidence(session.state(), registry.infos()).statements
    assert before
    for each in givers:
        teaching.share(each, False)
    assert evidence(session.state(), registry.infos()).statements == before


def test_what_one_had_from_the_pool_is_not_passed_on(studio, session, givers):
    teaching.begin_from_pool(session, studio)
    before = teaching.pool(studio)
    teaching.share(session, True)
    assert teaching.pool(studio) == before


def test_sharing_is_off_until_somebody_says_yes(session):
    assert session.view()["shared"] is False
    teaching.share(session, True)
    assert session.view()["shared"] is True
    session.undo()
    assert session.view()["shared"] is False
    assert len(logged(session, Shared)) == 1


def test_a_session_that_cannot_be_read_does_not_close_the_pool(studio, givers, monkeypatch):
    broken, opened = studio.new_session(), studio.session
    teaching.share(broken, True)

    def sometimes(id: str) -> Session:
        if id == broken.id:
            raise StudioError("The log is busy.", "Try again in a moment.")
        return opened(id)

    monkeypatch.setattr(studio, "session", sometimes)
    assert teaching.pooled(studio)
