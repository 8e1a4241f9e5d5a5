"""The verdicts of a run as its journal has them, given again to whoever asks: a moment of a judged run is played as it was, without the judge.

A judge's failure and its own time to answer stand in no line, so after one the breaker of failures and the age of an order may be another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pse.domain.decisions import Briefing, Decide, Deliberation, Verdict
from pse.domain.setups import DIRECTIONS

SIDES = {word: side for side, word in DIRECTIONS.items()}
BEYOND = 1e300                                   # of a verdict that went beyond what it may: the edit that is refused again for the same reason
Line = tuple[str, int, Mapping[str, Any]]


def said_again(lines: Iterable[Line]) -> Decide:
    """Gives each candidate the verdict of its DECISION line; HOLD where there is none."""
    verdicts: dict[str, Verdict] = {}
    costs: dict[tuple[int, str], float] = {}
    believed: dict[str, float] = {}
    asked: tuple[int, str] | None = None
    for kind, ts, body in lines:
        if kind == "DELIBERATION":
            asked = ts, str(body["symbol"])
        elif kind == "CHARGE" and asked is not None and "reason" not in body:
            costs[asked] = float(body["cost_usd"])
        elif kind == "GATES" and body["stage"] == "after":
            believed.update((body["setup_id"], gate[2]) for gate in body["gates"] if gate[0] == "confidence" and gate[2] is not None)
        elif kind == "DECISION":
            verdicts[body["setup_id"]] = _verdict(body, believed.get(body["setup_id"]))
        if kind not in ("DELIBERATION", "CHARGE"):
            asked = None

    def decide(briefing: Briefing) -> Deliberation:
        given = tuple(verdicts.get(one.setup_id, Verdict("HOLD")) for one in briefing.candidates)
        return Deliberation(given, cost_usd=costs.get((briefing.known_at, briefing.symbol), 0.0))

    return decide


def _verdict(body: Mapping[str, Any], confidence: float | None) -> Verdict:
    if body["verdict"] not in ("APPROVE", "MODIFY"):
        return Verdict(body["verdict"], reason=body["reason"])
    if body["reason"] == "AUTHORITY":
        confidence = BEYOND
    return Verdict(body["verdict"], body["size_factor"], SIDES[body["direction"]], BEYOND if body["reason"] == "ENTRY_EDIT" else None, body["stop"],
                   body["target"], confidence, body["reason"])
