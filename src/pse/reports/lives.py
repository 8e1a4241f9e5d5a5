"""How a traded plan went on, from the journal: where its stop stood from when on, and every fill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from pse.reports.refused import records
from pse.reports.view import number


@dataclass
class Life:
    """Moments in ns UTC, prices as traded.  `stops`: from when on the stop stood where; `fills`: when, at what price, how much, of which leg.
    `gapped`: the last fill was an open beyond the stop."""

    stops: list[tuple[int, float]] = field(default_factory=list)
    fills: list[tuple[int, float, float, str]] = field(default_factory=list)
    gapped: bool = False


def lives(journal: Path, plan_ids: Collection[str]) -> dict[str, Life]:
    """Lives of the plans asked for, by plan id; a missing journal has none."""
    found: dict[str, Life] = defaultdict(Life)
    for kind, record, body in records(journal, ("PLAN", "FILL")):
        plan, ts = str(body.get("plan_id")), int(record.get("ts") or 0)
        if plan not in plan_ids:
            continue
        if kind == "FILL":
            price, quantity = number(body.get("price")), number(body.get("quantity"))
            found[plan].gapped = body.get("kind") == "GAP"
            found[plan].fills.extend([(ts, price, quantity or 0.0, str(body.get("leg", "")))] if price is not None else [])
        else:
            stop = number(body.get("stop"))
            if stop is not None and (not found[plan].stops or found[plan].stops[-1][1] != stop):
                found[plan].stops.append((ts, stop))
    return dict(found)
