"""Visitors of the page in Chromium: every one is new, and what the page complains of is an error of the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FLAGS = ["--no-sandbox", "--disable-background-networking"]
PATIENCE = 30_000  # milliseconds
WIDE, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
EXPECTED = re.compile(
    "status of 400|net::ERR_FAILED|AbortError"
)  # bad uploads; a cut line; a stream left behind by a reload


def launched(path: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


def newcomers(chromium: Browser) -> Iterator[BrowserContext]:
    """One browser for all who come with nothing special: Gradio's scripts are fetched and compiled once. Every visitor is new."""
    context = chromium.new_context(viewport=WIDE, locale="en-GB", reduced_motion="reduce")
    context.add_init_script(
        "if (origin !== 'null' && !sessionStorage.here) { localStorage.clear(); sessionStorage.here = 1; }"
    )
    yield context
    context.close()


def visitor(chromium: Browser, known: BrowserContext, home: str) -> Iterator[Callable[..., Page]]:
    """Opens the page as somebody new. What the page says on its console is an error, and so is a request to elsewhere."""
    opened, said, asked = [], [], []

    def open_page(path="", address=home, painted=True, **options) -> Page:
        wanted = {"viewport": WIDE, "locale": "en-GB", "reduced_motion": "reduce", **options}
        context = chromium.new_context(**wanted) if options else known
        page = context.new_page()
        opened.append(context if options else page)
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/{path}")
        if painted:
            expect(page.locator(".tile.made")).to_have_count(4)
        return page

    yield open_page
    for each in opened:
        each.close()
    assert not [url for url in asked if not re.match(r"(http://127\.0\.0\.1:|data:|blob:)", url)]
    assert not [text for text in said if not EXPECTED.search(text)]
