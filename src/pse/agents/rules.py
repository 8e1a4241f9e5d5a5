"""The verdict of plain rules: the best candidate that passed its gates, and no other.

The engine computes the same inside; asked through the door the journal is the same, byte for byte.
"""

from __future__ import annotations

from typing import Any

from pse.domain.decisions import Briefing, Deliberation, Verdict


def record(setup_ids: tuple[str, ...]) -> dict[str, Any]:
    """What the journal says of a decision by rules over these candidates, best first."""
    return {"by": "rules", "passes": [{"role": "rules", "setup_id": setup_ids[0], "verdict": "APPROVE"}],
            "candidates": list(setup_ids)}


def decide(briefing: Briefing) -> Deliberation:
    """APPROVE for the first candidate, REJECT for the others."""
    verdicts = tuple(Verdict("APPROVE" if rank == 0 else "REJECT", reason="" if rank == 0 else "SUPERSEDED") for rank in range(len(briefing.candidates)))
    return Deliberation(verdicts, record(tuple(candidate.setup_id for candidate in briefing.candidates)))
