"""The style brush in Chromium: where a style of the mix belongs is painted, sent, brought back and taken away."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from visitors import PHONE, again, give, painted, picture, session_of, tile

pytestmark = [pytest.mark.browser, pytest.mark.models]

FIRST, SECOND = "bright-watercolour", "starry-oil"


def open_brush(page: Page, at: int = 0) -> None:
    page.locator(".mix .brush").nth(at).click()
    expect(page.locator(".duet-brush [data-click=done]")).to_be_enabled()


def stroke(page: Page, left: float, right: float) -> None:
    """Paints all between two shares of the width, up and down."""
    box = page.locator(".place canvas").bounding_box()
    columns = [left + 0.05 + (right - left - 0.1) * step / 5 for step in range(6)]
    for at, x in enumerate(columns):
        for y in (0.02, 0.98)[:: -1 if at % 2 else 1]:
            page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
            if (at, y) == (0, 0.02):
                page.mouse.down()
    page.mouse.up()


def chips(page: Page) -> list[bool]:
    """Which styles of the mix are brushed, as the sheet shows them."""
    return page.locator(".duet-brush .chip").evaluate_all("all => all.map(each => each.classList.contains('part'))")


def rows(page: Page) -> list[bool]:
    marks = page.locator(".mix .brush")
    return marks.evaluate_all("all => all.map(each => each.getAttribute('aria-pressed') === 'true')")


def mask_of(page: Page, running, brief, style: str) -> np.ndarray:
    file = session_of(page, running).blob(brief.masks[f"style:{style}"])
    return np.array(Image.open(io.BytesIO(file.read_bytes())).convert("L"))


def test_styles_are_painted_where_the_artist_brushed_them(visit, running):
    page = visit()
    page.get_by_role("button", name="Take woodcut out of the mix").click()
    open_brush(page)
    expect(page.locator(".duet-brush .tip")).to_contain_text("Everywhere: bright watercolour")
    stroke(page, 0.0, 0.5)
    assert chips(page) == [True, False]
    page.keyboard.press("2")
    page.keyboard.press("r")  # where no other style is brushed
    assert chips(page) == [True, True]
    page.keyboard.press("Enter")
    expect(page.locator(".duet-brush .veil")).to_have_count(0)
    assert rows(page) == [True, True]
    again(page, 2)
    brief = session_of(page, running).state().rounds[1].brief
    assert set(brief.masks) == {f"style:{FIRST}", f"style:{SECOND}"}
    one, other = (mask_of(page, running, brief, name) for name in (FIRST, SECOND))
    height, width = one.shape
    assert max(width, height) == 768
    shown = page.evaluate("(({naturalWidth: w, naturalHeight: h}) => w / h)(document.querySelector('.canvas img'))")
    assert width / height == pytest.approx(shown, rel=0.01)
    assert (one[20:-20, 10 : width // 2 - 30] > 250).mean() > 0.97
    assert (one[:, width // 2 + 30 :] == 0).all()
    assert np.abs(one.astype(int) + other - 255).max() <= 1
    tile(page, 1).hover()
    expect(tile(page, 1).locator(".about")).to_contain_text("bright watercolour 37 %, brushed")
    page.reload()
    painted(page, 2)
    assert rows(page) == [True, True]
    page.keyboard.press("1")
    expect(tile(page, 1)).to_have_class(re.compile("is-picked"))
    assert rows(page) == [True, True]
    assert set(session_of(page, running).view()["next"]["masks"]) == set(brief.masks)
    open_brush(page)
    assert chips(page) == [True, True]
    page.locator(".duet-brush [data-click=everywhere]").click()
    page.keyboard.press("Escape")
    expect(page.locator(".duet-brush .veil")).to_have_count(0)
    assert rows(page) == [False, True]
    page.locator(".past").first.click()  # a round without masks, and branching from it brings none
    expect(page.locator(".duet-round h2")).to_have_text("Round 1")
    tile(page, 3).hover()
    tile(page, 3).locator(".branch").click()
    expect(page.locator(".mix .brush[aria-pressed=true]")).to_have_count(0)
    page.keyboard.press("z")
    expect(page.locator(".mix .brush[aria-pressed=true]")).to_have_count(2)


def test_steps_back_the_eraser_and_a_mask_with_nothing_in_it(visit):
    page = visit()
    page.locator(".mix .brush").first.focus()
    page.keyboard.press("Enter")  # by key: the surface has the focus, and the button gets it back
    expect(page.locator(".duet-brush [data-click=done]")).to_be_enabled()
    expect(page.locator(".place canvas")).to_be_focused()
    size = page.get_by_role("slider", name="Size of the brush")
    before = float(size.input_value())
    page.keyboard.press("]")
    assert float(size.input_value()) > before
    stroke(page, 0.0, 0.5)
    assert chips(page)[0]
    page.keyboard.press("z")
    assert not chips(page)[0]
    page.keyboard.press("Control+Shift+z")
    assert chips(page)[0]
    page.keyboard.press("e")
    stroke(page, -0.05, 0.55)
    expect(page.locator(".duet-brush .tip")).to_contain_text("Nothing was left of bright watercolour")
    assert not chips(page)[0]
    page.keyboard.press("Escape")
    expect(page.locator(".mix .brush").first).to_be_focused()
    assert json.loads(page.evaluate("JSON.stringify(Duet.asked().masks)")) == {}
    open_brush(page)
    page.route("**/upload*", lambda route: route.abort())
    page.keyboard.press("b")
    stroke(page, 0.0, 0.5)
    page.keyboard.press("Escape")
    expect(page.locator(".duet-brush .problem")).to_contain_text("does not answer")
    page.unroute("**/upload*")
    page.keyboard.press("Escape")
    expect(page.locator(".duet-brush .veil")).to_have_count(0)
    assert rows(page) == [True, False, False]


def test_masks_go_with_their_style_and_with_their_picture_and_a_finger_paints(visit):
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    page.locator(".thumbbar button").first.tap()
    page.locator(".mix .brush").first.tap()
    expect(page.locator(".duet-brush [data-click=done]")).to_be_enabled()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for what in page.locator(".duet-brush :is(.act, .quiet, .chip)").all():
        assert what.bounding_box()["height"] >= 44
    box, line = page.locator(".place canvas").bounding_box(), page.context.new_cdp_session(page)
    for kind, x in (("touchStart", 0.2), ("touchMove", 0.5), ("touchMove", 0.7), ("touchEnd", None)):
        points = [] if x is None else [{"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] / 2}]
        line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.locator(".duet-brush .chip").nth(1).tap()
    page.locator(".duet-brush [data-click=rest]").tap()
    page.locator(".duet-brush [data-click=done]").tap()
    expect(page.locator(".duet-brush .veil")).to_have_count(0)
    assert rows(page) == [True, True, False]
    page.locator(".mix .row").first.get_by_role("button", name=re.compile("out of the mix")).tap()
    assert list(page.evaluate("Duet.asked().masks")) == [f"style:{SECOND}"]
    shape = page.evaluate("Object.values(Duet.value('brief').pictures)[0]")
    give(page, "alike.png", picture((shape["width"] // 2, shape["height"] // 2)))
    expect(page.locator(".duet-brief .canvas img")).to_have_attribute("alt", "alike.png")
    assert rows(page) == [True, False]  # a picture of the same shape
    give(page, "tall.png", picture((40, 80)))
    expect(page.locator(".notice")).to_contain_text("another shape")
    assert page.evaluate("Duet.asked().masks") == {}
