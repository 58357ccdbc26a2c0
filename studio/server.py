"""Opens the studio: models first, then the page, then what takes long, behind it."""

from __future__ import annotations

import inspect
import logging
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from engines import registry, store
from engines.api import UserError

from . import terminal, web
from .events import StudioError
from .session import Studio

log = logging.getLogger(__name__)

HANGING_UP = 1  # seconds that a page has to hang up when the studio closes


def serve(host: str, port: int, lang: str | None, db: str | None, first_engines: Sequence[str]) -> None:
    """Opens the studio and stays until Ctrl-C. Raises `StudioError` where the port is taken or the home cannot be used."""
    check_port(host, port)
    fetch(first_engines)
    with opened(host, port, lang, db) as running:
        threading.Thread(target=warm_up, args=(first_engines,), name="warm-up", daemon=True).start()
        terminal.console.print(f"Duet is open: {running.address}  (Ctrl-C closes it)", highlight=False, soft_wrap=True)
        if has_display():
            webbrowser.open(running.address)
        with suppress(KeyboardInterrupt):
            wait()
        terminal.console.print("Closing. What was made is kept.")


@dataclass(frozen=True)
class Running:
    address: str
    studio: Studio


@contextmanager
def opened(host: str, port: int, lang: str | None = None, db: str | None = None) -> Iterator[Running]:
    """The studio with its page, as long as the context lasts. Rounds that a killed process left open are marked first."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with quick_import():
        from . import app
        from .panels.acts import Acts
        from .panels.endpoints import Api
        from .panels.page import FIRST_CONTENT, Assets
    studio = Studio(db=db)
    try:
        studio.log.interrupted()
        studio.downloads.clear()
        first = web.asset("contents", FIRST_CONTENT).read_bytes
        assets = Assets(web.asset_names("contents"), web.asset_names("styles"), first)
        page = app.build(Acts(studio, assets, lang), Api(studio), web.static_url)
        address = app.launch(page, host, port, web.routes(studio))
        try:
            yield Running(address.rstrip("/"), studio)
        finally:
            studio.desk.close()  # first, for what pages are told of it ends with it, and no page is waited for then
            page.server.config.timeout_graceful_shutdown = HANGING_UP
            page.close(verbose=False)
            studio.downloads.clear()
    finally:
        studio.close()


def check_port(host: str, port: int) -> None:
    """Raises `StudioError` where somebody else listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise StudioError(
                "Port {port} of {host} cannot be used: {why}.",
                "Is Duet open already? Else choose another: studio --port {other}",
                port=port,
                host=host,
                why=(error.strerror or str(error)).lower(),
                other=port + 1 if port < 65535 else port - 1,
            ) from None


def fetch(engines: Sequence[str]) -> None:
    """Fetches the engines' models that are not here yet. Without them the page still opens, and says what to do."""
    names = [name for engine in engines for name in registry.models(engine)]
    missing = [name for name in dict.fromkeys(names) if not store.present(name)]
    if not missing:
        return
    terminal.aside.print("The first time, Duet fetches the models that its first page needs.")
    try:
        terminal.pull(missing)
    except UserError as error:
        terminal.fail(str(error))


def warm_up(engines: Sequence[str]) -> None:
    """Loads torch and the engines' weights, so that the first round need not wait for them."""
    for name in engines:
        with suppress(UserError):  # models that are missing are told of when somebody needs them
            engine = registry.load(name)
            network = getattr(engine, "network", None)
            if callable(network):
                network()


def has_display() -> bool:
    """Whether there is somebody at this machine to open a browser for."""
    if os.environ.get("CI") or os.environ.get("SPACE_ID") or not sys.stdout.isatty():
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def wait() -> None:
    """Until Ctrl-C or a polite kill."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)
    while True:
        threading.Event().wait(3600)


@contextmanager
def quick_import() -> Iterator[None]:
    """Gradio writes about itself whenever it is imported: .pyi files beside its classes, and a docstring from a template for every
    event of every component. That is half of the seconds it takes, and nothing that running it needs. It leaves out classes
    whose file cannot be found, so in here none of its own can; and its templates come out as they are."""
    import jinja2

    find, template = inspect.getfile, jinja2.Template

    def lost(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("not looked for")
        return find(thing)

    inspect.getfile = lost  # type: ignore[assignment]
    jinja2.Template = AsItIs  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        inspect.getfile, jinja2.Template = find, template  # type: ignore[misc]


class AsItIs:
    """A template that nobody fills in."""

    def __init__(self, source: str) -> None:
        self._source = source

    def render(self, **_: Any) -> str:
        return self._source
