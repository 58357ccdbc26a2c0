"""The translator's shelf in Chromium: its hands on the artist's own picture, their mix with a picture, and the round they make."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from visitors import again, give, picture, session_of

pytestmark = [pytest.mark.browser, pytest.mark.models]


def test_another_hand_draws_the_picture_again(visit, running):
    page = visit()
    page.get_by_role("tab", name="Other hands").click()
    assert page.locator(".switch").evaluate("box => box.scrollWidth <= box.clientWidth")  # four shelves have room
    shelf = page.locator(".shelf")
    expect(shelf.locator(".thumb img")).to_have_count(3)
    shelf.get_by_role("button", name="Twemoji: flat and soft", exact=True).click()
    give(page, "sampler.png", picture(), ".thumb.add input")
    expect(page.locator(".mix .row")).to_have_count(2)
    page.get_by_role("slider", name="Variety").fill("0.5")
    again(page, 2)
    past = session_of(page, running).state().rounds[1]
    assert past.brief.engine == "translator"
    assert "twemoji" in past.brief.styles
    assert len(past.brief.styles) == 2
    assert past.brief.options == {"variety": 0.5}
    assert len({variant.sha256 for variant in past.variants}) == 4
