"""The page in Chromium where something goes wrong, how it looks, and its sheet of small pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from visitors import PHONE, again, bomb, give, painted, picture, session_of, tile

from studio import locales
from studio.pictures import to_pixels

pytestmark = [pytest.mark.browser, pytest.mark.models]


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


def test_a_picture_that_was_not_sent_yet_stays_through_a_pick(visit):
    page = visit()
    before = page.locator(".duet-brief .canvas img").get_attribute("alt")
    give(page, "mine.png", picture())
    shown = page.locator(".duet-brief .canvas img")
    expect(shown).to_have_attribute("alt", re.compile("mine"))
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    expect(shown).to_have_attribute("alt", re.compile("mine"))
    again(page, 2)
    page.locator(".past").first.click()
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")
    tile(page, 3).hover()
    tile(page, 3).locator(".branch").click()  # which goes on with the picture of its own round
    expect(shown).to_have_attribute("alt", before)


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
    page.evaluate(
        "() => { window.waited = []; const wait = Duet.pending; Duet.pending = now => { waited.push(now); wait(now); }; }"
    )
    page.keyboard.press("Enter")
    page.wait_for_function("waited[0] === true")  # it waits, perhaps too briefly to be seen
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


@pytest.mark.parametrize("height", [560, 625, 900])  # with a browser's own bars, many laptops have no more than 625
def test_in_a_low_window_no_words_lie_under_a_button(visit, height):
    page = visit(viewport={"width": 1366, "height": height})
    ends = """all => all.map(each => {
        const words = document.createRange(), judge = each.querySelector('.judge').getBoundingClientRect();
        words.selectNodeContents(each.querySelector('.role'));
        return judge.left - words.getBoundingClientRect().right; })"""
    room = page.locator(".tile .caption").evaluate_all(ends)
    assert len(room) == 4
    assert min(room) >= -1


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


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_on_a_phone_nothing_of_the_top_lines_is_cut_off(visit, locale):
    page = visit(viewport={"width": 375, "height": 812}, locale=locale, has_touch=True, is_mobile=True)
    for mode in page.locator(".duet-header .mode").all():  # each on one line, and whole
        assert mode.evaluate("each => each.scrollHeight < 60")
    assert page.locator(".duet-header .bar").evaluate("each => each.scrollWidth") <= 375
    page.evaluate(
        """text => { Duet.panels.round.value = { ...Duet.value("round"), busy: true,
        progress: {
        count: '0 of 4', message: 'Painting it larger', left: text, total: 4, finished: 0, done: 0.2, fetching: null } };
        Duet.redraw('round'); }""",
        locales.table(locale[:2]).left(1234),
    )
    expect(page.locator(".progress .left")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    stop = page.locator(".duet-round .stop").bounding_box()
    assert stop["x"] + stop["width"] <= 375


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
