"""The sheets where an artist's own axes and voices are made, in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from test_finetune import tale
from test_text_page import FIRST, PAINTED, round_is
from toys import language_model

from engines import fake, fake_text, language
from studio import server
from studio.bench.visit import free_port
from studio.panels import page as panels

pytestmark = pytest.mark.browser


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


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return language_model(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def writer(visit, toy) -> Iterator[Page]:
    page: Page = visit("?mode=text")
    round_is(page, 1)
    with language.using(str(toy)):
        yield page


def field(page: Page, name: str):
    return page.locator(f".duet-own [data-name='{name}']")


def test_an_axis_is_made_from_examples_and_becomes_a_slider(writer):
    writer.get_by_role("button", name="+ your own", exact=True).click()
    sheet = writer.get_by_role("dialog", name="An axis of your own")
    field(writer, "high").fill("sunny")
    field(writer, "low").fill("rainy")
    field(writer, "positive").fill("The sun shone.\n\nA dry warm day.")
    field(writer, "negative").fill("It rained.")
    sheet.get_by_role("button", name="Make the axis").click()
    expect(sheet.get_by_role("alert")).to_contain_text("examples of each pole")
    field(writer, "negative").fill("It rained.\nA wet day.")  # lines, where there are no paragraphs
    sheet.get_by_role("button", name="Make the axis").click()
    expect(sheet).to_have_count(0)
    slider = writer.get_by_role("slider", name="rainy – sunny")
    expect(slider).to_be_visible()
    name = writer.evaluate("Object.keys(Duet.textForm.asked().weights).find(each => each.startsWith('axis:sha256:'))")
    assert name

    writer.get_by_role("button", name="+ your own", exact=True).click()
    writer.get_by_label("Rename rainy – sunny").fill("weather")
    writer.get_by_label("Rename rainy – sunny").blur()
    expect(writer.get_by_label("Rename weather")).to_be_visible()
    writer.get_by_role("button", name="Put weather away").click()
    expect(writer.locator(".duet-own .shelf")).to_have_count(0)
    writer.keyboard.press("Escape")
    expect(writer.get_by_role("dialog")).to_have_count(0)


def test_an_axis_is_filled_in_from_what_was_judged(writer):
    for number, name in enumerate(("Like", "Like", "Dislike", "Dislike")):
        writer.locator(".duet-round .tile").nth(number).hover()
        writer.locator(".duet-round .tile").nth(number).get_by_role("button", name=name, exact=True).click()
    writer.get_by_role("button", name="+ your own", exact=True).click()
    writer.get_by_role("button", name="Fill in from what I judged").click()
    tiles = writer.evaluate("Duet.value('round').tiles.map(each => each.words.trim())")
    assert field(writer, "positive").input_value() == "\n\n".join(tiles[:2])
    assert field(writer, "negative").input_value() == "\n\n".join(tiles[2:])
    writer.get_by_role("button", name="Make the axis").click()
    expect(writer.get_by_role("slider", name="disliked – liked")).to_be_visible()


def asked(page: Page, epochs: int):
    """The sheet, with a training that was begun."""
    page.get_by_role("button", name="+ teach it your own").click()
    sheet = page.get_by_role("dialog", name="Your own voice")
    field(page, "name").fill("Sea tales")
    field(page, "pasted").fill(tale())
    sheet.locator("summary").click()
    for name, to in (("epochs", epochs), ("rank", 2), ("block", 32)):
        field(page, name).fill(str(to))
        field(page, name).blur()
    sheet.get_by_role("button", name="Train").click()
    return sheet


def test_a_voice_is_trained_and_becomes_a_slider(writer):
    writer.get_by_role("button", name="+ teach it your own").click()
    field(writer, "name").fill("Sea tales")
    field(writer, "pasted").fill("Three words only.")
    writer.get_by_role("button", name="Train").click()
    expect(writer.get_by_role("alert")).to_contain_text("too few to learn a voice from")
    writer.keyboard.press("Escape")
    sheet = asked(writer, 3)
    expect(sheet.get_by_role("status")).to_contain_text("is trained", timeout=60_000)
    expect(sheet.locator("circle.score").nth(1)).to_be_attached()
    for when in ("Before", "After"):
        expect(sheet.locator(".samples")).to_contain_text(when)
    writer.keyboard.press("Escape")
    expect(writer.get_by_role("slider", name="Sea tales")).to_be_visible()
    assert writer.evaluate(
        "Object.keys(Duet.textForm.asked().weights).some(each => each.startsWith('adapter:sha256:'))"
    )


def test_a_training_outlives_the_page_and_is_discarded_only_when_that_is_said_twice(writer):
    sheet = asked(writer, 200)
    expect(sheet.get_by_role("status")).to_contain_text("Step")
    writer.reload()
    writer.get_by_role("button", name="+ teach it your own").click()
    sheet.get_by_role("button", name="Stop").click()
    expect(sheet.get_by_role("status")).to_contain_text("Stopped at step")
    sheet.get_by_role("button", name="Go on").click()
    expect(sheet.get_by_role("status")).to_contain_text("left")
    sheet.get_by_role("button", name="Stop").click()
    sheet.get_by_role("button", name="Discard", exact=True).click()
    sheet.get_by_role("button", name="Discard all it learned?").click()
    expect(sheet.get_by_role("button", name="Train")).to_be_visible()
