"""What was learned, for the artist to look at: each knob's believed best value, how sure that is, and how much it matters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api import Brief, EngineInfo, Knob

from .evidence import Evidence, coordinate, coordinates, rest
from .preference import Posterior, fit

Array = NDArray[np.float64]

STEPS = 21  # points on the line along which a knob is varied


def learned(info: EngineInfo, brief: Brief, evidence: Evidence) -> dict[str, Any]:
    """JSON values: the number of judgements and, for each knob, what they say of it and the `judgements` behind that.

    `value` is what the artist likes best, `set` what would come next, and `range` where the best lies with a chance of two in
    three; `confidence`, 0-1, is the share of the first uncertainty that the judgements took away; `trend` is 1 where more of it
    is liked, -1 where less; `weight`, 0-1, is how much liking changes along it, 1 for the most. `curve` is how liking changes
    along it from `low` to `high`, and `band` its standard deviation, in units of the most that any knob changes it. `said` is
    the event by which the artist said it, if any.
    """
    if not evidence:
        return {"judgements": 0, "knobs": []}
    knobs = [knob for knob in info.knobs(brief) if knob.kind != "choice"]
    here = coordinates(info.knobs(brief), {knob.name: knob.value for knob in info.knobs(brief)})
    posterior = fit(evidence, sorted({*evidence.varied, *here}))
    nothing = fit(Evidence(), posterior.names)
    rows = [_row(knob, here, posterior, nothing, evidence) for knob in knobs]
    alone = f"style:{next(iter(brief.styles))}" if len(brief.styles) == 1 else ""  # a share of 1 that nothing was said of
    rows = [row for row in rows if row["name"] != alone or row["judgements"] or row["said"] is not None]
    most = max((row["weight"] for row in rows), default=0.0) or 1.0
    for row in rows:
        row["weight"] /= most
        row["curve"], row["band"] = ([round(float(value) / most, 4) for value in row[key]] for key in ("curve", "band"))
    return {"judgements": len(evidence.events), "knobs": rows}


def _row(
    knob: Knob, here: dict[str, float], posterior: Posterior, nothing: Posterior, evidence: Evidence
) -> dict[str, Any]:
    least, most = coordinate(knob, knob.low), coordinate(knob, knob.high)
    line = np.linspace(least, most, STEPS)
    along = posterior.values(np.array([posterior.vector(here | {knob.name: float(at)}) for at in line]))  # (K, STEPS)
    along = along - along.mean(1, keepdims=True)  # what the other knobs are worth is not the matter here
    mean, column = along.mean(0), posterior.names.index(knob.name)
    targets, before = (np.clip(each.targets[:, column], least, most) for each in (posterior, nothing))
    low, value, high = np.interp(np.quantile(targets, (1 / 6, 0.5, 5 / 6)), (least, most), (knob.low, knob.high))
    return {
        "name": knob.name,
        "value": float(value),
        "range": [float(low), float(high)],
        "set": float(knob.value),
        "low": knob.low,
        "high": knob.high,
        "confidence": float(np.clip(1 - targets.var() / before.var(), 0.0, 1.0)),
        "trend": 1 if mean[-1] > mean[0] else -1,
        "weight": float(np.ptp(mean)),
        "curve": mean,
        "band": along.std(0),
        "said": evidence.beliefs.get(knob.name, (0.0, None))[1],
        "judgements": _behind(evidence, knob.name),
    }


def _behind(evidence: Evidence, name: str) -> list[int]:
    """The events whose statements compare points that differ in this knob."""

    def value(index: int | None) -> float:
        return evidence.points[index].get(name, rest(name)) if index is not None else 0.0

    return sorted({said.event for said in evidence.statements if abs(value(said.better) - value(said.worse)) > 0.02})
