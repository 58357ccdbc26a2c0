"""Image mode in Chromium, as an artist meets it, with the real painter."""

from __future__ import annotations

import io
import json
import math
import re

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect
from visitors import PHONE, again, bomb, give, painted, session_of, tile

from engines import registry
from engines.image import drawing

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.fixture
def painter(visit):
    page = visit("?mode=image")
    painted(page, 1)
    return page


def stroke(page: Page, x: float = 0.5, y: float = 0.5, radius: float = 0.2) -> None:
    """A circle on the canvas, in shares of its width."""
    box = page.locator(".paper canvas").bounding_box()
    for step in range(31):
        angle = 2 * math.pi * step / 30
        page.mouse.move(
            box["x"] + box["width"] * (x + radius * math.cos(angle)),
            box["y"] + box["width"] * (y + radius * math.sin(angle)),
        )
        if step == 0:
            page.mouse.down()
    page.mouse.up()


def things(page: Page) -> list:
    return page.evaluate("Duet.canvas.drawing().things.map(thing => [thing.words, thing.lines.length])")


def sketch(size=(240, 180)) -> bytes:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).ellipse((50, 30, 190, 150), outline=(20, 20, 20), width=4)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_the_first_visit_is_painted_and_all_of_it_is_seen(painter):
    page = painter
    expect(page.locator("#d-words")).to_have_value(re.compile("red house"))
    expect(page.locator(".role")).to_have_text(["yours", "best", "twist", "surprise"])
    expect(page.locator(".live input")).to_be_checked()
    seen = "([x, y]) => Number(document.elementFromPoint(x, y).closest('.tile')?.dataset.index)"
    for at in range(4):
        box = page.locator(".tile .picture").nth(at).bounding_box()
        assert page.evaluate(seen, [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]) == at
    assert page.locator(".duet-notebook:visible").count() == 0


def test_words_drawings_canvas_again(painter, running):
    page = painter
    page.fill("#d-words", "a fox and a silver moon")
    page.click("[data-click=propose]")
    expect(page.locator(".offers .thumb")).to_have_count(4)
    expect(page.locator(".offers")).to_contain_text("library")
    page.locator(".offers .thumb").nth(1).click()
    expect(page.locator(".things li")).to_have_count(2)
    assert sorted(words for words, _ in things(page)) == ["fox", "silver moon"]
    page.locator(".things input").nth(0).fill("golden moon")
    page.locator(".things input").nth(0).blur()
    before = sum(lines for _, lines in things(page))
    stroke(page, 0.15, 0.15, 0.08)
    assert sum(lines for _, lines in things(page)) == before + 1
    drawn = things(page)
    again(page, 2)
    brief = session_of(page, running).state().rounds[1].brief
    assert brief.prompt == "a fox and a silver moon"
    kept = drawing.read_png(session_of(page, running).blob(brief.sketch).read_bytes())
    assert kept is not None
    assert [[piece.words, len(piece.lines)] for piece in kept.pieces] == drawn
    assert {"fox", "golden moon"} <= {piece.words for piece in kept.pieces}
    page.reload()
    painted(page, 2)
    expect(page.locator(".things li")).to_have_count(len(drawn))
    assert things(page) == drawn


def test_the_canvas_paints_while_one_draws(painter):
    page = painter
    page.fill("#d-words", "a red ball")
    page.evaluate("Duet.easel.forget()")
    stroke(page)
    page.wait_for_function("Duet.easel.took() !== null")
    middle = page.evaluate(
        "[...document.querySelector('.paper canvas').getContext('2d').getImageData(384, 384, 1, 1).data]"
    )
    assert middle[0] > middle[2] + 30  # red under the lines
    page.locator(".live input").uncheck()
    page.click("[data-click=clear]")
    expect(page.locator(".things li")).to_have_count(0)
    assert page.evaluate(
        "[...document.querySelector('.paper canvas').getContext('2d').getImageData(384, 384, 1, 1).data]"
    ) == [0, 0, 0, 0]


def test_pen_eraser_move_and_steps_back(painter):
    page = painter
    stroke(page, 0.3, 0.3, 0.15)
    stroke(page, 0.75, 0.75, 0.1)
    assert things(page) == [["", 2]]
    whole = page.evaluate("Duet.canvas.drawing()")
    page.click("[data-name=rubber]")
    box = page.locator(".paper canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + box["width"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.46, box["y"] + box["width"] * 0.31)
    page.mouse.up()
    assert page.evaluate("Duet.canvas.drawing()") != whole
    page.click("[data-click=undoLine]")
    assert page.evaluate("Duet.canvas.drawing()") == whole
    page.click("[data-click=redoLine]")
    assert page.evaluate("Duet.canvas.drawing()") != whole
    page.click("[data-click=undoLine]")
    page.click("[data-name=move]")
    left = page.evaluate("Math.min(...Duet.canvas.drawing().things[0].lines.flat().filter((_, at) => at % 2 === 0))")
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["width"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["width"] * 0.3, steps=4)
    page.mouse.up()
    moved = page.evaluate("Math.min(...Duet.canvas.drawing().things[0].lines.flat().filter((_, at) => at % 2 === 0))")
    assert moved == pytest.approx(left + 0.1, abs=0.01)


def test_a_sketch_of_ones_own_and_files_that_are_none(painter, running):
    page = painter
    give(page, "circle.png", sketch(), ".asks input")
    expect(page.locator(".board")).to_contain_text("circle.png")
    page.fill("#d-words", "a green apple")
    again(page, 2)
    made = session_of(page, running).state().rounds[1]
    assert made.brief.sketch
    assert made.status == "done"
    for name, data in (("notes.txt", b"no picture"), ("bomb.png", bomb())):
        give(page, name, data, ".asks input")
        expect(page.locator(".notice")).to_be_visible()
        expect(page.locator(".board")).to_contain_text("circle.png")  # what was there stays
    page.click("text=take it away")
    expect(page.locator(".board .hint")).to_be_visible()


def test_what_cannot_be_drawn_is_said_and_nothing_is_lost(painter):
    page = painter
    page.fill("#d-words", "a xyzzy")
    page.click("[data-click=propose]")
    expect(page.locator(".notice")).to_contain_text("xyzzy")
    page.keyboard.press("Escape")
    page.locator("button.again").first.click()
    expect(page.locator(".problem")).to_contain_text("xyzzy")
    expect(page.locator("#d-words")).to_have_value("a xyzzy")
    page.fill("#d-words", "a xyzzy beside a house")
    page.locator(".duet-brief button.again").click()
    painted(page, 3)
    expect(page.locator(".warned")).to_contain_text("xyzzy")
    page.fill("#d-words", "")
    expect(page.locator(".duet-brief button.again")).to_be_disabled()


def test_a_painting_brings_its_brief_back(painter, running):
    page = painter
    page.click("[data-click=colourAdd]")
    page.locator("#d-hue").fill("0.2")
    again(page, 2)
    made = session_of(page, running).state().rounds[1].variants[0]
    file = session_of(page, running).blob(made.sha256).read_bytes()
    page.fill("#d-words", "a boat")
    give(page, "mine.png", file, ".asks input")
    expect(page.locator("#d-words")).to_have_value(re.compile("red house"))
    expect(page.locator(".palette input")).to_have_count(1)
    picture = np.array(Image.open(io.BytesIO(file)))
    assert picture.shape[2] == 4


def test_words_and_a_drawing_that_were_not_sent_yet_stay_through_a_pick(painter):
    page = painter
    page.fill("#d-words", "a boat")
    page.click("[data-click=propose]")
    page.locator(".offers .thumb").first.click()
    tile(page, 2).locator("button.pick").click()
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    expect(page.locator("#d-words")).to_have_value("a boat")
    assert {words for words, _ in things(page)} == {"boat"}


def test_faces_are_bred(painter, running):
    page = painter
    page.click("button[value=faces]")
    expect(page.locator("#d-words")).to_have_count(0)
    expect(page.locator("#d-way_1")).to_be_visible()
    again(page, 2, 16)
    tile(page, 3).focus()
    page.keyboard.press("p")
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    again(page, 3, 16)
    rounds = session_of(page, running).state().rounds
    assert rounds[2].brief.seed == rounds[1].variants[2].seed
    page.click("button[value=painter]")
    expect(page.locator("#d-words")).to_have_value(re.compile("red house"))


def test_a_painting_goes_on_in_style_mode(painter, running):
    page = painter
    tile(page, 2).hover()
    tile(page, 2).locator(".instyle").click()
    expect(page.locator("nav .mode[aria-current]")).to_have_text("Style")
    painted(page, 2)  # style mode began with an example
    expect(page.locator(".duet-brief .canvas img")).to_have_attribute("alt", re.compile("duet-1-2"))
    again(page, 3)
    brief = session_of(page, running).state().rounds[2].brief
    first = session_of(page, running).state().rounds[0].variants[1]
    assert brief.mode == "style"
    assert brief.content == f"sha256:{first.sha256}"


def test_a_painting_goes_on_in_words(painter, running):
    page = painter
    tile(page, 2).hover()
    tile(page, 2).locator(".inwords").click()
    expect(page.locator("nav .mode[aria-current]")).to_have_text("Text")
    expect(page.locator(".chip.chosen")).to_have_text("A picture described")
    notebook = page.locator(".duet-notebook textarea")
    expect(notebook).to_have_value(re.compile(r"^A red house on a hill.*\. [A-Z][a-z, ]+\.$"))  # in place of an example
    expect(page.locator(".duet-notebook .kept")).to_have_text("kept")
    page.locator("nav .mode", has_text="Image").click()
    tile(page, 1).hover()
    tile(page, 1).locator(".inwords").click()
    expect(notebook).to_have_value(re.compile(r"\.\n\nA red house on a hill"))  # what stood there stays
    expect(page.locator(".duet-notebook .kept")).to_have_text("kept")
    first, found = notebook.input_value().split("\n\n")
    assert page.evaluate("Duet.notebook.about('{text}').since") == len(first) + 2
    session = session_of(page, running)
    assert session.document().text == f"{first}\n\n{found}"
    page.keyboard.press("Control+Enter")  # the pen is in the notebook
    painted(page, 2)
    brief = session.state().rounds[1].brief
    assert (brief.mode, brief.prompt) == ("text", found)
    assert brief.options["template"].startswith("This picture shows")


def test_modes_keep_apart_and_chinese_and_a_phone(visit):
    page = visit("?mode=image", viewport=PHONE, locale="zh-CN", has_touch=True)
    expect(page.locator(".thumbbar")).to_be_visible()
    page.locator(".thumbbar button").first.click()
    expect(page.locator("#d-words")).to_be_visible()
    page.fill("#d-words", "月亮上的红房子和两棵树")
    page.click("[data-click=propose]")
    expect(page.locator(".offers .thumb")).to_have_count(4)
    page.locator(".offers .thumb").first.click()
    assert {words for words, _ in things(page)} == {"moon", "red house", "tree"}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_prompt_that_was_written_comes_over(painter, running):
    page = painter
    session = session_of(page, running)
    session.cancel()
    before = session.view("image")["next"]["prompt"]
    assert "red house" in before
    assert json.loads(registry.load("painter").drawings(before, 1)[0][0])["things"]


def test_a_picture_of_style_mode_goes_on_as_lines(visit, running):
    page = visit("?mode=style")
    painted(page, 1)
    tile(page, 2).hover()
    tile(page, 2).locator(".aslines").click()
    expect(page.locator("nav .mode[aria-current]")).to_have_text("Image")
    expect(page.locator(".board p.small")).to_contain_text("duet-1-2")
    expect(page.locator(".duet-brief button.again")).to_be_enabled()
    session = session_of(page, running)
    assert len(session.state().rounds) == 1  # no example comes between
    page.keyboard.press("Enter")
    painted(page, 2)
    brief = session.state().rounds[1].brief
    assert (brief.mode, brief.sketch) == ("image", f"sha256:{session.state().rounds[0].variants[1].sha256}")
