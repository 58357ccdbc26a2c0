"""The page in Chromium, as an artist meets it. Every wait is for something that can be seen."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import visitors
from PIL import Image
from playwright.sync_api import Page, expect
from visitors import PHONE, WIDE

from engines import fake, store
from engines.api import Brief
from engines.text.attention import attention
from studio import server
from studio.bench.visit import free_port
from studio.pictures import to_pixels

pytestmark = [pytest.mark.browser, pytest.mark.models]

WEIGHTS = ("style-bank", "style-codes")


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[server.Running]:
    fake.use()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        server.fetch(WEIGHTS)
        server.warm_up(WEIGHTS)
        with server.opened("127.0.0.1", free_port()) as found:
            yield found


@pytest.fixture(scope="module")
def chromium(browser_path):
    yield from visitors.launched(browser_path)


@pytest.fixture(scope="module")
def known(chromium):
    yield from visitors.newcomers(chromium)


@pytest.fixture
def visit(chromium, known, running):
    yield from visitors.visitor(chromium, known, running.address)


def again(page: Page, number: int) -> None:
    """Asks for the next round by key and waits until all of it is there."""
    page.keyboard.press("Enter")
    painted(page, number)


def painted(page: Page, number: int) -> None:
    expect(page.locator(".duet-round h2")).to_have_text(f"Round {number}")
    expect(page.locator(".tile.made")).to_have_count(4)
    expect(page.locator(".duet-brief button.again")).to_be_enabled()


def tile(page: Page, number: int):
    return page.locator(".tile").nth(number - 1)


def facts(page: Page, number: int) -> str:
    return str(tile(page, number).locator(".picture img").get_attribute("alt"))


def session_of(page: Page, running: server.Running):
    return running.studio.session(page.url.rpartition("sid=")[2])


def picture(size=(64, 48), kind="PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 90, 10)).save(out, kind)
    return out.getvalue()


def bomb() -> bytes:
    """The beginning of a PNG that says it has 900 million pixels."""
    head = b"IHDR" + (30000).to_bytes(4) + (30000).to_bytes(4) + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + (13).to_bytes(4)
        + head
        + zlib.crc32(head).to_bytes(4)
        + bytes(3)
        + b"\x20IDAT"
        + bytes(36)
    )


def give(page: Page, name: str, data: bytes, where=".canvas input") -> None:
    page.locator(where).set_input_files([{"name": name, "mimeType": "image/png", "buffer": data}])


# ── The loop ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_visit_is_painted_already_and_fits_one_screen(visit):
    page = visit()
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")
    expect(page.locator(".hint")).to_contain_text("Again")
    expect(page.locator(".mix .row")).to_have_count(3)
    expect(page.locator(".duet-learned .empty")).to_contain_text("Judge a variant")
    expect(page.locator(".shelf .thumb img")).to_have_count(26)
    expect(page.locator(".role")).to_have_text(["yours", "best", "twist", "surprise"])
    assert page.locator("footer:visible").count() == 0
    for what in (".canvas", ".switch", ".steering", ".duet-brief button.again", "button.none", ".duet-history .past"):
        box = page.locator(what).first.bounding_box()
        assert box["x"] >= 0, what
        assert box["x"] + box["width"] <= WIDE["width"], what
        assert box["y"] + box["height"] <= WIDE["height"], what
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    areas = [page.locator(".tile .picture").nth(at).bounding_box() for at in range(4)]
    assert sum(box["width"] * box["height"] for box in areas) > 0.25 * WIDE["width"] * WIDE["height"]


def test_ask_look_judge_again(visit, running):
    page = visit()
    page.keyboard.press("4")
    expect(tile(page, 4)).to_have_class(re.compile("is-picked"))
    tile(page, 3).locator(".dislike").click()
    expect(tile(page, 3)).to_have_class(re.compile("is-disliked"))
    tile(page, 2).focus()
    page.keyboard.press("l")
    expect(tile(page, 2).locator(".like")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".said li")).to_have_count(3)
    expect(page.locator(".duet-learned .bars li").first).to_be_visible()
    picked = facts(page, 4)
    again(page, 2)
    assert facts(page, 1) == picked
    expect(page.locator(".past")).to_have_count(2)
    rounds = session_of(page, running).state().rounds
    assert rounds[1].parent.model_dump() == {"round": 0, "variant": 3}
    assert [each.role for each in rounds[1].variants] == ["yours", "best", "twist", "surprise"]


def test_what_was_said_can_be_taken_back(visit):
    page = visit()
    tile(page, 2).locator(".like").click()
    expect(page.locator(".said li")).to_have_count(1)
    tile(page, 2).locator(".like").click()
    expect(page.locator(".said li")).to_have_count(0)
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    page.keyboard.press("3")
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    expect(page.locator(".said li")).to_have_count(1)
    page.locator(".said button").click()
    expect(page.locator(".is-picked")).to_have_count(0)
    page.keyboard.press("z")
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    page.keyboard.press("3")
    expect(page.locator(".is-picked")).to_have_count(0)
    page.keyboard.press("0")
    expect(page.locator("button.none")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("z")
    expect(page.locator("button.none")).to_have_attribute("aria-pressed", "false")


def test_all_that_was_learned_can_be_forgotten(visit):
    page = visit()
    page.keyboard.press("2")
    expect(page.locator(".bars li").first).to_be_visible()
    page.locator(".keep summary").click()
    page.locator("button.unlearn").click()
    expect(page.locator(".duet-learned .empty")).to_be_visible()
    expect(page.locator(".bars li")).to_have_count(0)
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))  # what was said stays said
    page.keyboard.press("z")
    expect(page.locator(".bars li").first).to_be_visible()


def test_a_belief_is_corrected_by_key_and_by_drag_and_taken_back(visit, running):
    page = visit()
    page.keyboard.press("2")
    page.locator(".less summary").click()
    row = page.locator(".bars li", has_text="Strength")
    marker = row.get_by_role("slider")
    marker.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(row.locator(".shown")).to_have_text("0.02")
    page.keyboard.press("Escape")  # nothing was said yet
    expect(row.locator(".shown")).not_to_have_text("0.02")
    for key in ("Home", "PageUp", "PageUp", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".said li").first).to_contain_text("Strength about 0.22")
    expect(row.locator(".sure")).to_have_text("you said so")
    expect(marker).to_be_focused()
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")  # Enter kept the correction, and asked for nothing
    page.locator(".said button").first.click()
    expect(page.locator(".said li")).to_have_count(1)
    expect(row.locator(".sure")).not_to_have_text("you said so")
    page.keyboard.press("z")
    expect(page.locator(".said li")).to_have_count(2)
    track, box = row.locator(".axis").bounding_box(), marker.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + 0.8 * track["width"], box["y"], steps=5)
    page.mouse.up()
    expect(page.locator(".said li").first).to_contain_text(re.compile(r"Strength about 0\.(79|80|81)"))
    said = list(session_of(page, running).state().taught().values())
    assert [round(each.value, 1) for each in said] == [0.2, 0.8]
    row.locator(".label").hover()
    expect(page.locator(".said .speaks")).to_have_count(2)  # the pick, and what holds now


def test_a_taste_is_saved_loaded_and_brought_along(visit, running, tmp_path):
    page = visit()
    page.keyboard.press("3")
    expect(page.locator(".said li")).to_have_count(1)
    page.locator(".keep summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this taste").click()
    assert download.value.suggested_filename == "duet-taste.json"
    download.value.save_as(tmp_path / "taste.json")
    old = page.url
    page.get_by_role("link", name="New").click()
    expect(page.locator(".offers")).to_have_count(1)
    assert page.url != old
    assert old.rpartition("sid=")[2] not in page.content() + page.url
    page.locator(".keep summary").click()
    (tmp_path / "other.json").write_text("{}")
    page.get_by_label("Load a taste").set_input_files(tmp_path / "other.json")
    expect(page.locator(".notice")).to_contain_text("not a taste that we can read")
    expect(page.locator(".bars li")).to_have_count(0)
    page.get_by_label("Load a taste").set_input_files(tmp_path / "taste.json")
    expect(page.locator(".said li")).to_contain_text("Loaded from a file")
    expect(page.locator(".bars li").first).to_be_visible()
    expect(page.locator(".offers")).to_have_count(0)
    page.locator(".said button").click()
    page.get_by_role("button", name="Bring along").click()
    expect(page.locator(".said li")).to_contain_text("Brought along")
    page.get_by_role("checkbox").check()
    expect(page.locator(".duet-history button.quiet")).to_have_attribute(
        "title", "Take back the last change of sharing"
    )
    assert session_of(page, running).state().shared


def test_a_pair_comes_back_beside_the_work(visit, running):
    page = visit()
    for number in range(1, 5):
        expect(page.locator(".duet-learned .check")).to_have_count(0)
        page.keyboard.press("2")
        expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
        if number < 4:
            again(page, number + 1)
    expect(page.locator(".duet-learned .check img")).to_have_count(2)
    page.keyboard.press("1")  # a key is for the round, as ever
    expect(tile(page, 1)).to_have_class(re.compile("is-picked"))
    page.get_by_role("button", name="Not now").click()
    expect(page.locator(".duet-learned .check")).to_have_count(0)
    again(page, 5)
    page.get_by_role("button", name="The first").click()
    expect(page.locator(".duet-learned .check")).to_have_count(0)
    expect(page.locator(".agreement")).to_contain_text("When a pair came back")
    expect(page.locator(".said li").first).to_contain_text("Once more")
    assert session_of(page, running).view()["agreement"]["asked"] == 1


def test_ranking_by_key_by_drag_and_by_tapping(visit, running):
    page = visit()
    page.keyboard.press("Shift+Digit3")
    page.keyboard.press("Shift+Digit1")
    expect(tile(page, 3).locator(".ranked")).to_have_text("1st")
    expect(tile(page, 1).locator(".ranked")).to_have_text("2nd")
    tile(page, 4).locator(".picture").drag_to(page.locator(".place").first)
    expect(tile(page, 4).locator(".ranked")).to_have_text("1st")
    expect(tile(page, 1).locator(".ranked")).to_have_text("3rd")
    assert page.locator(".duet-light img").count() == 0
    page.locator(".tap").click()
    tile(page, 2).locator(".picture").click()
    expect(tile(page, 2).locator(".ranked")).to_have_text("4th")
    assert session_of(page, running).state().rounds[0].verdict.ranking == [[3], [2], [0], [1]]
    page.locator(".place").nth(1).click()
    expect(tile(page, 3).locator(".ranked")).to_have_count(0)


def test_the_mix_is_what_is_asked_for(visit, running):
    """Styles by click, sliders, locks, size and the other shelf: the next round is made of exactly that."""
    page = visit()
    page.get_by_role("button", name="Take woodcut out of the mix").click()
    page.locator(".shelf").get_by_role("button", name="terracotta", exact=True).click()
    expect(page.locator(".mix .row")).to_have_count(3)
    page.get_by_role("slider", name="Strength").fill("0.5")
    page.get_by_role("button", name="Lock Strength").click()
    page.locator("details.more summary").click()
    page.get_by_label("Size").select_option("256")
    page.locator(".duet-brief button.again").click()
    painted(page, 2)
    brief = session_of(page, running).state().rounds[1].brief
    assert set(brief.styles) == {"bright-watercolour", "starry-oil", "terracotta"}
    assert brief.options["strength"] == 0.5
    assert brief.locks == ("strength",)
    assert brief.size == 256
    page.get_by_role("tab", name="My pictures").click()
    expect(page.locator(".duet-brief button.again")).to_be_disabled()
    give(page, "grandmother's rug.png", picture(), ".thumb.add input")
    expect(page.locator(".mix .row")).to_contain_text("grandmother's rug")
    page.locator(".shelf").get_by_role("button", name="ink wash", exact=True).click()
    again(page, 3)
    brief = session_of(page, running).state().rounds[2].brief
    assert brief.engine == "style-codes"
    assert len(brief.styles) == 2
    page.get_by_role("tab", name="Painting styles").click()
    expect(page.locator(".mix .row")).to_have_count(3)


def test_an_engine_that_somebody_added_has_a_control_for_each_option(visit, running, add_engine):
    page = visit()
    page.get_by_role("button", name="Lock Strength").click()  # a draft that knows nothing of the engine
    add_engine()
    page.reload()
    expect(page.locator(".tile.made")).to_have_count(4)
    expect(page.get_by_role("button", name="Unlock Strength")).to_be_visible()
    page.get_by_role("tab", name="Screen print").click()
    page.locator(".shelf").get_by_role("button", name="riso blue", exact=True).click()
    row = page.locator(".duet-brief .options .row")
    row.locator("select").select_option("glossy")
    row.locator("input[type=checkbox]").check()
    row.locator("input[type=text]").fill("less is more")
    row.get_by_role("slider", name="inks").fill("7")
    expect(row.locator("output").nth(1)).to_have_text("7")
    assert row.locator("button").count() == 2  # a lock for each knob, and no more
    page.get_by_role("button", name="Lock paper").click()
    again_button = page.locator(".duet-brief button.again")
    again_button.click()
    painted(page, 2)
    brief = session_of(page, running).state().rounds[1].brief
    assert brief.options == {"paper": "glossy", "frame": True, "motto": "less is more", "inks": 7}
    assert brief.locks == ("paper",)
    row.locator("select").select_option("rough")
    row.locator("input[type=checkbox]").uncheck()
    row.locator("input[type=text]").fill("")
    again_button.click()
    painted(page, 3)
    assert session_of(page, running).state().rounds[2].brief.options == {"inks": 7}
    page.locator(".past").nth(1).click()
    tile(page, 1).hover()
    tile(page, 1).locator(".branch").click()
    expect(row.locator("select")).to_have_value("glossy")
    expect(row.locator("input[type=checkbox]")).to_be_checked()
    expect(row.locator("input[type=text]")).to_have_value("less is more")


def test_looking_back_and_branching(visit, running):
    page = visit()
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    again(page, 2)
    page.locator(".past").first.click()
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")
    tile(page, 3).hover()
    wanted = facts(page, 3)
    tile(page, 3).locator(".branch").click()
    expect(page.locator(".duet-history button.quiet")).to_have_attribute("title", "Take back the last branch")
    again(page, 3)
    assert facts(page, 1) == wanted
    expect(page.locator(".lines .arc")).to_have_count(1)
    assert session_of(page, running).state().rounds[2].parent.model_dump() == {"round": 0, "variant": 2}


def test_full_size_comparing_the_original_and_downloads(visit):
    page = visit()
    tile(page, 4).hover()
    with page.expect_download() as download:
        tile(page, 4).locator("a").click()
    assert download.value.suggested_filename == "duet-1-4-surprise.png"
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert re.fullmatch(r"duet-[0-9a-f]{8}\.zip", download.value.suggested_filename)
    tile(page, 2).locator(".picture").click()
    light = page.locator(".duet-light")
    expect(light.locator(".stage img")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(light.locator(".number")).to_have_text("3")
    page.keyboard.press("c")
    expect(light.locator(".under")).to_be_visible()
    page.keyboard.press("l")
    expect(light.locator(".like")).to_have_attribute("aria-pressed", "true")
    for _ in range(12):  # the focus goes round within the dialog, or out of the page, but never behind it
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement.closest('.duet-light') || document.activeElement === document.body"
        )
    page.keyboard.press("Escape")
    expect(light.locator("img")).to_have_count(0)
    expect(tile(page, 3)).to_be_focused()
    assert page.locator("[inert]").count() == 0
    shown = tile(page, 1).locator(".picture img")
    before = shown.get_attribute("src")
    page.keyboard.down("Space")
    expect(shown).not_to_have_attribute("src", before)
    page.keyboard.up("Space")
    expect(shown).to_have_attribute("src", before)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("The four roles")
    expect(page.get_by_role("dialog").get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.help') || document.activeElement === document.body")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(tile(page, 3)).to_be_focused()
    assert page.locator("[inert]").count() == 0
    tile(page, 2).locator(".picture").click()
    expect(light.locator(".stage img")).to_have_count(1)
    again(page, 2)  # another round shuts what shows this one
    expect(light.locator(".veil")).to_have_count(0)
    assert page.locator("[inert]").count() == 0


# ── Coming back ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reload_brings_everything_back(visit):
    page = visit()
    page.keyboard.press("3")
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    page.get_by_role("slider", name="Keep colours").fill("0.66")
    page.locator(".shelf").get_by_role("button", name="weave", exact=True).click()
    address = page.url
    page.reload()
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    expect(page.get_by_role("slider", name="Keep colours")).to_have_value("0.66")
    expect(page.get_by_role("button", name="Take weave out of the mix")).to_be_visible()
    assert page.url == address
    page.goto(address.partition("?")[0])
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    assert page.url == address


def test_a_restart_of_the_server_brings_everything_back(visit, tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "restarted"))
    with server.opened("127.0.0.1", port) as first:
        page = visit(address=first.address)
        page.keyboard.press("2")
        expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
        address = page.url
        page.goto("about:blank")
    with server.opened("127.0.0.1", port):
        page.goto(address)
        expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
        expect(page.locator(".past")).to_have_count(1)
        again(page, 2)


def test_a_round_that_still_runs_is_found_again_and_one_that_failed_says_why(visit, running):
    page = visit()
    painted(page, 1)  # a stream that a reload cuts short is an error on Gradio's console
    page.wait_for_timeout(500)
    session = session_of(page, running)
    slow = Brief(mode="style", engine="fake", styles={"ember": 1.0}, size=64, options={"pause": 6.0})
    session.propose(slow)
    page.reload()
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    expect(page.locator(".progress .message")).to_have_text("Painting")
    expect(page.locator(".tile.made")).to_have_count(1)
    expect(page.locator(".tile.coming")).to_have_count(3)
    status = page.locator(".progress [role=status]")
    expect(status).to_contain_text(" of 4")
    expect(status.locator(".elapsed")).to_have_count(0)
    tile(page, 4).focus()
    for key in ("c", "ArrowRight"):  # there is nothing to compare yet
        page.keyboard.press(key)
    expect(page.locator(".duet-light .veil")).to_have_count(0)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".problem")).to_contain_text("Stopped")
    assert session.state().rounds[1].status == "cancelled"
    broken = Brief(mode="style", engine="fake", styles={"ember": 1.0}, size=64, options={"fail_at": 2})
    list(session.propose(broken))
    page.wait_for_timeout(
        1000
    )  # a stream that a reload cuts short is an error on Gradio's console: let that of the stopped round end
    page.reload()
    expect(page.locator(".problem")).to_contain_text("told to fail at variant 2. Set fail_at to -1.")
    expect(page.locator(".tile.made")).to_have_count(2)


def test_a_new_session_begins_beside_the_old_one_and_in_place_of_none(visit):
    page = visit()
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    old = page.url
    page.get_by_role("link", name="New").click()
    expect(page.locator(".is-picked")).to_have_count(0)
    expect(page.locator(".tile.made")).to_have_count(4)
    assert page.url != old
    page.goto(old.partition("?")[0] + "?sid=" + "0" * 32)
    expect(page.locator(".notice")).to_contain_text("There is no session")
    assert "0" * 32 not in page.url
    page.goto(old)
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))


# ── What goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_bad_pictures_leave_the_brief_as_it_was(visit, tmp_path):
    page = visit()
    before = page.locator(".canvas img").get_attribute("src")
    for name, data, says in (
        ("drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        ("torn.png", picture((300, 300))[:120], "damaged"),
        ("dot.png", picture((1, 1)), "1 x 1"),
        ("bomb.png", bomb(), "too many pixels"),
        ("note.png", b"hello", "note.png is not a picture"),
    ):
        give(page, name, data)
        expect(page.locator(".notice")).to_contain_text(says)
        expect(page.locator(".notice")).to_contain_text("Your brief is unchanged")
        assert page.locator(".canvas img").get_attribute("src") == before
    assert page.locator(".toast-wrap:visible, .error:visible").count() == 0
    page.locator(".notice button").click()
    expect(page.locator(".notice")).to_have_count(0)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "upload" in request.url else None)
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(41 * 2**20)
    page.locator(".canvas input").set_input_files(tmp_path / "huge.png")
    expect(page.locator(".notice")).to_contain_text("40 MB is the most")
    assert not sent
    assert page.locator(".canvas img").get_attribute("src") == before


def test_a_dropped_variant_brings_its_brief_back(visit, running):
    page = visit()
    session = session_of(page, running)
    made = session.state().rounds[0].variants[2]
    page.get_by_role("button", name="Take woodcut out of the mix").click()
    give(page, "duet.png", session.blob(made.sha256).read_bytes())
    expect(page.locator(".restored")).to_contain_text("its brief is back")
    again(page, 2)
    yours = session.state().rounds[1].variants[0]
    pixels = [to_pixels(session.blob(each.sha256).read_bytes()) for each in (yours, made)]
    assert np.array_equal(*pixels)
    give(page, "duet.png", session.blob(made.sha256).read_bytes())
    page.get_by_role("button", name="Use the picture itself").click()
    expect(page.locator(".restored")).to_have_count(0)
    again(page, 3)
    assert session.state().rounds[2].brief.content == f"sha256:{made.sha256}"


def test_a_studio_that_does_not_answer_is_told_in_our_words(visit, running):
    page = visit(locale="zh-CN")
    page.route("**/gradio_api/**", lambda route: route.abort())
    page.keyboard.press("2")
    expect(page.locator(".notice")).to_contain_text("画室没有回应")
    assert page.locator(".toast-wrap:visible").count() == 0
    page.keyboard.press("Enter")
    expect(page.locator(".duet-brief button.again")).to_be_disabled()
    expect(page.locator(".notice")).to_contain_text("画室没有回应")
    expect(page.locator(".duet-brief button.again")).to_be_enabled()


def test_names_of_pictures_are_words_and_never_code(visit):
    page = visit()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.get_by_role("tab", name="My pictures").click()
    name = "${alert(1)}<img src=x onerror=alert(2)>{{7*7}}"
    give(page, f"{name}.png", picture(), ".thumb.add input")
    expect(page.locator(".mix .row label")).to_have_text(name)
    again(page, 2)
    tile(page, 2).hover()
    expect(tile(page, 2).locator(".about")).to_contain_text("${alert(1)}")
    expect(page.locator(".mix .row label")).to_have_text(name)


# ── How it looks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_jumps_when_results_arrive(visit, running):
    page = visit()
    before = [page.locator(".tile").nth(at).bounding_box() for at in range(4)]
    page.keyboard.press("Enter")
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    during = [page.locator(".tile").nth(at).bounding_box() for at in range(4)]
    painted(page, 2)
    assert [page.locator(".tile").nth(at).bounding_box() for at in range(4)] == during == before


def test_chinese_is_chinese_everywhere_and_remembered(visit):
    page = visit(locale="zh-CN")
    expect(page.locator(".duet-round h2")).to_have_text("第 1 轮")
    page.locator("details.more summary").click()
    words = page.evaluate("document.body.innerText")
    latin = set(re.findall(r"[A-Za-z]{2,}", words)) - {"Duet", "EN", "Fake"}  # no table knows the last
    assert not latin
    page.get_by_role("button", name="EN").click()
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")
    page.reload()
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")
    page.get_by_role("button", name="中文").click()
    expect(page.locator(".role").first).to_have_text("你的")
    expect(page.locator(".mix label").first).to_have_text("明丽水彩")


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const light = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(c => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const of = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const all = ['paper', 'sheet', 'well'];
  const pairs = {ink: all, soft: all, 'accent-ink': ['paper', 'sheet'], 'on-accent': ['accent']};
  return Object.entries(pairs).flatMap(([front, backs]) => backs.map(back => {
    const [a, b] = [light(of('--' + front)), light(of('--' + back))].sort((x, y) => y - x);
    return [`${front} on ${back}`, (a + 0.05) / (b + 0.05)];
  }));
}"""


def test_words_can_be_read_in_light_and_in_dark(visit):
    page = visit()
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    for _ in range(2):
        for pair, ratio in page.evaluate(CONTRAST):
            assert ratio >= 4.5, f"{pair}: {ratio:.2f}"
        page.get_by_role("button", name="Light or dark").click()
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_phone_is_enough(visit, running):
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("scrollY") == 0
    for what in (".caption .like", ".caption .dislike", ".caption .pick", ".thumbbar button"):
        assert page.locator(what).first.bounding_box()["height"] >= 44
    tile(page, 2).locator(".like").tap()
    expect(tile(page, 2).locator(".like")).to_have_attribute("aria-pressed", "true")
    page.locator(".thumbbar").get_by_role("button", name="Brief").tap()
    page.get_by_role("slider", name="Steering").scroll_into_view_if_needed()
    expect(page.locator(".duet-brief button.again")).to_be_in_viewport()
    page.locator(".duet-brief button.again").tap()
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    expect(page.locator(".tile.made")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# ── The sheet ────────────────────────────────────────────────────────────────────────────────────────────────────────


def level_of(page: Page, number: int) -> None:
    expect(page.locator(".duet-plane .level")).to_have_text(f"Level {number} of 3")
    expect(page.locator(".duet-plane .cell img")).to_have_count(25)


def test_a_sheet_is_searched_by_key_and_its_last_pick_is_what_comes_next(visit, running):
    page = visit()
    expect(page.locator("button.explore")).to_be_enabled()
    before, events = page.locator(".duet-brief output").all_inner_texts(), len(session_of(page, running).events())
    page.keyboard.press("e")
    level_of(page, 1)
    expect(page.locator('.cell[data-index="12"]')).to_be_focused()
    expect(page.locator('.cell[data-index="12"] .mark')).to_have_text("where you are")
    assert all(page.locator(".duet-plane .axis").all_inner_texts())
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    level_of(page, 2)
    page.keyboard.press("Backspace")
    level_of(page, 1)
    expect(page.locator('.cell[data-index="8"]')).to_be_focused()
    page.keyboard.press("Enter")
    level_of(page, 2)
    page.locator('.cell[data-index="3"]').click()
    level_of(page, 3)
    assert len(session_of(page, running).events()) == events  # nothing is logged on the way
    page.locator('.cell[data-index="20"]').click()
    expect(page.locator(".duet-plane .veil")).to_have_count(0)
    expect(page.locator(".duet-round .hint")).to_contain_text("From the sheet")
    assert page.locator(".duet-brief output").all_inner_texts() != before
    page.keyboard.press("z")
    expect(page.locator(".duet-round .hint")).not_to_contain_text("From the sheet")
    assert page.locator(".duet-brief output").all_inner_texts() == before


def test_a_pick_can_be_used_at_once_and_closing_keeps_nothing(visit, running):
    page = visit(viewport=PHONE, has_touch=True)
    page.locator("button.explore").click()
    level_of(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    grid = page.locator(".duet-plane .grid").bounding_box()
    assert grid
    assert grid["width"] > 0.9 * PHONE["width"]
    page.locator(".duet-plane .shut").click()
    expect(page.locator(".duet-plane .veil")).to_have_count(0)
    assert [each.kind for each in session_of(page, running).events().values()][-1] == "ended"
    page.locator("button.explore").click()
    level_of(page, 1)
    page.locator('.cell[data-index="4"]').focus()
    page.locator(".duet-plane .act.pick").click()
    expect(page.locator(".duet-round .hint")).to_contain_text("From the sheet")
    (last,) = [each for each in session_of(page, running).events().values() if each.kind == "sheeted"]
    assert [level.pick for level in last.levels] == [4]


def test_escape_closes_the_sheet_and_what_goes_wrong_is_said(visit):
    page = visit()
    expect(page.locator("button.explore")).to_be_enabled()
    page.route("**/plane?*", lambda route: route.abort())
    page.keyboard.press("e")
    expect(page.locator(".duet-plane .problem")).to_contain_text("does not answer")
    page.keyboard.press("Escape")
    expect(page.locator(".duet-plane .veil")).to_have_count(0)


def test_why_there_is_no_sheet_is_said_on_its_button(visit):
    page = visit()
    names = page.locator('.duet-brief [data-click="lock"]')
    for at in range(names.count()):
        names.nth(at).click()
    page.keyboard.press("Enter")
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    expect(page.locator("button.explore")).to_be_disabled()
    expect(page.locator("button.explore")).to_have_attribute(
        "title", "A sheet needs two knobs that may vary. Unlock one."
    )


# ── A look inside the language models ────────────────────────────────────────────────────────────────────────────────

APPLE = "The green apple is on the table."
LANGUAGE_MODELS = ("smollm2-135m-instruct", "minilm-l6-v2")


@pytest.fixture
def inside(visit):
    """Opens the page and looks into a text."""
    store.ensure(LANGUAGE_MODELS)

    def look(text: str | None = APPLE, **options) -> Page:
        page = visit(painted=False, **options)
        expect(page.locator(".duet-header .bar")).to_be_visible()
        page.evaluate("text => Duet.attention.open(text ?? undefined)", text)
        expect(page.locator(".duet-attention canvas").first).to_be_visible()
        return page

    return look


def word(page: Page, at: int):
    return page.locator(".duet-attention .word").nth(at)


def go(page: Page, layer: int, head: int) -> None:
    """To a head, both counted from 1 as on the page."""
    page.get_by_role("slider", name="Layer").fill(str(layer - 1))
    page.locator(".duet-attention .stamp").nth(head).click()
    expect(page.locator(".duet-attention .stamp").nth(head)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".duet-attention .layer")).to_contain_text(f"Layer {layer} of")


def percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}"


def test_hovering_a_word_shows_where_it_looks_and_who_looks_at_it(inside):
    page = inside()
    go(page, 17, 1)
    weights = attention(store.path("smollm2-135m-instruct"), APPLE).weights[16, 0]
    word(page, 2).hover()
    expect(word(page, 2)).to_have_attribute("aria-pressed", "true")
    said = page.locator(".duet-attention .said")
    expect(said).to_contain_text(f"“apple” looks at green {percent(weights[2, 1])} %")
    expect(said).to_contain_text(f"Looked at by is {percent(weights[3, 2])} %")
    expect(word(page, 1).locator(".to")).to_have_text(f"{100 * weights[2, 1]:.0f} %")
    expect(word(page, 3).locator(".by")).to_have_text(f"{100 * weights[3, 2]:.0f} %")
    curves = page.locator(".duet-attention .curves")
    assert curves.locator("path.to").count() == (weights[2] >= 0.01).sum()
    assert curves.locator("path.by").count() == curves.locator("circle").count() == (weights[3:, 2] >= 0.01).sum()
    widths = [float(path.get_attribute("stroke-width")) for path in curves.locator("path.to").all()]
    assert widths == sorted(widths)  # the strongest lies on top
    word(page, 5).focus()
    page.mouse.move(3, 3)
    expect(said).to_contain_text("“the” looks at")


def test_the_map_tells_every_number_and_hatches_what_is_masked(inside):
    page = inside()
    go(page, 17, 1)
    weights = attention(store.path("smollm2-135m-instruct"), APPLE).weights[16, 0]
    canvas = page.locator(".duet-attention .cells canvas")
    side = canvas.bounding_box()["width"] / 8

    def point(row: int, column: int) -> None:
        canvas.hover(position={"x": (column + 0.5) * side, "y": (row + 0.5) * side})

    tip = page.locator(".duet-attention .tip")
    point(2, 1)
    expect(tip).to_have_text(f"apple → green{percent(weights[2, 1])} %")
    point(2, 6)
    expect(tip).to_have_text("apple → tablemasked")
    expect(page.locator(".duet-attention .said")).to_contain_text("cannot look ahead")
    dark, light = colour(page, canvas, side, 2, 1), colour(page, canvas, side, 7, 2)
    assert sum(dark) < sum(light) - 150  # much against hardly anything
    hatched = page.evaluate(
        "({side}) => { const c = document.querySelector('.cells canvas'), d = devicePixelRatio;"
        "const p = c.getContext('2d').getImageData(5 * side * d, side * d, 2 * side * d, side * d).data;"
        "return new Set([...Array(p.length / 4).keys()].map(at => p[4 * at])).size }",
        {"side": side},
    )
    assert hatched > 1
    canvas.click(position={"x": 1.5 * side, "y": 5.5 * side})
    page.mouse.move(3, 3)
    best = attention(store.path("smollm2-135m-instruct"), APPLE).weights[:, :, 5, 1]
    layer, head = np.unravel_index(best.argmax(), best.shape)
    page.get_by_role("button", name=f"Strongest in layer {layer + 1}, head {head + 1}").click()
    expect(page.locator(".duet-attention .layer")).to_contain_text(f"Layer {layer + 1} of 30")
    expect(tip).to_have_text(f"the → green{percent(best.max())} %")


def colour(page: Page, canvas, side: float, row: int, column: int) -> list[int]:
    """What a cell is painted with, near its corner where no number stands."""
    return page.evaluate(
        "({x, y}) => { const c = document.querySelector('.cells canvas'), d = devicePixelRatio;"
        "return [...c.getContext('2d').getImageData(x * d, y * d, 1, 1).data.slice(0, 3)] }",
        {"x": column * side + 3, "y": row * side + 3},
    )


def test_the_sink_is_named_measured_and_hidden(inside):
    page = inside()
    go(page, 21, 1)
    found = attention(store.path("smollm2-135m-instruct"), APPLE)
    hide = page.get_by_role("checkbox", name="Hide the first word")
    expect(page.locator(".duet-attention .hide small")).to_contain_text(f"{percent(found.share)} %")
    expect(page.locator(".duet-attention .how")).to_contain_text("Xiao et al. 2023")
    hide.check()
    expect(word(page, 0)).to_be_disabled()
    expect(page.locator(".duet-attention .label.row")).to_have_count(7)
    word(page, 2).hover()
    rest = found.without_sinks()[20, 0, 1]  # of "apple", among all but the first word
    names, order = found.tokens[1:], np.argsort(-rest)
    expect(page.locator(".duet-attention .said")).to_contain_text(
        f"“apple” looks at {names[order[0]]} {percent(rest[order[0]])} %"
    )
    hide.uncheck()
    expect(page.locator(".duet-attention .label.row")).to_have_count(8)


def test_the_average_is_that_of_all_heads(inside):
    page = inside()
    go(page, 12, 0)
    average = attention(store.path("smollm2-135m-instruct"), APPLE).weights[11].mean(0)
    word(page, 6).hover()
    top = int(average[6].argmax())
    tokens = ["The", "green", "apple", "is", "on", "the", "table", "."]
    expect(page.locator(".duet-attention .said")).to_contain_text(
        f"“table” looks at {tokens[top]} {percent(average[6, top])} %"
    )


def test_the_other_model_looks_both_ways(inside):
    page = inside()
    how = page.locator(".duet-attention .how")
    expect(how).to_contain_text("The writer cannot look ahead")
    expect(page.locator(".duet-attention .why-not")).to_be_visible()
    page.get_by_role("radio", name="Reader").click()
    expect(page.locator(".duet-attention .word .token")).to_have_text(
        ["[CLS]", "The", "green", "apple", "is", "on", "the", "table", ".", "[SEP]"]
    )
    expect(how).to_contain_text("every word may look both ways")
    expect(page.locator(".duet-attention .why-not")).to_have_count(0)
    expect(page.locator(".duet-attention .stamp")).to_have_count(13)
    go(page, 6, 6)
    weights = attention(store.path("minilm-l6-v2"), APPLE).weights[5, 5]
    word(page, 2).hover()
    expect(page.locator(".duet-attention .said")).to_contain_text(f"apple {percent(weights[2, 3])} %")  # ahead of it
    page.get_by_role("button", name="the word after").click()
    expect(page.get_by_role("button", name="the word after")).to_have_attribute("aria-pressed", "true")


def test_the_sentence_is_changed_live_and_what_is_cut_is_said(inside):
    page = inside(None)
    field = page.get_by_role("textbox", name="Your sentence")
    expect(field).to_have_value(re.compile("^The green apple"))  # nothing was given: an example
    field.fill("Boats sail.")
    expect(page.locator(".duet-attention .word .token")).to_have_text(["Bo", "ats", "sail", "."])
    field.fill("你🙂")
    expect(page.locator(".duet-attention .word .token").first).to_have_text("你 1/2")
    field.fill("sea " * 80)
    expect(page.locator(".duet-attention .note")).to_have_text(re.compile("first 64 pieces.*left out: 1[0-9]"))
    expect(page.locator(".duet-attention .word")).to_have_count(64)
    field.fill("")
    expect(page.locator(".duet-attention .word")).to_have_count(0)
    page.get_by_role("button", name="Show the example").click()
    expect(page.locator(".duet-attention .word").first).to_be_visible()
    page.get_by_role("radio", name="Reader").click()
    field.fill("苹果 apple")
    expect(page.locator(".duet-attention .note")).to_contain_text("no word for 苹 果")


def test_it_opens_from_the_help_and_keys_move_in_it(visit):
    store.ensure(LANGUAGE_MODELS)
    page = visit()
    page.keyboard.press("?")
    page.get_by_role("button", name="Look inside a language model").click()
    dialog = page.get_by_role("dialog", name="Look inside")
    expect(dialog.locator(".word").first).to_be_visible()
    expect(page.locator(".duet-header .veil")).to_have_count(0)
    dialog.locator(".word").nth(3).click()
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".word").nth(4)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("slider", name="Layer").fill("4")
    dialog.locator(".word").nth(4).focus()
    page.keyboard.press("ArrowDown")
    expect(dialog.locator(".layer")).to_contain_text("Layer 6 of 30")
    dialog.locator(".stamp").first.click()
    dialog.locator(".stamp").first.focus()
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".stamp").nth(1)).to_be_focused()
    expect(dialog.locator(".stamp").nth(1)).to_have_attribute("aria-checked", "true")
    dialog.locator(".map").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(dialog.locator(".tip b")).to_have_text(re.compile(r"\d %"))
    page.keyboard.press("2")  # a key of the page behind it, which may not hear it
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".is-picked")).to_have_count(0)
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))


@pytest.mark.parametrize(
    "options",
    [{"viewport": PHONE, "has_touch": True}, {"locale": "zh-CN"}, {"color_scheme": "dark"}],
    ids=["phone", "zh", "dark"],
)
def test_the_look_inside_fits_and_speaks_the_language(inside, options):
    page = inside(**options)
    assert page.evaluate(
        "(veil => veil.scrollWidth <= veil.clientWidth)(document.querySelector('.duet-attention .veil'))"
    )
    if "has_touch" in options:
        word(page, 2).tap()
        expect(page.locator(".duet-attention .said")).to_contain_text("“apple” looks at")
        cells = page.locator(".duet-attention .cells")
        cells.tap(position={"x": 6, "y": 1.5 * cells.bounding_box()["height"] / 8})
        expect(page.locator(".duet-attention .tip")).to_contain_text("green → The")
    if options.get("locale") == "zh-CN":
        said = page.locator(".duet-attention .veil").inner_text()
        assert "{" not in said
        words = set(re.findall(r"[A-Za-z]{2,}", said)) - set(re.findall(r"\w+", APPLE))
        assert words <= {"softmax", "Xiao", "Esc"}
    box = page.locator(".duet-attention .head .icon").bounding_box()
    assert box["x"] + box["width"] <= options.get("viewport", WIDE)["width"]
