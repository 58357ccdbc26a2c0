"""The sheet where styles of one's own are learned and kept, in a browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from banks import picture as stripes
from playwright.sync_api import Page, Route, expect
from test_newstyle import style_file  # noqa: F401 - a fixture
from visitors import again, give, session_of

from engines import store
from engines.style.learned import Bank, Network
from studio import newstyle, pictures

pytestmark = [pytest.mark.browser, pytest.mark.models]
PLUS = "A style of your own: learn one from a picture, or bring a file"


@pytest.fixture(autouse=True)
def _small(monkeypatch) -> None:
    """It practises on two small pictures, beginning with one of three styles."""
    store.ensure(list(newstyle.MODELS))
    found = Bank.of_store()
    few = replace(found, rows=dict(list(found.rows.items())[:3]))
    monkeypatch.setattr(Bank, "of_store", lambda: few)
    monkeypatch.setattr(newstyle, "photographs", lambda: [stripes(1), stripes(2)])


def sheet(page: Page):
    return page.get_by_role("dialog", name="A style of your own")


def bring(page: Page, name: str, data: bytes) -> None:
    give(page, name, data, ".duet-learn footer input")


def begin(page: Page, steps: int) -> None:
    """A training at toy size of a picture of stripes."""
    page.get_by_role("button", name=PLUS).click()
    give(page, "stripes.png", pictures.encode_png(stripes(7)), ".duet-learn .pictures input")
    expect(sheet(page).get_by_label("Name of the style")).to_have_value("stripes")
    page.route("**/newstyle/begin?*", lambda route: smaller(route, steps))
    sheet(page).get_by_role("button", name="Learn this style").click()


def smaller(route: Route, steps: int) -> None:
    """Asks for so few steps of so small pictures as no artist wants."""
    said = route.request.post_data_json
    route.continue_(post_data=json.dumps({**said, "settings": {"size": 64, "steps": steps}}))


def in_mix(page: Page) -> list[str]:
    return page.evaluate("Object.keys(Duet.asked().styles)")


def test_a_style_file_is_brought_named_painted_with_and_put_away(visit, running, style_file):  # noqa: F811
    page = visit()
    page.get_by_role("button", name=PLUS).click()
    expect(sheet(page)).to_contain_text("Learn a style from one of your pictures: about ten minutes")
    before = in_mix(page)
    bring(page, "garbage.safetensors", b"\x10" + bytes(90))
    expect(sheet(page).get_by_role("alert")).to_contain_text("is no style file")
    assert in_mix(page) == before
    bring(page, "dunes.style.safetensors", style_file)
    expect(sheet(page)).to_have_count(0)
    expect(page.locator(".duet-notice")).to_contain_text("“dunes” is here")
    expect(page.get_by_role("slider", name="dunes")).to_be_visible()
    tile = page.locator(".shelf").get_by_role("button", name="dunes", exact=True)
    expect(tile).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("document.querySelector('.shelf [aria-label=dunes] img').naturalWidth > 0")
    again(page, 2)
    made = session_of(page, running).state().rounds[1]
    assert made.status == "done"
    assert any(name.startswith("sha256:") for name in made.brief.styles)
    expect(page.locator(".tile").first.locator(".picture img")).to_have_attribute("alt", re.compile("dunes"))

    page.reload()
    page.get_by_role("button", name=PLUS).click()
    sheet(page).get_by_label("Rename dunes").fill("sand")
    sheet(page).get_by_label("Rename dunes").blur()
    expect(page.get_by_role("slider", name="sand")).to_be_attached()
    with page.expect_download() as download:
        sheet(page).get_by_role("link", name="Take sand along as a file").click()
    assert download.value.suggested_filename == "sand.style.safetensors"
    assert download.value.path().read_bytes() == style_file
    sheet(page).get_by_role("button", name="Put sand away").click()
    expect(sheet(page).locator(".shelf")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("slider", name="sand")).to_have_count(0)
    page.keyboard.press("z")
    expect(page.locator(".shelf").get_by_role("button", name="sand", exact=True)).to_be_visible()


def test_a_network_has_a_shelf_of_its_own(visit, running):
    page, found = visit(), Bank.of_store()
    expect(page.get_by_role("tab", name="Networks")).to_have_count(0)
    learner = Network(found, chance=False, seed=0)
    look = pictures.encode_jpeg(stripes(7))
    data = learner.pack(
        learner.start(next(iter(found.rows.values()))), "linocut", look, {"kind": "network", "steps": 1}
    )
    page.get_by_role("button", name=PLUS).click()
    bring(page, "mine.network.safetensors", data)
    expect(page.get_by_role("tab", name="Networks")).to_have_attribute("aria-selected", "true")
    assert len(in_mix(page)) == 1
    page.wait_for_function("document.querySelector('.shelf [aria-label=linocut] img').naturalWidth > 0")
    again(page, 2)
    made = session_of(page, running).state().rounds[1]
    assert (made.status, made.brief.engine) == ("done", "style-network")
    page.get_by_role("button", name=PLUS).click()
    with page.expect_download() as download:
        sheet(page).get_by_role("link", name="Take linocut along as a file").click()
    assert download.value.suggested_filename == "linocut.network.safetensors"
    sheet(page).get_by_role("button", name="Put linocut away").click()
    expect(sheet(page).locator(".shelf")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("slider", name="linocut")).to_have_count(0)


def test_a_style_is_learned_while_the_artist_works_on(visit, running):
    page = visit()
    begin(page, 100_000)
    expect(sheet(page).get_by_role("status")).to_contain_text("left")
    expect(sheet(page).get_by_role("img", name="after")).to_be_visible()
    page.keyboard.press("Escape")
    line = page.locator(".duet-brief .learning")
    expect(line).to_contain_text("stripes")
    again(page, 2)
    page.reload()
    expect(line).to_contain_text("left")
    line.get_by_role("button", name="Pause").click()
    expect(line).to_contain_text("Paused at step")
    line.get_by_role("button", name="Go on").click()
    expect(line).to_contain_text("left")
    line.get_by_role("button", name="stripes: see how it comes along").click()
    sheet(page).get_by_role("button", name="Pause").click()
    sheet(page).get_by_role("button", name="Discard", exact=True).click()
    sheet(page).get_by_role("button", name="Discard all it learned?").click()
    expect(sheet(page).get_by_role("button", name="Learn this style")).to_be_visible()
    expect(line).to_have_count(0)
    assert not running.studio.unfinished(session_of(page, running).id).joinpath("style").exists()


def test_what_is_learned_comes_into_the_mix_and_onto_the_shelf_of_every_tab(visit):
    page = visit()
    other = page.context.new_page()
    begin(page, 30)
    other.goto(page.url)
    expect(other.locator(".duet-brief .learning")).to_be_visible()
    expect(page.locator(".duet-notice")).to_contain_text("“stripes” is learned")
    page.keyboard.press("Escape")
    expect(page.get_by_role("slider", name="stripes", exact=True)).to_be_visible()
    expect(other.locator(".shelf").get_by_role("button", name="stripes", exact=True)).to_be_visible()
    other.close()
    page.get_by_role("button", name=PLUS).click()
    sheet(page).get_by_role("button", name="Let stripes learn on").click()
    expect(page.locator(".duet-notice")).to_contain_text("“stripes 2” is learned")
    expect(sheet(page).get_by_label("Rename stripes 2")).to_be_visible()
    expect(sheet(page).get_by_label("Rename stripes", exact=True)).to_be_visible()


def test_a_picture_that_is_a_style_offers_to_be_learned(visit):
    page = visit()
    page.get_by_role("tab", name="My pictures").click()
    give(page, "stripes.png", pictures.encode_png(stripes(7)), ".duet-brief .shelf .add input")
    page.get_by_role("button", name="Learn “stripes” as a quick style …").click()
    expect(sheet(page).get_by_role("button", name="stripes.png")).to_have_attribute("aria-pressed", "true")
    expect(sheet(page).get_by_label("Name of the style")).to_have_value("stripes")
