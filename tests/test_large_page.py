"""What is done with a single variant on the page: painted large meanwhile, gone on from, and why it looks so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from test_text_page import PAINTED
from visitors import painted, tile

from engines import fake, fake_text
from studio import server
from studio.bench.visit import free_port
from studio.desk import ASIDES
from studio.panels import page as panels

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[server.Running]:
    fake.use()
    fake_text.use()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setitem(panels.FIRST_BRIEFS, "style", PAINTED)
        with server.opened("127.0.0.1", free_port()) as found:
            yield found


@pytest.fixture
def page(visit) -> Page:
    return visit("?mode=style")


def press(page: Page, number: int, name: str) -> None:
    tile(page, number).hover()
    tile(page, number).get_by_role("button", name=name).click()


def test_one_is_painted_large_and_can_be_fetched_after_a_reload(page):
    press(page, 2, "Finish this one")
    link = tile(page, 2).locator("a.large.done")
    expect(link).to_have_text("1024 pixels")
    expect(page.locator("a.large")).to_have_count(1)
    page.reload()
    painted(page, 1)
    expect(link).to_be_visible()
    with page.expect_download() as coming:
        link.click()
    assert coming.value.suggested_filename.endswith("-1024.png")
    tile(page, 2).locator(".picture img").click()
    shown = page.locator(".duet-light .stage img")
    expect(shown).to_have_js_property("naturalWidth", 1024)
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    expect(page.locator(".large")).to_have_count(0)


def test_a_round_goes_on_from_a_picture_until_it_begins_afresh(page):
    press(page, 3, "Go on from this picture")
    painted(page, 2)
    begins = page.locator(".duet-brief .beginning")
    expect(begins).to_contain_text("Begins with this picture")
    before = page.evaluate("Duet.asked().sketch")
    page.keyboard.press("Enter")
    painted(page, 3)
    assert page.evaluate("Duet.asked().sketch") == before
    begins.get_by_role("button", name="Begin afresh").click()
    expect(begins).to_have_count(0)
    assert page.evaluate("'sketch' in Duet.asked()") is False


def test_why_it_looks_so_is_shown_by_part(page):
    press(page, 1, "Why it looks so")
    dialog = page.get_by_role("dialog", name="Why picture 1 looks so")
    parts = dialog.locator("li")
    expect(parts).to_have_count(len(PAINTED["styles"]))
    expect(dialog.locator(".alone img")).to_have_count(len(PAINTED["styles"]))
    shares = [float(text.removesuffix(" %")) for text in dialog.locator(".share span").all_text_contents()]
    assert sum(shares) == pytest.approx(100, abs=2)
    page.keyboard.press("Enter")  # asks for nothing while it is open
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")


def test_why_does_not_wait_for_what_is_painted_large(page, running):
    def work(cancelled: Callable[[], bool]) -> Iterator[None]:
        while not cancelled():
            time.sleep(0.01)
            yield

    running.studio.desk.submit("another/large", 0, work, ASIDES)
    try:
        press(page, 1, "Why it looks so")
        expect(page.locator(".duet-why .alone img")).to_have_count(len(PAINTED["styles"]))
    finally:
        running.studio.desk.cancel("another/large")
