"""Breeding in Chromium: worlds, parents, sixteen children, their family, and directions with names."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from test_breeding import file as gan_file  # noqa: F401
from visitors import PHONE, again, give, painted, picture, session_of, tile

from engines import store

pytestmark = [pytest.mark.browser, pytest.mark.models]
MANY = 16


@pytest.fixture(scope="module", autouse=True)
def _ready():
    store.ensure(["dcgan-faces", "hed-vgg16", "outlines", "minilm-l6-v2"])


@pytest.fixture
def breeder(visit):
    """A visitor who breeds faces."""

    def come(**options) -> Page:
        page = visit("?mode=image", **options)
        painted(page, 1)
        page.click("[data-click=drawer] >> nth=-1") if options else None
        page.click(".duet-brief [role=tab] >> nth=1")
        return page

    return come


@pytest.fixture
def page(breeder):
    found = breeder()
    again(found, 2, MANY)
    return found


def test_every_world_that_comes_with_the_studio_has_a_picture(visit):
    page = visit("?mode=image", painted=False)
    page.click(".duet-brief [role=tab] >> nth=1")
    tiles = page.locator(".worlds button[value]")
    expect(tiles.locator("img")).to_have_count(2)
    page.wait_for_function("[...document.querySelectorAll('.worlds img')].every(each => each.naturalWidth > 100)")
    assert len({tiles.nth(at).locator("img").get_attribute("src") for at in range(2)}) == 2


def rounds(page: Page, running):
    return session_of(page, running).state().rounds


def at(page: Page, number: int, keys: str) -> None:
    """Rests on a tile and presses keys."""
    tile(page, number).hover()
    expect(tile(page, number)).to_be_focused()
    for key in keys:
        page.keyboard.press(key)


def boxes(page: Page) -> list[dict]:
    return page.evaluate(
        "[...document.querySelectorAll('.tile .picture')].map(each => each.getBoundingClientRect().toJSON())"
    )


def test_sixteen_children_fit_and_every_one_is_reached_by_keys(page, running):
    brief = rounds(page, running)[1].brief
    assert (brief.engine, brief.variants, brief.size) == ("faces", 16, 64)
    found = boxes(page)
    assert len({round(each["x"]) for each in found}) == len({round(each["y"]) for each in found}) == 4
    assert all(
        each["x"] >= 440 and each["y"] >= 44 and each["bottom"] <= 688 and each["width"] >= 120 for each in found
    )
    tile(page, 1).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "l", "ArrowDown", "d", "s"):
        page.keyboard.press(key)
    expect(tile(page, 10).locator(".like")).to_have_attribute("aria-pressed", "true")
    expect(tile(page, 14).locator(".dislike")).to_have_attribute("aria-pressed", "true")
    expect(tile(page, 14).locator(".star")).to_have_attribute("aria-pressed", "true")
    at(page, 7, "p")
    expect(tile(page, 7)).to_have_class(re.compile("is-picked"))
    page.keyboard.press("9")
    expect(tile(page, 9)).to_have_class(re.compile("is-picked"))
    verdict = rounds(page, running)[1].verdict
    assert (verdict.likes, verdict.dislikes, verdict.pick) == ({9}, {13}, 8)
    for number in (12, 3, 16, 5, 8):
        at(page, number, "r")
    expect(tile(page, 8).locator(".ranked")).to_have_text("5th")
    expect(page.locator(".place")).to_have_count(6)
    assert [list(group) for group in rounds(page, running)[1].verdict.ranking] == [[11], [2], [15], [4], [7]]
    assert boxes(page) == found  # nothing jumped


def test_children_take_after_parents_and_the_liked_replace_them(page, running):
    at(page, 5, "b")
    expect(page.locator(".parents li")).to_have_count(1)
    tile(page, 11).locator("[data-click=parent]").click()
    expect(page.locator(".parents li")).to_have_count(2)
    expect(page.locator(".parents li .name")).to_have_text(["2·5", "2·11"])
    at(page, 6, "bb")  # and back
    expect(page.locator(".parents li")).to_have_count(2)
    page.locator(".gives input").first.fill("1")
    expect(page.locator(".gives output")).to_have_text(["67 %", "33 %"])
    page.locator(".gives [data-click=lockGiven]").first.click()
    page.locator("#d-mutation").fill("0.1")
    page.locator(".children button[value='8']").click()
    page.locator("h1").click()
    again(page, 3, 8)
    made, first = rounds(page, running)[2], rounds(page, running)[1].variants
    mother, father = (f"parent:sha256:{first[which].sha256}" for which in (4, 10))
    assert dict(made.brief.weights) == {mother: 1.0, father: 0.5}
    assert made.brief.locks == (mother,)
    assert (made.brief.options["mutation"], made.brief.variants) == (0.1, 8)
    assert {each.knobs[mother] for each in made.variants} == {1.0}
    at(page, 2, "l")
    at(page, 3, "l")
    expect(tile(page, 3).locator(".like")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Shift+B")
    expect(page.locator(".parents li .name")).to_have_text(["3·2", "3·3"])
    at(page, 7, "p")  # what is picked goes on; the parents that were chosen stay
    expect(tile(page, 7)).to_have_class(re.compile("is-picked"))
    expect(page.locator(".parents li .name")).to_have_text(["3·2", "3·3"])
    page.reload()
    expect(page.locator(".parents li .name")).to_have_text(["3·2", "3·3"])
    page.locator("[data-click=parentsClear]").click()
    expect(page.locator(".parents li")).to_have_count(0)


def test_a_picture_of_ones_own_is_a_parent(page, running):
    page.locator(".add-parent summary").click()
    give(page, "aunt.png", picture((80, 64)), ".add-parent input")
    expect(page.locator(".parents li .name")).to_have_text("aunt")
    expect(page.locator(".parents .small")).to_contain_text("From elsewhere: 1")
    page.locator("[data-click=parentAway]").click()
    page.locator(".add-parent summary").click()
    page.locator("[data-click=parentMine]").click()  # it is a picture of the session by now
    expect(page.locator(".parents li .name")).to_have_text("aunt")
    give(page, "torn.png", b"no picture", ".add-parent input")
    expect(page.locator(".duet-notice")).to_contain_text("torn.png")
    expect(page.locator(".parents li")).to_have_count(1)


def test_a_direction_shows_what_it_does_and_keeps_the_name_it_is_given(page, running):
    page.locator(".way >> nth=1").hover()
    expect(page.locator(".five img")).to_have_count(5)
    before = [each.get_attribute("src") for each in page.locator(".five img").all()]
    assert len(set(before)) == 5
    page.locator(".five button").last.click()
    assert float(page.input_value("#d-way_2")) == 2.0
    page.locator(".way >> nth=1").locator("[data-click=wayRename]").click()
    page.locator(".naming").fill("turned head")
    page.keyboard.press("Escape")
    expect(page.locator(".way label >> nth=1")).to_have_text("Way 2")
    page.locator(".way >> nth=1").locator("[data-click=wayRename]").click()
    page.locator(".naming").fill("turned head")
    page.keyboard.press("Enter")
    expect(page.locator(".way label >> nth=1")).to_have_text("turned head")
    at(page, 4, "p")
    expect(page.locator(".duet-learned")).to_contain_text("turned head")
    again(page, 3, MANY)
    assert "turned head" in tile(page, 4).locator(".picture img").get_attribute("alt")
    page.keyboard.press("z")  # the round
    page.reload()
    expect(page.locator(".way label >> nth=1")).to_have_text("turned head")


def test_a_gan_of_ones_own_is_a_world_whose_layers_take_after_different_parents(breeder, running, gan_file):  # noqa: F811
    page = breeder()
    expect(page.locator(".duet-brief")).to_contain_text("A GAN is a pair of networks")
    page.set_input_files(".worlds input[type=file]", str(gan_file))
    expect(page.locator(".worlds button[value=gan]")).to_have_attribute("aria-pressed", "true")
    again(page, 2, MANY)
    at(page, 2, "b")
    at(page, 15, "b")
    expect(page.locator(".gives")).to_have_count(6)
    for row, share in ((0, "1"), (2, "0"), (3, "0"), (5, "1")):
        page.locator(".gives input").nth(row).fill(share)
    page.locator("h1").click()
    again(page, 3, MANY)
    made, first = rounds(page, running)[2], rounds(page, running)[1].variants
    given = {
        f"{kind}:sha256:{first[which].sha256}": value
        for which, values in ((1, (1.0, 0.5, 0.0)), (14, (0.0, 0.5, 1.0)))
        for kind, value in zip(("coarse", "middle", "fine"), values, strict=True)
    }
    assert dict(made.brief.weights) == given
    assert list(made.brief.styles.values()) == [1.0]
    page.locator(".worlds button[value=faces]").click()
    expect(page.locator(".parents li")).to_have_count(0)  # each world has parents of its own
    page.set_input_files(".worlds input[type=file]", {"name": "x.safetensors", "mimeType": "", "buffer": b"nothing"})
    expect(page.locator(".duet-notice p")).to_be_visible()
    expect(page.locator(".worlds button[value=faces]")).to_have_attribute("aria-pressed", "true")


def test_the_family_leads_to_where_each_was_made(page, running):
    at(page, 1, "b")
    at(page, 2, "b")
    page.locator(".children button[value='4']").click()
    page.locator("h1").click()
    again(page, 3, 4)
    tile(page, 3).focus()
    page.keyboard.press("f")
    expect(page.locator(".duet-family .member")).to_have_count(3)
    expect(page.locator(".duet-family .here")).to_be_focused()
    expect(page.locator(".duet-family .tree path")).to_have_count(2)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    expect(page.locator(".duet-family .veil")).to_have_count(0)
    tile(page, 1).focus()
    page.keyboard.press("f")
    expect(page.locator(".duet-family .member")).to_have_count(5)  # itself and four children
    page.keyboard.press("Escape")
    expect(page.locator(".duet-family .veil")).to_have_count(0)
    expect(tile(page, 1)).to_be_focused()


def test_on_a_phone_children_stand_in_two_columns(breeder):
    page = breeder(viewport=PHONE, has_touch=True)
    page.locator(".duet-brief button.again").click()
    expect(page.locator(".tile.made")).to_have_count(MANY)
    assert len({round(each["x"]) for each in boxes(page)}) == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    button = tile(page, 2).locator("[data-click=parent]")
    assert button.bounding_box()["height"] >= 40
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")


def test_in_chinese_every_word_is(page):
    at(page, 3, "b")
    page.click("button[value=zh]")
    expect(page.locator(".parents h3")).to_have_text("父母")
    told = page.locator(".duet-brief").inner_text()
    assert not re.search(r"[A-Za-z]{4,}", told), told
