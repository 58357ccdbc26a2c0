"""Visitors of the page in Chromium: every one is new, and what the page complains of is an error of the test."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

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


# ── What they do on the page of style mode ───────────────────────────────────────────────────────────────────────────


def again(page: Page, number: int, count: int = 4) -> None:
    """Asks for the next round by key and waits until all of it is there."""
    page.keyboard.press("Enter")
    painted(page, number, count)


def painted(page: Page, number: int, count: int = 4) -> None:
    expect(page.locator(".duet-round h2")).to_have_text(f"Round {number}")
    expect(page.locator(".tile.made")).to_have_count(count)
    expect(page.locator(".duet-brief button.again")).to_be_enabled()


def tile(page: Page, number: int) -> Locator:
    return page.locator(".tile").nth(number - 1)


def facts(page: Page, number: int) -> str:
    return str(tile(page, number).locator(".picture img").get_attribute("alt"))


def session_of(page: Page, running: Any) -> Any:
    return running.studio.session(page.url.rpartition("sid=")[2])


def picture(size=(64, 48), kind="PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 90, 10)).save(out, kind)
    return out.getvalue()


def bomb() -> bytes:
    """The beginning of a PNG that says it has 900 million pixels."""
    head = b"IHDR" + (30000).to_bytes(4) + (30000).to_bytes(4) + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + (13).to_bytes(4)
        + head
        + zlib.crc32(head).to_bytes(4)
        + bytes(3)
        + b"\x20IDAT"
        + bytes(36)
    )


def give(page: Page, name: str, data: bytes, where=".canvas input") -> None:
    page.locator(where).set_input_files([{"name": name, "mimeType": "image/png", "buffer": data}])
