"""The text model that a command was given: whether it can write is said first, then it is fetched where it is not here yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engines import language, store
from engines.api import UserError
from engines.hub import UnreachableError

from . import terminal
from .terminal import Stop


@contextmanager
def writing_with(name: str | None, needed: bool = True) -> Iterator[None]:
    """While this is open, this model writes; without a name, the one that the environment names or the embedded one."""
    with language.using(name):
        if needed and language.chosen() != language.EMBEDDED:
            ready(language.chosen())
        yield


def ready(name: str) -> None:
    """Sees to it that the model is here. Raises `Stop` where it is no model that could write, and `EngineError` where it cannot be had."""
    check(name)
    if missing := [each for each in language.stored(name) if not store.present(each)]:
        terminal.pull(missing)


def check(name: str) -> None:
    """Raises `Stop` with status 2 where the name is wrong or what it names cannot write here."""
    try:
        language.check(name)
    except UnreachableError:
        raise
    except UserError as error:
        raise Stop(str(error), 2) from error
