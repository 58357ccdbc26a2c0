"""The loop on a real log, real blobs and a real desk, with an engine that paints colours."""

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from engines import fake
from engines.api import Brief, BriefError, Preview
from studio.desk import Queued
from studio.events import Ended, Judgement, Made, StudioError
from studio.pictures import read_meta, to_pixels
from studio.session import Studio

BRIEF = Brief(mode="style", engine="fake", styles={"ember": 0.7, "tide": 0.3}, size=64, seed=5)


def picture(width=40, height=30, colour=(10, 200, 90)):
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def studio(tmp_path):
    fake.use()
    made = Studio(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def session(studio):
    return studio.new_session()


def run(session, brief=BRIEF, exact=True):
    items = list(session.propose(brief, exact))
    assert isinstance(items[-1], Ended)
    return items


def test_a_round_makes_four_variants_in_order(session):
    items = run(session)
    made = [item.variant for item in items if isinstance(item, Made)]
    assert [variant.role for variant in made] == ["yours", "best", "twist", "surprise"]
    assert items[-1].status == "done"
    assert made[0].knobs["style:ember"] == pytest.approx(0.7)
    assert len({variant.sha256 for variant in made}) == 4


def test_a_variant_is_on_disk_and_in_the_log_before_it_is_told(session):
    for item in session.propose(BRIEF):
        if isinstance(item, Made):
            assert session.blob(item.variant.sha256).is_file()
            assert item.variant in session.state().rounds[0].variants


def test_a_png_carries_its_brief(session):
    made = next(item for item in run(session) if isinstance(item, Made))
    meta = read_meta(session.blob(made.variant.sha256).read_bytes())
    assert Brief.from_dict(meta["brief"]) == session.state().rounds[0].brief
    assert meta["knobs"] == made.variant.knobs


def test_judging_moves_the_next_round(session):
    run(session)
    session.judge(0, Judgement(ranking=[2, 0, 1, 3]))
    following = Brief.from_dict(session.view()["next"])
    run(session, following)
    state = session.state()
    assert state.rounds[1].parent.model_dump() == {"round": 0, "variant": 2}
    assert state.rounds[1].variants[0].knobs == pytest.approx(state.rounds[0].variants[2].knobs)
    assert session.view()["learned"]["judgements"] == 1


def test_a_brief_sent_again_continues_from_the_pick(session):
    run(session, exact=False)
    session.judge(0, Judgement(pick=3))
    run(session, exact=False)
    rounds = session.state().rounds
    assert rounds[1].variants[0].knobs == pytest.approx(rounds[0].variants[3].knobs)


def test_an_exact_brief_is_taken_at_its_word(session):
    run(session)
    session.judge(0, Judgement(pick=3))
    run(session, exact=True)
    rounds = session.state().rounds
    assert rounds[1].variants[0].knobs == rounds[0].variants[0].knobs


def test_undo_takes_back_judgement_then_round(session):
    run(session)
    session.judge(0, Judgement(pick=1))
    session.undo()
    assert session.state().rounds[0].judgements == {}
    assert session.state().head is None
    session.undo()
    assert session.state().rounds == {}
    with pytest.raises(StudioError, match="nothing to undo"):
        session.undo()
    run(session)
    assert list(session.state().rounds) == [1]


def test_branching_and_stars(session):
    run(session)
    run(session)
    session.branch(0, 2)
    session.star(0, 3)
    view = session.view()
    assert view["head"] == {"round": 0, "variant": 2}
    assert view["rounds"][0]["variants"][3]["starred"]
    run(session)
    assert session.view()["rounds"][2]["parent"] == {"round": 0, "variant": 2}


@pytest.mark.parametrize(
    "said",
    [
        {"pick": 9},
        {"ranking": [0, 0]},
        {"like": [1], "dislike": [1]},
        {"edit": {"nonsense": 1}},
        {"none": True, "pick": 1},
        {"retract": 999},
        {},
    ],
)
def test_wrong_judgements_change_nothing(session, said):
    run(session)
    before = session.events()
    with pytest.raises(StudioError):
        session.judge(0, Judgement.from_dict(said))
    assert session.events() == before


def test_a_failure_is_told_and_what_was_made_stays(session):
    failing = Brief.from_dict({**BRIEF.to_dict(), "options": {"fail_at": 2}})
    items = run(session, failing)
    assert items[-1].status == "failed"
    assert "told to fail" in str(items[-1].error)
    assert len(session.state().rounds[0].variants) == 2


def test_cancel_stops_only_ones_own_and_soon(studio):
    slow = Brief.from_dict({**BRIEF.to_dict(), "options": {"pause": 5.0}})
    mine, theirs = studio.new_session(), studio.new_session()
    first = mine.propose(slow)
    second = theirs.propose(BRIEF)
    while not any(isinstance(item, Queued) for item in second._items):
        time.sleep(0.01)
    began = time.perf_counter()
    assert mine.cancel() == 1
    assert list(first)[-1].status == "cancelled"
    assert time.perf_counter() - began < 0.5
    assert list(second)[-1].status == "done"


def test_a_waiting_round_is_cancelled_at_once(studio):
    slow = Brief.from_dict({**BRIEF.to_dict(), "options": {"pause": 1.0}})
    mine, theirs = studio.new_session(), studio.new_session()
    busy = theirs.propose(slow)
    waiting = mine.propose(BRIEF)
    mine.cancel()
    assert list(waiting)[-1].status == "cancelled"
    assert mine.state().rounds[0].status == "cancelled"
    theirs.cancel()
    assert busy.done or list(busy)


def test_sessions_take_turns(studio):
    quick = Brief.from_dict({**BRIEF.to_dict(), "variants": 1, "options": {"pause": 0.05}})
    greedy, modest = studio.new_session(), studio.new_session()
    tickets = [greedy.propose(quick) for _ in range(4)]
    mine = modest.propose(quick)
    list(mine)
    assert not tickets[-1].done


def test_the_round_goes_on_when_nobody_listens(session):
    ticket = session.propose(BRIEF)
    for _ in iter(ticket):
        break
    list(ticket)
    assert session.state().rounds[0].status == "done"
    again = list(ticket)
    assert sum(isinstance(item, Made) for item in again) == 4
    assert any(isinstance(item, Preview) for item in again)


def test_a_restart_brings_everything_back(tmp_path):
    fake.use()
    first = Studio(tmp_path / "home")
    session = first.new_session()
    run(session)
    session.judge(0, Judgement(like=[1], dislike=[2]))
    before = session.view()
    first.close()
    second = Studio(tmp_path / "home")
    assert second.session(session.id).view() == before
    second.close()


def test_forget_deletes_only_what_nobody_else_uses(studio):
    one, two = studio.new_session(), studio.new_session()
    shared = one.upload(picture(), "shared.png")
    assert two.upload(picture(), "shared.png") == shared
    alone = one.upload(picture(colour=(1, 2, 3)), "alone.png")
    one.forget()
    assert shared[7:] in studio.blobs
    assert alone[7:] not in studio.blobs
    with pytest.raises(StudioError):
        studio.session(one.id)
    assert two.blob(shared).is_file()


def test_blobs_of_others_are_not_handed_out(studio):
    one, two = studio.new_session(), studio.new_session()
    ref = one.upload(picture(), "mine.png")
    with pytest.raises(StudioError):
        two.blob(ref)


def test_pictures_must_be_uploaded_first(session):
    missing = Brief.from_dict({**BRIEF.to_dict(), "content": "sha256:" + "a" * 64})
    with pytest.raises(StudioError, match="Upload it first"):
        session.propose(missing)
    assert session.state().rounds == {}


def test_too_narrow_a_result_is_said_before_painting(session):
    ref = session.upload(picture(2000, 20), "strip.png")
    with pytest.raises(StudioError, match="short side"):
        session.propose(Brief.from_dict({**BRIEF.to_dict(), "content": ref, "size": 256}))


def test_then_works_on_the_result(session):
    chained = Brief.from_dict(
        {
            **BRIEF.to_dict(),
            "then": {"mode": "style", "engine": "fake", "styles": {"moss": 1.0}, "size": 32, "options": {"grain": 0.0}},
        }
    )
    made = [item.variant for item in run(session, chained) if isinstance(item, Made)]
    assert len(made) == 4
    pixels = to_pixels(session.blob(made[0].sha256).read_bytes())
    assert max(pixels.shape[:2]) == 32
    assert np.ptp(pixels.reshape(-1, 3).astype(int), axis=0).max() == 0


def test_then_may_not_bring_a_content_of_its_own(session):
    ref = session.upload(picture(), "a.png")
    with pytest.raises(BriefError, match="works on the result"):
        session.propose(
            Brief.from_dict(
                {**BRIEF.to_dict(), "then": {"mode": "style", "engine": "fake", "styles": {"moss": 1}, "content": ref}}
            )
        )


def test_same_brief_same_bytes(studio):
    shas = []
    for _ in range(2):
        session = studio.new_session()
        shas.append([item.variant.sha256 for item in run(session) if isinstance(item, Made)])
    assert shas[0] == shas[1]


def test_two_threads_judge_at_once_and_nothing_is_lost(session):
    run(session)
    threads = [threading.Thread(target=session.judge, args=(0, Judgement(note=f"note {at}"))) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(session.state().rounds[0].judgements) == 8
