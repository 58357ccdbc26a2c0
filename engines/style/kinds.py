"""Which kind of trained style a file is, told from how it begins: a row of the bank, a whole network, or a hand. No torch here."""

from __future__ import annotations

import json
from typing import Any

from ..files import KEY, holds_tensors, is_pickle

ROW, NETWORK, HAND = "row", "network", "hand"
SUFFIXES = {ROW: ".style.safetensors", NETWORK: ".network.safetensors", HAND: ".translator.safetensors"}
ENGINES = {ROW: "style-bank", NETWORK: "style-network", HAND: "translator"}


def is_trained(data: bytes) -> bool:
    """Whether it is a file of tensors rather than a picture, or was meant as one: pickles and damaged files, too."""
    return holds_tensors(data) or is_pickle(data)


def kind(data: bytes) -> str | None:
    """`ROW`, `NETWORK` or `HAND`, as the file says; None where it is no style that was trained."""
    try:
        said = about(data)
        return (
            str(said["kind"]) if "kind" in said else ROW if {"version", "network"} <= {*said} else None
        )  # rows do not say it
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def about(data: bytes) -> Any:
    """What a safetensors file of ours says of itself. Raises `ValueError`, `KeyError`, `TypeError` or `RecursionError` where it is none."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"][KEY])
