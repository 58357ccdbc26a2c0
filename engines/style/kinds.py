"""Which kind of trained style a file is, told from how it begins: a row of the bank, a whole network, or a hand. No torch here."""

from __future__ import annotations

import json
from typing import Any

ROW, NETWORK, HAND = "row", "network", "hand"
SUFFIXES = {ROW: ".style.safetensors", NETWORK: ".network.safetensors", HAND: ".translator.safetensors"}
ENGINES = {ROW: "style-bank", NETWORK: "style-network", HAND: "translator"}
KEY = "duet"  # the one key of the files' metadata: several would come in any order
PICKLED = (b"\x80", b"PK\x03\x04")  # how a pickle begins, and torch's archive of one


def is_trained(data: bytes) -> bool:
    """Whether it is a file of tensors rather than a picture, or was meant as one: pickles and damaged files, too."""
    return begins_as_tensors(data) or is_pickle(data)


def is_pickle(data: bytes) -> bool:
    """A safetensors file may begin with the same byte: it is the length of its header."""
    return data.startswith(PICKLED) and not begins_as_tensors(data)


def begins_as_tensors(data: bytes) -> bool:
    """Like a safetensors file: eight bytes of a length, of which the last are 0, then JSON."""
    return data[5:9] == b"\0\0\0{"


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
