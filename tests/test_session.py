"""The loop on a real log, real blobs and a real desk, with an engine that paints colours."""

import gc
import io
import threading
import time
import weakref
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engines import fake, registry
from engines.api import Brief, BriefError, EngineError, Failed, Preview, UserError
from studio.desk import Queued
from studio.events import Ended, Judgement, Made, StudioError
from studio.pictures import encode_png, read_meta, to_pixels
from studio.rounds import remade
from studio.session import Studio

BRIEF = Brief(mode="style", engine="fake", styles={"ember": 0.7, "tide": 0.3}, size=64, seed=5)
PIXELS = np.full((20, 30, 3), 90, np.uint8)


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


def test_a_pictures_file_brings_its_brief_back(session):
    content = session.upload(picture(), "content.png")
    brief = replace(BRIEF, content=content, locks=("strength",))
    made = [item for item in run(session, brief) if isinstance(item, Made)][2].variant
    data = session.blob(made.sha256).read_bytes()
    known = session.state().pictures
    again = remade(data, known)
    assert registry.info("fake").space(again).yours == pytest.approx(made.knobs)
    assert (again.content, again.seed, again.locks) == (content, made.seed, ("strength",))
    assert remade(data, ()).content is None  # another session's picture stays its own
    for lost in (
        replace(again, styles={content: 0.5, "ember": 0.5}),
        replace(again, masks={"style:ember": content}),
        replace(again, then=BRIEF),
    ):
        assert remade(encode_png(PIXELS, {"brief": lost.to_dict(), "knobs": {}, "seed": 1}), ()) is None


def brushed(session):
    """A brief with a style that is brushed, and its mask's digest. The mask has sides of its own."""
    content, mask = (
        session.upload(picture(), "content.png"),
        session.upload(picture(64, 20, (255, 255, 255)), "mask.png"),
    )
    return replace(BRIEF, content=content, masks={"style:ember": mask}), mask.removeprefix("sha256:")


def test_a_pick_keeps_where_a_style_was_brushed_and_a_file_brings_it_back(session):
    brief, mask = brushed(session)
    made = [item.variant for item in run(session, brief) if isinstance(item, Made)]
    assert all(set(each.knobs) <= set(made[0].knobs) for each in made)  # a newcomer would be everywhere
    session.judge(0, Judgement(pick=2))
    following = Brief.from_dict(session.view()["next"])
    assert following.masks == brief.masks
    run(session, following)
    session.branch(0, 1)
    assert Brief.from_dict(session.view()["next"]).masks == brief.masks
    assert remade(session.blob(made[1].sha256).read_bytes(), session.state().pictures).masks == brief.masks
    with pytest.raises(BriefError, match="style:moss"):
        session.propose(replace(brief, masks={"style:moss": f"sha256:{mask}"}))


def test_masks_are_exported_and_forgotten_with_their_session(studio, session, tmp_path):
    brief, mask = brushed(session)
    run(session, brief)
    with zipfile.ZipFile(session.export(tmp_path / "session.zip")) as archive:
        assert f"blobs/{mask}" in archive.namelist()
    assert mask in studio.blobs
    session.forget()
    assert mask not in studio.blobs


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {"brief": 7, "knobs": {}, "seed": 1},
        {"brief": {"engine": "fake", "styles": {"ember": 1}}, "knobs": {"strength": 9}, "seed": 1},
        {"brief": {"engine": "fake", "styles": {"ember": 1}}, "knobs": [], "seed": 1},
        {"brief": {"engine": "fake", "styles": {"ember": 1}}, "knobs": {}, "seed": "x"},
        {"brief": {"engine": "none", "styles": {"ember": 1}}, "knobs": {}, "seed": 1},
        {"brief": {"engine": "fake", "then": {"then": {}}}, "knobs": {}, "seed": 1},
    ],
)
def test_what_a_file_says_of_itself_is_not_trusted(meta, studio):
    assert remade(encode_png(PIXELS, meta), ()) is None


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
        {"edit": {"strength": 7}},
        {"edit": {"strength": "much"}},
        {"edit": {"style:ember": -1}},
        {"edit": {"style:ember": 0, "style:tide": 0, "style:moss": 0, "style:chalk": 0}},
        {"none": True, "pick": 1},
        {"retract": 999},
        {"note": "x" * 2001},
        {"note": "\ud83e"},
        {"text": {"0": "x" * 20_001}},
        {"text": {"0": "a\udd8ab"}},
        {"edit": {"\ud800": 1}},
        {"edit": {"strength": "\ud800"}},
        {"\ud800": 1},
        {},
    ],
)
def test_wrong_judgements_change_nothing(session, said):
    run(session)
    before = session.events()
    with pytest.raises(UserError) as error:
        session.judge(0, Judgement.from_dict(said))
    assert len(str(error.value).encode()) < 1000
    assert session.events() == before


def test_a_judgement_at_the_limit_is_kept(session):
    run(session)
    said = Judgement(note="🦊" * 2000, text={0: "🦊" * 20_000})
    session.judge(0, said)
    assert said in session.state().rounds[0].judgements.values()


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


def test_only_so_many_sessions_stay_in_memory(studio, monkeypatch):
    monkeypatch.setattr("studio.session.OPEN", 3)
    first = studio.new_session()
    others = [studio.new_session().id for _ in range(6)]
    assert len(studio._recent) == 3
    assert studio.session(first.id) is first  # somebody still has it: there are never two of one
    gone = weakref.ref(first)
    del first
    for id in others:
        studio.session(id)
    gc.collect()
    assert gone() is None


def test_a_session_that_owes_the_log_is_kept(studio, monkeypatch):
    monkeypatch.setattr("studio.session.OPEN", 1)
    owing = studio.new_session()
    for _ in range(2):
        studio.new_session()
    assert owing.id not in studio._recent
    append = studio.log.append

    def full(session, event):
        if isinstance(event, Ended):
            raise StudioError("The disk is full.")
        return append(session, event)

    with monkeypatch.context() as patch:
        patch.setattr(studio.log, "append", full)
        run(owing)
    id = owing.id
    del owing
    for _ in range(3):
        studio.new_session()
    gc.collect()
    assert studio.session(id).state().rounds[0].status == "done"


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


# ── What was picked is what comes back ───────────────────────────────────────────────────────────────────────────────


def pixels_of(session, variant):
    return to_pixels(session.blob(variant.sha256).read_bytes())


@pytest.mark.parametrize("pick", range(4))
def test_the_next_yours_is_the_picture_that_was_picked_chance_and_all(session, pick):
    run(session)
    session.judge(0, Judgement(pick=pick))
    run(session, exact=False)
    first, second = session.state().rounds.values()
    assert np.array_equal(pixels_of(session, second.variants[0]), pixels_of(session, first.variants[pick]))


def test_the_last_seed_is_no_edge(session):
    run(session, Brief.from_dict({**BRIEF.to_dict(), "seed": 2**31 - 1}))
    session.judge(0, Judgement(pick=3))
    assert run(session, exact=False)[-1].status == "done"


# ── When it goes wrong in the middle ─────────────────────────────────────────────────────────────────────────────────


def blob_files(studio):
    return {place.name for place in studio.blobs.root.glob("??/*")}


def test_a_full_disk_in_the_middle_of_a_round(studio, session, monkeypatch):
    """Two variants fit, then nothing does, not even the end of the round; later there is room again."""
    append, full = studio.log.append, False

    def limited(id, event):
        nonlocal full
        full = full or (isinstance(event, Made) and event.variant.index == 2)
        if full:
            raise StudioError("The log cannot be used: {why}.", why="database or disk is full")
        return append(id, event)

    monkeypatch.setattr(studio.log, "append", limited)
    items = run(session)
    assert (items[-1].status, str(items[-1].error)) == ("failed", "The log cannot be used: database or disk is full.")
    with pytest.raises(StudioError, match="disk is full"):
        session.judge(0, Judgement(like=[0]))
    assert len(session.view()["rounds"][0]["variants"]) == 2
    assert blob_files(studio) == {variant.sha256 for variant in session.state().rounds[0].variants}
    full = False
    monkeypatch.setattr(studio.log, "append", append)
    assert session.view()["rounds"][0]["status"] == "failed"
    session.judge(0, Judgement(like=[0]))
    assert run(session)[-1].status == "done"


def test_a_blob_that_cannot_be_kept_fails_the_round_in_words(studio, session, monkeypatch):
    monkeypatch.setattr(studio.blobs, "put", lambda data: (_ for _ in ()).throw(StudioError("No room.", "Make some.")))
    items = run(session)
    assert str(items[-1].error) == "No room. Make some."
    assert session.state().rounds[0].variants == []


def test_a_bug_in_an_engine_is_one_generic_line(session, monkeypatch, caplog):
    monkeypatch.setattr(fake.Fake, "_paint", lambda *_: 1 / 0)
    items = run(session)
    assert items[-1].status == "failed"
    assert "inside the studio" in str(items[-1].error)
    assert "ZeroDivisionError" in caplog.text


def test_an_engine_may_say_that_it_failed_instead_of_raising(session, monkeypatch):
    monkeypatch.setattr(fake.Fake, "run", lambda *_: iter([Failed(EngineError("Out of {what}.", what="paint"))]))
    assert str(run(session)[-1].error) == "Out of paint."


def test_what_follows_may_fail_too(session):
    follower = {"mode": "style", "engine": "fake", "styles": {"moss": 1.0}, "options": {"fail_at": 0}}
    items = run(session, Brief.from_dict({**BRIEF.to_dict(), "then": follower}))
    assert items[-1].status == "failed"
    assert "told to fail" in str(items[-1].error)


def test_a_session_of_an_engine_that_is_gone_opens_all_the_same(session, monkeypatch):
    run(session)
    session.judge(0, Judgement(pick=1))
    monkeypatch.setattr(
        registry, "_factories", {name: made for name, made in registry._factories.items() if name != "fake"}
    )
    assert session.view()["learned"] == {"judgements": 0, "knobs": []}
    with pytest.raises(BriefError, match="fake"):
        session.propose(BRIEF)


# ── Forgetting and undoing while it runs ─────────────────────────────────────────────────────────────────────────────

SLOW = Brief.from_dict({**BRIEF.to_dict(), "options": {"pause": 0.4}})


def test_forgetting_while_a_round_runs_leaves_nothing_of_it(studio, session):
    ticket = session.propose(SLOW)
    while not any(isinstance(item, Made) for item in ticket._items):
        time.sleep(0.01)
    session.propose(SLOW)
    began = time.perf_counter()
    session.forget()
    assert time.perf_counter() - began < 1.5
    assert ticket.done
    assert blob_files(studio) == set()
    assert studio.log.sessions() == []


def test_a_session_that_another_process_forgets_ends_its_round(studio, session):
    ticket = session.propose(SLOW)
    while not any(isinstance(item, Made) for item in ticket._items):
        time.sleep(0.01)
    for sha in studio.log.forget(session.id):
        studio.blobs.remove(sha)
    assert ticket.wait(5)
    assert list(ticket)[-1].status == "failed"
    assert blob_files(studio) == set()


def test_undo_of_a_waiting_round_lets_the_running_one_run(session):
    first, second = session.propose(SLOW), session.propose(SLOW)
    session.undo()
    assert list(second)[-1].status == "cancelled"
    assert list(first)[-1].status == "done"
    assert list(session.state().rounds) == [0]


def test_a_picture_that_got_lost_can_be_uploaded_again(studio, session):
    ref = session.upload(picture(), "a.png")
    studio.blobs.remove(ref[7:])
    assert session.upload(picture(), "a.png") == ref
    assert session.blob(ref).is_file()
