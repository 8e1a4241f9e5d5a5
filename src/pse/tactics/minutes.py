"""What tactics read beneath the decision bars, one-minute bars, and the break of structure that grades a setup of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pse.domain.bars import timeframe_ns
from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import Setups, Told
from pse.features.feature import Known
from pse.features.market_structure import keeps_to_sessions
from pse.features.objects import object_ids
from pse.kernels.contract import BREAK_BOS, SETUP_DTYPE
from pse.kernels.resample import asof_rows
from pse.tactics.finds import mqs_facts
from pse.tactics.scan import FeatureView


@dataclass(frozen=True, eq=False)
class Minutes:
    """`known` has the minutes; `last` int64[n] is the last of them that had closed with each decision bar, -1 for none.

    `a_bar`: minutes in a decision bar; `one_session`: whether a swing or a gap of minutes must lie in one session.
    """

    known: Known
    last: np.ndarray
    a_bar: int
    one_session: bool


def minutes_of(features: FeatureView, instrument: Instrument) -> Minutes | None:
    """The minutes beneath the decision bars; None where the stored bars are coarser."""
    known = features.known
    if timeframe_ns(known.market.bars.timeframe) > MINUTE_NS:
        return None

    def make() -> Minutes:
        fine = known.at("1m")
        last = asof_rows(fine.bars.ts_close, features.decision.ts_close)
        return Minutes(fine, last, max(timeframe_ns(known.timeframe) // MINUTE_NS, 1), keeps_to_sessions(not instrument.across_sessions, fine))

    return known.once("minutes", make)  # type: ignore[no-any-return]


def nothing() -> Setups:
    """What a scan without minutes finds."""
    return Setups(np.zeros(0, SETUP_DTYPE), Told(0, list))


@dataclass(frozen=True, eq=False)
class Grading:
    """`row` of the break that grades each find, -1 without one; `score` as known at the find's bar, NaN without one; `bar` of the break, else the find's."""

    row: np.ndarray
    score: np.ndarray
    bar: np.ndarray

    def taken(self, rows: np.ndarray) -> Grading:
        """Those of an index or a mask."""
        return Grading(self.row[rows], self.score[rows], self.bar[rows])


def graded(breaks: np.ndarray, direction: np.ndarray, first: np.ndarray, last: np.ndarray, t: np.ndarray) -> Grading:
    """By the last break of structure (BOS or shift) of each direction at a bar in first..last, seen from bar t >= last."""
    row = np.full(t.size, -1)
    for d in (1, -1):
        own = np.flatnonzero((breaks["dir"] == d) & ((breaks["type"] == BREAK_BOS) | breaks["mss"]))
        mine = np.flatnonzero(direction == d)
        at = np.searchsorted(breaks["t"][own], last[mine], side="right") - 1
        mine, at = mine[at >= 0], at[at >= 0]
        row[mine] = np.where(breaks["t"][own[at]] >= first[mine], own[at], -1)
    there = row >= 0
    score, bar, broke = np.full(t.size, np.nan), t.copy(), breaks[row[there]]
    score[there] = np.where(broke["t"] < t[there], broke["mqs_next"], broke["mqs"])     # revised at the close of the bar after it
    bar[there] = broke["t"]
    return Grading(row, score, bar)


def grading_facts(features: FeatureView, grading: Grading, t: np.ndarray) -> dict[str, list[Any]]:
    """The break's id and the parts of its score as known at bar t; None where there is none."""
    there = np.flatnonzero(grading.row >= 0)
    breaks = features.breaks[grading.row[there]]
    scores = [mqs_facts(breaks[[i]], "mqs_next" if later else "mqs")[0] for i, later in enumerate((breaks["t"] < t[there]).tolist())]
    return {"break": spread(t.size, there, object_ids("breaks", breaks, features.decision)), "mqs": spread(t.size, there, scores)}


def spread(size: int, at: np.ndarray, values: list[Any]) -> list[Any]:
    """A list of `size` with the values at their places and None elsewhere."""
    out: list[Any] = [None] * size
    for place, value in zip(at.tolist(), values, strict=True):
        out[place] = value
    return out


def minute_ids(minutes: Minutes, kind: str, direction: np.ndarray, minute: np.ndarray) -> list[str]:
    """Ids of objects of the minutes."""
    bars = minutes.known.bars
    return [f"{kind}:{bars.symbol}:{bars.timeframe}:{d}:{ts}" for d, ts in zip(direction.tolist(), bars.ts_open[minute].tolist(), strict=True)]


def objects_of(*columns: Sequence[str | None]) -> list[list[str]]:
    """The ids of each row that there are."""
    return [[one for one in row if one is not None] for row in zip(*columns, strict=True)]
