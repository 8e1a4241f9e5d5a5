"""What a trade's chart shows of the tactic's evidence: the zones and levels that it names by price.

Evidence is a dict of what a tactic measured; every tactic has its own.  Here stands which of its words are prices, and from when on.
"""

from __future__ import annotations

from typing import Any

from pse.reports.view import number

Box = list[Any]                 # name, lower price, upper price (equal for a level), from when on in seconds UTC or None
PAIRS = {"poi": "point of interest", "gap": "gap", "gap_zone": "gap", "inverse_gap": "gap"}
EDGES = (("proximal", "distal", "zone"), ("gap_top", "gap_bottom", "gap"), ("base_high", "base_low", "base"))
LEVELS = {"break_level": "broken level", "broken_level": "broken level", "pullback_line": "pullback line", "pullback_extreme": "pullback",
          "leg_start": "leg", "leg_end": "leg", "reaction_to": "reaction"}
INSIDE = {"swept": (("level", "swept level"), ("extreme", "sweep")), "level": (("price", "level"),)}
SINCE = ("base_from",)
REACH = 0.5                     # a price farther than this share of the entry away is none that the trade was about


def drawn(evidence: dict[str, Any], entry: float) -> list[Box]:
    """The boxes and levels that the evidence of a trade names, near its entry."""
    since = next((number(evidence[name]) for name in SINCE if name in evidence), None)
    seconds = None if since is None else int(since // 10**9)
    found: list[Box] = []
    for key, name in PAIRS.items():
        pair = evidence.get(key)
        if isinstance(pair, list) and len(pair) == 2:
            found.append([name, number(pair[0]), number(pair[1]), seconds])
    for one, other, name in EDGES:
        pattern = evidence.get("pattern")
        title = f"{name} {pattern}" if name == "zone" and isinstance(pattern, str) else name
        found.append([title[:40], number(evidence.get(one)), number(evidence.get(other)), seconds])
    for key, name in LEVELS.items():
        found.append([name, number(evidence.get(key)), number(evidence.get(key)), None])
    for key, parts in INSIDE.items():
        inner = evidence.get(key)
        found += [[name, number(inner.get(part)), number(inner.get(part)), None] for part, name in parts if isinstance(inner, dict)]
    near = [box for box in found if box[1] is not None and box[2] is not None and all(abs(edge - entry) <= REACH * abs(entry) for edge in box[1:3])]
    return [[name, min(low, high), max(low, high), at] for name, low, high, at in near]
