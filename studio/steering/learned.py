"""What was learned, for the artist to look at: each knob's believed best value, how sure that is, and how much it matters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api import Brief, EngineInfo

from .evidence import Evidence, coordinates
from .preference import fit

Array = NDArray[np.float64]

STEPS = 21  # points on the line along which a knob is varied


def learned(info: EngineInfo, brief: Brief, evidence: Evidence) -> dict[str, Any]:
    """JSON values: the number of judgements and, for each knob, what they say of it and the `judgements` behind that.

    `value` maximises what may be believed along the knob, from what the brief sets; `confidence`, 0-1, is the share of prior
    variance that the judgements took from the difference between its ends; `trend` is 1 where more of it is liked, -1 where
    less; `weight`, 0-1, is how much the mean varies along it, 1 for the most.
    """
    events = sorted({said.event for said in evidence.statements})
    if not evidence:
        return {"judgements": 0, "knobs": []}
    knobs = info.knobs(brief)
    here = coordinates(knobs, {knob.name: knob.value for knob in knobs})
    posterior = fit(evidence, sorted({*evidence.names, *here}))
    nothing = fit(Evidence(), posterior.names)
    rows: list[dict[str, Any]] = []
    for knob in knobs:
        if knob.kind == "choice":
            continue
        line = np.linspace(0.0, 1.0, STEPS)
        points = np.array([posterior.vector(here | {knob.name: float(value)}) for value in line])
        mean = posterior.mean(points)
        ends = points[[0, -1]]
        after, before = _difference(posterior.covariance(ends)), _difference(nothing.covariance(ends))
        best = knob.low + float(line[int(np.argmax(posterior.cautious(points)))]) * (knob.high - knob.low)
        rows.append(
            {
                "name": knob.name,
                "value": best,
                "low": knob.low,
                "high": knob.high,
                "confidence": float(np.clip(1 - after / before, 0.0, 1.0)),
                "trend": 1 if mean[-1] > mean[0] else -1,
                "weight": float(np.ptp(mean)),
                "judgements": _behind(evidence, knob.name),
            }
        )
    most = max((row["weight"] for row in rows), default=0.0)
    for row in rows:
        row["weight"] = row["weight"] / most if most > 0 else 0.0
    return {"judgements": len(events), "knobs": rows}


def _difference(covariance: Array) -> float:
    return float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])


def _behind(evidence: Evidence, name: str) -> list[int]:
    """The events whose statements compare points that differ in this knob."""

    def value(index: int | None) -> float:
        return evidence.points[index].get(name, 0.0) if index is not None else 0.0

    return sorted({said.event for said in evidence.statements if abs(value(said.better) - value(said.worse)) > 0.02})
