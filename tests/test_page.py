"""The page in Chromium, as an artist meets it. Every wait is for something that can be seen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from visitors import WIDE, again, facts, give, painted, picture, session_of, tile

pytestmark = [pytest.mark.browser, pytest.mark.models]


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
    seen = "([x, y]) => Number(document.elementFromPoint(x, y).closest('.tile')?.dataset.index)"
    middles = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in areas]
    assert [page.evaluate(seen, list(middle)) for middle in middles] == [0, 1, 2, 3]  # none is cut off or covered


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
