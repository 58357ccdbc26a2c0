"""What words mean to drawings: lists and tables that are data, not code."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("lists.toml")


def listed(name: str) -> frozenset[str]:
    """The words of a list. Raises `KeyError` where there is none of the name."""
    return frozenset(_file()[name].split())


def table(name: str) -> dict[str, str]:
    """Word -> what its group in a table is called. Raises `KeyError` where there is no table of the name."""
    return {word.strip(): value for value, words in _file()[name].items() for word in words.split("|")}


def choices(name: str) -> dict[str, tuple[str, ...]]:
    """What a table has for each word, in order."""
    return {word: tuple(each.strip() for each in found.split("|")) for word, found in _file()[name].items()}


@cache
def _file() -> dict[str, Any]:
    with FILE.open("rb") as file:
        return tomllib.load(file)
