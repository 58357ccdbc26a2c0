"""A studio of its own in another process, and a visitor in Chromium who measures how long a round takes to be seen."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engines import store

from ..events import StudioError
from ..session import Studio

PATIENCE = 60.0  # seconds for a start or a round, on a busy machine
FLAGS = ["--no-sandbox", "--disable-background-networking", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def opened(home: Path, port: int) -> Iterator[str]:
    """The address of `studio serve` in a process of its own, once its page answers. The package index is out of its reach."""
    environment = os.environ | {
        "STUDIO_HOME": str(home),
        "STUDIO_MODELS": str(store.models_folder()),
        "PIP_NO_INDEX": "1",
        "BROWSER": "true",  # nobody looks
    }
    command = [sys.executable, "-m", "studio", "serve", "--port", str(port), "--lang", "en"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            _wait(server, f"http://127.0.0.1:{port}/")
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()


def _wait(server: subprocess.Popen[str], address: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if server.poll() is not None:
            why = server.stderr.read().strip() if server.stderr else ""
            raise StudioError("The studio stopped at once: {why}.", why=why)
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.02)
    raise StudioError("The studio did not answer within {seconds} seconds.", seconds=PATIENCE)


# Resolves to the milliseconds after which all four pictures of the round were on the screen.
SEEN = """([number, press]) => new Promise((resolve) => {
  const began = performance.now();
  if (press) document.querySelector('#duet-brief button.again').click();
  const look = () => {
    const round = Duet.value('round');
    const shown = [...document.querySelectorAll('#duet-round .tile.made .picture img')];
    const there = shown.length === 4 && shown.every((image) => image.complete && image.naturalWidth > 0);
    if (round && round.round === number && there) resolve(performance.now() - began);
    else requestAnimationFrame(look);
  };
  look();
})"""


@contextmanager
def visitor(browser: str, home: Path, mode: str) -> Iterator[Any]:
    """A page in a mode, whose first round was painted."""
    from playwright.sync_api import sync_playwright

    with opened(home, free_port()) as address, sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1366, "height": 768})
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(f"{address}?mode={mode}")
        page.wait_for_selector("#duet-round .tile.made >> nth=3")
        yield page
        chromium.close()


def extra_seconds(browser: str, turns: int) -> list[float]:
    """For each of some rounds: from the click to the fourth picture, less the time that the engine says it took."""
    with TemporaryDirectory(prefix="duet-") as home:
        with visitor(browser, Path(home), "style") as page:
            page.evaluate(SEEN, [0, False])
            seen = []
            for number in range(1, turns + 2):
                page.wait_for_selector("#duet-brief button.again:enabled")
                seen.append(page.evaluate(SEEN, [number, True]) / 1000)
        engine = _engine_seconds(Path(home))
    return [all_in - own for all_in, own in zip(seen, engine[1:], strict=True)][1:]  # the first one warms up


def live_milliseconds(browser: str, turns: int) -> list[float]:
    """For each of some strokes, circles on an empty canvas: from the end of the stroke to its picture on the page."""
    taken: list[float] = []
    with TemporaryDirectory(prefix="duet-") as home, visitor(browser, Path(home), "image") as page:
        page.fill("#d-words", "a red ball")
        box = page.locator(".paper canvas").bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for turn in range(turns + 1):
            if turn:
                page.click(".board [data-click=clear]")
                page.wait_for_selector(".board [data-click=clear]:disabled")
            page.evaluate("Duet.easel.forget()")
            for step in range(41):
                angle = 2 * math.pi * step / 40
                page.mouse.move(middle[0] + 90 * math.cos(angle), middle[1] + 90 * math.sin(angle))
                if step == 0:
                    page.mouse.down()
            page.mouse.up()
            page.wait_for_function("Duet.easel.took() !== null")
            taken.append(page.evaluate("Duet.easel.took()"))
    return taken[1:]  # the first one warms up


def _engine_seconds(home: Path) -> list[float]:
    """What the rounds of the only session there took, by the engine's own clock."""
    studio = Studio(home)
    try:
        (only,) = studio.log.sessions()
        rounds = studio.session(only["id"]).state().rounds
        return [rounds[number].seconds for number in sorted(rounds)]
    finally:
        studio.close()
