"""The sheet where a painter is taught pairs of the artist's, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from test_newgan_page import arrived
from test_newpainter import png, ring
from test_pairs import picture
from visitors import PHONE, session_of

from engines import store
from engines.image import training

pytestmark = [pytest.mark.browser, pytest.mark.models]
OFFER = "Teach the painter my pictures …"


@pytest.fixture(autouse=True)
def _small(monkeypatch) -> None:
    store.ensure(["hed-vgg16", "minilm-l6-v2"])
    monkeypatch.setattr(training, "FITTED", 6)


def sheet(page: Page):
    return page.get_by_role("dialog", name="Teach the painter your pictures")


def lay(page: Page, count: int) -> None:
    files = [(f"a-green-ball-{at}.png", png(picture(at))) for at in range(count)]
    files += [("a-green-ball-0.sketch.png", ring()), ("IMG_1.png", png(picture(20))), ("torn.png", b"\x89PNG")]
    given = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
    page.locator("#duet-painter .pictures input[type=file]").set_input_files(given)


def test_a_painter_learns_pairs_and_stands_among_the_styles(visit, running):
    page = arrived(visit)
    page.get_by_role("button", name=OFFER).click()
    train = sheet(page).get_by_role("button", name="Train", exact=True)
    lay(page, 9)
    status = sheet(page).locator("p.status")
    expect(status).to_contain_text("10 pairs: 9 with words, 1 with a sketch of yours", timeout=120_000)
    expect(status).to_contain_text("It takes 12.")
    expect(train).to_be_disabled()
    lay(page, 12)
    expect(status).to_contain_text("13 pairs: 12 with words, 1 with a sketch of yours", timeout=120_000)
    expect(sheet(page).locator(".pair img").first).to_be_visible()
    sheet(page).get_by_text("1 files were skipped").click()
    expect(sheet(page).locator(".skipped li")).to_contain_text("torn.png")
    sheet(page).get_by_role("button", name="Take this picture out: no words").or_(
        sheet(page).get_by_role("button", name="Take this picture out: IMG_1.png")
    ).click()
    expect(status).to_contain_text("12 pairs")
    sheet(page).get_by_label("Name", exact=True).fill("balls")
    sheet(page).get_by_label("Minutes").fill("0.05")
    sheet(page).get_by_text("More").click()
    sheet(page).get_by_label("Pictures a step").fill("2")
    train.click()
    expect(sheet(page)).to_contain_text("On the 4 pairs that it did not learn from", timeout=240_000)
    expect(sheet(page).locator(".rows li")).to_have_count(4)
    expect(sheet(page).locator(".screen img")).to_be_visible()
    sheet(page).get_by_role("button", name="Paint with it").click()
    expect(sheet(page)).to_have_count(0)
    row = page.locator(".duet-brief .mix .row")
    expect(row).to_contain_text("100 %")
    expect(row.locator(".thumb img")).to_be_visible()
    [(ref, share)] = page.evaluate("Object.entries(Duet.asked().styles)")
    assert share == 1
    page.locator(".duet-brief button.again").click()
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    expect(page.locator(".duet-brief button.again")).to_be_enabled(timeout=120_000)
    made = session_of(page, running).state().rounds[1]
    assert (made.status, made.brief.styles) == ("done", {ref: 1.0})
    page.get_by_role("button", name=OFFER).click()
    sheet(page).get_by_role("button", name="Train another").click()  # what was learned last is shown first
    with page.expect_download() as taken:
        sheet(page).get_by_role("link", name="Take balls along as a file").click()
    assert taken.value.suggested_filename == "balls.painter.safetensors"
    sheet(page).get_by_role("button", name="Put balls away").click()
    expect(sheet(page)).to_contain_text("None yet.")
    page.keyboard.press("Escape")
    assert ref not in page.evaluate("Object.keys(Duet.asked().styles)")
    dropped = {"name": "balls.painter.safetensors", "mimeType": "application/octet-stream"}
    page.get_by_role("button", name=OFFER).click()
    bring = sheet(page).locator("input[data-change=bring]")
    bring.set_input_files([{**dropped, "buffer": b"\x80\x04pickle"}])
    expect(sheet(page).get_by_role("alert")).to_contain_text("is no painter")
    bring.set_input_files(taken.value.path())
    expect(sheet(page).locator("ul.shelf li")).to_have_count(1)


def test_the_words_of_pairs_are_mended_on_the_sheet_and_kept(visit):
    page = arrived(visit)
    page.get_by_role("button", name=OFFER).click()
    lay(page, 2)
    status = sheet(page).locator("p.status")
    expect(status).to_contain_text("3 pairs: 2 with words", timeout=120_000)
    said = sheet(page).locator(".pair input.said")
    shown = "all => all.map(each => each.value)"
    assert sorted(said.evaluate_all(shown)) == ["", "a green ball", "a green ball"]
    wanted = ["a brass bell", "a blue ball", "a kite"]
    said.first.focus()
    for at, words in enumerate(wanted):  # without a mouse
        expect(said.nth(at)).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type(words)
        page.keyboard.press("Enter")
    expect(status).to_contain_text("3 with words")
    said.nth(2).focus()
    page.keyboard.press("Shift+Enter")
    expect(said.nth(1)).to_be_focused()
    assert said.evaluate_all(shown) == wanted
    page.reload()
    page.get_by_role("button", name=OFFER).click()
    expect(said).to_have_count(3)
    assert said.evaluate_all(shown) == wanted


@pytest.mark.parametrize("options", [{"viewport": PHONE}, {"locale": "zh-CN", "color_scheme": "dark"}])
def test_it_fits_a_phone_and_speaks_chinese(visit, options):
    page = arrived(visit, **options)
    page.evaluate("Duet.painters.open()")
    box = page.locator("#duet-painter .sheet")
    expect(box.locator("input[type=number]").first).to_be_visible()
    lay(page, 3)
    expect(box.locator(".pair")).to_have_count(4, timeout=120_000)
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    if "locale" in options:
        assert not re.search(r"[a-z]{4,} [a-z]{4,}", box.locator(".fields").first.inner_text())
