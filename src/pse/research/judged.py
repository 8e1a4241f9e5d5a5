"""What the judges of a run did and cost, counted from the lines of its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SCRIPTED, POSSIBLE = "scripted", "contaminated-possible"
SUMS = ("calls", "input_tokens", "output_tokens", "latency_ns")
LET_THROUGH = ("APPROVE", "MODIFY")
NO_WORD = ("SUPERSEDED", "NO_OPINION")           # reasons of a setup that was left for another, or of which nobody said anything


def judged(lines: Iterable[tuple[str, Mapping[str, Any]]], chain: str, models: Mapping[str, str]) -> dict[str, Any]:
    """Figures over the DELIBERATION, DECISION and CHARGE bodies of a journal.

    `models`: name to provider:id.  `cost_usd` is what the account was charged; `unknown_costs` counts passes whose cost nobody knows.  `evidence`: whether a
    model may have read the years that it judged, which a script cannot have.  A decision is one question, which may be about several `setups`: `verdicts`
    counts what counted of each in the end, `said` what the models said of it, `unsaid` those that they left, `refused` by reason those that they let through
    and a rule did not.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("outcomes", "verdicts", "said", "refused", "held_for", "codes")}
    roles: dict[str, Counter[str]] = {}
    sums = dict.fromkeys(SUMS, 0)
    cost, passes, unknown, strange, unsaid, answered = 0.0, 0, 0, 0, 0, False
    for kind, body in lines:
        if kind == "CHARGE":
            cost += float(body["cost_usd"]) if "reason" not in body else 0.0
        elif kind == "DECISION":
            counts["verdicts"][body["decision"]] += 1
            if answered and body["reason"] in NO_WORD:
                unsaid += 1
            elif answered:
                counts["said"][body["verdict"]] += 1
                if body["verdict"] in LET_THROUGH and body["decision"] not in LET_THROUGH:
                    counts["refused"][body["reason"]] += 1
        elif kind == "DELIBERATION" and body.get("by") == "agents":
            answered = body["outcome"] == "DECIDED"
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
            "decisions": sum(counts["outcomes"].values()), "setups": sum(counts["verdicts"].values()), "unsaid": unsaid,
            "passes": passes, **sums, "cost_usd": round(cost, 6), "unknown_costs": unknown,
            "ungrounded_numbers": strange, **{name: dict(sorted(found.items())) for name, found in counts.items()},
            "by_role": {role: dict(sorted(found.items())) for role, found in roles.items()}}
