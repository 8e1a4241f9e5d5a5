"""What the market did after each decision, whoever took it: moves at several horizons in R of the setup, and how the decision looks from there.

A look back, not a trade: no stop, no costs, no fill.  Shadow trades price a veto; this says whether the view was right and for how long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pse.domain.sessions import DAY_NS

Class = Literal["good", "bad", "neutral", "missed_upside", "avoided_downside", "not_matured"]
CLASSES: tuple[Class, ...] = ("good", "bad", "neutral", "missed_upside", "avoided_downside", "not_matured")
NEUTRAL_R = 0.25
SESSION_END = 0                                  # the horizon that is the last bar of the decision's session
INTRADAY, DAILY = (1, 3, 12, SESSION_END), (1, 5, 20)


def horizons(decision_ns: int) -> tuple[int, ...]:
    """The horizons of a desk, in bars of its decisions; `SESSION_END` stands for the end of the session."""
    return DAILY if decision_ns >= DAY_NS else INTRADAY


def horizon_name(bars: int) -> str:
    return "session_end" if bars == SESSION_END else f"{bars}_bars"


def moves(closes: np.ndarray, session: np.ndarray, at: np.ndarray, wanted: Sequence[int], over: bool = False) -> np.ndarray:
    """Points from the close of each decision to that of each horizon, float64[decisions, horizons]; NaN where that bar is not there yet.

    closes float64[bars]; session: number of each bar's session, rising; at: the decision's bar.  The end of a session is known once a bar of a later one
    is there; `over`: that of the last one too.
    """
    found = np.full((at.size, len(wanted)), np.nan)
    for h, bars in enumerate(wanted):
        if bars == SESSION_END:
            then = np.searchsorted(session, session[at], side="right") - 1
            known = (then < closes.size - 1) | over
        else:
            then = at + bars
            known = then < closes.size
        found[known, h] = closes[then[known]] - closes[at[known]]
    return found


def classed(r: float, taken: bool) -> Class:
    """How a decision looks after a move of r in its direction; `taken`: it was let through."""
    if r != r:
        return "not_matured"
    if abs(r) <= NEUTRAL_R:
        return "neutral"
    if taken:
        return "good" if r > 0.0 else "bad"
    return "missed_upside" if r > 0.0 else "avoided_downside"


@dataclass(frozen=True)
class Looked:
    """A decision with the move after it: R by horizon, None where that is not known yet, and its class."""

    setup_id: str
    ts: int
    symbol: str
    tactic: str
    direction: str
    taken: bool
    words: Mapping[str, str]
    moves_r: Mapping[str, float | None]
    classes: Mapping[str, Class]


def looked(base: Mapping[str, Any], taken: bool, moved_r: Sequence[float], wanted: Sequence[int]) -> Looked:
    """One decision and its moves, as `Looked`; `base`: the other fields."""
    names = [horizon_name(one) for one in wanted]
    return Looked(**base, taken=taken, moves_r={name: None if r != r else float(r) for name, r in zip(names, moved_r, strict=True)},
                  classes={name: classed(float(r), taken) for name, r in zip(names, moved_r, strict=True)})


def table(decisions: Sequence[Looked], wanted: Sequence[int]) -> list[dict[str, Any]]:
    """One row a horizon: how many of each class, the mean move after what was taken and after what was not, and the share of right ones."""
    rows = []
    for name in map(horizon_name, wanted):
        counts = Counter(one.classes[name] for one in decisions)
        right, wrong = counts["good"] + counts["avoided_downside"], counts["bad"] + counts["missed_upside"]
        row: dict[str, Any] = {"horizon": name} | {str(kind): counts[kind] for kind in CLASSES}
        rows.append(row | {"taken_mean_r": _mean(decisions, name, True), "refused_mean_r": _mean(decisions, name, False),
                           "right_share": right / (right + wrong) if right + wrong else None})
    return rows


def _mean(decisions: Sequence[Looked], name: str, taken: bool) -> float | None:
    known = [r for one in decisions if one.taken == taken and (r := one.moves_r[name]) is not None]
    return sum(known) / len(known) if known else None
