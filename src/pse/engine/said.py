"""The verdicts of a run as its journal has them, given again to whoever asks: a moment of a judged run is played as it was, without the judge.

Where a deliberation tells its passes, the time that they took and a judge that could not answer are given again too; of another one these stand in no
line, so after a failure of it the breaker of failures and the age of an order may be another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pse.domain.decisions import Briefing, Decide, Deliberation, Verdict
from pse.domain.setups import DIRECTIONS

SIDES = {word: side for side, word in DIRECTIONS.items()}
BEYOND = 1e300                                   # of a verdict that went beyond what it may: the edit that is refused again for the same reason
NO_FAILURE = ("BUDGET", "ROUNDS")                # why a chain holds without having failed
TOLD = ("DELIBERATION", "CHARGE", "GATES", "DECISION")       # kinds of the lines that tell it
Line = tuple[str, int, Mapping[str, Any]]
Question = tuple[int, str]                       # moment and symbol


@dataclass(frozen=True)
class Said:
    """What a journal says of its judge: `verdicts` and DECISION lines (`decided`) by setup, the rest by question."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    decided: dict[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    deliberations: dict[Question, Mapping[str, Any]] = field(default_factory=dict)
    costs: dict[Question, float] = field(default_factory=dict)

    def latency_ns(self, question: Question) -> int:
        """The time that the passes of a question took; 0 where they do not say."""
        passes = self.deliberations.get(question, {}).get("passes") or ()
        return sum(int(one.get("latency_ns") or 0) for one in passes if isinstance(one, Mapping))

    def failed(self, question: Question) -> bool:
        """Whether the judge could not answer, where it says so."""
        body = self.deliberations.get(question, {})
        return body.get("outcome") == "HELD" and not set(NO_FAILURE) & set(body.get("codes") or ())


def said_of(lines: Iterable[Line]) -> Said:
    """What the lines of a journal say of its judge."""
    found = Said()
    believed: dict[str, float] = {}
    asked: Question | None = None
    for kind, ts, body in lines:
        if kind == "DELIBERATION":
            asked = ts, str(body["symbol"])
            found.deliberations[asked] = body
        elif kind == "CHARGE" and asked is not None and "reason" not in body:
            found.costs[asked] = float(body["cost_usd"])
        elif kind == "GATES" and body["stage"] == "after":
            believed.update((body["setup_id"], gate[2]) for gate in body["gates"] if gate[0] == "confidence" and gate[2] is not None)
        elif kind == "DECISION":
            found.verdicts[body["setup_id"]] = _verdict(body, believed.get(body["setup_id"]))
            found.decided[body["setup_id"]] = ts, body
        if kind not in ("DELIBERATION", "CHARGE"):
            asked = None
    return found


@dataclass(frozen=True)
class SaidAgain:
    """Gives each candidate the verdict of its DECISION line; HOLD where there is none.  Of a briefing it reads the ids alone."""

    said: Said
    reads: ClassVar[str] = "ids"

    def __call__(self, briefing: Briefing) -> Deliberation:
        said, question = self.said, (briefing.known_at, briefing.symbol)
        given = tuple(said.verdicts.get(one.setup_id, Verdict("HOLD")) for one in briefing.candidates)
        return Deliberation(given, latency_ns=said.latency_ns(question), cost_usd=said.costs.get(question, 0.0), failed=said.failed(question))


def said_again(lines: Iterable[Line]) -> Decide:
    """Who gives the verdicts of a journal once more."""
    return SaidAgain(said_of(lines))


def _verdict(body: Mapping[str, Any], confidence: float | None) -> Verdict:
    if body["verdict"] not in ("APPROVE", "MODIFY"):
        return Verdict(body["verdict"], reason=body["reason"])
    if body["reason"] == "AUTHORITY":
        confidence = BEYOND
    return Verdict(body["verdict"], body["size_factor"], SIDES[body["direction"]], BEYOND if body["reason"] == "ENTRY_EDIT" else None, body["stop"],
                   body["target"], confidence, body["reason"])
