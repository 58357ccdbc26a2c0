"""Two networks at play on the page, in Chromium: drawing points, playing, stepping, and what is said."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from visitors import PHONE, WIDE, session_of

pytestmark = pytest.mark.browser

FRAME = "(name => JSON.stringify([...Duet.toy.state().frame[name]]))"


@pytest.fixture
def game(visit):
    """Opens the page and the game in it."""

    def begin(**options) -> Page:
        page = visit(painted=False, **options)
        expect(page.locator(".duet-header .bar")).to_be_visible()
        page.evaluate("Duet.toy.open()")
        expect(page.locator(".duet-toy .count")).not_to_be_empty()
        return page

    return begin


def steps(page: Page) -> tuple[int, int]:
    return tuple(page.evaluate("[Duet.toy.state().frame.step, Duet.toy.state().frame.turns]"))


def seen(page: Page, name: str) -> str:
    return page.evaluate(f"{FRAME}('{name}')")


def stroke(page: Page, *places: tuple[float, float]) -> None:
    """Draws along places of the plane, from 0 to 1, from its upper left."""
    box = page.locator(".duet-toy .plane").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for each in at[1:]:
        page.mouse.move(*each, steps=8)
    page.mouse.up()


def test_it_opens_from_the_help_plays_and_pauses(visit):
    page = visit(painted=False)
    expect(page.locator(".duet-header .bar")).to_be_visible()
    page.keyboard.press("?")
    page.get_by_role("button", name="Watch two networks play").click()
    dialog = page.get_by_role("dialog", name="Two networks play")
    expect(dialog.locator(".said")).to_contain_text("Both begin with chance")
    dialog.get_by_role("button", name="Play").click()
    page.wait_for_function("Duet.toy.state().frame.step > 40")
    expect(dialog.locator(".count")).to_contain_text("steps a second")
    dialog.get_by_role("button", name="Pause").click()
    expect(dialog.get_by_role("button", name="Play")).to_be_visible()
    page.wait_for_timeout(300)
    stood = steps(page)
    page.wait_for_timeout(300)
    assert steps(page) == stood
    dialog.get_by_role("button", name="One turn").click()
    page.wait_for_function(f"Duet.toy.state().frame.step === {stood[0] + 1}")  # it goes on from what is shown
    page.keyboard.press("2")  # a key of the page behind it, which may not hear it
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".is-picked")).to_have_count(0)


def test_each_learns_alone_and_changes_only_its_own_part(game):
    page = game()
    field, samples, bent = (seen(page, name) for name in ("field", "samples", "bent"))
    page.get_by_role("button", name="D learns once").click()
    page.wait_for_function("Duet.toy.state().frame.turns === 1")
    assert seen(page, "field") != field
    assert (seen(page, "samples"), seen(page, "bent")) == (samples, bent)
    field = seen(page, "field")
    page.keyboard.press("g")
    page.wait_for_function("Duet.toy.state().frame.step === 1")
    assert seen(page, "field") == field
    assert seen(page, "samples") != samples
    assert seen(page, "bent") != bent
    expect(page.locator(".duet-toy .count")).to_have_text("Step 1 of G, 1 of D")


def test_points_are_drawn_rubbed_out_and_kept(game):
    page = game()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".duet-toy .said")).to_contain_text("Draw at least 8 points")
    expect(page.get_by_role("button", name="Play")).to_be_disabled()
    stroke(page, (0.2, 0.2), (0.8, 0.2))
    expect(page.get_by_role("button", name="Play")).to_be_enabled()
    drawn = page.evaluate("Duet.toy.state().points")
    assert len(drawn) > 20
    assert all(0.5 < y < 0.7 and -0.7 < x < 0.7 for x, y in drawn)
    page.get_by_role("button", name="Rub out").click()
    stroke(page, (0.15, 0.2), (0.5, 0.2))
    left = page.evaluate("Duet.toy.state().points")
    assert 0 < len(left) < len(drawn)
    assert all(x > 0 for x, _ in left)
    page.get_by_role("button", name="Draw", exact=True).click()
    page.locator(".duet-toy .plane").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert len(page.evaluate("Duet.toy.state().points")) == len(left) + 4
    page.keyboard.press("Escape")
    page.evaluate("Duet.toy.open()")
    expect(page.locator(".duet-toy .count")).not_to_be_empty()
    assert len(page.evaluate("Duet.toy.state().points")) == len(left) + 4


def test_what_is_seen_is_painted_and_can_be_hidden(game):
    page = game()
    page.keyboard.press("d")
    page.wait_for_function("Duet.toy.state().frame.turns === 1")

    def inks() -> int:
        page.wait_for_timeout(100)
        return page.evaluate(
            "(() => { const c = document.querySelector('.duet-toy .plane');"
            "const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
            "for (let i = 0; i < p.length; i += 4) n += Math.abs(p[i] - p[i + 2]) > 60; return n })()"
        )

    all_of_it = inks()
    assert all_of_it > 1000
    page.get_by_role("checkbox", name="Your points").uncheck()
    without_points = inks()
    assert without_points < all_of_it
    page.get_by_role("checkbox", name="Samples").uncheck()
    assert inks() < without_points


def test_rules_are_changed_with_their_formulas(game):
    page = game()
    rules = page.locator(".duet-toy .rules")
    expect(rules.locator(".formula")).to_contain_text("Goodfellow et al. 2014")
    page.keyboard.press("n")
    page.wait_for_function("Duet.toy.state().frame.step === 1")
    rules.get_by_role("radio", name="Hinge").click()
    expect(rules.locator(".formula")).to_contain_text("Lim and Ye 2017")
    assert steps(page) == (1, 1)
    rules.get_by_label("Numbers of noise").select_option("1")
    page.wait_for_function("Duet.toy.state().frame.step === 0")
    assert page.evaluate("Duet.toy.state().frame.lined")
    rules.get_by_label("R1").select_option("0")
    page.get_by_role("button", name="Nine lumps").click()
    expect(rules.get_by_label("R1")).to_have_value("0")


def test_a_game_that_is_gone_is_told_and_begun_anew(game, running):
    page = game()
    page.route("**/toy/step*", lambda route: route.fulfill(status=400, json={"error": "This game is over."}))
    page.keyboard.press("n")
    expect(page.locator(".duet-toy .problem")).to_have_text("This game is over.")
    page.unroute("**/toy/step*")
    page.get_by_role("button", name="Begin anew").click()
    expect(page.locator(".duet-toy .problem")).to_have_count(0)
    assert len(page.evaluate("Duet.toy.state().points")) == 400


@pytest.mark.parametrize(
    "options",
    [{"viewport": PHONE, "has_touch": True}, {"locale": "zh-CN"}, {"color_scheme": "dark"}],
    ids=["phone", "zh", "dark"],
)
def test_it_fits_and_speaks_the_language(game, options):
    page = game(**options)
    veil = page.locator(".duet-toy .veil")
    assert veil.evaluate("veil => veil.scrollWidth <= veil.clientWidth")
    if options.get("locale") == "zh-CN":
        said = veil.inner_text()
        assert "{" not in said
        words = set(re.findall(r"[A-Za-z]{2,}", said))
        formula = set(re.findall(r"[A-Za-z]{2,}", page.locator(".duet-toy .formula").inner_text()))
        assert words - formula <= {"GAN", "Lab", "Kahng", "Duet", "Enter", "Esc", "log", "studio", "host"}
    box = page.locator(".duet-toy .head .icon").bounding_box()
    assert box["x"] + box["width"] <= options.get("viewport", WIDE)["width"]
    if "has_touch" in options:
        assert page.locator(".duet-toy .plane").bounding_box()["width"] > 340
        assert all(each.bounding_box()["height"] >= 40 for each in page.locator(".duet-toy .stage button").all())


# ── A link that opens it ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_short_address_opens_it_in_a_session_of_ones_own_and_paints_nothing(visit, running):
    page = visit("toy", painted=False)
    dialog = page.get_by_role("dialog", name="Two networks play")
    expect(dialog.locator(".said")).to_contain_text("Both begin with chance")
    assert "sid" not in page.url  # whoever is sent what stands there gets no session of somebody else's
    mine = page.evaluate("Duet.value('header').session")
    assert not running.studio.session(mine).state().rounds
    link = dialog.get_by_label("Link to this view")
    expect(link).to_have_value(f"{running.address}/toy")
    expect(dialog.locator(".link")).to_contain_text("opens on this machine only")
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.locator(".notes")).to_contain_text("The link is copied.")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".tile.made")).to_have_count(4)  # what a first visit begins with
    assert session_of(page, running).id == mine
    assert "toy" not in page.url.rpartition("?")[2]
    page.reload()
    expect(page.locator(".tile.made")).to_have_count(4)
    expect(dialog).to_have_count(0)


def test_who_has_a_session_comes_back_to_it_from_the_link(visit, running):
    page = visit()
    mine = session_of(page, running)
    page.goto(f"{running.address}/?toy")
    expect(page.get_by_role("dialog", name="Two networks play")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".tile.made")).to_have_count(4)
    assert session_of(page, running).id == mine.id
    assert len(mine.state().rounds) == 1  # the example is not begun once more
