"""What the judges of a run did and cost, counted from the lines of its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SCRIPTED, POSSIBLE = "scripted", "contaminated-possible"
SUMS = ("calls", "input_tokens", "output_tokens", "latency_ns")


def judged(lines: Iterable[tuple[str, Mapping[str, Any]]], chain: str, models: Mapping[str, str]) -> dict[str, Any]:
    """Figures over the DELIBERATION, DECISION and CHARGE bodies of a journal.

    `models`: name to provider:id.  `cost_usd` is what the account was charged; `unknown_costs` counts passes whose cost nobody knows.  `evidence`: whether a
    model may have read the years that it judged, which a script cannot have.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("outcomes", "verdicts", "held_for", "codes")}
    roles: dict[str, Counter[str]] = {}
    sums = dict.fromkeys(SUMS, 0)
    cost, passes, unknown, strange = 0.0, 0, 0, 0
    for kind, body in lines:
        if kind == "CHARGE":
            cost += float(body["cost_usd"]) if "reason" not in body else 0.0
        elif kind == "DECISION":
            counts["verdicts"][body["decision"]] += 1
        elif kind == "DELIBERATION" and body.get("by") == "agents":
            counts["outcomes"][body["outcome"]] += 1
            if body["outcome"] != "DECIDED" and body["codes"]:
                counts["held_for"][body["codes"][-1]] += 1
            for one in body["passes"]:
                passes += 1
                unknown += one["cost_usd"] is None
                strange += len(one["ungrounded"])
                counts["codes"].update(one["codes"])
                roles.setdefault(one["role"], Counter())[one["verdict"]] += 1
                for name in SUMS:
                    sums[name] += int(one[name])
    return {"chain": chain, "models": dict(models), "evidence": SCRIPTED if all(one.startswith("scripted:") for one in models.values()) else POSSIBLE,
            "decisions": sum(counts["outcomes"].values()), "passes": passes, **sums, "cost_usd": round(cost, 6), "unknown_costs": unknown,
            "ungrounded_numbers": strange, **{name: dict(sorted(found.items())) for name, found in counts.items()},
            "by_role": {role: dict(sorted(found.items())) for role, found in roles.items()}}
