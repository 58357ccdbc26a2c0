"""The sheet where a GAN learns from many pictures, in a browser."""

from __future__ import annotations

import json
import re

import pytest
from banks import picture as stripes
from playwright.sync_api import Page, Route, expect
from test_gan_training import drawn
from test_newstyle import until
from visitors import PHONE, session_of

from engines import store
from engines.image.gan import training
from studio import pictures

pytestmark = [pytest.mark.browser, pytest.mark.models]
OFFER = "Train a GAN on pictures of your own …"


@pytest.fixture(autouse=True)
def _small(monkeypatch) -> None:
    """Sample grids of four and points of the curve, often."""
    store.ensure(["hed-vgg16"])
    monkeypatch.setattr(training, "GRID", 2)
    monkeypatch.setattr(training, "LEAST_BETWEEN", 1.0)
    monkeypatch.setattr(training, "TOLD", 2)
    monkeypatch.setattr(training, "FRAMES", 10**9)


def sheet(page: Page):
    return page.get_by_role("dialog", name="A GAN of your own")


def arrived(visit, **options) -> Page:
    """In image mode, once its first round is made, for which everything else would wait."""
    page = visit("?mode=image", painted=False, **options)
    expect(page.locator(".tile.made")).to_have_count(4, timeout=180_000)
    return page


def lay(page: Page, count: int = 32) -> None:
    """Opens the sheet and lays down discs, and two files that are none."""
    page.get_by_role("button", name=OFFER).click()
    files = [(f"disc-{at}.png", pictures.encode_png(each)) for at, each in enumerate(drawn(count))]
    files += [("notes.txt", b"no picture"), ("torn.png", b"\x89PNG")]
    given = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
    page.locator(".duet-trainer .pictures input").set_input_files(given)
    expect(sheet(page).locator("p.status")).to_have_text(f"{count} different pictures")


def begin(page: Page, steps: int) -> None:
    lay(page)
    sheet(page).get_by_label("Name").fill("discs")
    expect(sheet(page).get_by_label("Begin from")).to_have_value("shipped")  # who says nothing begins from ours
    page.route("**/learn/gan/begin?*", lambda route: smaller(route, steps))
    sheet(page).get_by_role("button", name="Train", exact=True).click()


def smaller(route: Route, steps: int) -> None:
    said = route.request.post_data_json
    settings = {**said["settings"], "steps": steps, "batch": 4, "judge": "own"}
    route.continue_(post_data=json.dumps({**said, "base": "", "settings": settings}))


def test_a_gan_learns_while_its_curves_and_samples_are_watched(visit, running):
    page = arrived(visit)
    begin(page, 100_000)
    curve = sheet(page).get_by_role("img", name=re.compile("^What the judge believes"))
    line = curve.locator("path").first
    expect(line).to_have_attribute("d", re.compile(r"^M.* L.* L"))
    before = line.get_attribute("d")
    expect(line).not_to_have_attribute("d", before)
    expect(sheet(page)).to_contain_text("it can only guess")
    expect(sheet(page)).to_contain_text(re.compile(r"Step \d+ · [\d.]+ pictures a second · learns from 32 pictures"))
    samples = sheet(page).get_by_role("slider", name="Samples through time")
    samples.fill("0")
    expect(sheet(page).locator(".reel .at")).to_have_text("Step 0")
    page.wait_for_function("document.querySelector('.screen img').naturalWidth === 128")
    expect(sheet(page).locator(".reel .at")).to_have_text("Step 0")  # it stays where the artist looks
    sheet(page).get_by_role("button", name="Play", exact=True).click()
    expect(sheet(page).locator(".reel .at")).not_to_have_text("Step 0")
    sheet(page).get_by_text("2 files were skipped").click()
    expect(sheet(page)).to_contain_text("notes.txt is not a picture")
    sheet(page).get_by_role("button", name="Pause").click()
    expect(sheet(page).locator("p.status")).to_contain_text("Paused at step")
    page.reload()
    line = page.locator(".duet-brief .learning")
    expect(line).to_contain_text("Paused at step")
    line.get_by_role("button", name="Go on").click()
    expect(line).to_contain_text("left")
    line.get_by_role("button", name="discs: see how it learns").click()
    sheet(page).get_by_role("button", name="Pause").click()
    sheet(page).get_by_role("button", name="Discard", exact=True).click()
    sheet(page).get_by_role("button", name="Discard all it learned?").click()
    expect(sheet(page).locator("p.status")).to_have_text("32 different pictures")  # to begin again with
    assert not running.studio.unfinished(session_of(page, running).id).joinpath("gan").exists()


def test_what_was_learned_is_judged_kept_and_bred_with(visit, running):
    page = arrived(visit)
    begin(page, 4)
    expect(sheet(page)).to_contain_text("4 steps", timeout=120_000)
    expect(sheet(page)).to_contain_text("32 samples beside 32 of your pictures")
    expect(sheet(page).locator(".pairs img")).to_have_count(12)
    page.wait_for_function("[...document.querySelectorAll('.pairs img')].every(each => each.naturalHeight === 128)")
    sheet(page).get_by_role("button", name="Train another").click()
    sheet(page).get_by_label("Rename discs").fill("circles")
    sheet(page).get_by_label("Rename discs").blur()
    with page.expect_download() as download:
        sheet(page).get_by_role("link", name="Take circles along as a file").click()
    assert download.value.suggested_filename == "circles.gan.safetensors"
    sheet(page).get_by_role("button", name="How circles learned").click()
    expect(sheet(page).locator(".screen img")).to_be_visible()
    sheet(page).get_by_role("button", name="Breed with it").click()
    session = session_of(page, running)
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    until(lambda: session.state().rounds[1].status != "running")
    made = max(session.state().rounds.values(), key=lambda each: each.number)
    assert (made.brief.engine, made.status) == ("gan", "done")


def test_what_goes_wrong_is_told_and_nothing_is_lost(visit):
    page = arrived(visit)
    lay(page, 5)
    sheet(page).get_by_role("button", name="Train", exact=True).click()
    expect(sheet(page).get_by_role("alert")).to_contain_text("has no name")
    sheet(page).get_by_label("Name").fill("few")
    sheet(page).get_by_role("button", name="Train", exact=True).click()
    expect(sheet(page).get_by_role("alert")).to_contain_text("There are 5 different pictures")
    sheet(page).get_by_role("button", name="Take this picture out").first.click()
    expect(sheet(page).locator("p.status")).to_have_text("4 different pictures")
    loss = sheet(page).get_by_label("What they play for")
    loss.select_option("minimax")
    expect(sheet(page).locator(".formula")).to_contain_text("minG maxD V(D, G)")
    page.keyboard.press("Escape")
    expect(sheet(page)).to_have_count(0)


def test_hands_are_learned_from_groups_and_stand_on_the_shelf(visit, running):
    page = visit()
    page.get_by_role("tab", name="Other hands").click()
    page.get_by_role("button", name="Train hands on groups of pictures of your own …").click()
    hands = page.get_by_role("dialog", name="Hands of your own")
    for number in (1, 2):
        given = [
            {"name": f"{at}.png", "mimeType": "image/png", "buffer": pictures.encode_png(stripes(10 * number + at))}
            for at in range(2)
        ]
        page.locator(".duet-trainer .hand").nth(number - 1).locator(".add input").set_input_files(given)
        expect(hands.get_by_label(f"Name of hand {number}")).to_have_value(f"hand {number}")
        missing = hands.get_by_text("One more hand is needed: lay its pictures down, too.")
        expect(missing).to_have_count(2 - number)
    hands.get_by_label("Name of hand 2").fill("ink")
    hands.get_by_label("Name of hand 2").blur()
    expect(hands.get_by_label("Name of hand 2")).to_have_value("ink")
    hands.get_by_label("Name", exact=True).fill("mine")
    toy = {"steps": 2, "width": 8, "batch": 2, "alone": 0.0}
    page.route(
        "**/learn/hands/begin?*",
        lambda route: route.continue_(post_data=json.dumps({**route.request.post_data_json, "settings": toy})),
    )
    hands.get_by_role("button", name="Train", exact=True).click()
    expect(hands).to_contain_text("2 steps", timeout=120_000)
    expect(hands.locator(".screen img")).to_be_visible()
    expect(hands).to_contain_text("Below, as each hand draws them: hand 1, then ink.")
    foot, sheet_box = (hands.locator(each).bounding_box() for each in ("xpath=./footer", "xpath=."))
    assert foot["y"] + foot["height"] <= sheet_box["y"] + sheet_box["height"] + 1  # what comes next is always in sight
    hands.get_by_role("button", name="Draw with it").click()
    expect(hands).to_have_count(0)
    tile = page.locator(".duet-brief .shelf").get_by_role("button", name="ink", exact=True)
    expect(tile).to_be_visible()
    sources = page.locator(".duet-brief .shelf button img")
    shown = [sources.nth(at).evaluate("each => each.src + each.style.transform") for at in range(2)]
    assert len({*shown}) == 2  # two hands of one training look different
    assert len(page.evaluate("Object.keys(Duet.asked().styles)")) == 1
    page.keyboard.press("Enter")
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    expect(page.locator(".duet-brief button.again")).to_be_enabled()
    made = session_of(page, running).state().rounds[1]
    assert (made.brief.engine, made.status) == ("translator", "done")


@pytest.mark.parametrize("options", [{"viewport": PHONE}, {"locale": "zh-CN", "color_scheme": "dark"}])
def test_it_fits_a_phone_and_speaks_chinese(visit, options):
    page = arrived(visit, **options)
    page.evaluate("Duet.gan.open()")
    box = page.locator(".duet-trainer .sheet")
    expect(box.locator("select").first).to_be_visible()
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    if "viewport" in options:  # what comes next is at the bottom edge, with nothing looking out below it
        foot, whole = (box.locator(each).bounding_box() for each in ("xpath=./footer", "xpath=."))
        assert abs(foot["y"] + foot["height"] - whole["y"] - whole["height"]) <= 1
    if "locale" in options:
        assert not re.search(r"[a-z]{4,} [a-z]{4,}", box.locator(".fields").first.inner_text())
