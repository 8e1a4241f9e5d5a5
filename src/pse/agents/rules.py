"""The verdict of plain rules: the best candidate that passed its gates and has a direction, and no other.

Rules have no opinion on a candidate of either direction.  The engine computes the same inside; asked through the door the journal is the same, byte for
byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pse.domain.decisions import Briefing, Deliberation, Verdict

EITHER = "EITHER"
IN_PLACE = 0.8                                   # of the confidence, where rules decide because a model could not


def chosen(directions: Sequence[str]) -> int:
    """Which of the candidates, best first, is approved; -1 where none has a direction."""
    return next((rank for rank, direction in enumerate(directions) if direction != EITHER), -1)


def record(setup_ids: Sequence[str], directions: Sequence[str]) -> dict[str, Any]:
    """What the journal says of a decision by rules over these candidates, best first."""
    best = chosen(directions)
    return {"by": "rules", "passes": [{"role": "rules", "setup_id": setup_ids[max(best, 0)], "verdict": "APPROVE" if best >= 0 else "HOLD"}],
            "candidates": list(setup_ids)}


def decide(briefing: Briefing) -> Deliberation:
    """APPROVE for the first candidate of a direction, REJECT for the others, HOLD where a candidate has none."""
    directions = [candidate.direction for candidate in briefing.candidates]
    best = chosen(directions)
    verdicts = tuple(
        Verdict("HOLD", reason="NO_OPINION") if direction == EITHER else Verdict("APPROVE") if rank == best else Verdict("REJECT", reason="SUPERSEDED")
        for rank, direction in enumerate(directions))
    return Deliberation(verdicts, record(tuple(candidate.setup_id for candidate in briefing.candidates), directions))


def in_place(briefing: Briefing) -> tuple[Verdict, ...]:
    """The verdicts of rules where a model was to decide and could not: the same, less sure."""
    return tuple(replace(verdict, confidence=IN_PLACE * candidate.confidence) if verdict.word == "APPROVE" and candidate.confidence is not None else verdict
                 for verdict, candidate in zip(decide(briefing).verdicts, briefing.candidates, strict=True))
