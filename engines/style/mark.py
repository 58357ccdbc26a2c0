"""What tells a style's training from others, and what is kept of one that is not finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from ..api import Pixels
from ..device import Choice
from ..unfinished import MOMENTS
from .plan import NetworkPlan, Plan

STYLE = ("weights", "good", *MOMENTS)  # the tensors of an unfinished style


def marked(network: str, picture: Pixels, contents: Sequence[Pixels], plan: Plan, choice: Choice) -> str:
    """Tells one training from another: only the same may be gone on with. `network` is the SHA-256 of the bank's."""
    digest = hashlib.sha256()
    for pixels in (picture, *contents):
        digest.update(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())
    asked = asdict(plan)
    if isinstance(plan, NetworkPlan):  # sittings may be of any length
        del asked["minutes"], asked["steps"]
    facts = [network, asked, digest.hexdigest(), choice.device, choice.dtype]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
