"""A look inside the language models, in Chromium and on the real ones."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from visitors import PHONE, WIDE, tile

from engines import store
from engines.text.attention import attention

pytestmark = [pytest.mark.browser, pytest.mark.models]


# ── A look inside the language models ────────────────────────────────────────────────────────────────────────────────

APPLE = "The green apple is on the table."
LANGUAGE_MODELS = ("smollm2-135m-instruct", "minilm-l6-v2")


@pytest.fixture
def inside(visit):
    """Opens the page and looks into a text."""
    store.ensure(LANGUAGE_MODELS)

    def look(text: str | None = APPLE, **options) -> Page:
        page = visit(painted=False, **options)
        expect(page.locator(".duet-header .bar")).to_be_visible()
        page.evaluate("text => Duet.attention.open(text ?? undefined)", text)
        expect(page.locator(".duet-attention canvas").first).to_be_visible()
        return page

    return look


def word(page: Page, at: int):
    return page.locator(".duet-attention .word").nth(at)


def go(page: Page, layer: int, head: int) -> None:
    """To a head, both counted from 1 as on the page."""
    page.get_by_role("slider", name="Layer").fill(str(layer - 1))
    page.locator(".duet-attention .stamp").nth(head).click()
    expect(page.locator(".duet-attention .stamp").nth(head)).to_have_attribute("aria-checked", "true")
    expect(page.locator(".duet-attention .layer")).to_contain_text(f"Layer {layer} of")


def percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}"


def test_hovering_a_word_shows_where_it_looks_and_who_looks_at_it(inside):
    page = inside()
    go(page, 17, 1)
    weights = attention(store.path("smollm2-135m-instruct"), APPLE).weights[16, 0]
    word(page, 2).hover()
    expect(word(page, 2)).to_have_attribute("aria-pressed", "true")
    said = page.locator(".duet-attention .said")
    expect(said).to_contain_text(f"“apple” looks at green {percent(weights[2, 1])} %")
    expect(said).to_contain_text(f"Looked at by is {percent(weights[3, 2])} %")
    expect(word(page, 1).locator(".to")).to_have_text(f"{100 * weights[2, 1]:.0f} %")
    expect(word(page, 3).locator(".by")).to_have_text(f"{100 * weights[3, 2]:.0f} %")
    curves = page.locator(".duet-attention .curves")
    assert curves.locator("path.to").count() == (weights[2] >= 0.01).sum()
    assert curves.locator("path.by").count() == curves.locator("circle").count() == (weights[3:, 2] >= 0.01).sum()
    widths = [float(path.get_attribute("stroke-width")) for path in curves.locator("path.to").all()]
    assert widths == sorted(widths)  # the strongest lies on top
    word(page, 5).focus()
    page.mouse.move(3, 3)
    expect(said).to_contain_text("“the” looks at")


def test_the_map_tells_every_number_and_hatches_what_is_masked(inside):
    page = inside()
    go(page, 17, 1)
    weights = attention(store.path("smollm2-135m-instruct"), APPLE).weights[16, 0]
    canvas = page.locator(".duet-attention .cells canvas")
    side = canvas.bounding_box()["width"] / 8

    def point(row: int, column: int) -> None:
        canvas.hover(position={"x": (column + 0.5) * side, "y": (row + 0.5) * side})

    tip = page.locator(".duet-attention .tip")
    point(2, 1)
    expect(tip).to_have_text(f"apple → green{percent(weights[2, 1])} %")
    point(2, 6)
    expect(tip).to_have_text("apple → tablemasked")
    expect(page.locator(".duet-attention .said")).to_contain_text("cannot look ahead")
    dark, light = colour(page, canvas, side, 2, 1), colour(page, canvas, side, 7, 2)
    assert sum(dark) < sum(light) - 150  # much against hardly anything
    hatched = page.evaluate(
        "({side}) => { const c = document.querySelector('.cells canvas'), d = devicePixelRatio;"
        "const p = c.getContext('2d').getImageData(5 * side * d, side * d, 2 * side * d, side * d).data;"
        "return new Set([...Array(p.length / 4).keys()].map(at => p[4 * at])).size }",
        {"side": side},
    )
    assert hatched > 1
    canvas.click(position={"x": 1.5 * side, "y": 5.5 * side})
    page.mouse.move(3, 3)
    best = attention(store.path("smollm2-135m-instruct"), APPLE).weights[:, :, 5, 1]
    layer, head = np.unravel_index(best.argmax(), best.shape)
    page.get_by_role("button", name=f"Strongest in layer {layer + 1}, head {head + 1}").click()
    expect(page.locator(".duet-attention .layer")).to_contain_text(f"Layer {layer + 1} of 30")
    expect(tip).to_have_text(f"the → green{percent(best.max())} %")


def colour(page: Page, canvas, side: float, row: int, column: int) -> list[int]:
    """What a cell is painted with, near its corner where no number stands."""
    return page.evaluate(
        "({x, y}) => { const c = document.querySelector('.cells canvas'), d = devicePixelRatio;"
        "return [...c.getContext('2d').getImageData(x * d, y * d, 1, 1).data.slice(0, 3)] }",
        {"x": column * side + 3, "y": row * side + 3},
    )


def test_the_sink_is_named_measured_and_hidden(inside):
    page = inside()
    go(page, 21, 1)
    found = attention(store.path("smollm2-135m-instruct"), APPLE)
    hide = page.get_by_role("checkbox", name="Hide the first word")
    expect(page.locator(".duet-attention .hide small")).to_contain_text(f"{percent(found.share)} %")
    expect(page.locator(".duet-attention .how")).to_contain_text("Xiao et al. 2023")
    hide.check()
    expect(word(page, 0)).to_be_disabled()
    expect(page.locator(".duet-attention .label.row")).to_have_count(7)
    word(page, 2).hover()
    rest = found.without_sinks()[20, 0, 1]  # of "apple", among all but the first word
    names, order = found.tokens[1:], np.argsort(-rest)
    expect(page.locator(".duet-attention .said")).to_contain_text(
        f"“apple” looks at {names[order[0]]} {percent(rest[order[0]])} %"
    )
    hide.uncheck()
    expect(page.locator(".duet-attention .label.row")).to_have_count(8)


def test_the_average_is_that_of_all_heads(inside):
    page = inside()
    go(page, 12, 0)
    average = attention(store.path("smollm2-135m-instruct"), APPLE).weights[11].mean(0)
    word(page, 6).hover()
    top = int(average[6].argmax())
    tokens = ["The", "green", "apple", "is", "on", "the", "table", "."]
    expect(page.locator(".duet-attention .said")).to_contain_text(
        f"“table” looks at {tokens[top]} {percent(average[6, top])} %"
    )


def test_the_other_model_looks_both_ways(inside):
    page = inside()
    how = page.locator(".duet-attention .how")
    expect(how).to_contain_text("The writer cannot look ahead")
    expect(page.locator(".duet-attention .why-not")).to_be_visible()
    page.get_by_role("radio", name="Reader").click()
    expect(page.locator(".duet-attention .word .token")).to_have_text(
        ["[CLS]", "The", "green", "apple", "is", "on", "the", "table", ".", "[SEP]"]
    )
    expect(how).to_contain_text("every word may look both ways")
    expect(page.locator(".duet-attention .why-not")).to_have_count(0)
    expect(page.locator(".duet-attention .stamp")).to_have_count(13)
    go(page, 6, 6)
    weights = attention(store.path("minilm-l6-v2"), APPLE).weights[5, 5]
    word(page, 2).hover()
    expect(page.locator(".duet-attention .said")).to_contain_text(f"apple {percent(weights[2, 3])} %")  # ahead of it
    page.get_by_role("button", name="the word after").click()
    expect(page.get_by_role("button", name="the word after")).to_have_attribute("aria-pressed", "true")


def test_the_sentence_is_changed_live_and_what_is_cut_is_said(inside):
    page = inside(None)
    field = page.get_by_role("textbox", name="Your sentence")
    expect(field).to_have_value(re.compile("^The green apple"))  # nothing was given: an example
    field.fill("Boats sail.")
    expect(page.locator(".duet-attention .word .token")).to_have_text(["Bo", "ats", "sail", "."])
    field.fill("你🙂")
    expect(page.locator(".duet-attention .word .token").first).to_have_text("你 1/2")
    field.fill("sea " * 80)
    expect(page.locator(".duet-attention .note")).to_have_text(re.compile("first 64 pieces.*left out: 1[0-9]"))
    expect(page.locator(".duet-attention .word")).to_have_count(64)
    field.fill("")
    expect(page.locator(".duet-attention .word")).to_have_count(0)
    page.get_by_role("button", name="Show the example").click()
    expect(page.locator(".duet-attention .word").first).to_be_visible()
    page.get_by_role("radio", name="Reader").click()
    field.fill("苹果 apple")
    expect(page.locator(".duet-attention .note")).to_contain_text("no word for 苹 果")


def test_it_opens_from_the_help_and_keys_move_in_it(visit):
    store.ensure(LANGUAGE_MODELS)
    page = visit()
    page.keyboard.press("?")
    page.get_by_role("button", name="Look inside a language model").click()
    dialog = page.get_by_role("dialog", name="Look inside")
    expect(dialog.locator(".word").first).to_be_visible()
    expect(page.locator(".duet-header .veil")).to_have_count(0)
    dialog.locator(".word").nth(3).click()
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".word").nth(4)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("slider", name="Layer").fill("4")
    dialog.locator(".word").nth(4).focus()
    page.keyboard.press("ArrowDown")
    expect(dialog.locator(".layer")).to_contain_text("Layer 6 of 30")
    dialog.locator(".stamp").first.click()
    dialog.locator(".stamp").first.focus()
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".stamp").nth(1)).to_be_focused()
    expect(dialog.locator(".stamp").nth(1)).to_have_attribute("aria-checked", "true")
    dialog.locator(".map").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(dialog.locator(".tip b")).to_have_text(re.compile(r"\d %"))
    page.keyboard.press("2")  # a key of the page behind it, which may not hear it
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".is-picked")).to_have_count(0)
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))


@pytest.mark.parametrize(
    "options",
    [{"viewport": PHONE, "has_touch": True}, {"locale": "zh-CN"}, {"color_scheme": "dark"}],
    ids=["phone", "zh", "dark"],
)
def test_the_look_inside_fits_and_speaks_the_language(inside, options):
    page = inside(**options)
    assert page.evaluate(
        "(veil => veil.scrollWidth <= veil.clientWidth)(document.querySelector('.duet-attention .veil'))"
    )
    if "has_touch" in options:
        word(page, 2).tap()
        expect(page.locator(".duet-attention .said")).to_contain_text("“apple” looks at")
        cells = page.locator(".duet-attention .cells")
        cells.tap(position={"x": 6, "y": 1.5 * cells.bounding_box()["height"] / 8})
        expect(page.locator(".duet-attention .tip")).to_contain_text("green → The")
    if options.get("locale") == "zh-CN":
        said = page.locator(".duet-attention .veil").inner_text()
        assert "{" not in said
        words = set(re.findall(r"[A-Za-z]{2,}", said)) - set(re.findall(r"\w+", APPLE))
        assert words <= {"softmax", "Xiao", "Esc"}
    box = page.locator(".duet-attention .head .icon").bounding_box()
    assert box["x"] + box["width"] <= options.get("viewport", WIDE)["width"]
