"""Text mode in Chromium, as a writer meets it, on an engine that strings words together; and once on the real one."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from visitors import PATIENCE, PHONE, WIDE

from engines import fake, fake_text, registry
from engines.api import option
from studio import authorship, server
from studio.bench.visit import free_port
from studio.panels import page as panels

pytestmark = [pytest.mark.browser, pytest.mark.models]

FIRST = {"mode": "text", "engine": "fake-text", "options": {"length": 12}, "seed": 5}
PAINTED = {"mode": "style", "engine": "fake", "styles": {"ember": 0.7, "tide": 0.3}, "size": 64, "seed": 5}


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[server.Running]:
    fake.use()
    fake_text.use()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setitem(panels.FIRST_BRIEFS, "text", FIRST)
        patch.setitem(panels.FIRST_BRIEFS, "style", PAINTED)
        with server.opened("127.0.0.1", free_port()) as found:
            yield found


@pytest.fixture
def writer(visit):
    return visit("?mode=text")


def notebook(page: Page):
    return page.locator(".duet-notebook textarea")


def written(page: Page) -> str:
    return notebook(page).input_value()


def tile(page: Page, number: int):
    return page.locator(".duet-round .tile").nth(number - 1)


def text_of(page: Page, number: int) -> str:
    return str(page.evaluate("at => Duet.value('round').tiles[at].words", number - 1))


def round_is(page: Page, number: int) -> None:
    expect(page.locator(".duet-round h2")).to_have_text(f"Round {number}")
    expect(page.locator(".duet-round .tile.made")).to_have_count(4)
    expect(page.locator(".duet-brief button.again")).to_be_enabled()


def kept(page: Page) -> None:
    expect(page.locator(".duet-notebook .kept")).to_have_text("kept")


def type_at_end(page: Page, text: str) -> None:
    notebook(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(text)


def session_of(page: Page, running):
    return running.studio.session(re.search(r"sid=(\w+)", page.url)[1])


# ── Coming in ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_visit_is_written_already_and_fits_one_screen(writer):
    page = writer
    round_is(page, 1)
    assert written(page) == panels.FIRST_TEXT
    expect(page.locator(".hint")).to_contain_text("Use one")
    expect(page.locator(".role")).to_have_text(["yours", "best", "twist", "surprise"])
    expect(page.locator(".figures")).to_contain_text("37 words")
    expect(page.locator(".figures")).to_contain_text("room for")
    for what in (".duet-notebook .page", ".duet-notebook .figures", "button.none", "button.again", ".past"):
        box = page.locator(what).first.bounding_box()
        assert box["x"] >= 0, what
        assert box["x"] + box["width"] <= WIDE["width"], what
        assert box["y"] + box["height"] <= WIDE["height"], what
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_texts_grow_beside_each_other_and_nothing_jumps(writer):
    page = writer
    page.locator(".more summary").click()
    page.evaluate("Duet.textForm.choose('pause', 2)")
    before = [tile(page, number).bounding_box() for number in (1, 2, 3, 4)]
    page.locator(".duet-brief button.again").click()
    expect(page.locator(".tile.coming")).to_have_count(4)
    lengths: list[int] = []
    while page.locator(".tile.coming").count():
        assert [tile(page, number).bounding_box() for number in (1, 2, 3, 4)] == before
        lengths.append(len(tile(page, 3).locator(".words").inner_text()))
        page.wait_for_timeout(50)
    assert len(set(lengths)) >= 5
    assert lengths == sorted(lengths)
    expect(page.locator(".duet-round .stop")).to_have_count(0)


def test_the_modes_are_turned_and_remembered(visit):
    page = visit()
    expect(page.locator(".mode[aria-current]")).to_have_text("Style")
    expect(page.locator(".duet-notebook")).to_be_hidden()
    page.get_by_role("button", name="Text", exact=True).click()
    expect(page.locator(".mode[aria-current]")).to_have_text("Text")
    round_is(page, 2)
    assert written(page) == panels.FIRST_TEXT
    expect(page.locator(".past")).to_have_count(2)
    page.reload()
    expect(page.locator(".mode[aria-current]")).to_have_text("Text")
    round_is(page, 2)
    page.locator(".past").first.click()
    expect(page.locator(".mode[aria-current]")).to_have_text("Style")
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")
    expect(page.locator(".tile .picture img")).to_have_count(4)
    page.locator(".past").nth(1).click()
    expect(page.locator(".tile.prose.made")).to_have_count(4)
    assert "mode=text" in page.url


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_typed_is_kept_and_there_after_a_reload(writer, running):
    page = writer
    type_at_end(page, " 😀 你好 שלום\tand more")
    expect(page.locator(".duet-notebook .kept")).not_to_have_text("kept")
    kept(page)
    assert session_of(page, running).document().text == panels.FIRST_TEXT + " 😀 你好 שלום\tand more"
    type_at_end(page, " and last")
    page.reload()
    round_is(page, 1)
    expect(notebook(page)).to_have_value(re.compile("and more and last$"))


def test_a_text_is_used_by_button_and_by_key_and_taken_back(writer, running):
    page = writer
    type_at_end(page, " I wrote this.")
    tile(page, 2).locator(".use").click()
    expect(notebook(page)).to_have_value(f"{panels.FIRST_TEXT} I wrote this.{text_of(page, 2)}")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    tile(page, 3).focus()
    page.keyboard.press("a")
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    expect(notebook(page)).to_have_value(re.compile(re.escape(text_of(page, 3)) + "$"))
    page.keyboard.press("z")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    page.keyboard.press("Shift+Z")
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    authors = [span.by for span in session_of(page, running).document().spans]
    assert [getattr(by, "variant", by) for by in authors] == ["given", None, 1, 2]


def test_undo_in_the_notebook_goes_through_typing_and_on_through_acts(writer):
    page = writer
    tile(page, 1).locator(".use").click()
    expect(notebook(page)).not_to_have_value(panels.FIRST_TEXT)
    used = written(page)
    type_at_end(page, " typed")
    kept(page)
    for _ in range(8):
        if written(page) == panels.FIRST_TEXT:
            break
        page.keyboard.press("Control+z")
        page.wait_for_timeout(400)
    assert written(page) == panels.FIRST_TEXT
    page.keyboard.press("Control+Shift+Z")
    expect(notebook(page)).to_have_value(used)


def test_whose_words_are_whose_is_shown(writer):
    page = writer
    type_at_end(page, " Mine.")
    tile(page, 1).locator(".use").click()
    page.get_by_role("button", name="Whose words").click()
    expect(page.locator(".lines .machine")).to_have_text(text_of(page, 1))
    expect(page.locator(".lines .given")).to_have_text(panels.FIRST_TEXT)
    marked = page.locator(".lines .machine").evaluate("each => getComputedStyle(each).boxShadow")
    assert marked != "none"  # an underline, not only a colour
    shown = page.evaluate("[...document.querySelectorAll('.lines > div')].map(each => each.textContent).join('\\n')")
    assert shown == written(page)


def test_one_writes_on_from_the_middle_and_the_rest_is_set_aside(writer, running):
    page = writer
    notebook(page).focus()
    page.evaluate("document.querySelector('.duet-notebook textarea').setSelectionRange(14, 14)")
    page.locator(".duet-notebook .here").click()
    expect(page.locator(".aside-told")).to_be_visible()
    expect(page.locator(".lines .aside")).to_have_text(panels.FIRST_TEXT[14:])
    page.locator(".duet-brief button.again").click()
    round_is(page, 2)
    assert session_of(page, running).state().rounds[1].brief.prompt == panels.FIRST_TEXT[:14]
    tile(page, 1).locator(".use").click()
    expect(notebook(page)).to_have_value(panels.FIRST_TEXT[:14] + text_of(page, 1) + panels.FIRST_TEXT[14:])
    page.get_by_role("button", name="From the end again").click()
    expect(page.locator(".lines .aside")).to_have_count(0)


def test_control_enter_asks_again_from_inside_and_enter_from_outside(writer):
    page = writer
    type_at_end(page, " On.")
    page.keyboard.press("Enter")
    assert written(page).endswith("On.\n")
    page.keyboard.press("Control+Enter")
    round_is(page, 2)
    tile(page, 1).focus()
    page.keyboard.press("Enter")
    round_is(page, 3)


def test_an_empty_notebook_says_what_to_do(writer):
    page = writer
    notebook(page).fill("")
    expect(page.locator(".duet-brief button.again")).to_be_disabled()
    page.locator(".duet-round h2").click()
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("Write a few words")
    kept(page)


# ── What else it had in mind ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_word_shows_what_else_the_model_had_in_mind_and_one_goes_on_from_there(writer):
    page = writer
    first = text_of(page, 3).split()[0]
    tile(page, 3).locator(".words").click(position={"x": 20, "y": 12})
    card = page.locator(".duet-tokens .card")
    expect(card.locator("strong")).to_have_text(first)
    expect(card.locator(".others li")).to_have_count(10)
    page.keyboard.press("ArrowRight")
    second = text_of(page, 3).split()[1]
    expect(card.locator("strong")).to_have_text(second)
    page.keyboard.press("ArrowDown")
    other = card.locator(".others button").nth(1).locator(".word").inner_text()
    page.keyboard.press("Enter")
    expect(notebook(page)).to_have_value(f"{panels.FIRST_TEXT} {first} {other}")
    round_is(page, 2)
    expect(card).to_have_count(0)


def test_a_text_is_used_up_to_a_word(writer):
    page = writer
    tile(page, 2).focus()
    page.keyboard.press("o")
    card = page.locator(".duet-tokens .card")
    expect(card).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    card.get_by_role("button", name="Use up to here").click()
    expect(notebook(page)).to_have_value(panels.FIRST_TEXT + " " + " ".join(text_of(page, 2).split()[:3]))
    page.keyboard.press("o")
    expect(card).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)


# ── Judging, mending, reading ────────────────────────────────────────────────────────────────────────────────────────


def test_texts_are_judged_like_pictures(writer, running):
    page = writer
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    tile(page, 1).locator(".like").click()
    tile(page, 4).focus()
    page.keyboard.press("d")
    expect(tile(page, 4)).to_have_class(re.compile("is-disliked"))
    page.keyboard.press("Shift+3")
    expect(tile(page, 3).locator(".ranked")).to_have_text("1st")
    start, end = tile(page, 1).locator(".caption").bounding_box(), page.locator(".place").nth(1).bounding_box()
    page.mouse.move(start["x"] + 30, start["y"] + 14)
    page.mouse.down()
    page.mouse.move(end["x"] - 40, end["y"] - 30, steps=4)
    expect(page.locator(".ghost.words")).to_be_visible()
    page.mouse.move(end["x"] + 12, end["y"] + 12, steps=4)
    page.mouse.up()
    expect(tile(page, 1).locator(".ranked")).to_have_text("2nd")
    expect(page.locator(".said li")).not_to_have_count(0)
    assert session_of(page, running).state().rounds[0].verdict.ranking == [[2], [0]]


def test_a_text_is_mended_in_its_tile_and_stands_so_in_the_notebook(writer, running):
    page = writer
    before = text_of(page, 2)
    tile(page, 2).hover()
    tile(page, 2).locator(".edit").click()
    box = tile(page, 2).locator("textarea.mend")
    expect(box).to_be_focused()
    box.fill(box.input_value() + " at last.")
    page.keyboard.press("Control+Enter")
    expect(notebook(page)).to_have_value(f"{panels.FIRST_TEXT}{before} at last.")
    expect(tile(page, 2).locator(".chip")).to_have_text("mended by you")
    spans = session_of(page, running).document().spans
    assert [getattr(span.by, "variant", span.by) for span in spans] == ["given", 1, None]
    page.keyboard.press("z")
    expect(notebook(page)).to_have_value(panels.FIRST_TEXT)


def test_the_texts_are_read_large_and_two_are_compared(writer):
    page = writer
    tile(page, 1).focus()
    page.keyboard.press("c")
    expect(page.locator(".duet-reading .sheet")).to_have_count(2)
    parts = page.locator(".duet-reading .sheet").first.locator(".text")
    assert parts.inner_text().split() == text_of(page, 1).split()
    assert parts.locator("mark").count() > 0
    page.keyboard.press("c")
    expect(page.locator(".duet-reading .sheet")).to_have_count(4)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("3")
    expect(page.locator(".duet-reading .sheet").nth(2)).to_have_class(re.compile("is-picked"))
    page.keyboard.press("Escape")
    expect(page.locator(".duet-reading .sheet")).to_have_count(0)


def test_one_goes_back_to_a_round_and_on_from_another_of_its_texts(writer):
    page = writer
    tile(page, 1).locator(".use").click()
    expect(notebook(page)).not_to_have_value(panels.FIRST_TEXT)
    page.keyboard.press("Enter")
    round_is(page, 2)
    page.locator(".past").first.click()
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")
    other = text_of(page, 4)
    tile(page, 4).hover()
    tile(page, 4).locator(".branch").click()
    expect(notebook(page)).to_have_value(panels.FIRST_TEXT + other)


# ── The form ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_keywords_and_tones_go_into_the_brief_with_their_locks(writer, running):
    page = writer
    page.get_by_placeholder("Add a word").fill("lantern, rope")
    page.keyboard.press("Enter")
    page.get_by_label("Tone").select_option("axis:joyful")
    expect(page.locator(".duet-brief .between .end")).to_have_text(["melancholic", "joyful"])
    page.locator("[data-name='word:lantern'][data-click='lock']").click()
    page.locator(".duet-brief button.again").click()
    round_is(page, 2)
    brief = session_of(page, running).state().rounds[1].brief
    assert dict(brief.weights) == {"axis:joyful": 0.5, "word:lantern": 0.6, "word:rope": 0.6}
    assert brief.locks == ("word:lantern",)
    assert text_of(page, 1).split()[0] == "lantern"
    page.locator("[data-name='word:rope'][data-click='off']").click()
    page.locator(".duet-brief button.again").click()
    round_is(page, 3)
    assert "word:rope" not in session_of(page, running).state().rounds[2].brief.weights


def test_what_was_set_by_hand_survives_a_pick_and_the_rest_follows_it(writer):
    page = writer
    page.get_by_placeholder("Add a word").fill("lantern")
    page.keyboard.press("Enter")
    page.evaluate("Duet.textForm.choose('length', 9)")
    daring = page.evaluate("Duet.value('round').tiles[3].facts")[0].split()[-1]
    page.locator(".duet-round h2").click()
    page.keyboard.press("4")
    expect(page.locator(".duet-brief .options .row", has_text="Daring").locator("output")).to_have_text(daring)
    assert page.evaluate("Duet.textForm.asked().weights") == {"word:lantern": 0.6}
    assert page.evaluate("Duet.textForm.asked().options.length") == 9
    page.locator(".duet-brief button.again").click()
    round_is(page, 2)
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    expect(page.locator(".duet-brief .part .row")).to_have_count(1)  # now it is the studio's own, and moves


def test_a_word_that_must_occur_is_a_line_of_that_option(writer, monkeypatch):
    asked = dataclasses.make_dataclass(
        "Asked", [("must", str, option(""))], bases=(fake_text.FakeTextOptions,), frozen=True
    )
    info = dataclasses.replace(fake_text.INFO, options=asked)
    monkeypatch.setitem(registry._factories, "fake-text", (info, fake_text.FakeText))
    page = writer
    page.reload()
    page.get_by_placeholder("Add a word").fill("lantern;rope")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="rope: Must occur").click()
    expect(page.get_by_role("button", name="rope: Must occur")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="lantern: Must occur").click()
    assert page.evaluate("Duet.textForm.asked().options.must") == "rope\nlantern"
    page.locator("[data-name='word:rope'][data-click='off']").click()
    assert page.evaluate("Duet.textForm.asked().options.must") == "lantern"
    assert page.locator(".duet-brief").get_by_label("must", exact=True).count() == 0


def test_a_text_that_is_too_long_says_so_and_goes_on_saying_so(writer):
    page = writer
    notebook(page).fill("word " * 700)
    expect(page.locator(".figures .over")).to_contain_text("Too long")
    page.locator(".duet-brief button.again").click()
    round_is(page, 2)
    expect(page.locator(".warned")).to_contain_text("beginning was left out")
    tile(page, 1).get_by_role("button", name="see what was filtered").click()
    expect(tile(page, 1).locator(".words")).to_contain_text("etc.")


# ── Who wrote what, and pictures from words ──────────────────────────────────────────────────────────────────────────


def test_the_sheet_of_who_wrote_what_and_its_files(writer, running):
    page = writer
    type_at_end(page, " Mine.")
    tile(page, 1).locator(".use").click()
    expect(tile(page, 1)).to_have_class(re.compile("is-picked"))
    page.get_by_role("button", name="Who wrote what").click()
    found = authorship.figures(session_of(page, running).state())
    expect(page.locator(".duet-who dd").first).to_have_text(f"{round(100 * found['human_share'])} %")
    with page.expect_download() as got:
        page.get_by_role("link", name="Figures").click()
    saved = json.loads(got.value.path().read_text())
    assert saved["figures"] == found
    assert "".join(span["text"] for span in saved["spans"]) == written(page)
    page.keyboard.press("Escape")
    expect(page.locator(".duet-who dd")).to_have_count(0)


def test_a_prompt_for_pictures_goes_on_to_image_mode(writer, running, monkeypatch):
    page = writer
    monkeypatch.setitem(
        registry._factories,
        "fake-text",
        (dataclasses.replace(fake_text.INFO, templates={"image": ""}), fake_text.FakeText),
    )
    monkeypatch.setattr("studio.render.round.sends", lambda scene, brief: True)
    page.keyboard.press("3")
    prompt = text_of(page, 3)
    tile(page, 3).get_by_role("button", name="Send to image mode").click()
    expect(page.locator("nav .mode[aria-current]")).to_have_text("Image")
    expect(page.locator("#d-words")).to_have_value(prompt)  # it waits there, and nothing else is painted meanwhile
    expect(page.locator(".duet-history .tools button").first).to_have_attribute("title", "Take back what was sent on")
    assert session_of(page, running).view("image")["next"]["prompt"] == prompt


# ── Everywhere ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_phone_writes_too(visit):
    page = visit("?mode=text", viewport=PHONE, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tile(page, 2).locator(".use").tap()
    expect(notebook(page)).not_to_have_value(panels.FIRST_TEXT)
    tile(page, 1).locator(".words").tap(position={"x": 30, "y": 12})
    card = page.locator(".duet-tokens .card")
    expect(card).to_be_visible()
    assert card.bounding_box()["x"] + card.bounding_box()["width"] <= PHONE["width"]
    for name in ("like", "use"):
        box = tile(page, 1).locator(f".deeds .{name}").first.bounding_box()
        assert min(box["width"], box["height"]) >= 44, name


def test_text_mode_speaks_chinese(visit):
    page = visit("?mode=text", locale="zh-CN")
    expect(page.locator(".duet-notebook h2")).to_have_text("笔记本")
    shown = page.evaluate(
        "[...document.querySelectorAll('.duet-notebook, .duet-brief .part, .duet-round .top')].map(each => each.innerText).join(' ')"
    )
    assert not re.search(r"[A-Za-z]{3,} [A-Za-z]{3,}", shown.replace(panels.FIRST_TEXT, "")), shown


def test_what_is_kept_and_measured_is_told_in_the_language_that_was_just_chosen(writer):
    page = writer
    expect(page.locator(".duet-notebook .kept")).to_have_text("kept")
    expect(page.locator(".duet-notebook .figures")).to_contain_text("tokens")
    page.get_by_role("button", name="中文").click()
    expect(page.locator(".duet-notebook .kept")).to_have_text("已保存")
    expect(page.locator(".duet-notebook .figures")).not_to_contain_text("tokens")


def test_everything_in_text_mode_can_be_reached_by_key_and_has_a_name(writer):
    page = writer
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('#duet-notebook, #duet-round, #duet-brief')].flatMap(panel =>
        [...panel.querySelectorAll('button, textarea, input, select, a')]).filter(each => each.checkVisibility()
        && !(each.getAttribute('aria-label') || each.innerText || each.labels?.length || each.title)).map(each => each.outerHTML)"""
    )
    assert nameless == []


# The contrast of the notebook's ink on what an element lays over its page (WCAG 2.2, relative luminance).
CONTRAST = """each => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const linear = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = colours => {
    for (const each of colours) { canvas.fillStyle = each; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(value => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = what => getComputedStyle(typeof what === 'string' ? document.querySelector(what) : what);
  const ink = light([style('.duet-notebook textarea').color]);
  const paper = light([style('.duet-notebook .page').backgroundColor, style(each).backgroundColor]);
  return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}"""


@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_light_and_dark(visit, dark):
    page = visit("?mode=text", color_scheme="dark" if dark else "light")
    tile(page, 1).locator(".use").click()
    page.get_by_role("button", name="Whose words").click()
    ratio = page.locator(".lines .machine").evaluate(CONTRAST)
    assert ratio >= 4.5


def test_a_long_novel_stays_usable(writer):
    page = writer
    notebook(page).fill(
        "\n\n".join("the grey sea and a boat came home with salt on its ropes " * 8 for _ in range(1050))
    )
    expect(page.locator(".figures")).to_contain_text(re.compile(r"10\d,\d{3} words"))
    kept(page)
    notebook(page).focus()
    page.evaluate(
        """() => { window.late = []; document.querySelector('.duet-notebook textarea').addEventListener('keydown', () => {
        const began = performance.now(); requestAnimationFrame(() => setTimeout(() => late.push(performance.now() - began))); }); }"""
    )
    for letter in "typed on and on":
        page.keyboard.press("Space" if letter == " " else letter)
        page.wait_for_timeout(50)
    late = sorted(page.evaluate("late"))
    assert late[len(late) // 2] < 250  # milliseconds from a key to its letter, on a busy machine; 30 on a quiet one
    kept(page)


def test_the_real_model_writes_on_and_tells_what_else_it_had_in_mind(writer, running):
    server.fetch(("writer",))
    page = writer
    page.set_default_timeout(4 * PATIENCE)  # it loads first
    expect(page.locator(".writes")).to_have_count(0)  # the other engine has no language model
    page.get_by_role("tab", name="Writer").click()
    expect(page.locator(".writes")).to_contain_text("SmolLM2 135M Instruct writes")
    page.evaluate("Duet.textForm.choose('length', 8)")
    page.locator(".duet-brief button.again").click()
    expect(page.locator(".duet-round h2")).to_have_text("Round 2", timeout=4 * PATIENCE)
    expect(page.locator(".duet-round .tile.made")).to_have_count(4, timeout=4 * PATIENCE)
    assert session_of(page, running).state().rounds[1].engine.name == "writer"
    expect(page.locator(".writes")).to_have_text(
        "SmolLM2 135M Instruct writes · 135 million parameters · comes with Duet"
    )
    assert all(text_of(page, number).strip() for number in (1, 2, 3, 4))
    tile(page, 1).focus()
    page.keyboard.press("o")
    card = page.locator(".duet-tokens .card")
    expect(card.locator(".others li")).to_have_count(10, timeout=2 * PATIENCE)
    shares = [float(share.rstrip(" %")) for share in card.locator(".others .share").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 101
    expect(page.locator(".figures")).to_contain_text("room for")
